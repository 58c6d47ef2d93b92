//! The statistics and the verdicts, held against a second implementation and against what must be true
//! of them whatever is measured.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod properties;
mod reference;

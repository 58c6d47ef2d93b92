//! Counts lines that repeat others.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is tested natively: `cargo test`.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod measure;

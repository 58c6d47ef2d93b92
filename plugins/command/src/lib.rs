//! Reads the metrics that a command prints as `name: value` lines.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is pure and tested natively.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod lines;

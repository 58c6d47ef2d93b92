//! Measures the peak memory of a command.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is tested natively.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod units;

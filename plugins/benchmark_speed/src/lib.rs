//! Measures how long a command takes, over several runs.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is pure and tested natively.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod digest;
pub mod settings;
pub mod times;

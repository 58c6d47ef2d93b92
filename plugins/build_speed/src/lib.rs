//! Measures how long a build takes, over several builds.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is tested natively.

pub mod artifact;
#[cfg(target_arch = "wasm32")]
mod component;
pub mod times;

//! Measures the size of a file, a directory or a container image.
//!
//! The component's glue is in `component`, for WebAssembly alone; the rest is tested natively.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod compress;
pub mod ignored;
pub mod image;
pub mod select;
pub mod walk;

//! Has a language model do what a prompt tells it, on test cases, and then judge the answers.
//!
//! The component's glue is in `component`, for WebAssembly alone; how a model is asked for scores is
//! in `judge`.

pub mod cases;
#[cfg(target_arch = "wasm32")]
mod component;
pub mod run;

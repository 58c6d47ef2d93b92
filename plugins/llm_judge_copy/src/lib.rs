//! Has a language model judge copy: a post, an e-mail, an advertisement.
//!
//! The component's glue is in `component`, for WebAssembly alone; how a model is asked is in `judge`.

#[cfg(target_arch = "wasm32")]
mod component;
pub mod platforms;

/// The mean of the platform's criteria.
pub const PRIMARY: &str = "engagement_score";

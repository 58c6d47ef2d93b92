//! Counts the tests that pass, in what real test runners print or write.
//!
//! `runners` reads one runner's words each, `reports` finds the files that a command has written,
//! `verdict` says what the counts are worth beside the way the command ended. The component's glue
//! is in `component`, for WebAssembly alone; the rest is tested natively.

#[cfg(test)]
mod captures;
#[cfg(target_arch = "wasm32")]
mod component;
pub mod reports;
pub mod runners;
pub mod settings;
pub mod verdict;

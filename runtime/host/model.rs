//! The `model` import: no model can be bound yet, so every call is denied.

use super::bindings::autoresearch::evaluator::model as wit;
use super::state::State;

impl wit::Host for State {
    async fn complete(
        &mut self,
        prompt: String,
    ) -> wasmtime::Result<Result<wit::Completion, wit::Error>> {
        self.meter.count_bytes(prompt.len())?;
        Ok(Err(wit::Error::NotGranted(
            "this runtime has no language model to offer".to_owned(),
        )))
    }
}

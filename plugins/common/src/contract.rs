//! The contract's types and calls, generated once for all built-in evaluators, and what they do
//! alike with them.

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    pub_export_macro: true,
    default_bindings_module: "common::contract",
});

pub use autoresearch::evaluator::command::{self, Output};
pub use autoresearch::evaluator::types::{
    CommandRole, Diagnostic, Direction, Measurement, MetricInfo, Parameter, Severity, Value,
    ValueType,
};
pub use autoresearch::evaluator::{model, progress};
pub use exports::autoresearch::evaluator::evaluator::{
    Descriptor, Failure, Guest, Report, Request,
};

use crate::{Ended, complaint};

/// Runs the command of a required role. Whatever keeps it from succeeding is the candidate's
/// failure, but a role that is not bound.
pub fn run(role: &str) -> Result<Output, Failure> {
    let output = command::run(role).map_err(|error| match error {
        command::Error::NotGranted(text) => Failure::Unavailable(text),
        // It may be the candidate's own program, which was not built or is not executable.
        command::Error::NotStarted(text) | command::Error::LimitExceeded(text) => {
            Failure::CandidateFailed(text)
        }
        command::Error::Other(text) => Failure::Other(text),
    })?;
    let ended = match output.exit {
        command::Exit::Code(code) => Ended::Code(code),
        command::Exit::Signal(signal) => Ended::Signal(signal),
        command::Exit::TimedOut => Ended::TimedOut,
    };
    match complaint(role, ended, &output.stdout, &output.stderr) {
        None => Ok(output),
        Some(complaint) => Err(Failure::CandidateFailed(complaint)),
    }
}

/// Runs the command of an optional role; none where the owner bound nothing to it.
pub fn run_if_bound(role: &str) -> Result<Option<Output>, Failure> {
    match run(role) {
        Ok(output) => Ok(Some(output)),
        Err(Failure::Unavailable(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

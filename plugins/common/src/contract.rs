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
    let (ended, output) = run_to_end(role)?;
    match complaint(role, ended, &output.stdout, &output.stderr) {
        None => Ok(output),
        Some(complaint) => Err(Failure::CandidateFailed(complaint)),
    }
}

/// As [`run`], but however the command ended: its output may tell more than its exit code.
pub fn run_to_end(role: &str) -> Result<(Ended, Output), Failure> {
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
    Ok((ended, output))
}

/// Runs the command of an optional role; none where the owner bound nothing to it.
pub fn run_if_bound(role: &str) -> Result<Option<Output>, Failure> {
    match run(role) {
        Ok(output) => Ok(Some(output)),
        Err(Failure::Unavailable(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The value of an integer parameter, if it has one.
pub fn integer(request: &Request, name: &str) -> Option<i64> {
    request
        .parameters
        .iter()
        .find_map(|(given, value)| match value {
            Value::Integer(value) if given == name => Some(*value),
            _ => None,
        })
}

/// The values of a parameter that is a list of texts; none where it is not given.
pub fn texts<'a>(request: &'a Request, name: &str) -> &'a [String] {
    request
        .parameters
        .iter()
        .find_map(|(given, value)| match value {
            Value::Texts(texts) if given == name => Some(texts.as_slice()),
            _ => None,
        })
        .unwrap_or_default()
}

/// An optional parameter that counts runs.
pub fn count_parameter(name: &str, default: u32, description: &str) -> Parameter {
    Parameter {
        name: name.into(),
        type_: ValueType::Integer,
        required: false,
        default: Some(Value::Integer(default.into())),
        choices: Vec::new(),
        description: description.into(),
    }
}

/// The metric `runs`, of evaluators that repeat a command.
pub fn runs_metric() -> MetricInfo {
    MetricInfo {
        name: "runs".into(),
        unit: "runs".into(),
        direction: Direction::HigherIsBetter,
        deterministic: true,
        description: "How many runs were measured".into(),
    }
}

/// The samples of one metric.
pub fn measurement(metric: &str, samples: Vec<f64>) -> Measurement {
    Measurement {
        metric: metric.into(),
        samples,
    }
}

/// Something that the owner should know about a measurement that was taken.
pub fn warning(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        message,
    }
}

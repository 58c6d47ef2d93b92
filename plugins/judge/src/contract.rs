//! The glue between the contract and the pure modules.

use common::contract::{
    self, Diagnostic, Direction, Measurement, MetricInfo, Parameter, Report, Request, Severity,
    Value, ValueType, model, progress,
};

use crate::evaluate::{DEFAULT_SAMPLES, Inputs, MOST_SAMPLES};
use crate::{Completion, Failure, Host, ModelError, Note, Outcome};

/// The runtime that the component runs in.
#[derive(Debug)]
pub struct Runtime;

impl Host for Runtime {
    fn complete(&mut self, prompt: &str) -> Result<Completion, ModelError> {
        match model::complete(prompt) {
            Ok(model::Completion { text, model }) => Ok(Completion { text, model }),
            Err(model::Error::NotGranted(text)) => Err(ModelError::NotGranted(text)),
            Err(model::Error::BudgetExhausted(text)) => Err(ModelError::BudgetExhausted(text)),
            Err(model::Error::Failed(text)) => Err(ModelError::Failed(text)),
            Err(model::Error::Other(text)) => Err(ModelError::Other(text)),
        }
    }

    fn random(&mut self) -> Option<u128> {
        let half = || getrandom::u64().ok().map(u128::from);
        Some((half()? << 64) | half()?)
    }

    fn progress(&mut self, done: u32, total: u32, message: &str) {
        progress::update(done, Some(total), message);
    }
}

/// A metric that a model's opinion decides: it varies from call to call.
pub fn metric(name: &str, unit: &str, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: unit.into(),
        direction: Direction::HigherIsBetter,
        deterministic: false,
        description: description.into(),
    }
}

/// A parameter that is a text.
pub fn text_parameter(
    name: &str,
    default: Option<&str>,
    choices: &[&str],
    description: &str,
) -> Parameter {
    Parameter {
        name: name.into(),
        type_: ValueType::Text,
        required: false,
        default: default.map(|text| Value::Text(text.into())),
        choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
        description: description.into(),
    }
}

/// The parameter `file` of a judge of texts.
pub fn file_parameter() -> Parameter {
    text_parameter(
        "file",
        None,
        &[],
        "What to judge; default: the target, or all targets together",
    )
}

/// The parameter `samples`.
pub fn samples_parameter() -> Parameter {
    Parameter {
        name: "samples".into(),
        type_: ValueType::Integer,
        required: false,
        default: Some(Value::Integer(DEFAULT_SAMPLES.into())),
        choices: Vec::new(),
        description: format!("How often to judge, 1 to {MOST_SAMPLES}; every result is a sample"),
    }
}

/// A parameter's value, where it is a text.
pub fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .parameters
        .iter()
        .find_map(|(given, value)| match value {
            Value::Text(text) if given == name => Some(text.as_str()),
            _ => None,
        })
}

/// What every judge is given.
pub fn inputs(request: &Request) -> Inputs {
    Inputs {
        file: text(request, "file").map(str::to_owned),
        samples: request
            .parameters
            .iter()
            .find_map(|(name, value)| match value {
                Value::Integer(samples) if name == "samples" => Some(*samples),
                _ => None,
            }),
        targets: request.targets.clone(),
    }
}

/// Puts an outcome in the contract's words.
pub fn report(outcome: Result<Outcome, Failure>) -> Result<Report, contract::Failure> {
    let Outcome {
        measurements,
        notes,
    } = outcome.map_err(|failure| match failure {
        Failure::InvalidParameters(text) => contract::Failure::InvalidParameters(text),
        Failure::CandidateFailed(text) => contract::Failure::CandidateFailed(text),
        Failure::Unavailable(text) => contract::Failure::Unavailable(text),
        Failure::Other(text) => contract::Failure::Other(text),
    })?;
    Ok(Report {
        measurements: measurements
            .into_iter()
            .map(|(metric, samples)| Measurement { metric, samples })
            .collect(),
        diagnostics: notes
            .into_iter()
            .map(|note| {
                let (severity, message) = match note {
                    Note::Info(message) => (Severity::Info, message),
                    Note::Warning(message) => (Severity::Warning, message),
                };
                Diagnostic { severity, message }
            })
            .collect(),
    })
}

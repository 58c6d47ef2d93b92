//! Between the contract's types and plain ones: nothing from a guest passes unchecked.

use super::bindings::autoresearch::evaluator::types as wit;
use super::bindings::exports::autoresearch::evaluator::evaluator as exported;
use super::{EvaluateError, Evaluation, Report};
use crate::evaluator::{Descriptor, Parameter, Role, Value, ValueType, is_name};
use crate::measure::{Diagnostic, Direction, Measurement, Metric, Severity, Source};
use crate::text;

/// The most metrics, parameters or roles that an evaluator may declare, and metrics it may report.
const ITEM_LIMIT: usize = 64;
/// The most samples of one metric.
const SAMPLE_LIMIT: usize = 100_000;
const DIAGNOSTIC_LIMIT: usize = 100;
const TEXT_LIMIT: usize = 2000;

pub(super) fn descriptor(given: wit::Descriptor) -> Result<Descriptor, String> {
    for (what, count) in [
        ("metrics", given.metrics.len()),
        ("parameters", given.parameters.len()),
        ("roles", given.commands.len()),
    ] {
        if count > ITEM_LIMIT {
            return Err(format!(
                "it declares {count} {what}; the limit is {ITEM_LIMIT}"
            ));
        }
    }
    Ok(Descriptor {
        name: text::clean_line(&given.name, 100),
        version: text::clean_line(&given.version, 50),
        summary: text::clean_line(&given.summary, 200),
        metrics: given
            .metrics
            .into_iter()
            .map(|metric| Metric {
                name: text::clean_line(&metric.name, 100),
                unit: text::clean_line(&metric.unit, 20),
                direction: match metric.direction {
                    wit::Direction::LowerIsBetter => Direction::Lower,
                    wit::Direction::HigherIsBetter => Direction::Higher,
                },
                deterministic: metric.deterministic,
                description: text::clean_line(&metric.description, TEXT_LIMIT),
            })
            .collect(),
        open_metrics: given.open_metrics,
        parameters: given
            .parameters
            .into_iter()
            .map(|parameter| Parameter {
                name: text::clean_line(&parameter.name, 100),
                kind: match parameter.type_ {
                    wit::ValueType::Text => ValueType::Text,
                    wit::ValueType::Integer => ValueType::Integer,
                    wit::ValueType::Number => ValueType::Number,
                    wit::ValueType::Boolean => ValueType::Boolean,
                    wit::ValueType::Texts => ValueType::Texts,
                },
                required: parameter.required,
                default: parameter.default.map(value_from),
                choices: parameter
                    .choices
                    .iter()
                    .take(ITEM_LIMIT)
                    .map(|choice| text::clean_line(choice, 200))
                    .collect(),
                description: text::clean_line(&parameter.description, TEXT_LIMIT),
            })
            .collect(),
        commands: given
            .commands
            .into_iter()
            .map(|role| Role {
                name: text::clean_line(&role.name, 100),
                required: role.required,
                description: text::clean_line(&role.description, TEXT_LIMIT),
            })
            .collect(),
        uses_model: given.uses_model,
    })
}

pub(super) fn request(evaluation: &Evaluation<'_>) -> wit::Request {
    wit::Request {
        targets: evaluation.targets.to_vec(),
        parameters: evaluation
            .settings
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value_to(value)))
            .collect(),
        round: evaluation.round,
    }
}

/// Checks a report against what its evaluator declared.
pub(super) fn report(
    answer: Result<exported::Report, exported::Failure>,
    descriptor: &Descriptor,
) -> Result<Report, EvaluateError> {
    let given = answer.map_err(failure)?;
    let broken = |what: String| Err(EvaluateError::InvalidReport(what));
    if given.measurements.is_empty() {
        return broken("it reported no measurement".to_owned());
    }
    if given.measurements.len() > ITEM_LIMIT {
        return broken(format!(
            "it reported {} metrics; the limit is {ITEM_LIMIT}",
            given.measurements.len()
        ));
    }
    let mut measurements: Vec<Measurement> = Vec::new();
    for measurement in given.measurements {
        let metric = text::clean_line(&measurement.metric, 100);
        if !is_name(&metric) {
            return broken(format!(
                "the metric name `{metric}` has not the form of one"
            ));
        }
        if descriptor.metric(&metric).is_none() && !descriptor.open_metrics {
            return broken(format!("it reported `{metric}`, which it does not declare"));
        }
        if measurements.iter().any(|earlier| earlier.metric == metric) {
            return broken(format!("it reported `{metric}` twice"));
        }
        let samples = measurement.samples;
        if samples.is_empty() || samples.len() > SAMPLE_LIMIT {
            return broken(format!(
                "it reported {} samples of `{metric}`; from 1 to {SAMPLE_LIMIT} are allowed",
                samples.len()
            ));
        }
        if let Some(sample) = samples.iter().find(|sample| !sample.is_finite()) {
            return broken(format!(
                "it reported `{metric}` as {sample}, which is no finite number"
            ));
        }
        measurements.push(Measurement { metric, samples });
    }
    let diagnostics = given
        .diagnostics
        .into_iter()
        .take(DIAGNOSTIC_LIMIT)
        .map(|diagnostic| Diagnostic {
            severity: match diagnostic.severity {
                wit::Severity::Info => Severity::Info,
                wit::Severity::Warning => Severity::Warning,
                wit::Severity::Error => Severity::Error,
            },
            message: text::clean_line(&diagnostic.message, TEXT_LIMIT),
            source: Source::Evaluator,
        })
        .collect();
    Ok(Report {
        model: None,
        memory: 0,
        measurements,
        diagnostics,
    })
}

fn failure(given: exported::Failure) -> EvaluateError {
    let words = |message: String| text::clean(message.trim(), TEXT_LIMIT);
    match given {
        exported::Failure::InvalidParameters(m) => EvaluateError::InvalidParameters(words(m)),
        exported::Failure::CandidateFailed(m) => EvaluateError::CandidateFailed(words(m)),
        exported::Failure::Unavailable(m) | exported::Failure::Other(m) => {
            EvaluateError::Unavailable(words(m))
        }
    }
}

fn value_from(value: wit::Value) -> Value {
    match value {
        wit::Value::Text(text) => Value::Text(text::clean(&text, TEXT_LIMIT)),
        wit::Value::Integer(integer) => Value::Integer(integer),
        wit::Value::Number(number) => Value::Number(number),
        wit::Value::Boolean(boolean) => Value::Boolean(boolean),
        wit::Value::Texts(texts) => Value::Texts(
            texts
                .iter()
                .take(ITEM_LIMIT)
                .map(|text| text::clean(text, TEXT_LIMIT))
                .collect(),
        ),
    }
}

fn value_to(value: &Value) -> wit::Value {
    match value {
        Value::Text(text) => wit::Value::Text(text.clone()),
        Value::Integer(integer) => wit::Value::Integer(*integer),
        Value::Number(number) => wit::Value::Number(*number),
        Value::Boolean(boolean) => wit::Value::Boolean(*boolean),
        Value::Texts(texts) => wit::Value::Texts(texts.clone()),
    }
}

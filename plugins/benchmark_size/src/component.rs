//! The glue between the contract and the pure modules.

use crate::{image, walk};
use bindings::autoresearch::evaluator::command;
use bindings::autoresearch::evaluator::types::{
    CommandRole, Diagnostic, Direction, Measurement, MetricInfo, Parameter, Severity, Value,
    ValueType,
};
use bindings::exports::autoresearch::evaluator::evaluator::{
    Descriptor, Failure, Guest, Report, Request,
};
use common::Ended;
use std::path::Path;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "plugin" });
}

struct BenchmarkSize;
bindings::export!(BenchmarkSize with_types_in bindings);

const BUILD: &str = "build";
const IMAGE: &str = "image";

impl Guest for BenchmarkSize {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "The size of a file, a directory or a container image".into(),
            metrics: vec![
                metric(
                    "size_bytes",
                    "bytes",
                    "Sum of the files' lengths, or the image's size",
                ),
                metric("size_kb", "KiB", "The same in units of 1024 bytes"),
                metric("size_mb", "MiB", "The same in units of 1024 x 1024 bytes"),
                metric(
                    "files",
                    "files",
                    "Regular files counted; not reported for an image",
                ),
            ],
            open_metrics: false,
            parameters: vec![Parameter {
                name: "path".into(),
                type_: ValueType::Text,
                required: false,
                default: None,
                choices: Vec::new(),
                description: "What to measure, relative to the project; without it the targets"
                    .into(),
            }],
            commands: vec![
                role(
                    BUILD,
                    "Builds what is measured, once before the first round",
                ),
                role(
                    IMAGE,
                    "Prints a number of bytes on its last line, which is then the size, e.g. \
                     `docker image inspect -f '{{.Size}}' NAME`",
                ),
            ],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let path = request
            .parameters
            .iter()
            .find_map(|(name, value)| match value {
                Value::Text(path) if name == "path" => Some(path.as_str()),
                _ => None,
            });
        let roots = walk::roots(path, &request.targets).map_err(Failure::InvalidParameters)?;

        if request.round == 0 {
            run_if_bound(BUILD)?;
        }
        let Some(output) = run_if_bound(IMAGE)? else {
            let size = walk::measure(Path::new("."), &roots).map_err(Failure::CandidateFailed)?;
            let mut measurements = sizes(size.bytes);
            measurements.push(measurement("files", size.files as f64));
            let mut diagnostics = Vec::new();
            if size.links > 0 {
                let message = format!("symbolic links, which are not counted: {}", size.links);
                diagnostics.push(Diagnostic {
                    severity: Severity::Info,
                    message,
                });
            }
            return Ok(Report {
                measurements,
                diagnostics,
            });
        };
        if path.is_some() {
            return Err(Failure::InvalidParameters(format!(
                "both `path` and a command for `{IMAGE}` are given: only one of them can be the size"
            )));
        }
        match image::printed_size(&output.stdout) {
            Some(bytes) => Ok(Report {
                measurements: sizes(bytes),
                diagnostics: Vec::new(),
            }),
            None => {
                let reason =
                    format!("the last line of the `{IMAGE}` command is no number of bytes");
                let text = common::with_excerpt(&reason, &[&output.stdout, &output.stderr]);
                Err(Failure::CandidateFailed(text))
            }
        }
    }
}

/// Runs the command of an optional role; none where the owner bound nothing to it.
fn run_if_bound(role: &str) -> Result<Option<command::Output>, Failure> {
    let output = match command::run(role) {
        Ok(output) => output,
        Err(command::Error::NotGranted(_)) => return Ok(None),
        // It may be the candidate's own program, which is missing or not executable.
        Err(command::Error::NotStarted(text) | command::Error::LimitExceeded(text)) => {
            return Err(Failure::CandidateFailed(text));
        }
        Err(command::Error::Other(text)) => return Err(Failure::Other(text)),
    };
    let ended = match output.exit {
        command::Exit::Code(code) => Ended::Code(code),
        command::Exit::Signal(signal) => Ended::Signal(signal),
        command::Exit::TimedOut => Ended::TimedOut,
    };
    match common::complaint(role, ended, &output.stdout, &output.stderr) {
        None => Ok(Some(output)),
        Some(complaint) => Err(Failure::CandidateFailed(complaint)),
    }
}

fn sizes(bytes: u64) -> Vec<Measurement> {
    let bytes = bytes as f64;
    vec![
        measurement("size_bytes", bytes),
        measurement("size_kb", bytes / 1024.0),
        measurement("size_mb", bytes / (1024.0 * 1024.0)),
    ]
}

fn measurement(metric: &str, value: f64) -> Measurement {
    Measurement {
        metric: metric.into(),
        samples: vec![value],
    }
}

fn metric(name: &str, unit: &str, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: unit.into(),
        direction: Direction::LowerIsBetter,
        deterministic: true,
        description: description.into(),
    }
}

fn role(name: &str, description: &str) -> CommandRole {
    CommandRole {
        name: name.into(),
        required: false,
        description: description.into(),
    }
}

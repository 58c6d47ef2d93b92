//! The glue between the contract and the pure modules.

use crate::{image, walk};
use common::contract::{
    self, CommandRole, Descriptor, Diagnostic, Direction, Failure, Guest, Measurement, MetricInfo,
    Parameter, Report, Request, Severity, Value, ValueType,
};
use std::path::Path;

struct BenchmarkSize;
common::contract::export!(BenchmarkSize with_types_in common::contract);

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
            contract::run_if_bound(BUILD)?;
        }
        let Some(output) = contract::run_if_bound(IMAGE)? else {
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

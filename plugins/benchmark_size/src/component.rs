//! The glue between the contract and the pure modules.

use crate::compress::{self, Format};
use crate::select::Selection;
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
const NOT_COMPRESSED: &str = "none";
const GZIP: &str = "gzip";
const ZSTD: &str = "zstd";

impl Guest for BenchmarkSize {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "The size of a file, of several, of a directory or of a container image".into(),
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
                metric(
                    Format::Gzip.metric(),
                    "bytes",
                    "Sum of the files' lengths, each compressed by itself as by `gzip -9`; reported \
                     with `compressed=gzip`",
                ),
                metric(
                    Format::Zstd.metric(),
                    "bytes",
                    "Sum of the files' lengths, each compressed by itself as by `zstd -3`; reported \
                     with `compressed=zstd`",
                ),
            ],
            open_metrics: false,
            parameters: vec![
                Parameter {
                    name: "path".into(),
                    type_: ValueType::Text,
                    required: false,
                    default: None,
                    choices: Vec::new(),
                    description: "What to measure, relative to the project: a file, a directory, or \
                                  a pattern such as `dist/*.js` or `dist/**/*.{js,css}`; without it \
                                  the targets"
                        .into(),
                },
                Parameter {
                    name: "ignored".into(),
                    type_: ValueType::Boolean,
                    required: false,
                    default: Some(Value::Boolean(true)),
                    choices: Vec::new(),
                    description: "Whether files count that a `.gitignore` in the project matches, as \
                                  what a build makes often is"
                        .into(),
                },
                Parameter {
                    name: "compressed".into(),
                    type_: ValueType::Text,
                    required: false,
                    default: Some(Value::Text(NOT_COMPRESSED.into())),
                    choices: [NOT_COMPRESSED, GZIP, ZSTD].map(Into::into).into(),
                    description: "Also compress each file and report `gzip_bytes` or `zstd_bytes`: \
                                  takes time"
                        .into(),
                },
            ],
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
        let path = text(&request, "path");
        let format = match text(&request, "compressed") {
            Some(GZIP) => Some(Format::Gzip),
            Some(ZSTD) => Some(Format::Zstd),
            _ => None,
        };
        let selection = Selection::new(path, &request.targets, counts_ignored(&request))
            .map_err(Failure::InvalidParameters)?;

        if request.round == 0 {
            contract::run_if_bound(BUILD)?;
        }
        let Some(output) = contract::run_if_bound(IMAGE)? else {
            let mut compressed = 0_u64;
            let size = walk::measure(Path::new("."), &selection, &mut |path| {
                if let Some(format) = format {
                    compressed = compressed.saturating_add(compress::length(path, format)?);
                }
                Ok(())
            })
            .map_err(Failure::CandidateFailed)?;
            let mut measurements = sizes(size.bytes);
            measurements.push(measurement("files", size.files as f64));
            measurements
                .extend(format.map(|format| measurement(format.metric(), compressed as f64)));
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
        for (name, given) in [("path", path.is_some()), ("compressed", format.is_some())] {
            if given {
                return Err(Failure::InvalidParameters(format!(
                    "`{name}` is about files, and a command for `{IMAGE}` is given: only one of them \
                     can be the size"
                )));
            }
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

fn text<'a>(request: &'a Request, wanted: &str) -> Option<&'a str> {
    request
        .parameters
        .iter()
        .find_map(|(name, value)| match value {
            Value::Text(text) if name == wanted => Some(text.as_str()),
            _ => None,
        })
}

fn counts_ignored(request: &Request) -> bool {
    let without = |(name, value): &(String, Value)| {
        name == "ignored" && matches!(value, Value::Boolean(false))
    };
    !request.parameters.iter().any(without)
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

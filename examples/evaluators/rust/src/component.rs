//! The component: what `wit/deps/evaluator.wit` asks for, and the files.

use std::collections::HashMap;
use std::path::Path;

use crate::measure::{self, Whitespace};

wit_bindgen::generate!({ path: "wit", world: "evaluator", generate_all });

use autoresearch::evaluator::types::{
    Direction, Measurement, MetricInfo, Parameter, Value, ValueType,
};
use exports::autoresearch::evaluator::evaluator::{Descriptor, Failure, Guest, Report, Request};

struct Component;
export!(Component);

/// The most that is read of all targets, in bytes.
const LARGEST: u64 = 16 << 20;

impl Guest for Component {
    fn describe() -> Descriptor {
        let metric = |name: &str, unit: &str, description: &str| MetricInfo {
            name: name.into(),
            unit: unit.into(),
            direction: Direction::LowerIsBetter,
            deterministic: true,
            description: description.into(),
        };
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Lines in passages that stand more than once".into(),
            // The first is the one that is improved where the user names none.
            metrics: vec![
                metric("repeated_lines", "lines", "lines of all such passages"),
                metric(
                    "repeated_percent",
                    "%",
                    "their share in the lines that are not blank",
                ),
                metric("lines", "lines", "all that are not blank"),
            ],
            open_metrics: false,
            parameters: vec![
                Parameter {
                    name: "passage".into(),
                    type_: ValueType::Integer,
                    required: false,
                    default: Some(Value::Integer(6)),
                    choices: vec![],
                    description: "lines that a passage has at least, from 1 to 1000".into(),
                },
                Parameter {
                    name: "whitespace".into(),
                    type_: ValueType::Text,
                    required: false,
                    default: Some(Value::Text("trim".into())),
                    choices: vec!["trim".into(), "exact".into()],
                    description: "whether indentation matters: `trim` or `exact`".into(),
                },
            ],
            commands: vec![],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        // The host has checked names, types and choices and filled in the defaults.
        let parameters: HashMap<String, Value> = request.parameters.into_iter().collect();
        let passage = match parameters.get("passage") {
            Some(Value::Integer(lines @ 1..=1000)) => *lines as usize,
            _ => {
                return Err(Failure::InvalidParameters(
                    "`passage` is from 1 to 1000 lines".into(),
                ));
            }
        };
        let whitespace = match parameters.get("whitespace") {
            Some(Value::Text(text)) if text == "exact" => Whitespace::Exact,
            _ => Whitespace::Trim,
        };
        let mut files = Vec::new();
        let mut left = LARGEST;
        for target in &request.targets {
            read(Path::new(target), &mut files, &mut left)?;
        }
        let lines = measure::count(&files, passage, whitespace);
        if lines.all == 0 {
            return Err(Failure::CandidateFailed("it has no lines".into()));
        }
        let measurement = |metric: &str, value: f64| Measurement {
            metric: metric.into(),
            samples: vec![value],
        };
        Ok(Report {
            measurements: vec![
                measurement("repeated_lines", lines.repeated as f64),
                measurement("repeated_percent", lines.percent()),
                measurement("lines", lines.all as f64),
            ],
            diagnostics: vec![],
        })
    }
}

/// Reads a file, or all files of a directory in the order of their names. Whatever is wrong with a target is the
/// candidate's fault, and must be said as such.
fn read(path: &Path, files: &mut Vec<String>, left: &mut u64) -> Result<(), Failure> {
    let failed = |what: String| Failure::CandidateFailed(format!("`{}` {what}", path.display()));
    let unreadable = |error: std::io::Error| failed(format!("cannot be read: {error}"));
    let metadata = std::fs::symlink_metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(unreadable)?.path());
        }
        paths.sort();
        return paths.iter().try_for_each(|path| read(path, files, left));
    }
    if !metadata.is_file() {
        return Ok(());
    }
    *left = left
        .checked_sub(metadata.len())
        .ok_or_else(|| failed("is too much: all targets together may have 16 MiB".into()))?;
    let bytes = std::fs::read(path).map_err(unreadable)?;
    files.push(String::from_utf8(bytes).map_err(|_| failed("is not UTF-8".into()))?);
    Ok(())
}

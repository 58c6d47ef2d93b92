//! The glue between the contract and the pure modules.

use crate::settings::{DEFAULT_RUNS, DEFAULT_WARMUP, Settings};
use crate::times::{self, Summary};
use common::contract::{
    self, CommandRole, Descriptor, Diagnostic, Direction, Failure, Guest, Measurement, MetricInfo,
    Parameter, Report, Request, Severity, Value, ValueType, progress,
};

struct BenchmarkSpeed;
common::contract::export!(BenchmarkSpeed with_types_in common::contract);

const ROLE: &str = "benchmark";

impl Guest for BenchmarkSpeed {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "How long a command takes, over several runs".into(),
            metrics: vec![
                time("p50_ms", "The wall time of each run; their median counts"),
                time("p95_ms", "95th percentile of the wall times, interpolated"),
                time("mean_ms", "Mean of the wall times"),
                time("min_ms", "Wall time of the fastest run"),
                MetricInfo {
                    name: "runs".into(),
                    unit: "runs".into(),
                    direction: Direction::HigherIsBetter,
                    deterministic: true,
                    description: "How many runs were measured".into(),
                },
            ],
            open_metrics: false,
            parameters: vec![
                count(
                    "runs",
                    DEFAULT_RUNS,
                    "Measured runs in each round, 1 to 1000",
                ),
                count(
                    "warmup",
                    DEFAULT_WARMUP,
                    "Unmeasured runs before the first round, 0 to 1000",
                ),
            ],
            commands: vec![CommandRole {
                name: ROLE.into(),
                required: true,
                description: "The command whose wall time is measured".into(),
            }],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let settings = Settings::new(integer(&request, "runs"), integer(&request, "warmup"))
            .map_err(Failure::InvalidParameters)?;
        let warmup = if request.round == 0 {
            settings.warmup
        } else {
            0
        };
        let total = warmup + settings.runs;

        for number in 1..=warmup {
            run()?;
            progress::update(
                number,
                Some(total),
                &format!("warm-up {number} of {warmup}"),
            );
        }
        let mut samples = Vec::new();
        for number in 1..=settings.runs {
            let time = run()?;
            samples.push(time);
            let message = format!("run {number} of {}: {time:.1} ms", settings.runs);
            progress::update(warmup + number, Some(total), &message);
        }

        let Some(Summary { p95, mean, min, .. }) = times::summarize(&samples) else {
            return Err(Failure::Other("no run was measured".into()));
        };
        let diagnostics = times::warnings(&samples)
            .into_iter()
            .map(|message| Diagnostic {
                severity: Severity::Warning,
                message,
            })
            .collect();
        let measurements = vec![
            measurement("p50_ms", samples),
            measurement("p95_ms", vec![p95]),
            measurement("mean_ms", vec![mean]),
            measurement("min_ms", vec![min]),
            measurement("runs", vec![settings.runs.into()]),
        ];
        Ok(Report {
            measurements,
            diagnostics,
        })
    }
}

fn run() -> Result<f64, Failure> {
    let output = contract::run(ROLE)?;
    Ok(times::milliseconds(output.usage.wall_ns))
}

fn integer(request: &Request, name: &str) -> Option<i64> {
    request
        .parameters
        .iter()
        .find_map(|(given, value)| match value {
            Value::Integer(value) if given == name => Some(*value),
            _ => None,
        })
}

fn time(name: &str, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: "ms".into(),
        direction: Direction::LowerIsBetter,
        deterministic: false,
        description: description.into(),
    }
}

fn count(name: &str, default: u32, description: &str) -> Parameter {
    Parameter {
        name: name.into(),
        type_: ValueType::Integer,
        required: false,
        default: Some(Value::Integer(default.into())),
        choices: Vec::new(),
        description: description.into(),
    }
}

fn measurement(metric: &str, samples: Vec<f64>) -> Measurement {
    Measurement {
        metric: metric.into(),
        samples,
    }
}

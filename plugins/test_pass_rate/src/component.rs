//! The glue between the contract and the pure modules.

use std::path::Path;

use common::contract::{
    self, CommandRole, Descriptor, Diagnostic, Direction, Failure, Guest, Measurement, MetricInfo,
    Parameter, Report, Request, Severity, Value, ValueType,
};

use crate::runners::{self, Output, Reading, Runner, Stream};
use crate::settings::{AUTO, EXIT_CODE, Settings};
use crate::verdict::{self, Run};

struct TestPassRate;
common::contract::export!(TestPassRate with_types_in common::contract);

const ROLE: &str = "test";

impl Guest for TestPassRate {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "How many tests pass, as a test runner prints or writes it".into(),
            metrics: vec![
                metric(
                    "pass_rate",
                    "",
                    Direction::HigherIsBetter,
                    "passed / (passed + failed). A candidate that has tests skipped or makes them \
                     vanish may raise it: `passed` and `total` tell",
                ),
                metric(
                    "passed",
                    "tests",
                    Direction::HigherIsBetter,
                    "Tests that passed",
                ),
                metric(
                    "failed",
                    "tests",
                    Direction::LowerIsBetter,
                    "Tests that failed or ended with an error",
                ),
                metric(
                    "skipped",
                    "tests",
                    Direction::LowerIsBetter,
                    "Tests without a verdict: skipped, ignored, to do, or expected to fail",
                ),
                metric(
                    "total",
                    "tests",
                    Direction::HigherIsBetter,
                    "passed + failed + skipped",
                ),
            ],
            open_metrics: false,
            parameters: vec![
                Parameter {
                    name: "format".into(),
                    type_: ValueType::Text,
                    required: false,
                    default: Some(Value::Text(AUTO.into())),
                    choices: [AUTO, EXIT_CODE]
                        .into_iter()
                        .chain(Runner::ALL.iter().map(|runner| runner.name()))
                        .map(String::from)
                        .collect(),
                    description: "Whose words to read; `auto` is whichever runner it was, and with \
                                  `exit-code` the command is one test, which passes if it exits \
                                  with 0"
                        .into(),
                },
                Parameter {
                    name: "report".into(),
                    type_: ValueType::Text,
                    required: false,
                    default: None,
                    choices: Vec::new(),
                    description: "What the command writes (JUnit XML, JSON, TAP), to be read instead \
                                  of what it prints: a file, a directory of `.xml` files, or a \
                                  pattern with `*` and `**`"
                        .into(),
                },
            ],
            commands: vec![CommandRole {
                name: ROLE.into(),
                required: true,
                description: "Runs the tests with one runner, e.g. `pytest`, `cargo test \
                              --no-fail-fast`, `go test -json ./...`, `npx vitest run`. Tests that \
                              fail are measured; tests that cannot be built, loaded or run to their \
                              end make the candidate fail, and so do no tests"
                    .into(),
            }],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let settings = Settings::new(text(&request, "format"), text(&request, "report"))
            .map_err(Failure::InvalidParameters)?;
        let base = Path::new(".");
        let report = match &settings.report {
            Some(pattern) => {
                let before = pattern.files(base).map_err(Failure::InvalidParameters)?;
                Some((pattern, before))
            }
            None => None,
        };

        let (ended, printed) = contract::run_to_end(ROLE)?;
        if settings.exit_code {
            let run = Run {
                role: ROLE,
                ended,
                stdout: &printed.stdout,
                stderr: &printed.stderr,
            };
            return Ok(report_of(
                verdict::by_exit_code(&run).map_err(Failure::CandidateFailed)?,
            ));
        }
        let output = Output {
            stdout: Stream::new(&printed.stdout, printed.stdout_truncated),
            stderr: Stream::new(&printed.stderr, printed.stderr_truncated),
        };
        let found = match report {
            Some((pattern, before)) => pattern.read(base, &before, settings.runner),
            None => runners::read(settings.runner, &output),
        };
        let run = Run {
            role: ROLE,
            ended,
            stdout: &printed.stdout,
            stderr: &printed.stderr,
        };
        let reading = verdict::judge(&run, &output, found).map_err(Failure::CandidateFailed)?;

        if reading.counts.ran() == 0 {
            return Err(Failure::Other("no test ran".into()));
        }
        Ok(report_of(reading))
    }
}

/// The metrics of counts of which some tests ran.
fn report_of(reading: Reading) -> Report {
    let counts = reading.counts;
    let measurements = counts
        .pass_rate()
        .map(|rate| measurement("pass_rate", rate))
        .into_iter()
        .chain([
            measurement("passed", counts.passed as f64),
            measurement("failed", counts.failed as f64),
            measurement("skipped", counts.skipped as f64),
            measurement("total", counts.total() as f64),
        ])
        .collect();
    Report {
        measurements,
        diagnostics: reading
            .notes
            .into_iter()
            .map(|message| Diagnostic {
                severity: Severity::Warning,
                message,
            })
            .collect(),
    }
}

fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .parameters
        .iter()
        .find_map(|(given, value)| match value {
            Value::Text(text) if given == name => Some(text.as_str()),
            _ => None,
        })
}

fn metric(name: &str, unit: &str, direction: Direction, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: unit.into(),
        direction,
        deterministic: true,
        description: description.into(),
    }
}

fn measurement(metric: &str, value: f64) -> Measurement {
    Measurement {
        metric: metric.into(),
        samples: vec![value],
    }
}

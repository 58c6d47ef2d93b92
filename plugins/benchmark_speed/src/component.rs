//! The glue between the contract and the pure modules.

use crate::digest::Outputs;
use crate::settings::{DEFAULT_RUNS, DEFAULT_WARMUP, Settings};
use crate::times::{self, Summary};
use common::contract::{
    self, CommandRole, Descriptor, Diagnostic, Direction, Failure, Guest, MetricInfo, Report,
    Request, Severity, count_parameter, integer, measurement, progress,
};
use common::statistics;

struct BenchmarkSpeed;
common::contract::export!(BenchmarkSpeed with_types_in common::contract);

const ROLE: &str = "benchmark";
const BUILD: &str = "build";
const DIGEST: &str = "output_digest";

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
                time(
                    "stddev_ms",
                    "Standard deviation of the wall times; not reported for a single run",
                ),
                time(
                    "user_ms",
                    "Mean processor time in user mode, of the command and the descendants that it \
                     waited for",
                ),
                time("system_ms", "Mean processor time of these in the kernel"),
                contract::runs_metric(),
                MetricInfo {
                    name: DIGEST.into(),
                    unit: String::new(),
                    direction: Direction::LowerIsBetter,
                    deterministic: true,
                    description: "48 bits of the SHA-256 of what each run printed on standard \
                                  output, to tell whether it is still the same; not reported if the \
                                  runs printed different things"
                        .into(),
                },
            ],
            open_metrics: false,
            parameters: vec![
                count_parameter(
                    "runs",
                    DEFAULT_RUNS,
                    "Measured runs in each round, 1 to 1000",
                ),
                count_parameter(
                    "warmup",
                    DEFAULT_WARMUP,
                    "Unmeasured runs before the first round, 0 to 1000",
                ),
            ],
            commands: vec![
                CommandRole {
                    name: ROLE.into(),
                    required: true,
                    description: "The command whose wall time is measured".into(),
                },
                CommandRole {
                    name: BUILD.into(),
                    required: false,
                    description: "Builds what is measured, before the first round and untimed"
                        .into(),
                },
            ],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let settings = Settings::new(integer(&request, "runs"), integer(&request, "warmup"))
            .map_err(Failure::InvalidParameters)?;
        let warmup = if request.round == 0 {
            contract::run_if_bound(BUILD)?;
            settings.warmup
        } else {
            0
        };
        let total = warmup + settings.runs;

        for number in 1..=warmup {
            contract::run(ROLE)?;
            progress::update(
                number,
                Some(total),
                &format!("warm-up {number} of {warmup}"),
            );
        }
        let (mut wall, mut user, mut system) = (Vec::new(), Vec::new(), Vec::new());
        let mut outputs = Outputs::default();
        for number in 1..=settings.runs {
            let output = contract::run(ROLE)?;
            outputs.add(&output.stdout, output.stdout_truncated);
            let usage = output.usage;
            let time = times::milliseconds(usage.wall_ns);
            wall.push(time);
            user.extend(usage.user_ns.map(times::milliseconds));
            system.extend(usage.system_ns.map(times::milliseconds));
            let message = format!("run {number} of {}: {time:.1} ms", settings.runs);
            progress::update(warmup + number, Some(total), &message);
        }

        let Some(summary) = times::summarize(&wall) else {
            return Err(Failure::Other("no run was measured".into()));
        };
        let Summary {
            p95,
            mean,
            min,
            stddev,
        } = summary;
        let mut diagnostics: Vec<Diagnostic> = times::warnings(&wall)
            .into_iter()
            .map(contract::warning)
            .collect();
        let digest = outputs.digest();
        diagnostics.extend(digest.err().map(|why| Diagnostic {
            severity: Severity::Info,
            message: format!("no `{DIGEST}`: {why}"),
        }));
        let values = [
            ("p95_ms", Some(p95)),
            ("mean_ms", Some(mean)),
            ("min_ms", Some(min)),
            ("stddev_ms", stddev),
            ("user_ms", statistics::mean(&user)),
            ("system_ms", statistics::mean(&system)),
            ("runs", Some(settings.runs.into())),
            (DIGEST, digest.ok()),
        ];
        let mut measurements = vec![measurement("p50_ms", wall)];
        measurements.extend(
            values
                .into_iter()
                .filter_map(|(name, value)| Some(measurement(name, vec![value?]))),
        );
        Ok(Report {
            measurements,
            diagnostics,
        })
    }
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

//! The glue between the contract and the pure modules.

use crate::{artifact, times};
use common::contract::{
    self, CommandRole, Descriptor, Direction, Failure, Guest, MetricInfo, Output, Parameter,
    Report, Request, ValueType, measurement, progress,
};
use common::{settings, statistics};
use std::path::Path;

struct BuildSpeed;
common::contract::export!(BuildSpeed with_types_in common::contract);

const BUILD: &str = "build";
const CLEAN: &str = "clean";
const RUNS: u32 = 3;
const WARMUP: u32 = 0;

impl Guest for BuildSpeed {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "How long a build takes, over several builds".into(),
            metrics: vec![
                time(
                    "build_seconds",
                    "The wall time of each build; their median counts",
                ),
                time("build_avg", "Mean of the wall times"),
                time(
                    "user_seconds",
                    "Mean processor time of a build in user mode, all its processes together",
                ),
                time(
                    "system_seconds",
                    "Mean processor time of a build in the kernel",
                ),
                contract::runs_metric(),
            ],
            open_metrics: false,
            parameters: vec![
                contract::count_parameter("runs", RUNS, "Measured builds in each round, 1 to 1000"),
                contract::count_parameter(
                    "warmup",
                    WARMUP,
                    "Unmeasured builds before the first round, 0 to 1000",
                ),
                Parameter {
                    name: "artifact".into(),
                    type_: ValueType::Texts,
                    required: false,
                    default: None,
                    choices: Vec::new(),
                    description: "Files or directories that each build must write, relative to the \
                                  project: one that is missing, empty or older than the build makes \
                                  the candidate fail"
                        .into(),
                },
            ],
            commands: vec![
                CommandRole {
                    name: BUILD.into(),
                    required: true,
                    description: "The build whose wall time is measured".into(),
                },
                CommandRole {
                    name: CLEAN.into(),
                    required: false,
                    description: "Runs before each build and is not measured: `make clean` for \
                                  whole builds, `touch src/main.rs` for incremental ones. Without \
                                  it a build finds what the one before it left"
                        .into(),
                },
            ],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let count = |name, default, least| {
            settings::runs(name, contract::integer(&request, name), default, least)
                .map_err(Failure::InvalidParameters)
        };
        let runs = count("runs", RUNS, 1)?;
        let warmup = count("warmup", WARMUP, 0)?;
        let warmup = if request.round == 0 { warmup } else { 0 };
        let artifacts = artifact::paths(contract::texts(&request, "artifact"))
            .map_err(Failure::InvalidParameters)?;
        let base = Path::new(".");

        let mut cleaned = true;
        let mut build = || -> Result<Output, Failure> {
            // Asked once whether it is bound: each call counts against the evaluation's limit.
            cleaned = cleaned && contract::run_if_bound(CLEAN)?.is_some();
            let before = artifact::before(base, &artifacts);
            let output = contract::run(BUILD)?;
            before.check(base).map_err(|reason| {
                let outputs = [&output.stderr[..], &output.stdout[..]];
                Failure::CandidateFailed(common::with_excerpt(&reason, &outputs))
            })?;
            Ok(output)
        };
        let total = warmup + runs;
        for number in 1..=warmup {
            build()?;
            let message = format!("warm-up {number} of {warmup}");
            progress::update(number, Some(total), &message);
        }
        let (mut wall, mut user, mut system) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=runs {
            let usage = build()?.usage;
            let time = times::seconds(usage.wall_ns);
            wall.push(time);
            user.extend(usage.user_ns.map(times::seconds));
            system.extend(usage.system_ns.map(times::seconds));
            let message = format!("build {number} of {runs}: {time:.3} s");
            progress::update(warmup + number, Some(total), &message);
        }

        let diagnostics = times::warm_warning(&wall, cleaned)
            .map(contract::warning)
            .into_iter()
            .collect();
        let mean = |name, values: &[f64]| {
            statistics::mean(values).map(|mean| measurement(name, vec![mean]))
        };
        let means = [
            mean("build_avg", &wall),
            mean("user_seconds", &user),
            mean("system_seconds", &system),
        ];
        let mut measurements = vec![measurement("build_seconds", wall)];
        measurements.extend(means.into_iter().flatten());
        measurements.push(measurement("runs", vec![runs.into()]));
        Ok(Report {
            measurements,
            diagnostics,
        })
    }
}

fn time(name: &str, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: "s".into(),
        direction: Direction::LowerIsBetter,
        deterministic: false,
        description: description.into(),
    }
}

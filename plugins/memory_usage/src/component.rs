//! The glue between the contract and the pure module.

use crate::units;
use common::contract::{
    self, CommandRole, Descriptor, Direction, Failure, Guest, MetricInfo, Report, Request,
    measurement, progress,
};
use common::settings;

struct MemoryUsage;
common::contract::export!(MemoryUsage with_types_in common::contract);

const ROLE: &str = "run";
const RUNS: u32 = 1;

impl Guest for MemoryUsage {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "The peak memory of a command".into(),
            metrics: vec![
                memory(
                    "peak_mb",
                    "MiB",
                    "Peak resident set of the largest process among the command and those of its \
                     descendants that it waited for, of each run; their median counts",
                ),
                memory("peak_kb", "KiB", "The same in units of 1024 bytes"),
                contract::runs_metric(),
            ],
            open_metrics: false,
            parameters: vec![contract::count_parameter(
                "runs",
                RUNS,
                "Runs in each round, 1 to 1000",
            )],
            commands: vec![CommandRole {
                name: ROLE.into(),
                required: true,
                description: "The command whose memory is measured. The processes that it starts \
                              are not added up: the largest one counts"
                    .into(),
            }],
            uses_model: false,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let runs = settings::runs("runs", contract::integer(&request, "runs"), RUNS, 1)
            .map_err(Failure::InvalidParameters)?;
        let mut peaks = Vec::new();
        for number in 1..=runs {
            let Some(bytes) = contract::run(ROLE)?.usage.peak_rss_bytes else {
                return Err(Failure::Unavailable(
                    "this system does not tell a command's peak memory".into(),
                ));
            };
            peaks.push(bytes);
            let message = format!("run {number} of {runs}: {:.1} MiB", units::mib(bytes));
            progress::update(number, Some(runs), &message);
        }
        let samples = |unit: fn(u64) -> f64| peaks.iter().copied().map(unit).collect();
        Ok(Report {
            measurements: vec![
                measurement("peak_mb", samples(units::mib)),
                measurement("peak_kb", samples(units::kib)),
                measurement("runs", vec![runs.into()]),
            ],
            diagnostics: Vec::new(),
        })
    }
}

fn memory(name: &str, unit: &str, description: &str) -> MetricInfo {
    MetricInfo {
        name: name.into(),
        unit: unit.into(),
        direction: Direction::LowerIsBetter,
        deterministic: false,
        description: description.into(),
    }
}

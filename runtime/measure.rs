//! Metrics and what was measured of them: plain values.

use serde::{Deserialize, Serialize};

use crate::stats;

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Less is better: a time, a size.
    Lower,
    /// More is better: a score, a rate.
    Higher,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Direction::Lower => "lower",
            Direction::Higher => "higher",
        })
    }
}

/// One metric that an evaluator can report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    /// For people; may be empty.
    pub unit: String,
    pub direction: Direction,
    /// The same candidate always gives the same value.
    pub deterministic: bool,
    pub description: String,
}

/// The samples taken of one metric, in the order taken: at least one, all finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub metric: String,
    pub samples: Vec<f64>,
}

impl Measurement {
    /// The median of the samples: the one number that stands for them.
    pub fn value(&self) -> f64 {
        stats::median(&self.samples)
    }
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// Who says something of a measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    #[default]
    Evaluator,
    /// What was found out about the machine meanwhile.
    Machine,
}

/// A remark about what was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    #[serde(default, skip_serializing_if = "is_evaluator")]
    pub source: Source,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_evaluator(source: &Source) -> bool {
    *source == Source::Evaluator
}

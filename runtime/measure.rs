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

/// What several measurements of the same amount to. The samples of each metric are then the values of the
/// measurements, so that the median is over these; those of a single one are as they are.
pub fn combined<'a>(rounds: impl IntoIterator<Item = &'a [Measurement]>) -> Vec<Measurement> {
    let mut rounds = rounds.into_iter();
    let first = rounds.next().unwrap_or_default();
    let mut rounds = rounds.peekable();
    if rounds.peek().is_none() {
        return first.to_vec();
    }
    let mut combined: Vec<Measurement> = Vec::new();
    for measurement in first.iter().chain(rounds.flatten()) {
        let value = measurement.value();
        match combined.iter_mut().find(|m| m.metric == measurement.metric) {
            Some(known) => known.samples.push(value),
            None => combined.push(Measurement {
                metric: measurement.metric.clone(),
                samples: vec![value],
            }),
        }
    }
    combined
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// Who says something of a measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    #[default]
    Evaluator,
    /// The runtime: what it found out about the machine, or did to the candidate.
    #[serde(rename = "machine")]
    Runtime,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_measurements_the_median_counts() {
        let round = |samples: &[f64]| {
            vec![Measurement {
                metric: "m".into(),
                samples: samples.to_vec(),
            }]
        };
        let combined = |rounds: &[Vec<Measurement>]| combined(rounds.iter().map(Vec::as_slice));
        assert_eq!(combined(&[]), vec![]);
        assert_eq!(combined(&[round(&[1.0, 3.0])]), round(&[1.0, 3.0]));
        let three = combined(&[round(&[1.0, 1.0, 9.0]), round(&[9.0]), round(&[2.0])]);
        assert_eq!(three, round(&[1.0, 9.0, 2.0]));
        assert_eq!(three[0].value(), 2.0);
    }
}

//! A guard made ready: an evaluator loaded, its settings checked, and what is required of the
//! metrics that it measures.

use std::path::Path;

use crate::evaluator::Descriptor;
use crate::experiment::{Experiment, GuardSettings};
use crate::failure::Failure;
use crate::host::Host;
use crate::instrument::{self, Instrument};
use crate::measure::Measurement;
use crate::requirement::{Reference, Requirement};

/// What must hold of a candidate besides the objective.
pub struct Guard {
    /// The evaluator's; with a number where another guard before has the same.
    pub name: String,
    pub instrument: Instrument,
    /// A digest of the whole definition: values of another one are not this one's.
    pub meaning: String,
    rules: Vec<Rule>,
}

struct Rule {
    requirement: Requirement,
    /// The metric is always the same for the same candidate.
    deterministic: bool,
}

/// The values that requirements are held against. Those of the incumbent are recorded ones and,
/// for metrics with noise, ones that were measured beside the candidate's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    pub candidate: &'a [Measurement],
    pub beside: &'a [Measurement],
    pub recorded: &'a [Measurement],
    pub baseline: &'a [Measurement],
}

/// A requirement that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    pub requirement: String,
    /// With the guard's name, in words and numbers.
    pub reason: String,
    /// Measured again, it would not hold either.
    pub is_certain: bool,
}

impl Guard {
    /// Loads an experiment's guards. `base` is what a path to an evaluator is relative to.
    pub fn load_all(
        host: &Host,
        experiment: &Experiment,
        base: &Path,
    ) -> Result<Vec<Self>, Failure> {
        let mut guards: Vec<Self> = Vec::new();
        for settings in &experiment.guard {
            let mut guard = Self::load(host, experiment, settings, base).map_err(|failure| {
                let evaluator = &settings.evaluator;
                Failure {
                    message: format!(
                        "the guard `{evaluator}` cannot be used: {}",
                        failure.message
                    ),
                    ..failure
                }
            })?;
            let name = &guard.instrument.evaluator.descriptor().name;
            let same = guards
                .iter()
                .filter(|other| other.instrument.evaluator.descriptor().name == *name)
                .count();
            if same > 0 {
                guard.name = format!("{name}-{}", same + 1);
            }
            guards.push(guard);
        }
        Ok(guards)
    }

    fn load(
        host: &Host,
        experiment: &Experiment,
        settings: &GuardSettings,
        base: &Path,
    ) -> Result<Self, Failure> {
        let instrument = Instrument::load(host, experiment, &settings.call(), base)?;
        let rules = rules(instrument.evaluator.descriptor(), settings)?;
        let requirements: Vec<&Requirement> = settings.require.iter().collect();
        Ok(Self {
            name: instrument.evaluator.descriptor().name.clone(),
            meaning: instrument.guard_meaning(experiment, &requirements),
            rules,
            instrument,
        })
    }

    /// What the log of a side is called.
    pub fn log(&self, of: &str) -> String {
        format!("{of}-{}", self.name)
    }

    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.rules.iter().map(|rule| &rule.requirement)
    }

    /// The metrics that are required, perhaps repeatedly.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.requirements().map(Requirement::metric)
    }

    /// Whether the incumbent must be measured beside the candidate: what was recorded of a metric
    /// with noise is of another day.
    pub fn is_paired(&self) -> bool {
        self.rules.iter().any(|rule| {
            !rule.deterministic && rule.requirement.reference() == Some(Reference::Incumbent)
        })
    }

    /// The first requirement that does not hold, whatever is measured of metrics with noise.
    pub fn certainly_broken(&self, values: &Values<'_>) -> Option<Broken> {
        self.first_broken(values, |rule| rule.deterministic)
    }

    /// The first requirement that does not hold; those that another measurement cannot mend first.
    pub fn broken(&self, values: &Values<'_>) -> Option<Broken> {
        self.certainly_broken(values)
            .or_else(|| self.first_broken(values, |rule| !rule.deterministic))
    }

    /// The first requirement that the incumbent itself does not meet, as far as that can be said:
    /// one that refers to its value is about others.
    pub fn broken_by_incumbent(&self, incumbent: &[Measurement]) -> Option<Broken> {
        let values = Values {
            candidate: incumbent,
            ..Values::default()
        };
        let of = |deterministic| {
            self.first_broken(&values, |rule| {
                rule.deterministic == deterministic && rule.requirement.reference().is_none()
            })
        };
        of(true).or_else(|| of(false))
    }

    fn first_broken(
        &self,
        values: &Values<'_>,
        is_asked: impl Fn(&Rule) -> bool,
    ) -> Option<Broken> {
        self.rules
            .iter()
            .filter(|rule| is_asked(rule))
            .find_map(|rule| {
                let requirement = &rule.requirement;
                let metric = requirement.metric();
                let incumbent = if rule.deterministic {
                    values.recorded
                } else {
                    values.beside
                };
                let checked = match value(values.candidate, metric) {
                    Some(candidate) => requirement.check(
                        candidate,
                        value(incumbent, metric),
                        value(values.baseline, metric),
                    ),
                    None => Err(instrument::not_reported(
                        self.instrument.evaluator.descriptor(),
                        metric,
                        &[],
                    )),
                };
                checked.err().map(|reason| Broken {
                    requirement: requirement.to_string(),
                    reason: format!("guard {}: {reason}", self.name),
                    is_certain: rule.deterministic,
                })
            })
    }
}

/// Checks the metrics that are required, and finds out which of them have noise.
fn rules(descriptor: &Descriptor, settings: &GuardSettings) -> Result<Vec<Rule>, Failure> {
    let mut rules = Vec::new();
    for requirement in &settings.require {
        let metric = requirement.metric();
        instrument::check_metric(descriptor, metric)?;
        let declared = descriptor.metric(metric);
        if declared.is_some() && settings.deterministic.is_some() {
            return Err(instrument::says_itself(metric));
        }
        rules.push(Rule {
            requirement: requirement.clone(),
            deterministic: declared.map_or(settings.deterministic.unwrap_or(false), |metric| {
                metric.deterministic
            }),
        });
    }
    Ok(rules)
}

fn value(measurements: &[Measurement], metric: &str) -> Option<f64> {
    measurements
        .iter()
        .find(|measurement| measurement.metric == metric)
        .map(Measurement::value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_median_of_its_metrics_samples() {
        let three = [Measurement {
            metric: "m".into(),
            samples: vec![1.0, 9.0, 2.0],
        }];
        assert_eq!(value(&three, "m"), Some(2.0));
        assert_eq!(value(&three, "n"), None);
    }
}

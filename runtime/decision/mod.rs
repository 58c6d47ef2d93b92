//! From measurements to a verdict with its reason; pure.

mod figures;
mod improvement;

use serde::{Deserialize, Serialize};

use crate::measure::Direction;

pub use figures::{change, number, quantity};
pub use improvement::MinImprovement;

/// The least relative improvement of a metric with noise where none is given: without any, half of
/// all useless changes would be kept.
const NOISY_DEFAULT: MinImprovement = MinImprovement::Relative(0.01);

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is better: it becomes the incumbent.
    Keep,
    /// It is not better.
    Discard,
    /// It could not be measured.
    Crash,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Keep => "keep",
            Verdict::Discard => "discard",
            Verdict::Crash => "crash",
        })
    }
}

/// The rule by which candidates are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub metric: String,
    pub unit: String,
    pub direction: Direction,
    /// The same candidate always gives the same value.
    pub deterministic: bool,
    pub min_improvement: MinImprovement,
}

impl Policy {
    /// The rule for a metric; the default for `min_improvement` depends on whether it has noise.
    pub fn new(
        metric: &str,
        unit: &str,
        direction: Direction,
        deterministic: bool,
        min_improvement: Option<MinImprovement>,
    ) -> Self {
        Self {
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            direction,
            deterministic,
            min_improvement: min_improvement.unwrap_or(if deterministic {
                MinImprovement::Absolute(0.0)
            } else {
                NOISY_DEFAULT
            }),
        }
    }

    /// By how much `candidate` is better than `incumbent`, in the metric's unit.
    fn improvement(&self, candidate: f64, incumbent: f64) -> f64 {
        match self.direction {
            Direction::Lower => incumbent - candidate,
            Direction::Higher => candidate - incumbent,
        }
    }
}

/// A verdict and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    pub verdict: Verdict,
    pub reason: String,
}

impl Ruling {
    /// A candidate that is not worth measuring.
    pub fn discard(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Discard,
            reason: reason.into(),
        }
    }

    /// A candidate that could not be measured.
    pub fn crash(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Crash,
            reason: reason.into(),
        }
    }
}

/// Judges a candidate by one value of each side.
///
/// For a metric with noise both values must come from one pairing on one machine; the reason then
/// says that one pairing does not control the noise.
pub fn decide(policy: &Policy, candidate: f64, incumbent: f64) -> Ruling {
    let improvement = policy.improvement(candidate, incumbent);
    let asked = policy.min_improvement.over(incumbent);
    let (verdict, why) = if improvement > 0.0 && improvement >= asked {
        (Verdict::Keep, "better".to_owned())
    } else if improvement > 0.0 {
        let why = format!("better by less than {}", policy.min_improvement);
        (Verdict::Discard, why)
    } else if improvement == 0.0 {
        (Verdict::Discard, "no change".to_owned())
    } else {
        (Verdict::Discard, "worse".to_owned())
    };
    let noise = if policy.deterministic {
        ""
    } else {
        "; measured once each, so noise is not ruled out"
    };
    Ruling {
        verdict,
        reason: format!(
            "{why}: {} {}{noise}",
            policy.metric,
            change(incumbent, candidate, &policy.unit)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(direction: Direction, min_improvement: MinImprovement) -> Policy {
        Policy::new("m", "ms", direction, true, Some(min_improvement))
    }

    #[track_caller]
    fn judges(policy: &Policy, candidate: f64, incumbent: f64, verdict: Verdict) {
        assert_eq!(decide(policy, candidate, incumbent).verdict, verdict);
    }

    #[test]
    fn both_directions_mirror_each_other() {
        for (direction, sign) in [(Direction::Lower, -1.0), (Direction::Higher, 1.0)] {
            let any = policy(direction, MinImprovement::Absolute(0.0));
            judges(&any, 10.0 + sign, 10.0, Verdict::Keep);
            judges(&any, 10.0, 10.0, Verdict::Discard);
            judges(&any, 10.0 - sign, 10.0, Verdict::Discard);
            let much = policy(direction, MinImprovement::Relative(0.2));
            judges(&much, 10.0 + sign, 10.0, Verdict::Discard);
            judges(&much, 10.0 + 2.0 * sign, 10.0, Verdict::Keep);
            let two = policy(direction, MinImprovement::Absolute(2.0));
            judges(&two, -10.0 + sign, -10.0, Verdict::Discard);
            judges(&two, -10.0 + 2.0 * sign, -10.0, Verdict::Keep);
        }
    }

    #[test]
    fn zero_is_a_number() {
        let any = policy(Direction::Lower, MinImprovement::Relative(0.01));
        judges(&any, 0.0, 3.0, Verdict::Keep);
        judges(&any, -1.0, 0.0, Verdict::Keep);
        judges(&any, 0.0, 0.0, Verdict::Discard);
        judges(&any, 3.0, 0.0, Verdict::Discard);
        assert_eq!(decide(&any, 3.0, 0.0).reason, "worse: m 0 -> 3 ms");
    }

    #[test]
    fn the_reason_says_what_was_not_controlled() {
        let noisy = Policy::new("p50_ms", "ms", Direction::Lower, false, None);
        assert_eq!(noisy.min_improvement, NOISY_DEFAULT);
        assert_eq!(
            decide(&noisy, 9.1, 12.3).reason,
            "better: p50_ms 12.30 -> 9.100 ms (-26.0%); measured once each, so noise is not ruled out"
        );
        assert_eq!(
            decide(&noisy, 99.5, 100.0).reason,
            "better by less than 1%: p50_ms 100 -> 99.50 ms (-0.5%); measured once each, so noise is not ruled out"
        );
    }
}

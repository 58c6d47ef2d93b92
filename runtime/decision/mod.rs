//! From measurements to a verdict with its reason; pure.

mod assessment;
mod evidence;
mod figures;
mod gain;
mod improvement;
mod noise;
mod trial;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::measure::Direction;
use crate::stats::{SignBet, e_lond, finite};

pub use assessment::Assessment;
pub use evidence::{Evidence, Round};
pub use figures::{change, number, quantity};
pub use gain::{Gain, Step};
pub use improvement::MinImprovement;
pub use noise::{Level, Noise, Prior};
pub use trial::{Took, Trial, smallest_gain};

/// The least relative improvement of a metric with noise where none is given and its noise is not
/// controlled: without any, half of all useless changes would be kept.
const UNCONTROLLED_DEFAULT: MinImprovement = MinImprovement::Relative(0.01);

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

/// How sure a verdict on a metric with noise has to be, and what it may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// The chance that a candidate which changes nothing is kept.
    pub alpha: f64,
    /// The share of all keeps that may be false in the mean, instead of `alpha`.
    pub false_keep_rate: Option<f64>,
    /// The most rounds before the test says better, for the default `alpha`.
    pub max_rounds: u32,
    /// For all rounds of one verdict.
    pub max_time: Duration,
    /// How many rounds come after the test said better: the estimate is theirs.
    pub confirm_rounds: u32,
    /// A candidate with fewer lines is kept where it is as good.
    pub prefer_simpler: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            false_keep_rate: None,
            max_rounds: 24,
            max_time: Duration::from_mins(50),
            confirm_rounds: 3,
            prefer_simpler: false,
        }
    }
}

impl Rules {
    /// The `alpha` for a try after so many, of which so many were kept.
    pub fn alpha_after(&self, tries: u64, keeps: u64) -> f64 {
        match self.false_keep_rate {
            Some(rate) => e_lond(rate, tries + 1, keeps),
            None => self.alpha,
        }
    }

    /// How many rounds a keep takes at least.
    pub fn least_rounds(&self) -> u32 {
        SignBet::least(self.alpha_after(0, 0))
    }

    /// Whether there are rounds and time enough to control the noise, where a round takes so long.
    pub fn control_noise(&self, round: Duration) -> bool {
        let least = self.least_rounds();
        let rounds = self.rounds(self.alpha_after(0, 0));
        rounds >= least as usize && self.max_time >= round.saturating_mul(least)
    }

    /// The most rounds with this `alpha`: one that asks for more evidence than the default allows for
    /// more of them, in proportion.
    fn rounds(&self, alpha: f64) -> usize {
        let stretch = (alpha.ln() / Self::default().alpha.ln()).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and small"
        )]
        let rounds = (f64::from(self.max_rounds) * stretch).ceil() as usize;
        rounds
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
    /// None where any improvement that is one will do.
    pub min_improvement: Option<MinImprovement>,
    pub rules: Rules,
}

impl Policy {
    /// The least improvement that a comparison of one value of each side asks for.
    fn least(&self) -> MinImprovement {
        self.min_improvement.unwrap_or(if self.deterministic {
            MinImprovement::NONE
        } else {
            UNCONTROLLED_DEFAULT
        })
    }

    /// By how much `candidate` is better than `incumbent`, in the metric's unit.
    fn improvement(&self, candidate: f64, incumbent: f64) -> f64 {
        finite(match self.direction {
            Direction::Lower => incumbent - candidate,
            Direction::Higher => candidate - incumbent,
        })
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

/// Judges a candidate by one value of each side; `simpler` says that it is shorter than the incumbent.
///
/// For a metric with noise both values must come from the same pairs on one machine; the reason then
/// says that the noise was not controlled.
pub fn decide(policy: &Policy, candidate: f64, incumbent: f64, simpler: bool) -> Ruling {
    let improvement = policy.improvement(candidate, incumbent);
    let least = policy.least();
    let prefers = simpler && policy.rules.prefer_simpler;
    let (verdict, why) = if improvement > 0.0 && improvement >= least.over(incumbent) {
        let seems = if policy.deterministic { "" } else { "seems " };
        (Verdict::Keep, format!("{seems}better"))
    } else if improvement == 0.0 && prefers {
        (Verdict::Keep, "as good, and simpler".to_owned())
    } else if improvement > 0.0 {
        (Verdict::Discard, format!("better by less than {least}"))
    } else if improvement == 0.0 {
        (Verdict::Discard, "no change".to_owned())
    } else {
        (Verdict::Discard, "worse".to_owned())
    };
    let noise = if policy.deterministic {
        ""
    } else {
        "; too few rounds to rule out noise"
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
        Policy {
            metric: "m".to_owned(),
            unit: "ms".to_owned(),
            direction,
            deterministic: true,
            min_improvement: Some(min_improvement),
            rules: Rules::default(),
        }
    }

    #[track_caller]
    fn judges(policy: &Policy, candidate: f64, incumbent: f64, verdict: Verdict) {
        assert_eq!(decide(policy, candidate, incumbent, false).verdict, verdict);
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
        assert_eq!(decide(&any, 3.0, 0.0, false).reason, "worse: m 0 -> 3 ms");
    }

    #[test]
    fn equal_and_simpler_is_a_keep_where_the_owner_prefers_that() {
        let mut any = policy(Direction::Lower, MinImprovement::NONE);
        assert_eq!(decide(&any, 3.0, 3.0, true).verdict, Verdict::Discard);
        any.rules.prefer_simpler = true;
        assert_eq!(decide(&any, 3.0, 3.0, true).verdict, Verdict::Keep);
        assert_eq!(decide(&any, 3.0, 3.0, false).verdict, Verdict::Discard);
        assert_eq!(decide(&any, 3.1, 3.0, true).verdict, Verdict::Discard);
    }

    #[test]
    fn the_reason_says_what_was_not_controlled() {
        let noisy = Policy {
            deterministic: false,
            min_improvement: None,
            ..policy(Direction::Lower, MinImprovement::NONE)
        };
        assert_eq!(
            decide(&noisy, 9.1, 12.3, false).reason,
            "seems better: m 12.30 -> 9.100 ms (-26.0%); too few rounds to rule out noise"
        );
        assert_eq!(
            decide(&noisy, 99.5, 100.0, false).reason,
            "better by less than 1%: m 100 -> 99.50 ms (-0.5%); too few rounds to rule out noise"
        );
    }
}

//! What a verdict on a metric with noise rests on.

use serde::{Deserialize, Serialize};

use super::Policy;
use super::figures::{change, number, percentage};
use crate::measure::Direction;
use crate::stats::{self, median};

/// The error of the interval that is told with an estimate.
const INTERVAL_ALPHA: f64 = 0.05;

/// One measurement of each side, one right after the other, in random order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    pub incumbent: f64,
    pub candidate: f64,
}

impl Round {
    /// By how much the incumbent's value is higher.
    pub fn difference(&self) -> f64 {
        stats::finite(self.incumbent - self.candidate)
    }
}

/// What a verdict on a metric with noise rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub rounds: Vec<Round>,
    /// How many of the last rounds came after the test said better, to confirm it.
    pub confirming: usize,
    /// The chance that a candidate which changes nothing is kept; none where the noise is not
    /// controlled.
    pub alpha: Option<f64>,
    /// Of the candidate being better. It has to reach `1 / alpha`.
    pub e_value: f64,
    /// The improvement in the metric's unit, negative where it is worse: the median over the
    /// confirming rounds, or over all where there are none.
    pub estimate: f64,
    /// Where the improvement lies with a chance of 95 %, from all rounds; none where they are too few.
    pub interval: (Option<f64>, Option<f64>),
    /// For how many of the first rounds a recorded value of the incumbent served.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reused: usize,
    /// Twice what the incumbent took in a round, in seconds, but for the first one.
    pub round_seconds: f64,
    /// The standard deviation of a difference, as far as it was known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// By how much a simpler candidate was allowed to be worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes it like this"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Evidence {
    /// The values of incumbent and candidate that stand for the rounds: the medians over those that
    /// the estimate comes from.
    pub fn values(&self) -> (f64, f64) {
        let from = match self.confirming {
            0 => 0,
            fresh => self.rounds.len().saturating_sub(fresh),
        };
        let telling = self.rounds.get(from..).unwrap_or_default();
        let side =
            |value: fn(&Round) -> f64| median(&telling.iter().map(value).collect::<Vec<_>>());
        (side(|round| round.incumbent), side(|round| round.candidate))
    }

    /// The estimate without what a simpler candidate was allowed to be worse: as it was measured.
    fn gain(&self) -> f64 {
        stats::finite(self.estimate + self.margin.unwrap_or_default())
    }

    /// Widens the interval so that the estimate, which rests on fewer rounds, lies in it.
    pub(super) fn hold_estimate(&mut self) {
        let gain = self.gain();
        self.interval.0 = self.interval.0.map(|low| low.min(gain));
        self.interval.1 = self.interval.1.map(|high| high.max(gain));
    }

    /// The reason for a verdict in words and numbers, where `alpha` was asked for.
    pub(super) fn reason(&self, policy: &Policy, alpha: f64, what: &str) -> String {
        let (incumbent, _) = self.values();
        let sign = match policy.direction {
            Direction::Lower => -1.0,
            Direction::Higher => 1.0,
        };
        let interval = match self.interval {
            (Some(low), Some(high)) => {
                let mut ends = [low * sign, high * sign];
                ends.sort_by(f64::total_cmp);
                let [low, high] = ends.map(|end| relative(end, incumbent));
                format!(", 95% interval {low} to {high}")
            }
            _ => String::new(),
        };
        let confirming = match self.confirming {
            0 => String::new(),
            n => format!(", {n} of them fresh to confirm"),
        };
        format!(
            "{what}: {} {}{interval}; {} {}{confirming}, e-value {} ({} asked)",
            policy.metric,
            change(
                incumbent,
                stats::finite(incumbent + sign * self.gain()),
                &policy.unit
            ),
            self.rounds.len(),
            if self.rounds.len() == 1 {
                "round"
            } else {
                "rounds"
            },
            round_to(self.e_value, 3),
            round_to(1.0 / alpha, 3),
        )
    }
}

/// Where the improvement lies, in the metric's unit: the interval of [`stats::interval`], for differences of
/// normally distributed noise with this standard deviation if that is known.
///
/// Where all values have one sign it is found for the logarithm of their ratio: gains and noise grow with
/// what they are of, so that rounds on a busy machine tell the same as those on an idle one. It is told
/// for an incumbent of this size (`level`).
pub(super) fn interval(
    policy: &Policy,
    rounds: &[Round],
    level: f64,
    effect: f64,
    spread: Option<f64>,
) -> (Option<f64>, Option<f64>) {
    let on_ratios = || {
        let side = if rounds
            .iter()
            .all(|r| r.incumbent > 0.0 && r.candidate > 0.0)
        {
            1.0
        } else if rounds
            .iter()
            .all(|r| r.incumbent < 0.0 && r.candidate < 0.0)
        {
            -1.0
        } else {
            return None;
        };
        // Whether a larger size, without its sign, is better or worse.
        let sign = match policy.direction {
            Direction::Lower => -side,
            Direction::Higher => side,
        };
        let ratios: Vec<f64> = rounds
            .iter()
            .map(|r| sign * (r.candidate.abs().ln() - r.incumbent.abs().ln()))
            .collect();
        let spread = spread.map(|spread| spread / level);
        let (low, high) = stats::interval(&ratios, INTERVAL_ALPHA, effect, spread);
        let gain = |ratio: f64| sign * level * (sign * ratio).exp_m1();
        let ends = (low.map(gain), high.map(gain));
        let is_fit = |end: Option<f64>| end.is_none_or(f64::is_finite);
        (is_fit(ends.0) && is_fit(ends.1)).then_some(ends)
    };
    on_ratios().unwrap_or_else(|| {
        let gains: Vec<f64> = rounds
            .iter()
            .map(|r| policy.improvement(r.candidate, r.incumbent))
            .collect();
        stats::interval(&gains, INTERVAL_ALPHA, effect, spread)
    })
}

/// A change as a share of a value, or as it is where there is none.
pub(super) fn relative(change: f64, value: f64) -> String {
    percentage(change / value.abs()).unwrap_or_else(|| number(change))
}

/// So many significant digits, which is what an e-value deserves.
fn round_to(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent is small")]
    let magnitude = value.abs().log10().floor() as i32;
    let factor = 10.0_f64.powi(digits - 1 - magnitude);
    let rounded = (value * factor).round() / factor;
    if rounded.is_finite() { rounded } else { value }
}

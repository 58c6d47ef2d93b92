//! How a version compares with an earlier one, by what was measured side by side.
//!
//! A machine drifts: values of different hours differ for reasons of their own. So keeps are put
//! together by their own pairs: their ratios are multiplied. The intervals of independent estimates add up
//! in the squares of their logarithms' distances (propagation of uncertainty).

use super::figures::{change, percentage, quantity};
use crate::measure::Direction;

/// What keeps, one upon the other, amount to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// How many keeps there were, and how many of them have rounds of both sides.
    steps: u32,
    paired: u32,
    /// The logarithm of the product of all ratios, candidate to incumbent, of absolute values; none
    /// if one of them does not exist.
    ratio: Option<f64>,
    /// The squares of how far the interval reaches below and above it; none if one is unknown.
    reach: Option<(f64, f64)>,
    /// Whether the values are negative: a smaller one then has a larger absolute value.
    negative: bool,
}

impl Default for Gain {
    fn default() -> Self {
        Self {
            steps: 0,
            paired: 0,
            ratio: Some(0.0),
            reach: Some((0.0, 0.0)),
            negative: false,
        }
    }
}

/// One keep: what was measured of both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub incumbent: f64,
    pub candidate: f64,
    /// Where the improvement lies, in the metric's unit.
    pub interval: (Option<f64>, Option<f64>),
    pub direction: Option<Direction>,
    /// Whether both sides were measured in turn, in rounds.
    pub paired: bool,
}

impl Gain {
    pub fn add(&mut self, step: &Step) {
        self.steps += 1;
        self.paired += u32::from(step.paired);
        let ratio = |candidate: f64| {
            let ratio = candidate / step.incumbent;
            (ratio > 0.0 && ratio.is_finite()).then(|| ratio.ln())
        };
        let middle = ratio(step.candidate);
        self.negative = step.incumbent < 0.0;
        if step.paired {
            let reach = middle.and_then(|middle| {
                let sign = match step.direction? {
                    Direction::Lower => -1.0,
                    Direction::Higher => 1.0,
                };
                let (low, high) = (step.interval.0?, step.interval.1?);
                let ends = [low, high].map(|gain| ratio(step.incumbent + sign * gain));
                let (one, other) = (ends[0]?, ends[1]?);
                let below = (middle - one.min(other)).max(0.0);
                let above = (one.max(other) - middle).max(0.0);
                Some((below * below, above * above))
            });
            self.reach = self
                .reach
                .zip(reach)
                .map(|(sum, one)| (sum.0 + one.0, sum.1 + one.1));
        }
        self.ratio = self.ratio.zip(middle).map(|(sum, one)| sum + one);
    }

    /// Adds a step if there is one.
    pub fn extend(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.add(&step);
        }
    }

    /// Whether there was any keep.
    pub fn is_any(&self) -> bool {
        self.steps > 0
    }

    /// Whether it rests on pairs of rounds, rather than on values that are always the same.
    pub fn is_paired(&self) -> bool {
        self.paired > 0
    }

    fn as_share(self, ratio: f64) -> Option<f64> {
        let share = ratio.exp_m1();
        let share = if self.negative { -share } else { share };
        share.is_finite().then_some(share)
    }

    /// The change as a share of the first value's size; none if there is no such share.
    pub fn share(&self) -> Option<f64> {
        self.as_share(self.ratio?)
    }

    /// Where that lies with a chance of 95 %; none if that is not known, or nothing was measured in
    /// rounds.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let (ratio, (below, above)) = self.ratio.zip(self.reach).filter(|_| self.is_paired())?;
        let one = self.as_share(ratio - below.sqrt())?;
        let other = self.as_share(ratio + above.sqrt())?;
        Some((one.min(other), one.max(other)))
    }

    /// `-27.8%, 95% interval -29.0% to -26.5%`; none if there is no such share.
    pub fn in_words(&self) -> Option<String> {
        let share = percentage(self.share()?)?;
        let interval = self
            .interval()
            .and_then(|(low, high)| Some((percentage(low)?, percentage(high)?)))
            .filter(|(low, high)| *low != share || *high != share);
        Some(match interval {
            Some((low, high)) => format!("{share}, 95% interval {low} to {high}"),
            None => share,
        })
    }

    /// The change from a first value to the best one, in words: as measured side by side if it was,
    /// with the values of then beside it.
    pub fn told(&self, first: f64, best: f64, unit: &str) -> String {
        match self.in_words().filter(|_| self.is_paired()) {
            Some(words) => format!(
                "{words} ({} when kept, {} at the start)",
                quantity(best, unit),
                quantity(first, unit)
            ),
            None => change(first, best, unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(incumbent: f64, candidate: f64, interval: (f64, f64)) -> Step {
        Step {
            incumbent,
            candidate,
            interval: (Some(interval.0), Some(interval.1)),
            direction: Some(Direction::Lower),
            paired: true,
        }
    }

    #[test]
    fn what_the_machine_drifted_is_no_gain_and_no_loss() {
        let mut gain = Gain::default();
        gain.add(&step(100.0, 50.0, (45.0, 55.0)));
        // An hour later everything takes four times as long.
        gain.add(&step(200.0, 150.0, (40.0, 60.0)));
        assert!((gain.share().unwrap() - -0.625).abs() < 1e-9);
        let (low, high) = gain.interval().unwrap();
        assert!(low < -0.625 && high > -0.625, "{low} {high}");
        assert!(low > -0.68 && high < -0.56, "{low} {high}");
        assert_eq!(
            gain.told(100.0, 150.0, "ms").split_once(',').unwrap().0,
            "-62.5%"
        );
    }

    #[test]
    fn one_keep_has_its_own_interval() {
        let mut gain = Gain::default();
        gain.add(&step(100.0, 90.0, (5.0, 15.0)));
        let (low, high) = gain.interval().unwrap();
        assert!((low - -0.15).abs() < 1e-9 && (high - -0.05).abs() < 1e-9);
    }

    #[test]
    fn exact_values_are_compared_as_they_are() {
        let mut gain = Gain::default();
        assert_eq!((gain.share(), gain.is_any()), (Some(0.0), false));
        let exact = |incumbent, candidate| Step {
            interval: (None, None),
            paired: false,
            ..step(incumbent, candidate, (0.0, 0.0))
        };
        gain.add(&exact(100.0, 50.0));
        assert_eq!(gain.told(100.0, 50.0, "bytes"), "100 -> 50 bytes (-50.0%)");
        gain.add(&exact(50.0, 0.0));
        assert_eq!(gain.share(), None);
        assert_eq!(gain.told(100.0, 0.0, "bytes"), "100 -> 0 bytes (-100.0%)");
    }

    #[test]
    fn of_negative_values_the_higher_one_is_a_rise() {
        let mut gain = Gain::default();
        gain.add(&Step {
            direction: Some(Direction::Higher),
            ..step(-10.0, -5.0, (4.0, 6.0))
        });
        assert_eq!(gain.share(), Some(0.5));
        let (low, high) = gain.interval().unwrap();
        assert!((low - 0.4).abs() < 1e-9 && (high - 0.6).abs() < 1e-9);
    }
}

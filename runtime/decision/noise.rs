//! What earlier pairs tell of a metric's noise.
//!
//! It serves for giving up early and for scaling bets. No keep rests on it: that takes fresh pairs.

use std::collections::VecDeque;
use std::time::Duration;

use super::evidence::{Evidence, Round};
use crate::stats::{changes, finite, median, spread};

/// How many of the last values of each kind count.
const REMEMBERED: usize = 128;
/// How many values of the incumbent say what its level is: more would be too long ago.
const RECENT: usize = 12;
/// How many values it takes to say anything.
const ENOUGH: usize = 8;
/// How many values of the incumbent it takes to say what its level is.
const ENOUGH_FOR_LEVEL: usize = 3;
/// The variance of a median is that of a mean times this, for normal values.
const MEDIAN_OVER_MEAN: f64 = std::f64::consts::FRAC_PI_2;

/// What is known of the noise before a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prior {
    /// The standard deviation of a difference within a pair, in the metric's unit.
    pub spread: Option<f64>,
    /// Where the incumbent's next value is expected.
    pub level: Option<Level>,
    /// How long a round takes.
    pub pace: Option<Duration>,
}

/// A value and how far off it may be, as a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    pub value: f64,
    pub deviation: f64,
}

/// Values, each with the level at which it was found: noise grows with what it is noise of.
#[derive(Debug, Clone, Default, PartialEq)]
struct Deviations(VecDeque<(f64, f64)>);

impl Deviations {
    fn add(&mut self, deviation: f64, level: f64) {
        push(&mut self.0, (deviation, level), REMEMBERED);
    }

    /// Their standard deviation at a level, where there are enough of them.
    fn at(&self, level: f64) -> Option<f64> {
        if self.0.len() < ENOUGH {
            return None;
        }
        let scaled: Vec<f64> = self
            .0
            .iter()
            .map(|(deviation, then)| {
                let growth = level / then;
                if growth.is_finite() && growth > 0.0 {
                    finite(deviation * growth)
                } else {
                    *deviation
                }
            })
            .collect();
        Some(spread(&scaled, 0.0))
    }
}

/// What earlier pairs of one metric tell, kept up verdict by verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise {
    differences: Deviations,
    /// The incumbent's last values, in this session.
    incumbent: VecDeque<f64>,
    /// How far the incumbent's values lay from where they were expected.
    surprises: Deviations,
    pace: Option<Duration>,
}

impl Noise {
    /// Learns from what one verdict rests on, and from whether the candidate is the incumbent now.
    pub fn learn(&mut self, evidence: &Evidence, kept: bool) {
        self.learn_rounds(&evidence.rounds, evidence.reused, kept);
        self.pace = Duration::try_from_secs_f64(evidence.round_seconds).ok();
    }

    /// Learns from the rounds of one verdict, of which the first have values of the incumbent that are
    /// known from before.
    ///
    /// What is learnt of differences comes from each less the one before it, so that the effect of the
    /// candidate plays no part (von Neumann, *Distribution of the ratio of the mean square successive
    /// difference to the variance*, 1941).
    pub fn learn_rounds(&mut self, rounds: &[Round], reused: usize, kept: bool) {
        let Some(first) = rounds.first() else {
            return;
        };
        let differences: Vec<f64> = rounds.iter().map(Round::difference).collect();
        for change in changes(&differences) {
            self.differences.add(change, first.incumbent);
        }
        let new = rounds.get(reused..).unwrap_or_default();
        if let Some(level) = self.level() {
            for round in new.iter().take(2) {
                let surprise = finite(round.incumbent - level);
                self.surprises.add(surprise, first.incumbent);
            }
        }
        if kept {
            self.incumbent.clear();
        }
        for round in if kept { rounds } else { new } {
            let value = if kept {
                round.candidate
            } else {
                round.incumbent
            };
            push(&mut self.incumbent, value, RECENT);
        }
    }

    /// Forgets where the incumbent was: values of another session are of another day.
    pub fn begin_session(&mut self) {
        self.incumbent.clear();
    }

    fn level(&self) -> Option<f64> {
        let (one, two) = self.incumbent.as_slices();
        (self.incumbent.len() >= ENOUGH_FOR_LEVEL).then(|| median(&[one, two].concat()))
    }

    /// What is known, for an incumbent of about this value.
    pub fn prior(&self, value: f64) -> Prior {
        let spread = self.differences.at(value);
        let level = (|| {
            let (level, spread) = (self.level()?, spread?);
            let single = spread * spread / 2.0;
            let surprise = self.surprises.at(value)?.powi(2);
            #[expect(clippy::cast_precision_loss, reason = "there are few")]
            let count = self.incumbent.len() as f64;
            let variance = (surprise - single).max(MEDIAN_OVER_MEAN * single / count);
            variance.is_finite().then(|| Level {
                value: level,
                deviation: variance.sqrt(),
            })
        })();
        Prior {
            spread,
            level,
            pace: self.pace,
        }
    }
}

fn push<T>(values: &mut VecDeque<T>, value: T, most: usize) {
    if values.len() >= most {
        values.pop_front();
    }
    values.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(incumbent: f64, gain: f64, noise: &[f64]) -> Vec<Round> {
        noise
            .iter()
            .map(|noise| Round {
                incumbent: incumbent + noise,
                candidate: incumbent - gain - noise,
            })
            .collect()
    }

    #[test]
    fn the_spread_is_that_of_the_noise_whatever_candidates_do() {
        let waves = [0.5, -0.5, 0.5, -0.5, 0.5, -0.5];
        let mut noise = Noise::default();
        assert_eq!(noise.prior(100.0), Prior::default());
        for gain in [0.0, 10.0, -90.0] {
            noise.learn_rounds(&rounds(100.0, gain, &waves), 0, false);
        }
        let spread = noise.prior(100.0).spread.unwrap();
        // Differences go up and down by 2, so each change is 2 / sqrt(2); the level is 100.5.
        assert!((spread - 2.0_f64.sqrt() / 0.6745).abs() < 0.02, "{spread}");
        let doubled = noise.prior(200.0).spread.unwrap();
        assert!((doubled - 2.0 * spread).abs() < 1e-9);
        // Shares mean nothing across zero.
        for level in [0.0, -100.0] {
            let unscaled = noise.prior(level).spread.unwrap();
            assert!((unscaled - spread * 1.005).abs() < 1e-9, "{unscaled}");
        }
    }

    #[test]
    fn the_level_is_known_with_its_surprises_and_only_in_a_session() {
        let waves = [0.5, -0.5, 0.4, -0.4];
        let mut noise = Noise::default();
        for _ in 0..6 {
            noise.learn_rounds(&rounds(100.0, 0.0, &waves), 0, false);
        }
        let calm = noise.prior(100.0).level.unwrap();
        assert!((calm.value - 100.0).abs() < 0.5);
        for drift in [3.0, -4.0, 5.0, -6.0, 4.0, -5.0] {
            noise.learn_rounds(&rounds(100.0 + drift, 0.0, &waves), 0, false);
        }
        let drifting = noise.prior(100.0).level.unwrap();
        assert!(drifting.deviation > 2.0 * calm.deviation, "{drifting:?}");
        noise.learn_rounds(&rounds(100.0, 30.0, &waves), 0, true);
        assert!((noise.prior(70.0).level.unwrap().value - 70.0).abs() < 1.0);
        noise.begin_session();
        assert_eq!(noise.prior(70.0).level, None);
        assert!(noise.prior(70.0).spread.is_some());
    }
}

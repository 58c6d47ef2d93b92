//! What an A/A run, the incumbent against itself, tells of a metric.

use std::time::Duration;

use super::evidence::Round;
use super::trial::smallest_gain;
use super::{Policy, Rules};
use crate::stats::{distance_spread, e_value, finite, median};

/// One worktree differs from the other where the evidence is this strong.
const BIASED: f64 = 20.0;
/// How many rounds a verdict takes in the mean with normal noise and the default rules, once the noise
/// is known: for a change that does nothing, and for a gain of twice the standard deviation before it is
/// confirmed. The benchmark `verdicts` measures it.
const NO_OP_ROUNDS: f64 = 3.3;
const GAIN_ROUNDS: f64 = 9.7;

/// What an A/A run tells of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The median of all values.
    pub value: f64,
    /// The standard deviation of one measurement within a pair, in the metric's unit.
    pub deviation: f64,
    /// How far off that may be, as a share of it: its own standard deviation.
    pub uncertainty: f64,
    /// The smallest gain that a verdict finds nearly always, in the metric's unit.
    pub smallest_gain: f64,
    /// Whether one worktree gives other values than the other, though the same is in both.
    pub biased: bool,
    /// How long a round takes, in seconds.
    pub round_seconds: f64,
    /// How many rounds there are in the time that a verdict may take.
    pub rounds_in_time: f64,
    /// How many rounds it takes at least to keep a candidate.
    pub least_rounds: u32,
    /// How many rounds a verdict takes in the mean on a change that does nothing.
    pub no_op_rounds: f64,
    /// How many it takes in the mean on a gain, with those that confirm it.
    pub gain_rounds: f64,
}

impl Assessment {
    /// Assesses a metric by the rounds of an A/A run: at least two.
    pub fn of(policy: &Policy, rounds: &[Round], round_seconds: f64) -> Self {
        let rules = &policy.rules;
        let values: Vec<f64> = rounds
            .iter()
            .flat_map(|round| [round.incumbent, round.candidate])
            .collect();
        let differences: Vec<f64> = rounds.iter().map(Round::difference).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let count = rounds.len().max(1) as f64;
        // A difference has two measurements in it.
        let mut spread = distance_spread(&differences);
        if spread == 0.0 {
            // Most are the same, and not all need be: the root of the mean square tells.
            let squares: f64 = differences.iter().map(|x| x * x).sum();
            spread = (squares / count).sqrt();
        }
        let deviation = finite(spread * std::f64::consts::FRAC_1_SQRT_2);
        let mirrored: Vec<f64> = differences.iter().map(|x| -x).collect();
        let bias = |differences: &[f64]| e_value(differences, 0.0, 1.0, None);
        // The mean of two e-values is one.
        let bias = f64::midpoint(bias(&differences), bias(&mirrored));
        let least_rounds = rules.least_rounds();
        let patience = f64::from(rules.max_rounds) / f64::from(Rules::default().max_rounds);
        let gain_rounds = (GAIN_ROUNDS * patience).max(f64::from(least_rounds));
        Self {
            value: median(&values),
            deviation,
            // As good as the deviation of seven tenths as many normal samples.
            uncertainty: (1.4 * count).sqrt().recip(),
            smallest_gain: finite(smallest_gain(rules.max_rounds) * deviation),
            biased: bias >= BIASED,
            round_seconds,
            rounds_in_time: rules.max_time.as_secs_f64() / round_seconds.max(1e-9),
            least_rounds,
            no_op_rounds: NO_OP_ROUNDS * patience.max(1.0),
            gain_rounds: gain_rounds + f64::from(rules.confirm_rounds),
        }
    }

    /// Whether verdicts can tell gains from noise in the rounds and the time that they have.
    pub fn is_controlled(&self, rules: &Rules) -> bool {
        rules
            .control_noise(Duration::try_from_secs_f64(self.round_seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::super::MinImprovement;
    use super::*;
    use crate::measure::Direction;

    fn assess(bias: f64) -> Assessment {
        let policy = Policy {
            metric: "m".to_owned(),
            unit: "ms".to_owned(),
            direction: Direction::Lower,
            deterministic: false,
            min_improvement: Some(MinImprovement::NONE),
            rules: Rules::default(),
        };
        let noise = [0.9, -1.1, 0.2, -0.3, 1.4, -0.8, -0.1, 0.6];
        let rounds: Vec<Round> = (0..16)
            .map(|i| Round {
                incumbent: 100.0 + noise[i % 8],
                candidate: 100.0 - bias + noise[(3 * i + 1) % 8],
            })
            .collect();
        Assessment::of(&policy, &rounds, 10.0)
    }

    #[test]
    fn the_noise_and_what_it_leaves_to_be_found() {
        let assessment = assess(0.0);
        assert!((assessment.value - 100.0).abs() < 1.0);
        assert!((0.4..1.6).contains(&assessment.deviation), "{assessment:?}");
        assert!((assessment.smallest_gain / assessment.deviation - 2.0).abs() < 1e-9);
        assert!(!assessment.biased);
        assert_eq!(assessment.least_rounds, 7);
        assert_eq!(assessment.rounds_in_time, 300.0);
        assert!(assessment.is_controlled(&Rules::default()));
        let once = Rules {
            max_rounds: 1,
            ..Rules::default()
        };
        assert!(!assessment.is_controlled(&once));
    }

    #[test]
    fn worktrees_that_differ_are_told() {
        assert!(assess(4.0).biased);
        assert!(assess(-4.0).biased);
    }
}

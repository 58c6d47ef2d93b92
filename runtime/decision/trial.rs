//! A trial: incumbent and candidate measured in rounds until there is a verdict.

use std::time::Duration;

use super::evidence::{Evidence, Round, interval, relative};
use super::noise::Prior;
use super::{MinImprovement, Policy, Ruling, Verdict, decide};
use crate::stats::{self, SignBet, median, ratio};

/// A trial is given up once a gain that it could find is so much less likely than none. With less,
/// useless candidates take more rounds than the few gains that are lost are worth (`cargo bench --bench
/// verdicts`).
const GIVE_UP: f64 = 1.0 / 7.0;
/// No trial is given up on one round: that may be a spike.
const LEAST_TO_GIVE_UP: usize = 2;
/// So many rounds tell their own noise, where it is not known from before.
const LEAST_FOR_OWN_NOISE: usize = 4;
/// A candidate whose e-value is below this is called worse.
const SURELY_WORSE: f64 = 0.05;
/// What is further from the expectation than this many standard deviations counts as if it were not.
const CLIP: f64 = 1.8;
/// The most that an effect counts, in standard deviations of a difference.
const LARGEST_EFFECT: f64 = 8.0;
/// With this many rounds, gains of twice the standard deviation of one measurement are found.
const ROUNDS_FOR_TWO_DEVIATIONS: f64 = 24.0;

/// Why no more rounds are worth their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Better,
    /// A gain as small as this trial could find is unlikely.
    Unlikely,
    Rounds,
    Time,
    /// There is no time for as many rounds as control of the noise takes.
    Uncontrolled,
}

/// How long the two sides of a round took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// Zero where a recorded value served.
    pub incumbent: Duration,
    pub candidate: Duration,
}

impl Took {
    fn both(&self) -> Duration {
        self.incumbent + self.candidate
    }
}

/// A candidate on trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    policy: Policy,
    alpha: f64,
    prior: Prior,
    /// What is added to each improvement, for a simpler candidate.
    margin: Option<f64>,
    rounds: Vec<Round>,
    took: Vec<Took>,
    /// The improvements, with the margin.
    gains: Vec<f64>,
    bet: SignBet,
    /// How many rounds there were when the test said better, and its e-value then.
    better_after: Option<(usize, f64)>,
}

impl Trial {
    /// A trial with this `alpha`. `simpler` says that the candidate is shorter than the incumbent.
    pub fn new(policy: &Policy, alpha: f64, prior: Prior, simpler: bool) -> Self {
        let effect = effect(policy.rules.max_rounds);
        let margin = prior
            .spread
            .filter(|_| simpler && policy.rules.prefer_simpler)
            .map(|spread| stats::finite(effect * spread));
        Self {
            policy: policy.clone(),
            alpha,
            prior,
            margin,
            rounds: Vec::new(),
            took: Vec::new(),
            gains: Vec::new(),
            bet: SignBet::new(effect),
            better_after: None,
        }
    }

    /// How many rounds are done.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// How long a round takes in which the candidate takes as long as the incumbent: a slow candidate is
    /// no reason to believe it sooner. The first round may build.
    fn pace(&self) -> Duration {
        let later = self.took.get(1..).filter(|later| !later.is_empty());
        let rounds = later.unwrap_or(&self.took);
        let count = u32::try_from(rounds.len()).unwrap_or(u32::MAX).max(1);
        2 * rounds.iter().map(|took| took.incumbent).sum::<Duration>() / count
    }

    /// One more round, and how long it took.
    pub fn add(&mut self, round: Round, took: Took) {
        let improvement = self.policy.improvement(round.candidate, round.incumbent);
        let gain = stats::finite(improvement + self.margin.unwrap_or_default());
        self.rounds.push(round);
        self.took.push(took);
        self.gains.push(gain);
        let scale = self.prior.spread.unwrap_or_else(|| {
            let sizes: Vec<f64> = self.gains.iter().map(|gain| gain.abs()).collect();
            stats::running_scale(&sizes)
        });
        self.bet.observe(ratio(gain, scale));
        if self.better_after.is_none() && self.bet.value() >= 1.0 / self.alpha {
            self.better_after = Some((self.gains.len(), self.bet.value()));
        }
    }

    /// The verdict, once there is one.
    pub fn ruling(&self) -> Option<(Ruling, Evidence)> {
        let stop = self.stop()?;
        let confirming = match (stop, self.better_after) {
            (Stop::Better, Some((after, _))) => {
                let fresh = self.gains.len() - after;
                let asked = self.policy.rules.confirm_rounds as usize;
                if fresh < asked {
                    return None;
                }
                // A spike in the few fresh ones is no reason to let go of a gain: twice as many tell.
                if asked > 0 && fresh < 2 * asked && !self.is_enough(fresh) {
                    return None;
                }
                fresh
            }
            _ => 0,
        };
        Some(self.rule(stop, confirming))
    }

    fn stop(&self) -> Option<Stop> {
        let done = self.gains.len();
        if done == 0 {
            return None;
        }
        if self.better_after.is_some() {
            return Some(Stop::Better);
        }
        let most = self.policy.rules.rounds(self.alpha);
        let least = SignBet::least(self.alpha) as usize;
        if most < least {
            return (done >= most).then_some(Stop::Uncontrolled);
        }
        if done >= most {
            return Some(Stop::Rounds);
        }
        let fit = self.fit();
        let is_pace_known = self.prior.pace.is_some() || done > 1 || fit <= done;
        if done <= 2 && is_pace_known && fit < least {
            return Some(Stop::Uncontrolled);
        }
        let left = u32::try_from(most.saturating_sub(done)).unwrap_or(u32::MAX);
        if self.bet.reach(left) < 1.0 / self.alpha || self.is_gain_unlikely() {
            return Some(Stop::Unlikely);
        }
        let spent: Duration = self.took.iter().map(Took::both).sum();
        (spent >= self.policy.rules.max_time).then_some(Stop::Time)
    }

    /// How many rounds there can be in the time that a verdict may take, at the incumbent's pace.
    fn fit(&self) -> usize {
        let spent: Duration = self.took.iter().map(|took| 2 * took.incumbent).sum();
        let left = self.policy.rules.max_time.saturating_sub(spent);
        let first = self.prior.pace.filter(|_| self.took.len() == 1);
        let pace = first.unwrap_or_else(|| self.pace()).as_secs_f64();
        let more = left.as_secs_f64() / pace.max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and saturates"
        )]
        let more = more as usize;
        self.took.len().saturating_add(more)
    }

    /// Wald's sequential probability ratio test, the other way round: whether a gain as small as this
    /// trial could find is less likely than none by [`GIVE_UP`], by the distance of candidate and
    /// incumbent so far. It looks at the incumbent's earlier values too, as far as they tell more than
    /// its drift takes away.
    fn is_gain_unlikely(&self) -> bool {
        let done = self.gains.len();
        if done < LEAST_TO_GIVE_UP {
            return false;
        }
        let spread = match self.prior.spread {
            Some(spread) => spread,
            None if done >= LEAST_FOR_OWN_NOISE => stats::spread(&stats::changes(&self.gains), 0.0),
            None => return false,
        };
        let standardised: Vec<f64> = self.gains.iter().map(|gain| ratio(*gain, spread)).collect();
        let asked = self.asked(&self.rounds);
        let effect = ratio(asked, spread)
            .max(self.bet.effect())
            .min(LARGEST_EFFECT);
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let count = done as f64;
        let clipped_mean = |values: &mut dyn Iterator<Item = f64>, deviation: f64| {
            let (low, high) = (
                effect / 2.0 - CLIP * deviation,
                effect / 2.0 + CLIP * deviation,
            );
            values.map(|value| value.clamp(low, high)).sum::<f64>() / count
        };
        // In units of the spread of a difference: each side contributes half of its variance.
        let single = 0.5 / count;
        let paired = clipped_mean(&mut standardised.iter().copied(), 1.0);
        let (distance, variance) = match self.prior.level.filter(|_| spread > 0.0) {
            Some(level) => {
                let drift = (level.deviation / spread).powi(2);
                let margin = self.margin.unwrap_or_default();
                let mut gains = self.rounds.iter().map(|round| {
                    let gain = self.policy.improvement(round.candidate, level.value);
                    (gain + margin) / spread
                });
                let from_level = clipped_mean(&mut gains, (0.5 + drift).sqrt());
                let weight = single / (single + drift);
                (
                    weight * from_level + (1.0 - weight) * paired,
                    single + drift * single / (drift + single),
                )
            }
            None => (paired, 2.0 * single),
        };
        effect * (distance - effect / 2.0) / variance <= GIVE_UP.ln()
    }

    /// The least that a gain with the margin must be for a keep by these rounds.
    fn asked(&self, rounds: &[Round]) -> f64 {
        let Some(least) = self
            .policy
            .min_improvement
            .filter(|_| self.margin.is_none())
        else {
            return 0.0;
        };
        let incumbents: Vec<f64> = rounds.iter().map(|round| round.incumbent).collect();
        least.over(median(&incumbents))
    }

    /// Whether the last so many rounds show as much as is asked for.
    fn is_enough(&self, last: usize) -> bool {
        let from = self.gains.len() - last;
        let gain = median(self.gains.get(from..).unwrap_or_default());
        let asked = self.asked(self.rounds.get(from..).unwrap_or_default());
        gain > 0.0 && gain >= asked
    }

    fn rule(&self, stop: Stop, confirming: usize) -> (Ruling, Evidence) {
        let controlled = stop != Stop::Uncontrolled;
        let telling = match confirming {
            0 => self.gains.len(),
            fresh => fresh,
        };
        let from = self.gains.len() - telling;
        let margin = self.margin.unwrap_or_default();
        let gains: Vec<f64> = self
            .gains
            .iter()
            .map(|gain| stats::finite(gain - margin))
            .collect();
        let estimate = median(gains.get(from..).unwrap_or_default());
        let mut evidence = Evidence {
            rounds: self.rounds.clone(),
            confirming,
            alpha: controlled.then_some(self.alpha),
            e_value: match self.better_after {
                Some((_, e_value)) => e_value,
                None => self.bet.value(),
            },
            estimate,
            interval: (None, None),
            reused: 0,
            round_seconds: self.pace().as_secs_f64(),
            noise: self.prior.spread,
            margin: self.margin,
        };
        evidence.interval = interval(
            &self.policy,
            &self.rounds,
            evidence.values().0.abs(),
            self.bet.effect(),
            self.prior.spread,
        );
        evidence.hold_estimate();
        let evidence = evidence;
        let reason = |what: &str| evidence.reason(&self.policy, self.alpha, what);
        let ruling = match stop {
            Stop::Uncontrolled => {
                let (incumbent, candidate) = evidence.values();
                decide(&self.policy, candidate, incumbent, self.margin.is_some())
            }
            Stop::Better if self.is_enough(telling) => Ruling {
                verdict: Verdict::Keep,
                reason: match self.margin {
                    // What is sure is that it is not worse by the margin.
                    Some(margin) if evidence.interval.0.is_none_or(|least| least <= 0.0) => {
                        let margin = relative(margin, evidence.values().0);
                        let margin = margin.trim_start_matches('+');
                        reason(&format!("simpler, and not worse by {margin}"))
                    }
                    _ => reason("better"),
                },
            },
            Stop::Better if estimate <= 0.0 => {
                Ruling::discard(reason("better at first, and not when measured afresh"))
            }
            Stop::Better => {
                let least = self.policy.min_improvement.unwrap_or(MinImprovement::NONE);
                Ruling::discard(reason(&format!("better by less than {least}")))
            }
            Stop::Unlikely | Stop::Rounds | Stop::Time => {
                let what = if evidence.interval.1.is_some_and(|most| most < 0.0)
                    || self.bet.value() < SURELY_WORSE
                {
                    "worse"
                } else if estimate == 0.0 {
                    "no change"
                } else if estimate < 0.0 {
                    "not better"
                } else {
                    "not clearly better"
                };
                let why = match stop {
                    Stop::Time => ", when the time was up",
                    Stop::Rounds => ", and no more are allowed",
                    _ => "",
                };
                Ruling::discard(reason(what) + why)
            }
        };
        (ruling, evidence)
    }
}

/// The smallest effect that a number of rounds finds nearly always, in standard deviations of a
/// difference: twice that of one measurement, which is smaller by the square root of two, with as many
/// rounds as are allowed by default, and half of that with four times as many.
fn effect(max_rounds: u32) -> f64 {
    2.0_f64.sqrt() * (ROUNDS_FOR_TWO_DEVIATIONS / f64::from(max_rounds.max(1))).sqrt()
}

/// The smallest gain that is found nearly always, in standard deviations of one measurement.
pub fn smallest_gain(max_rounds: u32) -> f64 {
    effect(max_rounds) * 2.0_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;
    use crate::measure::Direction;

    fn policy(direction: Direction) -> Policy {
        Policy {
            metric: "m".to_owned(),
            unit: "ms".to_owned(),
            direction,
            deterministic: false,
            min_improvement: None,
            rules: Rules::default(),
        }
    }

    const SECOND: Took = each(Duration::from_millis(500));

    /// Both sides take the same.
    const fn each(time: Duration) -> Took {
        Took {
            incumbent: time,
            candidate: time,
        }
    }

    /// Noise with a standard deviation of about one, the same each time.
    fn noise(i: usize) -> f64 {
        [
            0.3, -1.2, 0.8, -0.4, 1.5, -0.9, 0.1, 1.1, -0.6, -0.2, 0.7, -1.4,
        ][i % 12]
    }

    /// A trial's verdict where the candidate is better by `gain`, and how many rounds it took.
    fn judge(policy: &Policy, prior: Prior, level: f64, gain: f64) -> (Ruling, Evidence) {
        judge_at(policy, prior, SECOND, |i| {
            let incumbent = level + noise(2 * i);
            let sign = match policy.direction {
                Direction::Lower => -1.0,
                Direction::Higher => 1.0,
            };
            Round {
                incumbent,
                candidate: level + sign * gain + noise(2 * i + 1),
            }
        })
    }

    fn judge_at(
        policy: &Policy,
        prior: Prior,
        pace: Took,
        round: impl Fn(usize) -> Round,
    ) -> (Ruling, Evidence) {
        let mut trial = Trial::new(policy, policy.rules.alpha, prior, false);
        for i in 0..100 {
            trial.add(round(i), pace);
            if let Some(ruled) = trial.ruling() {
                return ruled;
            }
        }
        panic!("no verdict in 100 rounds")
    }

    fn known() -> Prior {
        Prior {
            spread: Some(1.4),
            ..Prior::default()
        }
    }

    #[test]
    fn a_clear_gain_is_kept_and_confirmed_in_either_direction_and_at_any_level() {
        for direction in [Direction::Lower, Direction::Higher] {
            for level in [100.0, 0.0, -100.0, 1e9] {
                for prior in [Prior::default(), known()] {
                    let (ruling, evidence) = judge(&policy(direction), prior, level, 6.0);
                    assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
                    assert_eq!(evidence.confirming, 3);
                    assert!(evidence.e_value >= 100.0 && evidence.rounds.len() >= 10);
                    assert!((evidence.estimate - 6.0).abs() < 2.0, "{evidence:?}");
                    let (low, high) = evidence.interval;
                    assert!(low.unwrap() > 0.0 && high.unwrap() > 6.0, "{evidence:?}");
                }
            }
        }
    }

    #[test]
    fn clear_losers_are_given_up_after_two_rounds_and_not_after_one() {
        for loss in [6.0, 6e9] {
            let (ruling, evidence) = judge(&policy(Direction::Lower), known(), 100.0, -loss);
            assert_eq!(ruling.verdict, Verdict::Discard);
            assert_eq!(evidence.rounds.len(), 2);
            assert!(ruling.reason.starts_with("worse: m 1"), "{}", ruling.reason);
        }
    }

    #[test]
    fn a_spike_on_the_candidate_does_not_lose_a_gain() {
        let (ruling, _) = judge_at(&policy(Direction::Lower), known(), SECOND, |i| Round {
            incumbent: 100.0 + noise(2 * i),
            candidate: if i == 1 {
                500.0
            } else {
                94.0 + noise(2 * i + 1)
            },
        });
        assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
    }

    #[test]
    fn ties_and_identical_samples_have_a_meaning() {
        let tie = |_| Round {
            incumbent: 5.0,
            candidate: 5.0,
        };
        for prior in [Prior::default(), known(), spread(0.0)] {
            let (ruling, evidence) = judge_at(&policy(Direction::Lower), prior, SECOND, tie);
            assert_eq!(ruling.verdict, Verdict::Discard);
            assert!(
                ruling.reason.starts_with("no change: m 5 -> 5 ms"),
                "{}",
                ruling.reason
            );
            assert_eq!(evidence.e_value, 1.0);
            assert!(evidence.rounds.len() <= 5);
        }
        let constant = |_| Round {
            incumbent: 5.0,
            candidate: 4.0,
        };
        for prior in [Prior::default(), spread(0.0)] {
            let (ruling, evidence) = judge_at(&policy(Direction::Lower), prior, SECOND, constant);
            assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
            assert_eq!(evidence.estimate, 1.0);
            let (ruling, _) = judge_at(&policy(Direction::Higher), prior, SECOND, constant);
            assert_eq!(ruling.verdict, Verdict::Discard);
        }
    }

    fn spread(spread: f64) -> Prior {
        Prior {
            spread: Some(spread),
            ..Prior::default()
        }
    }

    #[test]
    fn less_than_the_least_improvement_is_no_keep() {
        let mut much = policy(Direction::Lower);
        much.min_improvement = Some(MinImprovement::Relative(0.1));
        let (ruling, _) = judge(&much, known(), 100.0, 6.0);
        assert_eq!(ruling.verdict, Verdict::Discard, "{}", ruling.reason);
        let (ruling, _) = judge(&much, known(), 100.0, 15.0);
        assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
    }

    #[test]
    fn what_does_not_hold_up_afresh_is_no_keep() {
        // As an evaluator would look that a candidate has found out how to fool for seven rounds.
        let (ruling, evidence) = judge_at(&policy(Direction::Lower), known(), SECOND, |i| Round {
            incumbent: 100.0 + noise(2 * i),
            candidate: if i < 7 { 94.0 } else { 103.0 } + noise(2 * i + 1),
        });
        assert_eq!(ruling.verdict, Verdict::Discard, "{}", ruling.reason);
        assert_eq!(evidence.confirming, 6);
    }

    #[test]
    fn too_little_time_or_too_few_rounds_are_told() {
        let mut hurried = policy(Direction::Lower);
        hurried.rules.max_time = Duration::from_secs(5);
        let gain = |_| Round {
            incumbent: 100.0,
            candidate: 94.0,
        };
        let (ruling, evidence) = judge_at(&hurried, known(), SECOND, gain);
        assert_eq!(ruling.verdict, Verdict::Keep);
        assert_eq!((evidence.alpha, evidence.rounds.len()), (None, 2));
        assert!(ruling.reason.ends_with("too few rounds to rule out noise"));
        let paced = Prior {
            pace: Some(Duration::from_secs(1)),
            ..known()
        };
        assert_eq!(judge_at(&hurried, paced, SECOND, gain).1.rounds.len(), 1);

        let mut once = policy(Direction::Lower);
        once.rules.max_rounds = 1;
        let (ruling, evidence) = judge_at(&once, known(), SECOND, gain);
        assert_eq!(evidence.rounds.len(), 1);
        assert!(ruling.reason.ends_with("too few rounds to rule out noise"));

        // A first round that builds says little of the others.
        let mut trial = Trial::new(&policy(Direction::Lower), 0.01, known(), false);
        trial.add(gain(0), each(Duration::from_mins(10)));
        assert_eq!(trial.ruling(), None);
        trial.add(gain(1), SECOND);
        assert_eq!(trial.ruling(), None);
        // And one that gets slow on the way is not decided on too little.
        trial.add(gain(2), each(Duration::from_mins(10)));
        trial.add(gain(3), each(Duration::from_mins(10)));
        let (ruling, _) = trial.ruling().unwrap();
        assert_eq!(ruling.verdict, Verdict::Discard);
        assert!(
            ruling.reason.ends_with("when the time was up"),
            "{}",
            ruling.reason
        );
    }

    #[test]
    fn the_interval_holds_on_a_machine_that_gets_busy() {
        let (_, evidence) = judge_at(&policy(Direction::Lower), Prior::default(), SECOND, |i| {
            let load = if i < 4 { 3.0 } else { 1.0 };
            Round {
                incumbent: load * (100.0 + noise(2 * i)),
                candidate: load * (20.0 + noise(2 * i + 1) / 5.0),
            }
        });
        let (low, high) = evidence.interval;
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!(
            low < evidence.estimate && evidence.estimate < high,
            "{evidence:?}"
        );
        assert!(70.0 < low && high < 90.0, "{evidence:?}");
    }

    #[test]
    fn a_slow_candidate_is_not_believed_sooner() {
        let mut hurried = policy(Direction::Lower);
        hurried.rules.max_time = Duration::from_secs(30);
        let slow = Took {
            incumbent: Duration::from_millis(100),
            candidate: Duration::from_secs(9),
        };
        let (ruling, evidence) = judge_at(&hurried, known(), slow, |_| Round {
            incumbent: 100.0,
            candidate: 90.0,
        });
        assert_eq!(ruling.verdict, Verdict::Discard, "{}", ruling.reason);
        assert_eq!((evidence.alpha, evidence.rounds.len()), (Some(0.01), 4));
    }

    #[test]
    fn a_stricter_alpha_has_more_rounds_and_no_less_control() {
        for alpha in [1e-3, 1e-6, 1e-9] {
            let mut strict = policy(Direction::Lower);
            strict.rules.alpha = alpha;
            let (ruling, evidence) = judge(&strict, known(), 100.0, 6.0);
            assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
            assert!(evidence.e_value >= 1.0 / alpha);
        }
    }

    #[test]
    fn values_at_the_end_of_all_numbers_get_a_verdict() {
        for prior in [Prior::default(), known(), spread(f64::MAX)] {
            let (_, evidence) = judge_at(&policy(Direction::Lower), prior, SECOND, |i| Round {
                incumbent: if i % 3 == 0 { f64::MAX } else { -f64::MAX },
                candidate: if i % 2 == 0 { f64::MAX } else { -f64::MAX },
            });
            assert!(evidence.rounds.len() <= 30);
        }
    }

    #[test]
    fn a_simpler_candidate_may_be_a_little_worse() {
        let mut simple = policy(Direction::Lower);
        simple.rules.prefer_simpler = true;
        for (loss, verdict) in [(0.2, Verdict::Keep), (6.0, Verdict::Discard)] {
            let mut trial = Trial::new(&simple, 0.01, known(), true);
            let ruling = (0..100).find_map(|i| {
                let round = Round {
                    incumbent: 100.0 + noise(2 * i),
                    candidate: 100.0 + loss + noise(2 * i + 1),
                };
                trial.add(round, SECOND);
                trial.ruling()
            });
            let (ruling, evidence) = ruling.unwrap();
            assert_eq!(ruling.verdict, verdict, "{}", ruling.reason);
            assert_eq!(evidence.margin, Some(1.4 * 2.0_f64.sqrt()));
        }
    }

    #[test]
    fn more_rounds_find_smaller_gains() {
        assert!((smallest_gain(24) - 2.0).abs() < 1e-12);
        assert!((smallest_gain(96) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_earlier_level_gives_up_sooner_and_keeps_nothing() {
        let level = |deviation| Prior {
            level: Some(super::super::Level {
                value: 100.0,
                deviation,
            }),
            ..known()
        };
        // The incumbent had a bad day in these pairs: they alone would look good.
        let unlucky = |i: usize| Round {
            incumbent: 101.0,
            candidate: 100.0 + noise(i) / 4.0,
        };
        let (with, evidence) = judge_at(&policy(Direction::Lower), level(0.1), SECOND, unlucky);
        let (_, without) = judge_at(&policy(Direction::Lower), known(), SECOND, unlucky);
        assert_eq!(with.verdict, Verdict::Discard);
        assert!(evidence.rounds.len() < without.rounds.len());
        // One that is far below any does not help a candidate that is none better.
        let lucky = Prior {
            level: Some(super::super::Level {
                value: 1000.0,
                deviation: 0.1,
            }),
            ..known()
        };
        let (ruling, _) = judge(&policy(Direction::Lower), lucky, 100.0, 0.0);
        assert_eq!(ruling.verdict, Verdict::Discard, "{}", ruling.reason);
        // Nor is one of which nothing is sure held against one that is better.
        let (ruling, _) = judge(&policy(Direction::Lower), level(1e6), 100.0, 6.0);
        assert_eq!(ruling.verdict, Verdict::Keep, "{}", ruling.reason);
    }
}

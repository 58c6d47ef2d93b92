//! What is true of the statistics and of verdicts whatever is measured.

use std::time::Duration;

use autoresearch::decision::{
    Evidence, MinImprovement, Noise, Policy, Prior, Round, Rules, Ruling, Took, Trial, Verdict,
};
use autoresearch::measure::Direction;
use autoresearch::stats::{e_value, interval, median, spread};
use proptest::collection::vec;
use proptest::num::f64 as floats;
use proptest::option;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
/// What a default trial expects.
const EFFECT: f64 = std::f64::consts::SQRT_2;

/// Any number that can be measured, and often one that is at an end of what there is.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => floats::NORMAL | floats::SUBNORMAL | floats::ZERO,
        4 => -10.0..10.0,
        1 => prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::EPSILON,
        ]),
    ]
}

/// Numbers as they are measured.
fn tame() -> impl Strategy<Value = f64> {
    prop_oneof![3 => -1e6..1e6, 1 => (-3..4_i32).prop_map(f64::from)]
}

fn rounds(
    value: impl Strategy<Value = f64>,
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Round>> {
    // Every tenth round ties.
    let round = (value, 0.0..1.0);
    vec(round, count).prop_map(|values| {
        values
            .windows(2)
            .map(|pair| Round {
                incumbent: pair[0].0,
                candidate: if pair[0].1 < 0.1 {
                    pair[0].0
                } else {
                    pair[1].0
                },
            })
            .collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    (
        prop::sample::select(vec![0.5, 0.05, 0.01, 1e-4]),
        option::of(Just(0.05)),
        1..40_u32,
        0..4_u32,
        any::<bool>(),
    )
        .prop_map(
            |(alpha, false_keep_rate, max_rounds, confirm_rounds, prefer_simpler)| Rules {
                alpha,
                false_keep_rate,
                max_rounds,
                max_time: Duration::from_mins(50),
                confirm_rounds,
                prefer_simpler,
            },
        )
}

fn policies() -> impl Strategy<Value = Policy> {
    let least = prop_oneof![
        Just(None),
        (0.0..0.2).prop_map(|share| Some(MinImprovement::Relative(share))),
        (0.0..2.0).prop_map(|amount| Some(MinImprovement::Absolute(amount))),
    ];
    (any::<bool>(), least, rules()).prop_map(|(lower, min_improvement, rules)| Policy {
        metric: "m".to_owned(),
        unit: "ms".to_owned(),
        direction: if lower {
            Direction::Lower
        } else {
            Direction::Higher
        },
        deterministic: false,
        min_improvement,
        rules,
    })
}

/// What a trial says of these rounds, over and over; after how many it has to is part of the promise.
fn judge(policy: &Policy, prior: Prior, simpler: bool, rounds: &[Round]) -> (Ruling, Evidence) {
    let mut trial = Trial::new(policy, policy.rules.alpha, prior, simpler);
    let most = policy.rules.max_rounds * 2 + policy.rules.confirm_rounds * 2;
    for round in rounds.iter().cycle().take(most as usize) {
        trial.add(
            *round,
            Took {
                incumbent: SECOND / 2,
                candidate: SECOND / 2,
            },
        );
        if let Some(ruled) = trial.ruling() {
            return ruled;
        }
    }
    panic!("no verdict after {most} rounds")
}

fn prior(earlier: &[Vec<Round>], value: f64) -> Prior {
    let mut noise = Noise::default();
    for rounds in earlier {
        noise.learn_rounds(rounds, 0, false);
    }
    noise.prior(value)
}

fn mirrored(rounds: &[Round]) -> Vec<Round> {
    scaled(rounds, -1.0)
}

fn scaled(rounds: &[Round], factor: f64) -> Vec<Round> {
    rounds
        .iter()
        .map(|round| Round {
            incumbent: round.incumbent * factor,
            candidate: round.candidate * factor,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was measured, there is a verdict in time, and a record of it that can be read again.
    #[test]
    fn wild_values_get_a_verdict_that_can_be_recorded(
        policy in policies(),
        earlier in vec(rounds(wild(), 0..8), 0..6),
        now in rounds(wild(), 2..30),
        simpler: bool,
    ) {
        let prior = prior(&earlier, now[0].incumbent);
        let (ruling, evidence) = judge(&policy, prior, simpler, &now);
        for what in ["NaN", "inf"] {
            prop_assert!(!ruling.reason.contains(what), "{}", ruling.reason);
        }
        let (incumbent, candidate) = evidence.values();
        prop_assert!(incumbent.is_finite() && candidate.is_finite());
        let text = serde_json::to_string(&evidence).unwrap();
        let read: Evidence = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, evidence, "{}", text);
    }

    /// The same statistics for wild values: no panic, and an end of an interval is a number.
    #[test]
    fn wild_values_have_statistics(values in vec(wild(), 0..30), shift in wild(), scale in option::of(wild())) {
        let scale = scale.map(f64::abs);
        prop_assert!(values.is_empty() || median(&values).is_finite());
        prop_assert!(values.is_empty() || spread(&values, shift) >= 0.0);
        prop_assert!(e_value(&values, shift, EFFECT, scale) >= 0.0);
        let (low, high) = interval(&values, 0.05, EFFECT, scale);
        for end in [low, high].into_iter().flatten() {
            prop_assert!(end.is_finite());
        }
    }

    /// Less of one is more of its negative.
    #[test]
    fn mirrored_values_get_the_same_verdict(
        policy in policies(),
        earlier in vec(rounds(tame(), 0..8), 0..6),
        now in rounds(tame(), 2..30),
        simpler: bool,
    ) {
        let value = now[0].incumbent;
        let other = Policy {
            direction: match policy.direction {
                Direction::Lower => Direction::Higher,
                Direction::Higher => Direction::Lower,
            },
            ..policy.clone()
        };
        let before: Vec<_> = earlier.iter().map(|rounds| mirrored(rounds)).collect();
        let (ruling, evidence) = judge(&policy, prior(&earlier, value), simpler, &now);
        let (mirror, mirrored) =
            judge(&other, prior(&before, -value), simpler, &mirrored(&now));
        prop_assert_eq!(ruling.verdict, mirror.verdict);
        prop_assert_eq!(evidence.rounds.len(), mirrored.rounds.len());
        prop_assert_eq!(evidence.e_value, mirrored.e_value);
        prop_assert_eq!(evidence.estimate, mirrored.estimate);
        prop_assert_eq!(evidence.interval, mirrored.interval);
    }

    /// Milliseconds or seconds: a power of two changes no digit but the exponent.
    #[test]
    fn the_unit_changes_no_verdict(
        policy in policies(),
        earlier in vec(rounds(tame(), 0..8), 0..6),
        now in rounds(tame(), 2..30),
        simpler: bool,
        exponent in -60..60_i32,
    ) {
        let factor = 2.0_f64.powi(exponent);
        let value = now[0].incumbent;
        let other = Policy {
            min_improvement: policy.min_improvement.map(|least| match least {
                MinImprovement::Absolute(amount) => MinImprovement::Absolute(amount * factor),
                relative @ MinImprovement::Relative(_) => relative,
            }),
            ..policy.clone()
        };
        let before: Vec<_> = earlier.iter().map(|rounds| scaled(rounds, factor)).collect();
        let (ruling, evidence) = judge(&policy, prior(&earlier, value), simpler, &now);
        let (again, scaled) =
            judge(&other, prior(&before, value * factor), simpler, &scaled(&now, factor));
        prop_assert_eq!(ruling.verdict, again.verdict);
        prop_assert_eq!(evidence.rounds.len(), scaled.rounds.len());
        prop_assert_eq!(evidence.e_value, scaled.e_value);
        prop_assert_eq!(evidence.estimate * factor, scaled.estimate);
    }

    /// No candidate is kept without as much evidence as was asked for, in these pairs alone.
    #[test]
    fn a_keep_has_its_evidence(
        policy in policies(),
        earlier in vec(rounds(tame(), 0..8), 0..6),
        now in rounds(tame(), 2..30),
    ) {
        let prior = prior(&earlier, now[0].incumbent);
        let (ruling, evidence) = judge(&policy, prior, false, &now);
        if let (Verdict::Keep, Some(alpha)) = (ruling.verdict, evidence.alpha) {
            let telling = evidence.rounds.len() - evidence.confirming;
            let gains: Vec<f64> = evidence.rounds[..telling]
                .iter()
                .map(|round| match policy.direction {
                    Direction::Lower => round.difference(),
                    Direction::Higher => -round.difference(),
                })
                .collect();
            let effect = autoresearch::decision::smallest_gain(policy.rules.max_rounds) / EFFECT;
            let e = e_value(&gains, 0.0, effect, prior.spread);
            prop_assert!(e >= 1.0 / alpha * (1.0 - 1e-12), "{e}");
            prop_assert!((e / evidence.e_value - 1.0).abs() < 1e-12);
            prop_assert!(evidence.estimate > 0.0);
        }
    }

    /// Over all signs that the sizes can have, the money is what it was.
    #[test]
    fn betting_on_signs_is_fair(
        sizes in vec(prop_oneof![3 => 0.0..5.0, 1 => 0.0..1e9, 1 => Just(1.0)], 1..10),
        effect in 0.1..8.0,
        scale in option::of(1e-3..1e3),
    ) {
        let worlds = 1_u32 << sizes.len();
        let sum: f64 = (0..worlds)
            .map(|signs| {
                let differences: Vec<f64> = sizes
                    .iter()
                    .enumerate()
                    .map(|(i, size)| if signs >> i & 1 == 0 { *size } else { -size })
                    .collect();
                e_value(&differences, 0.0, effect, scale)
            })
            .sum();
        prop_assert!((sum / f64::from(worlds) - 1.0).abs() < 1e-9);
    }

    /// An interval holds the median, a surer one holds it, and its ends are those of the mirrored data.
    #[test]
    fn intervals_are_nested_around_the_median(
        values in vec(tame(), 1..25),
        effect in 0.3..4.0,
        scale in 0.1..1e6,
    ) {
        let ends = |alpha| interval(&values, alpha, effect, Some(scale));
        let centre = median(&values);
        let (low, high) = ends(0.05);
        prop_assert!(low.is_none_or(|low| low <= centre));
        prop_assert!(high.is_none_or(|high| high >= centre));
        let (lower, higher) = ends(0.01);
        prop_assert!(lower.is_none() || lower <= low);
        prop_assert!(higher.is_none_or(|higher| high.is_some_and(|high| high <= higher)));
        let negative: Vec<f64> = values.iter().map(|x| -x).collect();
        let (mirrored_low, mirrored_high) = interval(&negative, 0.05, effect, Some(scale));
        prop_assert_eq!(mirrored_low, high.map(|high| -high));
        prop_assert_eq!(mirrored_high, low.map(|low| -low));
    }

    /// More is better evidence for being more.
    #[test]
    fn larger_differences_are_more_evidence(
        values in vec(tame(), 1..25),
        more in 0.0..1e6_f64,
        scale in 0.1..1e6,
    ) {
        let (before, after) = (
            e_value(&values, 0.0, EFFECT, Some(scale)),
            e_value(&values, -more, EFFECT, Some(scale)),
        );
        prop_assert!(after >= before * (1.0 - 1e-12));
    }
}

//! From measurements to a verdict with its reason; pure.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::measure::Direction;

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

/// How much better a candidate must be to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MinImprovement {
    /// A share of the incumbent's value: 0.01 is one per cent.
    Relative(f64),
    /// In the metric's unit.
    Absolute(f64),
}

impl MinImprovement {
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        };
        match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Self::Relative(percent / 100.0)),
            None => number(text).map(Self::Absolute),
        }
    }

    /// The improvement asked for over an incumbent's value, in the metric's unit.
    fn over(self, incumbent: f64) -> f64 {
        match self {
            Self::Relative(share) => share * incumbent.abs(),
            Self::Absolute(amount) => amount,
        }
    }
}

impl std::fmt::Display for MinImprovement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Through a rounding that hides the representation: 0.07 * 100 is not 7.
            Self::Relative(share) => write!(f, "{}%", (share * 1e8).round() / 1e6),
            Self::Absolute(amount) => write!(f, "{amount}"),
        }
    }
}

impl<'de> Deserialize<'de> for MinImprovement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(f64),
        }
        let wrong = || {
            serde::de::Error::custom(
                "`min_improvement` is a percentage such as \"1%\" or a number, and not negative",
            )
        };
        let text = match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl Serialize for MinImprovement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Relative(_) => serializer.collect_str(self),
            Self::Absolute(amount) => serializer.serialize_f64(*amount),
        }
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

/// `12.3 -> 9.1 ms (-26.0%)`.
pub fn change(from: f64, to: f64, unit: &str) -> String {
    let relative = (to - from) / from.abs() * 100.0;
    let change = format!("{} -> {}", number(from), quantity(to, unit));
    if relative.is_finite() {
        format!("{change} ({relative:+.1}%)")
    } else {
        change
    }
}

/// `9.1 ms`, `7.5/10`.
pub fn quantity(value: f64, unit: &str) -> String {
    let gap = if unit.is_empty() || unit.starts_with('/') {
        ""
    } else {
        " "
    };
    format!("{}{gap}{unit}", number(value))
}

/// A number for people: whole where it is whole, else with four significant digits or more.
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the magnitude was checked to be small"
    )]
    let decimals = (3.0 - magnitude).clamp(1.0, 9.0) as usize;
    format!("{value:.decimals$}")
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

    #[test]
    fn min_improvement_is_read_and_written() {
        for (text, value) in [
            ("1%", MinImprovement::Relative(0.01)),
            ("7%", MinImprovement::Relative(0.07)),
            ("0.5", MinImprovement::Absolute(0.5)),
        ] {
            let parsed = MinImprovement::parse(text).unwrap();
            assert_eq!(parsed, value);
            assert_eq!(parsed.to_string(), text);
        }
        for bad in ["", "%", "-1%", "-1", "NaN", "inf", "1 ms"] {
            assert_eq!(MinImprovement::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_for_people() {
        for (value, text) in [
            (0.0, "0"),
            (12_345_678.0, "12345678"),
            (1234.56, "1234.6"),
            (0.012_345, "0.01235"),
            (1e-9, "1.000e-9"),
            (1e20, "1.000e20"),
            (-2.5, "-2.500"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}

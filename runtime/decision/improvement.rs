//! How much better a candidate must be, as the owner writes it.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much better a candidate must be to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MinImprovement {
    /// A share of the incumbent's value: 0.01 is one per cent.
    Relative(f64),
    /// In the metric's unit.
    Absolute(f64),
}

impl MinImprovement {
    /// Any improvement will do.
    pub const NONE: Self = Self::Absolute(0.0);

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
    pub(super) fn over(self, incumbent: f64) -> f64 {
        match self {
            Self::Relative(share) => share * incumbent.abs(),
            Self::Absolute(amount) => amount,
        }
    }
}

impl FromStr for MinImprovement {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
            .ok_or("the least improvement is a percentage such as 1% or a number, and not negative")
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

#[cfg(test)]
mod tests {
    use super::*;

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
}

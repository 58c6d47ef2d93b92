//! What a guard requires of a metric: `pass_rate >= 1`, `total >= incumbent`,
//! `peak_mb <= incumbent * 1.05`; pure.
//!
//! A requirement is `METRIC OP BOUND`. OP is one of `<`, `<=`, `==`, `>=`, `>`. BOUND is a finite
//! number, or `incumbent` or `baseline`, the metric's value in the best version so far or in the
//! first, perhaps with `* NUMBER`, `+ NUMBER`, `- NUMBER`, `+ NUMBER%` or `- NUMBER%` after it. A
//! percentage is of the absolute value.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::evaluator::is_name;

/// How close to a bound that was computed a value is taken to be the bound, relative to it:
/// 100 * 1.15 is not quite 115.
const ROUNDING: f64 = 1e-12;
/// The least significant digits of a number in a reason, where they tell it from the bound.
const DIGITS: usize = 4;
/// With as many, a number is exact.
const ALL_DIGITS: usize = 17;

/// What must hold of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    metric: String,
    comparison: Comparison,
    bound: Bound,
    /// The bound as it was written.
    written: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Number(f64),
    Value(Reference, Adjustment),
}

/// Whose value a requirement compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The best version so far.
    Incumbent,
    /// The version that the experiment started from.
    Baseline,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Adjustment {
    None,
    Times(f64),
    Plus(f64),
    /// A share of the absolute value: 0.05 is five per cent.
    PlusShare(f64),
}

/// Why a text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no requirement: {what}")]
pub struct RequirementError {
    text: String,
    what: String,
    hint: String,
}

impl RequirementError {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl Comparison {
    const ALL: [Self; 5] = [
        Self::Less,
        Self::LessOrEqual,
        Self::Equal,
        Self::GreaterOrEqual,
        Self::Greater,
    ];

    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
        }
    }
}

impl Adjustment {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Times(factor) => value * factor,
            Self::Plus(amount) => value + amount,
            Self::PlusShare(share) => value + share * value.abs(),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Incumbent => "incumbent",
            Self::Baseline => "baseline",
        })
    }
}

impl Requirement {
    /// Reads one from its text.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let text = text.trim();
        let wrong = |what: String, hint: String| RequirementError {
            text: text.to_owned(),
            what,
            hint,
        };
        let is_sign = |c: char| "<>=!≤≥≠~".contains(c);
        let Some(at) = text.find(is_sign) else {
            return Err(wrong(
                "it compares nothing".to_owned(),
                "write it as in `pass_rate >= 1` or `total >= incumbent`".to_owned(),
            ));
        };
        let (metric, rest) = text.split_at(at);
        let metric = metric.trim();
        let end = rest.find(|c| !is_sign(c)).unwrap_or(rest.len());
        let (sign, bound) = rest.split_at(end);
        let Some(comparison) = Comparison::ALL.into_iter().find(|c| c.sign() == sign) else {
            return Err(wrong(
                format!("`{sign}` is no comparison"),
                match sign {
                    "=" | "===" => "write `==`".to_owned(),
                    "=<" | "≤" => "write `<=`".to_owned(),
                    "=>" | "≥" => "write `>=`".to_owned(),
                    _ => "the comparisons are: <, <=, ==, >=, >".to_owned(),
                },
            ));
        };
        if !is_name(metric) {
            return Err(wrong(
                match metric {
                    "" => format!("no metric stands before `{sign}`"),
                    _ => format!("`{metric}` is no name for a metric"),
                },
                "a metric's name is lower-case letters, digits and `_`, a letter first".to_owned(),
            ));
        }
        let written = bound.split_whitespace().collect::<Vec<_>>().join(" ");
        let bound = Bound::parse(&written).map_err(|(what, hint)| wrong(what, hint))?;
        Ok(Self {
            metric: metric.to_owned(),
            comparison,
            bound,
            written,
        })
    }

    /// The metric that it is about.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Whose value it compares with; none where that is a number.
    pub fn reference(&self) -> Option<Reference> {
        match self.bound {
            Bound::Number(_) => None,
            Bound::Value(reference, _) => Some(reference),
        }
    }

    /// Holds a value of the metric against it. The error says what is wrong, in words and numbers.
    ///
    /// Where it compares with a value that there is not, it does not hold.
    pub fn check(
        &self,
        value: f64,
        incumbent: Option<f64>,
        baseline: Option<f64>,
    ) -> Result<(), String> {
        let (bound, is_exact) = match self.bound {
            Bound::Number(number) => (number, true),
            Bound::Value(reference, adjustment) => {
                let of = match reference {
                    Reference::Incumbent => incumbent,
                    Reference::Baseline => baseline,
                };
                let Some(of) = of else {
                    return Err(format!(
                        "{} is {}, and there is no value of the {reference} to compare it with",
                        self.metric,
                        rounded(value, DIGITS)
                    ));
                };
                (adjustment.of(of), adjustment == Adjustment::None)
            }
        };
        let holds = |value: f64, bound: f64| {
            compared(value, bound, is_exact).is_some_and(|ordering| self.comparison.holds(ordering))
        };
        if holds(value, bound) {
            return Ok(());
        }
        // As few digits as show that it does not hold.
        let (value, bound) = (DIGITS..=ALL_DIGITS)
            .map(|digits| (rounded(value, digits), rounded(bound, digits)))
            .find(|(value, bound)| !holds(*value, *bound))
            .unwrap_or((value, bound));
        let from = match self.bound {
            Bound::Number(_) => String::new(),
            Bound::Value(..) => format!(" ({})", self.written),
        };
        Err(format!(
            "{} is {value}, and must be {} {bound}{from}",
            self.metric,
            self.comparison.sign()
        ))
    }
}

/// Compares a value with a bound that is as it was given, or was computed.
fn compared(value: f64, bound: f64, is_exact: bool) -> Option<Ordering> {
    if !is_exact && (value - bound).abs() <= ROUNDING * bound.abs() {
        return Some(Ordering::Equal);
    }
    value.partial_cmp(&bound)
}

/// A number with so many significant digits, but whole where it is whole.
fn rounded(value: f64, digits: usize) -> f64 {
    if value == value.trunc() {
        return value;
    }
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

impl Bound {
    /// Reads one; the error is what is wrong and what to do about it.
    fn parse(text: &str) -> Result<Self, (String, String)> {
        let forms = || {
            "a bound is a number, `incumbent` or `baseline`, such as `0.9`, `incumbent * 1.05` or `baseline + 5%`"
                .to_owned()
        };
        if text.is_empty() {
            return Err(("there is no bound".to_owned(), forms()));
        }
        let end = text
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let reference = match word {
            "incumbent" => Reference::Incumbent,
            "baseline" => Reference::Baseline,
            "" => {
                return Self::number(text)
                    .map_err(|(what, hint)| (what, hint.unwrap_or_else(forms)));
            }
            _ => return Err((format!("`{text}` is no bound"), forms())),
        };
        let rest = rest.trim_start();
        let Some(sign) = rest.chars().next() else {
            return Ok(Self::Value(reference, Adjustment::None));
        };
        let amount = rest.get(sign.len_utf8()..).unwrap_or_default().trim();
        let wrong = |hint: String| Err((format!("`{rest}` cannot follow `{word}`"), hint));
        let share = amount.strip_suffix('%').map(str::trim_end);
        let Some(number) = finite(share.unwrap_or(amount)) else {
            return wrong(format!(
                "write `{word} * 1.05`, `{word} + 3`, `{word} - 3`, `{word} + 5%` or `{word} - 5%`"
            ));
        };
        if number.is_sign_negative() {
            return wrong(format!("take the sign out: `{word} + 3` or `{word} - 3`"));
        }
        Ok(Self::Value(
            reference,
            match (sign, share) {
                ('*', None) => Adjustment::Times(number),
                ('*', Some(_)) => {
                    return wrong(format!(
                        "write `{word} * {}`",
                        rounded(number / 100.0, ALL_DIGITS - 2)
                    ));
                }
                ('+', None) => Adjustment::Plus(number),
                ('-', None) => Adjustment::Plus(-number),
                ('+', Some(_)) => Adjustment::PlusShare(number / 100.0),
                ('-', Some(_)) => Adjustment::PlusShare(-number / 100.0),
                _ => {
                    return wrong(format!(
                        "write `{word} * 1.05`, `{word} + 3` or `{word} + 5%`"
                    ));
                }
            },
        ))
    }

    fn number(text: &str) -> Result<Self, (String, Option<String>)> {
        if let Some(number) = finite(text) {
            return Ok(Self::Number(number));
        }
        let hint = if text.ends_with('%') {
            Some(format!(
                "a percentage is of something: write `incumbent + {text}`, or a share as a number"
            ))
        } else {
            text.contains("incumbent")
                .then(|| "name it first: write `incumbent * 1.05`".to_owned())
        };
        Err((format!("`{text}` is no bound"), hint))
    }
}

/// A finite number in digits.
fn finite(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && text.contains(|c: char| c.is_ascii_digit()))
}

/// As it was written, with single spaces.
impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.metric,
            self.comparison.sign(),
            self.written
        )
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .map_err(|error| serde::de::Error::custom(format!("{error}; {}", error.hint())))
    }
}

impl Serialize for Requirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Requirement {
        Requirement::parse(text).unwrap()
    }

    fn holds(text: &str, value: f64, incumbent: f64) -> bool {
        read(text).check(value, Some(incumbent), None).is_ok()
    }

    #[test]
    fn a_text_survives_being_read() {
        for text in [
            "pass_rate >= 1",
            "x < -0.5",
            "x == 1e3",
            "total >= incumbent",
            "peak_mb <= incumbent * 1.05",
            "peak_mb <= baseline + 5%",
            "p95_ms > incumbent - 12.50",
            "p95_ms > baseline - 0.5%",
        ] {
            assert_eq!(read(text).to_string(), text);
            let close = read(&text.replace(' ', ""));
            assert_eq!(close.bound, read(text).bound);
            assert_eq!(read(&close.to_string()), close);
            let crowded = format!("  {} ", text.replace(' ', "\t "));
            assert_eq!(read(&crowded), read(text));
        }
    }

    #[test]
    fn each_comparison_holds_where_it_should() {
        let bounds = [
            "3",
            "incumbent",
            "incumbent * 1",
            "incumbent + 0",
            "incumbent - 0%",
        ];
        for bound in bounds {
            for value in [-3.0, 2.0, 3.0_f64.next_down(), 3.0, 3.0_f64.next_up(), 4.0] {
                // What was computed is not known to the last digit.
                let near = !["3", "incumbent"].contains(&bound) && (value - 3.0).abs() < 1e-9;
                let value = if near { 3.0 } else { value };
                for (sign, expected) in [
                    ("<", value < 3.0),
                    ("<=", value <= 3.0),
                    ("==", value == 3.0),
                    (">=", value >= 3.0),
                    (">", value > 3.0),
                ] {
                    let text = format!("m {sign} {bound}");
                    assert_eq!(holds(&text, value, 3.0), expected, "{value}: {text}");
                }
            }
        }
    }

    #[test]
    fn bounds_move_with_what_they_refer_to() {
        for (text, bound) in [
            ("m <= incumbent", -200.0),
            ("m <= incumbent * 1.5", -300.0),
            ("m <= incumbent + 3", -197.0),
            ("m <= incumbent - 3", -203.0),
            // Of the absolute value, so that more is more below zero too.
            ("m <= incumbent + 5%", -190.0),
            ("m <= incumbent - 5%", -210.0),
        ] {
            assert!(holds(text, bound, -200.0), "{text}");
            assert!(!holds(text, bound + 0.001, -200.0), "{text}");
        }
        let first = read("m <= baseline + 5%");
        assert!(first.check(105.0, Some(1.0), Some(100.0)).is_ok());
        assert!(first.check(106.0, Some(1000.0), Some(100.0)).is_err());
    }

    #[test]
    fn rounding_fails_nobody() {
        for hundredths in 1..=400_u32 {
            let factor = f64::from(hundredths) / 100.0;
            for incumbent in [1_u32, 3, 7, 29, 100, 123, 9999] {
                let value = f64::from(incumbent * hundredths) / 100.0;
                let text = format!("m == incumbent * {factor}");
                assert!(holds(&text, value, incumbent.into()), "{value}: {text}");
                let less = f64::from(hundredths.min(100));
                let value = f64::from(incumbent) * (100.0 - less) / 100.0;
                let text = format!("m == incumbent - {less}%");
                assert!(holds(&text, value, incumbent.into()), "{value}: {text}");
            }
        }
    }

    #[test]
    fn the_reason_has_the_numbers_that_matter() {
        for (text, value, reason) in [
            (
                "pass_rate >= 1",
                0.95,
                "pass_rate is 0.95, and must be >= 1",
            ),
            (
                "pass_rate >= 1",
                2.0 / 3.0,
                "pass_rate is 0.6667, and must be >= 1",
            ),
            (
                "pass_rate >= 1",
                0.99999,
                "pass_rate is 0.99999, and must be >= 1",
            ),
            (
                "total >= incumbent",
                11.0,
                "total is 11, and must be >= 20 (incumbent)",
            ),
            (
                "peak_mb <= incumbent * 1.05",
                21.123_456,
                "peak_mb is 21.12, and must be <= 21 (incumbent * 1.05)",
            ),
            (
                "total == 123456789",
                123_456_788.0,
                "total is 123456788, and must be == 123456789",
            ),
            ("m > 0.1", 0.1, "m is 0.1, and must be > 0.1"),
            (
                "m > baseline",
                1.5,
                "m is 1.5, and there is no value of the baseline to compare it with",
            ),
        ] {
            let result = read(text).check(value, Some(20.0), None);
            assert_eq!(result, Err(reason.to_owned()));
        }
        for value in [f64::NAN, f64::INFINITY] {
            assert!(read("m < incumbent").check(value, Some(1.0), None).is_err());
        }
    }

    #[test]
    fn what_is_no_requirement_is_told_with_what_to_write() {
        for (text, what, hint) in [
            ("", "compares nothing", "pass_rate >= 1"),
            ("pass_rate", "compares nothing", "pass_rate >= 1"),
            ("pass_rate 1", "compares nothing", "pass_rate >= 1"),
            ("m = 1", "`=` is no comparison", "`==`"),
            ("m => 1", "`=>` is no comparison", "`>=`"),
            ("m =< 1", "`=<` is no comparison", "`<=`"),
            ("m ≥ 1", "`≥` is no comparison", "`>=`"),
            ("m != 1", "`!=` is no comparison", "<, <=, ==, >=, >"),
            ("m < < 1", "`< 1` is no bound", "a number"),
            (">= 1", "no metric stands before `>=`", "lower-case"),
            ("1 <= m", "`1` is no name", "lower-case"),
            ("Pass >= 1", "`Pass` is no name", "lower-case"),
            ("a b >= 1", "`a b` is no name", "lower-case"),
            ("m >=", "there is no bound", "incumbent * 1.05"),
            ("m >= inf", "`inf` is no bound", "a number"),
            ("m >= NaN", "`NaN` is no bound", "a number"),
            ("m >= 1e999", "`1e999` is no bound", "a number"),
            ("m >= 1 ms", "`1 ms` is no bound", "a number"),
            ("m >= other", "`other` is no bound", "a number"),
            ("m >= incumbents", "`incumbents` is no bound", "a number"),
            ("m >= 5%", "`5%` is no bound", "incumbent + 5%"),
            ("m >= 1.05 * incumbent", "is no bound", "incumbent * 1.05"),
            ("m >= incumbent *", "`*` cannot follow", "incumbent * 1.05"),
            ("m >= incumbent 5", "`5` cannot follow", "incumbent * 1.05"),
            (
                "m >= incumbent / 2",
                "`/ 2` cannot follow",
                "incumbent * 1.05",
            ),
            ("m >= incumbent + inf", "`+ inf` cannot", "incumbent + 3"),
            ("m >= baseline + -5", "`+ -5` cannot", "baseline - 3"),
            ("m >= incumbent * 105%", "cannot follow", "incumbent * 1.05"),
            ("m >= incumbent + 1 + 1", "cannot follow", "incumbent + 3"),
            ("m >= incumbent + ä", "`+ ä` cannot", "incumbent + 3"),
            ("m >= ä", "`ä` is no bound", "a number"),
        ] {
            let error = Requirement::parse(text).unwrap_err();
            assert!(error.to_string().contains(what), "{text}: {error}");
            assert!(error.hint().contains(hint), "{text}: {}", error.hint());
        }
    }
}

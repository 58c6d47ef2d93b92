//! Output that is one JSON object a line, read without faith in it.

use serde_json::Value;

use super::Problem;
use crate::text;

/// No single run of an agent costs as much.
const MOST_USD: f64 = 100_000.0;

/// No single run of an agent reads or writes as many tokens.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// The objects among the lines; whatever else is printed is passed over.
pub(super) fn events(stdout: &str) -> impl Iterator<Item = Value> {
    stdout
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('{'))
        .filter_map(|line| serde_json::from_str(line).ok())
}

/// The event's type, or nothing.
pub(super) fn kind(event: &Value) -> &str {
    string(event, "/type").unwrap_or_default()
}

pub(super) fn string<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer)?.as_str()
}

/// A cost that can be one.
pub(super) fn cost(event: &Value, pointer: &str) -> Option<f64> {
    sane_cost(event.pointer(pointer)?.as_f64()?)
}

pub(super) fn sane_cost(usd: f64) -> Option<f64> {
    (0.0..=MOST_USD).contains(&usd).then_some(usd)
}

/// The sum of the numbers of tokens at these places. Those that are missing count nothing, unless
/// the first is: then the sum is unknown.
pub(super) fn tokens(event: &Value, pointers: &[&str]) -> Option<u64> {
    let at = |pointer: &&str| event.pointer(pointer)?.as_u64();
    at(pointers.first()?)?;
    let sum = pointers
        .iter()
        .filter_map(at)
        .try_fold(0_u64, u64::checked_add)?;
    (sum <= MOST_TOKENS).then_some(sum)
}

/// What to say of a run that ended without a result of its own.
pub(super) fn no_result(stdout: &str, stderr: &str) -> Problem {
    let words = [stderr, stdout]
        .iter()
        .map(|output| text::tail(output.as_bytes(), 3))
        .find(|words| !words.is_empty())
        .unwrap_or_else(|| "it printed no result".to_owned());
    match Problem::of_message(&words) {
        Problem::Other(words) => Problem::NoResult(words),
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_objects_are_events() {
        let stdout = "warning\n{\"type\":\"a\"}\n[1]\n  {\"type\":\"b\"}\r\n{\"type\":\"c";
        let kinds: Vec<String> = events(stdout)
            .map(|event| kind(&event).to_owned())
            .collect();
        assert_eq!(kinds, ["a", "b"]);
    }

    #[test]
    fn a_sum_is_known_where_its_first_part_is() {
        let event = serde_json::json!({"a": 1, "b": 2, "c": "3", "d": 1.5});
        assert_eq!(tokens(&event, &["/a", "/b", "/c", "/x"]), Some(3));
        assert_eq!(tokens(&event, &["/x", "/a"]), None);
        assert_eq!(tokens(&event, &["/d"]), None);
    }

    #[test]
    fn without_a_result_the_last_words_are_quoted() {
        assert_eq!(
            no_result("", "error: unknown option `--x`\n"),
            Problem::NoResult("error: unknown option `--x`".to_owned())
        );
        assert_eq!(
            no_result("", ""),
            Problem::NoResult("it printed no result".to_owned())
        );
    }
}

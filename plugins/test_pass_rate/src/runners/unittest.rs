//! unittest's last lines: `Ran 3 tests in 0.001s`, then `OK`, `FAILED (failures=1)` or `NO TESTS RAN`.
//!
//! The summary counts each subtest that fails or is skipped, and `Ran` counts tests. Which tests failed is in
//! the headings of the failures; which skips are of subtests is told only with `-v`.

use std::collections::BTreeSet;

use super::{Counts, Found, Reading, is_seconds};

/// The rule above each failure's heading.
const RULE: &str = "======================================================================";
/// What fails or is skipped around tests, and is no test itself.
const FIXTURES: &[&str] = &[
    "setUpClass (",
    "tearDownClass (",
    "setUpModule (",
    "tearDownModule (",
];

/// What the summary counts.
#[derive(Debug, Default)]
struct Summary {
    ran: u64,
    failures: u64,
    unexpected: u64,
    skipped: u64,
    expected: u64,
}

/// Reads the last summary.
pub fn read(text: &str) -> Found {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let (at, summary) = lines
        .windows(2)
        .enumerate()
        .rev()
        .find_map(|(at, pair)| match pair {
            [ran, result] => Some((at, summary(ran, result)?)),
            _ => None,
        })?;
    let unloaded =
        |line: &&str| line.starts_with("ERROR: ") && line.contains("(unittest.loader._FailedTest");
    if lines.iter().any(unloaded) {
        return Some(Err("unittest could not load some of the tests".into()));
    }
    let before = lines.get(..at).unwrap_or_default();
    Some(counts(&summary, before, text).map(Reading::from))
}

fn counts(summary: &Summary, lines: &[&str], text: &str) -> Result<Counts, String> {
    let (tests, fixtures) = failed(summary, lines);
    let failed = tests.saturating_add(summary.unexpected);
    let left = summary
        .ran
        .saturating_sub(failed)
        .saturating_sub(summary.expected);
    let (passed, skipped) = match skips(lines) {
        Some(skips) if skips.total() == summary.skipped => (
            left.saturating_sub(skips.tests),
            skips.tests.saturating_add(skips.fixtures),
        ),
        _ => {
            let passed = left
                .saturating_sub(summary.skipped)
                .max(dots(summary, text).unwrap_or(0).min(left));
            if passed == 0 && summary.skipped > left && left > 0 {
                return Err(
                    "unittest tells subtests that are skipped from tests that are only with `-v`"
                        .into(),
                );
            }
            (passed, summary.skipped)
        }
    };
    Ok(Counts {
        passed,
        failed: failed.saturating_add(fixtures),
        skipped: skipped.saturating_add(summary.expected),
    })
}

/// How many tests failed, by the headings, and how many fixtures of classes and modules.
fn failed(summary: &Summary, lines: &[&str]) -> (u64, u64) {
    let headings: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair.first() == Some(&RULE))
        .filter_map(|pair| {
            let heading = pair.get(1)?;
            heading
                .strip_prefix("FAIL: ")
                .or_else(|| heading.strip_prefix("ERROR: "))
        })
        .collect();
    if headings.len() as u64 != summary.failures {
        // Some are missing, or a test printed some.
        let failed = match summary.ran {
            0 => summary.failures,
            ran => summary.failures.min(ran),
        };
        return (failed, 0);
    }
    let is_fixture = |heading: &&str| FIXTURES.iter().any(|name| heading.starts_with(name));
    let (fixtures, tests): (Vec<&str>, Vec<&str>) = headings.into_iter().partition(is_fixture);
    let tests: BTreeSet<&str> = tests.into_iter().map(test_of).collect();
    (tests.len() as u64, fixtures.len() as u64)
}

/// The test of a heading such as `test_many (m.Case.test_many) (n=3)`: up to the name in parentheses.
fn test_of(heading: &str) -> &str {
    let is_name = |text: &str| {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '<' | '>'))
    };
    heading
        .match_indices(" (")
        .find_map(|(at, _)| {
            let inner = heading.get(at + 2..)?;
            let end = inner.find(')')?;
            is_name(inner.get(..end)?).then(|| heading.get(..at + 2 + end + 1))?
        })
        .unwrap_or(heading)
}

/// What was skipped, as `-v` tells it.
#[derive(Debug, Default)]
struct Skips {
    subtests: u64,
    tests: u64,
    fixtures: u64,
}

impl Skips {
    fn total(&self) -> u64 {
        self.subtests + self.tests + self.fixtures
    }
}

/// None if no line tells of a skip.
fn skips(lines: &[&str]) -> Option<Skips> {
    let mut found = Skips::default();
    let mut before = "";
    for line in lines {
        let is_skip = [" ... skipped '", " ... skipped \""]
            .iter()
            .any(|words| line.contains(words));
        if is_skip {
            // A docstring's line has no name: the one before it has.
            let named = if line.contains(" (") { line } else { before };
            if FIXTURES.iter().any(|name| named.starts_with(name)) {
                found.fixtures += 1;
            } else if named.starts_with("  ") {
                found.subtests += 1;
            } else {
                found.tests += 1;
            }
        } else if line.starts_with("skipped '") || line.starts_with("skipped \"") {
            found.fixtures += 1;
        }
        before = line;
    }
    (found.total() > 0).then_some(found)
}

/// The tests that passed, by the line of progress; none if that line is not whole.
fn dots(summary: &Summary, text: &str) -> Option<u64> {
    let progress: String = text
        .lines()
        .take_while(|line| !line.is_empty() && line.chars().all(|c| ".FEsxu".contains(c)))
        .collect();
    let count = |mark: char| progress.matches(mark).count() as u64;
    (count('s') == summary.skipped && count('x') == summary.expected).then(|| count('.'))
}

fn summary(ran: &str, result: &str) -> Option<Summary> {
    let (ran, time) = ran.strip_prefix("Ran ")?.split_once(" in ")?;
    let ran: u64 = ran
        .strip_suffix(" tests")
        .or_else(|| ran.strip_suffix(" test"))?
        .parse()
        .ok()?;
    if !is_seconds(time) {
        return None;
    }
    let (word, list) = match result.split_once(" (") {
        Some((word, list)) => (word, Some(list.strip_suffix(')')?)),
        None => (result, None),
    };
    if !["OK", "FAILED", "NO TESTS RAN"].contains(&word) {
        return None;
    }
    let mut found = Summary {
        ran,
        ..Summary::default()
    };
    for item in list.into_iter().flat_map(|list| list.split(", ")) {
        let (what, number) = item.split_once('=')?;
        let number: u64 = number.parse().ok()?;
        let place = match what {
            "failures" | "errors" => &mut found.failures,
            "unexpected successes" => &mut found.unexpected,
            "skipped" => &mut found.skipped,
            "expected failures" => &mut found.expected,
            _ => continue,
        };
        *place = place.saturating_add(number);
    }
    Some(found)
}

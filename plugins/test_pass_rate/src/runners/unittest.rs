//! unittest's last lines: `Ran 3 tests in 0.001s`, then `OK`, `FAILED (failures=1)` or `NO TESTS RAN`.

use super::{Counts, Found, Reading, is_seconds};

/// Reads the last summary.
pub fn read(text: &str) -> Found {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let counts = lines.windows(2).rev().find_map(|pair| match pair {
        [ran, result] => summary(ran, result),
        _ => None,
    })?;
    if text
        .lines()
        .any(|line| line.starts_with("ERROR: ") && line.contains("(unittest.loader._FailedTest"))
    {
        return Some(Err("unittest could not load some of the tests".into()));
    }
    Some(Ok(Reading::from(counts)))
}

fn summary(ran: &str, result: &str) -> Option<Counts> {
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
    let mut failed = 0_u64;
    let mut skipped = 0_u64;
    for item in list.into_iter().flat_map(|list| list.split(", ")) {
        let (what, number) = item.split_once('=')?;
        let number: u64 = number.parse().ok()?;
        let place = match what {
            "failures" | "errors" | "unexpected successes" => &mut failed,
            "skipped" | "expected failures" => &mut skipped,
            _ => continue,
        };
        *place = place.saturating_add(number);
    }
    Some(Counts {
        // Each subtest that fails is a failure, and so is a fixture of a class: there can be more
        // of them than tests.
        passed: ran.saturating_sub(failed).saturating_sub(skipped),
        failed,
        skipped,
    })
}

//! cargo-nextest's `     Summary [   0.006s] 4 tests run: 3 passed, 1 failed, 1 skipped`.

use super::{Counts, Found, Reading, is_seconds};

/// Reads the last summary.
pub fn read(text: &str) -> Found {
    let (counts, missing) = text.lines().rev().find_map(summary)?;
    let mut reading = Reading::from(counts);
    if missing > 0 {
        let note = format!(
            "nextest stopped early, and {missing} tests did not run; they count as skipped: with \
             `--no-fail-fast` they run too"
        );
        reading.notes.push(note);
    }
    Some(Ok(reading))
}

/// Where the last summary ends.
pub fn last(text: &str) -> Option<usize> {
    let mut end = 0;
    text.split_inclusive('\n')
        .filter_map(|line| {
            end += line.len();
            summary(line.trim_end()).map(|_| end)
        })
        .last()
}

/// The counts, and how many tests in them were not begun.
fn summary(line: &str) -> Option<(Counts, u64)> {
    let (time, rest) = line.strip_prefix("     Summary [")?.split_once("] ")?;
    if !is_seconds(time.trim_start().trim_start_matches('>')) {
        return None;
    }
    let (ran, list) = rest.split_once(": ")?;
    let ran = ran
        .strip_suffix(" tests run")
        .or_else(|| ran.strip_suffix(" test run"))?;
    // `3/5 tests run` where it stopped early.
    let (ran, all) = ran.split_once('/').unwrap_or((ran, ran));
    let (ran, all): (u64, u64) = (ran.parse().ok()?, all.parse().ok()?);
    let missing = all.checked_sub(ran)?;

    let mut counts = Counts {
        skipped: missing,
        ..Counts::default()
    };
    for item in without_brackets(list).split(", ") {
        let (number, what) = item.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        let place = match what.trim() {
            "passed" => &mut counts.passed,
            "skipped" => &mut counts.skipped,
            // `failed`, `timed out`, `exec failed`: what ran and did not pass.
            _ => &mut counts.failed,
        };
        *place = place.saturating_add(number);
    }
    (counts.ran() == ran).then_some((counts, missing))
}

/// Drops remarks such as `(1 slow, 2 flaky)`.
fn without_brackets(list: &str) -> String {
    let mut depth = 0_u32;
    list.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

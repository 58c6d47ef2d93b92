//! pytest's last line: `===== 1 failed, 2 passed in 0.12s =====`, with `-q` without the rules.

use super::{Counts, Found, Reading, counted, is_seconds};

/// Reads the last summary.
pub fn read(text: &str) -> Found {
    let sessions = text
        .lines()
        .filter(|line| ruled(line, '=') == Some("test session starts"))
        .count();
    let counts = text.lines().rev().find_map(|line| match ruled(line, '=') {
        Some(inner) => summary(inner),
        // Only `-q` prints neither a beginning nor rules.
        None if sessions == 0 => summary(line),
        None => None,
    })?;
    let mut reading = Reading::from(counts);
    if sessions > 1 {
        let note = format!("pytest ran {sessions} times: only the last run counts");
        reading.notes.push(note);
    }
    if text
        .lines()
        .any(|line| ruled(line, '!').is_some_and(|inner| inner.starts_with("stopping after ")))
    {
        let note = "pytest stopped before the last test (`-x`, `--maxfail`)";
        reading.notes.push(note.into());
    }
    Some(Ok(reading))
}

/// Whether pytest says that it broke off: files that could not be loaded, an interrupt.
pub fn interrupted(text: &str) -> bool {
    text.lines().any(|line| {
        ruled(line, '!').is_some_and(|inner| {
            inner.starts_with("Interrupted: ")
                || inner.contains("KeyboardInterrupt")
                || inner.contains("_pytest.outcomes.Exit")
        })
    })
}

/// What stands between two rules of this character.
fn ruled(line: &str, rule: char) -> Option<&str> {
    let inner = line.trim_matches(rule);
    (inner.len() < line.len()).then_some(())?;
    inner.strip_prefix(' ')?.strip_suffix(' ')
}

fn summary(line: &str) -> Option<Counts> {
    let (list, time) = line.rsplit_once(" in ")?;
    let (seconds, clock) = match time.split_once(' ') {
        Some((seconds, clock)) => (seconds, Some(clock)),
        None => (time, None),
    };
    let is_clock = |text: &str| text.starts_with('(') && text.ends_with(')') && text.contains(':');
    if !is_seconds(seconds) || !clock.is_none_or(is_clock) {
        return None;
    }
    if list == "no tests ran" {
        return Some(Counts::default());
    }
    let mut counts = Counts::default();
    let mut known = false;
    for (number, what) in counted(list, ", ")? {
        let place = match what {
            "passed" | "xpassed" => &mut counts.passed,
            "failed" | "error" | "errors" => &mut counts.failed,
            "skipped" | "xfailed" => &mut counts.skipped,
            "deselected" | "warning" | "warnings" => {
                known = true;
                continue;
            }
            // Subtests, which count in their tests; a plugin's own words.
            _ => continue,
        };
        known = true;
        *place = place.saturating_add(number);
    }
    known.then_some(counts)
}

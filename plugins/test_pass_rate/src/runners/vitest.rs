//! Vitest's JSON, which has the form of Jest's, and its last lines:
//!
//! ```text
//!  Test Files  1 failed | 1 passed (2)
//!       Tests  1 failed | 3 passed | 1 expected fail | 1 skipped | 1 todo (7)
//!    Start at  09:24:51
//! ```

use super::jest::{Writer, json};
use super::{Counts, Found, Output, Reading, counted};

/// Reads the JSON if there is any, or else the lines.
pub fn read(output: &Output) -> Found {
    if let Some(found) = json(output, Writer::Vitest) {
        return Some(found);
    }
    let counts = output.stdout_first(|stream| lines(&stream.text))?;
    let unloaded = [&output.stdout, &output.stderr]
        .iter()
        .any(|stream| stream.text.lines().any(is_about_suites));
    if unloaded {
        return Some(Err("a test file or a suite could not be run".into()));
    }
    Some(counts)
}

/// `⎯⎯⎯⎯⎯⎯ Failed Suites 1 ⎯⎯⎯⎯⎯⎯⎯`
fn is_about_suites(line: &str) -> bool {
    let inner = line.trim_matches('⎯');
    inner.len() < line.len() && inner.starts_with(" Failed Suites ")
}

fn lines(text: &str) -> Found {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(3).rev().find_map(|window| match window {
        [files, tests, next]
            if files.starts_with(" Test Files  ")
                && ["   Start at  ", "     Errors  ", "Type Errors  "]
                    .iter()
                    .any(|head| next.starts_with(head)) =>
        {
            Some(Ok(Reading::from(summary(tests)?)))
        }
        _ => None,
    })
}

fn summary(line: &str) -> Option<Counts> {
    let list = line.strip_prefix("      Tests  ")?;
    if list == "no tests" {
        return Some(Counts::default());
    }
    let (list, total) = list.rsplit_once(" (")?;
    let total: u64 = total.strip_suffix(')')?.parse().ok()?;
    let mut counts = Counts::default();
    for (number, what) in counted(list, " | ")? {
        let place = match what {
            // As in its JSON.
            "passed" | "expected fail" => &mut counts.passed,
            "failed" => &mut counts.failed,
            "skipped" | "todo" => &mut counts.skipped,
            _ => return None,
        };
        *place = place.saturating_add(number);
    }
    (total == counts.total()).then_some(counts)
}

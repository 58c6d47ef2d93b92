//! The Test Anything Protocol, versions 12 to 14: a plan `1..N`, and for each test `ok 1 - what` or
//! `not ok 2 - what # TODO why`.
//!
//! What is indented belongs to a test above or below it and does not count, as the protocol has it.

use super::{Counts, Found, Reading, Stream};

/// Reads one document.
pub fn read(stream: &Stream) -> Found {
    let mut plan = None;
    let mut plans = 0_u32;
    let mut version = false;
    let mut bail = None;
    let mut astray = None;
    let mut counts = Counts::default();
    for line in stream.text.lines() {
        if line.starts_with("TAP version ") {
            version = true;
        } else if let Some(number) = planned(line) {
            plan = Some(number);
            plans += 1;
        } else if let Some(reason) = line.strip_prefix("Bail out!") {
            bail = Some(reason.trim());
        } else if let Some(point) = Point::read(line) {
            let due = counts.total().saturating_add(1);
            if point.number.is_some_and(|number| number != due) {
                astray = astray.or(point.number);
            }
            match point {
                Point { aside: true, .. } => counts.skipped += 1,
                Point { passed: true, .. } => counts.passed += 1,
                Point { .. } => counts.failed += 1,
            }
        }
    }
    if !version && (plan.is_none() || (counts.total() == 0 && plan != Some(0))) {
        return None;
    }
    let read = || {
        if let Some(reason) = bail {
            return Err(format!("the tests bailed out: {reason}"));
        }
        let plan = plan.ok_or("its TAP has no plan, so that it may be half")?;
        if plans > 1 {
            return Err(
                "there is more than one plan in its TAP: let the command run one program".into(),
            );
        }
        // A number that a test printed, or the output of two programs.
        if let Some(number) = astray {
            return Err(format!("test {number} is not in its turn in its TAP"));
        }
        let planned = format!("{plan} tests are planned in its TAP");
        if counts.total() > plan {
            return Err(format!("{planned}, and {} are in it", counts.total()));
        }
        let mut reading = Reading::from(counts);
        let missing = plan.saturating_sub(counts.total());
        if missing > 0 {
            reading.counts.failed = reading.counts.failed.saturating_add(missing);
            reading.notes.push(format!(
                "{planned}, and {missing} of them are not in it: they count as failed"
            ));
        }
        Ok(reading)
    };
    Some(stream.whole().and_then(|()| read()))
}

fn planned(line: &str) -> Option<u64> {
    let (number, remark) = match line.strip_prefix("1..")?.split_once(char::is_whitespace) {
        Some((number, remark)) => (number, remark.trim_start()),
        None => (line.strip_prefix("1..")?, ""),
    };
    (remark.is_empty() || remark.starts_with('#'))
        .then(|| number.parse().ok())
        .flatten()
}

/// One test.
struct Point {
    passed: bool,
    number: Option<u64>,
    /// It has no verdict: skipped, or to do.
    aside: bool,
}

impl Point {
    fn read(line: &str) -> Option<Self> {
        let (passed, rest) = match line.strip_prefix("not ") {
            Some(rest) => (false, rest.strip_prefix("ok")?),
            None => (true, line.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        let rest = rest.trim_start();
        let word = rest.split(' ').next().unwrap_or_default();
        Some(Self {
            passed,
            number: word.parse().ok(),
            aside: directive(rest),
        })
    }
}

/// Whether a test's description ends with `# SKIP` or `# TODO`, whose sign may not be escaped.
fn directive(description: &str) -> bool {
    description.match_indices('#').any(|(at, _)| {
        let escaped = description
            .get(..at)
            .is_some_and(|before| before.ends_with('\\'));
        let word = description
            .get(at + 1..)
            .unwrap_or_default()
            .trim_start()
            .get(..4)
            .unwrap_or_default();
        !escaped && (word.eq_ignore_ascii_case("skip") || word.eq_ignore_ascii_case("todo"))
    })
}

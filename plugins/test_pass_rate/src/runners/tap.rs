//! The Test Anything Protocol, versions 12 to 14: a plan `1..N`, and for each test `ok 1 - what` or
//! `not ok 2 - what # TODO why`.
//!
//! What is indented belongs to a test above or below it and does not count, as the protocol has it.

use super::{Counts, Found, Reading, Stream};

/// What one program wrote.
#[derive(Debug, Default)]
struct Document {
    plan: Option<u64>,
    version: bool,
    counts: Counts,
    /// A number that is not in its turn.
    astray: Option<u64>,
}

impl Document {
    fn is_empty(&self) -> bool {
        self.plan.is_none() && self.counts.total() == 0
    }

    /// Whether it has all that it planned.
    fn is_complete(&self) -> bool {
        self.plan == Some(self.counts.total())
    }

    fn add(&mut self, point: &Point) {
        let due = self.counts.total().saturating_add(1);
        if point.number.is_some_and(|number| number != due) {
            self.astray = self.astray.or(point.number);
        }
        match point {
            Point { aside: true, .. } => self.counts.skipped += 1,
            Point { passed: true, .. } => self.counts.passed += 1,
            Point { .. } => self.counts.failed += 1,
        }
    }

    fn read(&self) -> Result<Reading, String> {
        let counts = self.counts;
        let plan = self
            .plan
            .ok_or("its TAP has no plan, so that it may be half")?;
        // A number that a test printed.
        if let Some(number) = self.astray {
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
    }
}

/// Reads all documents: several programs may have written one each, one after the other.
pub fn read(stream: &Stream) -> Found {
    let text = &stream.text;
    // prove's own verdict on each file is a line as tests have them.
    let is_prove = text
        .lines()
        .any(|line| line.starts_with("Files=") && line.contains(", Tests="));
    let mut documents = vec![Document::default()];
    let mut bail = None;
    for line in text.lines() {
        let Some(last) = documents.last_mut() else {
            break;
        };
        if line.starts_with("TAP version ") {
            if !last.is_empty() || last.version {
                documents.push(Document::default());
            }
            if let Some(last) = documents.last_mut() {
                last.version = true;
            }
        } else if let Some(number) = planned(line) {
            if last.plan.is_some() {
                documents.push(Document::default());
            }
            if let Some(last) = documents.last_mut() {
                last.plan = Some(number);
            }
        } else if let Some(reason) = line.strip_prefix("Bail out!") {
            bail = Some(reason.trim());
        } else if let Some(point) = Point::read(line) {
            if is_prove && line == "ok" && last.is_complete() {
                continue;
            }
            if point.number == Some(1) && last.is_complete() {
                documents.push(Document::default());
            }
            if let Some(last) = documents.last_mut() {
                last.add(&point);
            }
        }
    }
    let has_version = documents.iter().any(|document| document.version);
    let has_plan = documents.iter().any(|document| document.plan.is_some());
    let total: u64 = documents
        .iter()
        .map(|document| document.counts.total())
        .sum();
    let plans_nothing = documents.iter().any(|document| document.plan == Some(0));
    if !has_version && (!has_plan || (total == 0 && !plans_nothing)) {
        return None;
    }
    let read = || {
        if let Some(reason) = bail {
            return Err(format!("the tests bailed out: {reason}"));
        }
        let several = documents.len() > 1;
        let mut whole = Reading::default();
        for document in &documents {
            if several && document.counts.total() == 0 && document.plan.is_some_and(|plan| plan > 0)
            {
                return Err("there is a plan without tests after another one in its TAP".to_owned());
            }
            let reading = document.read()?;
            whole.counts = whole.counts + reading.counts;
            whole.notes.extend(reading.notes);
        }
        Ok(whole)
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

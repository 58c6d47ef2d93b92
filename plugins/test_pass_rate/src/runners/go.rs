//! `go test -v` and `go test -json`.
//!
//! Every test and subtest counts, as in the events of `-json`. Each that begins must end: a panic takes
//! the rest of its package with it, and then the counts are no measurement. What a test prints is told
//! from what go says only in the events.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Counts, Found, Reading, Stream, is_seconds};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Pass,
    Fail,
    Skip,
}

/// One package's tests, whatever told of them.
#[derive(Default)]
struct Package {
    /// The tests that have begun and not ended: few, unless they are parallel.
    running: Vec<String>,
    counts: Counts,
    panicked: bool,
    crashed: bool,
}

impl Package {
    fn begin(&mut self, test: &str) {
        self.running.push(test.to_owned());
    }

    /// Only what has begun can end: other lines are what a test printed.
    fn end(&mut self, test: &str, ending: Ending) {
        let Some(place) = self.running.iter().rposition(|name| name == test) else {
            return;
        };
        self.running.swap_remove(place);
        let place = match ending {
            Ending::Pass => &mut self.counts.passed,
            Ending::Fail => &mut self.counts.failed,
            Ending::Skip => &mut self.counts.skipped,
        };
        *place += 1;
    }

    /// A panic is two lines: what it was, and whose stack follows.
    fn printed(&mut self, line: &str) {
        if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
            self.panicked = true;
        } else if self.panicked && line.starts_with("goroutine ") && line.ends_with(':') {
            self.crashed = true;
        }
    }

    /// The counts at the package's end.
    fn close(self, name: &str, failed: bool) -> Result<Counts, String> {
        if failed && self.crashed {
            return Err(format!(
                "a test in the package `{name}` panicked, so that others did not run"
            ));
        }
        if !self.running.is_empty() {
            return Err(format!(
                "tests in the package `{name}` began and did not end"
            ));
        }
        if failed && self.counts.failed == 0 {
            return Err(format!(
                "the package `{name}` failed, but none of its tests: it does not build, ended early, or a benchmark failed"
            ));
        }
        Ok(self.counts)
    }
}

/// One line of `go test -json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    package: Option<String>,
    test: Option<String>,
    output: Option<String>,
}

/// Reads the events of `go test -json`.
pub fn read_json(stream: &Stream) -> Found {
    // Those that are not at their end.
    let mut packages: HashMap<String, Package> = HashMap::new();
    let mut known = false;
    let mut total = Counts::default();
    let mut error = None;
    let events = stream
        .text
        .lines()
        .filter(|line| line.starts_with('{'))
        .filter_map(|line| serde_json::from_str::<Event>(line).ok());
    for event in events {
        let Some(name) = event.package else {
            continue;
        };
        known = true;
        let ending = match event.action.as_str() {
            "pass" | "bench" => Some(Ending::Pass),
            "fail" => Some(Ending::Fail),
            "skip" => Some(Ending::Skip),
            _ => None,
        };
        match (ending, event.test) {
            (Some(ending), Some(test)) => {
                packages.entry(name).or_default().end(&test, ending);
            }
            (Some(ending), None) => {
                let package = packages.remove(&name).unwrap_or_default();
                match package.close(&name, ending == Ending::Fail) {
                    Ok(counts) => total = total + counts,
                    Err(reason) => error = error.or(Some(reason)),
                }
            }
            (None, test) => {
                let package = packages.entry(name).or_default();
                match (event.action.as_str(), test, event.output) {
                    // A benchmark that succeeds has no end, and none is a test.
                    ("run", Some(test), _) if !test.starts_with("Benchmark") => {
                        package.begin(&test);
                    }
                    ("output", _, Some(text)) => package.printed(text.trim_end()),
                    _ => {}
                }
            }
        }
    }
    if !known {
        return None;
    }
    if !packages.is_empty() {
        error = error.or_else(|| Some("`go test` ended before its last package did".into()));
    }
    Some(stream.whole().and_then(|()| match error {
        Some(reason) => Err(reason),
        None => Ok(Reading::from(total)),
    }))
}

/// Reads what `go test -v` prints.
pub fn read_text(stream: &Stream) -> Found {
    let mut package = Package::default();
    let mut any_package = false;
    let mut any_test = false;
    let mut total = Counts::default();
    let mut error = None;
    for line in stream.text.lines() {
        if let Some(test) = test_beginning(line) {
            any_test = true;
            package.begin(test);
        } else if let Some((test, ending)) = test_ending(line).or_else(|| glued_ending(line)) {
            package.end(test, ending);
        } else if let Some((name, failed)) = package_ending(line) {
            if !failed && !package.running.is_empty() {
                // Printed by a test: a package that is well has no test running.
                continue;
            }
            any_package = true;
            match std::mem::take(&mut package).close(name, failed) {
                Ok(counts) => total = total + counts,
                Err(reason) => error = error.or(Some(reason)),
            }
        } else {
            package.printed(line);
        }
    }
    if !any_package {
        return None;
    }
    if !package.running.is_empty() {
        error = error.or_else(|| Some("`go test` ended before its last package did".into()));
    }
    Some(stream.whole().and_then(|()| {
        match error {
            _ if !any_test
                && stream.text.lines().any(has_time)
                && !stream
                    .text
                    .lines()
                    .any(|line| line.starts_with("Benchmark")) =>
            {
                Err("`go test` names the tests that pass only with `-v` or `-json`".into())
            }
            Some(reason) => Err(reason),
            None => Ok(Reading::from(total)),
        }
    }))
}

/// `=== RUN   TestName`, also behind what a test printed without ending its line.
fn test_beginning(line: &str) -> Option<&str> {
    const MARK: &str = "=== RUN ";
    let at = line.rfind(MARK)?;
    let test = line.get(at + MARK.len()..)?.trim_start();
    let is_test = ["Test", "Fuzz", "Example"]
        .iter()
        .any(|kind| test.starts_with(kind));
    (at == 0 || (is_test && !test.contains(' '))).then_some(test)
}

/// A test's ending behind what it printed without ending its line. Those of subtests stand on lines of
/// their own: the tests around them end theirs first.
fn glued_ending(line: &str) -> Option<(&str, Ending)> {
    let at = line.rfind("--- ").filter(|at| *at > 0)?;
    test_ending(line.get(at..)?).filter(|(test, _)| !test.contains('/'))
}

/// `--- PASS: TestName (0.00s)`, indented by four spaces for each test around it.
fn test_ending(line: &str) -> Option<(&str, Ending)> {
    let plain = line.trim_start_matches(' ');
    let (word, rest) = plain.strip_prefix("--- ")?.split_once(": ")?;
    let ending = match word {
        "PASS" => Ending::Pass,
        "FAIL" => Ending::Fail,
        "SKIP" => Ending::Skip,
        _ => return None,
    };
    let (test, time) = rest.rsplit_once(" (")?;
    let indent = line.len() - plain.len();
    let fits = indent.is_multiple_of(4) && indent / 4 <= test.matches('/').count();
    (fits && is_seconds(time.strip_suffix(')')?)).then_some((test, ending))
}

/// The package's name, and whether it failed. The tabs are spaces by now.
fn package_ending(line: &str) -> Option<(&str, bool)> {
    let (failed, rest) = if let Some(rest) = line.strip_prefix("ok   ") {
        (false, rest)
    } else if let Some(rest) = line.strip_prefix("?    ") {
        (false, rest)
    } else {
        (true, line.strip_prefix("FAIL ")?)
    };
    let (name, how) = rest.split_once(' ')?;
    let first = how.split(' ').next()?;
    let fits = is_seconds(first)
        || [
            "(cached)",
            "[no test files]",
            "[build failed]",
            "[setup failed]",
        ]
        .iter()
        .any(|words| how.starts_with(words));
    (fits && !name.is_empty()).then_some((name, failed))
}

/// Whether a package's tests ran, or had run.
fn has_time(line: &str) -> bool {
    package_ending(line).is_some() && !line.ends_with(']')
}

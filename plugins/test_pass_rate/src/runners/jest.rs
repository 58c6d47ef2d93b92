//! Jest's `--json`, and its last lines:
//!
//! ```text
//! Test Suites: 1 failed, 1 passed, 2 total
//! Tests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total
//! Snapshots:   0 total
//! Time:        0.639 s
//! ```

use serde::Deserialize;

use super::{Counts, Found, Output, Reading, Stream, counted};

const UNLOADED: &str = "a test file could not be run";

/// Reads the JSON if there is any, or else the lines.
pub fn read(output: &Output) -> Found {
    json(output, Writer::Jest).or_else(|| output.stderr_first(lines))
}

/// Who wrote a report: Vitest's has the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    Jest,
    Vitest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    num_total_tests: u64,
    num_passed_tests: u64,
    num_failed_tests: u64,
    num_pending_tests: u64,
    num_todo_tests: u64,
    /// Jest's alone.
    num_runtime_error_test_suites: Option<u64>,
    #[serde(default)]
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    status: String,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Deserialize)]
struct Assertion {
    status: String,
}

/// Reads the last report in JSON.
pub fn json(output: &Output, writer: Writer) -> Found {
    output.stdout_first(|stream| {
        let report = last_report(&stream.text)?;
        let wrote = if report.num_runtime_error_test_suites.is_some() {
            Writer::Jest
        } else {
            Writer::Vitest
        };
        (wrote == writer).then(|| judged(&report))
    })
}

fn last_report(text: &str) -> Option<Report> {
    /// So that an output full of braces costs little: a report is the last thing, or nearly.
    const MOST_TRIED: usize = 100;
    let starts = text
        .rmatch_indices('{')
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'));
    starts
        .take(MOST_TRIED)
        .filter_map(|at| text.get(at..))
        .find_map(|rest| {
            serde_json::Deserializer::from_str(rest)
                .into_iter::<Report>()
                .next()?
                .ok()
        })
}

fn judged(report: &Report) -> Result<Reading, String> {
    let failed_whole = report.test_results.iter().any(|file| {
        file.status == "failed"
            && !file
                .assertion_results
                .iter()
                .any(|assertion| assertion.status == "failed")
    });
    if failed_whole || report.num_runtime_error_test_suites.is_some_and(|n| n > 0) {
        return Err(UNLOADED.into());
    }
    let counts = Counts {
        passed: report.num_passed_tests,
        failed: report.num_failed_tests,
        skipped: report
            .num_pending_tests
            .saturating_add(report.num_todo_tests),
    };
    if counts.total() != report.num_total_tests {
        return Err("the numbers of the report in JSON do not add up".into());
    }
    Ok(Reading::from(counts))
}

fn lines(stream: &Stream) -> Found {
    let lines: Vec<&str> = stream.text.lines().collect();
    let counts = lines.windows(4).rev().find_map(|window| match window {
        [suites, tests, snapshots, time]
            if suites.starts_with("Test Suites: ")
                && snapshots.starts_with("Snapshots:   ")
                && time.starts_with("Time:        ") =>
        {
            summary(tests)
        }
        _ => None,
    })?;
    if lines.contains(&"  ● Test suite failed to run") {
        return Some(Err(UNLOADED.into()));
    }
    Some(Ok(Reading::from(counts)))
}

fn summary(line: &str) -> Option<Counts> {
    let list = line.strip_prefix("Tests:       ")?;
    let mut counts = Counts::default();
    let mut total = None;
    for (number, what) in counted(list, ", ")? {
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "skipped" | "todo" => counts.skipped = counts.skipped.saturating_add(number),
            "total" => total = Some(number),
            _ => return None,
        }
    }
    (total == Some(counts.total())).then_some(counts)
}

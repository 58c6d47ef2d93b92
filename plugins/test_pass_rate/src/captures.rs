//! The captures in `fixtures/`, which `capture.sh` makes: what each is worth.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use common::Ended;

use crate::runners::{self, Counts, Output, Reading, Runner, Stream};
use crate::verdict::{Run, judge};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// What a command left.
pub struct Capture {
    pub ended: Ended,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Capture {
    pub fn load(name: &str) -> Self {
        let text = fs::read_to_string(path(&format!("{name}.txt"))).unwrap();
        let (head, rest) = text.split_once("==> stdout <==\n").unwrap();
        let (stdout, stderr) = rest.split_once("==> stderr <==\n").unwrap();
        let code: i32 = head.trim().strip_prefix("exit: ").unwrap().parse().unwrap();
        Self {
            // A shell's code for a signal.
            ended: match code.checked_sub(128) {
                Some(signal) if signal > 0 => Ended::Signal(signal),
                _ => Ended::Code(code),
            },
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    pub fn judge(&self, runner: Option<Runner>) -> Result<Reading, String> {
        let output = Output {
            stdout: Stream::new(&self.stdout, false),
            stderr: Stream::new(&self.stderr, false),
        };
        let run = Run {
            role: "test",
            ended: self.ended,
            stdout: &self.stdout,
            stderr: &self.stderr,
        };
        judge(&run, &output, runners::read(runner, &output))
    }

    /// As a shell with `2>&1` has it.
    fn in_one_stream(self) -> Self {
        Self {
            stdout: [self.stdout, self.stderr].concat(),
            stderr: Vec::new(),
            ..self
        }
    }
}

/// `auto` tells it, and both streams in one change nothing.
const MEASURED: &[(&str, Runner, [u64; 3])] = &[
    ("pytest-mixed", Runner::Pytest, [4, 4, 2]),
    ("pytest-quiet", Runner::Pytest, [4, 4, 2]),
    ("pytest-colour", Runner::Pytest, [4, 4, 2]),
    ("pytest-stopped", Runner::Pytest, [3, 1, 0]),
    ("pytest-selected", Runner::Pytest, [1, 0, 0]),
    ("pytest-pass", Runner::Pytest, [2, 0, 0]),
    ("pytest-uncaptured", Runner::Pytest, [2, 0, 0]),
    ("pytest-broken-continued", Runner::Pytest, [1, 1, 0]),
    ("unittest-mixed", Runner::Unittest, [1, 4, 2]),
    ("unittest-verbose", Runner::Unittest, [1, 4, 2]),
    ("unittest-buffered", Runner::Unittest, [1, 4, 2]),
    ("unittest-colour", Runner::Unittest, [1, 4, 2]),
    ("unittest-pass", Runner::Unittest, [1, 0, 1]),
    ("unittest-subtests-fail", Runner::Unittest, [2, 1, 0]),
    (
        "unittest-subtests-mixed-verbose",
        Runner::Unittest,
        [5, 10, 5],
    ),
    (
        "unittest-subtests-skip-verbose",
        Runner::Unittest,
        [1, 0, 0],
    ),
    ("unittest-class-skip", Runner::Unittest, [1, 0, 1]),
    ("unittest-part-skip-verbose", Runner::Unittest, [1, 1, 1]),
    ("cargo-mixed", Runner::Cargo, [4, 1, 1]),
    ("cargo-quiet", Runner::Cargo, [4, 1, 1]),
    ("cargo-colour", Runner::Cargo, [4, 1, 1]),
    ("cargo-stopped", Runner::Cargo, [2, 1, 1]),
    ("cargo-pass", Runner::Cargo, [1, 0, 1]),
    ("nextest-mixed", Runner::Nextest, [3, 1, 1]),
    ("nextest-colour", Runner::Nextest, [3, 1, 1]),
    ("nextest-stopped", Runner::Nextest, [1, 1, 3]),
    ("nextest-pass", Runner::Nextest, [1, 0, 1]),
    ("nextest-aborted", Runner::Nextest, [1, 1, 0]),
    ("go-mixed", Runner::Go, [4, 3, 1]),
    ("go-pass", Runner::Go, [1, 0, 1]),
    // Only the events tell a test from one that is printed.
    ("go-lie", Runner::Go, [1, 1, 0]),
    ("go-json-lie", Runner::GoJson, [0, 1, 0]),
    ("go-json-mixed", Runner::GoJson, [4, 3, 1]),
    ("go-json-pass", Runner::GoJson, [1, 0, 1]),
    // Tests that print without ending their lines.
    ("go-unended-lines", Runner::Go, [14, 2, 1]),
    ("go-unended-main", Runner::Go, [3, 0, 0]),
    ("go-json-bench", Runner::GoJson, [1, 0, 0]),
    ("jest-mixed", Runner::Jest, [3, 1, 2]),
    ("jest-colour", Runner::Jest, [3, 1, 2]),
    ("jest-json-mixed", Runner::Jest, [3, 1, 2]),
    ("jest-to-file", Runner::Jest, [3, 1, 2]),
    ("jest-pass", Runner::Jest, [1, 0, 1]),
    ("vitest-mixed", Runner::Vitest, [4, 1, 2]),
    ("vitest-colour", Runner::Vitest, [4, 1, 2]),
    ("vitest-json-mixed", Runner::Vitest, [4, 1, 2]),
    ("vitest-to-file", Runner::Vitest, [4, 1, 2]),
    ("vitest-pass", Runner::Vitest, [1, 0, 1]),
    ("vitest-tap-mixed", Runner::Tap, [1, 1, 0]),
    ("vitest-tap-flat", Runner::Tap, [4, 1, 2]),
    ("tap-mocha", Runner::Tap, [1, 1, 2]),
    ("tap-deno", Runner::Tap, [1, 2, 1]),
    // One document after the other.
    ("tap-two-mocha", Runner::Tap, [2, 1, 2]),
    ("tap-two-ava", Runner::Tap, [3, 1, 2]),
    ("tap-two-perl", Runner::Tap, [4, 1, 1]),
    ("tap-prove-verbose", Runner::Tap, [4, 1, 1]),
    ("tap-prove-verbose-pass", Runner::Tap, [3, 0, 1]),
    ("node-tap-mixed", Runner::Node, [3, 1, 2]),
    ("node-spec-mixed", Runner::Node, [3, 1, 2]),
    ("node-colour", Runner::Node, [3, 1, 2]),
    ("node-pass", Runner::Node, [1, 0, 1]),
    // Node takes a file that it can't load for a test.
    ("node-broken", Runner::Node, [1, 1, 0]),
];

/// The candidate failed, in these words.
const FAILED: &[(&str, &str)] = &[
    ("pytest-none", "pytest could not run"),
    ("pytest-usage", "pytest could not run"),
    ("pytest-broken", "pytest could not run"),
    ("pytest-killed", "ended by signal 9"),
    ("unittest-none", "no test ran"),
    ("unittest-broken", "could not load"),
    ("cargo-none", "no test ran"),
    ("cargo-broken", "exit code 101 and gave no result"),
    ("cargo-aborted", "ended before it gave its result"),
    // The test that lies is not told from a test program that is killed.
    ("cargo-uncaptured", "ended before it gave its result"),
    ("nextest-none", "no test ran"),
    ("nextest-broken", "exit code 101 and gave no result"),
    ("go-plain", "only with `-v`"),
    ("go-none", "no test ran"),
    ("go-broken", "does not build"),
    ("go-panic", "panicked"),
    ("go-json-none", "no test ran"),
    ("go-json-broken", "does not build"),
    ("go-json-panic", "panicked"),
    ("jest-none", "exit code 1 and gave no result"),
    ("jest-none-allowed", "gave no result"),
    ("jest-broken", "could not be run"),
    ("jest-json-broken", "could not be run"),
    ("vitest-none", "exit code 1 and gave no result"),
    ("vitest-none-allowed", "gave no result"),
    ("vitest-broken", "could not be run"),
    ("vitest-json-broken", "could not be run"),
    ("vitest-unhandled", "although none of its 1 tests did"),
    ("node-none", "no test ran"),
    ("unittest-subtests-skip", "only with `-v`"),
    ("go-json-bench-fail", "a benchmark failed"),
    ("other-mocha", "`--reporter tap`"),
    ("other-bun", "`--reporter=junit"),
    ("other-deno", "`--reporter=tap`"),
    ("other-ava", "`--tap`"),
    ("other-rspec", "RspecJunitFormatter"),
    ("other-phpunit", "`--log-junit FILE`"),
    ("other-ctest", "`--output-junit FILE`"),
    ("other-prove", "`prove -v`"),
    ("other-pytest-qq", "one `-q` at most"),
    ("other-pytest-sugar", "`-p no:sugar`"),
    // Its result is in the report alone.
    ("node-to-file", "exit code 1 and gave no result"),
];

/// What a runner wrote into a file.
const REPORTS: &[(&str, Runner, [u64; 3])] = &[
    // A test with two failures is one of its 9 cases, and the suite tells of the second.
    ("pytest-mixed.xml", Runner::Junit, [4, 4, 2]),
    ("pytest-pass.xml", Runner::Junit, [2, 0, 0]),
    ("pytest-none.xml", Runner::Junit, [0, 0, 0]),
    ("pytest-broken.xml", Runner::Junit, [0, 1, 0]),
    // Tests that were run again: 3.5.4 counts each run that failed, later versions do not.
    ("surefire-flaky-3.5.4.xml", Runner::Junit, [3, 0, 0]),
    ("surefire-flaky-3.5.5.xml", Runner::Junit, [3, 0, 0]),
    ("surefire-rerun-3.5.4.xml", Runner::Junit, [1, 2, 0]),
    ("nextest-mixed.xml", Runner::Junit, [3, 1, 0]),
    ("node-mixed.xml", Runner::Junit, [3, 1, 2]),
    ("vitest-mixed.xml", Runner::Junit, [4, 1, 2]),
    ("vitest-mixed.json", Runner::Vitest, [4, 1, 2]),
    ("jest-mixed.json", Runner::Jest, [3, 1, 2]),
];

fn counts([passed, failed, skipped]: [u64; 3]) -> Counts {
    Counts {
        passed,
        failed,
        skipped,
    }
}

#[test]
fn what_is_measured() {
    for (name, runner, expected) in MEASURED {
        let expected = Ok(counts(*expected));
        for format in [None, Some(*runner)] {
            let apart = Capture::load(name).judge(format);
            assert_eq!(
                apart.map(|reading| reading.counts),
                expected,
                "{name} {format:?}"
            );
            let together = Capture::load(name).in_one_stream().judge(format);
            assert_eq!(
                together.map(|reading| reading.counts),
                expected,
                "{name} {format:?}, one stream"
            );
        }
    }
}

#[test]
fn what_is_a_failure() {
    for (name, words) in FAILED {
        let error = Capture::load(name).judge(None).unwrap_err();
        let first = error.lines().next().unwrap();
        assert!(first.contains(words), "{name}: {error}");
    }
}

#[test]
fn what_is_written() {
    for (name, runner, expected) in REPORTS {
        let bytes = fs::read(path(name)).unwrap();
        for format in [None, Some(*runner)] {
            let reading = runners::read(format, &Output::of_report(&bytes));
            assert_eq!(
                reading.map(|reading| reading.counts),
                Ok(counts(*expected)),
                "{name}"
            );
        }
    }
}

#[test]
fn half_an_output_does_no_harm() {
    for (name, runner, _) in MEASURED {
        let whole = Capture::load(name);
        for at in 0..whole.stdout.len() {
            let half = Output {
                stdout: Stream::new(&whole.stdout[..at], true),
                stderr: Stream::default(),
            };
            let _ = runners::read(Some(*runner), &half);
        }
    }
}

#[test]
fn half_a_report_is_refused() {
    for (name, runner, _) in REPORTS {
        let whole = fs::read(path(name)).unwrap();
        let end = whole.trim_ascii_end().len();
        for at in 0..end {
            let half = runners::read(Some(*runner), &Output::of_report(&whole[..at]));
            assert!(half.is_err(), "{name} at {at}: {half:?}");
        }
    }
}

#[test]
fn every_capture_is_judged() {
    let listed: BTreeSet<String> = MEASURED
        .iter()
        .map(|(name, ..)| *name)
        .chain(FAILED.iter().map(|(name, _)| *name))
        .map(|name| format!("{name}.txt"))
        .chain(REPORTS.iter().map(|(name, ..)| (*name).to_owned()))
        .collect();
    let kept: BTreeSet<String> = fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, kept);
}

//! What test runners print and write, and how many tests passed according to it.
//!
//! Each reader takes the runner's own words in their strict form, and of several summaries the last:
//! a test may print a line that looks like one, but before the runner sums up. Where a runner gives
//! no sum, each of its parts must be whole. A reader says one of three things: that these are not its
//! runner's words; the counts; or why its runner's words are no measurement.

mod cargo;
mod go;
mod hints;
mod jest;
mod junit;
mod nextest;
mod node;
pub mod pytest;
mod tap;
mod unittest;
mod vitest;

use std::iter::Sum;
use std::ops::Add;

/// How many tests ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    /// Known, but not run, or run without a verdict: skipped, ignored, to do, expected to fail.
    pub skipped: u64,
}

impl Counts {
    /// The tests that have a verdict.
    pub fn ran(self) -> u64 {
        self.passed.saturating_add(self.failed)
    }

    /// All tests that the runner told of.
    pub fn total(self) -> u64 {
        self.ran().saturating_add(self.skipped)
    }

    /// The part of the tests that ran which passed; none where none ran.
    pub fn pass_rate(self) -> Option<f64> {
        (self.ran() > 0).then(|| self.passed as f64 / self.ran() as f64)
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// The counts, and what the owner should know about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub counts: Counts,
    pub notes: Vec<String>,
}

impl From<Counts> for Reading {
    fn from(counts: Counts) -> Self {
        Self {
            counts,
            notes: Vec::new(),
        }
    }
}

/// What a reader says: none where these are not its runner's words, an error where they are, but
/// can't be counted.
pub type Found = Option<Result<Reading, String>>;

/// One stream of a command, or one report, as clean lines.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    pub text: String,
    /// True where only the end is here.
    pub truncated: bool,
}

impl Stream {
    /// Cleans what a program printed or wrote.
    pub fn new(bytes: &[u8], truncated: bool) -> Self {
        Self {
            text: common::clean(bytes),
            truncated,
        }
    }

    /// An error where the beginning is missing and every line matters.
    fn whole(&self) -> Result<(), String> {
        if self.truncated {
            Err(
                "it printed more than the runtime keeps, so that tests are missing: let it print \
                 less, write a `report`, or raise the limit `command_output_kib`"
                    .into(),
            )
        } else {
            Ok(())
        }
    }
}

/// What a command printed.
#[derive(Debug, Clone, Default)]
pub struct Output {
    pub stdout: Stream,
    pub stderr: Stream,
}

impl Output {
    /// Reads a report as if it had been printed.
    pub fn of_report(bytes: &[u8]) -> Self {
        Self {
            stdout: Stream::new(bytes, false),
            stderr: Stream::default(),
        }
    }

    fn stdout_first(&self, read: impl Fn(&Stream) -> Found) -> Found {
        read(&self.stdout).or_else(|| read(&self.stderr))
    }

    fn stderr_first(&self, read: impl Fn(&Stream) -> Found) -> Found {
        read(&self.stderr).or_else(|| read(&self.stdout))
    }
}

/// Whose words to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    Pytest,
    Unittest,
    Cargo,
    Nextest,
    Go,
    GoJson,
    Jest,
    Vitest,
    Node,
    Junit,
    Tap,
}

impl Runner {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Pytest,
        Self::Unittest,
        Self::Cargo,
        Self::Nextest,
        Self::Go,
        Self::GoJson,
        Self::Jest,
        Self::Vitest,
        Self::Node,
        Self::Junit,
        Self::Tap,
    ];

    /// As the parameter `format` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Unittest => "unittest",
            Self::Cargo => "cargo",
            Self::Nextest => "nextest",
            Self::Go => "go",
            Self::GoJson => "go-json",
            Self::Jest => "jest",
            Self::Vitest => "vitest",
            Self::Node => "node",
            Self::Junit => "junit",
            Self::Tap => "tap",
        }
    }

    /// The runner of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|runner| runner.name() == name)
    }

    fn read(self, output: &Output) -> Found {
        match self {
            Self::Pytest => output.stdout_first(|stream| pytest::read(&stream.text)),
            Self::Unittest => output.stderr_first(|stream| unittest::read(&stream.text)),
            Self::Cargo => cargo::read(output),
            Self::Nextest => output.stderr_first(|stream| nextest::read(&stream.text)),
            Self::Go => output.stdout_first(go::read_text),
            Self::GoJson => output.stdout_first(go::read_json),
            Self::Jest => jest::read(output),
            Self::Vitest => vitest::read(output),
            Self::Node => output.stdout_first(|stream| node::read(&stream.text)),
            Self::Junit => output.stdout_first(|stream| junit::read(&stream.text)),
            Self::Tap => output.stdout_first(tap::read),
        }
    }
}

/// Reads the words of one runner, or of whichever it was.
///
/// Several runners in one output are refused: one of them may be a test that pretends to be a runner.
pub fn read(runner: Option<Runner>, output: &Output) -> Result<Reading, String> {
    if let Some(runner) = runner {
        return runner.read(output).unwrap_or_else(|| {
            Err(format!(
                "there is no summary of `{}` in it: the parameter `format` names another runner, \
                 and `auto` is any",
                runner.name()
            ))
        });
    }
    // What XML quotes is nobody's summary.
    if junit::begins(&output.stdout.text)
        && let Some(result) = Runner::Junit.read(output)
    {
        return result;
    }
    let mut found: Vec<(Runner, Result<Reading, String>)> = Runner::ALL
        .iter()
        .filter_map(|runner| Some((*runner, runner.read(output)?)))
        .collect();
    // Node's own reporter writes TAP, and sums up after it.
    if found.iter().any(|(runner, _)| *runner == Runner::Node) {
        found.retain(|(runner, _)| *runner != Runner::Tap);
    }
    let names = |runners: &mut dyn Iterator<Item = Runner>| {
        runners.map(Runner::name).collect::<Vec<_>>().join(", ")
    };
    if found.len() > 1 {
        return Err(format!(
            "there are summaries of several runners in it ({}): let the command run one, or name the \
             one that counts with the parameter `format`",
            names(&mut found.iter().map(|(runner, _)| *runner))
        ));
    }
    found.pop().map_or_else(
        || {
            if let Some(hint) = hints::of(output) {
                return Err(hint);
            }
            Err(format!(
                "there is no summary of tests in it; looked for {}. The parameter `format` names one \
                 of them, `report` a file that the command writes",
                names(&mut Runner::ALL.iter().copied())
            ))
        },
        |(_, result)| result,
    )
}

/// Reads a list such as `1 failed, 2 passed`: what stands for each number.
fn counted<'a>(list: &'a str, separator: &str) -> Option<Vec<(u64, &'a str)>> {
    list.split(separator)
        .map(|item| {
            let (number, what) = item.split_once(' ')?;
            Some((number.parse().ok()?, what))
        })
        .collect()
}

/// Reads a duration such as `0.12s`.
fn is_seconds(text: &str) -> bool {
    text.strip_suffix('s').is_some_and(is_decimal)
}

fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests;

//! What the counts are worth, beside the way the command ended.
//!
//! A test command that ends with a failure has measured something if it tells of tests that failed. In
//! every other case it is the candidate that failed.

use common::Ended;

use crate::runners::{Counts, Output, Reading, pytest};

/// pytest's exit codes for an internal error, a wrong command line and no tests.
const PYTEST_BROKEN: std::ops::RangeInclusive<i32> = 3..=5;
/// pytest's exit code for an interrupt, but also make's for any failure.
const PYTEST_INTERRUPTED: i32 = 2;

/// A command's end, for people.
pub struct Run<'a> {
    pub role: &'a str,
    pub ended: Ended,
    pub stdout: &'a [u8],
    pub stderr: &'a [u8],
}

/// Accepts the counts, with a note where they don't go with the exit code, or says why the candidate failed.
pub fn judge(
    run: &Run,
    output: &Output,
    found: Result<Reading, String>,
) -> Result<Reading, String> {
    let excerpt = |reason: &str| common::with_excerpt(reason, &[run.stderr, run.stdout]);
    let code = match run.ended {
        Ended::Code(code) => code,
        Ended::Signal(_) | Ended::TimedOut => {
            return Err(
                common::complaint(run.role, run.ended, run.stdout, run.stderr).unwrap_or_default(),
            );
        }
    };
    let failed = format!("the `{}` command failed with exit code {code}", run.role);
    if is_pytest_broken(code, &output.stdout.text) {
        let reason = format!("{failed}: pytest could not run the tests");
        return Err(common::with_excerpt(&reason, &[run.stdout, run.stderr]));
    }
    let mut reading = found.map_err(|reason| {
        if code == 0 {
            excerpt(&format!(
                "the `{}` command gave no result: {reason}",
                run.role
            ))
        } else {
            excerpt(&format!("{failed} and gave no result: {reason}"))
        }
    })?;
    let counts = reading.counts;
    if counts.ran() == 0 {
        return Err(excerpt(&format!(
            "no test ran ({} were skipped); the `{}` command ended with exit code {code}",
            counts.skipped, run.role
        )));
    }
    if code != 0 && counts.failed == 0 {
        return Err(excerpt(&format!(
            "{failed}, although none of its {} tests did",
            counts.ran()
        )));
    }
    if code == 0 && counts.failed > 0 {
        reading.notes.push(format!(
            "the `{}` command ended with exit code 0, although {} of its tests failed",
            run.role, counts.failed
        ));
    }
    Ok(reading)
}

/// The whole command as one test, which passes if it exits with 0. One that does not end in time, or is
/// ended by a signal, has no verdict.
pub fn by_exit_code(run: &Run) -> Result<Reading, String> {
    let complaint = common::complaint(run.role, run.ended, run.stdout, run.stderr);
    match (run.ended, complaint) {
        (Ended::Code(0), _) => Ok(Reading::from(Counts {
            passed: 1,
            ..Counts::default()
        })),
        (Ended::Code(_), complaint) => Ok(Reading {
            counts: Counts {
                failed: 1,
                ..Counts::default()
            },
            notes: complaint.into_iter().collect(),
        }),
        (_, complaint) => Err(complaint.unwrap_or_default()),
    }
}

fn is_pytest_broken(code: i32, stdout: &str) -> bool {
    if code == PYTEST_INTERRUPTED {
        return pytest::interrupted(stdout);
    }
    PYTEST_BROKEN.contains(&code) && pytest::read(stdout).is_some()
}

#[cfg(test)]
mod tests;

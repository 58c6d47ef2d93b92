//! `cargo test`: for each test program a line `running N tests`, and at its end
//! `test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
//!
//! What a failed test printed stands between the two, below `---- name stdout ----`. So a result counts
//! only if it has as many tests as were to run, and of several the last one; below such a heading it
//! must tell of a failure, and no program begins before it.

use super::{Counts, Found, Output, Reading, Stream, counted, is_seconds, nextest};

/// Adds up the test programs.
pub fn read(output: &Output) -> Found {
    let mut found = output.stdout_first(programs)?;
    if let Ok(reading) = &mut found
        && stopped_early(&output.stderr.text)
    {
        let note = "cargo stops after the first test program with a failure: with `--no-fail-fast` \
                    it runs the others too";
        reading.notes.push(note.into());
    }
    Some(found)
}

fn stopped_early(stderr: &str) -> bool {
    let any = |is: fn(&str) -> bool| stderr.lines().any(is);
    any(|line| line.starts_with("error: test failed, to rerun pass"))
        && !any(|line| {
            line.starts_with("error: ")
                && (line.ends_with(" target failed:") || line.ends_with(" targets failed:"))
        })
}

#[derive(Default)]
struct Program {
    tests: u64,
    result: Option<Counts>,
    /// Below a failed test's heading.
    quoting: bool,
}

fn programs(stream: &Stream) -> Found {
    // nextest repeats what a failed test program printed, before it sums up.
    let text = match nextest::last(&stream.text) {
        Some(at) => stream.text.get(at..)?,
        None => &stream.text,
    };
    let mut program: Option<Program> = None;
    let mut total = Counts::default();
    let mut results = 0_u64;
    let mut broken = false;
    for line in text.lines() {
        if let Some(tests) = beginning(line) {
            if program.as_ref().is_some_and(|program| program.quoting) {
                continue;
            }
            broken |= !close(program.as_ref(), &mut total);
            program = Some(Program {
                tests,
                ..Program::default()
            });
        } else if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            if let Some(program) = &mut program
                && program.result.is_none()
            {
                program.quoting = true;
            }
        } else if let Some((failed, counts)) = result(line) {
            results += 1;
            match &mut program {
                Some(program) if program.quoting && !failed => {}
                Some(program) if program.tests == counts.total() => {
                    program.result = Some(counts);
                    program.quoting = false;
                }
                Some(program) if program.quoting => {}
                _ => broken = true,
            }
        }
    }
    let begun = program.is_some();
    broken |= !close(program.as_ref(), &mut total);
    // Without any result it was not cargo, or it did not come so far.
    if results == 0 || (!begun && !stream.truncated) {
        return None;
    }
    Some(stream.whole().and_then(|()| {
        if broken {
            Err("a test program ended before it gave its result, or a test printed what looks like \
                 one"
                .into())
        } else {
            Ok(Reading::from(total))
        }
    }))
}

/// Adds a test program's result; false where it has none.
fn close(program: Option<&Program>, total: &mut Counts) -> bool {
    let Some(program) = program else {
        return true;
    };
    if let Some(counts) = program.result {
        *total = *total + counts;
    }
    program.result.is_some()
}

fn beginning(line: &str) -> Option<u64> {
    let number = line.strip_prefix("running ")?;
    number
        .strip_suffix(" tests")
        .or_else(|| number.strip_suffix(" test"))?
        .parse()
        .ok()
}

/// Whether it failed, and the counts.
fn result(line: &str) -> Option<(bool, Counts)> {
    let (word, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let (list, time) = match rest.split_once("; finished in ") {
        Some((list, time)) => (list, Some(time)),
        // Before Rust 1.49.
        None => (rest, None),
    };
    if !time.is_none_or(is_seconds) {
        return None;
    }
    let mut counts = Counts::default();
    for (number, what) in counted(list, "; ")? {
        match what {
            // A benchmark that was measured ran, and did not fail.
            "passed" | "measured" => counts.passed = counts.passed.saturating_add(number),
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            "filtered out" => {}
            _ => return None,
        }
    }
    match word {
        "ok" if counts.failed == 0 => Some((false, counts)),
        "FAILED" if counts.failed > 0 => Some((true, counts)),
        _ => None,
    }
}

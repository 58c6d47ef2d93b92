use super::*;
use crate::runners::{Counts, Stream};

fn judged(ended: Ended, found: Result<[u64; 3], &str>, stdout: &str) -> Result<Reading, String> {
    let run = Run {
        role: "test",
        ended,
        stdout: stdout.as_bytes(),
        stderr: b"",
    };
    let output = Output {
        stdout: Stream::new(stdout.as_bytes(), false),
        stderr: Stream::default(),
    };
    let found = found
        .map(|[passed, failed, skipped]| {
            Reading::from(Counts {
                passed,
                failed,
                skipped,
            })
        })
        .map_err(String::from);
    judge(&run, &output, found)
}

#[track_caller]
fn fails(ended: Ended, found: Result<[u64; 3], &str>, words: &str) {
    let error = judged(ended, found, "the last words\n").unwrap_err();
    assert!(error.lines().next().unwrap().contains(words), "{error}");
    assert!(error.ends_with("the last words"), "{error}");
}

#[test]
fn tests_that_fail_are_a_measurement() {
    for code in [1, 2, 5, 100, 101, 255] {
        let reading = judged(Ended::Code(code), Ok([2, 1, 0]), "").unwrap();
        assert_eq!(reading.notes, [""; 0], "{code}");
    }
    assert!(
        judged(Ended::Code(0), Ok([2, 0, 1]), "")
            .unwrap()
            .notes
            .is_empty()
    );
}

#[test]
fn failures_without_an_exit_code_are_noted() {
    let notes = judged(Ended::Code(0), Ok([2, 1, 0]), "").unwrap().notes;
    assert!(
        notes[0].contains("although 1 of its tests failed"),
        "{notes:?}"
    );
}

#[test]
fn an_exit_code_without_failures_fails() {
    fails(
        Ended::Code(1),
        Ok([2, 0, 0]),
        "although none of its 2 tests did",
    );
    fails(Ended::Code(139), Ok([2, 0, 0]), "exit code 139");
}

#[test]
fn what_did_not_end_by_itself_fails_whatever_it_printed() {
    fails(Ended::Signal(9), Ok([2, 1, 0]), "signal 9");
    fails(Ended::TimedOut, Ok([2, 0, 0]), "in time");
}

#[test]
fn no_tests_are_no_score() {
    fails(
        Ended::Code(0),
        Ok([0, 0, 0]),
        "no test ran (0 were skipped)",
    );
    fails(
        Ended::Code(0),
        Ok([0, 0, 7]),
        "no test ran (7 were skipped)",
    );
    fails(Ended::Code(5), Ok([0, 0, 0]), "exit code 5");
}

#[test]
fn no_result_says_why_and_how_it_ended() {
    fails(
        Ended::Code(0),
        Err("why"),
        "the `test` command gave no result: why",
    );
    fails(
        Ended::Code(3),
        Err("why"),
        "failed with exit code 3 and gave no result: why",
    );
}

#[test]
fn pytest_that_broke_off_fails_and_make_does_not() {
    let interrupted = "!!!! Interrupted: 1 error during collection !!!!\n=== 1 error in 0.1s ===\n";
    let failed = "=== 1 failed, 2 passed in 0.1s ===\n";
    assert!(judged(Ended::Code(2), Ok([0, 1, 0]), interrupted).is_err());
    assert!(judged(Ended::Code(2), Ok([2, 1, 0]), failed).is_ok());
    assert!(judged(Ended::Code(3), Ok([2, 1, 0]), failed).is_err());
    // Also where a report was read.
    assert!(judged(Ended::Code(1), Ok([2, 1, 0]), interrupted).is_ok());
    assert!(judged(Ended::Code(3), Ok([2, 1, 0]), "3 of 9 fail\n").is_ok());
}

#[test]
fn a_command_can_be_one_test() {
    let by = |ended| {
        by_exit_code(&Run {
            role: "test",
            ended,
            stdout: b"",
            stderr: b"boom\n",
        })
    };
    assert_eq!(by(Ended::Code(0)).unwrap().counts.pass_rate(), Some(1.0));
    let failed = by(Ended::Code(3)).unwrap();
    assert_eq!(failed.counts.pass_rate(), Some(0.0));
    assert!(failed.notes[0].contains("exit code 3") && failed.notes[0].contains("boom"));
    assert!(by(Ended::TimedOut).is_err());
    assert!(by(Ended::Signal(9)).is_err());
}

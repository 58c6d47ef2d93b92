//! `evaluate`: a directory is measured, and nothing changes.

use serde_json::Value;

use crate::experiments::{assert_same, each, everything};
use crate::support::{PROGRAM, Place};

/// What `evaluate` prints, by name, in order.
#[track_caller]
fn lines(text: &str) -> Vec<(&str, f64)> {
    text.lines()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

fn folder() -> Place {
    let place = Place::bare("folder");
    // Where it is noted who measures.
    std::fs::create_dir_all(place.home().join(".local/state/autoresearch")).unwrap();
    place.write("a", "x".repeat(2048));
    place.write("b", "y".repeat(1024));
    place
}

#[test]
fn names_and_values_are_printed_with_the_primary_one_first() {
    let place = folder();
    let before = everything(&place);
    let all = [
        ("size_bytes", 3072.0),
        ("size_kb", 3.0),
        ("size_mb", 3.0 / 1024.0),
        ("files", 2.0),
    ];
    let printed = place.run(&["evaluate", "-e", "benchmark_size"]).succeeds();
    assert_eq!(lines(&printed), all);
    let printed = place
        .run(&["evaluate", "-e", "benchmark_size", "--metric", "files"])
        .succeeds();
    assert_eq!(lines(&printed), [all[3], all[0], all[1], all[2]]);
    for (options, bytes) in [(["-t", "b"], 1024.0), (["--set", "path=a"], 2048.0)] {
        let printed = place
            .run(&[&["evaluate", "-e", "benchmark_size"], &options[..]].concat())
            .succeeds();
        assert_eq!(lines(&printed)[0], ("size_bytes", bytes));
    }
    assert_same(&everything(&place), &before);
}

#[test]
fn the_list_of_evaluators_has_columns() {
    let listed = folder().run(&["evaluator", "list"]).succeeds();
    // Columns are at least two spaces apart.
    let starts = |line: &str| -> Vec<usize> {
        let bytes = line.as_bytes();
        let starts = |at: &usize| bytes[at - 2..*at] == *b"  " && bytes[*at] != b' ';
        (2..bytes.len()).filter(starts).collect()
    };
    let first = starts(listed.lines().next().unwrap());
    assert_eq!(first.len(), 2, "{listed}");
    assert!(listed.lines().all(|line| starts(line) == first), "{listed}");
}

#[test]
fn a_command_is_read_as_it_prints() {
    let place = folder();
    let eval = "printf 'noise\\nb: 2\\na: 1e-3\\nb: 2.5\\n'; echo 'c: 9' >&2";
    let printed = place.run(&["evaluate", "--eval", eval]).succeeds();
    let mut found = lines(&printed);
    found.sort_by(|one, other| one.0.cmp(other.0));
    assert_eq!(found, [("a", 0.001), ("b", 2.5)]);
    let printed = place
        .run(&["evaluate", "--eval", eval, "--metric", "a"])
        .succeeds();
    assert_eq!(lines(&printed), [("a", 0.001), ("b", 2.5)]);
    // The same without the short form, on a directory named from elsewhere.
    let printed = place
        .run(&[
            "evaluate",
            "--path",
            "..",
            "-e",
            "command",
            "-c",
            "command=sh -c 'echo n: $(ls | wc -l)'",
        ])
        .succeeds();
    // The folder, the home, and the directory that scripts may write to.
    assert_eq!(lines(&printed), [("n", 3.0)]);
}

#[test]
fn json_has_every_sample() {
    let place = folder();
    let printed = place
        .run(&[
            "evaluate",
            "--json",
            "-e",
            "benchmark_speed",
            "-c",
            "benchmark=true",
            "--set",
            "runs=3",
        ])
        .succeeds();
    let value: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(value["evaluator"]["name"], "benchmark_speed");
    assert_eq!(value["evaluator"]["sha256"].as_str().unwrap().len(), 64);
    let first = &value["measurements"][0];
    assert_eq!(first["metric"], "p50_ms");
    assert_eq!(first["unit"], "ms");
    assert_eq!(first["direction"], "lower");
    assert_eq!(first["deterministic"], false);
    assert_eq!(first["samples"].as_array().unwrap().len(), 3);
    assert!(first["value"].is_f64());
}

#[test]
fn commands_see_what_is_declared_and_no_more() {
    let place = folder();
    let eval = "echo set: ${GIVEN:-0}; echo passed: ${PASSED:-0}; echo other: ${OTHER:-0}";
    let printed = crate::support::outcome(
        place
            .command(crate::support::PROGRAM)
            .env("PASSED", "2")
            .env("OTHER", "3")
            .args([
                "evaluate", "--eval", eval, "--env", "GIVEN=1", "--env", "PASSED",
            ]),
    )
    .succeeds();
    let mut found = lines(&printed);
    found.sort_by(|one, other| one.0.cmp(other.0));
    assert_eq!(found, [("other", 0.0), ("passed", 2.0), ("set", 1.0)]);
}

#[test]
fn what_cannot_be_measured_is_told() {
    let place = folder();
    let before = everything(&place);
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "no evaluator"),
        (&["-e", "no_such"], 3, "no evaluator `no_such`"),
        (&["-e", "./gone.wasm"], 3, "gone.wasm"),
        (
            &["-e", "benchmark_size", "--metric", "wit"],
            3,
            "no metric `wit`",
        ),
        (
            &["-e", "benchmark_size", "--set", "wit=1"],
            3,
            "no parameter `wit`",
        ),
        (&["-e", "benchmark_size", "--set", "path"], 2, "KEY=VALUE"),
        (&["-e", "benchmark_size", "--set", "path=gone"], 6, "gone"),
        (&["-e", "benchmark_size", "-t", "../x"], 3, "../x"),
        (&["-e", "benchmark_speed"], 3, "role `benchmark`"),
        (
            &[
                "-e",
                "benchmark_speed",
                "-c",
                "benchmark=true",
                "--set",
                "runs=many",
            ],
            3,
            "integer",
        ),
        (&["--eval", ""], 3, "empty"),
        (&["--eval", "no-such-program"], 6, "no-such-program"),
        (&["--eval", "echo nothing; exit 3"], 6, "3"),
        (&["--eval", "echo nothing"], 6, "no metric"),
        (
            &["--eval", "echo a: 1", "--metric", "b"],
            6,
            "`b` was not reported",
        ),
        (
            &["--eval", "echo a: 1", "--metric", "B b"],
            3,
            "no name for a metric",
        ),
        (&["--eval", "sleep 9", "--budget", "10ms"], 6, "in time"),
        (&["--eval", "true", "--path", "gone"], 4, "gone"),
        (&["--eval", "true", "--path", "a"], 4, "a`"),
    ];
    each(cases, |(options, code, words)| {
        place
            .run(&[&["evaluate"], *options].concat())
            .fails(*code, words);
    });
    assert_same(&everything(&place), &before);
}

#[test]
fn a_result_that_nobody_takes_is_a_failure() {
    let place = Place::bare("project");
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let mut evaluate = place.command(PROGRAM);
    evaluate
        .args(["evaluate", "--eval", "echo a: 1"])
        .stdout(full());
    let output = evaluate.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("error: the result cannot be written"),
        "{said}"
    );
}

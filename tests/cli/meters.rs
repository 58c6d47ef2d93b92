//! The evaluators of time, memory and size, from the command line.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::experiments::each;
use crate::support::{Outcome, Place, outcome};

fn folder() -> Place {
    let place = Place::bare("folder");
    place.write("source", "one\n");
    place
}

/// Runs `evaluate` with an evaluator and more options.
fn evaluate(place: &Place, evaluator: &str, options: &[&str]) -> Outcome {
    place.run(&[&["evaluate", "-e", evaluator], options].concat())
}

/// What `evaluate --json` prints: the samples by metric.
#[track_caller]
fn samples(place: &Place, evaluator: &str, options: &[&str]) -> BTreeMap<String, Vec<f64>> {
    let printed = evaluate(place, evaluator, &[options, &["--json"]].concat()).succeeds();
    let report: Value = serde_json::from_str(&printed).unwrap();
    let measurements = report["measurements"].as_array().unwrap();
    measurements
        .iter()
        .map(|measurement| {
            let samples = measurement["samples"].as_array().unwrap();
            (
                measurement["metric"].as_str().unwrap().to_owned(),
                samples.iter().map(|s| s.as_f64().unwrap()).collect(),
            )
        })
        .collect()
}

#[test]
fn builds_are_cleaned_before_each_and_counted() {
    let place = folder();
    let options = [
        "-c",
        "build=echo build >>log; cp source app",
        "-c",
        "clean=echo clean >>log; rm -f app",
        "--set",
        "artifact=app,log",
    ];
    let found = samples(&place, "build_speed", &options);
    assert_eq!(found["build_seconds"].len(), 3);
    assert!(found["build_seconds"].iter().all(|&s| s > 0.0 && s < 60.0));
    let mean = found["build_seconds"].iter().sum::<f64>() / 3.0;
    assert!((found["build_avg"][0] - mean).abs() < 1e-9);
    assert_eq!(found["runs"], [3.0]);
    assert!(found.contains_key("user_seconds") && found.contains_key("system_seconds"));
    assert_eq!(place.read("log"), "clean\nbuild\n".repeat(3));

    let options = [&options[..], &["--set", "runs=1", "--set", "warmup=2"]].concat();
    let found = samples(&place, "build_speed", &options);
    assert_eq!(found["build_seconds"].len(), 1);
    assert_eq!(place.read("log"), "clean\nbuild\n".repeat(6));
}

#[test]
fn a_warm_build_is_told() {
    let place = folder();
    let build = "build=test -e app || { sleep 2; touch app; }";
    let warm = evaluate(&place, "build_speed", &["-c", build]);
    assert_eq!(warm.code, 0, "{warm:#?}");
    assert!(warm.stderr.contains("bind a `clean` command"), "{warm:#?}");
}

#[test]
fn a_build_that_leaves_nothing_is_a_failure() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 3, "role `build`"),
        (&["-c", "build=true", "--set", "runs=0"], 3, "`runs`"),
        (&["-c", "build=true", "--set", "warmup=-1"], 3, "`warmup`"),
        (
            &["-c", "build=true", "--set", "artifact=../x"],
            3,
            "relative",
        ),
        (
            &["-c", "build=true", "--set", "artifact=app"],
            6,
            "left no `app`",
        ),
        (
            &["-c", "build=touch app", "--set", "artifact=app"],
            6,
            "left `app` empty",
        ),
        (
            &["-c", "build=echo done", "--set", "artifact=old"],
            6,
            "did not write `old`",
        ),
        (
            &["-c", "build=exit 2"],
            6,
            "`build` command failed with exit code 2",
        ),
        (&["-c", "build=kill -9 $$"], 6, "signal 9"),
        (
            &["-c", "build=true", "-c", "clean=exit 3"],
            6,
            "`clean` command failed with exit code 3",
        ),
        (&["-c", "build=no-such-program"], 6, "no-such-program"),
        (&["-c", "build=sleep 9", "--budget", "10ms"], 6, "in time"),
    ];
    each(cases, |(options, code, words)| {
        let place = folder();
        place.write("old", "left by an earlier build");
        let old = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        let file = std::fs::File::options()
            .write(true)
            .open(place.project().join("old"));
        file.unwrap().set_modified(old).unwrap();
        evaluate(&place, "build_speed", options).fails(*code, words);
    });
}

#[test]
fn memory_is_that_of_the_largest_process() {
    let place = folder();
    let hold = |mib: u32| format!("python3 -c \"x = bytearray({mib} << 20)\"");
    let peak = |command: &str, runs: usize| {
        let found = samples(
            &place,
            "memory_usage",
            &[
                "-c",
                &format!("run={command}"),
                "--set",
                &format!("runs={runs}"),
            ],
        );
        assert_eq!(found["peak_mb"].len(), runs);
        assert_eq!(found["runs"], [runs as f64]);
        for (mb, kb) in found["peak_mb"].iter().zip(&found["peak_kb"]) {
            assert_eq!(mb * 1024.0, *kb);
        }
        found["peak_mb"][0]
    };
    // Less than this program's own, which is the point of it.
    let nothing = peak("true", 3);
    assert!(nothing > 0.0 && nothing < 8.0, "{nothing}");
    let small = peak(&hold(0), 1);
    let large = peak(&hold(100), 1);
    assert!((95.0..120.0).contains(&(large - small)), "{small} {large}");
    // Two processes at once: the larger one counts, not their sum.
    let two = peak(&format!("{} & {}; wait", hold(60), hold(100)), 1);
    assert!((large - 5.0..large + 5.0).contains(&two), "{large} {two}");
}

#[test]
fn memory_that_cannot_be_measured_is_told() {
    let place = folder();
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 3, "role `run`"),
        (&["-c", "run=true", "--set", "runs=1001"], 3, "`runs`"),
        (&["-c", "run=exit 4"], 6, "exit code 4"),
        (&["-c", "run=kill -11 $$"], 6, "signal 11"),
        (&["-c", "run=no-such-program"], 6, "no-such-program"),
    ];
    each(cases, |(options, code, words)| {
        evaluate(&place, "memory_usage", options).fails(*code, words);
    });
}

#[test]
fn times_have_a_deviation_and_processor_times() {
    let place = folder();
    let found = samples(&place, "benchmark_speed", &["-c", "benchmark=true"]);
    let times = &found["p50_ms"];
    assert_eq!(times.len(), 5);
    let mean = times.iter().sum::<f64>() / 5.0;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    assert!((found["stddev_ms"][0] - (squares / 4.0).sqrt()).abs() < 1e-9);
    assert!(found["user_ms"][0] >= 0.0 && found["system_ms"][0] >= 0.0);
    // A single run does not deviate.
    let options = ["-c", "benchmark=true", "--set", "runs=1"];
    assert!(!samples(&place, "benchmark_speed", &options).contains_key("stddev_ms"));
    let options = [&options[..], &["--metric", "stddev_ms"]].concat();
    evaluate(&place, "benchmark_speed", &options).fails(6, "`stddev_ms` was not reported");
}

#[test]
fn a_size_is_that_of_what_a_pattern_selects() {
    let place = folder();
    for (path, length) in [
        ("dist/a.js", 1000),
        ("dist/b.css", 200),
        ("dist/deep/c.js", 30),
        ("other.js", 4),
    ] {
        place.write(path, "x".repeat(length));
    }
    for (pattern, bytes, files) in [
        ("dist/*.js", 1000.0, 1.0),
        ("dist/**/*.js", 1030.0, 2.0),
        ("**/*.{js,css}", 1234.0, 4.0),
        ("dist", 1230.0, 3.0),
    ] {
        let found = samples(
            &place,
            "benchmark_size",
            &["--set", &format!("path={pattern}")],
        );
        assert_eq!(found["size_bytes"], [bytes], "{pattern}");
        assert_eq!(found["files"], [files], "{pattern}");
        assert!(!found.contains_key("gzip_bytes"), "{pattern}");
    }
}

#[test]
fn a_size_can_be_that_of_compressed_files() {
    let place = folder();
    let lines: Vec<String> = (0..2000).map(|n| format!("line {n} of a file\n")).collect();
    let text = lines.concat();
    place.write("a", &text);
    place.write("b", &text);
    for (format, metric) in [("gzip", "gzip_bytes"), ("zstd", "zstd_bytes")] {
        let options = ["--set", &format!("compressed={format}"), "--metric", metric];
        let one = samples(
            &place,
            "benchmark_size",
            &[&options[..], &["-t", "a"]].concat(),
        );
        let (bytes, size) = (one[metric][0], one["size_bytes"][0]);
        assert_eq!(size, text.len() as f64);
        assert!(bytes > 100.0 && bytes < size / 3.0, "{bytes} of {size}");
        // Each by itself: the second does not gain from the first.
        let two = samples(
            &place,
            "benchmark_size",
            &[&options[..], &["-t", "a", "-t", "b"]].concat(),
        );
        assert_eq!(two[metric], [2.0 * bytes]);
        // Without the setting the owner is told how to get it.
        evaluate(&place, "benchmark_size", &["--metric", metric, "-t", "a"])
            .fails(6, &format!("`compressed={format}`"));
    }
    let gzip = samples(
        &place,
        "benchmark_size",
        &["--set", "compressed=gzip", "-t", "a"],
    );
    let command = outcome(place.command("sh").args(["-c", "gzip -9 <a | wc -c"])).succeeds();
    let command: f64 = command.trim().parse().unwrap();
    let ratio = gzip["gzip_bytes"][0] / command;
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
}

#[test]
fn a_size_can_leave_out_what_git_ignores() {
    let place = Place::new(&[
        (
            ".gitignore",
            "*.log\n!keep.log\n/target/\nsub/*.tmp\n# remark\n",
        ),
        ("src/.gitignore", "gen/\n!b.log\n/only-here\n"),
    ]);
    for path in [
        "a.log",
        "keep.log",
        "target/a",
        "src/target/a",
        "src/gen/a",
        "src/deep/gen/a",
        "src/b.log",
        "src/only-here",
        "src/deep/only-here",
        "sub/a.tmp",
        "sub/deep/a.tmp",
        "a",
    ] {
        place.write(path, "x");
    }
    let counted = place.git(&["ls-files", "--cached", "--others", "--exclude-standard"]);
    let found = samples(&place, "benchmark_size", &["--set", "ignored=false"]);
    assert_eq!(
        found["files"],
        [counted.lines().count() as f64],
        "{counted}"
    );
    let found = samples(&place, "benchmark_size", &[]);
    assert_eq!(found["files"], [14.0]);
}

#[test]
fn a_size_that_is_none_is_told() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--set", "path=empty"], 6, "`empty` is empty"),
        (&["-t", "empty"], 6, "`empty` is empty"),
        (&["--set", "path=gone"], 6, "`gone` does not exist"),
        (&["--set", "path=dist/*.js"], 6, "no file matches"),
        (&["--set", "path=[a"], 3, "is no pattern"),
        (&["--set", "path=../*"], 3, "relative"),
        (&["--set", "compressed=rar"], 3, "`rar`"),
        (
            &["--set", "path=app", "-c", "build=true"],
            6,
            "`app` does not exist",
        ),
        (&["-c", "build=kill -9 $$"], 6, "signal 9"),
        (
            &["-c", "image=echo 5", "--set", "compressed=gzip"],
            3,
            "`compressed`",
        ),
        (&["-c", "image=kill -9 $$"], 6, "signal 9"),
    ];
    each(cases, |(options, code, words)| {
        let place = folder();
        place.write("empty", "");
        evaluate(&place, "benchmark_size", options).fails(*code, words);
    });
}

//! `run --single`: the target is judged, and nothing else is touched.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::experiments::{
    CRASHES_ON_BAD, DIRECTORY, Gate, ID, assert_consistent, assert_same, each, events, everything,
    finish, journal, others, resolve, rows, sized, start,
};
use crate::support::{PROGRAM, Place, outcome};

/// Judges the target as it stands, and returns the verdict.
#[track_caller]
fn verdict(place: &Place) -> String {
    verdict_with(place, &[])
}

fn verdict_with(place: &Place, more: &[&str]) -> String {
    let printed = place.run(&[&["run", "--single"], more].concat()).succeeds();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    printed.split(':').next().unwrap().to_owned()
}

fn branch() -> String {
    format!("refs/heads/autoresearch/{ID}")
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_verdict_touches_the_target_alone() {
    let place = sized(&CRASHES_ON_BAD);
    place.write("other", "staged\n");
    place.git(&["add", "other"]);
    place.write("other", "edited\n");
    place.write("untracked", "new\n");
    let before = others(&place);
    let start = resolve(&place, "HEAD");
    let best = "x".repeat(50);
    let worse = "y".repeat(60);
    // The text tried, the verdict on it, the target after it, the tip of the branch.
    let cases = [
        (&best, "keep", &best, "1"),
        (&worse, "discard", &best, "1"),
        (&"bad".to_owned(), "crash", &best, "1"),
        (&"z".repeat(50), "discard", &best, "1"),
        (&"x".repeat(49), "keep", &"x".repeat(49), "5"),
    ];
    for (n, (text, expected, after, tip)) in (1..).zip(cases) {
        place.write("t", text);
        assert_eq!(verdict(&place), expected);
        assert_eq!(place.read("t"), *after);
        assert_same(&others(&place), &before);
        let candidate = format!("refs/autoresearch/{ID}/{n}");
        assert_eq!(place.git(&["show", &format!("{candidate}:t")]), *text);
        let tip = format!("refs/autoresearch/{ID}/{tip}");
        assert_eq!(resolve(&place, &branch()), resolve(&place, &tip));
        assert_eq!(place.git(&["diff", "--name-only", &start, &candidate]), "t");
    }
    assert_eq!(
        place.git(&["rev-list", "--count", &format!("{start}..{}", branch())]),
        "2"
    );
    assert_consistent(&place, ID);
    place.run(&["run"]).fails(3, "nothing to try");
    assert_consistent(&place, ID);
}

#[test]
fn the_executable_bit_is_part_of_the_target() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let target = place.project().join("t");
    set_mode(&target, 0o755);
    place.git(&["commit", "--quiet", "--all", "--message=executable"]);
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    place.write("t", "y".repeat(101));
    set_mode(&target, 0o640);
    assert_eq!(verdict(&place), "discard");
    assert_eq!(place.read("t"), "x".repeat(100));
    assert_eq!(mode(&target) & 0o110, 0o110);
    place.write("t", "short");
    set_mode(&target, 0o600);
    assert_eq!(verdict(&place), "keep");
    assert_eq!(mode(&target), 0o600);
    set_mode(&target, 0o700);
    // Another mode is another candidate, of the same size.
    assert_eq!(verdict(&place), "discard");
    assert_eq!(mode(&target), 0o600);
}

#[test]
fn descriptions_are_one_clean_line_everywhere() {
    let long = "ä".repeat(600);
    let cut = format!("{}…", "ä".repeat(500));
    let cases = [
        ("smaller  loop", "smaller  loop"),
        ("tab\there", "tab here"),
        ("two\nlines\r\n\n", "two lines"),
        (
            "\u{1b}[31mred\u{1b}[0m \u{202e}x\0".trim_end_matches('\0'),
            "red x",
        ),
        ("# not a comment", "# not a comment"),
        (
            "$(touch hacked) `x` \"q\" 'q' \\t",
            "$(touch hacked) `x` \"q\" 'q' \\t",
        ),
        ("-dash", "-dash"),
        ("", "try 8"),
        ("\u{7}\t\n", "try 9"),
        (&long, &cut),
    ];
    let place = sized(&[]);
    for (n, (given, expected)) in (1..).zip(cases) {
        place.write("t", "x".repeat(100 - n));
        place
            .run(&["run", &format!("--message={given}")])
            .succeeds();
        let message = place.git(&[
            "log",
            "-1",
            "--format=%B",
            &format!("refs/autoresearch/{ID}/{n}"),
        ]);
        let (before, after) = (101 - n, 100 - n);
        assert_eq!(
            message,
            format!(
                "{expected}\n\nAutoresearch-Experiment: {ID}\nAutoresearch-Try: {n}\nAutoresearch-Metric: size_bytes\nAutoresearch-Before: {before}\nAutoresearch-After: {after}"
            )
        );
        assert_eq!(rows(&place, DIRECTORY)[n][3], *expected);
        let records = journal(&place, DIRECTORY);
        let tried = records
            .iter()
            .find(|r| r["event"] == "try" && r["n"] == n)
            .unwrap();
        assert_eq!(tried["description"], *expected);
    }
    assert_consistent(&place, ID);
    assert!(!place.project().join("hacked").exists());
}

#[test]
fn the_table_has_the_columns_of_old_first() {
    let place = sized(&CRASHES_ON_BAD);
    for (text, message) in [("short", "cut"), ("longer", "grow"), ("bad", "break")] {
        place.write("t", text);
        place.run(&["run", "-m", message]).succeeds();
    }
    let short = |n: u32| resolve(&place, &format!("refs/autoresearch/{ID}/{n}"))[..7].to_owned();
    let start = resolve(&place, "HEAD")[..7].to_owned();
    let expected = [
        [&start, "100.000000", "keep", "baseline"],
        [&short(1), "5.000000", "keep", "cut"],
        [&short(2), "6.000000", "discard", "grow"],
        [&short(3), "N/A", "crash", "break"],
    ];
    assert_eq!(
        rows(&place, DIRECTORY),
        expected.map(|row| row.map(str::to_owned))
    );
}

#[test]
fn a_verdict_is_printed_as_json() {
    let place = sized(&CRASHES_ON_BAD);
    let judge = |text: &str| -> Value {
        place.write("t", text);
        let printed = place.run(&["run", "--json", "-m", "x"]).succeeds();
        serde_json::from_str(&printed).unwrap()
    };
    let kept = judge("short");
    for (key, expected) in [
        ("experiment", Value::from(ID)),
        ("n", 1.into()),
        ("verdict", "keep".into()),
        ("metric", "size_bytes".into()),
        ("value", 5.0.into()),
        ("incumbent_value", 100.0.into()),
    ] {
        assert_eq!(kept[key], expected, "{key}");
    }
    assert_eq!(kept["best"]["commit"], resolve(&place, &branch()));
    assert_eq!(kept["best"]["value"], 5.0);
    assert_eq!(judge("longer")["verdict"], "discard");
    let crashed = judge("bad");
    assert_eq!(crashed["verdict"], "crash");
    assert_eq!(crashed["value"], Value::Null);
    assert_eq!(crashed["best"], kept["best"]);
    // A new experiment with nothing to judge yet.
    let printed = place
        .run(&["run", "--json", "-t", "other", "-e", "benchmark_size"])
        .succeeds();
    let made: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(made["baseline"], 6.0);
}

#[test]
fn a_dry_run_changes_nothing_at_all() {
    let place = sized(&CRASHES_ON_BAD);
    place.write("t", "short");
    let before = everything(&place);
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    for words in [
        ID,
        "size_bytes",
        "lower is better",
        "build: with sh -c",
        "5m",
        "0: 0 kept",
    ] {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
    assert_same(&everything(&place), &before);
    // Neither does one that would make an experiment, which is checked as far as it goes.
    let new = ["run", "--dry-run", "-t", "other", "-e", "benchmark_size"];
    let shown = place.run(&new).succeeds();
    assert!(shown.contains("custom/other-benchmark_size"), "{shown}");
    let cases: &[(&[&str], &str)] = &[
        (&["-t", "gone", "-e", "benchmark_size"], "gone"),
        (&["-t", "other", "-e", "no_such"], "no_such"),
        (
            &["-t", "other", "-e", "benchmark_size", "--set", "wit=1"],
            "wit",
        ),
        (&["-t", "other", "-e", "benchmark_speed"], "benchmark"),
    ];
    each(cases, |(options, words)| {
        place
            .run(&[&["run", "--dry-run"], *options].concat())
            .fails(3, words);
    });
    assert_same(&everything(&place), &before);
}

#[test]
fn the_experiment_is_the_only_one_the_last_one_or_named() {
    let place = Place::new(&[("t", "0123456789"), ("u", "0123456789")]);
    place.run(&["run"]).fails(3, "no experiment");
    place.run(&["run", "--resume"]).fails(3, "no experiment");
    for target in ["t", "u"] {
        place
            .run(&["init", "-t", target, "-e", "benchmark_size"])
            .succeeds();
    }
    let before = everything(&place);
    let several = place.run(&["run"]).fails(3, "more than one");
    assert!(
        several
            .stderr
            .contains("custom/t-benchmark_size, custom/u-benchmark_size")
    );
    place
        .run(&["run", "-x", "custom/gone"])
        .fails(3, "custom/gone");
    for malformed in ["custom", "a/b/c", "../../t", "custom/", ""] {
        place.run(&["run", "-x", malformed]).fails(2, malformed);
    }
    place
        .run(&["run", "-x", ID, "--resume"])
        .fails(2, "--resume");
    place
        .run(&["run", "-x", ID, "--budget", "1m"])
        .fails(2, "--budget");
    assert_same(&everything(&place), &before);

    place.write("t", "short");
    place.run(&["run", "-x", ID]).succeeds();
    place.write("t", "s");
    place.run(&["run", "--resume"]).succeeds();
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try keep settled try keep settled"
    );
    let other = ".autoresearch/custom/u-benchmark_size";
    place.write("u", "short");
    place
        .run(&["run", "-x", "custom/u-benchmark_size"])
        .succeeds();
    place.write("u", "s");
    place.run(&["run", "--resume"]).succeeds();
    assert_eq!(
        events(&place, other),
        "baseline try keep settled try keep settled"
    );
}

#[test]
fn no_init_is_needed() {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    let evaluator = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/benchmark_size.wasm");
    std::fs::create_dir(place.project().join("plugins")).unwrap();
    std::fs::copy(
        evaluator,
        place.project().join("plugins/benchmark_size.wasm"),
    )
    .unwrap();
    // The first candidate is what stands uncommitted.
    place.write("t", "y".repeat(90));
    let before = others(&place);
    let run = [
        "run",
        "--evaluator",
        "plugins/benchmark_size.wasm",
        "--target",
        "t",
    ];
    let made = place.run(&run);
    assert!(
        made.stderr.contains("baseline: size_bytes 100 bytes"),
        "{made:#?}"
    );
    assert!(made.succeeds().starts_with("keep: "));
    assert_same(&others(&place), &before);
    place.run(&run).fails(3, "nothing to try");
    place.write("t", "z".repeat(95));
    assert!(place.run(&run).succeeds().starts_with("discard: "));
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try keep settled try discard settled"
    );
    assert_consistent(&place, ID);
    // The same name for something else.
    let before = everything(&place);
    for options in [
        &["--metric", "files"][..],
        &["-c", "build=true"],
        &["-t", "other"],
        &["--set", "path=t"],
    ] {
        place
            .run(&[&run, options].concat())
            .fails(3, "defined otherwise");
    }
    assert_same(&everything(&place), &before);

    // With nothing to judge, the experiment is made and that is all.
    let run = [
        "run",
        "-t",
        "other",
        "-e",
        "benchmark_size",
        "--name",
        "second",
    ];
    assert_eq!(place.run(&run).succeeds(), "");
    assert_eq!(events(&place, ".autoresearch/custom/second"), "baseline");
}

#[test]
fn a_failing_first_baseline_is_no_experiment_yet() {
    let place = Place::new(&[("t", "0123456789")]);
    place.write("t", "short");
    let before = place.snapshot();
    let run = [
        "run",
        "-t",
        "t",
        "-e",
        "benchmark_size",
        "-c",
        "build=grep -q s t",
    ];
    place.run(&run).fails(6, "baseline");
    assert_eq!(place.snapshot(), before);
    assert_eq!(place.git(&["branch", "--list", "autoresearch/*"]), "");
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_noisy_metric_is_measured_on_both_sides() {
    let place = Place::new(&[("t", "n: 100\n")]);
    let measured = place.open("measured");
    let eval = format!("cat t; cat t >> '{}'", measured.display());
    let arguments = [
        "init",
        "-t",
        "t",
        "--eval",
        &eval,
        "--metric",
        "n",
        "--direction",
        "lower",
    ];
    place.run(&arguments).succeeds();
    let directory = ".autoresearch/custom/t-command";
    for (n, (text, expected)) in (1..).zip([
        ("n: 50\n", "keep"),
        ("n: 60\n", "discard"),
        ("nothing\n", "crash"),
        ("n: 20\n", "keep"),
    ]) {
        std::fs::write(&measured, "").unwrap();
        place.write("t", text);
        assert_eq!(verdict(&place), expected);
        let sides = std::fs::read_to_string(&measured).unwrap();
        assert!(sides.contains(text), "{sides}");
        for (side, of) in [("candidate", text), ("incumbent", "n: ")] {
            let log = format!("{directory}/runs/{n:04}/{side}.log");
            // A crash may come before the other side's turn.
            if expected != "crash" || side == "candidate" {
                assert!(place.read(&log).contains(of.trim_end()), "{log}");
            }
        }
        if expected != "crash" {
            let (candidate, all) = (sides.matches(text).count(), sides.lines().count());
            assert_eq!(2 * candidate, all, "{sides}");
            assert_eq!(expected == "keep", candidate >= 7, "{sides}");
            let records = journal(&place, directory);
            let judged = records.iter().rfind(|r| r["event"] == "verdict").unwrap();
            assert!(
                !judged["incumbent_measurements"]
                    .as_array()
                    .unwrap()
                    .is_empty()
            );
            assert!(judged["reason"].as_str().unwrap().contains("e-value"));
        }
    }
    let shown = place.run(&["show", "1"]).succeeds();
    for words in [
        "verdict    keep: better: n 100 -> 50",
        "better by  50, the median of the differences in the rounds that confirm; 95% interval",
        "round 7    100 -> 50\n",
        "round 10   100 -> 50  to confirm",
        "of 100 that a keep takes (alpha 0.01)",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = place.run(&["show", "3", "--json"]).succeeds();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["verdict"]["verdict"], "crash");
    place.run(&["show", "9"]).fails(3, "has no try 9");
    place.run(&["show", "1", "-x", "a/b"]).fails(3, "a/b");
    assert_eq!(place.run(&["show", "0"]).code, 2);
    assert_consistent(&place, "custom/t-command");
}

#[test]
fn a_metric_without_noise_is_compared_with_the_record() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let count = place.open("count");
    let counter = format!("build=echo >> '{}'", count.display());
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size", "-c", &counter])
        .succeeds();
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
    assert_eq!(std::fs::read_to_string(count).unwrap(), "\n\n");
    assert!(
        !place
            .project()
            .join(DIRECTORY)
            .join("runs/0001/incumbent.log")
            .exists()
    );
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 2);
}

#[test]
fn an_incumbent_that_fails_is_no_verdict_on_the_candidate() {
    let place = Place::new(&[("t", "n: 100\n")]);
    let broken = place.open("broken");
    let eval = format!("cat t; grep -q 50 t || ! [ -e '{}' ]", broken.display());
    let arguments = [
        "init",
        "-t",
        "t",
        "--eval",
        &eval,
        "--metric",
        "n",
        "--direction",
        "lower",
    ];
    place.run(&arguments).succeeds();
    std::fs::write(&broken, "").unwrap();
    place.write("t", "n: 50\n");
    place
        .run(&["run"])
        .fails(6, "the incumbent cannot be measured");
    assert_eq!(place.read("t"), "n: 50\n");
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(verdict(&place), "keep");
    assert_consistent(&place, "custom/t-command");
}

#[test]
fn what_changes_the_meaning_of_a_value_is_measured_again() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let plugins = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins");
    let wasm = std::fs::read(format!("{plugins}/benchmark_size.wasm")).unwrap();
    place.write("size.wasm", &wasm);
    let name = ID.split_once('/').unwrap().1;
    place
        .run(&["init", "-t", "t", "-e", "./size.wasm", "--name", name])
        .succeeds();
    let definition = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&definition);
    // A custom section of no meaning: other bytes, the same evaluator.
    let other = [&wasm[..], &[0, 2, 1, b'x']].concat();
    let changes: [(&str, Vec<u8>, bool); 5] = [
        ("evaluator = \"size.wasm\"", wasm.clone(), false),
        ("evaluator = \"size.wasm\"", other.clone(), true),
        (
            "evaluator = \"size.wasm\"\nmetric = \"size_kb\"",
            other.clone(),
            true,
        ),
        (
            "evaluator = \"size.wasm\"\ncommands.build = \"true\"",
            other.clone(),
            true,
        ),
        (
            "evaluator = \"size.wasm\"\ncommands.build = \"true\"\nparameters.path = \"t\"",
            other,
            true,
        ),
    ];
    for (n, (line, bytes, again)) in (1..).zip(changes) {
        place.write("size.wasm", bytes);
        place.write(&definition, text.replace("evaluator = \"size.wasm\"", line));
        place.write("t", "x".repeat(100 - n));
        let before = events(&place, DIRECTORY);
        // It is another component, or gets more.
        assert_eq!(verdict_with(&place, &["--accept"]), "keep");
        let after = events(&place, DIRECTORY);
        let expected = if again {
            "baseline try keep settled"
        } else {
            "try keep settled"
        };
        assert_eq!(after[before.len()..].trim_start(), expected, "{line}");
        assert_consistent(&place, ID);
    }
    // A settled matter stays so.
    place.write("t", "x".repeat(80));
    let before = events(&place, DIRECTORY);
    assert_eq!(verdict(&place), "keep");
    assert_eq!(
        events(&place, DIRECTORY),
        format!("{before} try keep settled")
    );
}

#[test]
fn what_is_edited_meanwhile_is_left_alone() {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    let gate = Gate::new(&place, "");
    let build = format!("build={}", gate.command());
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size", "-c", &build])
        .succeeds();
    let worse = "y".repeat(200);
    for (tried, edited, expected) in [
        (worse.as_str(), Some("newer"), "discard"),
        // Back to the incumbent's in the meantime.
        (&worse, Some(&"x".repeat(100)), "discard"),
        (&worse, None, "discard"),
        ("short", Some("newer"), "keep"),
    ] {
        place.write("t", tried);
        gate.close();
        let run = start(&place, &["run"]);
        gate.wait();
        match edited {
            Some(text) => place.write("t", text),
            None => std::fs::remove_file(place.project().join("t")).unwrap(),
        }
        place.write("other", format!("{tried} {edited:?}"));
        let before = others(&place);
        gate.open();
        let judged = finish(run);
        let left = judged.stderr.contains("left alone");
        assert_eq!(
            left,
            expected == "discard" && edited.is_none_or(|text| text.len() != 100)
        );
        assert!(judged.succeeds().starts_with(expected));
        match edited {
            Some(text) => assert_eq!(place.read("t"), text),
            None => assert!(!place.project().join("t").exists()),
        }
        assert_same(&others(&place), &before);
    }
    assert_consistent(&place, ID);
}

#[test]
fn the_user_may_commit_switch_and_detach_between_tries() {
    let place = sized(&[]);
    let steps: [&[&[&str]]; 6] = [
        &[&["commit", "--quiet", "--all", "--message=mine"]],
        &[&["switch", "--quiet", "--create=topic"]],
        &[&["checkout", "--quiet", "--detach"]],
        &[
            &["switch", "--quiet", "main"],
            &["commit", "--quiet", "--allow-empty", "--message=x"],
        ],
        &[&["add", "t"]],
        &[&["commit", "--quiet", "--amend", "--all", "--message=amended"]],
    ];
    for (n, commands) in (1..).zip(steps) {
        place.write("t", "x".repeat(100 - n));
        for command in commands {
            place.git(command);
        }
        place.write("t", "x".repeat(90 - n));
        let before = others(&place);
        assert_eq!(verdict(&place), "keep");
        place.write("t", "x".repeat(99));
        assert_eq!(verdict(&place), "discard");
        assert_eq!(place.read("t").len(), 90 - n);
        assert_same(&others(&place), &before);
        assert_consistent(&place, ID);
    }
}

#[test]
fn a_detached_head_is_enough_to_start() {
    let place = Place::new(&[("t", "0123456789")]);
    place.git(&["checkout", "--quiet", "--detach"]);
    let before = others(&place);
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
    assert_same(&others(&place), &before);
}

#[test]
fn settings_of_the_users_git_do_not_matter() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let ran = place.open("ran");
    for hook in [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "post-rewrite",
    ] {
        let path = place.project().join(".git/hooks").join(hook);
        place.write(
            &path,
            format!("#!/bin/sh\necho {hook} >> '{}'\nexit 1\n", ran.display()),
        );
        set_mode(&path, 0o755);
    }
    let settings = [
        ("commit.gpgSign", "true"),
        ("tag.gpgSign", "true"),
        ("gpg.program", "false"),
        ("user.signingKey", "none"),
        ("user.useConfigOnly", "true"),
        ("core.editor", "false"),
        ("commit.template", "/nonexistent"),
        ("commit.cleanup", "scissors"),
        ("commit.verbose", "true"),
        ("status.short", "true"),
        ("status.branch", "true"),
        ("color.ui", "always"),
        ("core.pager", "false"),
        ("core.fsmonitor", "false --version"),
        ("core.quotePath", "true"),
        ("checkout.guess", "true"),
        ("advice.detachedHead", "true"),
        ("alias.commit", "!false"),
        ("core.logAllRefUpdates", "always"),
        ("status.showUntrackedFiles", "no"),
        ("diff.noprefix", "true"),
        ("init.defaultBranch", "x y"),
    ];
    for (name, value) in settings {
        place.git(&["config", name, value]);
    }
    let surroundings = |arguments: &[&str]| {
        let mut command = place.command(PROGRAM);
        for name in [
            "GIT_AUTHOR_NAME",
            "GIT_AUTHOR_EMAIL",
            "GIT_COMMITTER_NAME",
            "GIT_COMMITTER_EMAIL",
        ] {
            command.env_remove(name);
        }
        // As inside a hook or a rebase of the user's.
        command.args(arguments).envs([
            ("GIT_DIR", "/nonexistent"),
            ("GIT_WORK_TREE", "/"),
            ("GIT_INDEX_FILE", "/x"),
            ("GIT_TRACE", "1"),
        ]);
        outcome(&mut command)
    };
    let before = others(&place);
    surroundings(&["init", "-t", "t", "-e", "benchmark_size"]).succeeds();
    for (text, expected) in [("short", "keep"), ("longer", "discard")] {
        place.write("t", text);
        assert!(
            surroundings(&["run", "-m", "x"])
                .succeeds()
                .starts_with(expected)
        );
    }
    assert_same(&others(&place), &before);
    assert!(!ran.exists(), "{}", std::fs::read_to_string(&ran).unwrap());
    assert_consistent(&place, ID);
    // Who is known commits in their own name.
    place.git(&["config", "user.name", "Known"]);
    place.git(&["config", "user.email", "known@localhost"]);
    place.write("t", "s");
    surroundings(&["run"]).succeeds();
    assert_eq!(
        place.git(&["log", "-1", "--format=%an %ae %cn", &branch()]),
        "Known known@localhost Known"
    );
}

#[test]
fn line_endings_are_git_business() {
    for (attributes, setting) in [
        ("", "true"),
        ("", "input"),
        ("* text eol=crlf\n", "false"),
        ("* text=auto eol=crlf\n", "true"),
    ] {
        for ending in ["\n", "\r\n"] {
            let place = Place::new(&[("t", ""), (".gitattributes", attributes)]);
            place.git(&["config", "core.autocrlf", setting]);
            let text = |lines: usize| format!("line{ending}").repeat(lines);
            place.write("t", text(9));
            place.git(&["add", "--all"]);
            place.git(&["commit", "--quiet", "--message=text"]);
            let before = others(&place);
            place
                .run(&["init", "-t", "t", "-e", "benchmark_size"])
                .succeeds();
            // The same to git, whatever the worktree makes of it.
            place.run(&["run"]).fails(3, "nothing to try");
            assert_eq!(place.read("t"), text(9));
            place.write("t", text(5));
            assert_eq!(
                verdict(&place),
                "keep",
                "{attributes:?} {setting} {ending:?}"
            );
            assert_eq!(place.read("t"), text(5));
            place.write("t", text(20));
            assert_eq!(verdict(&place), "discard");
            assert_eq!(place.read("t").lines().count(), 5);
            place.run(&["run"]).fails(3, "nothing to try");
            assert_same(&others(&place), &before);
            assert_consistent(&place, ID);
        }
    }
}

#[test]
fn the_checkout_may_be_a_linked_worktree() {
    let main = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    let bare = main.outside("bare.git");
    let bare = bare.to_str().unwrap();
    main.git(&["clone", "--quiet", "--bare", ".", bare]);
    for (name, repository) in [("one", "."), ("two", bare)] {
        let linked = main.outside(name);
        let path = linked.to_str().unwrap();
        main.git(&[
            "-C", repository, "worktree", "add", "--quiet", "-b", name, path,
        ]);
        let before = main.snapshot();
        let index = linked.join(main.git(&["-C", path, "rev-parse", "--git-path", "index"]));
        let index = || std::fs::read(&index).unwrap();
        let index_before = index();
        main.run(&["init", "--path", path, "-t", "t", "-e", "benchmark_size"])
            .succeeds();
        for (text, expected) in [("short", "keep"), ("longer", "discard")] {
            std::fs::write(linked.join("t"), text).unwrap();
            let judged = main.run(&["run", "--path", path]).succeeds();
            assert!(judged.starts_with(expected), "{judged}");
        }
        assert_eq!(std::fs::read_to_string(linked.join("t")).unwrap(), "short");
        assert_eq!(main.snapshot(), before);
        assert_eq!(index(), index_before);
    }
    // The other checkout has the same branches, so the name is taken there too.
    main.run(&["init", "-t", "t", "-e", "benchmark_size"])
        .fails(3, "branch");
}

/// As on a disk that is not mounted: git would forget such a worktree when told to prune.
#[test]
fn worktrees_of_the_user_are_not_forgotten() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let linked = place.outside("linked");
    let away = place.outside("away");
    place.git(&[
        "worktree",
        "add",
        "--quiet",
        "--detach",
        linked.to_str().unwrap(),
    ]);
    std::fs::rename(&linked, &away).unwrap();
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
    std::fs::rename(&away, &linked).unwrap();
    place.git(&["-C", linked.to_str().unwrap(), "status"]);
}

#[test]
fn repositories_may_be_of_any_format() {
    for option in ["--object-format=sha256", "--ref-format=reftable"] {
        let place = Place::bare("project");
        let made = outcome(place.command("git").args(["init", "--quiet", option]));
        if made.code != 0 {
            // A git that does not know it yet.
            continue;
        }
        place.write("t", "x".repeat(100));
        place.git(&["add", "t"]);
        place.git(&["commit", "--quiet", "--message=start"]);
        let before = others(&place);
        place
            .run(&["init", "-t", "t", "-e", "benchmark_size"])
            .succeeds();
        for (text, expected) in [("short", "keep"), ("longer", "discard")] {
            place.write("t", text);
            assert_eq!(verdict(&place), expected, "{option}");
        }
        assert_same(&others(&place), &before);
        assert_consistent(&place, ID);
    }
}

#[test]
fn a_tracked_target_may_be_ignored() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    place.write(".gitignore", "t\n");
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
}

#[test]
fn setup_runs_once_in_each_worktree() {
    let place = Place::new(&[("t", "n: 100\n"), (".gitignore", "set-up\n")]);
    let arguments = [
        "init",
        "-t",
        "t",
        "--eval",
        "cat t set-up",
        "--metric",
        "n",
        "--direction",
        "lower",
    ];
    place.write("set-up", "");
    place.run(&arguments).fails(6, "baseline");
    let eval = "cat t; test \"$(cat set-up 2>/dev/null)\" != twice";
    let arguments = [&arguments[..4], &[eval], &arguments[5..]].concat();
    place.run(&arguments).succeeds();
    let directory = ".autoresearch/custom/t-command";
    let definition = format!("{directory}/experiment.toml");
    let text = place.read(&definition);
    let setup = |command: &str| {
        place.write(
            &definition,
            format!("{text}\n[workspace]\nsetup = '{command}'\n"),
        );
    };
    setup("if [ -e set-up ]; then echo twice > set-up; else touch set-up; fi");
    for (n, text) in (1..).zip(["n: 50\n", "n: 60\n", "n: 20\n"]) {
        place.write("t", text);
        let expected = if n == 2 { "discard" } else { "keep" };
        assert_eq!(verdict(&place), expected);
    }
    // Another command is another setup, and one that fails is told.
    setup("echo broken >&2; exit 3");
    place.write("t", "n: 10\n");
    let before = others(&place);
    let told = place.run(&["run"]).fails(6, "exit code 3");
    assert!(told.stderr.contains("  broken"), "{told:#?}");
    assert_eq!(place.read("t"), "n: 10\n");
    assert_same(&others(&place), &before);
    setup("true");
    assert_eq!(verdict(&place), "keep");
    assert_consistent(&place, "custom/t-command");
}

#[test]
fn quiet_says_the_verdict_alone() {
    let place = sized(&CRASHES_ON_BAD);
    for text in ["short", "longer", "bad"] {
        place.write("t", text);
        let said = place.run(&["run", "--quiet"]);
        assert_eq!(said.stderr, "");
        assert_eq!(said.succeeds().lines().count(), 1);
    }
    place.run(&["run", "--quiet"]).fails(3, "nothing to try");
}

#[test]
fn from_a_branch_that_was_moved_the_experiment_goes_on() {
    let place = sized(&[]);
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
    let branch = format!("autoresearch/{ID}");
    place.git(&["branch", "--quiet", "--force", &branch, "HEAD"]);
    place.write("t", "x".repeat(50));
    let before = others(&place);
    let outcome = place.run(&["run"]);
    assert!(
        outcome.stderr.contains("the branch was moved"),
        "{outcome:#?}"
    );
    // Worse than what had been kept, and better than where the branch is.
    assert!(
        outcome
            .succeeds()
            .starts_with("keep: better: size_bytes 100 -> 50")
    );
    assert_same(&others(&place), &before);
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try keep settled baseline try keep settled"
    );
    assert_consistent(&place, ID);
}

#[test]
fn two_targets_are_one_candidate() {
    let place = Place::new(&[
        ("t", &"x".repeat(100)),
        ("sub/u", &"x".repeat(100)),
        ("other", "o"),
    ]);
    place
        .run(&["init", "-t", "t", "-t", "sub/u", "-e", "benchmark_size"])
        .succeeds();
    let before = others(&place);
    place.write("t", "x".repeat(150));
    place.write("sub/u", "x".repeat(20));
    assert_eq!(verdict(&place), "keep");
    let candidate = format!("refs/autoresearch/{ID}/1");
    assert_eq!(
        place.git(&["diff", "--name-only", "HEAD", &candidate]),
        "sub/u\nt"
    );
    place.write("t", "x".repeat(10));
    place.write("sub/u", "x".repeat(200));
    assert_eq!(verdict(&place), "discard");
    assert_eq!(
        (place.read("t").len(), place.read("sub/u").len()),
        (150, 20)
    );
    // One that is gone is no candidate, and the other stays.
    place.write("t", "short");
    std::fs::remove_file(place.project().join("sub/u")).unwrap();
    place.run(&["run"]).fails(3, "`sub/u` does not exist");
    assert_eq!(place.read("t"), "short");
    place.write("sub/u", "x".repeat(20));
    let mut after = others(&place);
    after.insert("sub/u".to_owned(), "x".repeat(100));
    assert_same(&after, &before);
}

#[test]
fn a_target_that_became_something_else_is_told() {
    let place = sized(&[]);
    let target = place.project().join("t");
    std::fs::remove_file(&target).unwrap();
    place.run(&["run"]).fails(3, "does not exist");
    std::fs::create_dir(&target).unwrap();
    place.run(&["run"]).fails(3, "is a directory");
    std::fs::remove_dir(&target).unwrap();
    std::os::unix::fs::symlink("other", &target).unwrap();
    place.run(&["run"]).fails(3, "symbolic link");
    assert_eq!(place.read("other"), "other\n");
    std::fs::remove_file(&target).unwrap();
    outcome(place.command("mkfifo").arg("t")).succeeds();
    place.run(&["run"]).fails(3, "not a regular file");
    std::fs::remove_file(&target).unwrap();
    place.write("t", "short");
    assert_eq!(verdict(&place), "keep");
    assert_consistent(&place, ID);
}

#[test]
fn a_command_may_do_to_its_worktree_what_it_likes() {
    for mischief in [
        "echo mess > other; echo new > untracked; rm -f .git",
        "rm -rf other .git",
        "git -c user.name=A -c user.email=a@b commit --quiet --allow-empty --message=mine; git branch --force theirs",
        "mkdir deep; chmod 500 deep; rm other; mkdir other",
        "mv other ..; ln -s /etc/passwd other",
        "git update-index --assume-unchanged other; echo mess > other",
        "git update-index --skip-worktree other t; rm other",
    ] {
        let place = Place::new(&[("t", "n: 100\n"), ("other", "other\n")]);
        let eval = format!("[ \"$(cat other)\" = other ] && cat t; {mischief}; true");
        let arguments = [
            "init",
            "-t",
            "t",
            "--eval",
            &eval,
            "--metric",
            "n",
            "--direction",
            "lower",
        ];
        place.run(&arguments).succeeds();
        let mut before = others(&place);
        for (text, expected) in [
            ("n: 50\n", "keep"),
            ("n: 90\n", "discard"),
            ("n: 20\n", "keep"),
        ] {
            place.write("t", text);
            assert_eq!(verdict(&place), expected, "{mischief}");
        }
        assert_eq!(place.read("t"), "n: 20\n");
        before.remove(".git/config");
        let mut after = others(&place);
        after.remove(".git/config");
        assert_same(&after, &before);
        assert_consistent(&place, "custom/t-command");
    }
}

#[test]
fn what_is_judged_is_what_was_committed() {
    for change in ["echo mess > t", "rm t", "rm t; ln -s /etc/passwd t"] {
        let place = Place::new(&[("t", "n: 100\n")]);
        let eval = format!("cat t; grep -q 50 t && {{ {change}; }}; true");
        let arguments = [
            "init",
            "-t",
            "t",
            "--eval",
            &eval,
            "--metric",
            "n",
            "--direction",
            "lower",
        ];
        place.run(&arguments).succeeds();
        place.write("t", "n: 50\n");
        assert_eq!(verdict(&place), "crash", "{change}");
        place.write("t", "n: 90\n");
        assert_eq!(verdict(&place), "keep", "{change}");
    }
}

#[test]
fn any_path_will_do() {
    for name in [
        &b"with space"[..],
        b"it's \"quoted\"",
        b"new\nline",
        b"\xff\xfe",
        b"-dash",
        b"$(x) `y` *?[a]",
        b"ends ",
    ] {
        let place = Place::named(
            OsStr::from_bytes(name),
            &[("t", &"x".repeat(100)), ("a b/it's \"u\"\n", "text")],
        );
        let before = others(&place);
        place
            .run(&[
                "init",
                "-t",
                "t",
                "-e",
                "benchmark_size",
                "-c",
                "build=sh -c 'test -e t'",
            ])
            .succeeds();
        for (text, expected) in [("short", "keep"), ("longer", "discard")] {
            place.write("t", text);
            assert_eq!(verdict(&place), expected, "{name:?}");
        }
        assert_same(&others(&place), &before);
        assert_consistent(&place, ID);
        // Named from elsewhere.
        place.write("t", "s");
        let mut command = place.command(PROGRAM);
        command
            .current_dir("/")
            .arg("run")
            .arg("--path")
            .arg(place.project());
        assert!(outcome(&mut command).succeeds().starts_with("keep: "));
        let made = place.run(&[
            "init",
            "-t",
            "a b/it's \"u\"\n",
            "-e",
            "benchmark_size",
            "--scope",
            "user",
        ]);
        if std::str::from_utf8(name).is_ok() {
            made.succeeds();
        } else {
            made.fails(3, "UTF-8");
        }
    }
}

#[test]
fn what_a_candidate_leaves_does_not_reach_the_next() {
    // Prints what an earlier candidate planted, or else what the target says; the target plants.
    let measure = "sh ./t; if [ -e planted ]; then cat planted; fi";
    let place = Place::new(&[("t", "echo n: 5\n"), (".gitignore", "kept\n")]);
    let eval = ["--eval", measure, "--metric", "n", "--direction", "lower"];
    let fixed = ["init", "-t", "t", "--deterministic"];
    place.run(&[&fixed, &eval[..]].concat()).succeeds();
    place.write("t", "echo n: 9 > planted; echo warm > kept; echo n: 6\n");
    assert_eq!(verdict(&place), "discard");
    place.write("t", "echo n: 7\n");
    assert_eq!(verdict(&place), "discard");
    let value = |n: usize| {
        let records = journal(&place, ".autoresearch/custom/t-command");
        let judged: Vec<&Value> = records.iter().filter(|r| r["event"] == "verdict").collect();
        judged[n]["value"].as_f64().unwrap()
    };
    assert_eq!((value(0), value(1)), (9.0, 7.0));
    // What git ignores stays, so that builds are warm.
    place.write("t", "[ -e kept ] && echo n: 1\n");
    assert_eq!(verdict(&place), "keep");
}

#[test]
fn files_that_were_committed_since_are_told() {
    let place = sized(&[]);
    let warned = |place: &Place| {
        place.write("t", "z".repeat(200));
        let outcome = place.run(&["run"]);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        outcome
            .stderr
            .contains("1 file was committed since the best version")
    };
    assert!(!warned(&place));
    place.write("other", "newer\n");
    assert!(!warned(&place));
    place.git(&["commit", "--quiet", "--message=newer", "other"]);
    assert!(warned(&place));
}

#[test]
fn options_for_a_new_experiment_do_not_change_an_old_one() {
    let place = sized(&[]);
    place.write("t", "short");
    let before = everything(&place);
    for option in [
        ["--name", "other"],
        ["--domain", "other"],
        ["--scope", "user"],
        ["--metric", "files"],
    ] {
        place
            .run(&[&["run"][..], &option].concat())
            .fails(2, &format!("`{}` cannot change the experiment", option[0]));
    }
    assert_same(&everything(&place), &before);
}

#[test]
fn nothing_is_measured_while_a_killed_run_is_still_being_ended() {
    let place = Place::new(&[("t", "1\n")]);
    let directory = place.open("");
    let script = place.open("script");
    let text = format!(
        r#"cd '{}'
           if [ -e slow ]; then
               trap '' TERM
               while :; do date +%s%N > beat; touch beating; sleep 0.02; done
           fi
           a=$(cat beat 2>/dev/null); sleep 0.2; b=$(cat beat 2>/dev/null)
           [ "$a" = "$b" ] || exit 1
           echo n: 1"#,
        directory.display()
    );
    std::fs::write(&script, text).unwrap();
    let eval = format!("sh '{}'", script.display());
    let metric = ["--metric", "n", "--direction", "lower", "--deterministic"];
    place
        .run(&[&["init", "-t", "t", "--eval", &eval][..], &metric].concat())
        .succeeds();
    std::fs::write(place.open("slow"), "").unwrap();
    place.write("t", "2\n");
    let mut killed = start(&place, &["run"]);
    crate::experiments::wait_until("the command runs", || place.open("beating").exists());
    killed.kill().unwrap();
    killed.wait().unwrap();
    std::fs::remove_file(place.open("slow")).unwrap();
    assert_eq!(verdict(&place), "discard");
}

#[test]
fn taking_a_result_over_costs_no_work() {
    let place = sized(&[]);
    place.write("t", "shorter");
    let told = place.run(&["run"]).stderr;
    // The checkout has what is kept, and git does not merge over that.
    let whole = format!("`git checkout -- :/t && git merge autoresearch/{ID}`");
    assert!(told.contains(&whole), "{told}");
    let agent = ["run", "--agent-command", "printf short > t"];
    place.write("t", "my own work");
    let told = place.run(&agent).stderr;
    let first = "commit or stash what you have changed in t first, then `git merge";
    assert!(told.contains(first), "{told}");
    place.git(&["checkout", "--", "t"]);
    let agent = ["run", "--agent-command", "printf sh > t"];
    let told = place.run(&agent).stderr;
    assert!(
        told.contains(&format!("over: `git merge autoresearch/{ID}`")),
        "{told}"
    );
    place.git(&["merge", "--quiet", &format!("autoresearch/{ID}")]);
    assert_eq!(place.read("t"), "sh");
    place.git(&["checkout", "--quiet", &format!("autoresearch/{ID}")]);
    let told = place
        .run(&["run", "--agent-command", "printf s > t"])
        .stderr;
    assert!(!told.contains("take it over"), "{told}");
}

#[test]
fn a_target_that_nobody_changed_is_not_judged() {
    let place = sized(&[]);
    place.write("t", "shorter");
    place.run(&["run"]).succeeds();
    place.git(&["checkout", "--quiet", "--", "t"]);
    let before = everything(&place);
    place
        .run(&["run"])
        .fails(3, "as at the start, and not the best one");
    assert_same(&everything(&place), &before);
    // Somebody's commit is somebody's change.
    place.write("t", "longer than the best");
    place.git(&["commit", "--quiet", "--all", "--message", "mine"]);
    let outcome = place.run(&["run"]);
    assert!(
        outcome.stderr.contains("you have committed changes to t"),
        "{outcome:#?}"
    );
    assert!(outcome.succeeds().starts_with("discard"));
}

#[test]
fn a_branch_that_is_being_rebased_is_not_moved() {
    let place = sized(&[]);
    let branch = format!("autoresearch/{ID}");
    place.write("t", "main's");
    place.git(&["commit", "--quiet", "--all", "--message", "main's"]);
    place.git(&["checkout", "--quiet", &branch]);
    place.write("t", "branch's");
    place.git(&["commit", "--quiet", "--all", "--message", "branch's"]);
    let rebase = outcome(place.command("git").args(["rebase", "--quiet", "main"]));
    assert_ne!(rebase.code, 0);
    let before = place.git(&["rev-parse", &branch]);
    let agent = ["run", "--agent-command", "printf s > t"];
    place
        .run(&agent)
        .fails(3, "somebody is rebasing the branch");
    assert_eq!(place.git(&["rev-parse", &branch]), before);
    place.git(&["rebase", "--abort"]);
    place.run(&agent).succeeds();
}

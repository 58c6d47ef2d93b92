//! `evaluator check`: what it holds against an evaluator, and recordings.

use serde_json::Value;

use crate::guests::{Descriptor, VERSION, component, component_with};
use crate::support::{Outcome, Place};

fn check(place: &Place, evaluator: &str, arguments: &[&str]) -> Outcome {
    place.run(&[&["evaluator", "check", evaluator], arguments].concat())
}

/// It told of every check, and of those that failed on standard error.
fn refuses(outcome: &Outcome) {
    assert_eq!(outcome.code, 5, "{outcome:#?}");
    assert!(
        outcome.stderr.contains("checks failed for `./x.wasm`"),
        "{outcome:#?}"
    );
}

/// The line about one check.
fn line<'a>(outcome: &'a Outcome, check: &str) -> &'a str {
    let found = outcome
        .stdout
        .lines()
        .find(|line| line.split_whitespace().nth(1) == Some(check));
    found.unwrap_or_else(|| panic!("nothing about {check}: {outcome:#?}"))
}

fn place(guest: &str) -> Place {
    let place = Place::bare("project");
    place.write("x.wasm", component(guest));
    place
}

#[test]
fn what_keeps_to_the_contract_passes() {
    let place = Place::bare("project");
    let outcome = check(&place, "benchmark_size", &[]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 13, "{outcome:#?}");
    assert!(
        lines.iter().all(|line| line.starts_with("ok ")),
        "{outcome:#?}"
    );
    assert!(outcome.stderr.contains("13 ok"), "{outcome:#?}");
}

#[test]
fn what_it_measures_is_the_authors_choice() {
    let place = Place::bare("project");
    place.write("page.txt", "twelve bytes");
    let arguments = ["--target", "page.txt", "--set", "compressed=gzip"];
    let outcome = check(&place, "benchmark_size", &arguments);
    assert!(
        line(&outcome, "measures").contains("size_bytes: 12;"),
        "{outcome:#?}"
    );
    assert!(line(&outcome, "target-missing").contains("`page.txt` does not exist"));
    outcome.succeeds();
}

/// A guest each that does one thing wrong, and how that is told.
#[test]
fn what_does_not_is_told() {
    for (guest, failed, words) in [
        ("changeable", "describe", "differently each time"),
        ("moody", "deterministic", "`value` was"),
        (
            "good",
            "target-missing",
            "reports 1 for a target that is not there",
        ),
        ("http", "contract", "which evaluators do not get"),
        ("trap_in_describe", "contract", "cannot describe itself"),
        ("trap", "measures", "crashed"),
        ("trap", "target-empty", "crashed"),
        ("nan", "measures", "no finite number"),
        ("memory_bomb", "measures", "over its limit `memory_mib`"),
        ("undeclared_metric", "measures", "which it does not declare"),
        (
            "ask_model",
            "imports",
            "imports `model` and does not declare",
        ),
    ] {
        let place = place(guest);
        let outcome = check(&place, "./x.wasm", &["--limit", "describe_ms=2000"]);
        let line = line(&outcome, failed).to_owned();
        assert!(line.starts_with("FAIL"), "{guest}: {line}");
        assert!(line.contains(words), "{guest}: {line}");
        refuses(&outcome);
    }
}

#[test]
fn what_takes_too_long_is_told() {
    let place = place("spin");
    let outcome = check(&place, "./x.wasm", &["--budget", "200ms"]);
    for check in ["measures", "target-empty", "target-huge"] {
        let line = line(&outcome, check);
        assert!(
            line.contains("took longer than its limit of 500ms"),
            "{line}"
        );
    }
    refuses(&outcome);
}

#[test]
fn roles_are_imported_and_declared_or_neither() {
    let place = Place::bare("project");
    let descriptor = |roles: Vec<String>| Descriptor {
        roles,
        ..Descriptor::default()
    };
    let undeclared = component_with("ask_role", &descriptor(vec![]), VERSION);
    place.write("x.wasm", undeclared);
    let outcome = check(&place, "./x.wasm", &[]);
    assert!(
        line(&outcome, "imports").starts_with("FAIL"),
        "{outcome:#?}"
    );
    let idle = component_with("good", &descriptor(vec!["work".into()]), VERSION);
    place.write("x.wasm", idle);
    let outcome = check(&place, "./x.wasm", &[]);
    assert!(
        line(&outcome, "imports").starts_with("warn"),
        "{outcome:#?}"
    );
    // What it did not say does not count as a failure by itself.
    assert!(
        line(&outcome, "documentation").starts_with("warn"),
        "{outcome:#?}"
    );
}

#[test]
fn commands_are_recorded_and_played_back() {
    let place = Place::bare("project");
    place.write("page.txt", "a page");
    let command = "command=echo ran >>ran; echo bytes: 7";
    let outcome = check(
        &place,
        "command",
        &["-t", "page.txt", "-c", command, "--record", "calls.json"],
    );
    assert!(
        line(&outcome, "measures").contains("bytes: 7;"),
        "{outcome:#?}"
    );
    assert!(
        line(&outcome, "target-empty").starts_with("skip"),
        "{outcome:#?}"
    );
    assert!(
        outcome
            .stderr
            .contains("recorded in `calls.json`: 1 commands"),
        "{outcome:#?}"
    );
    outcome.succeeds();
    let recorded = place.read("calls.json");
    assert!(recorded.contains("bytes: 7"), "{recorded}");
    let ran = place.read("ran");
    let outcome = check(
        &place,
        "command",
        &["-t", "page.txt", "--replay", "calls.json"],
    );
    assert!(
        line(&outcome, "measures").contains("bytes: 7;"),
        "{outcome:#?}"
    );
    assert!(
        line(&outcome, "target-empty").starts_with("ok"),
        "{outcome:#?}"
    );
    assert!(!outcome.stdout.contains("skip"), "{outcome:#?}");
    outcome.succeeds();
    assert_eq!(place.read("ran"), ran, "a command ran");
}

/// The marker around a judged text is drawn anew each time: played back, it is the one of the recording.
#[test]
fn a_judge_is_recorded_and_played_back() {
    let place = Place::bare("project");
    place.write("post.md", "A headline that nobody can resist\n");
    let judge = "sed -n 's/^\\([0-9a-f]\\{32\\} [a-z_]*: \\)SCORE$/\\16/p'";
    let record = [
        "--target",
        "post.md",
        "--judge-command",
        judge,
        "--record",
        "calls.json",
    ];
    let first = check(&place, "llm_judge_copy", &record);
    let measured = line(&first, "measures").to_owned();
    assert!(measured.contains("engagement_score: "), "{first:#?}");
    first.succeeds();
    let replay = ["--target", "post.md", "--replay", "calls.json"];
    let again = check(&place, "llm_judge_copy", &replay);
    let value = |line: &str| line.split(';').next().unwrap().to_owned();
    assert_eq!(value(line(&again, "measures")), value(&measured));
    again.succeeds();
}

#[test]
fn for_programs_it_is_json() {
    let place = place("moody");
    let outcome = check(&place, "./x.wasm", &["--json"]);
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["conforms"], false);
    assert_eq!(value["sha256"].as_str().unwrap().len(), 64);
    let checks = value["checks"].as_array().unwrap();
    let outcome_of = |name: &str| {
        let found = checks.iter().find(|check| check["check"] == name);
        found.unwrap()["outcome"].clone()
    };
    assert_eq!(outcome_of("deterministic"), "fail");
    assert_eq!(outcome_of("describe"), "pass");
    refuses(&outcome);
}

#[test]
fn bad_input_is_refused() {
    let place = place("good");
    place.write("no.json", "{\"version\": 7}");
    for (arguments, code, words) in [
        (&["./missing.wasm"][..], 3, "cannot read the evaluator"),
        (&["nonesuch"], 3, "there is no evaluator `nonesuch`"),
        (
            &["./x.wasm", "-t", "nothing.txt"],
            3,
            "there is no target `nothing.txt`",
        ),
        (&["./x.wasm", "--set", "a=1"], 3, "has no parameter `a`"),
        (&["./x.wasm", "-c", "play=true"], 3, "has no role `play`"),
        (
            &["./x.wasm", "--replay", "missing.json"],
            3,
            "the recording `missing.json` cannot be used",
        ),
        (
            &["./x.wasm", "--replay", "no.json"],
            3,
            "it is of version 7",
        ),
        (&["./x.wasm", "--replay", "."], 3, "it is no file"),
        (
            &["./x.wasm", "--replay", "a", "--record", "b"],
            2,
            "cannot be used with",
        ),
        (
            &["./x.wasm", "--record", "no/such/directory"],
            3,
            "the recording cannot be written",
        ),
    ] {
        let command = [&["evaluator", "check"], arguments].concat();
        place.run(&command).fails(code, words);
    }
}

#[test]
fn a_project_for_an_evaluator_is_made_once() {
    let place = Place::bare("project");
    for (language, file) in [
        ("rust", "src/component.rs"),
        ("python", "app.py"),
        ("javascript", "evaluator.js"),
        ("c", "component.c"),
    ] {
        let name = format!("my_{language}");
        let new = ["evaluator", "new", &name, "--lang", language];
        let outcome = place.run(&new);
        assert!(outcome.stderr.contains("README.md"), "{outcome:#?}");
        outcome.succeeds();
        let made = place.snapshot();
        assert!(place.read(format!("{name}/{file}")).contains("describe"));
        assert!(
            place
                .read(format!("{name}/README.md"))
                .contains(&format!("{name}.wasm"))
        );
        assert_eq!(
            place.read(format!("{name}/wit/deps/evaluator.wit")),
            include_str!("../../wit/evaluator.wit")
        );
        place.run(&new).fails(3, "is there already");
        assert_eq!(place.snapshot(), made);
    }
    for (arguments, code, words) in [
        (
            &["My-Metric", "--lang", "c"][..],
            3,
            "is no name for an evaluator",
        ),
        (&["../up", "--lang", "c"], 3, "is no name for an evaluator"),
        (&["mine"], 2, "required arguments were not provided"),
        (&["mine", "--lang", "cobol"], 2, "invalid value 'cobol'"),
        (
            &["mine", "--lang", "c", "--path", "no/where"],
            1,
            "cannot make `no/where/mine`",
        ),
    ] {
        place
            .run(&[&["evaluator", "new"], arguments].concat())
            .fails(code, words);
    }
}

/// Named from anywhere in the project, and the bytes that were added or none.
#[test]
fn what_is_added_has_a_name_in_the_project() {
    let place = Place::new(&[("t", "12345\n"), ("inner/u", "123\n")]);
    let good = component("good");
    place.write("plugins/x.wasm", &good);
    let below = |arguments: &[&str]| place.run(&[&["--path", "inner"], arguments].concat());
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    below(&["evaluator", "add", "../plugins/x.wasm"]).succeeds();
    let lock = place.read(".autoresearch/evaluators.lock");
    assert!(lock.contains("source = \"plugins/x.wasm\""), "{lock}");
    assert!(lock.contains("name = \"guest\""), "{lock}");
    assert!(!place.project().join("inner/.autoresearch").exists());
    for outcome in [
        place.run(&["evaluate", "-e", "guest"]),
        below(&["evaluate", "-e", "guest"]),
    ] {
        assert_eq!(outcome.succeeds(), "value: 1\n");
    }
    let listed = place.run(&["evaluator", "list"]).succeeds();
    assert!(
        listed.lines().any(|line| line.starts_with("guest ")),
        "{listed}"
    );
    below(&["evaluator", "inspect", "guest"]).succeeds();
    // Another one there: it is taken by `update` and by nothing else.
    place.write("plugins/x.wasm", component("nan"));
    assert_eq!(
        place.run(&["evaluate", "-e", "guest"]).succeeds(),
        "value: 1\n"
    );
    place.run(&["evaluator", "update", "guest"]).succeeds();
    place.run(&["evaluate", "-e", "guest"]).fails(5, "NaN");
    place.write(".autoresearch/evaluators/guest.wasm", good);
    place
        .run(&["evaluate", "-e", "guest"])
        .fails(5, "is not the component that was added");
    std::fs::remove_file(place.project().join(".autoresearch/evaluators/guest.wasm")).unwrap();
    place
        .run(&["evaluate", "-e", "guest"])
        .fails(3, "cannot read the evaluator `guest`");
    below(&["evaluator", "remove", "guest"]).succeeds();
    place
        .run(&["evaluate", "-e", "guest"])
        .fails(3, "there is no evaluator `guest`");
    for (arguments, code, words) in [
        (
            &["add", "plugins/none.wasm"][..],
            3,
            "cannot read the evaluator",
        ),
        (&["add", "t"], 5, "is not a WebAssembly file"),
        (
            &["add", "plugins/x.wasm", "--name", "A"],
            3,
            "no name for an evaluator",
        ),
        (
            &["add", "plugins/x.wasm", "--name", "command"],
            3,
            "built-in evaluator's name",
        ),
        (&["add", "plugins/x.wasm", "--key", "t"], 3, "no public key"),
        (
            &["add", "https://localhost/x"],
            3,
            "cannot read the evaluator",
        ),
        (
            &["update", "guest"],
            3,
            "no evaluator `guest` was added here",
        ),
        (
            &["remove", "guest"],
            3,
            "no evaluator `guest` was added here",
        ),
        (
            &["publish", "plugins/x.wasm", "x"],
            3,
            "is no place in a registry",
        ),
    ] {
        place
            .run(&[&["evaluator"], arguments].concat())
            .fails(code, words);
    }
}

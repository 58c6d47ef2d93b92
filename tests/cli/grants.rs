//! What evaluators by others were approved to have.

use std::path::Path;

use crate::support::{PROGRAM, Place, outcome};

const LOCK: &str = ".autoresearch/evaluators.lock";
const COMMAND: [&str; 6] = [
    "-c",
    "command=cat t",
    "--metric",
    "n",
    "--direction",
    "lower",
];

/// A project with an evaluator by somebody else.
fn place() -> Place {
    let place = Place::new(&[("t", "n: 100\n")]);
    put(&place, "command");
    place
}

fn put(place: &Place, plugin: &str) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let bytes = std::fs::read(plugins.join(format!("{plugin}.wasm"))).unwrap();
    place.write("e.wasm", bytes);
}

fn init(place: &Place, more: &[&str]) -> crate::support::Outcome {
    let arguments = [
        "init",
        "--name",
        "x",
        "-t",
        "t",
        "-e",
        "e.wasm",
        "--deterministic",
    ];
    place.run(&[&arguments[..], &COMMAND, more].concat())
}

#[test]
fn whoever_names_evaluator_and_commands_approves_by_that() {
    let place = place();
    let made = init(&place, &[]);
    assert!(
        made.stderr
            .contains("approved: command 0.1.0 (e.wasm, sha256 "),
        "{made:#?}"
    );
    let lock = place.read(LOCK);
    assert!(lock.contains("reference = \"e.wasm\""), "{lock}");
    assert!(lock.contains("commands = [\"command\"]"), "{lock}");
    place.write("t", "n: 50\n");
    place.run(&["run", "-m", "x"]).succeeds();
    assert_eq!(place.read(LOCK), lock);
}

#[test]
fn an_experiment_by_somebody_else_is_asked_about() {
    let place = place();
    init(&place, &[]).succeeds();
    std::fs::remove_file(place.project().join(LOCK)).unwrap();
    place.write("t", "n: 50\n");
    let before = place.snapshot();
    let refused = place
        .run(&["run", "-m", "x"])
        .fails(5, "is not approved yet");
    assert!(
        refused.stderr.contains("to run your command for `command`"),
        "{refused:#?}"
    );
    assert!(refused.stderr.contains("--accept"), "{refused:#?}");
    assert_eq!(place.snapshot(), before);
    assert!(!place.project().join(LOCK).exists());
    place.run(&["qualify"]).fails(5, "is not approved yet");

    place.run(&["run", "-m", "x", "--accept"]).succeeds();
    place.write("t", "n: 20\n");
    place.run(&["run", "-m", "x"]).succeeds();
}

#[test]
fn another_component_under_the_same_name_stops_with_what_changed() {
    let place = place();
    init(&place, &[]).succeeds();
    let lock = place.read(LOCK);
    put(&place, "benchmark_size");
    place.write("t", "n: 50\n");
    // With the same settings it would not even load; what is approved is looked at by its bytes.
    let other = ["evaluate", "-e", "e.wasm", "-t", "t"];
    let refused = place
        .run(&other)
        .fails(5, "is not the one that was approved");
    for words in ["it calls itself benchmark_size", "sha256 "] {
        assert!(refused.stderr.contains(words), "{refused:#?}");
    }
    place.run(&[&other[..], &["--accept"]].concat()).succeeds();
    let arguments = ["init", "--name", "y", "-t", "t", "-e", "e.wasm"];
    place
        .run(&arguments)
        .fails(5, "is not the one that was approved");
    assert_eq!(place.read(LOCK), lock);
    place
        .run(&[&arguments[..], &["--accept"]].concat())
        .succeeds();
    assert_ne!(place.read(LOCK), lock);
}

#[test]
fn who_gets_nothing_needs_no_approval() {
    let place = Place::new(&[("t", "n: 100\n")]);
    put(&place, "benchmark_size");
    place
        .run(&["init", "--name", "x", "-t", "t", "-e", "e.wasm"])
        .succeeds();
    std::fs::remove_file(place.project().join(LOCK)).unwrap();
    place.write("t", "n\n");
    place.run(&["run", "-m", "x"]).succeeds();
    assert!(place.read(LOCK).contains("commands = []"));
}

#[test]
fn inspect_tells_what_was_approved() {
    let place = place();
    let approval = |place: &Place, name: &str| {
        let said = place.run(&["evaluator", "inspect", name]).succeeds();
        said.lines()
            .find(|line| line.starts_with("approval"))
            .unwrap()
            .to_owned()
    };
    assert!(approval(&place, "command").contains("comes with the program"));
    assert!(approval(&place, "e.wasm").contains("none in this project"));
    init(&place, &[]).succeeds();
    assert!(approval(&place, "e.wasm").contains("to run your command for `command`"));
    put(&place, "benchmark_size");
    assert!(approval(&place, "e.wasm").contains("for another component"));
}

#[test]
fn a_lock_that_cannot_be_used_is_told() {
    let place = place();
    init(&place, &[]).succeeds();
    place.write("t", "n: 50\n");
    for (text, words) in [
        (&b"version = 2\n"[..], "version 2"),
        (b"<<<<<<< HEAD\n", "merge conflict"),
        (b"\xff", "UTF-8"),
        (b"version = 1\nmore = 1\n", "more"),
    ] {
        place.write(LOCK, text);
        place.run(&["run", "-m", "x"]).fails(3, words);
        assert_eq!(std::fs::read(place.project().join(LOCK)).unwrap(), text);
    }
    std::fs::remove_file(place.project().join(LOCK)).unwrap();
    std::fs::create_dir(place.project().join(LOCK)).unwrap();
    place.run(&["run", "-m", "x"]).fails(3, "cannot be read");
}

#[test]
fn at_a_terminal_it_is_asked() {
    let place = place();
    init(&place, &[]).succeeds();
    std::fs::remove_file(place.project().join(LOCK)).unwrap();
    for (answer, code) in [("n", 5), ("", 5), ("y", 0)] {
        place.write("t", "n: 50\n");
        let line = format!("printf '{answer}\\n' | script -qec \"'{PROGRAM}' run -m x\" /dev/null");
        let asked = outcome(place.command("sh").args(["-c", &line]));
        assert_eq!(asked.code, code, "{asked:#?}");
        assert!(asked.stdout.contains("[y/N]"), "{asked:#?}");
    }
    assert!(place.project().join(LOCK).exists());
}

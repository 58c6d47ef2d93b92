//! `qualify`: what a night is told before it begins.

use serde_json::Value;

use crate::experiments;
use crate::support::Place;

const HERE: &str = ".autoresearch/custom/t-command";

/// An experiment of a command's metric `n`, with a target that says 100.
fn measured_by(command: &str, options: &[&str], more: &str) -> Place {
    experiments::measured_by(command, "n: 100\n", options, more)
}

/// Counts its calls below the project's parent, and prints a value that waves.
fn waves(place: &str) -> String {
    format!("echo x >> {place}; echo n: $((100 + $(wc -l < {place}) * 7 % 5))")
}

fn qualified(place: &Place) -> Value {
    serde_json::from_str(&place.run(&["qualify", "--json"]).succeeds()).unwrap()
}

fn warnings(value: &Value) -> Vec<&str> {
    let warnings = value["warnings"].as_array().unwrap();
    warnings.iter().map(|w| w.as_str().unwrap()).collect()
}

#[test]
fn a_metric_of_the_target_with_noise_is_fit_and_its_noise_is_recorded() {
    let place = measured_by(
        "cat t > /dev/null && grep -q n: t && echo n: $((100 + $(od -An -N1 -tu1 /dev/urandom) % 7))",
        &[],
        "",
    );
    let before = place.read("t");
    let value = qualified(&place);
    assert_eq!(warnings(&value), Vec::<&str>::new(), "{value}");
    assert_eq!(value["broken"], "fails");
    assert_eq!(value["rounds"].as_array().unwrap().len(), 16);
    let deviation = value["deviation"].as_f64().unwrap();
    assert!((0.1..6.0).contains(&deviation), "{value}");
    let gain = value["smallest_gain"].as_f64().unwrap();
    assert!((gain / deviation - 2.0).abs() < 1e-9, "{value}");
    assert_eq!(place.read("t"), before);
    // The next verdict knows the noise.
    place.write("t", "n: 100\nmore\n");
    place.run(&["run"]).succeeds();
    let journal = place.read(format!("{HERE}/journal.jsonl"));
    let verdict = journal
        .lines()
        .find(|line| line.contains("\"event\":\"verdict\""));
    let verdict: Value = serde_json::from_str(verdict.unwrap()).unwrap();
    assert!(
        verdict["evidence"]["noise"].as_f64().unwrap() > 0.0,
        "{verdict}"
    );
}

#[test]
fn a_metric_that_does_not_depend_on_the_target_is_told() {
    let place = measured_by(
        "echo n: $((100 + $(od -An -N1 -tu1 /dev/urandom) % 7))",
        &[],
        "",
    );
    let value = qualified(&place);
    assert!(
        warnings(&value)
            .iter()
            .any(|w| w.contains("does the evaluator measure the target?")),
        "{value}"
    );
    let place = measured_by("echo n: 105", &[], "");
    let outcome = place.run(&["qualify", "--rounds", "2"]);
    assert!(outcome.stderr.contains("as before"), "{outcome:#?}");
    assert!(
        outcome.stdout.contains("broken target  gives 10"),
        "{outcome:#?}"
    );
}

#[test]
fn too_few_rounds_and_too_little_time_are_told() {
    for more in ["max_rounds = 3", "max_time = \"1ms\""] {
        let place = measured_by("cat t", &[], &format!("[decision]\n{more}\n"));
        let value = qualified(&place);
        assert_eq!(value["controlled"], false);
        assert!(
            warnings(&value)[0].starts_with("noise is not controlled"),
            "{value}"
        );
    }
}

#[test]
fn a_metric_that_only_counts_as_deterministic_is_told() {
    let place = Place::new(&[("t", "n: 100\n")]);
    let waves = waves(place.open("calls").to_str().unwrap());
    let place = experiments::measured_in(place, &waves, &["--deterministic"], "");
    let value = qualified(&place);
    assert!(
        warnings(&value)
            .iter()
            .any(|w| w.contains("counts as deterministic")),
        "{value}"
    );
}

#[test]
fn worktrees_that_differ_are_told() {
    let place = measured_by(
        // What no two directories have in common.
        "echo n: $(stat -c %i .)",
        &[],
        "",
    );
    let value = qualified(&place);
    assert!(
        warnings(&value)
            .iter()
            .any(|w| w.contains("differs between two worktrees")),
        "{value}"
    );
}

#[test]
fn what_cannot_be_qualified_is_told_and_nothing_is_lost() {
    let place = Place::new(&[("t", "n: 100\n")]);
    place.run(&["qualify"]).fails(3, "no experiment here");
    place.run(&["qualify", "-x", "a/b"]).fails(3, "a/b");
    let place = measured_by("cat t", &[], "");
    assert_eq!(place.run(&["qualify", "--rounds", "1"]).code, 2);
    let journal = place.read(format!("{HERE}/journal.jsonl"));
    let path = format!("{HERE}/experiment.toml");
    place.write(&path, place.read(&path).replace("cat t", "exit 3"));
    place.run(&["qualify"]).fails(6, "exit code 3");
    assert_eq!(place.read(format!("{HERE}/journal.jsonl")), journal);
    assert_eq!(place.read("t"), "n: 100\n");
}

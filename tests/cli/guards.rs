//! Guards: what must hold besides the objective.

use serde_json::Value;

use crate::experiments::{
    CRASHES_ON_BAD, DIRECTORY, Gate, ID, assert_consistent, assert_same, each, events, everything,
    finish, journal, rows, sized, start,
};
use crate::support::{Outcome, Place};

const TESTS: &str = "
import unittest
from sort import sort


class Sorting(unittest.TestCase):
    def test_two(self):
        self.assertEqual(sort([2, 1]), [1, 2])

    def test_none(self):
        self.assertEqual(sort([]), [])
";
/// One of the tests, which is left when the other is deleted.
const FEWER: &str = "
import unittest
from sort import sort


class Sorting(unittest.TestCase):
    def test_none(self):
        self.assertEqual(sort([]), [])
";
const RIGHT: &str = "def sort(values):\n    # The long way.\n    return sorted(values)\n";
const LONGER: &str =
    "def sort(values):\n    # The longest way of all ways.\n    return sorted(list(values))\n";
const SHORTER: &str = "def sort(values):\n    return sorted(values)\n";
const WRONG: &str = "def sort(values):\n    return values\n";
const UNITTEST: &str = "python3 -B -m unittest";

/// A program and its tests.
fn project() -> Place {
    Place::new(&[("sort.py", RIGHT), ("test_sort.py", TESTS)])
}

/// Adds to an experiment's definition.
fn define(place: &Place, text: &str) {
    let path = format!("{DIRECTORY}/experiment.toml");
    let before = place.read(&path);
    place.write(&path, format!("{before}\n{text}\n"));
}

/// A guard that reads what a command prints, and tells in `ran` that it did.
fn guard(place: &Place, name: &str, require: &str, script: &str) -> String {
    let path = place.open(&format!("{name}.sh"));
    let ran = place.open("ran");
    let text = format!("echo {name} >> '{}'\n{script}\n", ran.display());
    std::fs::write(&path, text).unwrap();
    format!(
        "[[guard]]\nevaluator = \"command\"\nrequire = {require}\ncommands.command = \"sh '{}'\"",
        path.display()
    )
}

/// What ran since the last time.
fn ran(place: &Place) -> String {
    let path = place.open("ran");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Judges a text, and returns the line with the verdict.
#[track_caller]
fn judge(place: &Place, text: &str) -> String {
    place.write("t", text);
    place.run(&["run", "-m", text]).succeeds()
}

#[track_caller]
fn assert_in(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in {text}");
}

fn last(place: &Place) -> Value {
    let mut records = journal(place, DIRECTORY);
    records.retain(|record| record["event"] == "verdict");
    records.pop().unwrap()
}

#[test]
fn what_breaks_the_tests_is_not_kept() {
    let place = project();
    let options = ["-e", "benchmark_size", "--tests", UNITTEST];
    let made = place.run(&[&["init", "-t", "sort.py"], &options[..]].concat());
    assert_in(
        &made.stderr,
        "\nguard test_pass_rate: pass_rate 1, passed 2",
    );
    made.succeeds();
    for (text, expected, after) in [
        (
            WRONG,
            "discard: guard test_pass_rate: pass_rate is 0.5, and must be >= 1\n",
            RIGHT,
        ),
        (
            "def sort(:\n",
            "crash: guard test_pass_rate: the `test` command failed with exit code 1",
            RIGHT,
        ),
        (SHORTER, "keep: better: size_bytes 64 -> 44 bytes", SHORTER),
        (LONGER, "discard: worse", SHORTER),
    ] {
        place.write("sort.py", text);
        let printed = place.run(&["run", "-m", "x"]).succeeds();
        assert_in(&printed, expected);
        assert_eq!(place.read("sort.py"), after);
    }
    assert_consistent(&place, "custom/sort-benchmark_size");
    // The same command line means the same experiment.
    let again = [&["run", "-t", "sort.py"], &options[..]].concat();
    place.run(&again).fails(3, "nothing to try");
    let other = [
        "run",
        "-t",
        "sort.py",
        "-e",
        "benchmark_size",
        "--tests",
        "x",
    ];
    place.run(&other).fails(3, "defined otherwise");
    let late = ["run", "--tests", UNITTEST];
    place.run(&late).fails(2, "`--tests` cannot change");
}

#[test]
fn tests_cannot_be_deleted() {
    let place = project();
    let targets = ["init", "-t", "sort.py", "-t", "test_sort.py"];
    let options = ["-e", "benchmark_size", "--tests", UNITTEST];
    place.run(&[&targets, &options[..]].concat()).succeeds();
    place.write("test_sort.py", FEWER);
    let printed = place.run(&["run"]).succeeds();
    assert_eq!(
        printed,
        "discard: guard test_pass_rate: total is 1, and must be >= 2 (incumbent)\n"
    );
    assert_eq!(place.read("test_sort.py"), TESTS);
}

#[test]
fn a_cheap_guard_comes_before_the_objective() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let build = format!(
        "build=echo objective >> '{}'; sleep 0.5",
        place.open("ran").display()
    );
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size", "-c", &build])
        .succeeds();
    let lines = "echo lines: $(wc -l < t)";
    let dear = "sleep 1; echo ok: 1";
    define(&place, &guard(&place, "dear", "[\"ok >= 1\"]", dear));
    define(&place, &guard(&place, "cheap", "[\"lines <= 1\"]", lines));
    ran(&place);
    assert_in(&judge(&place, "short"), "keep");
    // Both were measured on the incumbent, as they stand in the file.
    assert_eq!(ran(&place), "dear cheap cheap objective dear");
    let printed = judge(&place, "a\nb\n");
    assert_eq!(
        printed,
        "discard: guard command-2: lines is 2, and must be <= 1; the median of 3 measurements\n"
    );
    assert_eq!(ran(&place), "cheap cheap cheap");
    let record = last(&place);
    assert_eq!(record["value"], Value::Null);
    assert_eq!(record["guards"][0]["failed"], "lines <= 1");
    assert_in(&judge(&place, "longer"), "discard: worse");
    assert_eq!(ran(&place), "cheap objective");
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert_in(
        &shown,
        "guard        command-2: lines <= 1; before the objective",
    );
    assert_in(
        &shown,
        "guard        command: ok >= 1; for what the objective would keep",
    );
    assert_consistent(&place, ID);
}

#[test]
fn a_dear_guard_sees_only_what_would_be_kept() {
    let place = sized(&["-c", "build=cp t built"]);
    let script = "sleep 1; test -e built && echo shared >> \"$(dirname \"$0\")/ran\"; echo ok: $((1 - $(grep -c no t)))";
    let dear = guard(&place, "dear", "[\"ok >= 1\"]", script);
    define(&place, &format!("{dear}\ndeterministic = true"));
    assert_in(&judge(&place, &"y".repeat(200)), "discard: worse");
    assert_eq!(ran(&place), "dear");
    assert_eq!(
        judge(&place, "no"),
        "discard: guard command: ok is 0, and must be >= 1\n"
    );
    // What the objective built is there: nothing is cleaned between the two.
    assert_eq!(ran(&place), "dear shared");
    let record = last(&place);
    assert_eq!(
        (&record["value"], &record["verdict"]),
        (&2.0.into(), &"discard".into())
    );
    assert_in(&judge(&place, "y"), "keep: better");
    assert_eq!(ran(&place), "dear shared");
    assert_eq!(rows(&place, DIRECTORY).len(), 4);
    assert_consistent(&place, ID);
}

#[test]
fn an_incumbent_that_fails_a_guard_is_told_and_nothing_begins() {
    let place = Place::new(&[("sort.py", WRONG), ("test_sort.py", TESTS)]);
    let before = place.snapshot();
    let options = ["-e", "benchmark_size", "--tests", UNITTEST];
    place
        .run(&[&["init", "-t", "sort.py"], &options[..]].concat())
        .fails(
            3,
            "guard test_pass_rate: pass_rate is 0.5, and must be >= 1",
        );
    assert_eq!(place.snapshot(), before);
    assert_eq!(place.git(&["branch", "--list", "autoresearch/*"]), "");

    let place = sized(&[]);
    define(&place, &guard(&place, "g", "[\"ok >= 1\"]", "echo ok: 0"));
    place.write("t", "short");
    place.run(&["run"]).fails(3, "ok is 0, and must be >= 1");
    // A single bad measurement would not have been believed.
    assert_eq!(ran(&place), "g g g");
    assert_eq!(place.read("t"), "short");
    let again = guard(&place, "g", "[\"ok >= 1\"]", "exit 3");
    assert_in(&again, "g.sh");
    place.run(&["run"]).fails(6, "by the guard `command`: ");
    assert_eq!(events(&place, DIRECTORY), "baseline");
    guard(&place, "g", "[\"ok >= 1\"]", "echo ok: 1");
    assert_in(&judge(&place, "short"), "keep");
}

#[test]
fn mistakes_in_a_guard_are_told_before_anything_runs() {
    let place = sized(&[]);
    let path = format!("{DIRECTORY}/experiment.toml");
    let whole = place.read(&path);
    let before = everything(&place);
    let tests = |require: &str, more: &str| {
        format!("[[guard]]\nevaluator = \"test_pass_rate\"\nrequire = {require}\n{more}")
    };
    let bound = "commands.test = \"true\"";
    each(
        [
            (
                tests("[\"colour >= 1\"]", bound),
                "has no metric `colour`",
                "its metrics are: pass_rate",
            ),
            (
                tests("[\"pass_rate => 1\"]", bound),
                "mistake",
                "at the place shown",
            ),
            (
                tests("[\"pass_rate >= 1\"]", ""),
                "role `test`",
                "`commands.test = ",
            ),
            (tests("[]", bound), "requires nothing", "mend the file"),
            (
                tests(
                    "[\"pass_rate >= 1\"]",
                    "commands.build = \"true\"\ncommands.test = \"true\"",
                ),
                "no role `build`",
                "test",
            ),
            (
                tests(
                    "[\"pass_rate >= 1\"]",
                    &format!("{bound}\ndeterministic = true"),
                ),
                "the evaluator itself says",
                "leave `deterministic` away",
            ),
            (
                tests("[\"pass_rate >= 1\"]", &format!("{bound}\ncolour = 1")),
                "mistake",
                "at the place shown",
            ),
            (
                "[[guard]]\nevaluator = \"nobody\"\nrequire = [\"m > 1\"]".to_owned(),
                "nobody",
                "the built-in ones are",
            ),
        ],
        |(text, words, hint)| {
            define(&place, &text);
            place.write("t", "short");
            let outcome = place.run(&["run"]);
            place.write(&path, &whole);
            place.write("t", "x".repeat(100));
            let hints: String = outcome
                .stderr
                .lines()
                .filter(|line| line.starts_with("hint"))
                .collect();
            assert_in(&hints, hint);
            assert!([3, 5].contains(&outcome.code), "{outcome:#?}");
            let code = outcome.code;
            outcome.fails(code, words);
            assert_same(&everything(&place), &before);
        },
    );
    let init = [
        "init",
        "-t",
        "t",
        "--name",
        "n",
        "-e",
        "benchmark_size",
        "--tests",
        "'",
    ];
    place.run(&init).fails(3, "quote");
}

#[test]
fn a_run_killed_between_guard_and_objective_goes_on() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let gate = Gate::new(&place, "");
    let build = format!("build={}", gate.command());
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size", "-c", &build])
        .succeeds();
    define(&place, &guard(&place, "g", "[\"ok >= 1\"]", "echo ok: 1"));
    // From now on it is known to be cheaper.
    gate.close();
    place.write("t", "y".repeat(90));
    let run = start(&place, &["run"]);
    gate.wait();
    std::thread::sleep(std::time::Duration::from_millis(300));
    gate.open();
    assert_in(&finish(run).succeeds(), "keep");
    ran(&place);
    gate.close();
    place.write("t", "y".repeat(80));
    let mut run = start(&place, &["run"]);
    gate.wait();
    assert_eq!(ran(&place), "g");
    run.kill().unwrap();
    run.wait().unwrap();
    gate.open();
    assert_in(
        &place.run(&["run"]).succeeds(),
        "keep: better: size_bytes 90 -> 80",
    );
    assert_eq!(ran(&place), "g");
    let told = "baseline guards try keep settled try crash settled try keep settled";
    assert_eq!(events(&place, DIRECTORY), told);
    assert_consistent(&place, ID);
}

#[test]
fn a_guard_that_comes_later_is_measured_on_the_incumbent_once() {
    let place = sized(&[]);
    assert_in(&judge(&place, "twelve bytes"), "keep");
    let path = format!("{DIRECTORY}/experiment.toml");
    let without = place.read(&path);
    let text = guard(
        &place,
        "g",
        "[\"words <= incumbent\"]",
        "echo words: $(wc -w < t)",
    );
    let with = format!("{text}\ndeterministic = true");
    define(&place, &with);
    let discarded = "discard: guard command: words is 3, and must be <= 2 (incumbent)\n";
    place.write("t", "a b c");
    let outcome = place.run(&["run", "-m", "x"]);
    assert_in(&outcome.stderr, "guards are new or were changed");
    assert_eq!(outcome.succeeds(), discarded);
    assert_eq!(ran(&place), "g g");
    let told = "baseline try keep settled guards try discard settled";
    assert_eq!(events(&place, DIRECTORY), told);
    assert_eq!(judge(&place, "a b c"), discarded);
    assert_eq!(ran(&place), "g");
    assert_in(&judge(&place, "single"), "keep");
    assert_eq!(ran(&place), "g");
    // Its value is the incumbent's from now on.
    let discarded = "discard: guard command: words is 2, and must be <= 1 (incumbent)\n";
    assert_eq!(judge(&place, "a b"), discarded);
    // Another requirement is another guard; the baseline stays.
    ran(&place);
    place.write(
        &path,
        format!("{without}\n{}", with.replace("<= incumbent", "<= 2")),
    );
    assert_in(&judge(&place, "a "), "keep");
    assert_eq!(ran(&place), "g g");
    place.write(&path, &without);
    assert_in(&judge(&place, "a"), "keep");
    assert_eq!(ran(&place), "");
    assert_eq!(
        events(&place, DIRECTORY).matches("guards").count()
            + events(&place, DIRECTORY).matches("baseline").count(),
        3
    );
    assert_consistent(&place, ID);
}

/// A guard's script that prints the next number of those for where it runs: `candidate` or `incumbent`,
/// told by what is in the target.
const SEQUENCE: &str = r#"who=incumbent; grep -q candidate t && who=candidate
file="$(dirname "$0")/$who"
echo "$who" >> "$(dirname "$0")/who"
echo "peak: $(head -n 1 "$file")"
tail -n +2 "$file" > "$file.new"; mv "$file.new" "$file""#;

#[test]
fn one_bad_measurement_with_noise_is_not_believed() {
    let cases: [(&str, &str, &str, &str, usize); 6] = [
        // What the candidate and the incumbent give, the verdict, and how often they were measured.
        ("peak <= 10", "9", "", "keep", 1),
        ("peak <= 10", "30 9 9", "", "keep", 3),
        (
            "peak <= 10",
            "30 9 31",
            "",
            "peak is 30, and must be <= 10; the median of 3 measurements",
            3,
        ),
        ("peak <= incumbent + 5%", "21", "20", "keep", 2),
        ("peak <= incumbent + 5%", "30 20 20", "20 21 20", "keep", 6),
        (
            "peak <= incumbent + 5%",
            "30 19 22",
            "20 20 20",
            "peak is 22, and must be <= 21 (incumbent + 5%); the median of 3",
            6,
        ),
    ];
    for (require, candidate, incumbent, expected, count) in cases {
        let place = sized(&[]);
        let write = |name: &str, numbers: &str| {
            let lines = numbers.split(' ').collect::<Vec<_>>().join("\n");
            std::fs::write(place.open(name), format!("{lines}\n")).unwrap();
        };
        define(
            &place,
            &guard(&place, "g", &format!("[\"{require}\"]"), SEQUENCE),
        );
        // The recorded one is of another day.
        write("incumbent", &format!("1 {incumbent}"));
        write("candidate", candidate);
        assert_in(&judge(&place, "candidate"), expected);
        let who = std::fs::read_to_string(place.open("who")).unwrap();
        assert_eq!(who.lines().count(), 1 + count, "{require}: {who}");
        let result = &last(&place)["guards"][0];
        let samples = result["measurements"][0]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), candidate.split(' ').count());
        let beside = result["incumbent_measurements"][0]["samples"].as_array();
        assert_eq!(beside.map_or(0, Vec::len), count - samples.len());
        assert_consistent(&place, ID);
    }
}

#[test]
fn a_guard_that_cannot_be_measured_is_a_crash() {
    let place = sized(&CRASHES_ON_BAD);
    let script = "grep -q worse t && { echo 'it is worse' >&2; exit 3; }; echo ok: 1";
    define(&place, &guard(&place, "g", "[\"ok >= 1\"]", script));
    let told = place.project().join("t");
    std::fs::write(&told, "worse").unwrap();
    let outcome = place.run(&["run"]);
    assert_in(&outcome.stderr, "runs/0001/candidate-command.log");
    assert_in(
        &outcome.succeeds(),
        "crash: guard command: the `command` command failed with exit code 3: it is worse",
    );
    let log = place.read(format!("{DIRECTORY}/runs/0001/candidate-command.log"));
    assert_in(&log, "it is worse");
    // A metric that is required and not reported.
    guard(
        &place,
        "g",
        "",
        "grep -q none t || echo ok: 1; echo other: 1",
    );
    assert_in(
        &judge(&place, "none"),
        "crash: guard command: the metric `ok` was not reported",
    );
    assert_consistent(&place, ID);
}

#[test]
fn an_agent_is_told_what_must_hold_and_why_it_did_not() {
    let place = project();
    let agent = format!(
        "cat > '{}'; printf 'def sort(values): return values' > sort.py",
        place.open("prompt").display()
    );
    let options = ["-e", "benchmark_size", "--tests", UNITTEST];
    let agents = ["--agent-command", &*agent];
    place
        .run(&[&["init", "-t", "sort.py"], &options[..], &agents].concat())
        .succeeds();
    let requirements = "- test_pass_rate: `pass_rate >= 1` (now 1), `total >= incumbent` (now 2)\n";
    let printed = place.run(&["run", "--max-experiments", "1"]).succeeds();
    assert_in(&printed, "discard: guard test_pass_rate: pass_rate is 0.5");
    let prompt = || std::fs::read_to_string(place.open("prompt")).unwrap();
    assert_in(&prompt(), requirements);
    let outcome: Outcome = place.run(&["run", "--max-experiments", "1"]);
    // It is not measured again.
    assert_in(&outcome.succeeds(), "discard: it is the same as try 1");
    assert_in(&prompt(), "# The last failure");
    assert_in(&prompt(), "FAIL: test_two");
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert_in(
        &shown,
        "guard        test_pass_rate: pass_rate >= 1, total >= incumbent; ",
    );
    assert_in(&shown, requirements.trim());
}

//! The evaluator `test_pass_rate`, with a real runner and with programs that write reports.

use serde_json::Value;

use crate::support::{Outcome, Place};

const TESTS: &str = "
import unittest
from sort import sort


class Sorting(unittest.TestCase):
    def test_two(self):
        self.assertEqual(sort([2, 1]), [1, 2])

    def test_same(self):
        self.assertEqual(sort([1, 1]), [1, 1])

    def test_none(self):
        self.assertEqual(sort([]), [])

    @unittest.skip('not today')
    def test_many(self):
        self.fail()
";
const WRONG: &str = "def sort(values):\n    return values\n";
const RIGHT: &str = "def sort(values):\n    return sorted(values)\n";
const UNITTEST: &str = "test=python3 -B -m unittest";

fn project() -> Place {
    Place::new(&[("sort.py", WRONG), ("test_sort.py", TESTS)])
}

fn evaluate(place: &Place, test: &str, more: &[&str]) -> Outcome {
    let options = ["evaluate", "-e", "test_pass_rate", "-c", test];
    place.run(&[&options[..], more].concat())
}

#[test]
fn tests_that_fail_are_measured() {
    let place = project();
    let printed = evaluate(&place, UNITTEST, &[]).succeeds();
    let rate = 2.0 / 3.0;
    assert_eq!(
        printed,
        format!("pass_rate: {rate}\npassed: 2\nfailed: 1\nskipped: 1\ntotal: 4\n")
    );
}

#[test]
fn a_candidate_is_kept_if_more_tests_pass() {
    let place = project();
    place.write("sort.py", RIGHT);
    let options = ["run", "-t", "sort.py", "-e", "test_pass_rate", "--json"];
    let printed = place
        .run(&[&options[..], &["-c", UNITTEST, "-m", "sort"]].concat())
        .succeeds();
    let verdict: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(verdict["verdict"], "keep", "{verdict}");

    place.write("sort.py", "def sort(values:\n");
    let printed = place.run(&["run", "--json", "-m", "a mistake"]).succeeds();
    let verdict: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(verdict["verdict"], "crash", "{verdict}");
    assert!(
        printed.contains("could not load some of the tests"),
        "{printed}"
    );
}

#[test]
fn a_report_is_read_only_if_it_was_written_by_the_command() {
    let place = Place::bare("project");
    let report = ["--set", "report=out/*.xml"];
    let write = "test=mkdir -p out && echo '<testsuite><testcase/></testsuite>' > out/a.xml; exit";
    evaluate(&place, &format!("{write} 1"), &report).fails(6, "although none of its 1 tests did");
    // The one that the last command left.
    evaluate(&place, "test=echo fine", &report).fails(6, "left from before");
    let printed = evaluate(&place, &format!("{write} 0"), &report).succeeds();
    assert!(
        printed.starts_with("pass_rate: 1\npassed: 1\n"),
        "{printed}"
    );
    evaluate(&place, "test=rm out/a.xml", &report).fails(6, "did not write the report");
    let half = "test=echo '<testsuite><testcase>' > out/a.xml";
    evaluate(&place, half, &report).fails(6, "cut off");
}

#[test]
fn what_is_no_result_is_the_candidates_failure() {
    let place = project();
    for (test, words) in [
        ("test=true", "there is no summary of tests"),
        (
            "test=echo '= 2 passed in 0.1s ='; exit 3",
            "pytest could not run the tests",
        ),
        (
            "test=echo '= 2 passed in 0.1s ='; exit 1",
            "although none of its 2 tests did",
        ),
        ("test=echo '= 2 passed in 0.1s ='; kill -9 $$", "signal 9"),
        ("test=printf '1..0\\n'", "no test ran"),
        ("test=no-such-runner", "no-such-runner"),
    ] {
        evaluate(&place, test, &[]).fails(6, words);
    }
    evaluate(&place, "test=true", &["--set", "format=mocha"]).fails(3, "mocha");
    evaluate(&place, "test=true", &["--set", "report=../x.xml"]).fails(3, "relative path");
}

#[test]
fn failures_without_an_exit_code_are_told() {
    let place = project();
    let outcome = evaluate(&place, "test=echo '= 1 failed, 2 passed in 0.1s ='", &[]);
    assert!(
        outcome.stderr.contains("although 1 of its tests failed"),
        "{outcome:#?}"
    );
    outcome.succeeds();
}

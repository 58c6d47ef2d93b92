//! Verdicts on metrics with noise, and what `[decision]` changes about them.

use serde_json::Value;

use crate::experiments::{measured_by, measured_in};
use crate::support::Place;

const HERE: &str = ".autoresearch/custom/t-command";

/// Judges a new text of the target.
fn judged(place: &Place, text: &str) -> Value {
    place.write("t", text);
    place.run(&["run"]).succeeds();
    let journal = place.read(format!("{HERE}/journal.jsonl"));
    let mut verdicts = journal
        .lines()
        .filter(|line| line.contains("\"event\":\"verdict\""));
    serde_json::from_str(verdicts.next_back().unwrap()).unwrap()
}

fn rounds(verdict: &Value) -> usize {
    verdict["evidence"]["rounds"].as_array().unwrap().len()
}

fn reason(verdict: &Value) -> &str {
    verdict["reason"].as_str().unwrap()
}

/// What the target says, with noise of up to 6 from the process's number.
const WAVES: &str = "echo n: $(($(cat t) + $$ % 7))";

#[test]
fn a_gain_beyond_the_noise_is_kept_and_its_evidence_recorded() {
    let place = measured_by(WAVES, "100\n", &[], "");
    let verdict = judged(&place, "50\n");
    assert_eq!(verdict["verdict"], "keep", "{verdict}");
    let evidence = &verdict["evidence"];
    assert_eq!(evidence["confirming"], 3);
    assert_eq!(evidence["alpha"], 0.01);
    assert!(evidence["e_value"].as_f64().unwrap() >= 100.0);
    let estimate = evidence["estimate"].as_f64().unwrap();
    assert!((44.0..=56.0).contains(&estimate), "{verdict}");
    assert!(evidence["interval"][0].as_f64().unwrap() > 0.0, "{verdict}");
    assert_eq!(
        verdict["measurements"][0]["samples"]
            .as_array()
            .unwrap()
            .len(),
        rounds(&verdict)
    );
    let lost = judged(&place, "150\n");
    assert_eq!(
        (&lost["verdict"], rounds(&lost)),
        (&"discard".into(), 2),
        "{lost}"
    );
}

#[test]
fn more_certainty_takes_more_rounds() {
    let fewest = |more: &str| {
        let place = measured_by("cat t", "n: 9\n", &[], &format!("[decision]\n{more}\n"));
        let verdict = judged(&place, "n: 5\n");
        assert_eq!(verdict["verdict"], "keep", "{verdict}");
        (
            rounds(&verdict),
            verdict["evidence"]["alpha"].as_f64().unwrap(),
        )
    };
    let (default, alpha) = fewest("");
    assert_eq!(alpha, 0.01);
    assert_eq!(fewest("confirm_rounds = 0").0, default - 3);
    assert!(fewest("alpha = 0.2").0 < default);
    assert!(fewest("alpha = 0.0001").0 > default);
    // The first of many tries has a small part of the error that the whole run may make.
    let (corrected, alpha) = fewest("false_keep_rate = 0.05");
    assert!(corrected > default && alpha < 0.001, "{corrected} {alpha}");
}

#[test]
fn where_noise_is_not_controlled_the_verdict_says_so() {
    for more in ["max_rounds = 3", "max_time = \"1ms\""] {
        let place = measured_by("cat t", "n: 100\n", &[], &format!("[decision]\n{more}\n"));
        let verdict = judged(&place, "n: 50\n");
        assert_eq!(verdict["verdict"], "keep");
        assert_eq!(verdict["evidence"]["alpha"], Value::Null);
        assert!(
            reason(&verdict).ends_with("too few rounds to rule out noise"),
            "{verdict}"
        );
        // Then one per cent is the least.
        let verdict = judged(&place, "n: 49.9\n");
        assert!(
            reason(&verdict).starts_with("better by less than 1%"),
            "{verdict}"
        );
    }
}

#[test]
fn the_least_improvement_is_asked_of_a_sure_gain_too() {
    let place = measured_by("cat t", "n: 100\n", &["--min-improvement", "10%"], "");
    let verdict = judged(&place, "n: 95\n");
    assert_eq!(verdict["verdict"], "discard", "{verdict}");
    assert_eq!(judged(&place, "n: 80\n")["verdict"], "keep");
}

#[test]
fn what_is_simpler_and_as_good_is_kept_where_that_is_preferred() {
    let prefer = "[decision]\nprefer_simpler = true\n";
    for (deterministic, more, expected) in [
        (true, "", "discard"),
        (true, prefer, "keep"),
        (false, "", "discard"),
        (false, prefer, "keep"),
    ] {
        let options = if deterministic {
            &["--deterministic"][..]
        } else {
            &[]
        };
        let noise = if deterministic {
            "0"
        } else {
            "$(od -An -N1 -tu1 /dev/urandom) % 7"
        };
        let command = format!("echo n: $(($(head -n 1 t) + {noise}))");
        let place = measured_by(&command, "100\n#\n#\n", options, more);
        if !deterministic {
            // How much worse counts as good comes from what is known of the noise.
            place
                .run(&["qualify", "--rounds", "20", "--quiet"])
                .succeeds();
        }
        let verdict = judged(&place, "100\n");
        let longer = judged(&place, "100\n#\n#\n#\n");
        assert_eq!(longer["verdict"], "discard", "{longer}");
        if deterministic {
            assert_eq!(verdict["verdict"], expected, "{verdict}");
        } else if more.is_empty() {
            assert_eq!(verdict["evidence"]["margin"], Value::Null);
        } else {
            assert!(
                verdict["evidence"]["margin"].as_f64().unwrap() > 0.0,
                "{verdict}"
            );
        }
    }
}

#[test]
fn zero_negative_and_equal_values_have_a_meaning() {
    let place = measured_by("cat t", "n: 0\n", &[], "");
    assert_eq!(judged(&place, "n: 1\n")["verdict"], "discard");
    let kept = judged(&place, "n: -3\n");
    assert_eq!(kept["verdict"], "keep");
    assert!(reason(&kept).contains("n 0 -> -3"), "{kept}");
    let tie = judged(&place, "n: -3.0\n");
    assert!(reason(&tie).starts_with("no change"), "{tie}");
    assert_eq!(judged(&place, "n: -4\n")["verdict"], "keep");
}

#[test]
fn what_fails_in_a_later_round_is_a_crash() {
    let place = Place::new(&[("t", "n: 9\n")]);
    let count = place.open("count");
    let command = format!(
        "cat t; grep -q 5 t || exit 0; echo x >> '{0}'; [ $(wc -l < '{0}') -lt 3 ]",
        count.display()
    );
    let place = measured_in(place, &command, &[], "");
    let verdict = judged(&place, "n: 5\n");
    assert_eq!(verdict["verdict"], "crash", "{verdict}");
    assert_eq!(verdict["evidence"], Value::Null);
    let log = place.read(format!("{HERE}/runs/0001/candidate.log"));
    assert!(log.contains("-- round 2"), "{log}");
}

#[test]
fn mistakes_in_the_settings_are_told() {
    for (more, words) in [
        ("alpha = 2", "alpha"),
        ("alpha = 0.01\nfalse_keep_rate = 0.05", "either"),
        ("max_rounds = 0", "max_rounds"),
        ("max_time = \"never\"", "mistake"),
        ("rounds = 7", "mistake"),
    ] {
        let place = measured_by("cat t", "n: 9\n", &[], &format!("[decision]\n{more}\n"));
        place.run(&["run"]).fails(3, words);
        place.run(&["qualify"]).fails(3, words);
    }
}

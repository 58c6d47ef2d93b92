//! Evaluators that ask a language model: who answers, within which bounds.

use std::os::unix::fs::PermissionsExt;

use crate::experiments::{finish, journal, processes_in, wait_until};
use crate::guests::{Descriptor, VERSION, component_with};
use crate::support::{Outcome, Place};

/// A project with a target and an evaluator that asks three times and measures the last answer.
fn place() -> Place {
    let place = Place::new(&[("t", "text\n")]);
    let descriptor = Descriptor {
        uses_model: true,
        ..Descriptor::default()
    };
    std::fs::write(
        place.outside("converse.wasm"),
        component_with("converse", &descriptor, VERSION),
    )
    .unwrap();
    place
}

fn reference(place: &Place) -> String {
    place.outside("converse.wasm").display().to_string()
}

/// A program of one's own, found before any other. It knows the directory of the test's files as `$O`.
fn program(place: &Place, name: &str, body: &str) {
    let bin = place.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    let open = place.open("");
    let text = format!("#!/bin/sh\nO='{}'\n{body}\n", open.display());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Claude Code's last words, after what `body` does.
fn claude(place: &Place, body: &str) {
    let result = r#"{"type":"result","is_error":false,"result":"12345","total_cost_usd":0.25,"usage":{"input_tokens":7,"output_tokens":3}}"#;
    program(place, "claude", &format!("{body}\necho '{result}'"));
}

/// Runs with the programs of [`program`] and the system's, but no agent that is installed.
fn run(place: &Place, arguments: &[&str]) -> Outcome {
    let mut command = place.command(crate::support::PROGRAM);
    command
        .env("PATH", path(place))
        .args(place.opening(arguments));
    crate::support::outcome(&mut command)
}

fn path(place: &Place) -> String {
    format!("{}:/usr/bin:/bin", place.home().join("bin").display())
}

fn evaluate(place: &Place, options: &[&str]) -> Outcome {
    let reference = reference(place);
    run(place, &[&["evaluate", "-e", &reference], options].concat())
}

#[test]
fn a_command_answers_in_an_empty_directory() {
    let place = place();
    program(
        &place,
        "judge",
        "[ \"$(cat)\" = 'how is it?' ] || exit 1\n[ -z \"$(ls -A)\" ] || exit 2\ntouch left; printf 'good \\033[31m!'",
    );
    let outcome = evaluate(&place, &["--judge-command", "judge"]);
    // `good !`, without the colour.
    assert_eq!(outcome.succeeds(), "value: 6\n");
}

#[test]
fn the_first_agent_that_is_installed_answers_without_tools() {
    let place = place();
    claude(&place, "printf '%s|' \"$@\" > \"$O/argv\"; cat > /dev/null");
    let outcome = evaluate(&place, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.succeeds()).unwrap();
    assert_eq!(json["measurements"][0]["value"], 5.0);
    assert_eq!(json["model"]["calls"], 3);
    assert_eq!(json["model"]["used"]["name"], "claude");
    assert_eq!(json["model"]["used"]["cost_usd"], 0.75);
    assert_eq!(json["model"]["used"]["input_tokens"], 21);
    let argv = std::fs::read_to_string(place.open("argv")).unwrap();
    assert!(argv.contains("|--tools||"), "{argv}");
    let outcome = evaluate(&place, &["--judge", "claude", "--judge-model", "small"]);
    outcome.succeeds();
    let argv = std::fs::read_to_string(place.open("argv")).unwrap();
    assert!(argv.contains("|--model|small|"), "{argv}");
}

#[test]
fn nobody_answers_where_nobody_is_installed() {
    let place = place();
    let outcome = evaluate(&place, &[]).fails(4, "asks a language model, and there is none here");
    assert!(outcome.stderr.contains("--judge-command"), "{outcome:#?}");
    evaluate(&place, &["--judge", "codex"]).fails(4, "codex is not installed");
    evaluate(&place, &["--judge", "aider"]).fails(3, "cannot be kept from using tools");
    evaluate(&place, &["--judge", "hal"]).fails(3, "there is no agent `hal`");
    evaluate(&place, &["--judge-model", "x"]).fails(2, "required arguments");
}

#[test]
fn why_there_is_no_answer_is_told() {
    let place = place();
    for (body, words) in [
        ("cat > /dev/null; exit 3", "judge failed: exit code 3"),
        ("echo why >&2; exit 3", "exit code 3 why"),
        ("printf '\\033[2J \\n'", "judge answered nothing"),
        ("kill -9 $$", "judge failed: signal 9"),
    ] {
        program(&place, "judge", body);
        evaluate(&place, &["--judge-command", "judge"]).fails(4, words);
    }
    for (said, words) in [
        (
            include_str!("../agents/fixtures/claude-no-login.jsonl"),
            "claude is not logged in",
        ),
        (
            include_str!("../agents/fixtures/claude-refused.jsonl"),
            "claude refused",
        ),
        ("half an ans", "claude failed"),
    ] {
        std::fs::write(place.open("said"), said).unwrap();
        program(&place, "claude", "cat \"$O/said\"; exit 1");
        evaluate(&place, &[]).fails(4, words);
    }
}

#[test]
fn a_call_that_fails_is_made_once_more() {
    let place = place();
    program(
        &place,
        "judge",
        "[ -e \"$O/was\" ] || { touch \"$O/was\"; exit 1; }; echo 12345",
    );
    let outcome = evaluate(&place, &["--judge-command", "judge"]);
    assert_eq!(outcome.succeeds(), "value: 5\n");
}

#[test]
fn a_model_that_hangs_is_ended_with_its_children() {
    let place = place();
    program(&place, "judge", "sleep 1000 & sleep 1000");
    evaluate(&place, &["--judge-command", "judge", "--budget", "200ms"])
        .fails(4, "judge did not answer within");
    assert_eq!(processes_in(&place.outside("")), Vec::<String>::new());
}

#[test]
fn a_limit_of_the_provider_is_waited_out() {
    let place = place();
    let limited = include_str!("../agents/fixtures/claude-rate-limited.jsonl");
    std::fs::write(place.open("limited"), limited).unwrap();
    claude(
        &place,
        "[ -e \"$O/was\" ] || { touch \"$O/was\"; cat \"$O/limited\"; exit 1; }",
    );
    assert_eq!(evaluate(&place, &[]).succeeds(), "value: 5\n");
    std::fs::remove_file(place.open("was")).unwrap();
    // There is no time for that.
    evaluate(&place, &["--budget", "400ms"]).fails(4, "claude has no answer now");
}

fn init(place: &Place, options: &[&str]) {
    let reference = reference(place);
    let fixed = ["init", "-t", "t", "-e", &reference, "--name", "x"];
    run(place, &[&fixed, options].concat()).succeeds();
}

/// Replaces a part of the experiment's definition.
fn define(place: &Place, from: &str, to: &str) {
    let path = ".autoresearch/custom/x/experiment.toml";
    let text = place.read(path);
    assert!(text.contains(from), "{text}");
    place.write(path, text.replacen(from, to, 1));
}

#[test]
fn an_experiment_says_who_answers_and_how_much_is_asked() {
    let place = place();
    claude(&place, "");
    init(&place, &[]);
    let text = place.read(".autoresearch/custom/x/experiment.toml");
    assert!(text.contains("[model]\nname = \"claude\""), "{text}");
    let plan = run(&place, &["run", "--dry-run"]).succeeds();
    assert!(
        plan.contains("claude; in one evaluation at most 200 calls"),
        "{plan}"
    );
    for (from, to, words) in [
        (
            "max_calls = 200",
            "max_calls = 2",
            "used up its `max_calls = 2`",
        ),
        ("max_calls = 2\n", "max_calls = 20\n", ""),
        (
            "max_kib = 16384",
            "max_kib = 0",
            "used up its `max_kib = 0`",
        ),
        ("max_kib = 0", "max_kib = 16384", ""),
        (
            "max_cost_usd = 2.0",
            "max_cost_usd = 0.4",
            "used up its `max_cost_usd = 0.4`",
        ),
    ] {
        define(&place, from, to);
        if !words.is_empty() {
            place.write("t", format!("another because of {to}\n"));
            run(&place, &["run", "-m", "another"]).fails(4, words);
        }
    }
    define(&place, "name = \"claude\"", "name = \"aider\"");
    run(&place, &["run", "-m", "another"]).fails(3, "cannot be kept from using tools");
}

#[test]
fn what_was_asked_and_answered_is_kept_and_counted() {
    let place = place();
    claude(&place, "");
    init(&place, &[]);
    let prompt = place.open("prompt");
    let agent = &format!(
        "sh -c 'cat > \"{}\"; echo better > t; echo a try'",
        prompt.display()
    );
    claude(
        &place,
        "[ -e \"$O/prompt\" ] && { echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"123\",\"total_cost_usd\":0.5}'; exit; }",
    );
    let arguments = ["run", "--agent-command", agent, "--max-experiments", "1"];
    let shown = run(&place, &arguments).succeeds();
    // The judge's cost, though the agent's is unknown.
    assert!(shown.contains("1 kept"), "{shown}");
    assert!(shown.contains("$1.50"), "{shown}");
    let runs = ".autoresearch/custom/x/runs/0001";
    let asked = place.read(format!("{runs}/candidate.model.md"));
    assert!(
        asked.contains("# Call 3: claude is asked\n\nhow is it?"),
        "{asked}"
    );
    assert!(asked.contains("# Call 3: it answers\n\n123"), "{asked}");
    let records = journal(&place, ".autoresearch/custom/x");
    assert_eq!(records[0]["model"]["used"]["cost_usd"], 0.75);
    let verdict = records
        .iter()
        .find(|record| record["event"] == "verdict")
        .unwrap();
    assert_eq!(verdict["model"]["calls"], 3);
    assert_eq!(verdict["model"]["used"]["cost_usd"], 1.5);
}

#[test]
fn a_loop_waits_for_a_model_and_blames_no_candidate() {
    let place = place();
    claude(&place, "");
    init(&place, &["--budget", "400ms"]);
    std::fs::write(
        place.open("limited"),
        include_str!("../agents/fixtures/claude-rate-limited.jsonl"),
    )
    .unwrap();
    claude(
        &place,
        "[ -e \"$O/free\" ] || { touch \"$O/asked\"; cat \"$O/limited\"; exit 1; }",
    );
    let agent = "sh -c 'cat > /dev/null; echo better > t; echo a try'";
    let mut command = place.command(crate::support::PROGRAM);
    command
        .env("PATH", path(&place))
        .args(["run", "--agent-command", agent, "--max-experiments", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let asked = place.open("asked");
    wait_until("it asks", || asked.exists());
    std::fs::remove_file(&asked).unwrap();
    wait_until("it asks again", || asked.exists());
    std::fs::write(place.open("free"), "").unwrap();
    let outcome = finish(child);
    assert!(
        outcome.stderr.contains("claude has no answer now"),
        "{outcome:#?}"
    );
    assert!(outcome.succeeds().contains("0 crashed"));
}

#[test]
fn a_loop_whose_time_is_up_while_it_waits_leaves_the_try_to_the_next() {
    let place = place();
    claude(&place, "");
    init(&place, &["--budget", "400ms"]);
    std::fs::write(
        place.open("limited"),
        include_str!("../agents/fixtures/claude-rate-limited.jsonl"),
    )
    .unwrap();
    program(&place, "claude", "cat \"$O/limited\"; exit 1");
    let agent = "sh -c 'cat > /dev/null; echo better > t; echo a try'";
    let bounds = ["run", "--agent-command", agent, "--max-time"];
    let outcome = run(&place, &[&bounds[..], &["3s"]].concat());
    assert!(
        outcome.stderr.contains("ended: the time is up"),
        "{outcome:#?}"
    );
    outcome.succeeds();
    claude(&place, "");
    // Its agent is not asked again.
    let arguments = ["run", "--agent-command", "exit 1", "--max-experiments", "1"];
    run(&place, &arguments).succeeds();
    let records = journal(&place, ".autoresearch/custom/x");
    let last = records.iter().rfind(|record| record["event"] == "try");
    assert_eq!(last.unwrap()["description"], "a try");
    let verdict = records.iter().rfind(|record| record["event"] == "verdict");
    assert_eq!(verdict.unwrap()["verdict"], "discard");
}

/// A model that gives every criterion of a judge's prompt this score, and otherwise says something.
fn judge(place: &Place, score: &str) {
    let program_text = format!(
        "awk '$0 ~ /^[0-9a-f]+ [a-z_]+: SCORE$/ && length($1) == 32 {{ sub(/SCORE$/, \"{score}\"); print; n++ }} END {{ if (!n) print \"an answer\" }}'"
    );
    program(place, "judge", &program_text);
}

const JUDGE: [&str; 2] = ["--judge-command", "judge"];

#[test]
fn the_shortest_use_of_a_judge_makes_an_experiment_and_goes_on() {
    let place = Place::new(&[("posts.md", "Buy now. Or later.\n")]);
    let wasm = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/llm_judge_copy.wasm");
    let arguments = ["run", "--evaluator", wasm, "--target", "posts.md"];
    judge(&place, "4");
    let made = run(&place, &[&arguments[..], &JUDGE].concat());
    assert!(
        made.stderr.contains("baseline: engagement_score 4/10"),
        "{made:#?}"
    );
    made.succeeds();
    // A judge that finds more in what holds the word.
    program(
        &place,
        "judge",
        "cat > \"$O/asked\"; s=5; grep -q wonder \"$O/asked\" && s=7.5\n\
         sed -n \"s/^\\([0-9a-f]\\{32\\} [a-z_]*: \\)SCORE$/\\1$s/p\" \"$O/asked\"",
    );
    place.write("posts.md", "No wonder that everybody wants one.\n");
    let outcome = run(&place, &arguments);
    assert!(
        outcome
            .stdout
            .starts_with("keep: better: engagement_score 5 -> 7.500/10"),
        "{outcome:#?}"
    );
}

#[test]
fn a_judge_takes_no_text_that_is_none() {
    let place = Place::bare("folder");
    judge(&place, "9");
    place.write("empty", " \n");
    place.write("binary", [0xff, 0xfe, 0x00]);
    place.write("large", "x".repeat(5 << 20));
    for evaluator in ["llm_judge_copy", "llm_judge_content"] {
        for target in ["empty", "binary", "large", "none"] {
            let arguments = ["evaluate", "-e", evaluator, "-t", target];
            run(&place, &[&arguments[..], &JUDGE].concat()).fails(6, target);
        }
    }
}

#[test]
fn a_prompt_is_judged_by_its_cases() {
    let place = Place::bare("folder");
    judge(&place, "8");
    place.write("prompt.md", "Answer shortly.\n");
    let evaluate = |place: &Place| {
        let arguments = ["evaluate", "-e", "llm_judge_prompt", "-t", "prompt.md"];
        run(place, &[&arguments[..], &JUDGE].concat())
    };
    evaluate(&place).fails(5, "cases.json");
    for bad in ["not JSON", "{}", "[]", "[{\"input\": \"x\"}]"] {
        place.write("tests/cases.json", bad);
        evaluate(&place).fails(5, "cases.json");
    }
    place.write(
        "tests/cases.json",
        r#"[{"input": "1+1", "expected": "2"}, {"input": "2+2", "expected": "4"}]"#,
    );
    let printed = evaluate(&place).succeeds();
    assert!(printed.starts_with("quality_score: 80\n"), "{printed}");
    assert!(printed.contains("cases_tested: 2\n"), "{printed}");
}

#[test]
fn an_answer_that_is_malformed_twice_is_no_score() {
    let place = Place::bare("folder");
    place.write("t", "text");
    for body in [
        "echo 'engagement_score: 10'",
        "cat",
        "awk '/^[0-9a-f]+ [a-z_]+: SCORE$/ { sub(/SCORE$/, \"11\"); print }'",
        "awk '/^[0-9a-f]+ [a-z_]+: SCORE$/ { sub(/SCORE$/, \"9\"); print; print }'",
        "awk '/^[0-9a-f]+ [a-z_]+: SCORE$/ { sub(/SCORE$/, \"9\"); print; exit }'",
    ] {
        program(&place, "judge", body);
        let arguments = ["evaluate", "-e", "llm_judge_copy", "-t", "t", "--verbose"];
        let outcome = run(&place, &[&arguments[..], &JUDGE].concat());
        assert!(
            outcome.stderr.contains("asking judge (call 2)"),
            "{outcome:#?}"
        );
        assert!(!outcome.stderr.contains("call 3"), "{outcome:#?}");
        assert_eq!(outcome.code, 6, "{outcome:#?}");
    }
}

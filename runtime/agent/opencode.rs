//! `OpenCode`: <https://opencode.ai/docs/cli>.
//!
//! It prints one JSON object a line. Each step of the model ends with `step_finish`, which has the
//! step's tokens and cost (zero where it has no price); `text` is what the model says; `error` is
//! the end. It names no model. Its shell is not confined: it can commit, and reach every file.

use serde_json::Value;

use super::events::{cost, events, kind, no_result, sane_cost, string, tokens};
use super::{Adapter, Answer, Answering, Options, Problem, PromptVia, argv, clean_text, push};

pub(super) const ADAPTER: Adapter = Adapter {
    name: "opencode",
    program: "opencode",
    propose,
    answer: Some(Answering {
        argv: answer,
        sets: &[(
            "OPENCODE_CONFIG_CONTENT",
            r#"{"tools":{"*":false},"permission":{"*":"deny"}}"#,
        )],
    }),
    prompt: PromptVia::Stdin,
    keeps: &[
        ".config/opencode",
        ".local/share/opencode",
        ".local/state/opencode",
        ".cache/opencode",
        ".opencode",
    ],
    makes: &[
        ".cache/opencode",
        ".config/opencode",
        ".local/share/opencode",
        ".local/state/opencode",
    ],
    kept_at: &["OPENCODE_CONFIG"],
    sets: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
    keys: &[],
    tells_cost: true,
    read,
    install_hint: "install it with `npm install --global opencode-ai`",
    login_hint: "run `opencode auth login`",
};

fn propose(options: &Options<'_>) -> Vec<String> {
    let mut argv = answer(options);
    if options.confined {
        // What its settings do not deny, it does without asking.
        argv.push("--auto".to_owned());
    }
    argv
}

fn answer(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&["opencode", "run", "--format", "json"]);
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv
}

fn read(stdout: &str, stderr: &str) -> Answer {
    let mut answer = Answer::default();
    let mut steps = 0;
    let mut usd = Some(0.0);
    let (mut input, mut output) = (Some(0), Some(0));
    for event in events(stdout) {
        match kind(&event) {
            "text" => {
                if let Some(text) = string(&event, "/part/text") {
                    answer.text = clean_text(text);
                }
            }
            "step_finish" => {
                steps += 1;
                usd = add(usd, cost(&event, "/part/cost"));
                let step = tokens(
                    &event,
                    &[
                        "/part/tokens/input",
                        "/part/tokens/cache/read",
                        "/part/tokens/cache/write",
                    ],
                );
                input = sum(input, step);
                let step = tokens(&event, &["/part/tokens/output", "/part/tokens/reasoning"]);
                output = sum(output, step);
            }
            "error" => answer.problem = Some(problem(&event)),
            _ => {}
        }
    }
    if steps > 0 {
        // A model without a price is said to cost nothing.
        answer.cost_usd = usd.filter(|usd| *usd > 0.0);
        answer.input_tokens = input;
        answer.output_tokens = output;
    } else if answer.problem.is_none() {
        answer.problem = Some(no_result("", stderr));
    }
    answer
}

fn problem(event: &Value) -> Problem {
    let words = string(event, "/error/data/message")
        .or(string(event, "/error/name"))
        .unwrap_or_default();
    if string(event, "/error/name") == Some("ContentFilterError") {
        return Problem::refused(words);
    }
    let status = event
        .pointer("/error/data/statusCode")
        .and_then(Value::as_u64);
    Problem::of_status(status, words)
}

/// One step of unknown size makes the whole unknown.
fn sum(total: Option<u64>, step: Option<u64>) -> Option<u64> {
    total?.checked_add(step?)
}

fn add(total: Option<f64>, step: Option<f64>) -> Option<f64> {
    sane_cost(total? + step?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::description;

    #[test]
    fn an_edit_is_told_with_its_cost() {
        let answer = read(
            include_str!("../../tests/agents/fixtures/opencode-edit.jsonl"),
            "",
        );
        assert_eq!(
            description(&answer.text).as_deref(),
            Some("drop the last 1 lines")
        );
        assert_eq!(answer.input_tokens, Some(3600));
        assert_eq!(answer.output_tokens, Some(120));
        assert!((answer.cost_usd.unwrap() - 0.0126).abs() < 1e-9);
        assert_eq!(answer.problem, None);
    }

    #[test]
    fn problems_are_told_apart() {
        let problem = |stdout| read(stdout, "").problem.unwrap();
        assert_eq!(
            problem(include_str!(
                "../../tests/agents/fixtures/opencode-unauthorized.jsonl"
            )),
            Problem::NotLoggedIn("invalid x-api-key".to_owned())
        );
        let limited = include_str!("../../tests/agents/fixtures/opencode-rate-limited.jsonl");
        assert!(matches!(problem(limited), Problem::RateLimited(_)));
        let refused = include_str!("../../tests/agents/fixtures/opencode-refused.jsonl");
        assert!(matches!(problem(refused), Problem::Refused(_)));
    }

    #[test]
    fn a_step_without_numbers_leaves_the_sum_unknown() {
        let step = "{\"type\":\"step_finish\",\"part\":{\"cost\":0.5,\"tokens\":{\"input\":1,\"output\":2}}}\n";
        let answer = read(&format!("{step}{step}"), "");
        assert_eq!(answer.cost_usd, Some(1.0));
        assert_eq!(answer.input_tokens, Some(2));
        let answer = read(&format!("{step}{{\"type\":\"step_finish\"}}"), "");
        assert_eq!((answer.cost_usd, answer.output_tokens), (None, None));
    }
}

//! Gemini CLI: <https://geminicli.com/docs/cli/headless>.
//!
//! It prints one JSON object a line. What the model says comes as `message` of the `assistant`, in
//! pieces; the last line is of type `result`, with the tokens of all models it asked, or an `error`.
//! It names no cost. Without a login it prints no JSON at all. It retries a rate limit for minutes, which
//! only standard error tells. An `error` before a `result` without one says why that failed: an answer that
//! is empty, or was refused.

use serde_json::Value;

use super::events::{events, kind, no_result, string, tokens};
use super::{
    Adapter, Answer, Answering, Options, Problem, PromptVia, argv, clean_model, clean_text, push,
};

pub(super) const ADAPTER: Adapter = Adapter {
    name: "gemini",
    program: "gemini",
    propose,
    answer: Some(Answering {
        argv: answer,
        sets: &[],
    }),
    prompt: PromptVia::Stdin,
    keeps: &[".gemini", ".config/gemini"],
    makes: &[".gemini"],
    kept_at: &[],
    sets: &[],
    keys: &[],
    tells_cost: false,
    read,
    install_hint: "install it with `npm install --global @google/gemini-cli`",
    login_hint: "run `gemini` and log in, or set GEMINI_API_KEY",
};

fn propose(options: &Options<'_>) -> Vec<String> {
    // Reading the prompt from standard input is what makes it work without a terminal.
    let mut argv = argv(&[
        "gemini",
        "--output-format",
        "stream-json",
        "--approval-mode",
        if options.confined {
            "yolo"
        } else {
            "auto_edit"
        },
        "--skip-trust",
    ]);
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv
}

fn answer(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "gemini",
        "--output-format",
        "stream-json",
        // It may look and not touch.
        "--approval-mode",
        "plan",
        "--skip-trust",
    ]);
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv
}

fn read(stdout: &str, stderr: &str) -> Answer {
    let mut answer = Answer::default();
    let mut ended = false;
    let mut said = String::new();
    // What it says with its last use of a tool stands, unless it says more.
    let mut begins_anew = false;
    let mut last_error: Option<Problem> = None;
    for event in events(stdout) {
        match kind(&event) {
            "init" => {
                // Its router takes several where none is asked for.
                answer.model = string(&event, "/model")
                    .filter(|model| *model != "auto")
                    .and_then(clean_model);
            }
            "message" if string(&event, "/role") == Some("assistant") => {
                let is_piece = event.pointer("/delta").and_then(Value::as_bool) == Some(true);
                if !is_piece || std::mem::take(&mut begins_anew) {
                    said.clear();
                }
                said.push_str(string(&event, "/content").unwrap_or_default());
            }
            "tool_use" => begins_anew = true,
            // It may recover from one of these.
            "error" => {
                let words = string(&event, "/message").or(string(&event, "/error/message"));
                last_error = words.map(Problem::of_message).or(last_error);
            }
            "result" => {
                ended = true;
                answer.input_tokens = tokens(&event, &["/stats/input_tokens"]);
                answer.output_tokens = tokens(&event, &["/stats/output_tokens"]);
                answer.problem = None;
                if string(&event, "/status") != Some("success") {
                    let words = string(&event, "/error/message").map(Problem::of_message);
                    let known = words.or(last_error.take());
                    answer.problem = Some(known.unwrap_or_else(|| no_result("", "")));
                }
            }
            _ => {}
        }
    }
    answer.text = clean_text(&said);
    if !ended {
        let of_stderr = || no_result("", &without_traces(stderr));
        answer.problem = Some(last_error.unwrap_or_else(of_stderr));
    }
    answer
}

/// It prints a stack trace below each error, indented, and the error as an object of many lines.
fn without_traces(stderr: &str) -> String {
    stderr
        .lines()
        .filter(|line| !line.starts_with([' ', '}', ']']))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::description;

    #[test]
    fn an_edit_is_told_without_a_cost() {
        let answer = read(
            include_str!("../../tests/agents/fixtures/gemini-edit.jsonl"),
            "",
        );
        assert_eq!(
            description(&answer.text).as_deref(),
            Some("drop the last 1 lines")
        );
        assert_eq!(answer.model.as_deref(), Some("gemini-2.5-flash"));
        assert_eq!(answer.input_tokens, Some(3600));
        assert_eq!(answer.output_tokens, Some(120));
        assert_eq!((answer.cost_usd, answer.problem), (None, None));
    }

    #[test]
    fn a_refusal_looks_like_an_answer() {
        let refused = include_str!("../../tests/agents/fixtures/gemini-refused.jsonl");
        let answer = read(refused, "");
        assert_eq!(answer.text, "I cannot help with that.");
        assert_eq!(answer.problem, None);
    }

    #[test]
    fn problems_are_told_apart() {
        let unauthorized = include_str!("../../tests/agents/fixtures/gemini-unauthorized.jsonl");
        assert!(matches!(
            read(unauthorized, "").problem,
            Some(Problem::NotLoggedIn(_))
        ));
        let no_login = include_str!("../../tests/agents/fixtures/gemini-no-login.txt");
        assert!(matches!(
            read("", no_login).problem,
            Some(Problem::NotLoggedIn(_))
        ));
        let limited = include_str!("../../tests/agents/fixtures/gemini-rate-limited.txt");
        assert!(matches!(
            read("", limited).problem,
            Some(Problem::RateLimited(_))
        ));
    }

    #[test]
    fn an_error_before_a_result_without_one_is_why() {
        let stdout = "{\"type\":\"error\",\"severity\":\"error\",\"message\":\"The model returned an empty response\"}\n\
             {\"type\":\"result\",\"status\":\"error\"}";
        assert_eq!(
            read(stdout, "").problem,
            Some(Problem::Other(
                "The model returned an empty response".to_owned()
            ))
        );
    }

    #[test]
    fn what_it_says_with_its_last_edit_stands() {
        let stdout = "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"drop a loop\",\"delta\":true}\n\
             {\"type\":\"tool_use\"}\n{\"type\":\"result\",\"status\":\"success\"}";
        assert_eq!(read(stdout, "").text, "drop a loop");
    }

    #[test]
    fn a_message_in_pieces_is_put_together() {
        let piece = |text: &str| {
            format!(
                "{{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"{text}\",\"delta\":true}}\n"
            )
        };
        let stdout = piece("I look")
            + "{\"type\":\"tool_use\"}\n"
            + &piece("a ")
            + &piece("b")
            + "{\"type\":\"result\",\"status\":\"success\"}";
        assert_eq!(read(&stdout, "").text, "a b");
    }
}

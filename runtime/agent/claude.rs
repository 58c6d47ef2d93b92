//! Claude Code: <https://docs.claude.com/en/docs/claude-code/cli-reference>.
//!
//! It prints one JSON object a line as it works. The last is of type `result` and has the final
//! message, the cost by its own price list, and whether it failed (`is_error`; the exit code is 1
//! then). Where the provider refused it, `api_error_status` has the status, but for a missing login,
//! of which only the words tell. Unless the provider forbids it, it retries for three minutes, each
//! time with an event `api_retry`.

use serde_json::Value;

use super::events::{cost, events, kind, no_result, string, tokens};
use super::{
    Adapter, Answer, Answering, Options, Problem, PromptVia, argv, clean_model, clean_text, push,
};

pub(super) const ADAPTER: Adapter = Adapter {
    name: "claude",
    program: "claude",
    propose,
    answer: Some(Answering {
        argv: answer,
        sets: &[],
    }),
    prompt: PromptVia::Stdin,
    keeps: &[
        ".claude",
        ".claude.json",
        ".config/claude",
        ".cache/claude",
        ".cache/claude-cli-nodejs",
        ".local/share/claude",
        ".local/state/claude",
    ],
    makes: &[".claude"],
    kept_at: &["CLAUDE_CONFIG_DIR"],
    sets: &[
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        // It is asked again anyway, and that is told.
        ("CLAUDE_CODE_MAX_RETRIES", "3"),
    ],
    keys: &[],
    tells_cost: true,
    read,
    install_hint: "install it with `npm install --global @anthropic-ai/claude-code` (Node 22 or later)",
    login_hint: "run `claude` and type `/login`, or set ANTHROPIC_API_KEY",
};

/// What it is told to be where it only answers.
const SYSTEM_PROMPT: &str =
    "You answer the user's message in plain text, exactly in the form that it asks for.";

fn propose(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "claude",
        "--print",
        "--output-format",
        "stream-json",
        // The stream is only to be had together with it.
        "--verbose",
        "--permission-mode",
        "acceptEdits",
        // Without those that would leave the worktree, start other agents or wait for something.
        "--tools",
        "Read,Edit,Write,NotebookEdit,Glob,Grep,Bash",
        "--no-session-persistence",
        "--strict-mcp-config",
    ]);
    if options.confined {
        // Else a command that does more than look is denied, as nobody can be asked.
        argv.push("--allowedTools=Bash".to_owned());
    }
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    if let Some(usd) = options
        .max_cost_usd
        .filter(|usd| *usd > 0.0 && usd.is_finite())
    {
        push(&mut argv, "--max-budget-usd", usd.to_string());
    }
    argv.extend_from_slice(options.extra);
    argv
}

fn answer(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "claude",
        "--print",
        "--output-format",
        "stream-json",
        "--verbose",
        "--tools",
        "",
        "--no-session-persistence",
        "--strict-mcp-config",
        "--disable-slash-commands",
        // Its own is about writing code with tools, and long.
        "--system-prompt",
        SYSTEM_PROMPT,
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
    let mut retried = None;
    for event in events(stdout) {
        match kind(&event) {
            "system" if string(&event, "/subtype") == Some("api_retry") => {
                let status = event.pointer("/error_status").and_then(Value::as_u64);
                let words = string(&event, "/error").unwrap_or_default();
                retried = Some(Problem::of_status(status, words));
            }
            "system" => {
                if let Some(model) = string(&event, "/model").and_then(clean_model) {
                    answer.model = Some(model);
                }
            }
            "assistant" => {
                // In case it does not come to a result.
                let content = event.pointer("/message/content").and_then(|c| c.as_array());
                let said = |block| string(block, "/text");
                if let Some(text) = content.and_then(|blocks| blocks.iter().rev().find_map(said)) {
                    answer.text = clean_text(text);
                }
            }
            "result" => {
                ended = true;
                answer.cost_usd = cost(&event, "/total_cost_usd");
                answer.input_tokens = tokens(
                    &event,
                    &[
                        "/usage/input_tokens",
                        "/usage/cache_creation_input_tokens",
                        "/usage/cache_read_input_tokens",
                    ],
                );
                answer.output_tokens = tokens(&event, &["/usage/output_tokens"]);
                let text = string(&event, "/result");
                answer.problem = None;
                if event.pointer("/is_error").and_then(Value::as_bool) == Some(true) {
                    answer.text = String::new();
                    let words = text.or(string(&event, "/errors/0")).unwrap_or_default();
                    answer.problem = Some(problem(&event, words));
                } else if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                    // Without one, what it said last stands.
                    answer.text = clean_text(text);
                }
            }
            _ => {}
        }
    }
    if !ended {
        answer.problem = Some(retried.unwrap_or_else(|| no_result("", stderr)));
    }
    answer
}

fn problem(event: &Value, words: &str) -> Problem {
    if string(event, "/stop_reason") == Some("refusal") {
        return Problem::refused(words);
    }
    let status = event.pointer("/api_error_status").and_then(Value::as_u64);
    Problem::of_status(status, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::description;
    use crate::agent::tests::plain;

    fn fixture(name: &str) -> Answer {
        let stdout = match name {
            "edit" => include_str!("../../tests/agents/fixtures/claude-edit.jsonl"),
            "nothing" => include_str!("../../tests/agents/fixtures/claude-nothing.jsonl"),
            "refused" => include_str!("../../tests/agents/fixtures/claude-refused.jsonl"),
            "no-login" => include_str!("../../tests/agents/fixtures/claude-no-login.jsonl"),
            "unauthorized" => include_str!("../../tests/agents/fixtures/claude-unauthorized.jsonl"),
            "rate-limited" => include_str!("../../tests/agents/fixtures/claude-rate-limited.jsonl"),
            _ => include_str!("../../tests/agents/fixtures/claude-over-budget.jsonl"),
        };
        read(stdout, "")
    }

    #[test]
    fn an_edit_is_told_with_its_cost() {
        let answer = fixture("edit");
        assert_eq!(
            description(&answer.text).as_deref(),
            Some("drop the last 1 lines")
        );
        assert_eq!(answer.model.as_deref(), Some("claude-opus-5-5"));
        assert_eq!(answer.input_tokens, Some(3600));
        assert_eq!(answer.output_tokens, Some(120));
        assert_eq!(answer.cost_usd, Some(0.0168));
        assert_eq!(answer.problem, None);
    }

    #[test]
    fn doing_nothing_is_no_problem() {
        let answer = fixture("nothing");
        assert_eq!(answer.text, "The file is as short as it can be.");
        assert_eq!(answer.problem, None);
    }

    #[test]
    fn problems_are_told_apart() {
        let problem = |name| fixture(name).problem.unwrap();
        assert_eq!(
            problem("no-login"),
            Problem::NotLoggedIn("Not logged in · Please run /login".to_owned())
        );
        assert_eq!(
            problem("unauthorized"),
            Problem::NotLoggedIn("Invalid API key · Fix external API key".to_owned())
        );
        assert!(matches!(problem("rate-limited"), Problem::RateLimited(_)));
        assert!(matches!(problem("refused"), Problem::Refused(_)));
        assert_eq!(
            problem("budget"),
            Problem::Other("Reached maximum budget ($0.001)".to_owned())
        );
        assert_eq!(fixture("refused").cost_usd, Some(0.0112));
        assert_eq!(fixture("rate-limited").text, "");
    }

    #[test]
    fn what_a_killed_one_said_last_is_kept() {
        let whole = include_str!("../../tests/agents/fixtures/claude-edit.jsonl");
        let lines: Vec<&str> = whole.lines().collect();
        let answer = read(&lines[..lines.len() - 1].join("\n"), "");
        assert!(answer.text.contains("drop the last"));
        assert_eq!(answer.cost_usd, None);
        assert!(matches!(answer.problem, Some(Problem::NoResult(_))));
    }

    #[test]
    fn an_empty_result_leaves_what_was_said_before() {
        let answer = read(
            "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"drop a loop\"}]}}\n\
             {\"type\":\"result\",\"is_error\":false,\"result\":\"\"}",
            "",
        );
        assert_eq!(
            (answer.text.as_str(), answer.problem),
            ("drop a loop", None)
        );
    }

    #[test]
    fn one_killed_while_it_tried_again_is_told_by_why_it_tried() {
        let retry = include_str!("../../tests/agents/fixtures/claude-retry.jsonl");
        assert_eq!(
            read(retry, "").problem,
            Some(Problem::RateLimited("rate_limit".to_owned()))
        );
    }

    #[test]
    fn a_wrong_option_is_quoted() {
        let answer = read("", "error: unknown option '--x'\n");
        assert_eq!(
            answer.problem,
            Some(Problem::NoResult("error: unknown option '--x'".to_owned()))
        );
    }

    #[test]
    fn the_budget_is_a_plain_number() {
        let budget = |usd| {
            let argv = propose(&Options {
                max_cost_usd: Some(usd),
                model: Some("opus"),
                ..plain()
            });
            let at = argv.iter().position(|a| a == "--max-budget-usd")?;
            Some(argv[at + 1].clone())
        };
        assert_eq!(budget(2.0).as_deref(), Some("2"));
        assert_eq!(budget(0.000_001).as_deref(), Some("0.000001"));
        assert_eq!(budget(f64::NAN), None);
        assert_eq!(budget(-1.0), None);
    }
}

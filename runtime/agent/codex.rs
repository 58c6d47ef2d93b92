//! Codex: <https://github.com/openai/codex>.
//!
//! It prints one JSON object a line: `item.completed` with an `agent_message` is what the model
//! says, `turn.completed` has the tokens, `turn.failed` why it ended (the exit code is 1 then). It
//! names neither its model nor a cost, and takes a model that declines for one with nothing to say.

use super::events::{events, kind, no_result, string, tokens};
use super::{Adapter, Answer, Answering, Options, Problem, PromptVia, argv, clean_text, push};

pub(super) const ADAPTER: Adapter = Adapter {
    name: "codex",
    program: "codex",
    propose,
    answer: Some(Answering {
        argv: answer,
        sets: &[],
    }),
    prompt: PromptVia::Stdin,
    keeps: &[".codex"],
    makes: &[".codex"],
    kept_at: &["CODEX_HOME"],
    sets: &[],
    keys: &[],
    tells_cost: false,
    read,
    install_hint: "install it with `npm install --global @openai/codex`",
    login_hint: "run `codex login`",
};

fn propose(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "codex",
        "exec",
        "--json",
        "--sandbox",
        // Its own sandbox does not start in another one, and then no command runs.
        if options.confined {
            "danger-full-access"
        } else {
            "workspace-write"
        },
        "--skip-git-repo-check",
        "--ephemeral",
    ]);
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv.push("-".to_owned());
    argv
}

/// Tools that can be switched off. What stays can read: its sandbox keeps it from writing and from
/// the network.
const TOOLS: &[&str] = &[
    "features.shell_tool=false",
    "features.unified_exec=false",
    "features.multi_agent=false",
    "features.apps=false",
    "features.plugins=false",
    "features.goals=false",
    "features.image_generation=false",
    "features.computer_use=false",
    "features.browser_use=false",
    "features.sleep_tool=false",
    "features.tool_suggest=false",
    "web_search=\"disabled\"",
];

fn answer(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "codex",
        "exec",
        "--json",
        "--sandbox",
        "read-only",
        "--skip-git-repo-check",
        "--ephemeral",
    ]);
    for setting in TOOLS {
        push(&mut argv, "--config", *setting);
    }
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv.push("-".to_owned());
    argv
}

fn read(stdout: &str, stderr: &str) -> Answer {
    let mut answer = Answer::default();
    let mut ended = false;
    let mut last_error = None;
    for event in events(stdout) {
        match kind(&event) {
            "item.completed" if string(&event, "/item/type") == Some("agent_message") => {
                if let Some(text) = string(&event, "/item/text") {
                    answer.text = clean_text(text);
                }
            }
            "turn.completed" => {
                ended = true;
                answer.problem = None;
                answer.input_tokens = tokens(&event, &["/usage/input_tokens"]);
                answer.output_tokens = tokens(&event, &["/usage/output_tokens"]);
            }
            "turn.failed" => {
                ended = true;
                let words = string(&event, "/error/message").unwrap_or_default();
                answer.problem = Some(Problem::of_message(words));
            }
            // It may recover from one of these.
            "error" => last_error = string(&event, "/message").map(Problem::of_message),
            _ => {}
        }
    }
    if !ended {
        answer.problem = Some(last_error.unwrap_or_else(|| no_result("", stderr)));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::description;

    #[test]
    fn an_edit_is_told_without_a_cost() {
        let answer = read(
            include_str!("../../tests/agents/fixtures/codex-edit.jsonl"),
            "",
        );
        assert_eq!(
            description(&answer.text).as_deref(),
            Some("drop the last 1 lines")
        );
        assert_eq!(answer.input_tokens, Some(3600));
        assert_eq!(answer.output_tokens, Some(120));
        assert_eq!(
            (answer.cost_usd, answer.model, answer.problem),
            (None, None, None)
        );
    }

    #[test]
    fn doing_nothing_is_no_problem() {
        let nothing = include_str!("../../tests/agents/fixtures/codex-nothing.jsonl");
        let answer = read(nothing, "");
        assert_eq!(answer.text, "The file is as short as it can be.");
        assert_eq!(answer.problem, None);
        let refused = include_str!("../../tests/agents/fixtures/codex-refused.jsonl");
        let answer = read(refused, "");
        assert_eq!((answer.text.as_str(), answer.problem), ("", None));
    }

    #[test]
    fn problems_are_told_apart() {
        let problem = |stdout| read(stdout, "").problem.unwrap();
        assert_eq!(
            problem(include_str!(
                "../../tests/agents/fixtures/codex-rate-limited.jsonl"
            )),
            Problem::RateLimited(
                "exceeded retry limit, last status: 429 Too Many Requests".to_owned()
            )
        );
        let unauthorized = include_str!("../../tests/agents/fixtures/codex-unauthorized.jsonl");
        assert!(matches!(problem(unauthorized), Problem::NotLoggedIn(_)));
        let no_login = include_str!("../../tests/agents/fixtures/codex-no-login.jsonl");
        assert!(matches!(problem(no_login), Problem::NotLoggedIn(_)));
        // Ended while it was trying again.
        let lines: Vec<&str> = unauthorized.lines().collect();
        assert!(matches!(
            problem(&lines[..4].join("\n")),
            Problem::NotLoggedIn(_)
        ));
    }

    #[test]
    fn a_remark_of_the_program_is_not_the_models() {
        let answer = read(
            "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"shorter\"}}\n\
             {\"type\":\"item.completed\",\"item\":{\"type\":\"error\",\"message\":\"rate limit\"}}\n\
             {\"type\":\"error\",\"message\":\"Reconnecting... 1/5 (429 Too Many Requests)\"}\n\
             {\"type\":\"turn.completed\",\"usage\":{}}",
            "",
        );
        assert_eq!((answer.text.as_str(), answer.problem), ("shorter", None));
    }
}

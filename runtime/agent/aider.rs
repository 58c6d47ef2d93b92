//! Aider: <https://aider.chat/docs/config/options.html>.
//!
//! It prints plain text: what it is about to do, the model's reply, and below each reply a line such
//! as `Tokens: 1.2k sent, 40 received. Cost: $0.0042 message, $0.0042 session.`, without the cost
//! where it knows no price. Failures of the provider are printed as text too, and the exit code is 0
//! all the same. It retries a rate limit for a minute. Without a key and a model it waits five minutes for
//! somebody at a browser. It never runs a command that the model proposes.

use super::events::sane_cost;
use super::{
    Adapter, Answer, Key, Options, Problem, PromptVia, argv, clean_model, clean_text, push,
};
use crate::text;

pub(super) const ADAPTER: Adapter = Adapter {
    name: "aider",
    program: "aider",
    propose,
    answer: None,
    prompt: PromptVia::File,
    // It breaks lines at the width of the terminal, and at 80 characters where there is none.
    keeps: &[
        ".aider",
        ".aider.conf.yml",
        ".aider.model.metadata.json",
        ".aider.model.settings.yml",
        ".cache/litellm",
    ],
    makes: &[".aider", ".cache/litellm"],
    kept_at: &[],
    sets: &[("COLUMNS", "10000")],
    keys: &[
        Key::Variable("ANTHROPIC_API_KEY"),
        Key::Variable("DEEPSEEK_API_KEY"),
        Key::Variable("GEMINI_API_KEY"),
        Key::Variable("OPENAI_API_KEY"),
        Key::Variable("OPENROUTER_API_KEY"),
        Key::Variable("VERTEXAI_PROJECT"),
        Key::Variable("AIDER_MODEL"),
        Key::File(".aider.conf.yml"),
        Key::File(".aider/oauth-keys.env"),
        Key::File(".env"),
    ],
    tells_cost: true,
    read,
    install_hint: "install it with `pipx install aider-chat`",
    login_hint: "set the key of the model's provider, such as ANTHROPIC_API_KEY or OPENAI_API_KEY",
};

fn propose(options: &Options<'_>) -> Vec<String> {
    let mut argv = argv(&[
        "aider",
        "--yes-always",
        "--no-auto-commits",
        "--no-dirty-commits",
        // Without it, it would add itself to `.gitignore`.
        "--no-gitignore",
        "--input-history-file=/dev/null",
        "--chat-history-file=/dev/null",
        "--no-restore-chat-history",
        // The map of the repository is what it caches tags for, in the working directory.
        "--map-tokens=0",
        "--no-auto-lint",
        "--no-auto-test",
        "--no-suggest-shell-commands",
        "--no-detect-urls",
        "--disable-playwright",
        "--no-browser",
        "--no-check-update",
        "--no-show-release-notes",
        "--no-show-model-warnings",
        "--no-analytics",
        "--no-stream",
        "--no-pretty",
        "--no-fancy-input",
    ]);
    argv.push(format!("--message-file={}", options.prompt_file.display()));
    if let Some(model) = options.model {
        push(&mut argv, "--model", model);
    }
    argv.extend_from_slice(options.extra);
    argv.extend(options.targets.iter().map(|path| format!("--file={path}")));
    argv
}

fn read(stdout: &str, stderr: &str) -> Answer {
    let lines: Vec<&str> = stdout.lines().collect();
    let is_usage = |line: &&str| line.starts_with("Tokens: ") && line.contains(" received");
    // The reply stands before the last of them, and what went wrong after that behind it. A model
    // can print such a line itself, but not the last one.
    let usage = lines.iter().rposition(is_usage);
    let (before, after) = lines
        .split_at_checked(usage.unwrap_or(0))
        .unwrap_or_default();
    let reply = before
        .iter()
        .rposition(is_usage)
        .or_else(|| {
            before
                .iter()
                .position(|line| line.ends_with(" to the chat."))
        })
        .map_or(0, |start| start + 1);
    let mut answer = Answer {
        text: clean_text(&before.get(reply..).unwrap_or_default().join("\n")),
        model: lines.iter().find_map(|line| model(line)),
        cost_usd: after.first().and_then(|line| session_cost(line)),
        ..Answer::default()
    };
    let failed = after.iter().any(|line| line.starts_with("litellm."));
    if failed || usage.is_none() {
        let words = if failed {
            let start = after.iter().rposition(|line| line.starts_with("litellm."));
            after
                .get(start.unwrap_or(0)..)
                .unwrap_or_default()
                .join(" ")
        } else {
            text::tail(format!("{stderr}\n{stdout}").as_bytes(), 3)
        };
        answer.problem = Some(match Problem::of_message(&words) {
            // It says far from the end that it has no key.
            Problem::Other(words) => match Problem::of_message(&lines.join(" ")) {
                login @ Problem::NotLoggedIn(_) => login,
                _ => Problem::Other(words),
            },
            known => known,
        });
    }
    answer
}

/// From a line such as `Model: NAME with diff edit format, infinite output`.
fn model(line: &str) -> Option<String> {
    let rest = line
        .strip_prefix("Model: ")
        .or_else(|| line.strip_prefix("Main model: "))?;
    clean_model(rest.split_once(" with ")?.0)
}

fn session_cost(line: &str) -> Option<f64> {
    let rest = line.strip_suffix(" session.")?;
    sane_cost(rest.rsplit_once('$')?.1.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::description;
    use crate::agent::tests::plain;

    #[test]
    fn an_edit_is_told_with_its_cost() {
        let edit = include_str!("../../tests/agents/fixtures/aider-edit.txt");
        let answer = read(edit, "");
        assert_eq!(
            description(&answer.text).as_deref(),
            Some("drop the last line")
        );
        assert!(answer.text.starts_with("The last line is not needed."));
        assert_eq!(answer.model.as_deref(), Some("anthropic/claude-sonnet-4-5"));
        assert_eq!(answer.cost_usd, Some(0.0042));
        assert_eq!(answer.problem, None);
    }

    #[test]
    fn problems_are_told_apart() {
        let unauthorized = include_str!("../../tests/agents/fixtures/aider-unauthorized.txt");
        let answer = read(unauthorized, "");
        assert!(matches!(answer.problem, Some(Problem::NotLoggedIn(_))));
        assert_eq!(answer.text, "");
        let limited = include_str!("../../tests/agents/fixtures/aider-rate-limited.txt");
        assert!(matches!(
            read(limited, "").problem,
            Some(Problem::RateLimited(_))
        ));
        assert!(matches!(
            read("", "aider: error: unrecognized arguments: --x").problem,
            Some(Problem::Other(_))
        ));
    }

    #[test]
    fn the_last_reply_and_the_last_cost_count() {
        let answer = read(
            "Added a to the chat.\none\nTokens: 1k sent, 2 received. Cost: $0.10 message, $0.10 session.\n\
             two\nTokens: 9 sent, 9 received. Cost: $0 message, $0.00 session.\nthree\n\
             Tokens: 1k sent, 2 received. Cost: $0.10 message, $0.20 session.\nApplied edit to a\n",
            "",
        );
        assert_eq!(
            (answer.text.as_str(), answer.cost_usd),
            ("three", Some(0.2))
        );
        let answer = read("one\nTokens: 1k sent, 2 received.\n", "");
        assert_eq!((answer.text.as_str(), answer.cost_usd), ("one", None));
        let answer = read(
            "Tokens: 1 sent, 1 received. Cost: $x message, $-1 session.",
            "",
        );
        assert_eq!(answer.cost_usd, None);
    }

    #[test]
    fn targets_cannot_be_taken_for_options() {
        let targets = ["--help".to_owned()];
        let argv = propose(&Options {
            targets: &targets,
            ..plain()
        });
        assert_eq!(argv.last().unwrap(), "--file=--help");
        assert!(argv.contains(&"--message-file=/run/prompt.md".to_owned()));
    }
}

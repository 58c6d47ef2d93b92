//! Agents: for each program that proposes changes or answers prompts, how it is started and what
//! its output tells.
//!
//! One table, `ADAPTERS`, and one file a program. Nothing here starts or reads anything: an
//! adapter turns [`Options`] into an argv, and the output of that command into an [`Answer`]. What
//! an agent prints is as little to be trusted as what a command prints: whatever is missing,
//! malformed or absurd in it is unknown, and unknown stays `None`.

mod aider;
mod claude;
mod codex;
mod description;
mod events;
mod gemini;
mod opencode;
mod problem;

pub use description::description;
pub use problem::Problem;

use std::path::Path;

/// What to start an agent with.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// In the program's own words; its default where there is none.
    pub model: Option<&'a str>,
    /// The owner's more arguments.
    pub extra: &'a [String],
    /// Passed on to programs that can stop by themselves.
    pub max_cost_usd: Option<f64>,
    /// Where the prompt is, for programs that read a file.
    pub prompt_file: &'a Path,
    /// The files to change, relative to the working directory, for programs that must be told.
    pub targets: &'a [String],
    /// Whether the operating system confines the program: then it may run commands without asking.
    pub confined: bool,
}

/// How the prompt goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptVia {
    /// On standard input, which is then closed.
    Stdin,
    /// As [`Options::prompt_file`].
    File,
}

/// One row of the table.
#[derive(Debug)]
pub struct Adapter {
    /// As in `--agent NAME`.
    pub name: &'static str,
    /// To be found in `PATH`.
    pub program: &'static str,
    /// The argv, program first, with which it proposes a change: it may edit files in its working
    /// directory, asks nobody anything, and leaves nothing else there.
    pub propose: fn(&Options<'_>) -> Vec<String>,
    /// How it answers a prompt in words; none where it cannot be kept from using tools.
    pub answer: Option<Answering>,
    pub prompt: PromptVia,
    /// Where it keeps settings, logins and sessions, below the home.
    pub keeps: &'static [&'static str],
    /// Those of them that it makes when it starts for the first time: directories, which a sandbox does not
    /// let it make.
    pub makes: &'static [&'static str],
    /// Variables that say another place for them.
    pub kept_at: &'static [&'static str],
    /// Variables without which its output can't be read or its start calls home.
    pub sets: &'static [(&'static str, &'static str)],
    /// Where it finds a key, of which it needs one unless a model is named; empty if it says itself that it
    /// has none.
    pub keys: &'static [Key],
    /// Whether [`Answer::cost_usd`] can be known.
    pub tells_cost: bool,
    /// Reads its standard output and standard error. Either may be cut at its start.
    pub read: fn(stdout: &str, stderr: &str) -> Answer,
    /// What to do where the program is not found.
    pub install_hint: &'static str,
    /// What to do where it is not logged in.
    pub login_hint: &'static str,
}

/// Where a program finds a key.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    Variable(&'static str),
    /// Below the home, or in the project.
    File(&'static str),
}

/// How a program answers in words: it has no tools, or as few as it can be left with.
#[derive(Debug)]
pub struct Answering {
    pub argv: fn(&Options<'_>) -> Vec<String>,
    /// More variables.
    pub sets: &'static [(&'static str, &'static str)],
}

/// What an agent's output tells.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Answer {
    /// The final message, cleaned.
    pub text: String,
    pub model: Option<String>,
    /// All that the model read, what came from a cache included.
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    /// By the program's own price list.
    pub cost_usd: Option<f64>,
    /// Why there is no change to be had, as far as the program says so. Some programs exit with 0
    /// all the same, and some changed files before.
    pub problem: Option<Problem>,
}

const ADAPTERS: &[&Adapter] = &[
    &claude::ADAPTER,
    &codex::ADAPTER,
    &gemini::ADAPTER,
    &opencode::ADAPTER,
    &aider::ADAPTER,
];

/// The adapter of this name.
pub fn adapter(name: &str) -> Option<&'static Adapter> {
    ADAPTERS
        .iter()
        .copied()
        .find(|adapter| adapter.name == name)
}

/// All of them.
pub fn adapters() -> impl Iterator<Item = &'static Adapter> {
    ADAPTERS.iter().copied()
}

/// The names of those that answer in words.
pub fn answering() -> impl Iterator<Item = &'static str> {
    ADAPTERS
        .iter()
        .filter(|adapter| adapter.answer.is_some())
        .map(|adapter| adapter.name)
}

/// The names, in the order in which to list them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ADAPTERS.iter().map(|adapter| adapter.name)
}

/// Characters kept of a final message.
const TEXT_LIMIT: usize = 64 * 1024;

fn clean_text(text: &str) -> String {
    crate::text::clean(text.trim(), TEXT_LIMIT)
}

/// Characters kept of a model's name.
const MODEL_LIMIT: usize = 100;

fn clean_model(name: &str) -> Option<String> {
    let name = crate::text::clean_line(name, MODEL_LIMIT);
    (!name.is_empty()).then_some(name)
}

/// An argv from its fixed part.
fn argv(fixed: &[&str]) -> Vec<String> {
    fixed.iter().map(|&argument| argument.to_owned()).collect()
}

/// Adds an option with its value.
fn push(argv: &mut Vec<String>, option: &str, value: impl Into<String>) {
    argv.extend([option.to_owned(), value.into()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options that ask for nothing.
    pub(super) fn plain() -> Options<'static> {
        Options {
            model: None,
            extra: &[],
            max_cost_usd: None,
            prompt_file: Path::new("/run/prompt.md"),
            targets: &[],
            confined: true,
        }
    }

    #[test]
    fn what_is_confined_may_run_commands_and_nothing_else_may() {
        let may = |adapter: &Adapter, confined| {
            let argv = (adapter.propose)(&Options {
                confined,
                ..plain()
            });
            let free = [
                "--allowedTools=Bash",
                "danger-full-access",
                "yolo",
                "--auto",
            ];
            argv.iter().any(|word| free.contains(&word.as_str()))
        };
        for adapter in ADAPTERS {
            assert!(!may(adapter, false), "{}", adapter.name);
            // Aider runs no commands of its own accord.
            assert_eq!(
                may(adapter, true),
                adapter.name != "aider",
                "{}",
                adapter.name
            );
        }
    }

    #[test]
    fn every_name_finds_its_own_row() {
        for name in names() {
            assert_eq!(adapter(name).unwrap().name, name);
        }
        assert_eq!(names().count(), ADAPTERS.len());
        assert!(adapter("Claude").is_none());
    }

    #[test]
    fn the_program_comes_first_and_what_the_owner_adds_is_there() {
        let extra = ["--one".to_owned(), "two".to_owned()];
        let options = Options {
            extra: &extra,
            ..plain()
        };
        for adapter in ADAPTERS {
            let argv = (adapter.propose)(&options);
            assert_eq!(argv[0], adapter.program);
            assert!(argv.windows(2).any(|pair| pair == extra), "{argv:?}");
            let Some(answering) = &adapter.answer else {
                continue;
            };
            let argv = (answering.argv)(&options);
            assert_eq!(argv[0], adapter.program);
            assert!(argv.windows(2).any(|pair| pair == extra), "{argv:?}");
            assert_eq!(adapter.prompt, PromptVia::Stdin);
        }
    }

    #[test]
    fn no_output_however_broken_is_too_much() {
        let deep = "[".repeat(100_000);
        let broken = [
            String::new(),
            "\u{0}\u{1b}[2J\u{fffd}".to_owned(),
            "{\"type\":\"result\",\"result\":\"hal".to_owned(),
            "{}\n[]\nnull\n{\"type\":1}\n{\"type\":\"result\"}\n{\"type\":\"error\"}".to_owned(),
            "{\"type\":\"item.completed\",\"item\":[]}\n{\"type\":\"step_finish\",\"part\":7}"
                .to_owned(),
            "{\"type\":\"result\",\"total_cost_usd\":NaN}".to_owned(),
            format!("{{\"type\":\"result\",\"result\":{deep}"),
            "x".repeat(5_000_000),
            "Tokens: 1.2k sent. Cost: $ session.\nModel: ".to_owned(),
        ];
        for adapter in ADAPTERS {
            for stdout in &broken {
                let answer = (adapter.read)(stdout, "\u{1b}]0;\nboom");
                assert_eq!(answer.cost_usd, None, "{}: {stdout:.80}", adapter.name);
                assert_eq!(answer.input_tokens, None);
                assert!(answer.text.chars().count() <= TEXT_LIMIT + 1);
            }
        }
    }

    #[test]
    fn absurd_numbers_are_unknown() {
        for cost in ["-0.5", "1e300", "\"0.1\"", "null", "100001"] {
            let stdout = format!(
                "{{\"type\":\"result\",\"is_error\":false,\"result\":\"x\",\"total_cost_usd\":{cost},\
                 \"usage\":{{\"input_tokens\":-1,\"output_tokens\":18446744073709551615}}}}"
            );
            let answer = (claude::ADAPTER.read)(&stdout, "");
            assert_eq!(answer.text, "x");
            assert_eq!(
                (answer.cost_usd, answer.input_tokens, answer.output_tokens),
                (None, None, None),
                "{cost}"
            );
        }
    }
}

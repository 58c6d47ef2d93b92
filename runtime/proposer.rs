//! An agent made ready to propose changes, and one proposal of it.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{self, Adapter, Answer, Options, Problem, PromptVia};
use crate::experiment::AgentSettings;
use crate::failure::{Exit, Failure};
use crate::journal::AgentUse;
use crate::process::{self, Cancel, Command, CommandLine, Exit as ProcessExit, Launcher, RunError};
use crate::text;

/// What is kept of an agent's output to be read: the end, where its answer is.
const OUTPUT_LIMIT: usize = 16 << 20;
/// The longest name of an agent that is a command, in characters.
const NAME_LIMIT: usize = 40;
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// An agent as an experiment has it.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Known(&'static Adapter),
    Command { line: CommandLine, name: String },
}

/// What an agent is asked to do.
#[derive(Debug)]
pub struct Request<'a> {
    /// A file with the prompt, absolute.
    pub prompt: &'a Path,
    /// Where all that the agent prints is kept, absolute.
    pub transcript: &'a Path,
    /// Where it works.
    pub directory: &'a Path,
    /// Relative to `directory`.
    pub targets: &'a [String],
    /// What may still be spent, in US dollars.
    pub max_cost_usd: Option<f64>,
}

/// What came of asking an agent.
#[derive(Debug)]
pub struct Reply {
    pub outcome: Outcome,
    pub used: AgentUse,
}

#[derive(Debug)]
pub enum Outcome {
    /// It has done what it wanted to; its own words for it, if there are any.
    Done(Option<String>),
    /// Its provider wants it to wait, or cannot be reached.
    NotNow(String),
    /// It did not get that far, and may the next time.
    Failed(String),
    Cancelled,
}

impl Agent {
    /// The agent of settings that were checked.
    pub fn new(settings: &AgentSettings) -> Result<Self, Failure> {
        settings.check().map_err(|error| {
            Failure::input(error).hint("see `autoresearch run --help` for `--agent`")
        })?;
        let known = settings.name.as_deref().and_then(agent::adapter);
        let kind = match (known, &settings.command) {
            (Some(adapter), _) => Kind::Known(adapter),
            (None, Some(line)) => Kind::Command {
                line: line.clone(),
                name: short_name(line),
            },
            (None, None) => return Err(Failure::input("there is no agent")),
        };
        Ok(Self {
            settings: settings.clone(),
            kind,
        })
    }

    /// Its name, or what its command begins with.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Known(adapter) => adapter.name,
            Kind::Command { name, .. } => name,
        }
    }

    pub fn settings(&self) -> &AgentSettings {
        &self.settings
    }

    /// Whether it tells what it costs.
    pub fn tells_cost(&self) -> bool {
        match &self.kind {
            Kind::Known(adapter) => adapter.tells_cost,
            Kind::Command { .. } => false,
        }
    }

    /// What is executed for a proposal.
    pub fn command_line(&self, request: &Request<'_>) -> Result<CommandLine, Failure> {
        match &self.kind {
            Kind::Command { line, .. } => Ok(line.clone()),
            Kind::Known(adapter) => {
                let argv = (adapter.propose)(&Options {
                    model: self.settings.model.as_deref(),
                    extra: &self.settings.arguments,
                    max_cost_usd: request.max_cost_usd,
                    prompt_file: request.prompt,
                    targets: request.targets,
                });
                CommandLine::from_list(argv)
                    .map_err(|error| Failure::input(format!("the agent cannot be run: {error}")))
            }
        }
    }

    /// Asks for one proposal. A failure is one that asking again does not mend.
    pub fn ask(
        &self,
        launcher: &Launcher,
        request: &Request<'_>,
        cancel: &Cancel,
    ) -> Result<Reply, Failure> {
        let line = self.command_line(request)?;
        let via_stdin = match &self.kind {
            Kind::Known(adapter) => matches!(adapter.prompt, PromptVia::Stdin),
            Kind::Command { .. } => true,
        };
        let environment = environment(match &self.kind {
            Kind::Known(adapter) => adapter.sets,
            Kind::Command { .. } => &[],
        });
        let command = Command {
            line: &line,
            directory: request.directory,
            environment: &environment,
            deadline: self.settings.timeout,
            grace: GRACE,
            output_limit: OUTPUT_LIMIT,
            input: via_stdin.then_some(request.prompt),
            transcript: Some(request.transcript),
        };
        let started = Instant::now();
        let output = process::run(launcher, &command, cancel).map_err(|error| match error {
            RunError::NotStarted { .. } => {
                Failure::new(Exit::Environment, format!("the agent: {error}"))
                    .hint(self.how_to_install())
            }
            RunError::Launcher(_) => Failure::new(Exit::Failure, format!("the agent: {error}")),
        })?;
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout.bytes),
            String::from_utf8_lossy(&output.stderr.bytes),
        );
        let answer = match &self.kind {
            Kind::Known(adapter) => (adapter.read)(&stdout, &stderr),
            Kind::Command { .. } => Answer {
                text: stdout.into_owned(),
                ..Answer::default()
            },
        };
        let used = AgentUse {
            name: self.name().to_owned(),
            model: answer.model.or_else(|| self.settings.model.clone()),
            seconds: started.elapsed().as_secs_f64(),
            cost_usd: answer.cost_usd,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
        };
        let said = |words: &str| match words.trim() {
            // Errors belong on standard error, and not every program knows that.
            "" => [&output.stderr, &output.stdout]
                .map(|stream| text::tail(&stream.bytes, 3))
                .into_iter()
                .find(|tail| !tail.is_empty())
                .unwrap_or_default(),
            words => words.to_owned(),
        };
        let failed = |what: &str, words: &str| {
            let words = text::clean_line(&said(words), 300);
            Outcome::Failed(if words.is_empty() {
                what.to_owned()
            } else {
                format!("{what}: {words}")
            })
        };
        let name = self.name();
        let outcome = match (output.exit, answer.problem) {
            (ProcessExit::Cancelled, _) => Outcome::Cancelled,
            (ProcessExit::TimedOut, _) => Outcome::Failed(format!(
                "the agent did not finish within {}",
                humantime::format_duration(self.settings.timeout)
            )),
            (_, Some(Problem::NotLoggedIn(words))) => {
                return Err(Failure::new(
                    Exit::Environment,
                    format!("{name} is not logged in: {}", text::clean_line(&words, 300)),
                )
                .hint(self.how_to_log_in()));
            }
            (_, Some(Problem::RateLimited(words) | Problem::Unreachable(words))) => {
                Outcome::NotNow(text::clean_line(&words, 300))
            }
            (_, Some(Problem::Refused(words))) => failed("the agent refused", &words),
            (_, Some(Problem::Other(words))) => failed("the agent failed", &words),
            (ProcessExit::Code(0), None) => Outcome::Done(agent::description(&answer.text)),
            (exit, None) => failed(&format!("the agent failed with {exit}"), ""),
        };
        Ok(Reply { outcome, used })
    }

    fn how_to_log_in(&self) -> String {
        match &self.kind {
            Kind::Known(adapter) => adapter.login_hint.to_owned(),
            Kind::Command { .. } => "log in with the agent's own program".to_owned(),
        }
    }

    fn how_to_install(&self) -> String {
        match &self.kind {
            Kind::Known(adapter) => adapter.install_hint.to_owned(),
            Kind::Command { .. } => {
                "mend `--agent-command`, or `command` under `[agent]` in the experiment".to_owned()
            }
        }
    }
}

/// `sh agent.sh` for `sh /home/me/agent.sh --fast`: no paths, for it stands in commits.
fn short_name(line: &CommandLine) -> String {
    let text = line.to_string();
    let words: Vec<&str> = if line.uses_shell() {
        text.split_whitespace().collect()
    } else {
        line.argv().iter().map(String::as_str).collect()
    };
    let name: Vec<&str> = words
        .into_iter()
        .take(2)
        .take_while(|word| !word.starts_with('-'))
        .filter_map(|word| Path::new(word).file_name()?.to_str())
        .collect();
    text::clean_line(&name.join(" "), NAME_LIMIT)
}

/// The environment of agents: the user's own, for it is the user's own program, with its keys and
/// proxies. Only what would lead its git astray is left out.
fn environment(sets: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let sets = sets.iter().map(|(name, value)| (name.into(), value.into()));
    std::env::vars_os()
        .filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"GIT_"))
        .chain(sets)
        .collect()
}

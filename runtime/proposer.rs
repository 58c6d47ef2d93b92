//! An agent made ready to propose changes, and one proposal of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agent::{self, Key, Problem};
use crate::caller::{Call, Caller, Purpose};
use crate::experiment::AgentSettings;
use crate::failure::{Exit, Failure};
use crate::journal::AgentUse;
use crate::process::{Cancel, CommandLine, Exit as ProcessExit, Launcher, RunError};
use crate::sandbox::{Confinement, Tier};
use crate::text;

/// The longest wait for a limit to pass: daily ones do within a day.
pub const LONGEST_LIMIT: Duration = Duration::from_hours(25);
/// The longest wait for a provider that cannot be reached.
const LONGEST_OUTAGE: Duration = Duration::from_hours(3);

/// An agent as an experiment has it.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    caller: Caller,
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
    pub confinement: &'a Confinement,
    /// Relative to `directory`.
    pub targets: &'a [String],
    /// What may still be spent, in US dollars.
    pub max_cost_usd: Option<f64>,
    /// What is set besides the user's own environment.
    pub environment: &'a [(OsString, OsString)],
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
    /// It ended as if it had, but said so in no way that is known: what may have to be told of that.
    Unclear(String),
    /// Its provider wants it to wait, or cannot be reached. It is not worth waiting longer than `most`.
    NotNow {
        message: String,
        most: Duration,
    },
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
        let caller = Caller::new(&settings.callee())?;
        Ok(Self {
            settings: settings.clone(),
            caller,
        })
    }

    /// Its name, or what its command begins with.
    pub fn name(&self) -> &str {
        self.caller.name()
    }

    pub fn settings(&self) -> &AgentSettings {
        &self.settings
    }

    /// Whether it tells what it costs.
    pub fn tells_cost(&self) -> bool {
        self.caller
            .adapter()
            .is_some_and(|adapter| adapter.tells_cost)
    }

    /// Where its program keeps files of its own: below the home, or absolute.
    pub fn keeps(&self) -> Vec<PathBuf> {
        self.caller.keeps()
    }

    /// Makes the directories that its program would make when it starts for the first time, if a home is
    /// there to make them in. What cannot be made, the program says.
    pub fn make_room(&self) {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let makes = self
            .caller
            .adapter()
            .map_or(&[][..], |adapter| adapter.makes);
        for directory in home
            .iter()
            .flat_map(|home| makes.iter().map(|name| home.join(name)))
        {
            let _ = std::fs::create_dir_all(directory);
        }
    }

    /// What is executed for a proposal.
    pub fn command_line(&self, request: &Request<'_>) -> Result<CommandLine, Failure> {
        self.caller.command_line(request.purpose(), request.prompt)
    }

    /// Fails if its program has neither a key nor a model, as far as it can be told: some then wait for
    /// somebody at a browser.
    pub fn check_login(&self, project: &Path) -> Result<(), Failure> {
        let keys = self
            .caller
            .adapter()
            .map_or(&[][..], |adapter| adapter.keys);
        let names_one = |argument: &String| {
            [
                "--model",
                "--api-key",
                "--config",
                "--openai-api",
                "--anthropic-api",
            ]
            .iter()
            .any(|option| argument.starts_with(option))
        };
        let home = std::env::var_os("HOME")
            .map(PathBuf::from)
            .unwrap_or_default();
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_there = |name: &&str| home.join(name).exists() || project.join(name).exists();
        let has_one = keys.is_empty()
            || self.settings.model.is_some()
            || self.settings.arguments.iter().any(names_one)
            || keys.iter().any(|key| match key {
                Key::Variable(name) => is_set(name),
                Key::File(name) => is_there(name),
            });
        if has_one {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Environment,
            format!("{} has neither a model nor a key", self.name()),
        )
        .hint(self.how_to_log_in()))
    }

    /// Asks for one proposal. A failure is one that asking again does not mend.
    pub fn ask(
        &self,
        launcher: &Launcher,
        request: &Request<'_>,
        cancel: &Cancel,
    ) -> Result<Reply, Failure> {
        let line = self.command_line(request)?;
        let call = Call {
            purpose: request.purpose(),
            prompt: request.prompt,
            transcript: Some(request.transcript),
            directory: request.directory,
            confinement: request.confinement,
            environment: request.environment,
            time_limit: self.settings.timeout,
        };
        let called =
            self.caller
                .call(launcher, &line, &call, cancel)
                .map_err(|error| match error {
                    RunError::NotStarted { .. } => {
                        Failure::new(Exit::Environment, format!("the agent: {error}"))
                            .hint(self.how_to_install())
                    }
                    RunError::Launcher(_) => {
                        Failure::new(Exit::Failure, format!("the agent: {error}"))
                    }
                })?;
        let said = |words: &str| match words.trim() {
            "" => called.tail.clone(),
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
        let outcome = match (called.exit, called.answer.problem) {
            (ProcessExit::Cancelled, _) => Outcome::Cancelled,
            // Also where the time is up: some wait for their provider themselves, without an end.
            (_, Some(Problem::RateLimited(words))) => Outcome::NotNow {
                message: text::clean_line(&words, 300),
                most: LONGEST_LIMIT,
            },
            (_, Some(Problem::Unreachable(words))) => Outcome::NotNow {
                message: text::clean_line(&words, 300),
                most: LONGEST_OUTAGE,
            },
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
            (_, Some(Problem::NoModel(words))) => {
                return Err(Failure::new(
                    Exit::Environment,
                    format!(
                        "{name} cannot use the model: {}",
                        text::clean_line(&words, 300)
                    ),
                )
                .hint("name one that it has with `--model`, or `model` under `[agent]`"));
            }
            (_, Some(Problem::NoCredit(words))) => {
                return Err(Failure::new(
                    Exit::Environment,
                    format!(
                        "{name} has nothing left to spend: {}",
                        text::clean_line(&words, 300)
                    ),
                )
                .hint("see to the plan and the billing of its account, and run again"));
            }
            (ProcessExit::Code(0), Some(Problem::NoResult(words))) => {
                Outcome::Unclear(text::clean_line(&said(&words), 300))
            }
            (_, Some(Problem::Refused(words))) => failed("the agent refused", &words),
            (_, Some(Problem::Other(words) | Problem::NoResult(words))) => {
                failed("the agent failed", &words)
            }
            (ProcessExit::Code(0), None) => Outcome::Done(agent::description(&called.answer.text)),
            (exit, None) => failed(&format!("the agent failed with {exit}"), ""),
        };
        Ok(Reply {
            outcome,
            used: called.used,
        })
    }

    fn how_to_log_in(&self) -> String {
        self.caller.adapter().map_or_else(
            || "log in with the agent's own program".to_owned(),
            |adapter| adapter.login_hint.to_owned(),
        )
    }

    fn how_to_install(&self) -> String {
        self.caller.adapter().map_or_else(
            || "mend `--agent-command`, or `command` under `[agent]` in the experiment".to_owned(),
            |adapter| adapter.install_hint.to_owned(),
        )
    }
}

impl Request<'_> {
    fn purpose(&self) -> Purpose<'_> {
        Purpose::Propose {
            targets: self.targets,
            max_cost_usd: self.max_cost_usd,
            confined: self.confinement.tier() != Tier::None,
        }
    }
}

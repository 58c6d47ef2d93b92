//! An agent made ready to propose changes, and one proposal of it.

use std::path::{Path, PathBuf};

use crate::agent::{self, Problem};
use crate::caller::{Call, Caller, Purpose};
use crate::experiment::AgentSettings;
use crate::failure::{Exit, Failure};
use crate::journal::AgentUse;
use crate::process::{Cancel, CommandLine, Exit as ProcessExit, Launcher, RunError};
use crate::sandbox::Confinement;
use crate::text;

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

    /// What is executed for a proposal.
    pub fn command_line(&self, request: &Request<'_>) -> Result<CommandLine, Failure> {
        self.caller.command_line(request.purpose(), request.prompt)
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
        }
    }
}

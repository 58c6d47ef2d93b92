//! The language model that answers evaluators: the owner's own agent, asked for words and nothing
//! else.
//!
//! Each answer is a call of its program in an empty directory, with its tools off, bounded in time.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{self, Problem};
use crate::caller::{Call, Called, Caller, Purpose};
use crate::experiment::ModelSettings;
use crate::failure::Failure;
use crate::journal::AgentUse;
use crate::process::{Cancel, Exit as ProcessExit, Launcher, RunError};
use crate::sandbox::{Confinement, Kind, Rules, Sandbox, Site, Widening};
use crate::text;

/// How long to wait at first where the provider wants that; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest single wait.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// How long to wait before a call that failed is made once more.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How often a wait looks whether it is cancelled.
const POLL: Duration = Duration::from_millis(20);
/// Characters kept of an answer.
const ANSWER_LIMIT: usize = 256 << 10;

/// A model as an experiment has it.
#[derive(Debug, Clone)]
pub struct Model {
    settings: ModelSettings,
    caller: Caller,
    launcher: Launcher,
    sandbox: Sandbox,
    widened: Widening,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{name} is not installed: {message}; {hint}")]
    NotInstalled {
        name: String,
        message: String,
        hint: String,
    },
    #[error("{name} is not logged in: {message}; {hint}")]
    NotLoggedIn {
        name: String,
        message: String,
        hint: String,
    },
    /// Its provider wants it to wait, or cannot be reached, and the time was too short for that.
    #[error("{name} has no answer now: {message}")]
    NotNow { name: String, message: String },
    #[error("{name} refused: {message}")]
    Refused { name: String, message: String },
    #[error("{name} did not answer within {}", humantime::format_duration(*.limit))]
    TimedOut { name: String, limit: Duration },
    #[error("{name} answered nothing")]
    Nothing { name: String },
    #[error("{name} failed: {message}")]
    Failed { name: String, message: String },
    #[error("stopped")]
    Cancelled,
}

impl Model {
    /// The model of settings that were checked.
    ///
    /// Its program is confined as an agent's, in an empty directory.
    pub fn new(
        settings: &ModelSettings,
        launcher: &Launcher,
        sandbox: &Sandbox,
        widened: &Widening,
    ) -> Result<Self, Failure> {
        settings.check().map_err(|error| {
            Failure::input(error).hint("name one with `--judge`, or `[model]` in the experiment")
        })?;
        Ok(Self {
            caller: Caller::new(&settings.callee())?,
            settings: settings.clone(),
            launcher: launcher.clone(),
            sandbox: sandbox.clone(),
            widened: widened.clone(),
        })
    }

    /// The first agent that is installed here and can answer.
    pub fn installed() -> Option<ModelSettings> {
        let path = std::env::var_os("PATH")?;
        let is_program = |program: &Path| {
            use std::os::unix::fs::PermissionsExt;
            program
                .metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        agent::answering()
            .find(|name| {
                let program = agent::adapter(name).map_or(*name, |adapter| adapter.program);
                std::env::split_paths(&path).any(|directory| is_program(&directory.join(program)))
            })
            .map(ModelSettings::named)
    }

    /// Its agent's name, or what its command begins with.
    pub fn name(&self) -> &str {
        self.caller.name()
    }

    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// Asks for an answer, which comes without control characters. Where the provider wants it to
    /// wait, it asks again as long as there is time: `left` tells how much. A call that fails is made
    /// once more.
    ///
    /// What was used is told also where there is no answer.
    pub fn complete(
        &self,
        prompt: &str,
        left: impl Fn() -> Duration,
        cancel: &Cancel,
    ) -> (Result<String, ModelError>, AgentUse) {
        let mut used = AgentUse {
            name: self.name().to_owned(),
            cost_usd: Some(0.0),
            ..AgentUse::default()
        };
        let mut wait = FIRST_WAIT;
        let mut failed_before = false;
        loop {
            let answer = match self.call(prompt, left(), cancel) {
                Ok(called) => {
                    used.add(&called.used);
                    self.read(&called, left())
                }
                Err(error) => Err(error),
            };
            match answer {
                Err(ModelError::NotNow { .. }) if wait < left() => {
                    if !pause(wait, cancel) {
                        return (Err(ModelError::Cancelled), used);
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                // A connection that broke, say: where it counts as a bad score, it decides a verdict.
                Err(ModelError::Failed { .. }) if !failed_before && AFTER_FAILURE < left() => {
                    failed_before = true;
                    if !pause(AFTER_FAILURE, cancel) {
                        return (Err(ModelError::Cancelled), used);
                    }
                }
                answer => return (answer, used),
            }
        }
    }

    fn call(&self, prompt: &str, left: Duration, cancel: &Cancel) -> Result<Called, ModelError> {
        let failed = |message: String| ModelError::Failed {
            name: self.name().to_owned(),
            message: text::clean_line(&message, 300),
        };
        let place = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
        let (file, directory) = (place.path().join("prompt.md"), place.path().join("empty"));
        std::fs::write(&file, prompt)
            .and_then(|()| std::fs::create_dir(&directory))
            .map_err(|error| failed(error.to_string()))?;
        let line = self
            .caller
            .command_line(Purpose::Answer, &file)
            .map_err(|failure| failed(failure.message))?;
        let site = Site::Directory(directory.clone());
        let kept = self.caller.keeps();
        let rules = Rules::new(site, Kind::Agent(&kept), &self.widened, &directory);
        let call = Call {
            purpose: Purpose::Answer,
            confinement: &Confinement::new(&self.sandbox, rules),
            prompt: &file,
            transcript: None,
            directory: &directory,
            environment: &[],
            time_limit: self.settings.timeout.min(left),
        };
        self.caller
            .call(&self.launcher, &line, &call, cancel)
            .map_err(|error| match error {
                RunError::NotStarted { .. } => ModelError::NotInstalled {
                    name: self.name().to_owned(),
                    message: text::clean_line(&error.to_string(), 300),
                    hint: self.caller.adapter().map_or_else(
                        || "mend `command` under `[model]` in the experiment".to_owned(),
                        |adapter| adapter.install_hint.to_owned(),
                    ),
                },
                RunError::Launcher(message) => failed(message),
            })
    }

    /// What a call's output amounts to.
    fn read(&self, called: &Called, left: Duration) -> Result<String, ModelError> {
        let name = self.name().to_owned();
        let words = |words: &str| match words.trim() {
            "" => text::clean_line(&called.tail, 300),
            words => text::clean_line(words, 300),
        };
        match (called.exit, &called.answer.problem) {
            (ProcessExit::Cancelled, _) => Err(ModelError::Cancelled),
            (ProcessExit::TimedOut, _) => Err(ModelError::TimedOut {
                name,
                limit: if left.is_zero() {
                    Duration::from_secs_f64(called.used.seconds.round())
                } else {
                    self.settings.timeout
                },
            }),
            (_, Some(Problem::NotLoggedIn(said))) => Err(ModelError::NotLoggedIn {
                name,
                message: words(said),
                hint: self.caller.adapter().map_or_else(
                    || "log in with its own program".to_owned(),
                    |adapter| adapter.login_hint.to_owned(),
                ),
            }),
            (_, Some(Problem::NoCredit(said))) => Err(ModelError::NotLoggedIn {
                name,
                message: words(said),
                hint: "see to the plan and the billing of its account".to_owned(),
            }),
            (_, Some(Problem::RateLimited(said) | Problem::Unreachable(said))) => {
                Err(ModelError::NotNow {
                    name,
                    message: words(said),
                })
            }
            (_, Some(Problem::Refused(said))) => Err(ModelError::Refused {
                name,
                message: words(said),
            }),
            (_, Some(Problem::Other(said) | Problem::NoResult(said) | Problem::NoModel(said))) => {
                Err(ModelError::Failed {
                    name,
                    message: words(said),
                })
            }
            (ProcessExit::Code(0), None) => {
                let text = text::clean(called.answer.text.trim(), ANSWER_LIMIT);
                if text.is_empty() {
                    return Err(ModelError::Nothing { name });
                }
                Ok(text)
            }
            (exit, None) => Err(ModelError::Failed {
                name,
                message: format!("{exit} {}", words("")).trim().to_owned(),
            }),
        }
    }
}

/// Waits; false where it is cancelled before.
fn pause(time: Duration, cancel: &Cancel) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until {
        if cancel.is_cancelled() {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

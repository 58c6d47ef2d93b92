//! A failure as its user sees it: one line, what to do about it, an exit code.

use crate::evaluator::SettingsError;
use crate::host::{EvaluateError, Failed, LoadError};
use crate::process::affinity::AffinityError;
use crate::process::signals::Signal;
use crate::sandbox::Tier;

/// The exit codes of the program. 0 is success: the command did what it was asked, whatever the
/// verdict was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something went wrong that has no code of its own: a disk is full, a file cannot be read.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The experiment, its target or a setting is wrong.
    Input = 3,
    /// The surroundings do not allow it: no git, no repository, no commit.
    Environment = 4,
    /// The evaluator cannot be loaded, breaks the contract, or cannot do its work.
    Evaluator = 5,
    /// What was to be measured failed: the command does not run, crashes, or takes too long.
    Measurement = 6,
    /// Another run of the experiment is going on.
    Busy = 7,
    /// Stopped by HUP: 128 and the signal's number, as for the next two.
    HungUp = 129,
    /// Stopped by INT.
    Interrupted = 130,
    /// Stopped by TERM.
    Terminated = 143,
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::HangUp => Exit::HungUp,
            Signal::Interrupt => Exit::Interrupted,
            Signal::Terminate => Exit::Terminated,
        }
    }
}

/// A failure as its user sees it.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// One line, lower case, values in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// More lines: a backtrace, a span of a file.
    pub detail: Option<String>,
}

impl Failure {
    /// Adds to the hint that commands are confined: what they lack may well be hidden from them.
    #[must_use]
    pub fn hint_at(self, tier: Tier) -> Self {
        if tier == Tier::None {
            return self;
        }
        Self {
            hint: self.hint.map(|hint| {
                format!(
                    "{hint}; commands are confined by {}: `--read` and `--write` let them have more, `--sandbox off` switches that off",
                    tier.name()
                )
            }),
            ..self
        }
    }

    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            detail: None,
        }
    }

    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        self.detail = (!detail.trim().is_empty()).then_some(detail);
        self
    }

    /// Why a file or built-in is no evaluator.
    pub fn load(reference: &str, error: &LoadError) -> Self {
        let failure = Self::new(
            Exit::Evaluator,
            format!("`{reference}` cannot be used as an evaluator: {error}"),
        )
        .hint(error.hint());
        match error {
            LoadError::Describe(failed) => failure.detail(failed.detail()),
            _ => failure,
        }
    }

    /// Why there is no measurement.
    pub fn evaluation(failed: &Failed) -> Self {
        let exit = match failed.error {
            EvaluateError::CandidateFailed(_) | EvaluateError::TimedOut(_) => Exit::Measurement,
            EvaluateError::Setup(_) | EvaluateError::Cancelled => Exit::Failure,
            EvaluateError::InvalidParameters(_) => Exit::Input,
            EvaluateError::NoAnswer { .. } => Exit::Environment,
            _ => Exit::Evaluator,
        };
        // An evaluator's own words may have more lines: the first is the message.
        let text = failed.to_string();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        Self::new(exit, first)
            .hint(failed.error.hint())
            .detail(format!("{rest}\n{}", failed.detail()).trim())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::input(error.to_string()).hint(error.hint())
    }
}

impl From<AffinityError> for Failure {
    fn from(error: AffinityError) -> Self {
        let message = error.to_string();
        match error {
            AffinityError::Absent { .. } => {
                Self::input(message).hint("name others as `cpus` under `[limits]`, or none")
            }
            AffinityError::Unsupported => Self::new(Exit::Environment, message)
                .hint("take `cpus` out of `[limits]`: it needs Linux"),
        }
    }
}

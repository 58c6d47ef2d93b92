//! The machine that measures: one measurement at a time, and what makes one doubtful.

use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Doing, Lab, Notice};
use crate::conditions::{Conditions, Snapshot, Warning};
use crate::directories;
use crate::host::{EvaluateError, Event, Failed};
use crate::measure::Diagnostic;
use crate::measuring::Measuring;
use crate::runlog::RunLog;

/// What one run knows of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    state: PathBuf,
    /// Opened for the first measurement that needs it.
    conditions: OnceLock<Conditions>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// That it waits for another measurement.
    waiting: bool,
    kinds: Vec<Discriminant<Warning>>,
    standing: Vec<Warning>,
    /// Since the last record, one of a kind.
    unrecorded: Vec<Warning>,
}

impl Machine {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            conditions: OnceLock::new(),
            told: Mutex::default(),
        }
    }

    /// What was doubtful since it was last asked, for the record.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        let warnings = std::mem::take(&mut self.told().unrecorded);
        warnings.iter().map(Diagnostic::from).collect()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Notes a warning; whether it is the run's first of its kind.
    fn note(&mut self, warning: &Warning) -> bool {
        let kind = discriminant(warning);
        let mut unrecorded = self.unrecorded.iter();
        if unrecorded.all(|told| discriminant(told) != kind) {
            self.unrecorded.push(warning.clone());
        }
        let first = !self.kinds.contains(&kind);
        if first {
            self.kinds.push(kind);
        }
        first
    }
}

impl Lab<'_> {
    /// Waits until nobody else measures on this machine.
    pub(super) fn begin_measuring(&self, n: u64) -> Result<Measuring, Failed> {
        let mut before = None;
        let begun = Measuring::begin(&self.machine.state, &self.cancel, |process| {
            before = self.is_doing();
            self.doing(n, Doing::WaitingForMachine);
            if !std::mem::replace(&mut self.machine.told().waiting, true) {
                (self.notify)(Notice::WaitingForMachine(process));
            }
        });
        if let Some((n, doing)) = before {
            self.doing(n, doing);
        }
        match begun {
            Ok(Some(measuring)) => Ok(measuring),
            Ok(None) => Err(Failed::silent(EvaluateError::Cancelled)),
            Err(error) => Err(Failed::silent(EvaluateError::Setup(error.to_string()))),
        }
    }

    /// The machine before a measurement; none where a value does not depend on it.
    pub(super) fn conditions_before(&self) -> Option<Snapshot> {
        if self.policy.deterministic || self.instrument.model.is_some() {
            return None;
        }
        let machine = &self.machine;
        let conditions = machine.conditions.get_or_init(|| {
            let conditions = Conditions::below(&directories::system());
            let standing = conditions.standing();
            for warning in &standing {
                self.warn(warning);
            }
            machine.told().standing = standing;
            conditions
        });
        Some(conditions.snapshot())
    }

    /// Tells, in the log too, what made the measurement since then doubtful.
    pub(super) fn conditions_after(&self, before: Option<&Snapshot>, log: &RunLog) {
        let Some((before, conditions)) = before.zip(self.machine.conditions.get()) else {
            return;
        };
        let found = before.until(&conditions.snapshot());
        let standing = self.machine.told().standing.clone();
        for warning in standing.iter().chain(&found) {
            log.event(&Event::Warning(warning.to_string()));
        }
        for warning in &found {
            self.warn(warning);
        }
    }

    fn warn(&self, warning: &Warning) {
        if self.machine.told().note(warning) {
            (self.notify)(Notice::Doubtful(warning));
        }
    }
}

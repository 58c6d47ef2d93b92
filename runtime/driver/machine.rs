//! The machine that measures: one measurement at a time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Doing, Lab, Notice};
use crate::host::{EvaluateError, Failed};
use crate::measuring::Measuring;

/// What one run knows of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    state: PathBuf,
    /// Whether it was told that it waits for another measurement.
    waiting: AtomicBool,
}

impl Machine {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            waiting: AtomicBool::new(false),
        }
    }
}

impl Lab<'_> {
    /// Waits until nobody else measures on this machine.
    pub(super) fn begin_measuring(&self, n: u64) -> Result<Measuring, Failed> {
        let mut before = None;
        let begun = Measuring::begin(&self.machine.state, &self.cancel, |process| {
            before = self.is_doing();
            self.doing(n, Doing::WaitingForMachine);
            if !self.machine.waiting.swap(true, Ordering::Relaxed) {
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
}

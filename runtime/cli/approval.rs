//! Asking the owner whether an evaluator may have what it would get.

use std::path::Path;

use super::Context;
use crate::driver::Lab;
use crate::failure::Failure;
use crate::grants::{self, Approval, Lock, Standing};
use crate::instrument::Instrument;

/// The answer of whoever is not asked.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub(super) struct Accept {
    /// Approve of evaluators that are new here or have changed
    #[arg(long)]
    pub(super) accept: bool,
}

/// Sees to it that all evaluators of an experiment are approved, or fails.
pub(super) fn of_experiment(
    context: &Context,
    lab: &Lab<'_>,
    accept: Accept,
) -> Result<(), Failure> {
    let instruments = lab.instruments();
    check(context, instruments, lab.experiments(), accept)
}

/// The same for evaluators whose commands the owner has just named: only what was approved otherwise
/// before needs an answer. Writes nothing.
pub(super) fn of_call(
    context: &Context,
    instrument: &Instrument,
    experiments: &Path,
    accept: Accept,
) -> Result<(), Failure> {
    let lock = Lock::read(experiments)?;
    let Some(wanted) = instrument.wanted() else {
        return Ok(());
    };
    match lock.standing(&wanted) {
        standing @ Standing::Changed(_) if !accept.accept && !ask(context, &wanted, standing) => {
            Err(grants::refusal(&wanted, standing))
        }
        _ => Ok(()),
    }
}

fn check<'a>(
    context: &Context,
    instruments: impl Iterator<Item = &'a Instrument>,
    experiments: &Path,
    accept: Accept,
) -> Result<(), Failure> {
    let mut lock = Lock::read(experiments)?;
    for wanted in instruments.filter_map(Instrument::wanted) {
        let standing = lock.standing(&wanted);
        let is_free = standing == Standing::New && wanted.is_empty();
        match standing {
            Standing::Approved => continue,
            _ if is_free || accept.accept => {}
            standing if ask(context, &wanted, standing) => {}
            standing => return Err(grants::refusal(&wanted, standing)),
        }
        lock.approve(&wanted)?;
        if !is_free {
            context.ui.info(&format!("approved: {}", wanted.title()));
        }
    }
    Ok(())
}

/// Asks at a terminal; anywhere else the answer is no.
fn ask(context: &Context, wanted: &Approval, standing: Standing<'_>) -> bool {
    let what = match standing {
        Standing::Changed(before) => format!(
            "{} is not the evaluator that was approved: {}",
            wanted.reference,
            before.changes(wanted)
        ),
        _ => format!("{} is new here", wanted.title()),
    };
    context.ui.ask(
        &format!("{what}\nIt would get {}.", wanted.grants()),
        "Allow that?",
    )
}

//! `checkout`: a try's version in a directory of its own.

use std::path::{Path, PathBuf};

use super::diff::{Version, Which, version};
use super::{Context, run};
use crate::experiment::Id;
use crate::failure::Failure;
use crate::git;
use crate::project::{Project, lexically};

/// Make a try's version a git worktree of its own, to run it and look at it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take the try of this number, or `best`
    #[arg(value_name = "N")]
    n: Which,
    /// Make it here: DIR must be empty, or not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Look at this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    let directory = lexically(&project.base.join(&arguments.to));
    check(&directory, &arguments.to)?;
    let Version { from, to } = version(&project, &found, arguments.n)?;
    project.repository.check_out(&directory, &to)?;
    let name = directory.display().to_string();
    let ui = &context.ui;
    ui.data(&name);
    if from == to && arguments.n != Which::Best {
        ui.warning("the try has no version of its own: this is the best one before it");
    }
    ui.info(&format!("it is at {}, on no branch", git::short(&to)));
    let share = &found.experiment.workspace.share;
    if !share.is_empty() {
        ui.info(&format!(
            "what the worktrees share is not in it: {}",
            share.join(", ")
        ));
    }
    ui.hint(&format!("to remove it: `git worktree remove {name}`"));
    Ok(())
}

/// Refuses what is not empty, before anything is made.
fn check(directory: &Path, named: &Path) -> Result<(), Failure> {
    let name = named.display();
    let another = "name one that does not exist yet; `git worktree list` shows which are checkouts";
    match directory.read_dir() {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                Err(Failure::input(format!("the directory `{name}` is not empty")).hint(another))
            }
        },
        Err(_) if directory.symlink_metadata().is_ok() => {
            Err(Failure::input(format!("`{name}` exists and is no directory to use")).hint(another))
        }
        Err(_) => match directory.parent() {
            Some(parent) if parent.is_dir() => Ok(()),
            _ => Err(
                Failure::input(format!("there is no directory to make `{name}` in"))
                    .hint("make it first"),
            ),
        },
    }
}

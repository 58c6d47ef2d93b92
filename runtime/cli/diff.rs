//! `diff`: what a try changed, or all that was kept.

use std::str::FromStr;

use super::best::no_baseline;
use super::{Context, run, show, ui};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::git::{self, CommitId};
use crate::journal::{self, Depth, Entry, Item, Position};
use crate::project::{Found, Project};
use crate::report::Progress;
use crate::report::terminal::painted_diff;

/// Show what a try changed, or all that was kept
///
/// Standard output can be piped to `git apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show the change of this try against the best version before it [default: everything from the
    /// start to the best version]
    #[arg(value_name = "N")]
    n: Option<Which>,
    /// Look at this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Show only how much changed in each file
    #[arg(long)]
    stat: bool,
}

/// A try's number, or the best version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Try(u64),
    Best,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Err("tries are numbered from 1".to_owned()),
            Ok(n) => Ok(Which::Try(n)),
            Err(_) if text == "best" => Ok(Which::Best),
            Err(_) => Err("give a try's number, or `best`".to_owned()),
        }
    }
}

impl Which {
    /// What the user calls it.
    fn name(self) -> String {
        match self {
            Which::Try(n) => format!("try {n}"),
            Which::Best => "the best version".to_owned(),
        }
    }
}

/// A version of the target, and the one that it changes.
pub(super) struct Version {
    pub(super) from: CommitId,
    pub(super) to: CommitId,
}

/// Finds a version in the journal and makes sure that git has it.
pub(super) fn version(project: &Project, found: &Found, which: Which) -> Result<Version, Failure> {
    let version = match which {
        Which::Try(n) => {
            let (_, entry) = show::entry(found, n)?;
            let Entry {
                candidate, judged, ..
            } = entry;
            let to = judged
                .as_ref()
                .map_or(candidate.commit.as_str(), |(_, judged)| {
                    judged.kept_commit(&candidate)
                });
            Version {
                from: candidate.parent.clone(),
                to: to.to_owned(),
            }
        }
        Which::Best => {
            let mut first = None;
            let mut progress = Progress::default();
            let start = Position::default();
            journal::scan(&found.directory, start, Depth::Verdicts, 1, |item| {
                progress.add(&item);
                if let (None, Item::Baseline { baseline, .. }) = (&first, item) {
                    first = Some(baseline.commit);
                }
            })
            .map_err(Failure::from)?;
            let (Some(from), Some(best)) = (first, progress.best) else {
                return Err(no_baseline(&found.id.to_string()));
            };
            Version {
                from,
                to: best.commit,
            }
        }
    };
    for commit in [&version.from, &version.to] {
        if !project.repository.has_commit(commit)? {
            return Err(Failure::new(
                Exit::Environment,
                format!(
                    "the commit `{}` of {} is not in this repository",
                    git::short(commit),
                    which.name()
                ),
            )
            .hint("it was pruned, or its results come from elsewhere"));
        }
    }
    Ok(version)
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    let which = arguments.n.unwrap_or(Which::Best);
    let Version { from, to } = version(&project, &found, which)?;
    // What else came to the branch meanwhile is the user's.
    let paths = match which {
        Which::Best => project.paths(&found.experiment.target),
        Which::Try(_) => Vec::new(),
    };
    let diff = project
        .repository
        .diff(&from, &to, &paths, arguments.stat)?;
    if diff.is_empty() {
        let what = if from == to && which != Which::Best {
            "has no version of its own: `autoresearch show` tells why"
        } else {
            "changes nothing"
        };
        context.ui.info(&format!("{} {what}", which.name()));
        return Ok(());
    }
    let screen = ui::screen(true);
    context.ui.write(|out| {
        if screen.terminal {
            out.write_all(painted_diff(&String::from_utf8_lossy(&diff), screen).as_bytes())?;
        } else {
            out.write_all(&diff)?;
        }
        Ok(())
    })
}

//! `finish`: what was kept, as a clean branch to review.

use std::path::PathBuf;

use serde_json::json;

use super::best::no_baseline;
use super::output::Output;
use super::{Context, run};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::finish::{Plan, Replayed, replay};
use crate::git::{CommitId, short};
use crate::journal::{self, Depth, Item, Position, Tried};
use crate::project::{Found, Project};
use crate::report::summary::{PullRequest, pull_request};
use crate::report::{Progress, Status};

/// Make what was kept a clean branch to review, and print a summary for the pull request
///
/// Each keep is replayed onto your HEAD as a commit of its own. Nothing is checked out, and no other
/// branch is moved.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Name the branch, which must not exist [default: improve-DOMAIN-NAME]
    #[arg(long, short = 'b', value_name = "NAME")]
    branch: Option<String>,
    /// Make one commit of all keeps
    #[arg(long)]
    squash: bool,
    /// Put it upon this commit [default: HEAD, or where the experiment began if HEAD is its branch]
    #[arg(long, value_name = "REV")]
    onto: Option<String>,
    /// Write the summary to FILE, which must not exist, instead of standard output
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "summary")]
    json: bool,
}

/// What the journal tells of the keeps.
struct Kept {
    progress: Progress,
    keeps: Vec<Tried>,
    /// Where the experiment began.
    start: CommitId,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    let id = found.id.to_string();
    let output = Output::new(context, arguments.summary.as_deref(), false)?;
    let branch = branch(&project, &found, arguments.branch.as_deref())?;
    let kept = kept(&project, &found)?;
    let base = base(&project, &found, arguments.onto.as_deref(), &kept.start)?;
    let replayed = replay(
        &project.repository,
        &Plan {
            id: &id,
            progress: &kept.progress,
            keeps: &kept.keeps,
            target: &project.paths(&found.experiment.target),
            base: &base,
            start: &kept.start,
            squash: arguments.squash,
        },
    )?;
    let text = text(&found, &kept, &replayed, &base)?;
    // Last, and only if nobody made it meanwhile.
    project.repository.update_refs(&[(
        format!("refs/heads/{branch}"),
        replayed.tip.as_str(),
        Some(""),
    )])?;
    let n_of = |place: &usize| kept.keeps.get(*place).map(|tried| tried.n);
    let left_out: Vec<u64> = replayed.left_out.iter().filter_map(n_of).collect();
    if arguments.json {
        let commits: Vec<_> = replayed
            .commits
            .iter()
            .map(|(place, commit)| json!({"n": n_of(place), "commit": commit}))
            .collect();
        context.ui.json(&json!({
            "experiment": id,
            "branch": branch,
            "base": base,
            "tip": replayed.tip,
            "commits": commits,
            "left_out": left_out,
            "summary": text,
        }));
    } else {
        output.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    }
    let ui = &context.ui;
    for n in left_out {
        ui.info(&format!(
            "try {n} is left out: `{}` has it already",
            short(&base)
        ));
    }
    ui.info(&format!(
        "made the branch {branch}, at {}; yours stays checked out",
        short(&replayed.tip)
    ));
    ui.hint(&format!(
        "to look at it: `git log -p {}..{branch}`",
        short(&base)
    ));
    Ok(())
}

/// The branch to make, which can be made.
fn branch(project: &Project, found: &Found, named: Option<&str>) -> Result<String, Failure> {
    let default = format!("improve-{}-{}", found.id.domain(), found.id.name());
    let branch = named.unwrap_or(&default);
    if !project.repository.may_be_a_branch(branch)? {
        return Err(
            Failure::new(Exit::Input, format!("`{branch}` cannot be a branch's name"))
                .hint("name another with `--branch`"),
        );
    }
    if let Some(there) = project.repository.conflicting_branch_of(branch)? {
        return Err(
            Failure::new(Exit::Input, format!("there is a branch `{there}` already"))
                .hint("name another with `--branch`, or delete that one"),
        );
    }
    Ok(branch.to_owned())
}

/// The keeps that led to the best version.
fn kept(project: &Project, found: &Found) -> Result<Kept, Failure> {
    let mut progress = Progress::default();
    let mut keeps = Vec::new();
    let mut start = None;
    let mut damaged = None;
    let beginning = Position::default();
    journal::scan(&found.directory, beginning, Depth::Whole, 1, |item| {
        progress.add(&item);
        match item {
            Item::Baseline { baseline, .. } => {
                start.get_or_insert(baseline.commit);
            }
            Item::Tried(tried) if tried.status() == Status::Keep => keeps.push(tried),
            Item::Damaged(damage) => damaged = damaged.or(Some(damage.line)),
            Item::Tried(_) => {}
        }
    })
    .map_err(Failure::from)?;
    let id = found.id.to_string();
    if let Some(line) = damaged {
        return Err(Failure::new(
            Exit::Failure,
            format!("line {line} of the journal of `{id}` cannot be read, so that it is not known what was kept"),
        )
        .hint(format!(
            "mend or remove the line in `{}`, or merge the experiment's branch yourself",
            journal::path(&found.directory).display()
        )));
    }
    let (Some(start), Some(best)) = (start, &progress.best) else {
        return Err(no_baseline(&id));
    };
    for commit in [&start, &best.commit] {
        if !project.repository.has_commit(commit)? {
            return Err(Failure::new(
                Exit::Environment,
                format!("the commit `{}` is not in this repository", short(commit)),
            )
            .hint("its results come from elsewhere"));
        }
    }
    // What was kept and then taken back is no part of it.
    let leading = project.repository.commits_between(&start, &best.commit)?;
    keeps.retain(|tried| leading.contains(&tried.commit));
    if keeps.is_empty() {
        return Err(Failure::input(format!("nothing was kept in `{id}`"))
            .hint("`autoresearch results` shows what was tried"));
    }
    Ok(Kept {
        progress,
        keeps,
        start,
    })
}

/// The commit to put it upon.
fn base(
    project: &Project,
    found: &Found,
    onto: Option<&str>,
    start: &str,
) -> Result<CommitId, Failure> {
    let repository = &project.repository;
    match onto {
        Some(named) => repository
            .resolve(&format!("{named}^{{commit}}"))?
            .ok_or_else(|| {
                Failure::input(format!("there is no commit `{named}`"))
                    .hint("name a branch, a tag or a commit with `--onto`")
            }),
        None if repository.branch == found.id.branch() => Ok(start.to_owned()),
        None => Ok(repository.head.clone()),
    }
}

fn text(found: &Found, kept: &Kept, replayed: &Replayed, base: &str) -> Result<String, Failure> {
    let keeps: Vec<(&Tried, &str)> = replayed
        .commits
        .iter()
        .filter_map(|(place, commit)| Some((kept.keeps.get(*place)?, commit.as_str())))
        .collect();
    let last = kept.keeps.last();
    let entry = match last {
        Some(tried) => journal::entry(&found.directory, tried.offset).map_err(Failure::from)?,
        None => None,
    };
    let guards = entry
        .and_then(|entry| entry.judged)
        .map_or_else(Vec::new, |(_, judged)| judged.guards);
    Ok(pull_request(&PullRequest {
        id: &found.id.to_string(),
        progress: &kept.progress,
        keeps: &keeps,
        guards: &guards,
        base,
    }))
}

//! What was kept as a clean branch to review: each keep replayed onto a commit, without a checkout.

use std::path::PathBuf;

use crate::failure::{Exit, Failure};
use crate::git::{CommitId, Merged, Repository, short};
use crate::journal::Tried;
use crate::report::Progress;
use crate::report::summary;

/// What is to be made.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The experiment's id.
    pub id: &'a str,
    pub progress: &'a Progress,
    /// The keeps that led to the best version, the oldest first.
    pub keeps: &'a [Tried],
    /// The target, relative to the repository's top.
    pub target: &'a [PathBuf],
    /// What they are put upon.
    pub base: &'a str,
    /// Where the experiment began.
    pub start: &'a str,
    /// One commit for all of them.
    pub squash: bool,
}

/// The commits of a branch, which is not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub tip: CommitId,
    /// Each keep that is in it, by its place in the plan, and its commit; those of a squash have the
    /// same.
    pub commits: Vec<(usize, CommitId)>,
    /// The keeps that change nothing any more, by their places.
    pub left_out: Vec<usize>,
}

/// Makes the commits. No ref points to them yet: where it fails, nothing is left that anybody sees.
///
/// # Errors
///
/// Where a keep conflicts with the base, or there is nothing to keep.
pub fn replay(repository: &Repository, plan: &Plan<'_>) -> Result<Replayed, Failure> {
    let mut tip = plan.base.to_owned();
    let mut tree = repository.tree(&tip)?;
    let before = tree.clone();
    let mut commits = Vec::new();
    let mut left_out = Vec::new();
    let there = taken_over(repository, plan)?;
    for (place, tried) in plan.keeps.iter().enumerate() {
        if place < there {
            left_out.push(place);
            continue;
        }
        let merged = match repository.merge(&tried.parent, &tip, &tried.commit)? {
            Merged::Tree(merged) => merged,
            Merged::Conflict(files) => return Err(conflict(plan, tried, &files)),
        };
        if merged == tree {
            left_out.push(place);
            continue;
        }
        let message = summary::message(plan.id, tried, plan.progress);
        tip = repository.commit_tree(&merged, &tip, &message, Some(&tried.commit))?;
        tree = merged;
        commits.push((place, tip.clone()));
    }
    if tree == before {
        return Err(Failure::input(format!(
            "`{}` has all that was kept already",
            short(plan.base)
        ))
        .hint("there is nothing to review"));
    }
    if plan.squash {
        let kept: Vec<&Tried> = commits
            .iter()
            .filter_map(|(place, _)| plan.keeps.get(*place))
            .collect();
        let message = summary::squashed(plan.id, &kept, plan.progress);
        tip = repository.commit_tree(&tree, plan.base, &message, None)?;
        for (_, commit) in &mut commits {
            commit.clone_from(&tip);
        }
    }
    Ok(Replayed {
        tip,
        commits,
        left_out,
    })
}

/// How many of the keeps the base has already: the target is there as one of them left it.
fn taken_over(repository: &Repository, plan: &Plan<'_>) -> Result<usize, Failure> {
    for (place, tried) in plan.keeps.iter().enumerate().rev() {
        if repository
            .diff(plan.base, &tried.commit, plan.target, true)?
            .is_empty()
        {
            return Ok(place + 1);
        }
    }
    Ok(0)
}

fn conflict(plan: &Plan<'_>, tried: &Tried, files: &[PathBuf]) -> Failure {
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    Failure::new(
        Exit::Input,
        format!(
            "try {} conflicts with `{}` in {}",
            tried.n,
            short(plan.base),
            files.join(", ")
        ),
    )
    .hint(format!(
        "nothing was made; `--onto {}` is where the experiment began, and you merge the branch yourself",
        short(plan.start)
    ))
}

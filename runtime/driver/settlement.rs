//! Verdicts put into effect: refs, the branch, the checkout; and what an earlier run left open.

use super::{Lab, Notice, incumbent_of, out_of_step};
use crate::decision::{Verdict, number};
use crate::experiment::Id;
use crate::failure::Failure;
use crate::git::CommitId;
use crate::journal::{Event as Recorded, History, Journal, Judged, Try};
use crate::project::Definition;
use crate::text;
use crate::workspace::{Contents, Slot};

impl Lab<'_> {
    /// Finishes what an earlier run that was killed left open.
    pub(super) fn recover(&self, journal: &mut Journal) -> Result<(), Failure> {
        if let Some(candidate) = journal.history().interrupted.clone() {
            (self.notify)(Notice::Interrupted(&candidate));
            self.give_up(journal, &candidate, "interrupted: not judged")?;
        }
        if let Some((candidate, judged)) = journal.history().unsettled.clone() {
            (self.notify)(Notice::Unsettled(&judged));
            self.settle(journal, &candidate, &judged, || {
                let tree = self.tree(Slot::First, &candidate.parent)?;
                let incumbent = tree.contents(self.targets())?;
                tree.reset(&candidate.commit)?;
                Ok((incumbent, tree.contents(self.targets())?))
            })?;
        }
        Ok(())
    }

    /// Ends a try that nobody judged. The checkout keeps the candidate, to be taken up again.
    pub(super) fn give_up(
        &self,
        journal: &mut Journal,
        candidate: &Try,
        reason: &str,
    ) -> Result<(), Failure> {
        let judged = Judged {
            n: candidate.n,
            verdict: Verdict::Crash,
            reason: text::clean_line(reason, 500),
            commit: None,
            unjudged: true,
            value: None,
            incumbent_value: incumbent_of(journal.history())?.value,
            measurements: vec![],
            incumbent_measurements: vec![],
            evidence: None,
            diagnostics: vec![],
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 0.0,
            sandbox: self.sandbox.tier().name().to_owned(),
        };
        journal.append(Recorded::Verdict(Box::new(judged.clone())))?;
        self.settle(journal, candidate, &judged, || Err(out_of_step()))
            .map(|_| ())
    }

    /// The candidate's commit with the values in its message.
    pub(super) fn with_values(
        &self,
        candidate: &Try,
        judged: &Judged,
    ) -> Result<CommitId, Failure> {
        let mut message = self.message(candidate);
        message.push_str(&format!("Autoresearch-Metric: {}\n", self.policy.metric));
        message.push_str(&format!(
            "Autoresearch-Before: {}\n",
            number(judged.incumbent_value)
        ));
        if let Some(value) = judged.value {
            message.push_str(&format!("Autoresearch-After: {}\n", number(value)));
        }
        Ok(self
            .repository()?
            .with_message(&candidate.commit, &message)?)
    }

    /// A candidate's commit message: what it is, and where it comes from.
    pub(super) fn message(&self, candidate: &Try) -> String {
        let mut message = format!(
            "{}\n\nAutoresearch-Experiment: {}\nAutoresearch-Try: {}\n",
            candidate.description, self.found.id, candidate.n
        );
        if let Some(agent) = &candidate.agent {
            message.push_str(&format!("Autoresearch-Agent: {}\n", agent.name));
        }
        message
    }

    /// Puts a recorded verdict into effect. `contents` are the incumbent's and the candidate's.
    /// Returns whether files were left alone that somebody has edited meanwhile.
    pub(super) fn settle(
        &self,
        journal: &mut Journal,
        candidate: &Try,
        judged: &Judged,
        contents: impl FnOnce() -> Result<(Contents, Contents), Failure>,
    ) -> Result<bool, Failure> {
        let mut left = Vec::new();
        let on_branch = self.publish(candidate, judged)?;
        let in_checkout = candidate.agent.is_none();
        if judged.verdict == Verdict::Keep {
            if on_branch {
                let others = self.project.repository.follow(
                    &self.found.id.branch(),
                    &candidate.parent,
                    judged.kept_commit(candidate),
                    &self.project.paths(self.targets()),
                )?;
                let here = &self.project.directory;
                left = others
                    .iter()
                    .map(|path| path.strip_prefix(here).unwrap_or(path))
                    .map(|path| path.display().to_string())
                    .collect();
            }
        } else if in_checkout && !judged.unjudged {
            let (incumbent, contents) = contents()?;
            left = incumbent.restore(&self.project.directory, &contents)?;
        }
        if !left.is_empty() {
            (self.notify)(Notice::LeftAlone(&left));
        }
        journal.append_unsynced(Recorded::Settled { n: candidate.n })?;
        Ok(!left.is_empty())
    }

    /// Makes the candidate reachable and, for a keep, moves the branch to it. False where a keep is
    /// not on the branch.
    fn publish(&self, candidate: &Try, judged: &Judged) -> Result<bool, Failure> {
        let repository = self.repository()?;
        let commit = judged.kept_commit(candidate);
        let reachable = (self.found.id.candidate(candidate.n), commit, None);
        if judged.verdict != Verdict::Keep {
            repository.update_refs(&[reachable])?;
            return Ok(false);
        }
        let branch = self.found.id.branch();
        let parent = candidate.parent.as_str();
        let moved_from = |old| (branch.clone(), commit, Some(old));
        if let Err(error) = repository.update_refs(&[reachable.clone(), moved_from(parent)]) {
            match repository.resolve(&branch)? {
                Some(now) if now == candidate.parent => return Err(error.into()),
                // An earlier run came this far.
                Some(now) if now == commit => repository.update_refs(&[reachable])?,
                // A run was killed between its baseline and the branch, or somebody deleted it.
                None => {
                    repository.update_refs(&[reachable, moved_from("")])?;
                    (self.notify)(Notice::BranchMadeAgain);
                }
                Some(_) => {
                    (self.notify)(Notice::NotOnBranch(judged));
                    repository.update_refs(&[reachable])?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Where the branch is, if that is not where this experiment left it. One that is gone is made
    /// again with the next keep.
    pub fn branch_elsewhere(&self, expected: &str) -> Result<Option<CommitId>, Failure> {
        let repository = self.repository()?;
        let branch = self.found.id.branch();
        if repository.is_at(&branch, expected) {
            return Ok(None);
        }
        Ok(repository
            .resolve(&branch)?
            .filter(|commit| commit != expected))
    }

    /// Fails where somebody is rebasing the branch.
    pub(super) fn check_branch_is_free(&self) -> Result<(), Failure> {
        let id = &self.found.id;
        if self.project.repository.is_being_rebased(&id.branch()) {
            return Err(Failure::input(format!(
                "somebody is rebasing the branch `autoresearch/{id}`"
            ))
            .hint("finish that, or `git rebase --abort`, and run again; every try is recorded"));
        }
        Ok(())
    }

    pub(super) fn branch_moved(&self) -> Failure {
        let id = &self.found.id;
        Failure::input(format!(
            "somebody has moved the branch `autoresearch/{id}` meanwhile"
        ))
        .hint("run again to go on from where it is now; every try is recorded")
    }

    /// The commit that the experiment starts from: the user's HEAD, or what the original tool has
    /// kept. Any other branch that is there already is that of a journal which was lost.
    pub(super) fn start_commit(&self, history: &History) -> Result<CommitId, Failure> {
        if let Some(tip) = self.branch_of_the_original(history)? {
            return Ok(tip);
        }
        let branch = self.found.id.branch();
        if self.project.repository.resolve(&branch)?.is_some() {
            let id = &self.found.id;
            return Err(Failure::input(format!(
                "the record of `{id}`, its journal, is missing or empty, and its branch is there"
            ))
            .hint(format!(
                "restore it, or put the branch aside to begin anew: `git branch -m autoresearch/{id} old-{}`",
                id.name()
            )));
        }
        Ok(self.project.repository.head.clone())
    }

    /// Where the original tool left the branch of an experiment of its own.
    pub(super) fn branch_of_the_original(
        &self,
        history: &History,
    ) -> Result<Option<CommitId>, Failure> {
        match self.found.definition {
            Definition::Toml if !history.is_imported() => Ok(None),
            _ => Ok(self.repository()?.resolve(&self.found.id.branch())?),
        }
    }
}

/// The failure where an experiment's branch is there before the experiment.
pub fn branch_exists(id: &Id) -> Failure {
    Failure::input(format!("there is a branch `autoresearch/{id}` already")).hint(format!(
        "choose another name, or put it aside: `git branch -m autoresearch/{id} old-{}`",
        id.name()
    ))
}

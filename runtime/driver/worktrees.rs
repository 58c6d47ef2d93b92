//! The worktrees, ready to be measured in: at a commit, with what is shared, set up.

use std::ffi::OsString;
use std::time::Duration;

use super::{Doing, Lab, Notice, out_of_step};
use crate::environment::for_sandbox;
use crate::failure::{Exit, Failure};
use crate::process::{self, Exit as ProcessExit};
use crate::sandbox::{Confinement, Kind, Rules, Site, Tier};
use crate::text;
use crate::workspace::{Contents, Slot, Tree};

/// How long a setup command may take: installing has nothing to do with the budget of a measurement.
pub(super) const SETUP_LIMIT: Duration = Duration::from_mins(30);

impl Lab<'_> {
    /// The candidate's worktree and, for a metric with noise, be it a guard's, the incumbent's, both
    /// at the incumbent and yet to be made ready.
    pub(super) fn trees(&self, incumbent: &str) -> Result<(Tree, Option<Tree>), Failure> {
        if self.policy.deterministic && !self.has_paired_guards() {
            return Ok((self.workspace.tree(Slot::First, incumbent)?, None));
        }
        let slots = self.workspace.roles(incumbent);
        let (first, second) = self.workspace.trees(slots, incumbent)?;
        Ok((first, Some(second)))
    }

    /// The target in a worktree that stands at the incumbent.
    pub(super) fn incumbent_contents(&self, tree: &Tree) -> Result<Contents, Failure> {
        tree.contents(self.targets()).map_err(|failure| {
            Failure {
                message: format!("in the best version's commit: {}", failure.message),
                ..failure
            }
            .hint("commit the target; one that was added later needs an experiment of its own")
        })
    }

    /// A worktree at a commit, ready.
    pub(super) fn tree(&self, slot: Slot, commit: &str) -> Result<Tree, Failure> {
        let tree = self.workspace.tree(slot, commit)?;
        self.make_ready(&tree)?;
        Ok(tree)
    }

    /// Sees to what is not tracked: leftovers go, shared paths and what `setup` makes come.
    pub(super) fn make_ready(&self, tree: &Tree) -> Result<(), Failure> {
        self.tidy(tree)?;
        self.set_up(tree)
    }

    /// Two worktrees made ready at the same time. Git is done in both when `setup` runs in one.
    pub(super) fn make_ready_both(
        &self,
        first: &Tree,
        second: Option<&Tree>,
    ) -> Result<(), Failure> {
        let in_both = |ready: &(dyn Fn(&Tree) -> Result<(), Failure> + Sync)| {
            std::thread::scope(|scope| {
                let second = second.map(|tree| scope.spawn(|| ready(tree)));
                ready(first)?;
                second.map_or(Ok(()), |second| {
                    second.join().unwrap_or_else(|_| Err(out_of_step()))
                })
            })
        };
        in_both(&|tree| self.tidy(tree))?;
        in_both(&|tree| self.set_up(tree))
    }

    /// Whether a sandbox shows worktrees in the place of the checkout.
    pub(super) fn shows_worktrees(&self) -> bool {
        self.sandbox.shows_worktrees()
    }

    /// What confines a command in a worktree.
    pub(super) fn confinement(&self, tree: &Tree, kind: Kind<'_>) -> Result<Confinement, Failure> {
        if self.sandbox.tier() == Tier::None {
            return Ok(Confinement::none());
        }
        let experiment = &self.found.experiment;
        let project = &self.project.directory;
        let view = tree.view(project, &experiment.workspace.share)?;
        let mut rules = Rules::new(
            Site::Worktree(view),
            kind,
            &experiment.sandbox.widening,
            project,
        );
        std::fs::create_dir_all(&tree.cache).map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!(
                    "cannot make the directory `{}`: {error}",
                    tree.cache.display()
                ),
            )
            .hint("make it possible and run again")
        })?;
        rules.write.push(tree.cache.clone());
        Ok(Confinement::new(&self.sandbox, rules))
    }

    /// The environment of an evaluator's command, and of `setup`, in a worktree.
    pub(super) fn environment_in(&self, tree: &Tree) -> Vec<(OsString, OsString)> {
        let mut environment = self.environment.clone();
        if self.sandbox.tier() != Tier::None {
            let network = self.found.experiment.sandbox.widening.network;
            environment.extend(for_sandbox(&environment, network, Some(&tree.cache)));
        }
        environment
    }

    /// What is set for agents besides their own environment: their tests need caches too.
    pub(super) fn caches_of_agents(&self, tree: &Tree) -> Vec<(OsString, OsString)> {
        match self.sandbox.tier() {
            Tier::None => Vec::new(),
            _ => for_sandbox(&[], true, Some(&tree.cache)),
        }
    }

    fn tidy(&self, tree: &Tree) -> Result<(), Failure> {
        tree.clean()?;
        let shared = &self.found.experiment.workspace.share;
        for path in tree.share(&self.project.directory, shared, self.shows_worktrees())? {
            (self.notify)(Notice::NotShared(&path));
        }
        Ok(())
    }

    /// Runs the setup command, if there is one and it has not been run in this worktree.
    fn set_up(&self, tree: &Tree) -> Result<(), Failure> {
        let Some(setup) = &self.found.experiment.workspace.setup else {
            return Ok(());
        };
        let done = setup.to_string();
        if std::fs::read_to_string(&tree.setup_note).is_ok_and(|note| note == done) {
            return Ok(());
        }
        self.doing(0, Doing::SettingUp(done.clone()));
        let experiment = &self.found.experiment;
        let command = process::Command {
            line: setup,
            directory: &tree.directory,
            environment: &self.environment_in(tree),
            confinement: &self
                .confinement(tree, Kind::Evaluation(experiment.limits.resources()))?,
            cpus: &[],
            deadline: SETUP_LIMIT,
            grace: Duration::from_millis(experiment.limits.command_grace_ms.into()),
            output_limit: (experiment.limits.command_output_kib as usize) << 10,
            input: None,
            transcript: None,
        };
        let failed = |what: String| {
            Failure::new(
                Exit::Measurement,
                format!("the setup command `{setup}` failed: {what}"),
            )
            .hint("mend `setup` under `[workspace]` in the experiment")
        };
        let output = process::run(self.launcher, &command, &self.cancel)
            .map_err(|error| failed(error.to_string()))?;
        self.check_git()?;
        if output.exit != ProcessExit::Code(0) {
            let said = text::tail(&[output.stdout.bytes, output.stderr.bytes].concat(), 10);
            return Err(failed(output.exit.to_string()).detail(said));
        }
        std::fs::write(&tree.setup_note, done).map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("cannot write `{}`: {error}", tree.setup_note.display()),
            )
            .hint("make it possible and run again")
        })
    }
}

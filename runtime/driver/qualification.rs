//! An A/A run: the incumbent against itself, and against nothing that could work.

use std::time::{Duration, Instant};

use super::run::coins;
use super::{Doing, Lab, Notice, Proposer, incumbent_of};
use crate::decision::Round;
use crate::failure::Failure;
use crate::journal::{Broken, Event as Recorded, Journal, Qualification};
use crate::session::{Bounds, Coins, Side};
use crate::workspace::{Contents, Slot, Tree};

/// What takes the target's place to see whether anybody notices.
const NONSENSE: &[u8] = b"<<< (this is nothing that works [\n";

impl Lab<'_> {
    /// Measures the incumbent against itself, in so many rounds, and then with nonsense in the place of
    /// the target, and records what that tells.
    pub fn qualify(&self, journal: &mut Journal, rounds: u32) -> Result<Qualification, Failure> {
        // The record is put in order first, and the baseline measured where it has to be.
        let none = Bounds {
            tries: Some(0),
            ..Bounds::default()
        };
        let up_to_date = Proposer::Checkout { description: "" };
        self.run(journal, up_to_date, none)?.ended?;
        let started = Instant::now();
        let _held = self.workspace.hold()?;
        let incumbent = incumbent_of(journal.history())?;
        let slots = (Slot::First, Slot::Second);
        let (first, second) = self.workspace.trees(slots, &incumbent.commit)?;
        self.make_ready_both(&first, Some(&second))?;
        let coins = coins();
        let mut measured = Vec::new();
        let mut took = Vec::new();
        for round in 0..rounds {
            let (pair, time) = self.measure_pair(&first, &second, round, coins)?;
            measured.push(pair);
            took.push(time);
        }
        let broken = self.measure_broken(&second)?;
        // The first round may build.
        let later = took.get(1..).filter(|later| !later.is_empty());
        let later = later.unwrap_or(&took);
        let qualification = Qualification {
            metric: self.policy.metric.clone(),
            unit: self.policy.unit.clone(),
            rounds: measured,
            round_seconds: later.iter().sum::<Duration>().as_secs_f64()
                / f64::from(u32::try_from(later.len()).unwrap_or(u32::MAX).max(1)),
            broken,
            seconds: started.elapsed().as_secs_f64(),
            sandbox: self.sandbox.tier().name().to_owned(),
        };
        journal.append(Recorded::Qualification(Box::new(qualification.clone())))?;
        Ok(qualification)
    }

    /// One value of each worktree; the second one's stands for a candidate's.
    fn measure_pair(
        &self,
        first: &Tree,
        second: &Tree,
        round: u32,
        coins: Coins,
    ) -> Result<(Round, Duration), Failure> {
        let one = |side: Side| {
            let tree = match side {
                Side::Incumbent => first,
                Side::Candidate => second,
            };
            self.doing(0, Doing::Qualifying(round));
            let name = match side {
                Side::Incumbent => "qualification-a",
                Side::Candidate => "qualification-b",
            };
            self.measure(tree, 0, name, round)
                .map_err(|error| Failure::evaluation(&error))
        };
        let (incumbent, candidate) = if coins.flip(round) {
            let incumbent = one(Side::Incumbent)?;
            (incumbent, one(Side::Candidate)?)
        } else {
            let candidate = one(Side::Candidate)?;
            (one(Side::Incumbent)?, candidate)
        };
        let pair = Round {
            incumbent: incumbent.value,
            candidate: candidate.value,
        };
        (self.notify)(Notice::Paired { round, pair: &pair });
        Ok((pair, incumbent.took + candidate.took))
    }

    /// What becomes of the metric where there is nonsense in the target's place.
    fn measure_broken(&self, tree: &Tree) -> Result<Broken, Failure> {
        self.check_git()?;
        Contents::read(&tree.directory, self.targets())?
            .replaced(NONSENSE)
            .write(&tree.directory)?;
        self.doing(0, Doing::Breaking);
        match self.measure(tree, 0, "qualification-broken", 0) {
            Ok(sample) => Ok(Broken::Measured {
                value: sample.value,
            }),
            Err(failed) if failed.error.blames_candidate() => Ok(Broken::Fails),
            Err(failed) => Err(Failure::evaluation(&failed)),
        }
    }
}

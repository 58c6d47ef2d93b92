//! One run: follows the session, and records what comes of it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use super::patience::Subject;
use super::proposal::Proposed;
use super::{Doing, Lab, Notice, Outcome, Proposer, Tally, incumbent_of, out_of_step};
use crate::decision::{Gain, Policy, Verdict};
use crate::detour;
use crate::failure::Failure;
use crate::git::Stamps;
use crate::host::Report;
use crate::journal::{
    Event as Recorded, GuardResult, History, Incumbent, Journal, Judged, ModelUse, Try,
};
use crate::measure::{Diagnostic, Measurement, Severity, Source, combined};
use crate::prompt::STUCK_AFTER;
use crate::sandbox::Tier;
use crate::session::{
    Bounds, Candidate, Coins, Ended, Judgement, Session, Side, Spent, Step, Task,
};
use crate::workspace::{Contents, Tree};

impl Lab<'_> {
    /// Judges candidates until the session is over.
    pub fn run(
        &self,
        journal: &mut Journal,
        proposer: Proposer<'_>,
        bounds: Bounds,
    ) -> Result<Outcome, Failure> {
        let _held = self.workspace.hold()?;
        self.recover(journal)?;
        if let Proposer::Checkout { .. } = proposer {
            // Before anything is measured: a target that is unfit is not the measurement's fault.
            Contents::read(&self.project.directory, self.targets())?;
        }
        self.warn_of_newer_files(journal.history())?;
        self.check_branch_is_free()?;
        if let Proposer::Agent(_) = proposer
            && let Err(error) = std::fs::read(self.found.directory.join("program.md"))
        {
            (self.notify)(Notice::NoProgram(&error));
        }
        (self.notify)(Notice::Confined(&self.sandbox));
        // A worktree that is seen in the checkout's place is where these lead.
        if !self.shows_worktrees() {
            for detour in detour::find(self.project, &self.found.experiment) {
                (self.notify)(Notice::Detour(&detour));
            }
        }
        let meaning = self.meaning();
        let comparable = journal
            .history()
            .baseline
            .as_ref()
            .is_some_and(|baseline| baseline.meaning == meaning);
        let imported = journal.history().is_imported();
        let incumbent = self.incumbent_here(journal.history())?;
        if imported {
            let is_here = incumbent.is_some();
            (self.notify)(Notice::Imported { is_here });
        } else if !comparable && incumbent.is_some() {
            (self.notify)(Notice::MeaningChanged);
        }
        let moved = match &incumbent {
            Some(incumbent) => self.branch_elsewhere(&incumbent.commit)?,
            None => None,
        };
        if let Some(commit) = &moved {
            (self.notify)(Notice::BranchMoved(commit));
        }
        let known = incumbent
            .as_ref()
            .filter(|_| comparable && moved.is_none())
            .map(|incumbent| incumbent.value);
        let mut session = Session::new(self.policy.clone(), bounds, known);
        if incumbent
            .as_ref()
            .is_some_and(|incumbent| !self.knows_guards(incumbent))
        {
            session.guards_unknown();
        }
        let mut run = Run {
            lab: self,
            proposer,
            bounds,
            session,
            started: Instant::now(),
            tally: Tally::default(),
            turn: None,
            crashed: None,
            last: None,
            before: journal.history().incumbent.clone(),
            left_alone: false,
            told_uncontrolled: false,
        };
        let start = match (moved, incumbent) {
            (Some(commit), _) => Some(commit),
            (None, incumbent) => incumbent.map(|incumbent| incumbent.commit),
        };
        let ended = run.go(journal, start.as_deref());
        run.tally.time = run.started.elapsed();
        Ok(Outcome {
            ended,
            tally: run.tally,
            last: run.last,
            before: run.before,
            left_alone: run.left_alone,
        })
    }
}

/// One run of an experiment, while it goes on.
pub(super) struct Run<'a> {
    pub(super) lab: &'a Lab<'a>,
    proposer: Proposer<'a>,
    pub(super) bounds: Bounds,
    pub(super) session: Session,
    pub(super) started: Instant,
    pub(super) tally: Tally,
    pub(super) turn: Option<Turn>,
    /// The candidate that crashed last, to be mended.
    pub(super) crashed: Option<(u64, Contents)>,
    last: Option<(Try, Judged)>,
    /// The incumbent before the first candidate.
    before: Option<Incumbent>,
    left_alone: bool,
    /// That the noise is not controlled.
    told_uncontrolled: bool,
}

impl Run<'_> {
    /// Follows the session to its end. `start` is where the incumbent is, unless the experiment has
    /// none yet.
    fn go(&mut self, journal: &mut Journal, start: Option<&str>) -> Result<Ended, Failure> {
        loop {
            let step = self.session.next_step(&self.spent());
            // What is ruled already is only written down.
            let is_ruled = matches!(step, Step::Record(_));
            if self.lab.cancel.is_cancelled() && !is_ruled {
                return self.stop(journal);
            }
            let done = match step {
                Step::MeasureBaseline => self.measure_baseline(journal, start),
                Step::MeasureGuards => self.measure_guards(journal),
                Step::Propose(task) => self.propose(journal, task),
                Step::Measure(side, round) => self.timed(|run| run.measure(journal, side, round)),
                Step::Guard(index) => self.guard(journal, index),
                Step::Record(judgement) => self.record(journal, *judgement),
                Step::Finish(ended) => return Ok(ended),
            };
            match done {
                // It failed because it was to end.
                Err(_) if self.lab.cancel.is_cancelled() && !is_ruled => {}
                done => done?,
            }
        }
    }

    fn measure_baseline(
        &mut self,
        journal: &mut Journal,
        start: Option<&str>,
    ) -> Result<(), Failure> {
        let lab = self.lab;
        let history = journal.history();
        // Its branch may still have to be made.
        let goes_on = start.is_some() && !history.is_imported();
        let baseline = match start {
            Some(commit) => lab.measure_baseline(commit)?,
            None => lab.measure_baseline(&lab.start_commit(history)?)?,
        };
        (lab.notify)(Notice::Baseline(&baseline));
        (lab.notify)(Notice::Guards(&baseline.guards));
        self.tally.asked(baseline.model.as_ref());
        self.session.baseline(baseline.value);
        if goes_on {
            journal.append(Recorded::Baseline(Box::new(baseline)))?;
        } else {
            lab.start(journal, baseline)?;
        }
        self.before.clone_from(&journal.history().incumbent);
        Ok(())
    }

    fn spent(&self) -> Spent {
        Spent {
            time: self.started.elapsed(),
            cost_usd: self.tally.cost_usd,
        }
    }

    /// Gets a candidate, and records it.
    fn propose(&mut self, journal: &mut Journal, task: Task) -> Result<(), Failure> {
        let lab = self.lab;
        let incumbent = incumbent_of(journal.history())?;
        let proposed = match self.proposer {
            Proposer::Checkout { description } => lab.take_up(journal, &incumbent, description)?,
            Proposer::Agent(agent) => {
                if lab.branch_elsewhere(&incumbent.commit)?.is_some() {
                    return Err(lab.branch_moved());
                }
                lab.check_branch_is_free()?;
                let retaken = lab.take_again(journal, &incumbent)?;
                match retaken {
                    Some(retaken) => retaken,
                    None => self.ask(journal, &incumbent, agent, task)?,
                }
            }
        };
        match proposed {
            Proposed::Candidate(turn) => {
                let candidate = lab.on_trial(journal.history(), &incumbent, &turn);
                self.take_up(journal, *turn)?;
                self.session.guard_in(lab.order(journal.history()));
                self.session.proposed(task, candidate);
            }
            Proposed::Unfit(turn, ruling) => {
                self.take_up(journal, *turn)?;
                self.session.unfit(task, ruling);
            }
            Proposed::Over(ended) => self.session.finish(ended),
            Proposed::Failed(candidate, failure) => {
                self.tally.spent(&candidate);
                journal.append_unsynced(Recorded::Try((*candidate).clone()))?;
                // What failed is told, whatever else does on its account.
                let _ = lab.give_up(journal, &candidate, &format!("not judged: {failure}"));
                return Err(failure);
            }
        }
        Ok(())
    }

    fn take_up(&mut self, journal: &mut Journal, turn: Turn) -> Result<(), Failure> {
        self.tally.spent(&turn.candidate);
        // Nothing changes on its account until the verdict, which is synced with it.
        journal.append_unsynced(Recorded::Try(turn.candidate.clone()))?;
        (self.lab.notify)(Notice::Trying(&turn.candidate));
        self.turn = Some(turn);
        Ok(())
    }

    /// Does a part of measuring the objective, and takes down how long that took.
    fn timed(
        &mut self,
        measure: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let done = measure(self);
        if let Some(turn) = &mut self.turn {
            turn.objective += started.elapsed();
        }
        done
    }

    /// Measures one side, in a round from 0.
    fn measure(&mut self, journal: &mut Journal, side: Side, round: u32) -> Result<(), Failure> {
        let lab = self.lab;
        let n = self.turn.as_ref().ok_or_else(out_of_step)?.candidate.n;
        let subject = Subject {
            side,
            doing: Doing::Measuring(side, round),
            guard: None,
        };
        let measured = self.measure_patiently(journal, &subject, |tree| {
            let sample = lab.measure(tree, n, &side.to_string(), round)?;
            Ok((sample.report, (sample.value, sample.took)))
        })?;
        let turn = self.turn.as_mut().ok_or_else(out_of_step)?;
        if let Some((report, (value, took))) = measured {
            match side {
                Side::Candidate => turn.reports.push(report),
                Side::Incumbent => turn.incumbent_reports.push(report),
            }
            self.session.measured(side, value, took);
        }
        Ok(())
    }

    /// Records a judgement and puts it into effect.
    fn record(&mut self, journal: &mut Journal, judgement: Judgement) -> Result<(), Failure> {
        let lab = self.lab;
        lab.check_git()?;
        let turn = self.turn.take().ok_or_else(out_of_step)?;
        let mut judged = turn.judged(judgement, self.lab.sandbox.tier());
        judged.diagnostics.extend(lab.machine.diagnostics());
        if !lab.guards.is_empty() && judged.value.is_some() {
            judged.objective_seconds = Some(turn.objective.as_secs_f64());
        }
        if judged.verdict == Verdict::Keep {
            judged.commit = Some(lab.with_values(&turn.candidate, &judged)?);
            if let Some(share) = implausible(&judged, &lab.policy) {
                let n = judged.n;
                (lab.notify)(Notice::Implausible { n, share });
                judged.diagnostics.push(Diagnostic {
                    severity: Severity::Warning,
                    message: format!(
                        "it gains {:.0}%, which is more than most changes bring: look at it before you trust it",
                        share * 100.0
                    ),
                    source: Source::Runtime,
                });
            }
        }
        journal.append(Recorded::Verdict(Box::new(judged.clone())))?;
        self.tally.judged(&judged, &lab.policy);
        let evidence = judged.evidence.as_ref();
        if evidence.is_some_and(|evidence| evidence.alpha.is_none()) && !self.told_uncontrolled {
            (lab.notify)(Notice::Uncontrolled(&lab.policy));
            self.told_uncontrolled = true;
        }
        (lab.notify)(Notice::Judged {
            candidate: &turn.candidate,
            judged: &judged,
            policy: &lab.policy,
        });
        self.left_alone = lab.settle(journal, &turn.candidate, &judged, || {
            Ok((turn.incumbent_contents.clone(), turn.contents.clone()))
        })?;
        if let (Verdict::Keep, Some(tree)) = (judged.verdict, &turn.candidate_tree) {
            // So that it is known for the incumbent's, and stays built; the next try sees to one
            // that a command has broken.
            let _ = tree.rename_head(judged.kept_commit(&turn.candidate));
        }
        self.crashed = (judged.verdict == Verdict::Crash).then_some((judged.n, turn.contents));
        self.session.recorded();
        let since = journal.history().since_keep;
        if since > 0 && since.is_multiple_of(STUCK_AFTER) {
            (lab.notify)(Notice::Stuck(since));
        }
        self.last = Some((turn.candidate, judged));
        Ok(())
    }

    /// Ends a run that somebody wants to end: what is not judged will not be.
    fn stop(&mut self, journal: &mut Journal) -> Result<Ended, Failure> {
        if let Some(turn) = self.turn.take() {
            self.lab
                .give_up(journal, &turn.candidate, "stopped: not judged")?;
        }
        Ok(Ended::Stopped)
    }
}

impl Lab<'_> {
    /// The incumbent, but for an imported one whose commit is not in this repository.
    fn incumbent_here(&self, history: &History) -> Result<Option<Incumbent>, Failure> {
        let incumbent = history.incumbent.clone();
        match &incumbent {
            Some(incumbent)
                if history.is_imported()
                    && !self.project.repository.has_commit(&incumbent.commit)? =>
            {
                Ok(None)
            }
            _ => Ok(incumbent),
        }
    }

    /// A candidate with what its trial is to know.
    fn on_trial(&self, history: &History, incumbent: &Incumbent, turn: &Turn) -> Candidate {
        let rules = &self.policy.rules;
        Candidate {
            coins: coins(),
            alpha: rules.alpha_after(turn.candidate.n - 1, history.keeps),
            prior: history.noise.prior(incumbent.value),
            simpler: turn.contents.lines() < turn.incumbent_contents.lines(),
            // A judge does not drift with the machine, and its calls cost money.
            incumbents: match self.instrument.model {
                Some(_) => history.incumbent_values.clone(),
                None => vec![],
            },
        }
    }
}

/// One candidate on its way to a verdict.
pub(super) struct Turn {
    pub(super) candidate: Try,
    pub(super) contents: Contents,
    pub(super) incumbent_contents: Contents,
    /// None where there is nothing to measure.
    pub(super) candidate_tree: Option<Tree>,
    /// Where the incumbent is measured again.
    pub(super) incumbent_tree: Option<Tree>,
    /// Their tracked files, the candidate's and the incumbent's, since before they are measured.
    pub(super) stamps: (Option<Stamps>, Option<Stamps>),
    pub(super) started: Instant,
    /// One a round.
    pub(super) reports: Vec<Report>,
    pub(super) incumbent_reports: Vec<Report>,
    /// What measuring it asked of a language model.
    pub(super) model: Option<ModelUse>,
    /// How long measuring the objective has taken.
    pub(super) objective: Duration,
    pub(super) guards: Vec<GuardResult>,
    /// What the guards' evaluators remark.
    pub(super) remarks: Vec<Diagnostic>,
}

impl Turn {
    /// Makes a side's worktree fit for one more evaluation: what is measured is what was committed,
    /// whatever the commands of the evaluations before have done to it.
    pub(super) fn prepare(&mut self, side: Side) -> Result<(), Failure> {
        let stamps = match side {
            Side::Candidate => self.stamps.0.take(),
            Side::Incumbent => self.stamps.1.take(),
        };
        let (tree, commit) = self.side(side)?;
        let stamps = match stamps {
            Some(mut stamps) => {
                tree.restore(&mut stamps, commit)?;
                stamps
            }
            None => tree.stamps()?,
        };
        match side {
            Side::Candidate => self.stamps.0 = Some(stamps),
            Side::Incumbent => self.stamps.1 = Some(stamps),
        }
        Ok(())
    }

    /// A side's worktree, and the commit that it stands at.
    fn side(&self, side: Side) -> Result<(&Tree, &str), Failure> {
        let (tree, commit) = match side {
            Side::Candidate => (&self.candidate_tree, &self.candidate.commit),
            Side::Incumbent => (&self.incumbent_tree, &self.candidate.parent),
        };
        Ok((tree.as_ref().ok_or_else(out_of_step)?, commit))
    }

    fn judged(&self, judgement: Judgement, tier: Tier) -> Judged {
        let Judgement {
            ruling,
            value,
            incumbent,
            evidence,
        } = judgement;
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        let remarks = self.reports.iter().flat_map(|report| &report.diagnostics);
        for remark in remarks.chain(&self.remarks) {
            // A round has often the same to say as the one before, with other numbers.
            let is_like = |other: &Diagnostic| {
                other.severity == remark.severity && words(other).eq(words(remark))
            };
            if !diagnostics.iter().any(is_like) {
                diagnostics.push(remark.clone());
            }
        }
        Judged {
            n: self.candidate.n,
            verdict: ruling.verdict,
            reason: ruling.reason,
            commit: None,
            unjudged: false,
            value,
            incumbent_value: incumbent,
            measurements: of_rounds(&self.reports),
            incumbent_measurements: of_rounds(&self.incumbent_reports),
            evidence,
            diagnostics,
            guards: self.guards.clone(),
            objective_seconds: None,
            model: self.model.clone(),
            seconds: self.started.elapsed().as_secs_f64(),
            sandbox: tier.name().to_owned(),
        }
    }
}

/// A remark without its numbers.
fn words(remark: &Diagnostic) -> impl Iterator<Item = char> {
    let is_number = |c: &char| c.is_ascii_digit() || *c == '.';
    remark.message.chars().filter(move |c| !is_number(c))
}

/// Coins that nobody can foresee, from the seed that the standard library draws for each hash map.
pub(super) fn coins() -> Coins {
    Coins(RandomState::new().build_hasher().finish())
}

/// A gain above this share of the value asks to be looked at: most often it is work left out.
const IMPLAUSIBLE: f64 = 0.5;

/// The gain as a share, if it is not plausible.
fn implausible(judged: &Judged, policy: &Policy) -> Option<f64> {
    let mut gain = Gain::default();
    gain.extend(judged.step(Some(policy.direction)));
    gain.share()
        .map(f64::abs)
        .filter(|share| *share > IMPLAUSIBLE)
}

fn of_rounds(reports: &[Report]) -> Vec<Measurement> {
    combined(reports.iter().map(|report| report.measurements.as_slice()))
}

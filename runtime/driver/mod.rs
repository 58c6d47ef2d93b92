//! Carry out what the session decides: worktrees, proposals, measurements, the journal, refs, the
//! checkout.

mod proposal;
mod settlement;
mod worktrees;

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::{Activity, Doing};
use crate::decision::{Policy, Ruling, Verdict};
use crate::experiment::{Experiment, Id, Workspace as WorktreeNeeds};
use crate::failure::{Exit, Failure};
use crate::host::{EvaluateError, Event, Failed, Host, Observer, Report};
use crate::instrument::{self, Instrument};
use crate::journal::{Baseline, Event as Recorded, History, Incumbent, Journal, Judged, Try};
use crate::measure::Measurement;
use crate::process::suspension::Mark;
use crate::process::{Cancel, Launcher};
use crate::project::{DIRECTORY, Found, Project};
use crate::proposer::Agent;
use crate::runlog::RunLog;
use crate::session::{Bounds, Ended, Session, Side, Spent, Step, Task};
use crate::text;
use crate::workspace::{Contents, Slot, Tree, Workspace};

use proposal::Proposed;
pub use settlement::branch_exists;

/// What confines the commands: nothing yet but their own process tree.
const SANDBOX: &str = "none";

/// What happens, for whoever watches.
#[derive(Debug)]
pub enum Notice<'a> {
    /// What was found out about a new experiment's worktrees.
    Needs(&'a WorktreeNeeds),
    /// What is being done from now on.
    Doing(&'a Activity),
    Baseline(&'a Baseline),
    /// The baseline does not count any more: evaluator or settings are others.
    MeaningChanged,
    /// The branch was moved by somebody else, and the experiment goes on from where it is.
    BranchMoved(&'a str),
    Trying(&'a Try),
    Judged {
        candidate: &'a Try,
        judged: &'a Judged,
        policy: &'a Policy,
    },
    /// So many tries have brought nothing.
    Stuck(u64),
    /// The agent's provider wants it to wait.
    RateLimited {
        message: &'a str,
        wait: Duration,
    },
    /// A measurement failed, for no fault of the candidate's, and is made again.
    MeasuringAgain(&'a Failure),
    /// A measurement is void, and made again: the program was stopped, or the machine asleep.
    Void,
    /// Files of HEAD, besides the target, that are not what they are in the incumbent's commit.
    Newer(&'a [PathBuf]),
    /// Files that were edited while their candidate was measured, and stay as they are.
    LeftAlone(&'a [String]),
    /// A try that an earlier run did not finish.
    Interrupted(&'a Try),
    /// A verdict of an earlier run that is put into effect only now.
    Unsettled(&'a Judged),
    /// A kept candidate that is not on the branch, because somebody else moved that.
    NotOnBranch(&'a Judged),
    Evaluator(Event<'a>),
    NotShared(&'a str),
}

/// Receives notices; called from the host's threads too.
pub type Notify = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// Where candidates come from.
#[derive(Debug, Clone, Copy)]
pub enum Proposer<'a> {
    /// The target as it stands in the checkout, described by whoever changed it.
    Checkout {
        description: &'a str,
    },
    Agent(&'a Agent),
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What is recorded is so even where the run ended with a failure.
    pub ended: Result<Ended, Failure>,
    pub tally: Tally,
    /// The last verdict.
    pub last: Option<Judged>,
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub keeps: u64,
    pub discards: u64,
    pub crashes: u64,
    /// In US dollars, as far as agents tell.
    pub cost_usd: f64,
    /// How many proposals did not tell what they cost.
    pub unknown_costs: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub time: Duration,
}

impl Tally {
    pub fn tries(&self) -> u64 {
        self.keeps + self.discards + self.crashes
    }

    fn add(&mut self, candidate: &Try, verdict: Verdict) {
        match verdict {
            Verdict::Keep => self.keeps += 1,
            Verdict::Discard => self.discards += 1,
            Verdict::Crash => self.crashes += 1,
        }
        if let Some(agent) = &candidate.agent {
            match agent.cost_usd {
                Some(cost) => self.cost_usd += cost,
                None => self.unknown_costs += 1,
            }
            self.input_tokens += agent.input_tokens.unwrap_or(0);
            self.output_tokens += agent.output_tokens.unwrap_or(0);
        }
    }
}

/// One experiment, ready to measure and judge.
pub struct Lab<'a> {
    host: &'a Host,
    launcher: &'a Launcher,
    project: &'a Project,
    found: Found,
    instrument: Instrument,
    policy: Policy,
    workspace: Workspace,
    environment: Vec<(OsString, OsString)>,
    notify: Notify,
    cancel: Cancel,
}

impl<'a> Lab<'a> {
    /// Loads the evaluator and checks the settings; touches neither worktrees nor the journal.
    ///
    /// `cancel` ends whatever is being done.
    pub fn open(
        host: &'a Host,
        launcher: &'a Launcher,
        project: &'a Project,
        found: Found,
        state: &Path,
        notify: Notify,
        cancel: Cancel,
    ) -> Result<Self, Failure> {
        let experiment = &found.experiment;
        let instrument = Instrument::load(
            host,
            &experiment.objective,
            &experiment.given_parameters(),
            &experiment.limits,
            &project.directory,
        )?;
        let policy = instrument::policy(instrument.evaluator.descriptor(), &experiment.objective)?;
        let workspace = Workspace::new(project, &found.id, state);
        let environment = found.experiment.environment.variables();
        Ok(Self {
            host,
            launcher,
            project,
            found,
            instrument,
            policy,
            workspace,
            environment,
            notify,
            cancel,
        })
    }

    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn experiment(&self) -> &Experiment {
        &self.found.experiment
    }

    pub fn id(&self) -> &Id {
        &self.found.id
    }

    /// The experiment's own directory.
    pub fn directory(&self) -> &Path {
        &self.found.directory
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Measures a commit in a worktree.
    pub fn measure_baseline(&self, commit: &str) -> Result<Baseline, Failure> {
        let started = Instant::now();
        let tree = self.tree(Slot::First, commit)?;
        self.incumbent_contents(&tree)?;
        self.doing(0, Doing::Baseline);
        let (report, value) = self
            .measure(&tree, 0, "baseline")
            .map_err(|error| Failure::evaluation(&error))
            .map_err(|failure| Failure {
                message: format!("the baseline cannot be measured: {}", failure.message),
                ..failure
            })?;
        Ok(Baseline {
            commit: commit.to_owned(),
            metric: self.policy.metric.clone(),
            unit: self.policy.unit.clone(),
            value,
            measurements: report.measurements,
            meaning: self.meaning(),
            evaluator: self.instrument.identity(),
            seconds: started.elapsed().as_secs_f64(),
            sandbox: SANDBOX.to_owned(),
        })
    }

    /// Records a baseline and makes the branch, which must not exist yet, or be there if the
    /// original tool made it.
    pub fn start(&self, journal: &mut Journal, baseline: Baseline) -> Result<(), Failure> {
        let commit = baseline.commit.clone();
        let before = self.branch_of_the_original()?.map(|_| commit.clone());
        journal.append(Recorded::Baseline(baseline))?;
        self.project.repository.update_refs(&[(
            self.found.id.branch(),
            &commit,
            Some(before.as_deref().unwrap_or_default()),
        )])?;
        Ok(())
    }

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
        let meaning = self.meaning();
        let comparable = journal
            .history()
            .baseline
            .as_ref()
            .is_some_and(|baseline| baseline.meaning == meaning);
        if !comparable && journal.history().baseline.is_some() {
            (self.notify)(Notice::MeaningChanged);
        }
        let incumbent = journal.history().incumbent.clone();
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
        let mut run = Run {
            lab: self,
            proposer,
            bounds,
            session: Session::new(self.policy.clone(), bounds, known),
            started: Instant::now(),
            tally: Tally::default(),
            turn: None,
            crashed: None,
            programs: match proposer {
                Proposer::Checkout { .. } => String::new(),
                Proposer::Agent(_) => self.project.repository.programs()?,
            },
            last: None,
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
        })
    }

    /// Tells of files that the user has committed since: they are not in what is measured.
    fn warn_of_newer_files(&self, history: &History) -> Result<(), Failure> {
        let repository = &self.project.repository;
        let (Some(baseline), Some(incumbent)) = (&history.baseline, &history.incumbent) else {
            return Ok(());
        };
        if repository.head == baseline.commit || repository.head == incumbent.commit {
            return Ok(());
        }
        let targets = self.project.paths(self.targets());
        let experiments = self.project.prefix().join(DIRECTORY);
        let newer: Vec<PathBuf> = repository
            .changed(&incumbent.commit, &repository.head)?
            .into_iter()
            .filter(|path| !targets.contains(path) && !path.starts_with(&experiments))
            .collect();
        if !newer.is_empty() {
            (self.notify)(Notice::Newer(&newer));
        }
        Ok(())
    }

    /// Measures a worktree, again where the program was stopped or the machine asleep meanwhile.
    fn measure(&self, tree: &Tree, n: u64, name: &str) -> Result<(Report, f64), Failed> {
        loop {
            let mark = Mark::now();
            let log = RunLog::open(&self.found.directory, n, name);
            let result = self.measure_once(tree, log);
            if !mark.interrupted() || self.cancel.is_cancelled() {
                return result;
            }
            (self.notify)(Notice::Void);
        }
    }

    fn measure_once(&self, tree: &Tree, log: RunLog) -> Result<(Report, f64), Failed> {
        let notify = Arc::clone(&self.notify);
        let log = Arc::new(log);
        let observer: Observer = {
            let log = Arc::clone(&log);
            Arc::new(move |event| {
                log.event(&event);
                notify(Notice::Evaluator(event));
            })
        };
        let result = self.instrument.measure(
            self.host,
            &self.found.experiment,
            &tree.directory,
            &self.environment,
            &self.cancel,
            observer,
        );
        log.result(&result);
        let report = result?;
        let metric = &self.policy.metric;
        let value = report.measurement(metric).map(Measurement::value);
        match value {
            Some(value) => Ok((report, value)),
            None => Err(Failed {
                error: EvaluateError::CandidateFailed(format!(
                    "the metric `{metric}` was not reported"
                )),
                printed: String::new(),
            }),
        }
    }

    /// Tells what is being done from now on, for try `n`.
    fn doing(&self, n: u64, doing: Doing) {
        let limit = match &doing {
            Doing::Baseline | Doing::Measuring(_) => Some(self.found.experiment.time_limit()),
            Doing::SettingUp(_) => Some(worktrees::SETUP_LIMIT),
            Doing::Asking { limit, .. } => Some(*limit),
            Doing::Waiting(wait) => Some(*wait),
        };
        (self.notify)(Notice::Doing(&Activity {
            n,
            doing,
            limit,
            since: Instant::now(),
        }));
    }

    fn meaning(&self) -> String {
        self.instrument
            .meaning(&self.found.experiment, &self.policy)
    }

    fn targets(&self) -> &[String] {
        &self.found.experiment.target
    }
}

/// One run of an experiment, while it goes on.
struct Run<'a> {
    lab: &'a Lab<'a>,
    proposer: Proposer<'a>,
    bounds: Bounds,
    session: Session,
    started: Instant,
    tally: Tally,
    turn: Option<Turn>,
    /// The candidate that crashed last, to be mended.
    crashed: Option<(u64, Contents)>,
    /// What git could be made to run when the run began.
    programs: String,
    last: Option<Judged>,
}

impl Run<'_> {
    /// Follows the session to its end. `start` is where the incumbent is, unless the experiment has
    /// none yet.
    fn go(&mut self, journal: &mut Journal, start: Option<&str>) -> Result<Ended, Failure> {
        loop {
            if self.lab.cancel.is_cancelled() {
                return self.stop(journal);
            }
            let step = self.session.next_step(&self.spent());
            let done = match step {
                Step::MeasureBaseline => self.measure_baseline(journal, start),
                Step::Propose(task) => self.propose(journal, task),
                Step::Measure(side) => self.measure(journal, side),
                Step::Record {
                    ruling,
                    value,
                    incumbent,
                } => self.record(journal, ruling, value, incumbent),
                Step::Finish(ended) => return Ok(ended),
            };
            match done {
                // It failed because it was to end.
                Err(_) if self.lab.cancel.is_cancelled() => {}
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
        let baseline = match start {
            Some(commit) => lab.measure_baseline(commit)?,
            None => lab.measure_baseline(&lab.start_commit()?)?,
        };
        (lab.notify)(Notice::Baseline(&baseline));
        self.session.baseline(baseline.value);
        if start.is_some() {
            journal.append(Recorded::Baseline(baseline))?;
            Ok(())
        } else {
            lab.start(journal, baseline)
        }
    }

    fn spent(&self) -> Spent {
        Spent {
            time: self.started.elapsed(),
            cost_usd: self.tally.cost_usd,
        }
    }

    /// Whether it is to go on by itself.
    fn is_loop(&self) -> bool {
        self.bounds.tries != Some(1)
    }

    /// Gets a candidate, and records it.
    fn propose(&mut self, journal: &mut Journal, task: Task) -> Result<(), Failure> {
        let lab = self.lab;
        let incumbent = incumbent_of(journal.history())?;
        let proposed = match self.proposer {
            Proposer::Checkout { description } => lab.take_up(journal, &incumbent, description)?,
            Proposer::Agent(agent) => {
                lab.project.repository.check_programs(&self.programs)?;
                if lab.branch_elsewhere(&incumbent.commit)?.is_some() {
                    return Err(lab.branch_moved());
                }
                let retaken = lab.take_again(journal, &incumbent)?;
                match retaken {
                    Some(retaken) => retaken,
                    None => self.ask(journal, &incumbent, agent, task)?,
                }
            }
        };
        match proposed {
            Proposed::Candidate(turn) => {
                // Nothing changes on its account until the verdict, which is synced with it.
                journal.append_unsynced(Recorded::Try(turn.candidate.clone()))?;
                (lab.notify)(Notice::Trying(&turn.candidate));
                self.turn = Some(*turn);
                self.session.proposed(task, coin());
            }
            Proposed::Unfit(turn, ruling) => {
                journal.append_unsynced(Recorded::Try(turn.candidate.clone()))?;
                (lab.notify)(Notice::Trying(&turn.candidate));
                self.turn = Some(*turn);
                self.session.unfit(task, ruling);
            }
            Proposed::Over(ended) => self.session.finish(ended),
        }
        Ok(())
    }

    /// Measures one side of the candidate.
    fn measure(&mut self, journal: &mut Journal, side: Side) -> Result<(), Failure> {
        let lab = self.lab;
        let is_loop = self.is_loop();
        let turn = self.turn.as_mut().ok_or_else(out_of_step)?;
        let (tree, name) = match side {
            Side::Candidate => (turn.candidate_tree.as_ref(), "candidate"),
            Side::Incumbent => (turn.incumbent_tree.as_ref(), "incumbent"),
        };
        let tree = tree.ok_or_else(out_of_step)?;
        let n = turn.candidate.n;
        lab.doing(n, Doing::Measuring(side));
        let mut measured = lab.measure(tree, n, name);
        let blameless = |failed: &Failed| {
            let candidates = side == Side::Candidate && failed.error.blames_candidate();
            !candidates && !lab.cancel.is_cancelled()
        };
        if let Some(failed) = measured.as_ref().err().filter(|failed| blameless(failed))
            && is_loop
        {
            // A hiccup is no reason to end a night.
            (lab.notify)(Notice::MeasuringAgain(&cannot_measure(side, failed)));
            measured = lab.measure(tree, n, name);
        }
        match measured {
            Ok((report, value)) => {
                match side {
                    Side::Candidate => turn.report = Some(report),
                    Side::Incumbent => turn.incumbent_report = Some(report),
                }
                self.session.measured(side, value);
            }
            // It is seen to after this.
            Err(_) if lab.cancel.is_cancelled() => {}
            Err(failed) if !blameless(&failed) => {
                self.session
                    .crashed(text::clean_line(&failed.to_string(), 500));
            }
            Err(failed) => {
                let failure = cannot_measure(side, &failed);
                let candidate = turn.candidate.clone();
                lab.give_up(journal, &candidate, &format!("not judged: {failure}"))?;
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Records a ruling and puts it into effect.
    fn record(
        &mut self,
        journal: &mut Journal,
        ruling: Ruling,
        value: Option<f64>,
        incumbent_value: f64,
    ) -> Result<(), Failure> {
        let lab = self.lab;
        let turn = self.turn.take().ok_or_else(out_of_step)?;
        let mut judged = turn.judged(ruling, value, incumbent_value);
        if judged.verdict == Verdict::Keep {
            judged.commit = Some(lab.with_values(&turn.candidate, &judged)?);
        }
        journal.append(Recorded::Verdict(Box::new(judged.clone())))?;
        self.tally.add(&turn.candidate, judged.verdict);
        (lab.notify)(Notice::Judged {
            candidate: &turn.candidate,
            judged: &judged,
            policy: &lab.policy,
        });
        lab.settle(journal, &turn.candidate, &judged, || {
            Ok((turn.incumbent_contents.clone(), turn.contents.clone()))
        })?;
        if let (Verdict::Keep, Some(tree)) = (judged.verdict, &turn.candidate_tree) {
            // So that it is known for the incumbent's, and stays built.
            tree.reset(judged.kept_commit(&turn.candidate))?;
        }
        self.crashed = (judged.verdict == Verdict::Crash).then_some((judged.n, turn.contents));
        self.session.recorded();
        let since = journal.history().since_keep;
        if since > 0 && since.is_multiple_of(crate::prompt::STUCK_AFTER) {
            (lab.notify)(Notice::Stuck(since));
        }
        self.last = Some(judged);
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

/// One candidate on its way to a verdict.
struct Turn {
    candidate: Try,
    contents: Contents,
    incumbent_contents: Contents,
    /// None where there is nothing to measure.
    candidate_tree: Option<Tree>,
    /// Where the incumbent is measured again.
    incumbent_tree: Option<Tree>,
    started: Instant,
    report: Option<Report>,
    incumbent_report: Option<Report>,
}

impl Turn {
    fn judged(&self, ruling: Ruling, value: Option<f64>, incumbent_value: f64) -> Judged {
        let measurements = |report: &Option<Report>| {
            report
                .as_ref()
                .map_or_else(Vec::new, |report| report.measurements.clone())
        };
        let diagnostics = self
            .report
            .as_ref()
            .map_or_else(Vec::new, |report| report.diagnostics.clone());
        Judged {
            n: self.candidate.n,
            verdict: ruling.verdict,
            reason: ruling.reason,
            commit: None,
            unjudged: false,
            value,
            incumbent_value,
            measurements: measurements(&self.report),
            incumbent_measurements: measurements(&self.incumbent_report),
            diagnostics,
            seconds: self.started.elapsed().as_secs_f64(),
            sandbox: SANDBOX.to_owned(),
        }
    }
}

fn cannot_measure(side: Side, failed: &Failed) -> Failure {
    let failure = Failure::evaluation(failed);
    let who = match side {
        Side::Candidate => "the candidate",
        Side::Incumbent => "the incumbent",
    };
    Failure {
        message: format!("{who} cannot be measured: {}", failure.message),
        ..failure
    }
}

fn incumbent_of(history: &History) -> Result<Incumbent, Failure> {
    history.incumbent.clone().ok_or_else(|| {
        Failure::new(Exit::Failure, "the journal has a try and no baseline")
            .hint("move the journal away to start the experiment's record anew")
    })
}

/// A step of the session that the driver cannot follow: a mistake in this program.
fn out_of_step() -> Failure {
    Failure::new(Exit::Failure, "the session and its driver are out of step")
        .hint("please report this; nothing is lost, run again")
}

/// A fair coin, from the seed that the standard library draws for each hash map.
fn coin() -> bool {
    RandomState::new().build_hasher().finish() & 1 == 0
}

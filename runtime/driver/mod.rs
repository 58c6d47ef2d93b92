//! Carry out what the session decides: worktrees, proposals, measurements, the journal, refs, the
//! checkout.

mod guards;
mod machine;
mod patience;
mod proposal;
mod qualification;
mod run;
mod settlement;
mod worktrees;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::activity::{Activity, Doing};
use crate::conditions::Warning;
use crate::decision::{Gain, Policy, Round, Verdict};
use crate::detour::Detour;
use crate::experiment::{Experiment, Id, Workspace as WorktreeNeeds};
use crate::failure::{Exit, Failure};
use crate::git::{ConfigGuard, Named, Repository};
use crate::grants::Approval;
use crate::guard::Guard;
use crate::host::{EvaluateError, Event, Failed, Host, Observer, Report};
use crate::instrument::{self, Instrument, Surroundings};
use crate::journal::{
    AgentUse, Baseline, Event as Recorded, GuardResult, History, Incumbent, Journal, Judged,
    ModelUse, Try,
};
use crate::measure::Measurement;
use crate::measuring::Measuring;
use crate::process::suspension::Mark;
use crate::process::{Cancel, Launcher};
use crate::project::{DIRECTORY, Found, Project};
use crate::proposer::Agent;
use crate::runlog::RunLog;
use crate::sandbox::{Kind, Sandbox};
use crate::session::Ended;
use crate::workspace::{Contents, Slot, Tree, Workspace};

use machine::Machine;
pub use settlement::branch_exists;

/// What happens, for whoever watches.
#[derive(Debug)]
pub enum Notice<'a> {
    /// What was found out about a new experiment's worktrees, and about the tools that the project
    /// uses, a line each.
    Needs(&'a WorktreeNeeds, &'a [String]),
    /// Files that the experiment's commands name and that its worktrees lack, as git does not track
    /// them.
    Untracked(&'a [String]),
    /// What is being done from now on.
    Doing(&'a Activity),
    Baseline(&'a Baseline),
    /// Guards are new or defined anew, and measured on the best version.
    GuardsChanged,
    /// What they measured there.
    Guards(&'a [GuardResult]),
    /// There are too few rounds, or there is too little time, to control the noise.
    Uncontrolled(&'a Policy),
    /// The baseline does not count any more: evaluator or settings are others.
    MeaningChanged,
    /// The best value so far is another tool's: it is measured again where its commit is in the
    /// repository, or else what the experiment goes on from.
    Imported {
        is_here: bool,
    },
    /// The branch was moved by somebody else, and the experiment goes on from where it is.
    BranchMoved(&'a str),
    /// One round of the incumbent against itself, from 0.
    Paired {
        round: u32,
        pair: &'a Round,
    },
    Trying(&'a Try),
    /// A candidate was kept that gains more than is plausible.
    Implausible {
        n: u64,
        share: f64,
    },
    Judged {
        candidate: &'a Try,
        judged: &'a Judged,
        policy: &'a Policy,
    },
    /// So many tries have brought nothing.
    Stuck(u64),
    /// The agent's provider wants it to wait, or cannot be reached. It is asked again after a while,
    /// unless the run's time or money is up by then.
    NotNow {
        message: &'a str,
        wait: Option<Duration>,
        /// How long it is waited for at most from now on.
        most: Duration,
    },
    /// An agent changed the target and ended without a result that is known here. The change is judged.
    UnknownResult(&'a str),
    /// A measurement failed, for no fault of the candidate's, and is made again.
    MeasuringAgain(&'a Failure),
    /// A measurement is void, and made again: the program was stopped, or the machine asleep.
    Void,
    /// Another process measures on this machine, as far as it is known which.
    WaitingForMachine(Option<u32>),
    /// What makes measurements doubtful, and was not told before in this run.
    Doubtful(&'a Warning),
    /// Files of HEAD, besides the target, that are not what they are in the incumbent's commit.
    Newer(&'a [PathBuf]),
    /// Files that were edited while their candidate was measured, and stay as they are.
    LeftAlone(&'a [String]),
    /// A try that an earlier run did not finish.
    Interrupted(&'a Try),
    /// A verdict of an earlier run that is put into effect only now.
    Unsettled(&'a Judged),
    /// Those of the target's files that somebody has committed since: they are not what is improved.
    NewerTarget(&'a [PathBuf]),
    /// The owner's words for the agent cannot be read.
    NoProgram(&'a std::io::Error),
    /// The branch was gone, and is there again.
    BranchMadeAgain,
    /// A kept candidate that is not on the branch, because somebody else moved it.
    NotOnBranch(&'a Judged),
    Evaluator(Event<'a>),
    NotShared(&'a str),
    /// New files that an agent left besides the target, and that were removed.
    Removed(&'a Named),
    /// What confines commands.
    Confined(&'a Sandbox),
    /// Whoever named an evaluator and its commands approved of it by that.
    Approved(&'a Approval),
    /// Commands measure the target as it stands in the checkout, not the candidate.
    Detour(&'a Detour),
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
    /// The last verdict, and its candidate.
    pub last: Option<(Try, Judged)>,
    /// The best version when the first candidate was taken up.
    pub before: Option<Incumbent>,
    /// Whether files were left alone that somebody edited meanwhile.
    pub left_alone: bool,
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub keeps: u64,
    pub discards: u64,
    pub crashes: u64,
    /// What the keeps amount to.
    pub gain: Gain,
    /// Of agents and of the model that evaluators ask, in US dollars, as far as they tell.
    pub cost_usd: f64,
    /// How many proposals and measurements did not tell what they cost.
    pub unknown_costs: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub time: Duration,
}

impl Tally {
    pub fn tries(&self) -> u64 {
        self.keeps + self.discards + self.crashes
    }

    fn judged(&mut self, judged: &Judged, policy: &Policy) {
        match judged.verdict {
            Verdict::Keep => {
                self.keeps += 1;
                self.gain.extend(judged.step(Some(policy.direction)));
            }
            Verdict::Discard => self.discards += 1,
            Verdict::Crash => self.crashes += 1,
        }
    }

    /// What was spent is so, whether or not it comes to a verdict.
    fn spent(&mut self, candidate: &Try) {
        if let Some(agent) = &candidate.agent {
            self.used(agent);
        }
    }

    fn asked(&mut self, model: Option<&ModelUse>) {
        if let Some(model) = model {
            self.used(&model.used);
        }
    }

    fn used(&mut self, used: &AgentUse) {
        match used.cost_usd {
            Some(cost) => self.cost_usd += cost,
            None => self.unknown_costs += 1,
        }
        self.input_tokens += used.input_tokens.unwrap_or(0);
        self.output_tokens += used.output_tokens.unwrap_or(0);
    }
}

/// What one evaluation gave.
struct Sample {
    report: Report,
    /// The objective's metric.
    value: f64,
    took: Duration,
}

/// One experiment, ready to measure and judge.
pub struct Lab<'a> {
    host: &'a Host,
    launcher: &'a Launcher,
    project: &'a Project,
    found: Found,
    instrument: Instrument,
    guards: Vec<Guard>,
    policy: Policy,
    workspace: Workspace,
    environment: Vec<(OsString, OsString)>,
    sandbox: Sandbox,
    /// What git runs and reads, since before anything foreign ran.
    configuration: Mutex<ConfigGuard>,
    machine: Machine,
    doing: Mutex<Option<(u64, Doing)>>,
    /// Whether git checks out the target in another form than it was committed in.
    converts: OnceLock<bool>,
    notify: Notify,
    cancel: Cancel,
}

impl<'a> Lab<'a> {
    /// Loads the evaluators and checks the settings; touches neither worktrees nor the journal.
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
        let sandbox = Sandbox::find(experiment.sandbox.mode)?;
        let call = experiment.objective.call();
        let instrument = Instrument::load(host, experiment, &call, &project.directory)?;
        let policy = instrument::policy(instrument.evaluator.descriptor(), experiment)?;
        let guards = Guard::load_all(host, experiment, &project.directory)?;
        let workspace = Workspace::new(project, &found.id, state);
        let environment = found.experiment.variables();
        let configuration = Mutex::new(ConfigGuard::new(&project.repository));
        Ok(Self {
            host,
            launcher,
            project,
            found,
            instrument,
            guards,
            policy,
            workspace,
            environment,
            sandbox,
            configuration,
            machine: Machine::new(state),
            doing: Mutex::default(),
            converts: OnceLock::new(),
            notify,
            cancel,
        })
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// All evaluators: the objective's and the guards'.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        let guards = self.guards.iter().map(|guard| &guard.instrument);
        std::iter::once(&self.instrument).chain(guards)
    }

    pub fn guards(&self) -> &[Guard] {
        &self.guards
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

    /// The directory that holds the experiments.
    pub fn experiments(&self) -> &Path {
        self.found.experiments()
    }

    /// The experiment's own directory.
    pub fn directory(&self) -> &Path {
        &self.found.directory
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Fails where an agent or a command has made git run or read something. Comes between such a
    /// one and every call of git after it.
    fn check_git(&self) -> Result<(), Failure> {
        let mut configuration = self
            .configuration
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(configuration.check()?)
    }

    /// The repository, as far as no agent or command has made git run or read something.
    pub fn repository(&self) -> Result<&Repository, Failure> {
        self.check_git()?;
        Ok(&self.project.repository)
    }

    /// Measures a commit in a worktree.
    pub fn measure_baseline(&self, commit: &str) -> Result<Baseline, Failure> {
        let started = Instant::now();
        let tree = self.tree(Slot::First, commit)?;
        self.incumbent_contents(&tree)?;
        self.doing(0, Doing::Baseline);
        let mut sample = self
            .measure(&tree, 0, "baseline", 0)
            .map_err(|error| Failure::evaluation(&error))
            .map_err(|failure| Failure {
                message: format!("the baseline cannot be measured: {}", failure.message),
                ..failure.hint_at(self.sandbox.tier())
            })?;
        let seconds = started.elapsed().as_secs_f64();
        // A metric with noise is measured on both sides in three or four rounds as a rule.
        let evaluations = if self.policy.deterministic { 1.0 } else { 7.0 };
        let objective = sample.took.as_secs_f64() * evaluations;
        if !self.policy.deterministic && !self.policy.rules.control_noise(2 * sample.took) {
            (self.notify)(Notice::Uncontrolled(&self.policy));
        }
        let (guards, model) = self.guards_of_incumbent(&tree, &[])?;
        sample.report.diagnostics.extend(self.machine.diagnostics());
        Ok(Baseline {
            commit: commit.to_owned(),
            metric: self.policy.metric.clone(),
            unit: self.policy.unit.clone(),
            direction: Some(self.policy.direction),
            value: sample.value,
            measurements: sample.report.measurements,
            diagnostics: sample.report.diagnostics,
            meaning: self.meaning(),
            evaluator: self.instrument.identity(),
            objective_seconds: (!guards.is_empty()).then_some(objective),
            guards,
            model: ModelUse::sum(sample.report.model, model),
            seconds,
            sandbox: self.sandbox.tier().name().to_owned(),
        })
    }

    /// Records a baseline and makes the branch, which must not exist yet, or be there if the
    /// original tool made it.
    pub fn start(&self, journal: &mut Journal, baseline: Baseline) -> Result<(), Failure> {
        let commit = baseline.commit.clone();
        let before = self
            .branch_of_the_original(journal.history())?
            .map(|_| commit.clone());
        journal.append(Recorded::Baseline(Box::new(baseline)))?;
        self.repository()?.update_refs(&[(
            self.found.id.branch(),
            &commit,
            Some(before.as_deref().unwrap_or_default()),
        )])?;
        Ok(())
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
        if history.is_imported() {
            for commit in [&baseline.commit, &incumbent.commit] {
                if !repository.has_commit(commit)? {
                    return Ok(());
                }
            }
        }
        let targets = self.project.paths(self.targets());
        let experiments = self.project.prefix().join(DIRECTORY);
        let (newer_targets, newer): (Vec<PathBuf>, Vec<PathBuf>) = repository
            .changed(&incumbent.commit, &repository.head)?
            .into_iter()
            .filter(|path| !path.starts_with(&experiments))
            .partition(|path| targets.contains(path));
        if !newer.is_empty() {
            (self.notify)(Notice::Newer(&newer));
        }
        // They may also be what they were before the first keep.
        if !newer_targets.is_empty()
            && repository
                .changed(&baseline.commit, &repository.head)?
                .iter()
                .any(|path| targets.contains(path))
        {
            (self.notify)(Notice::NewerTarget(&newer_targets));
        }
        Ok(())
    }

    /// Measures the objective in a worktree.
    fn measure(&self, tree: &Tree, n: u64, name: &str, round: u32) -> Result<Sample, Failed> {
        let metric = &self.policy.metric;
        let (report, took) = self.report(&self.instrument, &[metric], tree, n, name, round)?;
        match report.measurement(metric).map(Measurement::value) {
            Some(value) => Ok(Sample {
                report,
                value,
                took,
            }),
            None => Err(without(report, &self.instrument, metric)),
        }
    }

    /// Measures a worktree while nobody else measures, again where the program was stopped or the
    /// machine asleep meanwhile, and tells how long that took. Fails where a metric is not reported.
    fn report(
        &self,
        instrument: &Instrument,
        metrics: &[&str],
        tree: &Tree,
        n: u64,
        name: &str,
        round: u32,
    ) -> Result<(Report, Duration), Failed> {
        let measuring = self.begin_measuring(n)?;
        let (report, took) = loop {
            let mark = Mark::now();
            let log = Arc::new(RunLog::open(&self.found.directory, n, name, round));
            let before = self.conditions_before();
            let started = Instant::now();
            let result = self.measure_once(&measuring, instrument, tree, round, &log);
            let took = started.elapsed();
            let cancelled = self.cancel.is_cancelled();
            if !mark.interrupted() || cancelled {
                if !cancelled {
                    self.conditions_after(before.as_ref(), &log);
                }
                break (result?, took);
            }
            (self.notify)(Notice::Void);
        };
        let missing = |metric: &&&str| report.measurement(metric).is_none();
        match metrics.iter().find(missing) {
            Some(metric) => Err(without(report, instrument, metric)),
            None => Ok((report, took)),
        }
    }

    fn measure_once(
        &self,
        _measuring: &Measuring,
        instrument: &Instrument,
        tree: &Tree,
        round: u32,
        log: &Arc<RunLog>,
    ) -> Result<Report, Failed> {
        let notify = Arc::clone(&self.notify);
        let observer: Observer = {
            let log = Arc::clone(log);
            Arc::new(move |event| {
                log.event(&event);
                notify(Notice::Evaluator(event));
            })
        };
        let resources = self.found.experiment.limits.resources();
        let confinement = self
            .confinement(tree, Kind::Evaluation(resources))
            .map_err(|failure| Failed::silent(EvaluateError::Setup(failure.message)))?;
        // What is judged is what is committed: a command that is the target could put another in its place.
        let target = || Contents::read(&tree.directory, self.targets()).ok();
        let before = (!instrument.settings.commands.is_empty()).then(target);
        let result = instrument.measure(
            self.host,
            &self.found.experiment,
            &Surroundings {
                directory: &tree.directory,
                environment: &self.environment_in(tree),
                confinement: &confinement,
                round,
                cancel: &self.cancel,
            },
            observer,
        );
        let result = match result {
            Ok(report) if before.is_some_and(|before| before != target()) => Err(Failed {
                model: report.model.map(Box::new),
                ..Failed::silent(EvaluateError::CandidateFailed(
                    "the target is not what it was before it was measured".to_owned(),
                ))
            }),
            result => result,
        };
        log.result(&result);
        result
    }

    /// Tells what is being done from now on, for try `n`.
    fn doing(&self, n: u64, doing: Doing) {
        let limit = match &doing {
            Doing::Baseline
            | Doing::Measuring(..)
            | Doing::Guarding(..)
            | Doing::Qualifying(_)
            | Doing::Breaking => Some(self.found.experiment.time_limit()),
            Doing::SettingUp(_) => Some(worktrees::SETUP_LIMIT),
            Doing::Asking { limit, .. } => Some(*limit),
            Doing::Waiting(wait) => Some(*wait),
            Doing::WaitingForMachine => None,
        };
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = Some((n, doing.clone()));
        (self.notify)(Notice::Doing(&Activity {
            n,
            doing,
            limit,
            since: Instant::now(),
        }));
    }

    /// What was told last, and for which try.
    fn is_doing(&self) -> Option<(u64, Doing)> {
        let doing = self.doing.lock();
        doing.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn meaning(&self) -> String {
        self.instrument
            .meaning(&self.found.experiment, &self.policy)
    }

    fn targets(&self) -> &[String] {
        &self.found.experiment.target
    }
}

fn incumbent_of(history: &History) -> Result<Incumbent, Failure> {
    history.incumbent.clone().ok_or_else(|| {
        Failure::new(Exit::Failure, "the journal has a try and no baseline")
            .hint("move the journal away to start the experiment's record anew")
    })
}

/// A report that lacks a metric.
fn without(report: Report, instrument: &Instrument, metric: &str) -> Failed {
    let descriptor = instrument.evaluator.descriptor();
    let message = instrument::not_reported(descriptor, metric, &report.diagnostics);
    Failed {
        model: report.model.map(Box::new),
        ..Failed::silent(EvaluateError::CandidateFailed(message))
    }
}

/// A step of the session that the driver cannot follow: a mistake in this program.
fn out_of_step() -> Failure {
    Failure::new(Exit::Failure, "the session and its driver are out of step")
        .hint("please report this; nothing is lost, run again")
}

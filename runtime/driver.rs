//! Carry out what the session decides: worktrees, measurements, the journal, refs, the checkout.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::decision::{Policy, Ruling, Verdict};
use crate::experiment::{Experiment, Id, Workspace as WorktreeNeeds};
use crate::failure::{Exit, Failure};
use crate::git::CommitId;
use crate::host::{EvaluateError, Event, Failed, Host, Observer, Report};
use crate::instrument::{self, Instrument};
use crate::journal::{Baseline, Event as Recorded, History, Incumbent, Journal, Judged, Try};
use crate::measure::Measurement;
use crate::process::{self, Cancel, CommandLine, Exit as ProcessExit, Launcher};
use crate::project::{DIRECTORY, Definition, Found, Project};
use crate::runlog::RunLog;
use crate::session::{Session, Side, Step};
use crate::text;
use crate::workspace::{Contents, Slot, Tree, Workspace};

/// What confines the commands: nothing yet but their own process tree.
const SANDBOX: &str = "none";
/// How long a setup command may take: installing has nothing to do with the budget of a measurement.
const SETUP_LIMIT: Duration = Duration::from_mins(30);
/// The longest description of a try, in characters.
const DESCRIPTION_LIMIT: usize = 500;

/// What happens, for whoever watches.
#[derive(Debug)]
pub enum Notice<'a> {
    /// What was found out about a new experiment's worktrees.
    Needs(&'a WorktreeNeeds),
    MeasuringBaseline,
    Baseline(&'a Baseline),
    /// The baseline does not count any more: evaluator or settings are others.
    MeaningChanged,
    Trying(&'a Try),
    Measuring(Side),
    Judged(&'a Judged),
    /// Files of HEAD, besides the target, that are not what they are in the incumbent's commit.
    Newer(&'a [PathBuf]),
    /// Files that were edited while their candidate was measured, and stay as they are.
    LeftAlone(&'a [String]),
    /// A try that an earlier run did not finish.
    Interrupted(&'a Try),
    /// A verdict of an earlier run that is put into effect only now.
    Unsettled(&'a Judged),
    Evaluator(Event<'a>),
    SettingUp(&'a CommandLine),
    NotShared(&'a str),
}

/// Receives notices; called from the host's threads too.
pub type Notify = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

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
}

impl<'a> Lab<'a> {
    /// Loads the evaluator and checks the settings; touches neither worktrees nor the journal.
    pub fn open(
        host: &'a Host,
        launcher: &'a Launcher,
        project: &'a Project,
        found: Found,
        state: &Path,
        notify: Notify,
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
        (self.notify)(Notice::MeasuringBaseline);
        let started = Instant::now();
        let tree = self.tree(Slot::First, commit)?;
        self.incumbent_contents(&tree)?;
        let log = RunLog::open(&self.found.directory, 0, "baseline");
        let (report, value) = self
            .measure(&tree, log)
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

    /// Judges the target as it stands in the checkout, once.
    ///
    /// Returns the verdict, or `None` where the target is the incumbent's.
    pub fn run_single(
        &self,
        journal: &mut Journal,
        description: &str,
    ) -> Result<Option<Judged>, Failure> {
        if self
            .project
            .repository
            .is_checked_out(&self.found.id.branch())
        {
            return Err(Failure::input(format!(
                "the experiment's own branch `autoresearch/{}` is checked out",
                self.found.id
            ))
            .hint("switch to another branch: keeps are added to that one behind your back"));
        }
        let _held = self.workspace.hold()?;
        self.recover(journal)?;
        // Before anything is measured: a target that is unfit is not the measurement's fault.
        Contents::read(&self.project.directory, self.targets())?;
        self.warn_of_newer_files(journal.history())?;
        let meaning = self.meaning();
        let history = journal.history();
        let comparable = history
            .baseline
            .as_ref()
            .is_some_and(|baseline| baseline.meaning == meaning);
        if !comparable && history.baseline.is_some() {
            (self.notify)(Notice::MeaningChanged);
        }
        let incumbent = history.incumbent.clone();
        let known = incumbent.as_ref().filter(|_| comparable).map(|i| i.value);
        let mut session = Session::new(self.policy.clone(), known, 1);
        let mut turn: Option<Turn> = None;
        let mut outcome = None;
        loop {
            match session.next_step() {
                Step::MeasureBaseline => {
                    let commit = match &incumbent {
                        Some(incumbent) => incumbent.commit.clone(),
                        None => self.start_commit()?,
                    };
                    let baseline = self.measure_baseline(&commit)?;
                    (self.notify)(Notice::Baseline(&baseline));
                    session.baseline(baseline.value);
                    if incumbent.is_some() {
                        journal.append(Recorded::Baseline(baseline))?;
                    } else {
                        self.start(journal, baseline)?;
                    }
                }
                Step::Propose => {
                    let incumbent = incumbent_of(journal.history())?;
                    turn = self.take_up(journal, &incumbent, description)?;
                    match &turn {
                        Some(turn) => {
                            (self.notify)(Notice::Trying(&turn.candidate));
                            session.proposed(coin());
                        }
                        None => session.finish(),
                    }
                }
                Step::Measure(side) => {
                    let turn = turn.as_mut().ok_or_else(out_of_step)?;
                    if let Err(error) = self.measure_side(turn, side, &mut session) {
                        let reason = format!("not judged: {error}");
                        self.give_up(journal, &turn.candidate, &reason)?;
                        return Err(error);
                    }
                }
                Step::Record {
                    ruling,
                    value,
                    incumbent,
                } => {
                    let turn = turn.take().ok_or_else(out_of_step)?;
                    let judged = turn.judged(ruling, value, incumbent);
                    journal.append(Recorded::Verdict(Box::new(judged.clone())))?;
                    (self.notify)(Notice::Judged(&judged));
                    self.settle(journal, &turn.candidate, &judged, || {
                        Ok((turn.incumbent_contents.clone(), turn.contents.clone()))
                    })?;
                    session.recorded();
                    outcome = Some(judged);
                }
                Step::Finish => return Ok(outcome),
            }
        }
    }

    /// The commit that the experiment starts from: the user's HEAD, or what the original tool has
    /// kept. Any other branch that is there already is that of a journal which was lost.
    fn start_commit(&self) -> Result<CommitId, Failure> {
        if let Some(tip) = self.branch_of_the_original()? {
            return Ok(tip);
        }
        let branch = self.found.id.branch();
        if self.project.repository.resolve(&branch)?.is_some() {
            return Err(branch_exists(&self.found.id));
        }
        Ok(self.project.repository.head.clone())
    }

    /// Where the original tool left the branch of an experiment of its own.
    fn branch_of_the_original(&self) -> Result<Option<CommitId>, Failure> {
        match self.found.definition {
            Definition::Toml => Ok(None),
            Definition::Config => Ok(self.project.repository.resolve(&self.found.id.branch())?),
        }
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

    /// Finishes what an earlier run that was killed left open.
    fn recover(&self, journal: &mut Journal) -> Result<(), Failure> {
        if let Some(candidate) = journal.history().interrupted.clone() {
            (self.notify)(Notice::Interrupted(&candidate));
            self.give_up(journal, &candidate, "interrupted: not judged")?;
        }
        if let Some((candidate, judged)) = journal.history().unsettled.clone() {
            (self.notify)(Notice::Unsettled(&judged));
            self.settle(journal, &candidate, &judged, || {
                let tree = self.tree(Slot::First, &candidate.parent)?;
                let incumbent = Contents::read(&tree.directory, self.targets())?;
                tree.reset(&candidate.commit)?;
                Ok((incumbent, Contents::read(&tree.directory, self.targets())?))
            })?;
        }
        Ok(())
    }

    /// Ends a try that nobody judged. The checkout keeps the candidate, to be taken up again.
    fn give_up(&self, journal: &mut Journal, candidate: &Try, reason: &str) -> Result<(), Failure> {
        let judged = Judged {
            n: candidate.n,
            verdict: Verdict::Crash,
            reason: text::clean_line(reason, 500),
            unjudged: true,
            value: None,
            incumbent_value: incumbent_of(journal.history())?.value,
            measurements: vec![],
            incumbent_measurements: vec![],
            diagnostics: vec![],
            seconds: 0.0,
            sandbox: SANDBOX.to_owned(),
        };
        journal.append(Recorded::Verdict(Box::new(judged.clone())))?;
        self.settle(journal, candidate, &judged, || Err(out_of_step()))
    }

    /// Puts a recorded verdict into effect. `contents` are the incumbent's and the candidate's.
    fn settle(
        &self,
        journal: &mut Journal,
        candidate: &Try,
        judged: &Judged,
        contents: impl FnOnce() -> Result<(Contents, Contents), Failure>,
    ) -> Result<(), Failure> {
        self.publish(candidate, judged.verdict)?;
        if judged.verdict != Verdict::Keep && !judged.unjudged {
            let (incumbent, contents) = contents()?;
            let left = incumbent.restore(&self.project.directory, &contents)?;
            if !left.is_empty() {
                (self.notify)(Notice::LeftAlone(&left));
            }
        }
        journal.append_unsynced(Recorded::Settled { n: candidate.n })?;
        Ok(())
    }

    /// Makes the candidate reachable and, for a keep, moves the branch to it.
    fn publish(&self, candidate: &Try, verdict: Verdict) -> Result<(), Failure> {
        let repository = &self.project.repository;
        let reachable = (
            self.found.id.candidate(candidate.n),
            candidate.commit.as_str(),
            None,
        );
        if verdict != Verdict::Keep {
            return Ok(repository.update_refs(&[reachable])?);
        }
        let branch = self.found.id.branch();
        let commit = candidate.commit.as_str();
        let moved_from = |old| (branch.clone(), commit, Some(old));
        let moved = [reachable.clone(), moved_from(candidate.parent.as_str())];
        let Err(error) = repository.update_refs(&moved) else {
            return Ok(());
        };
        match repository.resolve(&branch)? {
            Some(now) if now == candidate.parent => Err(error.into()),
            // An earlier run came this far.
            Some(now) if now == candidate.commit => Ok(repository.update_refs(&[reachable])?),
            // A run was killed between its baseline and the branch, or somebody deleted it.
            None => Ok(repository.update_refs(&[reachable, moved_from("")])?),
            Some(_) => Err(self.branch_moved(&candidate.parent)),
        }
    }

    fn branch_moved(&self, expected: &str) -> Failure {
        let id = &self.found.id;
        Failure::input(format!(
            "the branch `autoresearch/{id}` is not where this experiment left it"
        ))
        .hint(format!(
            "put it back with `git branch -f autoresearch/{id} {expected}` and run again: the verdict is recorded"
        ))
    }

    /// Takes the checkout's target as a candidate on top of the incumbent.
    fn take_up(
        &self,
        journal: &mut Journal,
        incumbent: &Incumbent,
        description: &str,
    ) -> Result<Option<Turn>, Failure> {
        let contents = Contents::read(&self.project.directory, self.targets())?;
        let (tree, incumbent_tree) = self.trees(&incumbent.commit)?;
        let incumbent_contents = self.incumbent_contents(&tree)?;
        if contents == incumbent_contents {
            return Ok(None);
        }
        contents.write(&tree.directory)?;
        let n = 1 + match journal.history().tries {
            // The record may have been lost, and its candidates are still somebody's work.
            0 => self
                .project
                .repository
                .highest_number(&self.found.id.candidates())?,
            tries => tries,
        };
        let description = match text::clean_line(description, DESCRIPTION_LIMIT) {
            empty if empty.is_empty() => format!("try {n}"),
            description => description,
        };
        let message = format!(
            "{description}\n\nAutoresearch-Experiment: {}\nAutoresearch-Try: {n}\n",
            self.found.id
        );
        let committed = std::thread::scope(|scope| {
            let ready = scope.spawn(|| {
                self.make_ready(&tree)?;
                incumbent_tree
                    .as_ref()
                    .map_or(Ok(()), |tree| self.make_ready(tree))
            });
            let committed = tree.commit(&self.project.paths(self.targets()), &message);
            ready.join().unwrap_or_else(|_| Err(out_of_step()))?;
            Ok::<_, Failure>(committed?)
        })?;
        let Some(commit) = committed else {
            // Git's own filters make the two the same.
            return Ok(None);
        };
        let candidate = Try {
            n,
            commit,
            parent: incumbent.commit.clone(),
            description,
        };
        // Nothing changes on its account until the verdict, which is synced with it.
        journal.append_unsynced(Recorded::Try(candidate.clone()))?;
        Ok(Some(Turn {
            candidate,
            contents,
            incumbent_contents,
            candidate_tree: tree,
            incumbent_tree,
            started: Instant::now(),
            report: None,
            incumbent_report: None,
        }))
    }

    /// The target in a worktree that stands at the incumbent.
    fn incumbent_contents(&self, tree: &Tree) -> Result<Contents, Failure> {
        Contents::read(&tree.directory, self.targets()).map_err(|failure| {
            Failure {
                message: format!("in the best version's commit: {}", failure.message),
                ..failure
            }
            .hint("commit the target; one that was added later needs an experiment of its own")
        })
    }

    fn measure_side(
        &self,
        turn: &mut Turn,
        side: Side,
        session: &mut Session,
    ) -> Result<(), Failure> {
        (self.notify)(Notice::Measuring(side));
        let (tree, name) = match side {
            Side::Candidate => (Some(&turn.candidate_tree), "candidate"),
            Side::Incumbent => (turn.incumbent_tree.as_ref(), "incumbent"),
        };
        let tree = tree.ok_or_else(out_of_step)?;
        let log = RunLog::open(&self.found.directory, turn.candidate.n, name);
        match (self.measure(tree, log), side) {
            (Ok((report, value)), side) => {
                match side {
                    Side::Candidate => turn.report = Some(report),
                    Side::Incumbent => turn.incumbent_report = Some(report),
                }
                session.measured(side, value);
            }
            (Err(failed), Side::Candidate) if failed.error.blames_candidate() => {
                session.crashed(text::clean_line(&failed.to_string(), 500));
            }
            (Err(failed), side) => {
                let failure = Failure::evaluation(&failed);
                let who = match side {
                    Side::Candidate => "the candidate",
                    Side::Incumbent => "the incumbent",
                };
                return Err(Failure {
                    message: format!("{who} cannot be measured: {}", failure.message),
                    ..failure
                });
            }
        }
        Ok(())
    }

    fn measure(&self, tree: &Tree, log: RunLog) -> Result<(Report, f64), Failed> {
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
            &Cancel::default(),
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

    /// The candidate's worktree and, for a metric with noise, the incumbent's, both at the
    /// incumbent and yet to be made ready.
    fn trees(&self, incumbent: &str) -> Result<(Tree, Option<Tree>), Failure> {
        if self.policy.deterministic {
            return Ok((self.tree(Slot::First, incumbent)?, None));
        }
        let slots = self.workspace.roles(incumbent);
        let (first, second) = self.workspace.trees(slots, incumbent)?;
        Ok((first, Some(second)))
    }

    /// A worktree at a commit, with what it shares, set up.
    fn tree(&self, slot: Slot, commit: &str) -> Result<Tree, Failure> {
        let tree = self.workspace.tree(slot, commit)?;
        self.make_ready(&tree)?;
        Ok(tree)
    }

    /// Sees to what is not tracked: leftovers go, shared paths and what `setup` makes come.
    fn make_ready(&self, tree: &Tree) -> Result<(), Failure> {
        tree.clean()?;
        let workspace = &self.found.experiment.workspace;
        for path in tree.share(&self.project.directory, &workspace.share)? {
            (self.notify)(Notice::NotShared(&path));
        }
        match &workspace.setup {
            Some(setup) => self.set_up(tree, setup),
            None => Ok(()),
        }
    }

    /// Runs the setup command, unless it has been run in this worktree.
    fn set_up(&self, tree: &Tree, setup: &CommandLine) -> Result<(), Failure> {
        let done = setup.to_string();
        if std::fs::read_to_string(&tree.setup_note).is_ok_and(|note| note == done) {
            return Ok(());
        }
        (self.notify)(Notice::SettingUp(setup));
        let experiment = &self.found.experiment;
        let command = process::Command {
            line: setup,
            directory: &tree.directory,
            environment: &self.environment,
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
        let output = process::run(self.launcher, &command, &Cancel::default())
            .map_err(|error| failed(error.to_string()))?;
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

    fn meaning(&self) -> String {
        self.instrument
            .meaning(&self.found.experiment, &self.policy)
    }

    fn targets(&self) -> &[String] {
        &self.found.experiment.target
    }
}

/// The failure where an experiment's branch is there before the experiment.
pub fn branch_exists(id: &Id) -> Failure {
    Failure::input(format!("there is a branch `autoresearch/{id}` already")).hint(format!(
        "choose another name, or put it aside: `git branch -m autoresearch/{id} old-{}`",
        id.name()
    ))
}

/// One candidate on its way to a verdict.
struct Turn {
    candidate: Try,
    contents: Contents,
    incumbent_contents: Contents,
    candidate_tree: Tree,
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

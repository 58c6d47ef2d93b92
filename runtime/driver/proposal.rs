//! Where candidates come from: the checkout, an agent, or a try that nobody judged.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::run::{Run, Turn};
use super::{Doing, Lab, Notice, out_of_step};
use crate::decision::Ruling;
use crate::failure::{Exit, Failure};
use crate::git::{CommitId, GitError, Snapshot, Touched};
use crate::journal::{AgentUse, History, Incumbent, Journal, Try};
use crate::measure::{Diagnostic, Severity, Source};
use crate::prompt::{self, Brief};
use crate::proposer::{Agent, Outcome, Reply, Request};
use crate::runlog;
use crate::sandbox::{Kind, Tier};
use crate::session::{Ended, Task};
use crate::text;
use crate::workspace::{Contents, Tree};

/// The longest description of a try, in characters.
const DESCRIPTION_LIMIT: usize = 500;
/// How long to wait at first where a provider wants that; then twice as long each time.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest single wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// What came of asking for a candidate.
pub(super) enum Proposed {
    /// Committed in its worktree, which is ready to be measured in.
    Candidate(Box<Turn>),
    /// Not to be measured, for this reason.
    Unfit(Box<Turn>, Ruling),
    /// There is none, and there will be none.
    Over(Ended),
    /// The run cannot go on. What the proposal cost is to be recorded all the same.
    Failed(Box<Try>, Failure),
}

/// What came of asking an agent once.
enum Asked {
    Proposed(Proposed),
    NotNow {
        message: String,
        most: Duration,
        used: AgentUse,
    },
    Stopped(AgentUse),
}

impl Run<'_> {
    /// Has an agent change the target, and takes that up. Waits while it has no answer.
    pub(super) fn ask(
        &mut self,
        journal: &Journal,
        incumbent: &Incumbent,
        agent: &Agent,
        task: Task,
    ) -> Result<Proposed, Failure> {
        let lab = self.lab;
        let mut wait = FIRST_WAIT;
        let mut waited = Duration::ZERO;
        loop {
            let crashed = match task {
                Task::Improve => None,
                Task::Fix => self.crashed.as_ref(),
            };
            let left = self
                .bounds
                .cost_usd
                .map(|most| (most - self.tally.cost_usd).max(0.0));
            let asked = lab.ask(journal, incumbent, agent, crashed, left)?;
            let (message, most) = match asked {
                Asked::Proposed(proposed) => return Ok(proposed),
                Asked::Stopped(used) => {
                    self.tally.used(&used);
                    return Ok(Proposed::Over(Ended::Stopped));
                }
                Asked::NotNow {
                    message,
                    most,
                    used,
                } => {
                    self.tally.used(&used);
                    (message, most)
                }
            };
            if !self.bounds.unattended {
                return Err(Failure::new(
                    Exit::Environment,
                    format!("{} has no answer now: {message}", agent.name()),
                )
                .hint("try again later; with `--loop` it waits"));
            }
            if waited + wait > most {
                return Err(no_answer_for(agent.name(), waited, &message));
            }
            let is_time = |time| self.started.elapsed() + wait < time;
            let is_money = |most| self.tally.cost_usd < most;
            let over = if !self.bounds.time.is_none_or(is_time) {
                Some(Ended::Time)
            } else if !self.bounds.cost_usd.is_none_or(is_money) {
                Some(Ended::Cost)
            } else {
                None
            };
            (lab.notify)(Notice::NotNow {
                message: &message,
                wait: Some(wait).filter(|_| over.is_none()),
                most: most.saturating_sub(waited),
            });
            if let Some(over) = over {
                return Ok(Proposed::Over(over));
            }
            lab.doing(journal.history().tries + 1, Doing::Waiting(wait));
            if lab.wait(wait) {
                return Ok(Proposed::Over(Ended::Stopped));
            }
            waited += wait;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// The failure where somebody was waited for in vain.
pub(super) fn no_answer_for(who: &str, waited: Duration, message: &str) -> Failure {
    let waited = Duration::from_secs(waited.as_secs());
    Failure::new(
        Exit::Environment,
        format!(
            "{who} has had no answer for {}: {message}",
            humantime::format_duration(waited)
        ),
    )
    .hint("run again to go on when it has; every try is recorded")
}

impl Lab<'_> {
    /// Waits; true where it is to stop before.
    pub(super) fn wait(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.cancel.is_cancelled() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Takes the checkout's target as a candidate on top of the incumbent.
    pub(super) fn take_up(
        &self,
        journal: &Journal,
        incumbent: &Incumbent,
        description: &str,
    ) -> Result<Proposed, Failure> {
        let contents = Contents::read(&self.project.directory, self.targets())?;
        let place = self.place(journal.history(), incumbent)?;
        if contents == place.incumbent_contents {
            return Ok(Proposed::Over(Ended::NothingToTry));
        }
        self.check_is_somebodys(journal.history(), incumbent)?;
        let description = match text::clean_line(description, DESCRIPTION_LIMIT) {
            empty if empty.is_empty() => None,
            description => Some(description),
        };
        let candidate = place.candidate(incumbent, description, Some(&contents));
        self.commit_and_make_ready(place, candidate, contents)
    }

    /// Fails where the checkout's target is as it was before the first keep: nobody has changed it,
    /// and after a discard the best version would take its place.
    fn check_is_somebodys(&self, history: &History, incumbent: &Incumbent) -> Result<(), Failure> {
        let baseline = history.baseline.as_ref().map(|baseline| &baseline.commit);
        let Some(baseline) = baseline.filter(|commit| **commit != incumbent.commit) else {
            return Ok(());
        };
        let repository = &self.project.repository;
        let paths = self.paths();
        if !repository.is_as_in(&repository.head, &paths)?
            || !repository.is_as_in(baseline, &paths)?
        {
            return Ok(());
        }
        Err(Failure::input(format!(
            "there is nothing to try: {} as at the start, and not the best one so far",
            if paths.len() == 1 {
                "the target is"
            } else {
                "the targets are"
            }
        ))
        .hint(format!(
            "edit {} first, or have an agent do it with `--agent`",
            self.targets().join(", ")
        )))
    }

    /// Takes up again what an agent proposed and nobody judged.
    pub(super) fn take_again(
        &self,
        journal: &Journal,
        incumbent: &Incumbent,
    ) -> Result<Option<Proposed>, Failure> {
        let Some(unjudged) = journal
            .history()
            .unjudged
            .as_ref()
            .filter(|unjudged| unjudged.commit != unjudged.parent)
        else {
            return Ok(None);
        };
        let place = self.place(journal.history(), incumbent)?;
        place.tree.reset(&unjudged.commit)?;
        let contents = place.tree.contents(self.targets())?;
        place.tree.reset(&incumbent.commit)?;
        if contents == place.incumbent_contents {
            return Ok(None);
        }
        let mut candidate = place.candidate(
            incumbent,
            Some(unjudged.description.clone()),
            Some(&contents),
        );
        // What it cost is in the row of the first time.
        candidate.agent = unjudged.agent.as_ref().map(|used| AgentUse {
            name: used.name.clone(),
            model: used.model.clone(),
            cost_usd: Some(0.0),
            ..AgentUse::default()
        });
        candidate.mends = unjudged.mends;
        self.commit_and_make_ready(place, candidate, contents)
            .map(Some)
    }

    /// Has an agent change the target in the candidate's worktree, once.
    fn ask(
        &self,
        journal: &Journal,
        incumbent: &Incumbent,
        agent: &Agent,
        crashed: Option<&(u64, Contents)>,
        max_cost_usd: Option<f64>,
    ) -> Result<Asked, Failure> {
        let history = journal.history();
        let place = self.place(history, incumbent)?;
        self.make_ready_both(&place.tree, place.incumbent_tree.as_ref())?;
        if let Some((_, contents)) = crashed {
            contents.write(&place.tree.directory)?;
        }
        let snapshot = place.tree.snapshot()?;
        let directory = runlog::directory(&self.found.directory, place.n)
            .map_err(|error| cannot_keep(&self.found.directory, &error))?;
        let prompt = directory.join("prompt.md");
        std::fs::write(&prompt, self.prompt(history, incumbent, crashed.is_some()))
            .map_err(|error| cannot_keep(&prompt, &error))?;
        let limit = agent.settings().timeout;
        let name = agent.name().to_owned();
        self.doing(place.n, Doing::Asking { agent: name, limit });
        // Where a sandbox shows the worktree in the checkout's place, what lies there cannot be seen.
        let copy = self
            .shows_worktrees()
            .then(|| copied(&prompt))
            .transpose()
            .map_err(|error| cannot_keep(&prompt, &error))?;
        agent.check_login(&self.project.directory)?;
        if self.sandbox.tier() != Tier::None {
            agent.make_room();
        }
        let confinement = self.confinement(&place.tree, Kind::Agent(&agent.keeps()))?;
        let request = Request {
            prompt: copy.as_ref().map_or(&prompt, |copy| copy.path()),
            confinement: &confinement,
            transcript: &directory.join("agent.log"),
            directory: &place.tree.directory,
            targets: self.targets(),
            max_cost_usd,
            environment: &self.caches_of_agents(&place.tree),
        };
        let reply = agent.ask(self.launcher, &request, &self.cancel)?;
        let mut candidate = place.candidate(incumbent, None, None);
        candidate.agent = Some(reply.used.clone());
        candidate.mends = crashed.map(|(n, _)| *n);
        let recorded = candidate.clone();
        self.take_in(place, candidate, reply, &snapshot, history)
            .or_else(|failure| {
                let failed = Proposed::Failed(Box::new(recorded), failure);
                Ok(Asked::Proposed(failed))
            })
    }

    /// Makes a proposal of what an agent left in the candidate's worktree.
    fn take_in(
        &self,
        mut place: Place,
        mut candidate: Try,
        reply: Reply,
        snapshot: &Snapshot,
        history: &History,
    ) -> Result<Asked, Failure> {
        self.check_git()?;
        let touched = place.tree.touched(snapshot, &self.paths());
        let contents = place.tree.contents(self.targets());
        let proposed = |proposed| Ok(Asked::Proposed(proposed));
        let description = match reply.outcome {
            Outcome::Cancelled => return Ok(Asked::Stopped(reply.used)),
            Outcome::NotNow { message, most } => {
                return Ok(Asked::NotNow {
                    message,
                    most,
                    used: reply.used,
                });
            }
            Outcome::Failed(reason) => {
                candidate.mends = None;
                return proposed(place.unfit(candidate, Ruling::crash(reason)));
            }
            Outcome::Unclear(words) => {
                let is_changed = contents
                    .as_ref()
                    .is_ok_and(|contents| *contents != place.incumbent_contents);
                if !is_changed {
                    candidate.mends = None;
                    let reason = format!("the agent ended without a result: {words}");
                    return proposed(place.unfit(candidate, Ruling::crash(reason)));
                }
                (self.notify)(Notice::UnknownResult(&reply.used.name));
                None
            }
            Outcome::Done(description) => description,
        };
        if let Some(description) = description {
            candidate.description = description;
        }
        candidate.content = contents.as_ref().ok().map(Contents::digest);
        let touched = match touched {
            Ok(touched) => touched,
            Err(error) => {
                // It is made anew for the next.
                candidate.content = None;
                let ruling = if error.is_refusal() {
                    Ruling::crash(refused(&error))
                } else {
                    Ruling::discard(format!("it breaks its worktree: {error}"))
                };
                return proposed(place.unfit(candidate, ruling));
            }
        };
        if touched.added.count > 0 {
            (self.notify)(Notice::Removed(&touched.added));
            place.remarks.push(Diagnostic {
                severity: Severity::Info,
                message: format!(
                    "new files besides the target were removed: {}",
                    touched.added
                ),
                source: Source::Runtime,
            });
        }
        let reason = self.unfit(&touched, contents.as_ref(), &place, history);
        proposed(match (reason, contents) {
            (None, Ok(contents)) => self.commit(place, candidate, contents)?,
            (Some(reason), contents) => {
                if let Ok(contents) = contents
                    && contents != place.incumbent_contents
                {
                    // Not to be measured, but somebody's work all the same.
                    let message = self.message(&candidate);
                    match place.tree.commit(&self.paths(), &message) {
                        Ok(Some(commit)) => candidate.commit = commit,
                        Err(error) if !error.is_refusal() => return Err(error.into()),
                        _ => {}
                    }
                }
                place.unfit(candidate, Ruling::discard(reason))
            }
            (None, Err(failure)) => return Err(failure),
        })
    }

    /// Why a proposal is not to be measured.
    fn unfit(
        &self,
        touched: &Touched,
        contents: Result<&Contents, &Failure>,
        place: &Place,
        history: &History,
    ) -> Option<String> {
        if touched.head {
            return Some("it commits, or moves HEAD: that is not the agent's to do".to_owned());
        }
        if touched.pointer {
            return Some("it changes the worktree's `.git`".to_owned());
        }
        let shared = &self.found.experiment.workspace.share;
        // What a sandbox shows in its place cannot be replaced.
        if !self.shows_worktrees()
            && let Some(path) = place.tree.replaced(&self.project.directory, shared)
        {
            return Some(format!("it replaces the shared `{path}`"));
        }
        if touched.changed.count > 0 {
            return Some(format!(
                "it changes more than the target: {}",
                touched.changed
            ));
        }
        let contents = match contents {
            Ok(contents) => contents,
            Err(failure) => return Some(failure.message.clone()),
        };
        if contents.modes() != place.incumbent_contents.modes() {
            return Some("it changes the target's mode".to_owned());
        }
        if *contents == place.incumbent_contents {
            return Some("it changes nothing".to_owned());
        }
        history
            .judged_as(&contents.digest(), |meaning| {
                self.guards.iter().any(|guard| guard.meaning == meaning)
            })
            .map(|n| format!("it is the same as try {n}"))
    }

    fn prompt(&self, history: &History, incumbent: &Incumbent, fix: bool) -> String {
        let program = std::fs::read(self.found.directory.join("program.md")).unwrap_or_default();
        // In whatever encoding: better a few marks in it than nothing of it.
        let program = String::from_utf8_lossy(&program);
        let failure = history
            .recent
            .back()
            .filter(|row| row.verdict == crate::decision::Verdict::Crash || row.by_guard)
            .map(|row| {
                // That of the evaluator which failed, or failed it.
                let log = runlog::last(&self.found.directory, row.n, "candidate")
                    .map_or_else(String::new, |path| runlog::end(&path));
                format!("{}\n{log}", row.reason)
            });
        prompt::prompt(&Brief {
            program: &program,
            targets: self.targets(),
            policy: &self.policy,
            history,
            incumbent,
            requirements: &self.requirements(incumbent),
            commands: &self.commands(),
            failure: failure.as_deref(),
            fix,
        })
    }

    /// What each evaluator's commands are, the objective's first.
    fn commands(&self) -> Vec<String> {
        self.instruments()
            .flat_map(|instrument| {
                let evaluator = &instrument.evaluator.descriptor().name;
                let commands = instrument.settings.commands.iter();
                commands.map(move |(role, line)| format!("{role} of {evaluator}: `{line}`"))
            })
            .collect()
    }

    /// The prompt that an agent would get now.
    pub fn next_prompt(&self, history: &History) -> Option<String> {
        let incumbent = history.incumbent.as_ref()?;
        Some(self.prompt(history, incumbent, false))
    }

    /// Worktrees at the incumbent, and what the next try is to be called.
    fn place(&self, history: &History, incumbent: &Incumbent) -> Result<Place, Failure> {
        self.check_git()?;
        let (tree, incumbent_tree) = self.trees(&incumbent.commit)?;
        let incumbent_contents = self.incumbent_contents(&tree)?;
        let n = 1 + match history.tries {
            // The record may have been lost, and its candidates are still somebody's work.
            0 => self
                .project
                .repository
                .highest_number(&self.found.id.candidates())?,
            tries => tries,
        };
        Ok(Place {
            n,
            tree,
            incumbent_tree,
            incumbent_contents,
            remarks: Vec::new(),
        })
    }

    /// Commits a candidate in a worktree that is not ready yet, and makes it ready meanwhile.
    fn commit_and_make_ready(
        &self,
        place: Place,
        candidate: Try,
        contents: Contents,
    ) -> Result<Proposed, Failure> {
        if self.found.experiment.workspace.setup.is_some() {
            // It sets up the incumbent: that a candidate breaks it is for the evaluator to find out.
            self.make_ready_both(&place.tree, place.incumbent_tree.as_ref())?;
            contents.write(&place.tree.directory)?;
            return self.commit(place, candidate, contents);
        }
        contents.write(&place.tree.directory)?;
        let committed = std::thread::scope(|scope| {
            let ready =
                scope.spawn(|| self.make_ready_both(&place.tree, place.incumbent_tree.as_ref()));
            let committed = place.tree.commit(&self.paths(), &self.message(&candidate));
            ready.join().unwrap_or_else(|_| Err(out_of_step()))?;
            Ok::<_, Failure>(committed)
        })?;
        self.committed(place, candidate, contents, committed)
    }

    /// Commits what is in a worktree that is ready.
    fn commit(
        &self,
        place: Place,
        candidate: Try,
        contents: Contents,
    ) -> Result<Proposed, Failure> {
        let committed = place.tree.commit(&self.paths(), &self.message(&candidate));
        self.committed(place, candidate, contents, committed)
    }

    /// A candidate that git was given to commit. Its worktree is brought to what the commit checks
    /// out to.
    fn committed(
        &self,
        place: Place,
        candidate: Try,
        contents: Contents,
        committed: Result<Option<CommitId>, GitError>,
    ) -> Result<Proposed, Failure> {
        let in_its_form = committed.and_then(|commit| {
            if let Some(commit) = &commit
                && self.converts(&place.tree)?
            {
                place.tree.check_out_again(&self.paths(), commit)?;
            }
            Ok(commit)
        });
        match in_its_form {
            Ok(commit) => Ok(place.committed(candidate, contents, commit)),
            Err(error) if !error.is_refusal() => Err(error.into()),
            Err(error) if candidate.agent.is_some() => {
                Ok(place.unfit(candidate, Ruling::crash(refused(&error))))
            }
            // It stays as it stands in the checkout.
            Err(error) => Err(Failure::input(format!(
                "git refuses the target as it stands: {error}"
            ))
            .hint("mend the target, or the filter that git has for it; nothing was changed")),
        }
    }

    /// Whether git checks out the target in another form than it was committed in.
    fn converts(&self, tree: &Tree) -> Result<bool, GitError> {
        if let Some(known) = self.converts.get() {
            return Ok(*known);
        }
        let converts = tree.converts(&self.paths())?;
        Ok(*self.converts.get_or_init(|| converts))
    }

    /// The targets, relative to the repository's top.
    fn paths(&self) -> Vec<PathBuf> {
        self.project.paths(self.targets())
    }
}

/// Where the next candidate is made.
struct Place {
    n: u64,
    tree: Tree,
    incumbent_tree: Option<Tree>,
    incumbent_contents: Contents,
    /// What is to be told of the candidate.
    remarks: Vec<Diagnostic>,
}

impl Place {
    /// A try that is not committed yet.
    fn candidate(
        &self,
        incumbent: &Incumbent,
        description: Option<String>,
        contents: Option<&Contents>,
    ) -> Try {
        Try {
            n: self.n,
            commit: incumbent.commit.clone(),
            parent: incumbent.commit.clone(),
            description: description.unwrap_or_else(|| format!("try {}", self.n)),
            content: contents.map(Contents::digest),
            agent: None,
            mends: None,
        }
    }

    /// A candidate that was committed; where git's own filters make it the same as the incumbent,
    /// there is no commit.
    fn committed(self, mut candidate: Try, contents: Contents, commit: Option<String>) -> Proposed {
        match commit {
            Some(commit) => {
                candidate.commit = commit;
                Proposed::Candidate(Box::new(self.turn(candidate, contents, true)))
            }
            None if candidate.agent.is_none() => Proposed::Over(Ended::NothingToTry),
            None => self.unfit(candidate, Ruling::discard("it changes nothing")),
        }
    }

    fn unfit(self, candidate: Try, ruling: Ruling) -> Proposed {
        let contents = self.incumbent_contents.clone();
        Proposed::Unfit(Box::new(self.turn(candidate, contents, false)), ruling)
    }

    fn turn(self, candidate: Try, contents: Contents, fit: bool) -> Turn {
        Turn {
            candidate,
            contents,
            incumbent_contents: self.incumbent_contents,
            candidate_tree: Some(self.tree).filter(|_| fit),
            incumbent_tree: self.incumbent_tree,
            started: Instant::now(),
            stamps: (None, None),
            reports: Vec::new(),
            incumbent_reports: Vec::new(),
            model: None,
            objective: Duration::ZERO,
            guards: Vec::new(),
            remarks: self.remarks,
        }
    }
}

/// Why a candidate that git refuses is none.
fn refused(error: &GitError) -> String {
    text::clean_line(&format!("git refuses it: {error}"), 500)
}

/// A copy of a file, which goes when it is dropped.
fn copied(file: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let copy = tempfile::Builder::new()
        .prefix("autoresearch-")
        .suffix(".md")
        .tempfile()?;
    std::fs::copy(file, copy.path())?;
    Ok(copy)
}

fn cannot_keep(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("cannot write in `{}`: {error}", path.display()),
    )
    .hint("make it possible and run again: nothing is lost")
}

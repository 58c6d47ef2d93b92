//! A new experiment: what was asked for, checked, its baseline measured, and only then written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::directories;
use crate::driver::{Lab, Notice, Notify, branch_exists};
use crate::environment::Environment;
use crate::evaluator::Given;
use crate::experiment::{Call, DEFAULT_BUDGET, DecisionSettings, Experiment, Id};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::grants::{self, Approval, Lock, Standing};
use crate::guard::Guard;
use crate::host::{Host, Limits};
use crate::instrument::Instrument;
use crate::journal::{self, Journal};
use crate::measure::Direction;
use crate::needs;
use crate::process::{Cancel, CommandLine, Launcher};
use crate::project::{self, DEFINITION, DIRECTORY, Definition, Found, Project, Scope, lexically};
use crate::sandbox::Widening;
use crate::workspace::Contents;

/// The domain where none is given.
const DEFAULT_DOMAIN: &str = "custom";
/// Results are not for git; definitions are.
const IGNORE: &str =
    "*/*/journal.jsonl\n*/*/results.tsv\n*/*/results.tsv.old*\n*/*/runs/\n*/*/lock\n";

/// What was asked for.
#[derive(Debug)]
pub struct Wanted {
    /// `custom` where it is none.
    pub domain: Option<String>,
    /// Made from target and evaluator where it is none.
    pub name: Option<String>,
    pub scope: Scope,
    /// With targets and evaluator relative to the project, and without parameters.
    pub experiment: Experiment,
    /// Their types are the evaluator's to say.
    pub parameters: BTreeMap<String, Given>,
    /// What the agent must not do, for program.md.
    pub constraints: Option<String>,
    /// Whether another component than was approved under the same reference is approved.
    pub accept: bool,
    /// What is shared with the worktrees; none if that is to be found out.
    pub share: Option<Vec<String>>,
    pub setup: Setup,
}

/// How the worktrees of an experiment to be made are set up.
#[derive(Debug, PartialEq)]
pub enum Setup {
    /// As the tools that the project uses ask for.
    FindOut,
    /// Not at all, whatever the tools ask for.
    Nothing,
    Command(CommandLine),
}

impl Setup {
    /// What was asked for; what was found otherwise.
    fn or(self, found: Option<CommandLine>) -> Option<CommandLine> {
        match self {
            Self::FindOut => found,
            Self::Nothing => None,
            Self::Command(line) => Some(line),
        }
    }

    /// Whether worktrees that are set up in this way are as asked.
    fn asks_for(&self, there: Option<&CommandLine>) -> bool {
        match self {
            Self::FindOut => true,
            Self::Nothing => there.is_none(),
            Self::Command(line) => there == Some(line),
        }
    }
}

/// The role of evaluators' commands that build what is measured.
const BUILD: &str = "build";

/// An experiment to be made.
#[derive(Debug)]
pub struct Plan {
    pub id: Id,
    directory: PathBuf,
    experiment: Experiment,
    parameters: BTreeMap<String, Given>,
    constraints: Option<String>,
    accept: bool,
    share: Option<Vec<String>>,
    setup: Setup,
    /// What was found about the tools that the project uses.
    tools: Vec<String>,
}

/// An experiment that can be made.
#[derive(Debug)]
pub struct Checked {
    pub found: Found,
    /// A line for the owner about each tool that the project uses.
    pub tools: Vec<String>,
    /// Files that its commands name and that git does not track.
    pub untracked: Vec<String>,
}

impl Plan {
    /// Checks what was asked for, as far as that goes without the evaluator.
    pub fn new(project: &Project, wanted: Wanted) -> Result<Self, Failure> {
        let mut experiment = wanted.experiment;
        let id = id(wanted.domain.as_deref(), wanted.name, &experiment)?;
        let directory = project.experiment_directory(&id, wanted.scope)?;
        if wanted.scope == Scope::User {
            let project = project.directory.to_str().ok_or_else(|| {
                Failure::input("the project's path is not UTF-8").hint("use `--scope project`")
            })?;
            experiment.project = Some(project.to_owned());
        }
        Ok(Self {
            id,
            directory,
            experiment,
            parameters: wanted.parameters,
            constraints: wanted.constraints,
            accept: wanted.accept,
            share: wanted.share,
            setup: wanted.setup,
            tools: Vec::new(),
        })
    }

    /// Checks the rest: the evaluator, the target's files and that the name is free. Finds out what
    /// the worktrees need, and gives the parameters the types that the evaluator says.
    pub fn check(mut self, host: &Host, project: &Project) -> Result<Checked, Failure> {
        if is_taken(&self.directory) {
            return Err(self.taken(project));
        }
        check_targets(project, &self.experiment.target)?;
        self.find_needs(project)?;
        if let Some(branch) = project.repository.conflicting_branch(&self.id.branch())? {
            return Err(if branch == self.id.branch() {
                branch_exists(&self.id)
            } else {
                let branch = branch.trim_start_matches("refs/heads/");
                let failure = Failure::input(format!(
                    "the branch `{branch}` leaves no room for `autoresearch/{}`",
                    self.id
                ));
                failure.hint(if branch == "autoresearch" {
                    "rename that branch: `git branch -m autoresearch old-autoresearch`"
                } else {
                    "choose another name, or rename that branch"
                })
            });
        }
        let call = Call {
            parameters: self.parameters.clone(),
            ..self.experiment.objective.call()
        };
        let instrument = Instrument::load(host, &self.experiment, &call, &project.directory)?;
        let guards = Guard::load_all(host, &self.experiment, &project.directory)?;
        // Whoever it is now, so that another installation does not change what is measured.
        let instruments = guards.iter().map(|guard| &guard.instrument);
        let model = std::iter::once(&instrument)
            .chain(instruments)
            .find_map(|instrument| instrument.model.as_ref())
            .map(|model| model.settings().clone());
        self.experiment.model = model;
        // Only what was given: a default that changes with the evaluator is to change here too.
        self.experiment.objective.parameters = instrument
            .settings
            .parameters
            .into_iter()
            .filter(|(name, _)| self.parameters.contains_key(name))
            .map(|(name, value)| (name, value.to_toml()))
            .collect();
        let guards = self.experiment.guard.iter();
        let lines = self.experiment.objective.commands.values();
        let lines = lines.chain(guards.flat_map(|guard| guard.commands.values()));
        let builds = self.experiment.objective.commands.contains_key(BUILD);
        let untracked = needs::untracked(project, &self.experiment.workspace, builds, lines)?;
        Ok(Checked {
            found: Found {
                id: self.id,
                directory: self.directory,
                definition: Definition::Toml,
                experiment: self.experiment,
            },
            tools: self.tools,
            untracked,
        })
    }

    /// Finds what worktrees need that git does not give them, as far as that is not said.
    fn find_needs(&mut self, project: &Project) -> Result<(), Failure> {
        let found = needs::find(project, &self.experiment.target)?;
        if self.share.is_none() && self.setup == Setup::FindOut {
            self.tools = found.tools;
        }
        self.experiment.sandbox.widening.read.extend(found.read);
        let workspace = &mut self.experiment.workspace;
        workspace.share = self.share.take().unwrap_or(found.workspace.share);
        workspace.setup =
            std::mem::replace(&mut self.setup, Setup::FindOut).or(found.workspace.setup);
        if let Some(missing) = workspace
            .share
            .iter()
            .find(|path| !project.directory.join(path).exists())
        {
            return Err(
                Failure::input(format!("`{missing}` is to be shared and does not exist"))
                    .hint("name paths relative to the project with `--share`"),
            );
        }
        Ok(())
    }

    fn taken(&self, project: &Project) -> Failure {
        let id = &self.id;
        let other = project::load(&self.directory, &project.directory)
            .ok()
            .and_then(|experiment| experiment.project);
        match other.filter(|other| Some(other) != self.experiment.project.as_ref()) {
            Some(other) => Failure::input(format!(
                "the name `{id}` is taken by an experiment about `{other}`"
            ))
            .hint("choose another `--name`"),
            None => exists(id, &self.directory),
        }
    }

    /// Whether an experiment is what this plan would make, apart from what was not asked for.
    pub fn describes(&self, experiment: &Experiment) -> bool {
        let (asked, there) = (&self.experiment.objective, &experiment.objective);
        self.experiment.target == experiment.target
            && asked_for(&self.experiment.budget, &DEFAULT_BUDGET, &experiment.budget)
            && asked_for(&self.experiment.limits, &Limits::default(), &experiment.limits)
            && asked_for(
                &self.experiment.environment,
                &Environment::default(),
                &experiment.environment,
            )
            && asked_for(&self.experiment.model, &None, &experiment.model)
            && asked_for(&self.experiment.guard, &Vec::new(), &experiment.guard)
            && asked_for(
                &self.experiment.decision,
                &DecisionSettings::default(),
                &experiment.decision,
            )
            && asked_for(
                &self.experiment.sandbox.widening,
                &Widening::default(),
                &experiment.sandbox.widening,
            )
            && self.share.as_ref().is_none_or(|share| *share == experiment.workspace.share)
            && self.setup.asks_for(experiment.workspace.setup.as_ref())
            && asked_for(&asked.min_improvement, &None, &there.min_improvement)
            && asked.evaluator == there.evaluator
            && (asked.metric.is_none() || asked.metric == there.metric)
            && (asked.direction.is_none() || asked.direction == there.direction)
            && asked.commands.iter().all(|(role, line)| there.commands.get(role) == Some(line))
            && self.parameters.iter().all(|(name, given)| {
                let there = there.parameters.get(name);
                matches!((given, there), (Given::Text(text), Some(value))
                    if value.as_str().map_or_else(|| value.to_string() == *text, |value| value == text))
            })
    }
}

/// Whether what was asked for is there, or nothing was.
fn asked_for<T: PartialEq>(asked: &T, default: &T, there: &T) -> bool {
    asked == default || asked == there
}

/// Makes an experiment: measures its baseline, and only then writes anything.
pub fn create(
    host: &Host,
    launcher: &Launcher,
    project: &Project,
    plan: Plan,
    notify: &Notify,
    cancel: &Cancel,
) -> Result<Found, Failure> {
    let (constraints, accept) = (plan.constraints.clone(), plan.accept);
    let Checked {
        found,
        tools,
        untracked,
    } = plan.check(host, project)?;
    let lab = Lab::open(
        host,
        launcher,
        project,
        found.clone(),
        &directories::state()?,
        Notify::clone(notify),
        cancel.clone(),
    )?;
    let mut lock = Lock::read(found.experiments())?;
    let approvals: Vec<Approval> = lab.instruments().filter_map(Instrument::wanted).collect();
    for wanted in &approvals {
        let standing = lock.standing(wanted);
        if matches!(standing, Standing::Changed(_)) && !accept {
            return Err(grants::refusal(wanted, standing));
        }
    }
    let held = lab.workspace().hold()?;
    if is_taken(&found.directory) {
        return Err(exists(&found.id, &found.directory));
    }
    notify(Notice::Needs(&found.experiment.workspace, &tools));
    if !untracked.is_empty() {
        notify(Notice::Untracked(&untracked));
    }
    let undo = Undo::new(&found.directory, lab.guards());
    let mut write_all = |first: &str| {
        write(project, &found, &lab, constraints.as_deref(), first)?;
        for wanted in &approvals {
            if lock.standing(wanted) != Standing::Approved {
                lock.approve(wanted)?;
                notify(Notice::Approved(wanted));
            }
        }
        Ok(())
    };
    let measured = lab.measure_baseline(&project.repository.head);
    // Its owner mends what it says, and need not say all of it again.
    let to_be_mended = matches!(&measured, Err(failure)
        if matches!(failure.exit, Exit::Measurement | Exit::Input) && !cancel.is_cancelled());
    let made = match measured {
        Ok(baseline) => {
            notify(Notice::Baseline(&baseline));
            notify(Notice::Guards(&baseline.guards));
            write_all("").and_then(|()| {
                let mut journal = Journal::open(&found.directory)?;
                lab.start(&mut journal, baseline)
            })
        }
        Err(failure) if to_be_mended => write_all(UNMEASURED).and(Err(unmeasured(failure, &found))),
        Err(failure) => Err(failure),
    };
    if let Err(error) = made {
        lab.workspace().remove();
        if !to_be_mended {
            undo.run();
        }
        return Err(error);
    }
    drop(held);
    Ok(found)
}

/// The failure of a baseline whose experiment is written all the same.
fn unmeasured(failure: Failure, found: &Found) -> Failure {
    let written = format!(
        "mend it or `{}`, then `autoresearch run -x {}`",
        found.directory.join(DEFINITION).display(),
        found.id
    );
    let hint = match &failure.hint {
        Some(hint) => format!("{written}; {hint}"),
        None => written,
    };
    failure.hint(hint)
}

/// What a definition begins with whose baseline could not be measured.
const UNMEASURED: &str = "# Its baseline could not be measured. Mend this file and run it, or make it anew with `autoresearch init`.\n";

fn is_taken(directory: &Path) -> bool {
    let definition = directory.join(DEFINITION);
    let is_unmeasured = || {
        let has_journal = journal::path(directory)
            .metadata()
            .is_ok_and(|metadata| metadata.len() > 0);
        !has_journal
            && std::fs::read_to_string(&definition).is_ok_and(|text| text.starts_with(UNMEASURED))
    };
    (definition.exists() && !is_unmeasured()) || project::is_original(directory)
}

fn exists(id: &Id, directory: &Path) -> Failure {
    Failure::input(format!("the experiment `{id}` exists already")).hint(format!(
        "run it with `-x {id}`, choose another `--name`, or remove `{}`",
        directory.display()
    ))
}

/// Takes back what an experiment's making added to its directory, and nothing that was there.
struct Undo {
    files: Vec<PathBuf>,
    /// The innermost first; they go if they are empty then.
    directories: Vec<PathBuf>,
}

impl Undo {
    fn new(experiment: &Path, guards: &[Guard]) -> Self {
        let logs = guards
            .iter()
            .map(|guard| format!("runs/0000/{}.log", guard.log("baseline")));
        let files = [
            DEFINITION,
            "program.md",
            "journal.jsonl",
            "results.tsv",
            "lock",
            "runs/0000/baseline.log",
            "../../.gitignore",
            "../../evaluators.lock",
        ];
        let new = |path: &PathBuf| path.symlink_metadata().is_err();
        Self {
            files: files
                .iter()
                .map(|name| experiment.join(name))
                .chain(logs.map(|log| experiment.join(log)))
                .filter(new)
                .collect(),
            directories: ["runs/0000", "runs", "", "..", "../.."]
                .iter()
                .map(|name| experiment.join(name))
                // Resolved here: `..` of a directory that is gone leads nowhere.
                .map(|path| lexically(&path))
                .filter(new)
                .collect(),
        }
    }

    fn run(&self) {
        for path in &self.files {
            let _ = std::fs::remove_file(lexically(path));
        }
        for path in &self.directories {
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// Writes the experiment's files; the definition begins with `first`.
fn write(
    project: &Project,
    found: &Found,
    lab: &Lab<'_>,
    constraints: Option<&str>,
    first: &str,
) -> Result<(), Failure> {
    let directory = &found.directory;
    std::fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    let write = |path: &Path, text: &str| {
        files::replace(path, text.as_bytes()).map_err(|error| cannot_write(path, &error))
    };
    let definition = found.experiment.to_text().map_err(|error| {
        Failure::input(format!("the experiment cannot be written as TOML: {error}"))
            .hint("give its settings plainer values")
    })?;
    let program = directory.join("program.md");
    if !program.exists() {
        write(&program, &program_text(found, lab, constraints))?;
    }
    let root = if directory.starts_with(&project.directory) {
        Some(project.directory.join(DIRECTORY))
    } else {
        directories::user_experiments()
    };
    if let Some(root) = root {
        ignore_results(&root)?;
    }
    // Last: it is what makes this an experiment, and a run that is killed before begins anew.
    write(&directory.join(DEFINITION), &format!("{first}{definition}"))
}

/// Has git ignore the results in a directory of experiments, unless something is said there already.
pub fn ignore_results(root: &Path) -> Result<(), Failure> {
    let path = root.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    files::replace(&path, IGNORE.as_bytes()).map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("cannot write `{}`: {error}", path.display()),
    )
    .hint("make it possible and try again: nothing was kept")
}

fn program_text(found: &Found, lab: &Lab<'_>, constraints: Option<&str>) -> String {
    let policy = lab.policy();
    let targets = found
        .experiment
        .target
        .iter()
        .map(|path| format!("- `{path}`\n"))
        .collect::<Vec<_>>()
        .concat();
    let verb = match policy.direction {
        Direction::Lower => "Lower",
        Direction::Higher => "Raise",
    };
    format!(
        "# {id}\n\n## Goal\n\n{verb} `{metric}`, as measured by `{evaluator}`: {summary}\n\n\
         ## What may change\n\n{targets}\n\
         ## What may not\n\nEverything else: the evaluator, the tests, this experiment, the dependencies.\n{constraints}\n\
         ## Strategy\n\nOne idea at a time. Start with what is obviously slow, large or unclear; then question the approach.\n\
         Of two results that are equal, the simpler text is the better one.\n",
        id = found.id,
        metric = policy.metric,
        evaluator = found.experiment.objective.evaluator,
        summary = lab.instrument().evaluator.descriptor().summary,
        constraints = constraints.map_or(String::new(), |text| format!("\n{text}\n")),
    )
}

/// The experiment's name: as given, or from the target's file name and the evaluator's.
fn id(domain: Option<&str>, name: Option<String>, experiment: &Experiment) -> Result<Id, Failure> {
    let stem = |path: &str| {
        let stem = Path::new(path)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        stem.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .collect::<String>()
    };
    let name = match (name, experiment.target.first()) {
        (Some(name), _) => name,
        (None, Some(target)) => {
            format!("{}-{}", stem(target), stem(&experiment.objective.evaluator))
                .trim_start_matches(['-', '_'])
                .chars()
                .take(64)
                .collect()
        }
        (None, None) => String::new(),
    };
    Id::new(domain.unwrap_or(DEFAULT_DOMAIN), &name)
        .map_err(|error| Failure::input(error).hint("choose another with `--domain` and `--name`"))
}

/// Checks that every target is a regular file, here and in HEAD.
fn check_targets(project: &Project, targets: &[String]) -> Result<(), Failure> {
    Contents::read(&project.directory, targets)?;
    let paths = project.paths(targets);
    let repository = &project.repository;
    let tracked = repository.tracked(&repository.head, &paths)?;
    for (target, path) in targets.iter().zip(&paths) {
        match tracked.iter().find(|(_, tracked)| tracked == path) {
            Some((mode, _)) if mode.starts_with("100") => {}
            Some(_) => {
                return Err(Failure::input(format!(
                    "the target `{target}` is not a regular file in the last commit"
                ))
                .hint("commit it as one first"));
            }
            None => {
                let names: Vec<&str> = vec![target];
                let ignored = !repository.ignored(&project.directory, &names)?.is_empty();
                return Err(if ignored {
                    Failure::input(format!("the target `{target}` is ignored by git")).hint(
                        format!("track it: `git add -f {target} && git commit -m 'add {target}'`"),
                    )
                } else {
                    Failure::input(format!("the target `{target}` is not committed")).hint(format!(
                        "commit it first: `git add {target} && git commit -m 'add {target}'`"
                    ))
                });
            }
        }
    }
    Ok(())
}

/// What stands uncommitted in the checkout and so is not in the worktrees.
#[derive(Debug)]
pub struct Uncommitted {
    pub target: bool,
    /// Relative to the repository's top, without the experiments.
    pub others: Vec<PathBuf>,
}

/// The files of the project that git tracks and that differ from HEAD, as paths from the directory that
/// the user named, without experiments.
pub fn changed_files(project: &Project) -> Result<Vec<String>, Failure> {
    let experiments = project.prefix().join(DIRECTORY);
    let (_, changed) = project.repository.state(&[])?;
    let mut found: Vec<String> = changed
        .into_iter()
        .filter(|path| !path.starts_with(&experiments))
        .map(|path| project.repository.top.join(path))
        .filter(|path| path.symlink_metadata().is_ok_and(|now| now.is_file()))
        .filter_map(|path| Some(path.strip_prefix(&project.base).ok()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    Ok(found)
}

/// Looks for what is uncommitted.
pub fn uncommitted(project: &Project, targets: &[String]) -> Result<Uncommitted, Failure> {
    let targets = project.paths(targets);
    let experiments = project.prefix().join(DIRECTORY);
    let (target, others): (Vec<_>, Vec<_>) = project
        .repository
        .dirty()?
        .into_iter()
        .filter(|path| !path.starts_with(&experiments))
        .partition(|path| targets.contains(path));
    Ok(Uncommitted {
        target: !target.is_empty(),
        others,
    })
}

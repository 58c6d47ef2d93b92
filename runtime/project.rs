//! The user's project: where it is, and where its experiments are.

use std::cell::LazyCell;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::directories;
use crate::experiment::{ConfigError, Experiment, ExperimentError, Id, Objective};
use crate::failure::{Exit, Failure};
use crate::git::{self, Repository};
use crate::journal;

/// The directory that holds experiments, in a project and in the user's home.
pub const DIRECTORY: &str = ".autoresearch";
/// The name of an experiment's definition.
pub const DEFINITION: &str = "experiment.toml";
/// The name of a definition that the original tool made.
const CONFIG: &str = "config.cfg";
/// What an experiment's directory holds that is no part of what the original tool's commands need,
/// besides what runs leave there.
const NOT_SHARED: &[&str] = &[CONFIG, ".gitignore", "program.md", "results.tsv"];
/// What runs leave in an experiment's directory, besides tables of results.
const LEFT_BY_RUNS: &[&str] = &["__pycache__", "journal.jsonl", "lock", "run.log", "runs"];

/// A directory of the user's checkout, with the experiments about it.
#[derive(Debug, Clone)]
pub struct Project {
    pub repository: Repository,
    /// Canonical; in `repository.top`.
    pub directory: PathBuf,
    /// The directory that the user named, canonical: what paths on the command line are relative to.
    pub base: PathBuf,
}

/// Whose an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// In the project's own `.autoresearch`, to be committed with it
    Project,
    /// In `~/.autoresearch`, invisible to the project
    User,
}

/// The file that defines an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    Toml,
    /// The original tool's.
    Config,
}

impl Definition {
    /// The one in an experiment's directory, if there is one.
    pub fn find(directory: &Path) -> Option<Self> {
        [Self::Toml, Self::Config]
            .into_iter()
            .find(|definition| directory.join(definition.file_name()).is_file())
    }

    pub fn file_name(self) -> &'static str {
        match self {
            Self::Toml => DEFINITION,
            Self::Config => CONFIG,
        }
    }
}

/// An experiment and its place.
#[derive(Debug, Clone)]
pub struct Found {
    pub id: Id,
    pub directory: PathBuf,
    pub definition: Definition,
    pub experiment: Experiment,
}

impl Found {
    /// The directory that holds the experiments.
    pub fn experiments(&self) -> &Path {
        let above = self.directory.parent().and_then(Path::parent);
        above.unwrap_or(&self.directory)
    }
}

impl Project {
    /// The project around a directory: the nearest one above it that has experiments, or itself.
    pub fn find(directory: &Path) -> Result<Self, Failure> {
        let base = directory.canonicalize().map_err(|error| {
            Failure::new(
                Exit::Environment,
                format!(
                    "cannot use the directory `{}`: {error}",
                    directory.display()
                ),
            )
            .hint("name an existing one with `--path`")
        })?;
        let repository = Repository::discover(&base)?;
        // Only read where the nearest directory leaves it open.
        let of_the_user = LazyCell::new(|| user_projects(&repository));
        let directory = base
            .ancestors()
            .take_while(|ancestor| ancestor.starts_with(&repository.top))
            .find(|ancestor| {
                ancestor.join(DIRECTORY).is_dir()
                    || of_the_user.iter().any(|project| project == ancestor)
            })
            .unwrap_or(&base)
            .to_owned();
        Ok(Self {
            repository,
            directory,
            base,
        })
    }

    /// The project's place in its repository.
    pub fn prefix(&self) -> &Path {
        self.directory
            .strip_prefix(&self.repository.top)
            .unwrap_or(Path::new(""))
    }

    /// Paths of the project, relative to its repository's top.
    pub fn paths(&self, paths: &[String]) -> Vec<PathBuf> {
        paths.iter().map(|path| self.prefix().join(path)).collect()
    }

    /// A path from the command line, relative to the project; `None` where it is outside.
    pub fn relative(&self, path: &str) -> Option<PathBuf> {
        lexically(&self.base.join(path))
            .strip_prefix(&self.directory)
            .ok()
            .map(Path::to_owned)
    }

    /// Where an experiment's files are, or would be.
    pub fn experiment_directory(&self, id: &Id, scope: Scope) -> Result<PathBuf, Failure> {
        let root = match scope {
            Scope::Project => self.directory.join(DIRECTORY),
            Scope::User => directories::user_experiments().ok_or_else(|| {
                Failure::new(
                    Exit::Environment,
                    "there is no home directory for experiments",
                )
                .hint("set HOME to an absolute path, or use `--scope project`")
            })?,
        };
        Ok(root.join(id.domain()).join(id.name()))
    }

    /// The experiment of an id: the project's own, or else the user's about this project.
    pub fn experiment(&self, id: &Id) -> Result<Found, Failure> {
        for scope in [Scope::Project, Scope::User] {
            let Ok(directory) = self.experiment_directory(id, scope) else {
                continue;
            };
            if let Some(definition) = Definition::find(&directory) {
                let experiment = load(&directory, &self.directory)?;
                if scope == Scope::User
                    && !is_about(&directory, &experiment, &self.repository, &self.directory)
                {
                    continue;
                }
                return Ok(Found {
                    id: id.clone(),
                    directory,
                    definition,
                    experiment,
                });
            }
        }
        Err(Failure::input(format!("there is no experiment `{id}`"))
            .hint("`autoresearch list` shows what there is; `autoresearch init` makes one"))
    }

    /// The ids of all experiments about this project, with their places, the project's own first.
    pub fn ids(&self) -> Vec<(Id, PathBuf)> {
        let mut found: Vec<(Id, PathBuf)> = Vec::new();
        let own = self.directory.join(DIRECTORY);
        let roots = [Some(own), directories::user_experiments()];
        for (id, directory) in roots
            .into_iter()
            .flatten()
            .flat_map(|root| definitions(&root))
        {
            let known = found.iter().any(|(other, _)| *other == id);
            if !known && self.owns(&directory) {
                found.push((id, directory));
            }
        }
        found
    }

    /// The experiment that was active last.
    pub fn last_active(&self) -> Result<Id, Failure> {
        self.ids()
            .into_iter()
            .max_by_key(|(_, directory)| last_activity(directory))
            .map(|(id, _)| id)
            .ok_or_else(|| {
                Failure::input("there is no experiment to resume")
                    .hint("`autoresearch init` makes one")
            })
    }

    fn owns(&self, directory: &Path) -> bool {
        directory.starts_with(&self.directory)
            || match read(directory, &self.directory) {
                Ok(experiment) => {
                    is_about(directory, &experiment, &self.repository, &self.directory)
                }
                Err(ExperimentError::Config(ConfigError::Outside { .. })) => false,
                // One that cannot be read is listed, with what is wrong with it.
                Err(_) => true,
            }
    }
}

/// Whether an experiment in the user's own directory is about a project.
///
/// The original tool's do not say: they are about a project that has the target, and of several
/// about the one whose commits are in the record.
fn is_about(
    directory: &Path,
    experiment: &Experiment,
    repository: &Repository,
    project: &Path,
) -> bool {
    if Definition::find(directory) != Some(Definition::Config) {
        return experiment
            .project
            .as_ref()
            .is_some_and(|named| Path::new(named) == project);
    }
    let known = |commit: &str| {
        repository
            .resolve(&format!("{commit}^{{commit}}"))
            .is_ok_and(|found| found.is_some())
    };
    let targets = &mut experiment.target.iter();
    targets.all(|target| project.join(target).is_file())
        && journal::read(directory)
            .ok()
            .and_then(|history| history.incumbent)
            // Imported results may be of commits that are not left anywhere.
            .is_none_or(|incumbent| !git::is_whole(&incumbent.commit) || known(&incumbent.commit))
}

/// A path without `.` and `..`, which need not exist.
pub fn lexically(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Where the original tool's definition is in an experiment's directory, or would be.
pub fn config_of_original(directory: &Path) -> PathBuf {
    directory.join(CONFIG)
}

/// Whether the original tool made the experiment in a directory.
pub fn is_original(directory: &Path) -> bool {
    config_of_original(directory).is_file()
}

/// Whether what has this name in an experiment's directory is of runs, tables of results apart.
pub fn is_left_by_runs(name: &str) -> bool {
    LEFT_BY_RUNS.contains(&name) || name.starts_with("journal.jsonl.")
}

/// What the original tool's definition in a directory measures, also where there is another one beside
/// it.
pub fn objective_of_original(directory: &Path, project: &Path) -> Result<Objective, Failure> {
    let path = config_of_original(directory);
    std::fs::read(&path)
        .map_err(|error| ExperimentError::Unreadable(error.to_string()))
        .and_then(|bytes| Experiment::from_config(&bytes, project))
        .map(|experiment| experiment.objective)
        .map_err(|error| unusable(&path, error))
}

/// Reads the definition of an experiment about a project.
pub fn load(directory: &Path, project: &Path) -> Result<Experiment, Failure> {
    read(directory, project)
        .map_err(|error| unusable(&directory.join(file_of(directory).file_name()), error))
}

/// The failure where a definition cannot be used.
fn unusable(path: &Path, error: ExperimentError) -> Failure {
    let failure = Failure::input(format!("`{}` cannot be used: {error}", path.display()));
    match error {
        ExperimentError::Syntax(span) => failure
            .detail(span.trim_end())
            .hint("mend the file at the place shown"),
        ExperimentError::Version(_) => failure.hint("use a newer version of autoresearch"),
        ExperimentError::Invalid(_) | ExperimentError::Unreadable(_) => {
            failure.hint("mend the file")
        }
        ExperimentError::Config(error) => failure.hint(error.hint()),
    }
}

fn read(directory: &Path, project: &Path) -> Result<Experiment, ExperimentError> {
    let definition = file_of(directory);
    let bytes = std::fs::read(directory.join(definition.file_name()))
        .map_err(|error| ExperimentError::Unreadable(error.to_string()))?;
    match definition {
        Definition::Toml => {
            let text = String::from_utf8(bytes)
                .map_err(|error| ExperimentError::Unreadable(error.to_string()))?;
            Experiment::parse(&text)
        }
        Definition::Config => {
            let mut experiment = Experiment::from_config(&bytes, project)?;
            experiment.workspace.share = belongings(directory, project);
            Ok(experiment)
        }
    }
}

/// The definition to read, or to miss.
fn file_of(directory: &Path) -> Definition {
    Definition::find(directory).unwrap_or(Definition::Toml)
}

/// What else is in the directory of an experiment of the original tool's, relative to the project:
/// the command may need it, and git need not know it.
fn belongings(directory: &Path, project: &Path) -> Vec<String> {
    let (Ok(prefix), Ok(entries)) = (
        directory.strip_prefix(project),
        std::fs::read_dir(directory),
    ) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let path = entry.path();
            let needed = (path.is_file() || path.is_dir())
                && !NOT_SHARED.contains(&name.as_str())
                && !is_left_by_runs(&name)
                && !name.starts_with("results.tsv.");
            needed.then(|| prefix.join(name).to_str().map(str::to_owned))?
        })
        .collect();
    found.sort();
    found
}

/// The experiments in a directory of them, by id.
fn definitions(root: &Path) -> Vec<(Id, PathBuf)> {
    let mut found = Vec::new();
    for domain in subdirectories(root) {
        for name in subdirectories(&root.join(&domain)) {
            let directory = root.join(&domain).join(&name);
            if let Ok(id) = Id::new(&domain, &name)
                && Definition::find(&directory).is_some()
            {
                found.push((id, directory));
            }
        }
    }
    found
}

/// The projects that the user's own experiments are about; of the original tool's, whether it is the
/// whole of this repository.
fn user_projects(repository: &Repository) -> Vec<PathBuf> {
    directories::user_experiments()
        .map(|root| definitions(&root))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(_, directory)| {
            let experiment = read(&directory, &repository.top).ok()?;
            match &experiment.project {
                Some(project) => Some(PathBuf::from(project)),
                None => is_about(&directory, &experiment, repository, &repository.top)
                    .then(|| repository.top.clone()),
            }
        })
        .collect()
}

/// When anything was last written about an experiment.
fn last_activity(directory: &Path) -> SystemTime {
    ["journal.jsonl", DEFINITION, CONFIG]
        .iter()
        .filter_map(|name| directory.join(name).metadata().ok()?.modified().ok())
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn subdirectories(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry
                .path()
                .is_dir()
                .then(|| entry.file_name().into_string().ok())?
        })
        .collect();
    names.sort();
    names
}

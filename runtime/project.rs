//! The user's project: where it is, and where its experiments are.

use std::cell::LazyCell;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::directories;
use crate::experiment::{Experiment, ExperimentError, Id};
use crate::failure::{Exit, Failure};
use crate::git::Repository;

/// The directory that holds experiments, in a project and in the user's home.
pub const DIRECTORY: &str = ".autoresearch";
/// The name of an experiment's definition.
pub const DEFINITION: &str = "experiment.toml";

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

/// An experiment and its place.
#[derive(Debug, Clone)]
pub struct Found {
    pub id: Id,
    pub directory: PathBuf,
    pub experiment: Experiment,
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
        let of_the_user = LazyCell::new(user_projects);
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
            if directory.join(DEFINITION).is_file() {
                let experiment = load(&directory)?;
                if scope == Scope::User && !self.is_about_this(&experiment) {
                    continue;
                }
                return Ok(Found {
                    id: id.clone(),
                    directory,
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
            // One that cannot be read is listed, with what is wrong with it.
            || load(directory).map_or(true, |experiment| self.is_about_this(&experiment))
    }

    fn is_about_this(&self, experiment: &Experiment) -> bool {
        experiment
            .project
            .as_ref()
            .is_some_and(|project| Path::new(project) == self.directory)
    }
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

/// Reads an experiment's definition.
pub fn load(directory: &Path) -> Result<Experiment, Failure> {
    let path = directory.join(DEFINITION);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::input(format!("cannot read `{}`: {error}", path.display())).hint("mend the file")
    })?;
    Experiment::parse(&text).map_err(|error| {
        let failure = Failure::input(format!("`{}` cannot be used: {error}", path.display()));
        match error {
            ExperimentError::Syntax(span) => failure
                .detail(span.trim_end())
                .hint("mend the file at the place shown"),
            ExperimentError::Version(_) => failure.hint("use a newer version of autoresearch"),
            ExperimentError::Invalid(_) => failure.hint("mend the file"),
        }
    })
}

/// The experiments in a directory of them, by id.
fn definitions(root: &Path) -> Vec<(Id, PathBuf)> {
    let mut found = Vec::new();
    for domain in subdirectories(root) {
        for name in subdirectories(&root.join(&domain)) {
            let directory = root.join(&domain).join(&name);
            if let Ok(id) = Id::new(&domain, &name)
                && directory.join(DEFINITION).is_file()
            {
                found.push((id, directory));
            }
        }
    }
    found
}

/// The projects that the user's own experiments are about.
fn user_projects() -> Vec<PathBuf> {
    directories::user_experiments()
        .map(|root| definitions(&root))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(_, directory)| load(&directory).ok()?.project)
        .map(PathBuf::from)
        .collect()
}

/// When anything was last written about an experiment.
fn last_activity(directory: &Path) -> SystemTime {
    ["journal.jsonl", DEFINITION]
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

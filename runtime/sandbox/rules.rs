//! What a kind of command may touch: the same for everything that enforces it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::home;

/// What the owner lets commands do besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Widening {
    /// More paths that are seen, relative to the project, absolute or below `~/`.
    pub read: Vec<String>,
    /// And that can be written.
    pub write: Vec<String>,
    /// Whether evaluators' commands and `setup` reach the network, as agents do.
    pub network: bool,
    /// More variables that are passed on to evaluators' commands and `setup`.
    pub env: Vec<String>,
}

impl Widening {
    /// The first path that is none.
    pub fn invalid(&self) -> Option<&str> {
        self.read
            .iter()
            .chain(&self.write)
            .map(String::as_str)
            .find(|path| path.is_empty() || path.contains('\0') || *path == "/" || *path == "~")
    }
}

/// What the processes of a command may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Processes and threads together.
    pub processes: u64,
    /// Private memory, of each and of all together.
    pub memory_bytes: u64,
    /// The largest file that is written.
    pub file_bytes: u64,
}

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// An evaluator's role, or `setup`: it runs what a candidate is.
    Evaluation(Resources),
    /// An agent, which keeps files of its own at these places: below the home, or absolute.
    Agent(&'a [PathBuf]),
}

/// What of a repository a command sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// A worktree, and where bubblewrap shows it.
    Worktree(View),
    /// A directory as it stands, in which a repository may be.
    Directory(PathBuf),
}

/// A worktree in the place of the checkout that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The worktree.
    pub root: PathBuf,
    /// The checkout, where it is seen.
    pub at: PathBuf,
    /// The repository's own directory.
    pub git: PathBuf,
    /// A file that is seen as the `.git` of the worktree; it leads to [`View::GIT`].
    pub link: PathBuf,
    /// Paths of the checkout that are seen in the worktree too.
    pub shared: Vec<PathBuf>,
}

impl View {
    /// Where bubblewrap shows the repository's own directory.
    pub const GIT: &'static str = "/run/autoresearch/git";

    /// A path in the worktree, as it is seen.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(inner) if inner.as_os_str().is_empty() => self.at.clone(),
            Ok(inner) => self.at.join(inner),
            Err(_) => path.to_owned(),
        }
    }
}

/// What a command may touch. Everything else is seen but for what is hidden, and nothing else written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub site: Option<Site>,
    /// Seen though it is hidden.
    pub read: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    pub network: bool,
    /// For what runs what a candidate is, which has fewer system calls then.
    pub resources: Option<Resources>,
    pub(super) home: Option<PathBuf>,
}

impl Rules {
    /// `project` is what the owner's relative paths are relative to.
    pub fn new(site: Site, kind: Kind<'_>, widened: &Widening, project: &Path) -> Self {
        let home = home::directory();
        let absolute = |path: &String| match (path.strip_prefix("~/"), &home) {
            (Some(below), Some(home)) => home.join(below),
            _ => project.join(path),
        };
        let mut write: Vec<PathBuf> = widened.write.iter().map(absolute).collect();
        let mut read: Vec<PathBuf> = widened.read.iter().map(absolute).collect();
        if let Kind::Agent(places) = kind {
            let places = places.iter().map(|place| match &home {
                Some(home) => home.join(place),
                None => place.clone(),
            });
            write.extend(places);
        }
        // What the owner's shell finds, commands find.
        if let Some(path) = std::env::var_os("PATH") {
            read.extend(std::env::split_paths(&path).filter(|path| path.is_absolute()));
        }
        // And of an environment that is activated, more than its programs.
        let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].map(std::env::var_os);
        let environments = environments.into_iter().flatten().map(PathBuf::from);
        read.extend(environments.filter(|path| path.is_absolute()));
        Self {
            site: Some(site),
            read,
            write,
            network: widened.network || matches!(kind, Kind::Agent(_)),
            resources: match kind {
                Kind::Evaluation(resources) => Some(resources),
                Kind::Agent(_) => None,
            },
            home,
        }
    }

    /// What is hidden, as it stands now.
    pub(super) fn hidden(&self) -> Vec<PathBuf> {
        let worktrees = match &self.site {
            // Those of others, and the incumbent's, wherever the owner keeps them.
            Some(Site::Worktree(view)) => view.root.parent(),
            _ => None,
        };
        home::hidden(self.home.as_deref(), worktrees)
    }
}

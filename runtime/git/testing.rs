//! A real repository in a temporary directory, for the unit tests of this module.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::call::run;
use super::{Repository, Worktree};

/// A repository with one commit, and what stands beside it.
pub struct Place {
    root: TempDir,
}

impl Place {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::with_format("sha1", files)
    }

    /// With objects' names of this format.
    pub fn with_format(format: &str, files: &[(&str, &str)]) -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(place.top()).unwrap();
        let format = format!("--object-format={format}");
        place.git(&["init", "--quiet", "--initial-branch=main", &format]);
        place.git(&["config", "user.name", "Tester"]);
        place.git(&["config", "user.email", "tester@localhost"]);
        for (path, text) in files {
            write(&place.top(), path, text);
        }
        place.git(&["add", "--all"]);
        place.git(&["commit", "--quiet", "--allow-empty", "--message=start"]);
        place
    }

    /// The user's checkout.
    pub fn top(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("project")
    }

    /// A path outside the checkout.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub fn repository(&self) -> Repository {
        Repository::discover(&self.top()).unwrap()
    }

    /// A worktree of ours at the first commit.
    pub fn worktree(&self) -> Worktree {
        let repository = self.repository();
        let head = repository.head.clone();
        repository
            .add_worktree(&self.outside("ours"), &head)
            .unwrap()
    }

    /// Git as the user has it, in the checkout.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        user_git(&self.top(), arguments)
    }
}

/// Git as somebody at a directory runs it.
#[track_caller]
pub fn user_git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    let output = run(command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true")
        .arg("-C")
        .arg(directory)
        .args(arguments))
    .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

pub fn write(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

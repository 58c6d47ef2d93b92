//! The only caller of git, and only of its command line.
//!
//! Hermetic: fixed locale, no prompt, no hooks, no file-system monitor, no maintenance in the
//! background, none of the caller's `GIT_*` variables. A worktree of ours is always named by its
//! administrative directory, so what stands in its `.git` file is not believed: a command that ran
//! there could have changed it.

mod call;
mod commits;
mod follow;
mod guard;
mod index;
mod patch;
mod review;
mod scope;
mod stamps;
mod worktree;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::failure::{Exit, Failure};
use call::{failed, git, has, listed, run, run_with_input, succeed};
pub use commits::{Commits, Known};
pub use guard::ConfigGuard;
pub use review::Merged;
pub use scope::{Named, Snapshot, Touched};
pub use stamps::Stamps;
pub use worktree::Worktree;

/// What git says where it cannot write, which is not the repository's fault.
const CANNOT_WRITE: &[&str] = &[
    "No space left",
    "quota exceeded",
    "File too large",
    "Read-only file system",
    "Permission denied",
    "insufficient permission",
    "unable to create directory",
    "unable to write",
];

/// A commit's full object name.
pub type CommitId = String;

/// Git's own name for no object.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// Whether a text is the whole name of an object, not the start of one or [`NO_COMMIT`].
pub fn is_whole(commit: &str) -> bool {
    commit.len() >= NO_COMMIT.len() && commit != NO_COMMIT
}

/// A commit's name as people read it: its first seven digits.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// The user's repository, as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The checkout's top directory, canonical.
    pub top: PathBuf,
    /// Shared by all worktrees: objects, refs, configuration.
    pub common: PathBuf,
    pub head: CommitId,
    /// The ref that HEAD stands for; `HEAD` itself where it is detached.
    pub branch: String,
}

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be run: {0}")]
    NotRun(std::io::Error),
    #[error("`{}` is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    #[error("`{}` is in a bare repository, which has no files to work on", .0.display())]
    Bare(PathBuf),
    #[error("the repository has no commit yet")]
    NoCommit,
    #[error("cannot use `{}`: {error}", path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error(
        "git's configuration now runs a program or reads a file that it did not when this run began: `{key}` in `{}`",
        file.display()
    )]
    Configured { key: String, file: PathBuf },
    #[error("git {what} failed: {message}")]
    Failed { what: &'static str, message: String },
    #[error("`{}` is no directory any more", .0.display())]
    Gone(PathBuf),
}

impl GitError {
    /// Whether git refuses what it was given, rather than being unable to write.
    pub fn is_refusal(&self) -> bool {
        matches!(self, GitError::Failed { message, .. }
            if !CANNOT_WRITE.iter().any(|words| message.contains(words)))
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let message = error.to_string();
        match &error {
            GitError::NotRun(_) => {
                Failure::new(Exit::Environment, message).hint("install git, and have it in PATH")
            }
            GitError::NotARepository(_) => Failure::new(Exit::Environment, message).hint(
                "go to your project, or name it with `--path`; `git init` makes a repository",
            ),
            GitError::Bare(_) => {
                Failure::new(Exit::Environment, message).hint("name a checkout of it with `--path`")
            }
            GitError::NoCommit => Failure::new(Exit::Environment, message)
                .hint("commit the project first: `git add -A && git commit -m start`"),
            GitError::Configured { .. } => Failure::new(Exit::Environment, message)
                .hint("take it out if it is not yours, and run again"),
            GitError::File { path, .. } if *path == std::env::temp_dir() => {
                Failure::new(Exit::Failure, message)
                    .hint("temporary files are kept there: make it a writable directory, or set TMPDIR to one")
            }
            GitError::File { .. } => Failure::new(Exit::Failure, message)
                .hint("make it possible and run again: nothing is lost"),
            GitError::Failed { message: said, .. }
                if CANNOT_WRITE.iter().any(|words| said.contains(words)) =>
            {
                Failure::new(Exit::Failure, message)
                    .hint("make room, or make it writable, and run again: nothing is lost")
            }
            GitError::Failed { message: said, .. } if said.contains("dubious ownership") => {
                Failure::new(Exit::Environment, message)
                    .hint("if you trust it: `git config --global --add safe.directory DIRECTORY`")
            }
            GitError::Failed { .. } | GitError::Gone(_) => {
                Failure::new(Exit::Environment, message).hint("mend the repository and run again")
            }
        }
    }
}

impl Repository {
    /// Finds the repository around a directory.
    pub fn discover(directory: &Path) -> Result<Self, GitError> {
        let output = run(git(&[]).arg("-C").arg(directory).args([
            "rev-parse",
            "--is-inside-work-tree",
            "HEAD",
            "--symbolic-full-name",
            "HEAD",
            "--show-cdup",
            "--git-common-dir",
        ]))?;
        if !output.status.success() {
            return Err(explain_discovery(directory, &output));
        }
        // The last field is a path, which may hold line breaks of its own.
        let mut fields = output.stdout.splitn(5, |&b| b == b'\n');
        let mut field = || fields.next().unwrap_or_default();
        if field() != b"true" {
            return Err(GitError::Bare(directory.to_owned()));
        }
        let head = String::from_utf8_lossy(field()).into_owned();
        let branch = String::from_utf8_lossy(field()).into_owned();
        let up = directory.join(OsStr::from_bytes(field()));
        let common = field();
        let common = directory.join(OsStr::from_bytes(
            common.strip_suffix(b"\n").unwrap_or(common),
        ));
        let canonical = |path: PathBuf| path.canonicalize().map_err(GitError::NotRun);
        Ok(Self {
            top: canonical(up)?,
            common: canonical(common)?,
            head,
            branch,
        })
    }

    /// The mode and name of each of `paths` in a commit; a path that is not there is left out.
    pub fn tracked(
        &self,
        commit: &str,
        paths: &[PathBuf],
    ) -> Result<Vec<(String, PathBuf)>, GitError> {
        let output = succeed(
            "ls-tree",
            self.git()
                .args(["ls-tree", "-z", "--full-tree", commit, "--"])
                .args(paths),
        )?;
        Ok(listed(&output.stdout)
            .filter_map(|(path, words)| Some(((*words.first()?).to_owned(), path)))
            .collect())
    }

    /// Which of `paths`, relative to `directory`, exist and are ignored by git.
    pub fn ignored(&self, directory: &Path, paths: &[&str]) -> Result<Vec<String>, GitError> {
        let output = succeed(
            "ls-files",
            git(&[])
                .arg("-C")
                .arg(directory)
                .args(["ls-files", "-z", "--others", "--ignored"])
                .args(["--exclude-standard", "--directory", "--"])
                .args(paths),
        )?;
        Ok(output
            .stdout
            .split(|&b| b == 0)
            .map(|path| {
                String::from_utf8_lossy(path)
                    .trim_end_matches('/')
                    .to_owned()
            })
            // It also lists what is in a directory that ignores itself, as uv's `.venv` does.
            .filter(|path| paths.contains(&path.as_str()))
            .collect())
    }

    /// Paths, relative to the top, that differ from HEAD or are not tracked; without the ignored.
    pub fn dirty(&self) -> Result<Vec<PathBuf>, GitError> {
        let output = succeed(
            "status",
            self.git()
                .args(["status", "--porcelain", "-z", "--no-renames"]),
        )?;
        Ok(output
            .stdout
            .split(|&b| b == 0)
            .filter_map(|entry| Some(PathBuf::from(OsStr::from_bytes(entry.get(3..)?))))
            .collect())
    }

    /// Paths, relative to the top, that differ between two commits.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<PathBuf>, GitError> {
        let output = succeed(
            "diff",
            self.git()
                .args(["diff", "--name-only", "--no-renames", "-z", from, to, "--"]),
        )?;
        Ok(output
            .stdout
            .split(|&b| b == 0)
            .filter(|path| !path.is_empty())
            .map(|path| PathBuf::from(OsStr::from_bytes(path)))
            .collect())
    }

    /// What a ref stands for, if it exists.
    pub fn resolve(&self, reference: &str) -> Result<Option<CommitId>, GitError> {
        let output = run(self.git().args([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            reference,
        ]))?;
        Ok(output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }

    /// The branch that stands in the way of making `branch`: itself, or one above or below it.
    pub fn conflicting_branch(&self, branch: &str) -> Result<Option<String>, GitError> {
        self.conflicting(branch, "refs/heads/autoresearch")
    }

    /// As [`Repository::conflicting_branch`], by a name that is short, for any branch.
    pub fn conflicting_branch_of(&self, name: &str) -> Result<Option<String>, GitError> {
        let heads = "refs/heads/";
        let there = self.conflicting(&format!("{heads}{name}"), heads)?;
        Ok(there.map(|there| there.strip_prefix(heads).unwrap_or(&there).to_owned()))
    }

    fn conflicting(&self, branch: &str, among: &str) -> Result<Option<String>, GitError> {
        let names = self.refs(among)?;
        let below = |name: &str, parent: &str| {
            name.strip_prefix(parent)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Ok(names
            .into_iter()
            .find(|name| below(name, branch) || below(branch, name)))
    }

    /// The highest number that is the last part of a ref below `prefix`; 0 where there is none.
    pub fn highest_number(&self, prefix: &str) -> Result<u64, GitError> {
        let numbers = self
            .refs(prefix)?
            .iter()
            .filter_map(|name| name.rsplit('/').next()?.parse().ok())
            .max();
        Ok(numbers.unwrap_or(0))
    }

    /// What the refs below `prefix` stand for whose last part is a number, by it.
    pub fn numbered(&self, prefix: &str) -> Result<BTreeMap<u64, CommitId>, GitError> {
        let output = succeed(
            "for-each-ref",
            self.git()
                .args(["for-each-ref", "--format=%(objectname) %(refname)", prefix]),
        )?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| {
                let (commit, name) = line.split_once(' ')?;
                Some((name.rsplit('/').next()?.parse().ok()?, commit.to_owned()))
            })
            .collect())
    }

    fn refs(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        let output = succeed(
            "for-each-ref",
            self.git()
                .args(["for-each-ref", "--format=%(refname)", prefix]),
        )?;
        let names = String::from_utf8_lossy(&output.stdout);
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Whether a ref stands for a commit, as far as that can be seen without asking git.
    pub fn is_at(&self, reference: &str, commit: &str) -> bool {
        std::fs::read_to_string(self.common.join(reference)).is_ok_and(|text| text.trim() == commit)
    }

    /// The same commit with another message.
    pub fn with_message(&self, commit: &str, message: &str) -> Result<CommitId, GitError> {
        let before = succeed("cat-file", self.git().args(["cat-file", "commit", commit]))?;
        // Tree, parents, author and committer stay as they are. What else may stand there does
        // not hold for the new text: its encoding, a signature.
        let mut after = Vec::new();
        for line in before.stdout.split_inclusive(|&b| b == b'\n') {
            if line == b"\n" {
                break;
            }
            if ["tree ", "parent ", "author ", "committer "]
                .iter()
                .any(|header| line.starts_with(header.as_bytes()))
            {
                after.extend(line);
            }
        }
        after.push(b'\n');
        after.extend(message.trim_end().as_bytes());
        after.push(b'\n');
        let output = run_with_input(
            self.git()
                .args(["hash-object", "-t", "commit", "-w", "--stdin"]),
            &after,
        )?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(failed("hash-object", &output))
        }
    }

    /// Whether somebody is rebasing a branch, here or in another worktree: git itself does not move
    /// it then.
    pub fn is_being_rebased(&self, branch: &str) -> bool {
        self.administrations()
            .flat_map(|admin| ["rebase-merge", "rebase-apply"].map(|name| admin.join(name)))
            .filter_map(|rebase| std::fs::read_to_string(rebase.join("head-name")).ok())
            .any(|name| name.trim() == branch)
    }

    /// The administrative directories of all checkouts: the repository itself, and its worktrees.
    fn administrations(&self) -> impl Iterator<Item = PathBuf> {
        let others = std::fs::read_dir(self.common.join("worktrees"));
        std::iter::once(self.common.clone()).chain(
            others
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path())),
        )
    }

    /// Whether a branch is checked out, here or in another worktree.
    pub fn is_checked_out(&self, branch: &str) -> bool {
        let line = format!("ref: {branch}");
        self.branch == branch
            || self
                .administrations()
                .filter_map(|admin| std::fs::read_to_string(admin.join("HEAD")).ok())
                .any(|head| head.trim() == line)
    }

    /// What the checkout has checked out: its branch, if it is at one, and which of `paths`
    /// (relative to the top) are not as committed.
    pub fn state(&self, paths: &[PathBuf]) -> Result<(Option<String>, Vec<PathBuf>), GitError> {
        let output = succeed(
            "status",
            self.git()
                .args(["status", "--porcelain", "--branch", "-z", "--no-renames"])
                .args(["--untracked-files=no", "--"])
                .args(paths),
        )?;
        let mut entries = output.stdout.split(|&b| b == 0);
        let branch = entries
            .next()
            .and_then(|line| std::str::from_utf8(line.strip_prefix(b"## ")?).ok())
            .map(|line| line.split("...").next().unwrap_or(line).to_owned());
        let changed = entries
            .filter_map(|entry| Some(PathBuf::from(OsStr::from_bytes(entry.get(3..)?))))
            .collect();
        Ok((branch, changed))
    }

    /// Whether files in the checkout have the text that they have in a commit. (`git diff` would
    /// write the user's index.)
    pub fn is_as_in(&self, commit: &str, paths: &[PathBuf]) -> Result<bool, GitError> {
        let output = run(self.git().args(["hash-object", "--"]).args(paths))?;
        if !output.status.success() {
            // One of them is not there.
            return Ok(false);
        }
        let here = String::from_utf8_lossy(&output.stdout);
        let output = succeed(
            "ls-tree",
            self.git()
                .args(["ls-tree", "-z", "--full-tree", commit, "--"])
                .args(paths),
        )?;
        let there: BTreeMap<PathBuf, String> = listed(&output.stdout)
            .filter_map(|(path, words)| Some((path, (*words.get(2)?).to_owned())))
            .collect();
        Ok(paths
            .iter()
            .zip(here.lines())
            .all(|(path, object)| there.get(path).is_some_and(|there| there == object)))
    }

    /// Changes refs, all or none: `(ref, new, old)`, where `old` is what it must be now; `None`
    /// means anything, and the empty text that it must not exist.
    ///
    /// The refs must be an experiment's own, and its journal held.
    pub fn update_refs(&self, updates: &[(String, &str, Option<&str>)]) -> Result<(), GitError> {
        let mut input = String::new();
        for (reference, new, old) in updates {
            match *old {
                Some("") => input.push_str(&format!("create {reference} {new}\n")),
                Some(old) => input.push_str(&format!("update {reference} {new} {old}\n")),
                None => input.push_str(&format!("update {reference} {new}\n")),
            }
        }
        let update = || {
            run_with_input(
                self.git()
                    .args(["-c", "core.fsync=reference", "update-ref", "--stdin"]),
                input.as_bytes(),
            )
        };
        let mut output = update()?;
        if has(&output.stderr, ".lock': File exists") {
            // Git waited for longer than any update takes: the lock is of a git that was killed
            // together with an earlier run.
            for (reference, _, _) in updates {
                let _ = std::fs::remove_file(self.common.join(format!("{reference}.lock")));
            }
            output = update()?;
        }
        if output.status.success() {
            Ok(())
        } else {
            Err(failed("update-ref", &output))
        }
    }

    /// The worktree at `root`, if it is one of this repository's.
    ///
    /// The last component of `root` must be unique among the repository's worktrees.
    pub fn worktree(&self, root: &Path) -> Option<Worktree> {
        let worktree = Worktree::new(self, root);
        (worktree.is_in_place() && worktree.admin.join("HEAD").is_file()).then_some(worktree)
    }

    /// Makes a worktree at a commit, in place of whatever is left of an earlier one.
    pub fn add_worktree(&self, root: &Path, commit: &str) -> Result<Worktree, GitError> {
        let worktree = Worktree::new(self, root);
        // Not `git worktree prune`, which would also forget the user's own on an absent disk.
        worktree.remove()?;
        succeed(
            "worktree add",
            self.git()
                .args(["worktree", "add", "--quiet", "--force", "--detach"])
                .arg(root)
                .arg(commit),
        )?;
        Ok(worktree)
    }

    /// Removes what there is of a worktree.
    pub fn remove_worktree(&self, root: &Path) {
        let _ = Worktree::new(self, root).remove();
        // As git does, where it was the last one.
        let _ = std::fs::remove_dir(self.common.join("worktrees"));
    }

    fn git(&self) -> Command {
        let mut command = git(&[]);
        command.arg("-C").arg(&self.top);
        command
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> GitError {
    let path = path.to_owned();
    move |error| GitError::File { path, error }
}

fn explain_discovery(directory: &Path, output: &Output) -> GitError {
    if output.stdout.starts_with(b"false") {
        GitError::Bare(directory.to_owned())
    } else if has(&output.stderr, "not a git repository") || has(&output.stderr, "cannot change to")
    {
        GitError::NotARepository(directory.to_owned())
    } else if has(&output.stderr, "'HEAD'") {
        GitError::NoCommit
    } else {
        failed("rev-parse", output)
    }
}

#[cfg(test)]
mod testing;

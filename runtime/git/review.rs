//! Candidates made ready for people: as a diff, as a directory, as a branch of their own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::call::{as_somebody, failed, run, run_with_input, succeed};
use super::{CommitId, GitError, Repository};

/// What a three-way merge gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The name of a tree.
    Tree(String),
    /// In these files, relative to the top.
    Conflict(Vec<PathBuf>),
}

impl Repository {
    /// Whether a commit is there.
    pub fn has_commit(&self, commit: &str) -> Result<bool, GitError> {
        Ok(self.resolve(&format!("{commit}^{{commit}}"))?.is_some())
    }

    /// What changed in `paths`, relative to the top, between two commits: as a patch that can be
    /// applied, or how much it is of each file.
    pub fn diff(
        &self,
        from: &str,
        to: &str,
        paths: &[PathBuf],
        stat: bool,
    ) -> Result<Vec<u8>, GitError> {
        // What can carry any bytes is a patch always.
        let form: &[&str] = if stat {
            &["--stat=100"]
        } else {
            &["--patch", "--binary"]
        };
        let output = succeed(
            "diff",
            self.git()
                .arg("diff")
                .args(form)
                .args(["--no-ext-diff", "--no-textconv"])
                .args(["--no-color", "--no-renames"])
                .args(["--src-prefix=a/", "--dst-prefix=b/", from, to, "--"])
                .args(paths),
        )?;
        Ok(output.stdout)
    }

    /// Makes a worktree for people, at a commit and on no branch.
    pub fn check_out(&self, directory: &Path, commit: &str) -> Result<(), GitError> {
        succeed(
            "worktree add",
            self.git()
                .args(["worktree", "add", "--quiet", "--detach"])
                .arg(directory)
                .arg(commit),
        )
        .map(|_| ())
    }

    /// Whether a branch may have a name.
    pub fn may_be_a_branch(&self, name: &str) -> Result<bool, GitError> {
        let output = run(self.git().args(["check-ref-format", "--branch", name]))?;
        // `@{-1}` and the like stand for another name.
        Ok(output.status.success() && output.stdout.trim_ascii() == name.as_bytes())
    }

    /// The commits that lead to `tip`, but not those that lead to `from`.
    pub fn commits_between(&self, from: &str, tip: &str) -> Result<HashSet<CommitId>, GitError> {
        let output = succeed(
            "rev-list",
            self.git().args(["rev-list", tip, "--not", from, "--"]),
        )?;
        let names = String::from_utf8_lossy(&output.stdout);
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// The tree of a commit.
    pub fn tree(&self, commit: &str) -> Result<String, GitError> {
        let tree = succeed(
            "rev-parse",
            self.git().args([
                "rev-parse",
                "--verify",
                "--end-of-options",
                &format!("{commit}^{{tree}}"),
            ]),
        )?;
        Ok(String::from_utf8_lossy(&tree.stdout).trim().to_owned())
    }

    /// What changed between `base` and `theirs`, done to `ours` too. Nothing is checked out.
    pub fn merge(&self, base: &str, ours: &str, theirs: &str) -> Result<Merged, GitError> {
        // Any git can do this, and it cannot conflict.
        if self.tree(base)? == self.tree(ours)? {
            return self.tree(theirs).map(Merged::Tree);
        }
        let output = run(self
            .git()
            .args([
                "merge-tree",
                "--write-tree",
                "-z",
                "--name-only",
                "--no-messages",
            ])
            .arg(format!("--merge-base={base}"))
            .args([ours, theirs]))?;
        let mut fields = output.stdout.split(|&b| b == 0);
        let tree = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
        match output.status.code() {
            Some(0) => Ok(Merged::Tree(tree)),
            Some(1) => Ok(Merged::Conflict(
                fields
                    .filter(|path| !path.is_empty())
                    .map(|path| PathBuf::from(OsStr::from_bytes(path)))
                    .collect(),
            )),
            _ => Err(failed(
                "merge-tree (which needs git 2.40 or later)",
                &output,
            )),
        }
    }

    /// A commit of a tree, by the author of another commit where that is given.
    pub fn commit_tree(
        &self,
        tree: &str,
        parent: &str,
        message: &str,
        author_of: Option<&str>,
    ) -> Result<CommitId, GitError> {
        let author = author_of.map(|commit| self.author(commit)).transpose()?;
        let output = as_somebody(|variables| {
            let mut command = self.git();
            command
                .args(["commit-tree", tree, "-p", parent, "-F", "-"])
                .envs(variables.iter().copied());
            for (name, value) in ["NAME", "EMAIL", "DATE"]
                .iter()
                .zip(author.iter().flatten())
            {
                command.env(format!("GIT_AUTHOR_{name}"), value);
            }
            run_with_input(&mut command, message.as_bytes())
        })?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(failed("commit-tree", &output))
        }
    }

    /// A commit's author: name, e-mail address and date.
    fn author(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let output = succeed(
            "show",
            self.git().args([
                "show",
                "--no-patch",
                "--no-show-signature",
                "--format=%an%n%ae%n%ad",
                "--date=raw",
                "--end-of-options",
                commit,
            ]),
        )?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }
}

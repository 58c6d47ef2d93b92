//! The only caller of git, and only of its command line.
//!
//! Hermetic: fixed locale, no prompt, no hooks, no file-system monitor, no maintenance in the
//! background, none of the caller's `GIT_*` variables. A worktree of ours is always named by its
//! administrative directory, so what stands in its `.git` file is not believed: a command that ran
//! there could have changed it.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::failure::{Exit, Failure};
use crate::process;
use crate::text;

/// Settings that every call overrides.
const OVERRIDES: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "commit.template=",
    "advice.detachedHead=false",
    "submodule.recurse=false",
    "core.safecrlf=false",
    // The journal names commits: they are on the disk before it is. So are the experiment's refs
    // (see `update_refs`), but not the HEADs of worktrees.
    "core.fsync=loose-object",
    "core.fsyncMethod=batch",
    // In milliseconds: after this a ref's lock is taken for a dead process's, see `update_refs`.
    "core.filesRefLockTimeout=1000",
];

/// Who commits where git knows nobody.
const NOBODY: &str = "autoresearch";

/// A commit's full object name.
pub type CommitId = String;

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

/// A worktree of ours.
#[derive(Debug, Clone)]
pub struct Worktree {
    pub root: PathBuf,
    /// Its administrative directory in the repository.
    admin: PathBuf,
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
    #[error("git {what} failed: {message}")]
    Failed { what: &'static str, message: String },
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let message = error.to_string();
        match error {
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
            GitError::Failed { .. } => {
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
        Ok(output
            .stdout
            .split(|&b| b == 0)
            .filter_map(|entry| {
                let tab = entry.iter().position(|&b| b == b'\t')?;
                let (information, path) = entry.split_at(tab);
                let mode = information.split(|&b| b == b' ').next()?;
                Some((
                    String::from_utf8_lossy(mode).into_owned(),
                    PathBuf::from(OsString::from_vec(path.get(1..)?.to_vec())),
                ))
            })
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
        let names = self.refs("refs/heads/autoresearch")?;
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

    fn refs(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        let output = succeed(
            "for-each-ref",
            self.git()
                .args(["for-each-ref", "--format=%(refname)", prefix]),
        )?;
        let names = String::from_utf8_lossy(&output.stdout);
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Whether a branch is checked out, here or in another worktree.
    pub fn is_checked_out(&self, branch: &str) -> bool {
        let line = format!("ref: {branch}");
        let others = std::fs::read_dir(self.common.join("worktrees"));
        self.branch == branch
            || std::iter::once(self.common.clone())
                .chain(
                    others
                        .into_iter()
                        .flatten()
                        .filter_map(|entry| Some(entry.ok()?.path())),
                )
                .filter_map(|admin| std::fs::read_to_string(admin.join("HEAD")).ok())
                .any(|head| head.trim() == line)
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
        let worktree = self.worktree_at(root);
        (root.is_dir() && worktree.admin.join("HEAD").is_file()).then_some(worktree)
    }

    /// Makes a worktree at a commit, in place of whatever is left of an earlier one.
    pub fn add_worktree(&self, root: &Path, commit: &str) -> Result<Worktree, GitError> {
        let worktree = self.worktree_at(root);
        // Not `git worktree prune`, which would also forget the user's own on an absent disk.
        let _ = std::fs::remove_dir_all(root);
        let _ = std::fs::remove_dir_all(&worktree.admin);
        succeed(
            "worktree add",
            self.git()
                .args(["worktree", "add", "--quiet", "--force", "--detach"])
                .arg(root)
                .arg(commit),
        )?;
        Ok(worktree)
    }

    fn worktree_at(&self, root: &Path) -> Worktree {
        Worktree {
            root: root.to_owned(),
            admin: self
                .common
                .join("worktrees")
                .join(root.file_name().unwrap_or_default()),
        }
    }

    /// Removes a worktree and everything in it.
    pub fn remove_worktree(&self, root: &Path) -> Result<(), GitError> {
        succeed(
            "worktree remove",
            self.git()
                .args(["worktree", "remove", "--force", "--force"])
                .arg(root),
        )
        .map(|_| ())
    }

    fn git(&self) -> Command {
        let mut command = git(&[]);
        command.arg("-C").arg(&self.top);
        command
    }
}

impl Worktree {
    /// The commit that it stands at.
    pub fn head(&self) -> Option<CommitId> {
        let is_commit =
            |text: &str| text.len() >= 40 && text.chars().all(|c| c.is_ascii_hexdigit());
        let head = std::fs::read_to_string(self.admin.join("HEAD")).ok()?;
        if is_commit(head.trim()) {
            return Some(head.trim().to_owned());
        }
        // A repository with reftables keeps it elsewhere.
        let output = run(self.git().args(["rev-parse", "HEAD"])).ok()?;
        let head = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        is_commit(&head).then_some(head)
    }

    /// Makes every tracked file what it is in `commit`. What is not tracked stays.
    pub fn reset(&self, commit: &str) -> Result<(), GitError> {
        // A killed git leaves its locks; nobody else works in this worktree.
        for lock in ["index.lock", "HEAD.lock", "logs/HEAD.lock"] {
            let _ = std::fs::remove_file(self.admin.join(lock));
        }
        succeed(
            "checkout",
            self.git()
                .args(["checkout", "--quiet", "--force", "--detach", commit, "--"]),
        )
        .map(|_| ())
    }

    /// Removes what is neither tracked nor ignored. What git ignores stays: builds stay warm.
    ///
    /// May run while the target is committed: it only reads the index, and the target is in it.
    pub fn clean(&self) -> Result<(), GitError> {
        succeed("clean", self.git().args(["clean", "-ffdq"])).map(|_| ())
    }

    /// Commits `paths` (relative to the top) as they are; `None` where they are as in HEAD.
    pub fn commit(&self, paths: &[PathBuf], message: &str) -> Result<Option<CommitId>, GitError> {
        let before = self.head();
        let commit = |known: bool| {
            let mut command = self.git();
            if !known {
                for who in ["AUTHOR", "COMMITTER"] {
                    command.env(format!("GIT_{who}_NAME"), NOBODY);
                    command.env(format!("GIT_{who}_EMAIL"), format!("{NOBODY}@localhost"));
                }
            }
            command
                .args([
                    "commit",
                    "--quiet",
                    "--no-verify",
                    "--cleanup=whitespace",
                    "-m",
                    message,
                ])
                .args(["--only", "--"])
                .args(paths);
            run(&mut command)
        };
        let mut output = commit(true)?;
        if output.status.code() == Some(128) && has(&output.stderr, "user.email") {
            output = commit(false)?;
        }
        let after = self.head();
        match output.status.code() {
            Some(0) if after.is_some() && after != before => Ok(after),
            Some(1) if after == before && output.stderr.is_empty() => Ok(None),
            _ => Err(failed("commit", &output)),
        }
    }

    fn git(&self) -> Command {
        let mut command = git(&[
            ("--git-dir=", self.admin.as_os_str()),
            ("--work-tree=", self.root.as_os_str()),
        ]);
        command.arg("-C").arg(&self.root);
        command
    }
}

fn git(options: &[(&str, &OsStr)]) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_EDITOR", "true")
        .stdin(Stdio::null());
    for (name, value) in options {
        let mut option = OsString::from(name);
        option.push(value);
        command.arg(option);
    }
    for setting in OVERRIDES {
        command.args(["-c", setting]);
    }
    command.arg("--literal-pathspecs");
    command
}

fn run(command: &mut Command) -> Result<Output, GitError> {
    process::run_trusted(command).map_err(GitError::NotRun)
}

fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Output, GitError> {
    // A file rather than a pipe: git may answer before it has read everything.
    let mut file = tempfile::tempfile().map_err(GitError::NotRun)?;
    std::io::Seek::rewind(&mut {
        file.write_all(input).map_err(GitError::NotRun)?;
        &file
    })
    .map_err(GitError::NotRun)?;
    run(command.stdin(Stdio::from(file)))
}

fn succeed(what: &'static str, command: &mut Command) -> Result<Output, GitError> {
    let output = run(command)?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(failed(what, &output))
    }
}

fn failed(what: &'static str, output: &Output) -> GitError {
    let said = String::from_utf8_lossy(&output.stderr);
    let message = said
        .lines()
        .find_map(|line| {
            line.strip_prefix("fatal: ")
                .or(line.strip_prefix("error: "))
        })
        .or(said.lines().last())
        .unwrap_or("it said nothing");
    GitError::Failed {
        what,
        message: text::clean_line(message, 300),
    }
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

fn has(stderr: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(stderr).contains(words)
}

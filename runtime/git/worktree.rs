//! A worktree of ours: brought to a commit, committed in, and what somebody else changed in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::call::{as_somebody, failed, git, listed, run, succeed};
use super::{CommitId, GitError};
use crate::files;

/// A worktree of ours.
#[derive(Debug, Clone)]
pub struct Worktree {
    pub root: PathBuf,
    /// Its administrative directory in the repository.
    pub(super) admin: PathBuf,
}

/// What a worktree of ours was before somebody worked in it.
#[derive(Debug)]
pub struct Snapshot {
    index: Vec<u8>,
    /// When the index was written, which git compares with the files' times.
    written: SystemTime,
    head: CommitId,
    /// HEAD as it is written, which tells a branch from the commit that it stands for.
    head_text: Vec<u8>,
    link: Vec<u8>,
    submodules: BTreeMap<PathBuf, Stamp>,
}

/// By what a change of a file is known without reading it: the kernel sets the last one.
type Stamp = (u64, u32, i64, i64, i64);

/// What somebody changed in a worktree of ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Relative to the top: changed, new and not ignored, gone, or of another mode or type.
    pub paths: Vec<PathBuf>,
    /// HEAD was moved. It is back where it was.
    pub head: bool,
    /// The file that makes it a worktree was changed. It is as it was.
    pub link: bool,
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

    /// Whether its directory is one. Whoever works in it could put a link in its place, and then
    /// all that is done to a worktree, its cleaning too, would be done elsewhere.
    pub(super) fn is_in_place(&self) -> bool {
        self.root
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
    }

    /// Fails where the directory was taken away or replaced.
    fn check(&self) -> Result<(), GitError> {
        if self.is_in_place() {
            return Ok(());
        }
        Err(GitError::Failed {
            what: "worktree",
            message: format!("`{}` is no directory any more", self.root.display()),
        })
    }

    /// Makes every tracked file what it is in `commit`. What is not tracked stays.
    pub fn reset(&self, commit: &str) -> Result<(), GitError> {
        self.check()?;
        self.remove_locks();
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
        self.check()?;
        succeed("clean", self.git().args(["clean", "-ffdq"])).map(|_| ())
    }

    /// What it is now, to see later what somebody changed.
    ///
    /// It must stand at a commit as [`Worktree::reset`] leaves it.
    pub fn snapshot(&self) -> Result<Snapshot, GitError> {
        let index = self.admin.join("index");
        let written = index.metadata().and_then(|metadata| metadata.modified());
        Ok(Snapshot {
            index: std::fs::read(&index).map_err(GitError::NotRun)?,
            written: written.map_err(GitError::NotRun)?,
            head: self.head().unwrap_or_default(),
            head_text: std::fs::read(self.admin.join("HEAD")).map_err(GitError::NotRun)?,
            link: std::fs::read(self.root.join(".git")).map_err(GitError::NotRun)?,
            submodules: self.submodules()?,
        })
    }

    /// What was changed since; git's own state is as it was again.
    ///
    /// Nothing is believed that stands in the worktree, nor the index: files can be hidden in it.
    pub fn touched(&self, before: &Snapshot) -> Result<Touched, GitError> {
        self.check()?;
        let mut touched = Touched::default();
        let index = self.admin.join("index");
        self.remove_locks();
        let restore_index = || {
            if std::fs::read(&index).ok().as_ref() != Some(&before.index) {
                files::replace(&index, &before.index)?;
            }
            File::open(&index)?.set_modified(before.written)
        };
        restore_index().map_err(GitError::NotRun)?;
        let text = std::fs::read(self.admin.join("HEAD")).ok();
        if text.as_ref() != Some(&before.head_text) || self.head().as_ref() != Some(&before.head) {
            touched.head = true;
            succeed(
                "update-ref",
                self.git()
                    .args(["update-ref", "--no-deref", "HEAD", &before.head]),
            )?;
        }
        let link = self.root.join(".git");
        let is_file = link
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_file());
        if !is_file || std::fs::read(&link).ok().as_ref() != Some(&before.link) {
            touched.link = true;
            let _ = std::fs::remove_dir_all(&link);
            let _ = std::fs::remove_file(&link);
            std::fs::write(&link, &before.link).map_err(GitError::NotRun)?;
        }
        let output = succeed(
            "status",
            self.git().args([
                "status",
                "--porcelain",
                "-z",
                "--no-renames",
                "--untracked-files=all",
                // It would run git in there, with whatever settings are found in there.
                "--ignore-submodules=dirty",
            ]),
        )?;
        touched.paths = output
            .stdout
            .split(|&b| b == 0)
            .filter_map(|entry| Some(PathBuf::from(OsStr::from_bytes(entry.get(3..)?))))
            .collect();
        let submodules = self.submodules()?;
        let changed = submodules
            .iter()
            .filter(|(path, stamp)| before.submodules.get(*path) != Some(stamp));
        let gone = before
            .submodules
            .iter()
            .filter(|(path, _)| !submodules.contains_key(*path));
        touched
            .paths
            .extend(changed.chain(gone).map(|(path, _)| path.clone()));
        Ok(touched)
    }

    /// Every file in the submodules that are there.
    fn submodules(&self) -> Result<BTreeMap<PathBuf, Stamp>, GitError> {
        let mut found = BTreeMap::new();
        if !self.root.join(".gitmodules").exists() {
            return Ok(found);
        }
        let output = succeed("ls-files", self.git().args(["ls-files", "-s", "-z"]))?;
        for (path, words) in listed(&output.stdout) {
            if words.first() == Some(&"160000") {
                walk(&self.root, &path, &mut found);
            }
        }
        Ok(found)
    }

    /// A killed git leaves its locks, some under names of their own; nobody else works in this
    /// worktree.
    fn remove_locks(&self) {
        for directory in [self.admin.clone(), self.admin.join("logs")] {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension() == Some("lock".as_ref()) {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
    }

    /// Commits `paths` (relative to the top) as they are; `None` where they are as in HEAD.
    pub fn commit(&self, paths: &[PathBuf], message: &str) -> Result<Option<CommitId>, GitError> {
        let before = self.head();
        let output = as_somebody(|identity| {
            let mut command = self.git();
            command
                .envs(identity.iter().copied())
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
        })?;
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

/// The stamps of everything below a path that is no directory. Links are not followed.
fn walk(root: &Path, path: &Path, found: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(metadata) = root.join(path).symlink_metadata() else {
        return;
    };
    if !metadata.is_dir() {
        let stamp = (
            metadata.len(),
            metadata.mode(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        );
        found.insert(path.to_owned(), stamp);
        return;
    }
    for entry in std::fs::read_dir(root.join(path))
        .into_iter()
        .flatten()
        .flatten()
    {
        walk(root, &path.join(entry.file_name()), found);
    }
}

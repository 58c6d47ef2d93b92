//! A worktree of ours: brought to a commit, cleaned, committed in.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::call::{as_somebody, failed, git, listed, run, succeed};
use super::index::{self, Entry};
use super::{CommitId, GitError, Repository, file_error};
use crate::files;

/// Settings that a worktree of ours overrides besides those of every call: what git takes a file
/// for is the same whatever the user's settings or a command say, so that no change stays unseen.
const OVERRIDES: &[&str] = &[
    "core.fileMode=true",
    "core.symlinks=true",
    #[cfg(target_os = "linux")]
    "core.ignoreCase=false",
    "core.splitIndex=false",
    "core.untrackedCache=false",
];

/// The attributes by which a file's text in a commit and in a worktree may differ.
const CONVERSIONS: &[&str] = &[
    "crlf",
    "eol",
    "filter",
    "ident",
    "text",
    "working-tree-encoding",
];

/// A worktree of ours.
#[derive(Debug, Clone)]
pub struct Worktree {
    pub root: PathBuf,
    /// Its administrative directory in the repository.
    pub(super) admin: PathBuf,
    /// The repository's own: what the administrative directory says of it is not believed either.
    pub(super) common: PathBuf,
    /// How many bytes an object's name has.
    name_size: usize,
}

impl Worktree {
    /// The last component of `root` must be unique among the repository's worktrees.
    pub(super) fn new(repository: &Repository, root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            admin: repository
                .common
                .join("worktrees")
                .join(root.file_name().unwrap_or_default()),
            common: repository.common.clone(),
            name_size: repository.head.len() / 2,
        }
    }

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

    /// Whether its directories are what they are called. Whoever works in it could put a link in the
    /// place of one, and then all that is done to a worktree, its cleaning too, would be done
    /// elsewhere.
    pub(super) fn is_in_place(&self) -> bool {
        self.misplaced().is_none()
    }

    fn misplaced(&self) -> Option<&Path> {
        let is_directory = |path: &&Path| {
            path.symlink_metadata()
                .is_ok_and(|metadata| metadata.is_dir())
        };
        let directories = [self.root.as_path(), &self.admin];
        directories.into_iter().find(|path| !is_directory(path))
    }

    /// Fails where a directory was taken away or replaced.
    pub(super) fn check(&self) -> Result<(), GitError> {
        match self.misplaced() {
            None => Ok(()),
            Some(path) => Err(GitError::Gone(path.to_owned())),
        }
    }

    /// Makes every tracked file what it is in `commit`. What is not tracked stays.
    pub fn reset(&self, commit: &str) -> Result<(), GitError> {
        self.check()?;
        self.unlock()?;
        self.remove_locks();
        if self.hides_changes()? {
            // Without its index, git writes every file anew.
            let _ = std::fs::remove_file(self.admin.join("index"));
        }
        succeed(
            "checkout",
            self.git()
                .args(["checkout", "--quiet", "--force", "--detach", commit, "--"]),
        )?;
        self.mend_pointer()
    }

    /// Stands at another commit from now on that has the same files.
    pub fn rename_head(&self, commit: &str) -> Result<(), GitError> {
        self.check()?;
        let head = self.admin.join("HEAD");
        let is_detached = std::fs::read_to_string(&head)
            .is_ok_and(|text| text.trim().bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_detached {
            // A command has moved it, or it is kept in a table.
            return self.reset(commit);
        }
        let lock = self.admin.join("HEAD.lock");
        std::fs::write(&lock, format!("{commit}\n"))
            .and_then(|()| std::fs::rename(&lock, &head))
            .map_err(file_error(&head))
    }

    /// Whether the index tells git not to look at some files: a command that ran here did that.
    fn hides_changes(&self) -> Result<bool, GitError> {
        let is_sparse = self.admin.join("info/sparse-checkout").exists();
        let hides = |entry: &Entry| entry.assume_valid || (entry.skip_worktree && !is_sparse);
        // One that cannot be read hides everything.
        Ok(self
            .entries()?
            .is_none_or(|entries| entries.iter().any(hides)))
    }

    /// What is in the index; `None` where git cannot read it.
    pub(super) fn entries(&self) -> Result<Option<Vec<Entry>>, GitError> {
        let index = std::fs::read(self.admin.join("index")).unwrap_or_default();
        if let Some(entries) = index::parse(&index, self.name_size) {
            return Ok(Some(entries));
        }
        let output = run(self.git().args(["ls-files", "-v", "--stage", "-z"]))?;
        let entry = |(path, words): (PathBuf, Vec<&str>)| {
            let [tag, mode, ..] = words[..] else {
                return None;
            };
            Some(Entry {
                path,
                is_submodule: mode == "160000",
                assume_valid: tag.bytes().all(|b| b.is_ascii_lowercase()),
                skip_worktree: tag.eq_ignore_ascii_case("S"),
            })
        };
        let entries = listed(&output.stdout).filter_map(entry).collect();
        Ok(output.status.success().then_some(entries))
    }

    /// Makes the `.git` file lead here, for an agent's git: a command may have changed it.
    pub(super) fn mend_pointer(&self) -> Result<(), GitError> {
        let pointer = self.root.join(".git");
        let leads_here = || {
            let text = std::fs::read_to_string(&pointer).ok()?;
            let path = self.root.join(text.strip_prefix("gitdir: ")?.trim_end());
            Some(path == self.admin || path.canonicalize().ok()? == self.admin)
        };
        let is_file = pointer.symlink_metadata().is_ok_and(|now| now.is_file());
        if is_file && leads_here() == Some(true) {
            return Ok(());
        }
        let mut text = b"gitdir: ".to_vec();
        text.extend(self.admin.as_os_str().as_bytes());
        text.push(b'\n');
        put(&pointer, &text)
    }

    /// Removes what is neither tracked nor ignored. What git ignores stays: builds stay warm.
    ///
    /// May run while the target is committed: it only reads the index, and the target is in it.
    pub fn clean(&self) -> Result<(), GitError> {
        self.check()?;
        succeed("clean", self.git().args(["clean", "-ffdq"])).map(|_| ())
    }

    /// Removes it. Git is not asked: it would read what stands there.
    pub(super) fn remove(&self) -> Result<(), GitError> {
        remove(&self.root)?;
        remove(&self.admin)
    }

    /// Makes it such that git sees and can change everything in it: git passes over directories that
    /// it cannot read, and over pipes, sockets and devices, of which it would read some for ever. Those
    /// are removed, and returned.
    pub(super) fn unlock(&self) -> Result<Vec<PathBuf>, GitError> {
        let special = files::unlock(&self.root);
        for path in &special {
            remove(&self.root.join(path))?;
        }
        Ok(special)
    }

    /// A killed git leaves its locks, some under names of their own; nobody else works in this
    /// worktree.
    pub(super) fn remove_locks(&self) {
        for directory in [self.admin.clone(), self.admin.join("logs")] {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension() == Some("lock".as_ref()) {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
    }

    /// Whether git tracks a path, or something below it.
    pub fn tracks(&self, path: &Path) -> Result<bool, GitError> {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        let entries = self.entries()?.unwrap_or_default();
        Ok(entries.iter().any(|entry| entry.path.starts_with(path)))
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

    /// Whether what git writes into a file of `paths` (relative to the top) may be another text than
    /// it was given: other ends of lines, another encoding, a filter's.
    pub fn converts(&self, paths: &[PathBuf]) -> Result<bool, GitError> {
        for name in ["core.autocrlf", "core.eol"] {
            let output = run(self.git().args(["config", "--get", name]))?;
            let value = String::from_utf8_lossy(&output.stdout);
            if !matches!(value.trim(), "" | "false" | "native" | "lf") {
                return Ok(true);
            }
        }
        let output = succeed(
            "check-attr",
            self.git()
                .args(["check-attr", "-z"])
                .args(CONVERSIONS)
                .arg("--")
                .args(paths),
        )?;
        // A path, an attribute and its value, again and again.
        let mut fields = output.stdout.split(|&b| b == 0).skip(2).step_by(3);
        Ok(fields.any(|value| !matches!(value, b"" | b"unspecified" | b"unset")))
    }

    /// Brings files (relative to the top) into the form that they are checked out in.
    pub fn check_out_again(&self, paths: &[PathBuf], commit: &str) -> Result<(), GitError> {
        for path in paths {
            remove(&self.root.join(path))?;
        }
        self.reset(commit)
    }

    pub(super) fn git(&self) -> Command {
        self.git_in(&self.root)
    }

    /// Git with a directory below the root in the place of the worktree.
    pub(super) fn git_in(&self, directory: &Path) -> Command {
        let mut command = git(&[
            ("--git-dir=", self.admin.as_os_str()),
            ("--work-tree=", directory.as_os_str()),
        ]);
        for setting in OVERRIDES {
            command.args(["-c", setting]);
        }
        command
            .env("GIT_COMMON_DIR", &self.common)
            .arg("-C")
            .arg(directory);
        command
    }
}

/// Removes whatever is there, a link and not what it leads to.
pub(super) fn remove(path: &Path) -> Result<(), GitError> {
    files::remove(path).map_err(file_error(path))
}

/// Puts a file in the place of whatever is there.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    remove(path)?;
    std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(file_error(path))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, user_git, write};
    use super::*;

    #[test]
    fn another_commit_with_the_same_files_is_stood_at() {
        for tables in [false, true] {
            let place = Place::new(&[("t", "old")]);
            if tables {
                std::fs::remove_dir_all(place.top().join(".git/logs")).unwrap();
                place.git(&["refs", "migrate", "--ref-format=reftable"]);
            }
            let ours = place.worktree();
            write(&ours.root, "t", "new");
            let commit = ours.commit(&["t".into()], "try").unwrap().unwrap();
            let kept = place.repository().with_message(&commit, "kept").unwrap();
            for branch in [false, true] {
                if branch {
                    user_git(&ours.root, &["switch", "--quiet", "--create", "theirs"]);
                }
                std::fs::write(ours.admin.join("HEAD.lock"), "").unwrap();
                ours.rename_head(&kept).unwrap();
                assert_eq!(ours.head().as_ref(), Some(&kept));
                let said = ["rev-parse", "--abbrev-ref", "HEAD"];
                assert_eq!(user_git(&ours.root, &said), "HEAD");
                assert_eq!(user_git(&ours.root, &["status", "--porcelain"]), "");
                assert!(!ours.admin.join("HEAD.lock").exists());
            }
        }
    }

    #[test]
    fn the_way_to_the_repository_is_mended() {
        let place = Place::new(&[("t", "")]);
        let ours = place.worktree();
        let head = ours.head().unwrap();
        let pointer = ours.root.join(".git");
        let before = std::fs::read(&pointer).unwrap();
        let acts: [fn(&Path); 4] = [
            |pointer| std::fs::remove_file(pointer).unwrap(),
            |pointer| std::fs::write(pointer, "gitdir: /nowhere\n").unwrap(),
            |pointer| {
                std::fs::remove_file(pointer).unwrap();
                std::fs::create_dir(pointer).unwrap();
            },
            |pointer| {
                std::fs::remove_dir_all(pointer)
                    .or_else(|_| std::fs::remove_file(pointer))
                    .unwrap();
                std::os::unix::fs::symlink("t", pointer).unwrap();
            },
        ];
        for act in acts {
            act(&pointer);
            ours.reset(&head).unwrap();
            assert_eq!(std::fs::read(&pointer).unwrap(), before);
        }
        // As git writes it where it is told to.
        let relative = "gitdir: ../project/.git/worktrees/ours\n";
        std::fs::write(&pointer, relative).unwrap();
        ours.reset(&head).unwrap();
        assert_eq!(std::fs::read_to_string(&pointer).unwrap(), relative);
    }

    #[test]
    fn an_index_of_any_kind_is_understood() {
        let place = Place::new(&[("t", "text")]);
        let ours = place.worktree();
        let head = ours.head().unwrap();
        for act in [
            &["update-index", "--split-index"][..],
            &["update-index", "--index-version", "4"],
            &["update-index", "--untracked-cache"],
        ] {
            user_git(&ours.root, act);
            assert!(!ours.hides_changes().unwrap(), "{act:?}");
            user_git(&ours.root, &["update-index", "--assume-unchanged", "t"]);
            assert!(ours.hides_changes().unwrap(), "{act:?}");
            write(&ours.root, "t", "another");
            ours.reset(&head).unwrap();
            assert_eq!(std::fs::read(ours.root.join("t")).unwrap(), b"text");
        }
        std::fs::write(ours.admin.join("index"), "nonsense").unwrap();
        write(&ours.root, "t", "another");
        ours.reset(&head).unwrap();
        assert_eq!(std::fs::read(ours.root.join("t")).unwrap(), b"text");
    }
}

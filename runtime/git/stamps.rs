//! Which files of a worktree are as they were.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::scope::set_modified;
use super::{GitError, Worktree};

/// A file's identity. Nobody can change a file and keep it: the last field is the system's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    size: u64,
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl Stamp {
    pub(super) fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(super) fn of(path: &Path) -> Option<Self> {
        Some(Self::new(&path.symlink_metadata().ok()?))
    }
}

/// The tracked files of a worktree and its `.git` file, as they were at a time.
#[derive(Debug)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

impl Worktree {
    /// Notes what the tracked files are, for [`Worktree::restore`].
    pub fn stamps(&self) -> Result<Stamps, GitError> {
        let tracked = self.entries()?.unwrap_or_default();
        let paths = tracked
            .into_iter()
            .filter(|entry| !entry.is_submodule && !entry.skip_worktree)
            .map(|entry| entry.path)
            .chain([PathBuf::from(".git")]);
        Ok(Stamps(
            paths
                .map(|path| {
                    let stamp = Stamp::of(&self.root.join(&path));
                    (path, stamp)
                })
                .collect(),
        ))
    }

    /// Makes every tracked file what it is in `commit` again, where something has touched one since.
    pub fn restore(&self, stamps: &mut Stamps, commit: &str) -> Result<(), GitError> {
        let is_as_before =
            |(path, stamp): &(PathBuf, Option<Stamp>)| Stamp::of(&self.root.join(path)) == *stamp;
        if stamps.0.iter().all(is_as_before) {
            return Ok(());
        }
        // As old as can be: git reads every file, whatever its times say.
        let index = self.admin.join("index");
        let _ = set_modified(&index, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        self.reset(commit)?;
        *stamps = self.stamps()?;
        Ok(())
    }
}

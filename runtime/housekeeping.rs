//! Worktrees that stay after their runs: how large they are, and removing those that nobody uses.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::files;
use crate::lock::Lock;
use crate::workspace::all_beside;

/// How long worktrees stay after they were used last. They are made anew when they are needed, and then
/// builds are cold.
const UNUSED: Duration = Duration::from_hours(14 * 24);

/// Bytes on the disk of everything below paths, links not followed.
pub fn size(paths: &[PathBuf]) -> u64 {
    let mut total = 0;
    let mut pending = paths.to_vec();
    while let Some(path) = pending.pop() {
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        total += metadata.blocks() * 512;
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        }
    }
    total
}

/// Removes the worktrees of all experiments that nobody has used for long. Whatever cannot be removed
/// stays.
pub fn remove_unused(state: &Path) {
    let directory = state.join("worktrees");
    let entries = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten();
    for root in entries.map(|entry| entry.path()) {
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        let experiment = name.strip_suffix("-a").or_else(|| name.strip_suffix("-b"));
        if let Some(experiment) = experiment.filter(|_| root.is_dir()) {
            let lock = state.join("locks").join(experiment);
            if is_old(&lock) {
                remove(&root, &lock);
            }
        }
    }
}

/// Whether a lock was taken last long ago.
fn is_old(lock: &Path) -> bool {
    let last = lock.metadata().and_then(|metadata| metadata.modified());
    last.is_ok_and(|last| {
        SystemTime::now()
            .duration_since(last)
            .is_ok_and(|age| age > UNUSED)
    })
}

fn remove(root: &Path, lock: &Path) {
    let Ok(_held) = Lock::take(lock) else {
        return;
    };
    let admin = std::fs::read_to_string(root.join(".git"))
        .ok()
        .and_then(|text| Some(PathBuf::from(text.strip_prefix("gitdir: ")?.trim_end())))
        // Nothing else than what git keeps about a worktree of this name.
        .filter(|admin| {
            admin.file_name() == root.file_name()
                && admin
                    .parent()
                    .is_some_and(|parent| parent.ends_with("worktrees"))
        });
    if files::remove(root).is_ok() {
        for path in all_beside(root) {
            let _ = files::remove(&path);
        }
        if let Some(admin) = admin {
            let _ = files::remove(&admin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_long_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        let admins = root.path().join("git/worktrees");
        for name in ["x.y-1-a", "y-2-a"] {
            let tree = state.join("worktrees").join(name);
            std::fs::create_dir_all(tree.join("deep")).unwrap();
            std::fs::create_dir_all(admins.join(name)).unwrap();
            for path in all_beside(&tree) {
                std::fs::create_dir_all(path).unwrap();
            }
            let pointer = format!("gitdir: {}\n", admins.join(name).display());
            std::fs::write(tree.join(".git"), pointer).unwrap();
        }
        std::fs::create_dir_all(state.join("locks")).unwrap();
        for experiment in ["x.y-1", "y-2"] {
            std::fs::write(state.join("locks").join(experiment), "").unwrap();
        }
        let old = state.join("worktrees/x.y-1-a");
        let lock = std::fs::File::open(state.join("locks/x.y-1")).unwrap();
        lock.set_modified(SystemTime::now() - 2 * UNUSED).unwrap();
        remove_unused(&state);
        assert!(!old.exists() && !all_beside(&old).iter().any(|path| path.exists()));
        assert!(!admins.join("x.y-1-a").exists());
        assert!(state.join("worktrees/y-2-a").exists() && admins.join("y-2-a").exists());
        assert!(size(&[state.join("worktrees")]) > 0);
        assert_eq!(size(&[old]), 0);
    }
}

//! Writing and removing files as a whole.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, PermissionsExt};

/// Writes a file as a whole or not at all. A run that is killed here leaves `PATH.new`, which the
/// next one overwrites.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(new, path)
}

/// What a file's new text must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Enough in a worktree, where each run resets it.
    UntilPowerFails,
    Always,
}

/// Where [`replace_below`] writes a file before it takes its place. Always the same, so that what a
/// killed run left is found.
pub fn temporary_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".autoresearch-new");
    path.with_file_name(name)
}

/// Replaces a file below a directory, which it cannot leave, as a whole: a reader, or a crash, sees
/// the old text or the new.
pub fn replace_below(
    directory: &Dir,
    path: &Path,
    bytes: &[u8],
    executable: bool,
    durability: Durability,
) -> std::io::Result<()> {
    let temporary = temporary_path(path);
    // What git knows of a mode is whether it can be executed; the rest is as the file has it now.
    let now = directory.symlink_metadata(path).ok();
    let mode = now.map_or(0o644, |metadata| metadata.permissions().mode() & 0o666);
    let mode = mode | if executable { (mode & 0o444) >> 2 } else { 0 };
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut out = directory.open_with(&temporary, &options)?;
        out.write_all(bytes)?;
        if durability == Durability::Always {
            out.sync_data()?;
        }
        out.set_permissions(cap_std::fs::Permissions::from_std(Permissions::from_mode(
            mode,
        )))?;
        directory.rename(&temporary, directory, path)
    };
    write().inspect_err(|_| {
        let _ = directory.remove_file(&temporary);
    })
}

/// What the owner of a directory needs in it.
const OWNER_ALL: u32 = 0o700;

/// Removes whatever is there, and of a link only the link. Nothing there is fine too. Directories
/// whose permissions forbid it are given others.
pub fn remove(path: &Path) -> std::io::Result<()> {
    let remove = || match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    match remove() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            unlock(path);
            remove()
        }
        // With the directory that it was in.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Gives the owner every permission on a directory and all directories below it, as far as it is
/// theirs to give. Returns the paths, relative to the directory, of what is neither file, directory
/// nor link: pipes, sockets, devices.
pub fn unlock(directory: &Path) -> Vec<PathBuf> {
    let mut special = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        let path = directory.join(&below);
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if !metadata.is_dir() {
            continue;
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & OWNER_ALL != OWNER_ALL {
            let _ = std::fs::set_permissions(&path, Permissions::from_mode(mode | OWNER_ALL));
        }
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = below.join(entry.file_name());
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_fifo()
                || kind.is_socket()
                || kind.is_char_device()
                || kind.is_block_device()
            {
                special.push(path);
            }
        }
    }
    special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_permissions_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("d");
        std::fs::create_dir_all(path.join("e/f")).unwrap();
        std::fs::write(path.join("e/f/x"), "").unwrap();
        std::os::unix::fs::symlink("/", path.join("e/root")).unwrap();
        for (directory, mode) in [("e/f", 0), ("e", 0o555), ("", 0)] {
            std::fs::set_permissions(path.join(directory), Permissions::from_mode(mode)).unwrap();
        }
        remove(&path).unwrap();
        assert!(!path.exists());
        remove(&path).unwrap();
    }

    #[test]
    fn permissions_are_given_and_special_files_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("a/b/socket")).unwrap();
        std::os::unix::fs::symlink("b/socket", root.join("a/link")).unwrap();
        std::fs::write(root.join("a/file"), "").unwrap();
        let mode = |path: &str| root.join(path).metadata().unwrap().permissions().mode() & 0o777;
        for path in ["a/b", "a"] {
            std::fs::set_permissions(root.join(path), Permissions::from_mode(0o055)).unwrap();
        }
        assert_eq!(unlock(root), [Path::new("a/b/socket")]);
        assert_eq!((mode("a"), mode("a/b")), (0o755, 0o755));
    }
}

//! Writing files as a whole.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
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
        out.set_permissions(cap_std::fs::Permissions::from_std(
            std::fs::Permissions::from_mode(mode),
        ))?;
        directory.rename(&temporary, directory, path)
    };
    write().inspect_err(|_| {
        let _ = directory.remove_file(&temporary);
    })
}

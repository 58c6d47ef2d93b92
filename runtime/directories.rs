//! Where this program keeps what is not the project's: the XDG directories of the user.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::{Exit, Failure};

/// Compiled components: may be deleted at any time.
pub fn cache() -> Option<PathBuf> {
    base("XDG_CACHE_HOME", ".cache").map(|base| base.join("autoresearch/components"))
}

/// The worktrees, and who measures.
pub fn state() -> Result<PathBuf, Failure> {
    base("XDG_STATE_HOME", ".local/state")
        .map(|base| base.join("autoresearch"))
        .ok_or_else(|| {
            Failure::new(
                Exit::Environment,
                "there is no home directory to keep worktrees in",
            )
            .hint("set HOME or XDG_STATE_HOME to an absolute path")
        })
}

/// What the system's own directories, such as `/proc`, are below. Tests have them elsewhere.
pub fn system() -> PathBuf {
    absolute(std::env::var_os("AUTORESEARCH_SYSTEM_ROOT")).unwrap_or_else(|| PathBuf::from("/"))
}

/// Docker's settings, with the logins to registries.
pub fn docker_config() -> Option<PathBuf> {
    let own = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    Some(directory.or_else(own)?.join("config.json"))
}

/// The user's own experiments.
pub fn user_experiments() -> Option<PathBuf> {
    home().map(|home| home.join(".autoresearch"))
}

fn base(variable: &str, in_home: &str) -> Option<PathBuf> {
    // The specification: relative paths are to be ignored.
    absolute(std::env::var_os(variable)).or_else(|| home().map(|home| home.join(in_home)))
}

fn home() -> Option<PathBuf> {
    absolute(std::env::var_os("HOME"))
}

/// What the environment says of the sandbox of commands.
pub fn sandbox() -> Option<String> {
    std::env::var("AUTORESEARCH_SANDBOX")
        .ok()
        .filter(|word| !word.is_empty())
}

fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

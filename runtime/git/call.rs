//! Calling git: hermetic, and what it says made into errors.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::{GitError, file_error};
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
    "i18n.commitEncoding=UTF-8",
    "advice.detachedHead=false",
    "submodule.recurse=false",
    "core.safecrlf=false",
    // Hooks of the configuration, in the versions of git that know them: an event's name stands
    // for all of its hooks.
    "hook.post-checkout.enabled=false",
    "hook.pre-commit.enabled=false",
    "hook.prepare-commit-msg.enabled=false",
    "hook.commit-msg.enabled=false",
    "hook.post-commit.enabled=false",
    "hook.post-index-change.enabled=false",
    "hook.reference-transaction.enabled=false",
    // A commit is what its own object says, and a file has changed when anything of it has.
    "core.useReplaceRefs=false",
    "core.trustctime=true",
    "core.checkStat=default",
    "core.ignoreStat=false",
    // The journal names commits: they are on the disk before it is. So are the experiment's refs
    // (see `update_refs`), but not the HEADs of worktrees.
    "core.fsync=loose-object",
    "core.fsyncMethod=batch",
    // In milliseconds: after this a ref's lock is taken for a dead process's, see `update_refs`.
    "core.filesRefLockTimeout=1000",
    // `checkout` and `commit` take the lock on packed refs to delete a ref that we never have, and
    // do without. One that a dead git left would cost a second each time.
    "core.packedRefsTimeout=0",
    // The order of files in what only we read.
    "diff.orderFile=/dev/null",
];

/// Who commits where git knows nobody.
const NOBODY: &str = "autoresearch";
const NOBODY_EMAIL: &str = "autoresearch@localhost";

/// Commits as the user, or as [`NOBODY`] where git does not know who that is.
pub(super) fn as_somebody(
    commit: impl Fn(&[(&str, &str)]) -> Result<Output, GitError>,
) -> Result<Output, GitError> {
    let output = commit(&[])?;
    if output.status.code() == Some(128) && has(&output.stderr, "user.email") {
        return commit(&[
            ("GIT_AUTHOR_NAME", NOBODY),
            ("GIT_AUTHOR_EMAIL", NOBODY_EMAIL),
            ("GIT_COMMITTER_NAME", NOBODY),
            ("GIT_COMMITTER_EMAIL", NOBODY_EMAIL),
        ]);
    }
    Ok(output)
}

/// The entries of `words<TAB>path<NUL>`.
pub(super) fn listed(output: &[u8]) -> impl Iterator<Item = (PathBuf, Vec<&str>)> {
    output.split(|&b| b == 0).filter_map(|entry| {
        let tab = entry.iter().position(|&b| b == b'\t')?;
        let (words, path) = entry.split_at(tab);
        let words = std::str::from_utf8(words).ok()?;
        Some((
            PathBuf::from(OsStr::from_bytes(path.get(1..)?)),
            words.split(' ').collect(),
        ))
    })
}

pub(super) fn git(options: &[(&str, &OsStr)]) -> Command {
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

pub(super) fn run(command: &mut Command) -> Result<Output, GitError> {
    process::run_trusted(command).map_err(GitError::NotRun)
}

pub(super) fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Output, GitError> {
    run(command.stdin(holding(input)?))
}

/// As [`run_with_input`], for output that is too long to be held: `read` takes it in as it comes.
pub(super) fn run_with_input_reading<T>(
    command: &mut Command,
    input: &[u8],
    read: impl FnOnce(&mut dyn BufRead) -> std::io::Result<T>,
) -> Result<(Output, T), GitError> {
    process::read_trusted(command.stdin(holding(input)?), read).map_err(GitError::NotRun)
}

/// Standard input of such content: a file rather than a pipe, as git may answer before it has read
/// everything.
fn holding(input: &[u8]) -> Result<Stdio, GitError> {
    let hold = || {
        let mut file = tempfile::tempfile()?;
        file.write_all(input)?;
        file.rewind()?;
        Ok(Stdio::from(file))
    };
    hold().map_err(file_error(&std::env::temp_dir()))
}

pub(super) fn succeed(what: &'static str, command: &mut Command) -> Result<Output, GitError> {
    succeeded(what, run(command)?)
}

pub(super) fn succeeded(what: &'static str, output: Output) -> Result<Output, GitError> {
    if output.status.success() {
        Ok(output)
    } else {
        Err(failed(what, &output))
    }
}

pub(super) fn failed(what: &'static str, output: &Output) -> GitError {
    let said = String::from_utf8_lossy(&output.stderr);
    let of_git = |line: &str| {
        let words = line
            .strip_prefix("fatal: ")
            .or(line.strip_prefix("error: "))?;
        Some(words.to_owned())
    };
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let at = lines.iter().position(|line| of_git(line).is_some());
    let message = match at.and_then(|at| Some((at, of_git(lines.get(at)?)?))) {
        // What a program said that git started stands before that.
        Some((at, words)) if at > 0 => {
            let before = lines.get(at - 1).copied().unwrap_or_default();
            format!("{words} ({})", before.trim())
        }
        Some((_, words)) => words,
        None => lines
            .last()
            .copied()
            .unwrap_or("it said nothing")
            .to_owned(),
    };
    GitError::Failed {
        what,
        message: text::clean_line(&message, 300),
    }
}

pub(super) fn has(stderr: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(stderr).contains(words)
}

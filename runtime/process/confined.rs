//! Starting a launcher within what confines its command.
//!
//! In bubblewrap the launcher is inside too: so it measures the command alone, and ends with it
//! whatever the command does. What it measures cannot be tampered with there, for no other process may
//! look into it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Captured, Command, Launcher, tree};
#[cfg(target_os = "linux")]
use crate::sandbox::kernel;
use crate::sandbox::{Resources, Tier};

/// How a launcher is started.
pub(super) struct Start {
    program: OsString,
    arguments: Vec<OsString>,
    orders: Orders,
    /// The launcher's program, where it is reached by its descriptor.
    _image: Option<File>,
    /// The command's own, until it has ended.
    _temporary: Option<TempDir>,
    in_bubblewrap: bool,
}

/// What the launcher sees to itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Orders {
    #[cfg(target_os = "linux")]
    pub(super) kernel: Option<kernel::Orders>,
    pub(super) resources: Option<Resources>,
    /// All processes that it can see are the command's.
    pub(super) alone: bool,
    /// The directory for temporary files.
    pub(super) temporary: Option<OsString>,
}

impl Start {
    pub(super) fn new(launcher: &Launcher, command: &Command<'_>) -> std::io::Result<Self> {
        let plain = Self {
            program: launcher.program.clone().into_os_string(),
            arguments: Vec::new(),
            orders: Orders::default(),
            _image: None,
            _temporary: None,
            in_bubblewrap: false,
        };
        #[cfg(target_os = "linux")]
        match command.confinement.tier() {
            Tier::Bubblewrap => return Self::in_bubblewrap(launcher, command),
            Tier::Landlock => return Self::with_landlock(plain, command),
            Tier::None => {}
        }
        Ok(plain)
    }

    #[cfg(target_os = "linux")]
    fn in_bubblewrap(launcher: &Launcher, command: &Command<'_>) -> std::io::Result<Self> {
        let confinement = command.confinement;
        let rules = confinement.rules();
        let mut line = confinement
            .bubblewrap(command.directory, &named(command))
            .into_iter();
        // By its descriptor: it need not be where the command can see it, nor there any more.
        let image = File::open(&launcher.program)?;
        // SAFETY: the descriptor is open; the call sets a flag of it.
        if unsafe { libc::fcntl(image.as_raw_fd(), libc::F_SETFD, 0) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
        let program = line.next().unwrap_or_default();
        let path = format!("/proc/self/fd/{}", image.as_raw_fd());
        Ok(Self {
            program,
            arguments: line.chain([path.into()]).collect(),
            orders: Orders {
                kernel: Some(kernel::Orders::within_bubblewrap(rules)),
                resources: rules.resources,
                alone: true,
                temporary: None,
            },
            _image: Some(image),
            _temporary: None,
            in_bubblewrap: true,
        })
    }

    #[cfg(target_os = "linux")]
    fn with_landlock(plain: Self, command: &Command<'_>) -> std::io::Result<Self> {
        let rules = command.confinement.rules();
        let temporary = tempfile::Builder::new().prefix("autoresearch-").tempdir()?;
        let orders = kernel::Orders::alone(rules, temporary.path(), &named(command));
        Ok(Self {
            orders: Orders {
                kernel: Some(orders),
                resources: rules.resources,
                alone: false,
                temporary: Some(temporary.path().as_os_str().to_owned()),
            },
            _temporary: Some(temporary),
            ..plain
        })
    }

    /// Gives the launcher precedence over its command, which could otherwise start processes faster than
    /// anybody gets to look. Only for the administrator, whom the kernel holds to no number of them and
    /// lets do this.
    pub(super) fn keep_in_front(&self, starting: &mut std::process::Command) {
        #[cfg(target_os = "linux")]
        if self.in_bubblewrap && tree::is_administrator() {
            use std::os::unix::process::CommandExt;
            // SAFETY: the closure makes one system call, which may fail.
            unsafe {
                starting.pre_exec(|| {
                    let _ = kernel::take_precedence(true);
                    Ok(())
                });
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = starting;
    }

    pub(super) fn program(&self) -> &OsStr {
        &self.program
    }

    pub(super) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    pub(super) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Whether the sandbox itself failed: then its own words are all that there is.
    pub(super) fn failed_to_start(&self, stderr: &Captured) -> bool {
        self.in_bubblewrap && stderr.bytes.starts_with(b"bwrap: ")
    }
}

/// Files that the owner's command line names, and its input: what it names, it is to see.
fn named(command: &Command<'_>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = command
        .line
        .words()
        .into_iter()
        // Also as `--file=/path`.
        .map(|word| match word.split_once('=') {
            Some((option, path)) if option.starts_with('-') => PathBuf::from(path),
            _ => PathBuf::from(word),
        })
        .filter(|path| path.is_absolute() && path.is_file())
        .collect();
    found.extend(
        command
            .input
            .and_then(|path| std::path::absolute(path).ok()),
    );
    found.extend(package(command));
    found
}

/// Where the rest of a program is that a link in a directory of programs leads to: an agent that npm
/// installed, or one below a directory of versions.
fn package(command: &Command<'_>) -> Option<PathBuf> {
    let program = command.line.argv().first()?;
    let path = command
        .environment
        .iter()
        .find_map(|(name, path)| (name == "PATH").then_some(path))?;
    let found = if program.contains('/') {
        PathBuf::from(program)
    } else {
        std::env::split_paths(path)
            .map(|directory| directory.join(program))
            .find(|program| program.is_file())?
    };
    let real = found.canonicalize().ok().filter(|real| *real != found)?;
    // Its dependencies may lie beside it.
    let modules = real
        .ancestors()
        .filter(|above| above.ends_with("node_modules"))
        .last();
    modules.or(real.parent()).map(PathBuf::from)
}

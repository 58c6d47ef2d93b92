//! One process at a time: a lock that the kernel releases when its holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::failure::{Exit, Failure};
use crate::process;

/// How long a holder may still be ending its commands: their default grace, and a little.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How often to ask for a lock that may be held for long: what its holder measures is not to be
/// disturbed.
const POLL: Duration = Duration::from_millis(50);

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// With the holder, as far as it is known.
    #[error("another run of this experiment is going on{0}")]
    Busy(String),
    #[error("`{}` cannot be locked: {cause}", path.display())]
    Io {
        path: PathBuf,
        cause: std::io::Error,
    },
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let message = error.to_string();
        match error {
            LockError::Busy(_) => {
                Failure::new(Exit::Busy, message).hint("wait for it to end, or stop it")
            }
            LockError::Io { .. } => {
                Failure::new(Exit::Failure, message).hint("nothing is lost; mend it and run again")
            }
        }
    }
}

impl Lock {
    /// Takes the lock that a file stands for, or says who has it after a moment's wait.
    ///
    /// The launchers that its holder starts hold it too: killed, the holder still has a command that
    /// is being ended, and until it has ended nobody else may measure.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |cause| LockError::Io {
            path: path.to_owned(),
            cause,
        };
        let file = open(path).map_err(io)?;
        match try_for_a_moment(&file) {
            Ok(()) => {
                let lock = Self::taken(file);
                lock.let_launchers_inherit();
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Busy(
                holder(path).map_or_else(String::new, |id| format!(" (process {id})")),
            )),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Takes the lock that a file stands for, and while somebody has it goes on waiting as long as it
    /// is told to.
    pub fn wait(
        path: &Path,
        mut go_on_waiting: impl FnMut() -> bool,
    ) -> Result<Option<Self>, LockError> {
        let io = |cause| LockError::Io {
            path: path.to_owned(),
            cause,
        };
        let file = open(path).map_err(io)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self::taken(file))),
                Err(TryLockError::WouldBlock) if !go_on_waiting() => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        }
    }

    fn taken(mut file: File) -> Self {
        // For whoever finds it locked. Of one length, over what stands there: a file that is cut short
        // and written anew is brought to the disk when it is closed, which takes milliseconds.
        let _ = file.write_all(format!("{:<10}", std::process::id()).as_bytes());
        Self { file }
    }

    /// Has the launchers that are started from now on hold it too.
    pub fn let_launchers_inherit(&self) {
        process::let_launchers_inherit(&self.file);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// The process that holds a lock, or held it last, as far as it is known.
pub fn holder(path: &Path) -> Option<u32> {
    let mut holder = String::new();
    File::open(path)
        .and_then(|file| file.take(20).read_to_string(&mut holder))
        .ok()?;
    holder.trim_end().parse().ok()
}

/// Whether somebody holds the lock that a file stands for.
pub fn is_held(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn try_for_a_moment(file: &File) -> Result<(), TryLockError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}

//! One process at a time: a lock that the kernel releases when its holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::failure::{Exit, Failure};
use crate::process;
use crate::text;

/// How long a holder may still be ending its commands: their default grace, and a little.
const PATIENCE: Duration = Duration::from_millis(2500);

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
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
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match try_for_a_moment(&file) {
            Ok(()) => process::let_launchers_inherit(&file),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = (&mut file).take(20).read_to_string(&mut holder);
                let holder = text::clean_line(&holder, 20);
                return Err(LockError::Busy(if holder.is_empty() {
                    String::new()
                } else {
                    format!(" (process {holder})")
                }));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // For the message above only.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
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

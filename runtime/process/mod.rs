//! Run one command and everything it starts, and be sure that all of it has ended.
//!
//! The host never forks a command itself. It starts a small launcher (this program again, see
//! [`launcher`]) that leads the command's process tree, measures it and ends it. That has two reasons:
//! the kernel carries a parent's peak memory over to what it starts, so a command of 1 MB would be
//! reported with the host's hundreds; and a launcher that adopts its orphans can find a process
//! that daemonised, whereas a process group cannot.

pub mod affinity;
mod capture;
mod ceiling;
mod command_line;
mod confined;
pub mod consumption;
mod image;
pub mod launcher;
pub mod signals;
pub mod suspension;
mod tree;

pub use capture::TRANSCRIPT_LIMIT;
pub use command_line::{CommandLine, CommandLineError};

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sandbox::Confinement;
use crate::text;
use suspension::Mark;

/// How long after its own deadline the launcher may take to end the tree before the host does it.
const LAUNCHER_SLACK: Duration = Duration::from_secs(5);

/// Held by whoever starts a process, and alone by whoever stops them all.
static STARTING: RwLock<()> = RwLock::new(());

/// The program that leads a command's process tree.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    /// This program itself. On Linux that is its image in memory, which stays even when the file is
    /// replaced by an upgrade in the middle of a night.
    pub fn current() -> std::io::Result<Self> {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Self { program })
    }

    /// Where that program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// An autoresearch program at a path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }
}

/// One command to run.
#[derive(Debug)]
pub struct Command<'a> {
    pub line: &'a CommandLine,
    pub directory: &'a Path,
    /// The whole environment: nothing is inherited.
    pub environment: &'a [(OsString, OsString)],
    /// What it may touch.
    pub confinement: &'a Confinement,
    /// The CPUs that it and all that it starts may run on; none given: all that this program may use.
    pub cpus: &'a [u32],
    /// Counted from the start of the command.
    pub deadline: Duration,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// Bytes kept of each of standard output and standard error: the last ones.
    pub output_limit: usize,
    /// A plain file that is the standard input; without one there is nothing to read.
    pub input: Option<&'a Path>,
    /// A file to be made anew, to which both streams are also written as they come, up to
    /// [`TRANSCRIPT_LIMIT`] bytes. That it cannot be written is no failure.
    pub transcript: Option<&'a Path>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// It was ended at its deadline.
    TimedOut,
    /// It was ended because the host asked for it.
    Cancelled,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::TimedOut => f.write_str("timed out"),
            Exit::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// What a command cost, measured around the command alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub wall_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    /// The largest process among the command and the descendants it waited for.
    pub peak_rss_bytes: u64,
}

/// What a command left.
#[derive(Debug)]
pub struct Output {
    pub exit: Exit,
    pub stdout: Captured,
    pub stderr: Captured,
    pub usage: Usage,
    /// Processes that were still there after the command's own end and had to be killed.
    pub survivors: u32,
    /// What it used too much of, and was ended for.
    pub over: Option<String>,
}

/// One stream's last bytes.
#[derive(Debug, Default)]
pub struct Captured {
    pub bytes: Vec<u8>,
    /// True where there were more; `bytes` then starts at the start of a line.
    pub truncated: bool,
}

/// Why there is no [`Output`].
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot start `{program}`: {reason}")]
    NotStarted { program: String, reason: String },
    #[error("the launcher failed: {0}")]
    Launcher(String),
}

/// Ends commands from another thread: all that run under it, one after another or at once.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    state: Arc<Mutex<CancelState>>,
}

#[derive(Debug, Default)]
struct CancelState {
    cancelled: bool,
    /// The launchers' sockets, each with a number of its own.
    controls: BTreeMap<u64, UnixStream>,
    next: u64,
}

impl Cancel {
    /// TERM, grace, KILL; each [`run`] returns when its tree is gone. Nothing starts any more.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        for control in state.controls.values() {
            order_end(control);
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Puts a launcher under this until the guard is dropped.
    fn attach(&self, control: &UnixStream) -> std::io::Result<Attached<'_>> {
        let control = control.try_clone()?;
        let mut state = self.lock();
        if state.cancelled {
            order_end(&control);
        }
        let number = state.next;
        state.next += 1;
        state.controls.insert(number, control);
        Ok(Attached {
            cancel: self,
            number,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CancelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The launcher takes the end of its input for the order to stop.
fn order_end(control: &UnixStream) {
    // It fails where the launcher is gone already.
    let _ = control.shutdown(Shutdown::Write);
}

/// A launcher under a [`Cancel`].
struct Attached<'a> {
    cancel: &'a Cancel,
    number: u64,
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.cancel.lock().controls.remove(&self.number);
    }
}

/// Runs a command to its end, or to its deadline, and returns when everything it started has ended.
pub fn run(
    launcher: &Launcher,
    command: &Command<'_>,
    cancel: &Cancel,
) -> Result<Output, RunError> {
    if cancel.is_cancelled() {
        return Ok(Output {
            exit: Exit::Cancelled,
            stdout: Captured::default(),
            stderr: Captured::default(),
            usage: Usage::default(),
            survivors: 0,
            over: None,
        });
    }
    let failed = |error: std::io::Error| RunError::Launcher(error.to_string());
    tree::adopt_orphans();
    let (control, far) = UnixStream::pair().map_err(failed)?;
    let confined = confined::Start::new(launcher, command).map_err(failed)?;
    let mut starting = std::process::Command::new(confined.program());
    starting
        .args(confined.arguments())
        .arg(launcher::ARGUMENT)
        .env_clear()
        .envs(command.environment.iter().map(|(k, v)| (k, v)))
        .current_dir(command.directory)
        .stdin(Stdio::from(OwnedFd::from(far)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that a terminal's interrupt reaches the host alone, which then decides.
        .process_group(0);
    confined.keep_in_front(&mut starting);
    let mut child = start(&mut starting).map_err(|error| {
        if command.directory.is_dir() {
            RunError::Launcher(error.to_string())
        } else {
            RunError::NotStarted {
                program: command.line.program().to_owned(),
                reason: format!("the directory `{}` is gone", command.directory.display()),
            }
        }
    })?;
    // Or it would keep this program's copy of the socket's far end open.
    drop(starting);
    let transcript = command.transcript.and_then(capture::Transcript::create);
    let stdout = capture::start(
        child.stdout.take(),
        command.output_limit,
        transcript.clone(),
    );
    let stderr = capture::start(child.stderr.take(), command.output_limit, transcript);

    let reply = converse(&control, command, &confined, cancel);
    let all_ended = match &reply {
        Ok(Answer::Reply(launcher::Reply::Ended { all_ended, .. })) => *all_ended,
        Ok(Answer::Reply(launcher::Reply::NotStarted { .. })) => true,
        // Killed from below, or stopped: take over its work.
        _ => {
            let _ = child.kill();
            false
        }
    };
    let _ = child.wait();
    if !all_ended {
        tree::kill_adopted();
    }
    let (stdout, stderr) = (stdout.finish(), stderr.finish());
    let (exit, usage, survivors, over) = match reply.map_err(failed)? {
        Answer::Reply(launcher::Reply::NotStarted { reason }) => {
            return Err(RunError::NotStarted {
                program: command.line.program().to_owned(),
                reason,
            });
        }
        Answer::Reply(launcher::Reply::Ended {
            exit,
            usage,
            survivors,
            over,
            ..
        }) => (exit, usage, survivors, over),
        // Nobody but the command has a reason to do this, so it is the command that fails.
        Answer::Killed if confined.failed_to_start(&stderr) => {
            return Err(RunError::Launcher(text::tail(&stderr.bytes, 1)));
        }
        Answer::Killed => (Exit::Signal(libc::SIGKILL), Usage::default(), 0, None),
        Answer::Stopped => (Exit::TimedOut, Usage::default(), 0, None),
    };
    Ok(Output {
        exit,
        stdout,
        stderr,
        usage,
        survivors,
        over,
    })
}

/// Starts a process, unless this program is being stopped just now: then after that.
fn start(command: &mut std::process::Command) -> std::io::Result<Child> {
    let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where processes start"
    )]
    command.spawn()
}

/// What comes of a launcher.
enum Answer {
    Reply(launcher::Reply),
    /// It ended without a word.
    Killed,
    /// It said nothing for longer than it may.
    Stopped,
}

fn converse(
    control: &UnixStream,
    command: &Command<'_>,
    confined: &confined::Start,
    cancel: &Cancel,
) -> std::io::Result<Answer> {
    let request = launcher::Request {
        argv: command.line.argv().to_vec(),
        cpus: command.cpus.to_vec(),
        deadline: command.deadline,
        grace: command.grace,
        confinement: confined.orders().clone(),
        // The launcher is in another directory.
        input: command
            .input
            .map(std::path::absolute)
            .transpose()?
            .map(PathBuf::into_os_string),
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    let mut mark = Mark::now();
    (&mut &*control).write_all(&line)?;
    let _attached = cancel.attach(control)?;
    control.set_read_timeout(Some(command.deadline + command.grace + LAUNCHER_SLACK))?;
    let mut reader = BufReader::new(control);
    let mut reply = String::new();
    loop {
        return match reader.read_line(&mut reply) {
            Ok(0) => Ok(Answer::Killed),
            Ok(_) => Ok(Answer::Reply(serde_json::from_str(&reply)?)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut if mark.interrupted() => {
                    // It was stopped too, and its deadline has moved.
                    mark = Mark::now();
                    continue;
                }
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Answer::Stopped),
                ErrorKind::ConnectionReset => Ok(Answer::Killed),
                _ => Err(error),
            },
        };
    }
}

/// Lets the launchers that are started from now on keep a file open, and a lock on it with it.
///
/// Only on Linux, where a launcher hides it from its command.
pub fn let_launchers_inherit(file: &std::fs::File) {
    #[cfg(target_os = "linux")]
    // SAFETY: the descriptor is open for as long as `file` is borrowed; the call sets a flag of it.
    unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Whether this program is that process, or was started by it or by one that it started.
///
/// Of others than itself it is known on Linux only.
pub fn is_within(process: u32) -> bool {
    i32::try_from(process).is_ok_and(tree::is_within)
}

/// Runs one of the host's own helpers (git) to its end and returns all it printed. Its standard
/// input is the caller's to set.
///
/// For programs that the host trusts and that take milliseconds: no launcher, no deadline.
pub fn run_trusted(command: &mut std::process::Command) -> std::io::Result<std::process::Output> {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // As for a launcher: an interrupt must not end it in the middle of its work.
        .process_group(0);
    start(command)?.wait_with_output()
}

/// As [`run_trusted`], but `read` takes in what it prints, as it comes; the output has its errors only.
pub fn read_trusted<T>(
    command: &mut std::process::Command,
    read: impl FnOnce(&mut dyn BufRead) -> std::io::Result<T>,
) -> std::io::Result<(std::process::Output, T)> {
    // A file: nobody reads a pipe of errors meanwhile.
    let mut errors = tempfile::tempfile()?;
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::from(errors.try_clone()?))
        .process_group(0);
    let mut child = start(command)?;
    let result = match child.stdout.take() {
        Some(stdout) => read(&mut BufReader::new(stdout)),
        None => Err(std::io::Error::other("it has no output")),
    };
    // What is left unread ends with the pipe.
    let status = child.wait()?;
    let mut stderr = Vec::new();
    errors.rewind()?;
    errors.read_to_end(&mut stderr)?;
    let output = std::process::Output {
        status,
        stdout: Vec::new(),
        stderr,
    };
    Ok((output, result?))
}

//! The launcher's side: lead one command's process tree, measure it, end it, report.
//!
//! Standard input is a socket to the host. The host sends one line, a `Request`; the launcher
//! answers one line, a `Reply`, when the whole tree has ended. The end of the input, which also
//! comes when the host is killed, is the order to end the tree. Standard output and error are the
//! command's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
use super::affinity::Mask;
use super::ceiling::Ceiling;
use super::confined::Orders;
use super::{Exit, Usage, image, signals, suspension, tree};
#[cfg(target_os = "linux")]
use crate::sandbox::kernel::{self, Confined};

/// The first argument that makes this program a launcher.
pub const ARGUMENT: &str = "__launch";

/// How long to wait at a time, to see where it took longer.
const SLICE: Duration = Duration::from_millis(500);
/// Between TERM and KILL where the host has died.
const HOSTLESS_GRACE: Duration = Duration::from_millis(200);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) argv: Vec<String>,
    /// Those that the command may run on; none given: all.
    pub(super) cpus: Vec<u32>,
    pub(super) deadline: Duration,
    pub(super) grace: Duration,
    pub(super) confinement: Orders,
    /// An absolute path, which need not be UTF-8.
    pub(super) input: Option<OsString>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    NotStarted {
        reason: String,
    },
    Ended {
        exit: Exit,
        usage: Usage,
        /// How many processes were still there and were killed.
        survivors: u32,
        /// False where some would not die.
        all_ended: bool,
        /// What it used too much of, and was ended for.
        over: Option<String>,
    },
}

/// Serves one request and returns the launcher's own exit code.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> std::io::Result<()> {
    let control = take_control_socket()?;
    outlive_the_host()?;
    image::slim();
    tree::adopt_orphans();
    let mut line = String::new();
    BufReader::new(&control).read_line(&mut line)?;
    let mut request: Request = serde_json::from_str(&line)?;
    // All processes that can be seen are going to be killed: so not on anybody's word.
    request.confinement.alone &= tree::is_in_a_namespace();
    let reply = lead(&request, &control)?;
    let mut answer = serde_json::to_vec(&reply)?;
    answer.push(b'\n');
    (&mut &control).write_all(&answer)
}

/// Keeps the command, which runs as the same user, from reading or changing this process: it measures.
fn keep_to_itself() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes integers. What is executed from here is as it is anywhere.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// Moves the socket off standard input, to a descriptor that the command does not inherit.
fn take_control_socket() -> std::io::Result<UnixStream> {
    let control = std::io::stdin().as_fd().try_clone_to_owned()?;
    let nothing: OwnedFd = File::open("/dev/null")?.into();
    // SAFETY: both descriptors are open; 0 becomes a duplicate of `nothing`.
    if unsafe { libc::dup2(nothing.as_raw_fd(), 0) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(UnixStream::from(control))
}

/// Sees to it that the tree is ended, too, where the host is killed while everything is stopped.
fn outlive_the_host() -> std::io::Result<()> {
    // The kernel sends HUP and CONT to a process group that is stopped and has lost its parent. A
    // handler rather than to ignore it, which the command would inherit.
    if !signals::is_ignored(libc::SIGHUP) {
        // SAFETY: the action does nothing.
        unsafe { signal_hook::low_level::register(libc::SIGHUP, || {}) }?;
    }
    // It does not where another process of the session takes the parent's place.
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_PDEATHSIG takes an integer and touches no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCONT, 0, 0, 0);
    }
    Ok(())
}

/// Keeps what this program's own caller left open from reaching the command.
fn hide_descriptors() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call only marks descriptors to be closed at the next exec. An older kernel that
    // does not have it answers with an error, and the command sees what the caller left open.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}

/// What the thread that waits and the thread that watches tell each other.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The command has ended, so its process id must not be signalled any more.
    ended: bool,
    /// Why the watcher ended it.
    ended_for: Option<Exit>,
    /// What it used too much of.
    over: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lead(request: &Request, control: &UnixStream) -> std::io::Result<Reply> {
    let Some((program, arguments)) = request.argv.split_first() else {
        return Ok(Reply::NotStarted {
            reason: "the command is empty".to_owned(),
        });
    };
    let input = match request.input.as_deref().map_or(Ok(Stdio::null()), open) {
        Ok(input) => input,
        Err(reason) => return Ok(Reply::NotStarted { reason }),
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(input);
    hide_descriptors();
    let orders = &request.confinement;
    if let Some(temporary) = &orders.temporary {
        command.env("TMPDIR", temporary);
    }
    #[cfg(target_os = "linux")]
    let mut confined = match orders.kernel.as_ref().map(Confined::new).transpose() {
        Ok(confined) => confined,
        Err(reason) => return Ok(Reply::NotStarted { reason }),
    };
    let begun = SharedNumber::new()?;
    keep_to_itself()?;
    #[cfg(target_os = "linux")]
    let mask = Mask::new(&request.cpus);
    // SAFETY: the closure only makes async-signal-safe system calls. It also makes the standard
    // library fork rather than share memory, which keeps the launcher's peak out of the command's.
    unsafe {
        let begun = begun.clone();
        #[cfg(target_os = "linux")]
        let (resources, alone) = (orders.resources, orders.alone);
        command.pre_exec(move || {
            // A session of its own: no terminal to ask a question on, and a mark by which the
            // host knows what to end if this launcher is killed.
            libc::setsid();
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
            // The command alone: what leads it stays out of its way.
            #[cfg(target_os = "linux")]
            if let Some(mask) = &mask {
                mask.apply()?;
            }
            #[cfg(target_os = "linux")]
            if alone {
                kernel::take_precedence(false)?;
            }
            #[cfg(target_os = "linux")]
            if let Some(resources) = &resources {
                kernel::limit(resources, alone)?;
            }
            #[cfg(target_os = "linux")]
            if let Some(confined) = &mut confined {
                confined.enter()?;
            }
            // Last, so that forking and all of this is not in the command's time.
            begun.set(monotonic());
            Ok(())
        });
    }
    let start = Instant::now();
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where processes start"
    )]
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return Ok(Reply::NotStarted {
                reason: error.to_string(),
            });
        }
    };
    let pid = child.id().cast_signed();

    let shared = Arc::new(Shared::default());
    let watcher = {
        let shared = Arc::clone(&shared);
        let control = control.try_clone()?;
        let (deadline, grace) = (request.deadline, request.grace);
        let ceiling = orders.resources.map(|it| Ceiling::new(it, orders.alone));
        let alone = orders.alone;
        move || {
            watch(
                pid,
                start + deadline,
                grace,
                ceiling,
                alone,
                &control,
                &shared,
            );
        }
    };
    std::thread::Builder::new().spawn(watcher)?;

    wait_without_reaping(pid)?;
    let wall = Duration::from_nanos(monotonic().saturating_sub(begun.get()));
    let (ended_for, over) = {
        let mut state = shared.lock();
        state.ended = true;
        shared.changed.notify_all();
        (state.ended_for, state.over.take())
    };
    let (status, usage) = reap(pid, wall)?;
    if orders.alone {
        tree::send(-1, libc::SIGKILL);
    }
    let (survivors, all_ended) = tree::kill_all_children();
    let exit = ended_for.unwrap_or(status);
    Ok(Reply::Ended {
        exit,
        usage,
        survivors,
        all_ended,
        over,
    })
}

/// Nanoseconds of the clock that only goes forward. One system call and little code, for each page of
/// which a forked process that runs it is charged.
fn monotonic() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// A number that a forked process can set for the one that forked it: a page that both have.
#[derive(Debug, Clone)]
struct SharedNumber(&'static AtomicU64);

impl SharedNumber {
    /// For as long as this process lives, which is one command long.
    fn new() -> std::io::Result<Self> {
        // SAFETY: a new mapping, at an address that the system chooses.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<AtomicU64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the page is aligned, zeroed, large enough and never unmapped, and nothing but
        // atomic operations touches it.
        Ok(Self(unsafe { &*page.cast::<AtomicU64>() }))
    }

    fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens a command's standard input, or says why it cannot be.
fn open(path: &OsStr) -> Result<Stdio, String> {
    let path = Path::new(path);
    let file = File::options()
        .read(true)
        // Means nothing to a plain file, and keeps a FIFO from making the launcher wait.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .and_then(|file| Ok((file.metadata()?.is_file(), file)));
    match file {
        Ok((true, file)) => Ok(Stdio::from(file)),
        Ok((false, _)) => Err(format!("its input `{}` is not a file", path.display())),
        Err(error) => Err(format!(
            "its input `{}` cannot be opened: {error}",
            path.display()
        )),
    }
}

/// Ends the tree at the deadline, when the control socket closes, or when it uses too much.
fn watch(
    pid: i32,
    deadline: Instant,
    grace: Duration,
    ceiling: Option<Ceiling>,
    alone: bool,
    control: &UnixStream,
    shared: &Shared,
) {
    let (cause, over) = wait_for_order(deadline, ceiling, control);
    let state = {
        let mut state = shared.lock();
        if state.ended {
            return;
        }
        state.ended_for = Some(cause);
        if over.is_some() {
            // It is not asked to come to an end.
            state.over = over;
            kill(pid, alone);
            return;
        }
        // The group at once, then whoever left it.
        tree::send(-pid, libc::SIGTERM);
        tree::signal_descendants(tree::own_pid(), libc::SIGTERM);
        state
    };
    let mut state = state;
    let mut until = Instant::now() + grace;
    loop {
        // Nobody waits for a tidy end any more; and it is to leave no trace behind the host's.
        if host_is_gone(control) {
            until = until.min(Instant::now() + HOSTLESS_GRACE);
        }
        let left = until.saturating_duration_since(Instant::now());
        if state.ended || left.is_zero() {
            break;
        }
        (state, _) = shared
            .changed
            .wait_timeout_while(state, left.min(HOSTLESS_GRACE), |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
    }
    if !state.ended {
        kill(pid, alone);
    }
}

/// Kills the tree. Where there is no other (`alone`), all at once, so that none can start more meanwhile.
fn kill(pid: i32, alone: bool) {
    if alone {
        tree::send(-1, libc::SIGKILL);
        return;
    }
    tree::send(-pid, libc::SIGKILL);
    tree::signal_descendants(tree::own_pid(), libc::SIGKILL);
}

/// Whether the other end of the control socket is closed altogether, not only its input's end here.
fn host_is_gone(control: &UnixStream) -> bool {
    let mut poll = libc::pollfd {
        fd: control.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: one valid pollfd, and its count.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 && poll.revents & libc::POLLHUP != 0 }
}

/// Blocks until the deadline or the end of the control socket's input.
///
/// The deadline moves by the time in which the launcher was stopped: so was its command.
fn wait_for_order(
    mut deadline: Instant,
    mut ceiling: Option<Ceiling>,
    control: &UnixStream,
) -> (Exit, Option<String>) {
    loop {
        let start = Instant::now();
        let slice = ceiling.as_ref().map_or(SLICE, Ceiling::interval);
        let left = deadline.saturating_duration_since(start).min(slice);
        if left.is_zero() {
            return (Exit::TimedOut, None);
        }
        let mut poll = libc::pollfd {
            fd: control.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // Rounded up, so that the last millisecond is not spent spinning.
        let milliseconds = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        // SAFETY: one valid pollfd, and its count.
        if unsafe { libc::poll(&raw mut poll, 1, milliseconds) } > 0 {
            return (Exit::Cancelled, None);
        }
        if let Some(over) = ceiling.as_mut().and_then(Ceiling::exceeded) {
            return (Exit::Signal(libc::SIGKILL), Some(over));
        }
        deadline += suspension::delay(left, start.elapsed());
    }
}

/// Waits until the command has ended, and meanwhile reaps the orphans that end before it.
fn wait_without_reaping(pid: i32) -> std::io::Result<()> {
    loop {
        // SAFETY: siginfo_t is plain data, for which zeroes are valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` outlives the call. The process stays a zombie, so its id stays its own.
        let result =
            unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
        if result == 0 {
            // SAFETY: waitid filled `info` for a child that ended.
            let ended = unsafe { info.si_pid() };
            if ended == pid {
                return Ok(());
            }
            // SAFETY: a null status pointer is allowed; the call writes nowhere.
            unsafe { libc::waitpid(ended, std::ptr::null_mut(), libc::WNOHANG) };
            continue;
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn reap(pid: i32, wall: Duration) -> std::io::Result<(Exit, Usage)> {
    let mut status = 0;
    // SAFETY: rusage is plain data, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers outlive the call.
    if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let rss_unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let usage = Usage {
        wall_ns: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
        user_ns: nanoseconds(usage.ru_utime),
        system_ns: nanoseconds(usage.ru_stime),
        peak_rss_bytes: usage.ru_maxrss.cast_unsigned().saturating_mul(rss_unit),
    };
    Ok((exit, usage))
}

fn nanoseconds(time: libc::timeval) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    seconds * 1_000_000_000 + micros * 1000
}

//! Kills a program at one of its system calls, to the call.
//!
//! The program runs under ptrace. Its threads are followed; the processes that it starts are not:
//! they run free, and are left behind as they are when a kill comes from outside. What counts is a
//! call that changes something: files, processes, what a process at the other end of a socket sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use libc::{c_int, c_long, pid_t};

/// No run takes this long, traced or not.
const WATCHDOG: Duration = Duration::from_mins(2);

/// When, and who with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    pub at: At,
    pub moment: Moment,
    pub victims: Victims,
}

/// A call; numbers are from 0. Threads make the order of all calls differ from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    Number(usize),
    OfKind(String, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call is not executed.
    Before,
    /// The call has returned.
    After,
    /// The call has returned, and what the program started went on for as long.
    Later(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victims {
    Program,
    /// Its process group: the gits that it runs too.
    Group,
    /// Its session: the launchers too, as when a terminal or a user's session ends.
    Session,
}

/// What a traced run did.
#[derive(Debug)]
pub struct Traced {
    /// The calls that change something, as far as it came: `fdatasync journal.jsonl`.
    pub calls: Vec<String>,
    /// None where it was killed.
    pub code: Option<i32>,
}

/// Runs a command to its end, or kills it.
pub fn run(command: &mut Command, kill: Option<Kill>) -> Traced {
    // SAFETY: both calls are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            if libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let main = command.spawn().unwrap().id().cast_signed();
    let (ended, watched) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = watched.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout);
        if late {
            send(main, libc::SIGKILL);
        }
        late
    });
    let traced = Tracer::new(main, kill).follow();
    drop(ended);
    assert!(!watchdog.join().unwrap(), "it hung: {traced:#?}");
    traced
}

struct Tracer {
    main: pid_t,
    kill: Option<Kill>,
    calls: Vec<String>,
    threads: BTreeSet<pid_t>,
    /// The thread whose call is the one to be killed after.
    doomed: Option<pid_t>,
}

impl Tracer {
    fn new(main: pid_t, kill: Option<Kill>) -> Self {
        Self {
            main,
            kill,
            calls: Vec::new(),
            threads: BTreeSet::new(),
            doomed: None,
        }
    }

    fn follow(mut self) -> Traced {
        let mut status = 0;
        // SAFETY: the pointer outlives the call, here and below. The child stops at its exec.
        assert_eq!(
            unsafe { libc::waitpid(self.main, &raw mut status, libc::__WALL) },
            self.main
        );
        assert!(libc::WIFSTOPPED(status), "{status:#x}");
        let options =
            libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        ptrace(libc::PTRACE_SETOPTIONS, self.main, c_long::from(options));
        self.threads.insert(self.main);
        ptrace(libc::PTRACE_SYSCALL, self.main, 0);
        loop {
            // Only what this thread traces: other tests have children of their own.
            // SAFETY: as above.
            let thread =
                unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
            assert!(thread > 0, "nobody to wait for");
            if !libc::WIFSTOPPED(status) {
                self.threads.remove(&thread);
                if thread == self.main {
                    return Traced {
                        calls: self.calls,
                        code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
                    };
                }
                continue;
            }
            let signal = match libc::WSTOPSIG(status) {
                stop if stop == libc::SIGTRAP | 0x80 => {
                    self.at_call(thread);
                    0
                }
                libc::SIGTRAP => 0,
                // A new thread's first stop.
                libc::SIGSTOP if self.threads.insert(thread) => 0,
                signal => signal,
            };
            ptrace(libc::PTRACE_SYSCALL, thread, c_long::from(signal));
        }
    }

    /// A thread stands at the beginning or the end of a call.
    fn at_call(&mut self, thread: pid_t) {
        // SAFETY: plain data, for which zeroes are valid.
        let mut information: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes at most as many bytes as it is told.
        let length = unsafe {
            libc::ptrace(
                libc::PTRACE_GET_SYSCALL_INFO,
                thread,
                size_of_val(&information),
                &raw mut information,
            )
        };
        if length <= 0 {
            return;
        }
        match information.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` tells which field is filled.
                let entry = unsafe { information.u.entry };
                let number = c_long::try_from(entry.nr).unwrap();
                let Some(call) = describe(thread, number, &entry.args) else {
                    return;
                };
                let is_here = |kill: &&Kill| match &kill.at {
                    At::Number(at) => *at == self.calls.len(),
                    At::OfKind(kind, at) => {
                        *kind == call && *at == self.calls.iter().filter(|c| *c == kind).count()
                    }
                };
                let here = self.kill.as_ref().filter(is_here).map(|kill| kill.moment);
                self.calls.push(call);
                match here {
                    Some(Moment::Before) => self.strike(),
                    Some(Moment::After | Moment::Later(_)) => self.doomed = Some(thread),
                    None => {}
                }
            }
            libc::PTRACE_SYSCALL_INFO_EXIT if self.doomed == Some(thread) => {
                if let Some(Moment::Later(time)) = self.kill.as_ref().map(|kill| kill.moment) {
                    std::thread::sleep(time);
                }
                self.strike();
            }
            _ => {}
        }
    }

    fn strike(&self) {
        match self.kill.as_ref().map(|kill| kill.victims) {
            Some(Victims::Group) => send(-self.main, libc::SIGKILL),
            Some(Victims::Session) => {
                for process in in_session(self.main) {
                    send(process, libc::SIGKILL);
                }
            }
            _ => {}
        }
        send(self.main, libc::SIGKILL);
    }
}

fn ptrace(request: libc::c_uint, thread: pid_t, data: c_long) {
    // SAFETY: these requests take no pointer. A thread that was killed meanwhile is an error, and
    // is told by the next wait.
    unsafe { libc::ptrace(request, thread, 0, data) };
}

fn send(process: pid_t, signal: c_int) {
    // SAFETY: kill takes two integers.
    unsafe { libc::kill(process, signal) };
}

fn in_session(session: pid_t) -> Vec<pid_t> {
    processes()
        .filter(|process| {
            // SAFETY: getsid takes an integer.
            unsafe { libc::getsid(*process) == session }
        })
        .collect()
}

fn processes() -> impl Iterator<Item = pid_t> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The command lines of the processes that work below a directory, or have it in their environment.
pub fn living_in(directory: &Path) -> BTreeMap<pid_t, String> {
    let name = directory.as_os_str().as_encoded_bytes();
    processes()
        .filter_map(|process| {
            let proc = PathBuf::from(format!("/proc/{process}"));
            let read = |file| std::fs::read(proc.join(file)).unwrap_or_default();
            let works_there = std::fs::read_link(proc.join("cwd"))
                .is_ok_and(|place| place.starts_with(directory));
            let knows = || read("environ").windows(name.len()).any(|part| part == name);
            (works_there || knows()).then(|| {
                let command = read("cmdline");
                (
                    process,
                    String::from_utf8_lossy(&command).replace('\0', " "),
                )
            })
        })
        .collect()
}

/// A call in words, if it is one that changes something.
fn describe(thread: pid_t, number: c_long, arguments: &[u64; 6]) -> Option<String> {
    let at = |n: usize| arguments[n];
    let path = |directory: usize, name: usize| path_of(thread, Some(at(directory)), at(name));
    let file = |n: usize| file_of(thread, at(n));
    let (what, subject) = match number {
        libc::SYS_write | libc::SYS_writev => ("write", file(0)?),
        libc::SYS_pwrite64 | libc::SYS_pwritev => ("pwrite", file(0)?),
        libc::SYS_fsync => ("fsync", file(0)?),
        libc::SYS_fdatasync => ("fdatasync", file(0)?),
        libc::SYS_ftruncate => ("ftruncate", file(0)?),
        libc::SYS_fchmod => ("fchmod", file(0)?),
        libc::SYS_flock => ("flock", file(0)?),
        libc::SYS_sendto | libc::SYS_sendmsg => ("send", "socket".to_owned()),
        libc::SYS_shutdown => ("shutdown", "socket".to_owned()),
        libc::SYS_renameat | libc::SYS_renameat2 => ("rename", path(2, 3)),
        libc::SYS_unlinkat => ("unlink", path(0, 1)),
        libc::SYS_mkdirat => ("mkdir", path(0, 1)),
        libc::SYS_symlinkat => ("symlink", path(1, 2)),
        libc::SYS_linkat => ("link", path(2, 3)),
        libc::SYS_fchmodat => ("chmod", path(0, 1)),
        libc::SYS_openat if makes(at(2)) => ("make", path(0, 1)),
        libc::SYS_clone if is_process(at(0)) => ("start", "helper".to_owned()),
        libc::SYS_clone3 if is_process(word_at(thread, at(0))) => ("start", "helper".to_owned()),
        number => old_call(thread, number, arguments)?,
    };
    Some(format!("{what} {subject}"))
}

/// Calls that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
fn old_call(thread: pid_t, number: c_long, arguments: &[u64; 6]) -> Option<(&'static str, String)> {
    let path = |n: usize| path_of(thread, None, arguments[n]);
    Some(match number {
        libc::SYS_open if makes(arguments[1]) => ("make", path(0)),
        libc::SYS_creat => ("make", path(0)),
        libc::SYS_rename => ("rename", path(1)),
        libc::SYS_unlink | libc::SYS_rmdir => ("unlink", path(0)),
        libc::SYS_mkdir => ("mkdir", path(0)),
        libc::SYS_symlink => ("symlink", path(1)),
        libc::SYS_link => ("link", path(1)),
        libc::SYS_chmod => ("chmod", path(0)),
        libc::SYS_fork | libc::SYS_vfork => ("start", "helper".to_owned()),
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old_call(_: pid_t, _: c_long, _: &[u64; 6]) -> Option<(&'static str, String)> {
    None
}

fn makes(flags: u64) -> bool {
    flags & u64::from((libc::O_CREAT | libc::O_TRUNC).cast_unsigned()) != 0
}

fn is_process(flags: u64) -> bool {
    flags & u64::from(libc::CLONE_THREAD.cast_unsigned()) == 0
}

fn word_at(thread: pid_t, address: u64) -> u64 {
    let mut word = [0; 8];
    let _ = File::open(format!("/proc/{thread}/mem"))
        .and_then(|memory| memory.read_exact_at(&mut word, address));
    u64::from_ne_bytes(word)
}

fn path_of(thread: pid_t, directory: Option<u64>, address: u64) -> String {
    let mut bytes = vec![0; 4096];
    let read = File::open(format!("/proc/{thread}/mem"))
        .and_then(|memory| memory.read_at(&mut bytes, address))
        .unwrap_or(0);
    let end = bytes[..read].iter().position(|&b| b == 0).unwrap_or(read);
    let path = PathBuf::from(String::from_utf8_lossy(&bytes[..end]).into_owned());
    let directory = directory
        .filter(|_| path.is_relative())
        .and_then(|number| std::fs::read_link(format!("/proc/{thread}/fd/{number}")).ok());
    short(&directory.unwrap_or_default().join(path))
}

/// The file behind a descriptor; none for what wakes threads of the program itself.
fn file_of(thread: pid_t, number: u64) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{thread}/fd/{number}")).ok()?;
    let text = path.to_string_lossy();
    match text.split_once(':').map(|(kind, _)| kind) {
        Some("anon_inode" | "pipe") => None,
        Some("socket") => Some("socket".to_owned()),
        _ => Some(short(&path)),
    }
}

/// The last two parts of a path, without what differs from run to run.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let last = parts[parts.len().saturating_sub(2)..].join("/");
    let mut short = String::new();
    for word in last.split_inclusive(['/', '.', '-']) {
        let stem = word.trim_end_matches(['/', '.', '-']);
        let varies = stem.len() >= 4 && stem.chars().all(|c| c.is_ascii_hexdigit())
            || stem.starts_with("tmp")
            || stem.contains('#');
        short.push_str(if varies { "N" } else { stem });
        short.push_str(&word[stem.len()..]);
    }
    short
}

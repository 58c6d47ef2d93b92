//! The processes below this one: finding them, ending them.

use std::time::{Duration, Instant};

/// How long to go on killing what does not die (a process in the kernel's uninterruptible sleep).
const KILL_PATIENCE: Duration = Duration::from_secs(3);

/// The longest chain of parents that is followed.
const MOST_ANCESTORS: usize = 10_000;
/// How often to look for what was started while the rest was being stopped.
const STOP_ROUNDS: u32 = 20;

/// Makes orphaned descendants children of this process, so that they can be found and ended.
///
/// Linux only. Elsewhere an orphan goes to the system's first process, out of reach.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_CHILD_SUBREAPER takes an integer and touches no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
}

/// Sends a signal to every process below `root`.
pub(super) fn signal_descendants(root: i32, signal: i32) {
    for process in descendants(&all_processes(), root) {
        send(process, signal);
    }
}

/// Stops every process below this one, those too that are started meanwhile.
pub(super) fn stop_descendants() {
    let mut stopped = Vec::new();
    // Parents first, so each round finds less that can start anything.
    for _ in 0..STOP_ROUNDS {
        let found = descendants(&all_processes(), own_pid());
        if found == stopped {
            return;
        }
        for &process in &found {
            send(process, libc::SIGSTOP);
        }
        stopped = found;
    }
}

/// Kills and reaps every child of this process, and theirs, until none is left. Returns how many
/// had to be killed, and whether none is left indeed.
pub(super) fn kill_all_children() -> (u32, bool) {
    let give_up = Instant::now() + KILL_PATIENCE;
    let mut killed = 0;
    loop {
        let mut status = 0;
        // SAFETY: the pointer outlives the call.
        let reaped = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        match reaped {
            0 if Instant::now() < give_up => {
                signal_descendants(own_pid(), libc::SIGKILL);
                std::thread::sleep(Duration::from_millis(1));
            }
            0 => return (killed, false),
            1.. => {
                let by_us = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL;
                killed += u32::from(by_us);
            }
            _ => return (killed, true),
        }
    }
}

/// Kills what a launcher left to this process when it died: children in a session other than ours.
///
/// A launcher stays in its host's session and gives its command a new one, which nothing below can
/// leave for ours, so this cannot hit the host's own children.
pub(super) fn kill_adopted() {
    let give_up = Instant::now() + KILL_PATIENCE;
    // SAFETY: getsid reads the kernel's record of this process.
    let session = unsafe { libc::getsid(0) };
    loop {
        let processes = all_processes();
        let adopted: Vec<i32> = processes
            .iter()
            .filter(|p| p.parent == own_pid() && p.session != session)
            .map(|p| p.pid)
            .collect();
        if adopted.is_empty() || Instant::now() > give_up {
            return;
        }
        for pid in adopted {
            for below in descendants(&processes, pid) {
                send(below, libc::SIGKILL);
            }
            send(pid, libc::SIGKILL);
            // SAFETY: as in `kill_all_children`.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether bubblewrap made a namespace of process ids for this program: its first process is
/// bubblewrap's, and this one the next. Elsewhere that is a thread of the kernel.
pub(super) fn is_in_a_namespace() -> bool {
    own_pid() == 2 && std::os::unix::process::parent_id() == 1
}

/// Whether this is the system's administrator.
pub(super) fn is_administrator() -> bool {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// How many processes `/proc` shows.
pub(super) fn count_all() -> u64 {
    let is_number = |entry: &std::fs::DirEntry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
    };
    std::fs::read_dir("/proc").map_or(0, |entries| {
        entries.flatten().filter(is_number).count() as u64
    })
}

/// Every process below this one.
pub(super) fn below_own() -> Vec<i32> {
    descendants(&all_processes(), own_pid())
}

/// The memory of a process that is its own alone, in bytes; 0 where it is gone.
pub(super) fn private_bytes(pid: i32) -> u64 {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/statm")) else {
        return 0;
    };
    let mut pages = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|pages| pages.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    // SAFETY: the call takes an integer and touches no memory of ours.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    resident.saturating_sub(shared) * u64::try_from(page).unwrap_or(4096)
}

pub(super) fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

pub(super) fn send(pid: i32, signal: i32) {
    // SAFETY: kill takes two integers.
    unsafe { libc::kill(pid, signal) };
}

/// Whether this process is `root` or below it.
pub(super) fn is_within(root: i32) -> bool {
    let own = own_pid();
    // The chain is of no use where there is no `/proc`, and that it never ends cannot be.
    std::iter::successors(Some(own), |&pid| process(pid).map(|process| process.parent))
        .take(MOST_ANCESTORS)
        .any(|pid| pid == root)
}

#[derive(Debug)]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
}

fn descendants(processes: &[Process], root: i32) -> Vec<i32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            processes
                .iter()
                .filter(|p| p.parent == parent && p.pid != root)
                .map(|p| p.pid),
        );
        next += 1;
    }
    found.split_off(1)
}

/// Every process that `/proc` shows; none where there is no `/proc`.
fn all_processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let pid: i32 = name.to_str()?.parse().ok()?;
            process(pid)
        })
        .collect()
}

fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat)
}

/// `pid (name) state ppid pgrp session ...`, where the name may hold any byte, parentheses too.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let end_of_name = stat.iter().rposition(|&b| b == b')')?;
    let rest = std::str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        session,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_line_with_a_name_made_to_confuse() {
        let process = parse_stat(7, b"7 (a) R 1 (b)) S 42 7 9 0 -1").unwrap();
        assert_eq!((process.parent, process.session), (42, 9));
        assert!(parse_stat(7, b"7 (a").is_none());
    }

    #[test]
    fn a_process_is_within_itself_and_its_parent() {
        let parent = std::os::unix::process::parent_id().cast_signed();
        assert!(is_within(own_pid()) && is_within(parent));
        // No process has the greatest id.
        assert!(!is_within(i32::MAX));
    }

    #[test]
    fn descendants_are_found_to_any_depth_and_without_the_root() {
        let p = |pid, parent| Process {
            pid,
            parent,
            session: 1,
        };
        let processes = [p(5, 4), p(2, 1), p(4, 2), p(3, 1), p(9, 8)];
        let mut found = descendants(&processes, 1);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4, 5]);
    }
}

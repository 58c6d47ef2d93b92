//! What a whole process tree may use, looked at from time to time: the kernel's own limits are each
//! process's.

use std::ffi::CString;
use std::time::{Duration, Instant};

use super::tree;
use crate::sandbox::Resources;

/// How often it is looked at where all processes that can be seen are the command's.
const INTERVAL: Duration = Duration::from_millis(250);
/// And where the kernel does not hold the user to a number of processes: the administrator.
const SHORT_INTERVAL: Duration = Duration::from_millis(20);
/// And where they have to be picked from all of the machine's.
const LONG_INTERVAL: Duration = Duration::from_secs(1);
/// What is left on the disk at which a command ends that fills it, in bytes; where less was left from
/// the start, half of that.
const DISK_RESERVE: u64 = 512 << 20;

#[derive(Debug)]
pub(super) struct Ceiling {
    resources: Resources,
    alone: bool,
    /// The kernel's limit on processes does not count.
    unlimited: bool,
    /// The rest is dearer to look at, and done less often.
    since: Instant,
    /// In bytes.
    disk_reserve: u64,
}

impl Ceiling {
    /// For the tree below this process, which works in this directory. `alone` says that no other
    /// processes can be seen.
    pub(super) fn new(resources: Resources, alone: bool) -> Self {
        Self {
            resources,
            alone,
            unlimited: tree::is_administrator(),
            since: Instant::now(),
            disk_reserve: free_bytes().map_or(0, |free| (free / 2).min(DISK_RESERVE)),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        match self.alone {
            true if self.unlimited => SHORT_INTERVAL,
            true => INTERVAL,
            false => LONG_INTERVAL,
        }
    }

    /// What is used too much of, if anything.
    pub(super) fn exceeded(&mut self) -> Option<String> {
        let too_many = || {
            Some(format!(
                "more than {} processes (`command_processes`)",
                self.resources.processes
            ))
        };
        if self.alone && tree::count_all() > self.resources.processes {
            return too_many();
        }
        if self.since.elapsed() < INTERVAL {
            return None;
        }
        self.since = Instant::now();
        let processes = tree::below_own();
        if processes.len() as u64 > self.resources.processes {
            return too_many();
        }
        let memory: u64 = processes.into_iter().map(tree::private_bytes).sum();
        if memory > self.resources.memory_bytes {
            return Some(format!(
                "more than {} MiB of memory (`command_memory_mib`)",
                self.resources.memory_bytes >> 20
            ));
        }
        if free_bytes().is_some_and(|free| free < self.disk_reserve) {
            return Some("the disk is all but full".to_owned());
        }
        None
    }
}

/// What is left on the disk of the working directory.
fn free_bytes() -> Option<u64> {
    let path = CString::from(c".");
    // SAFETY: statvfs is plain data, for which zeroes are valid.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers outlive the call.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut found) } != 0 {
        return None;
    }
    #[expect(
        clippy::useless_conversion,
        reason = "these are narrower on other systems"
    )]
    Some(u64::from(found.f_bavail).saturating_mul(u64::from(found.f_frsize)))
}

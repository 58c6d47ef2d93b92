//! How much CPU time this program has used, and all that it ran.

use std::time::Duration;

/// The CPU time of this process and of every descendant that has ended and was waited for.
///
/// When no command runs that is all that was ever run: a launcher waits for its whole tree.
pub fn cpu_time() -> Duration {
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}

fn of(who: libc::c_int) -> Duration {
    // SAFETY: rusage is plain data, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer outlives the call. Where it fails, nothing was used.
    unsafe { libc::getrusage(who, &raw mut usage) };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

//! Whether time went by in which this program could not run.
//!
//! It was stopped by a signal and continued, or the machine was asleep. What was timed meanwhile
//! says nothing, and a limit must not have come nearer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far the clocks may drift apart before that is taken for sleep of the machine.
const DRIFT: Duration = Duration::from_millis(50);
/// How much later than asked a wait may end before that is taken for a stop of this program.
const LATENESS: Duration = Duration::from_millis(1500);

/// How many signs of a stop there were. One stop may leave several.
static STOPS: AtomicU64 = AtomicU64::new(0);

/// A moment, to ask later whether it was all running since.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    stops: u64,
    /// How long the machine has been asleep since it was started.
    asleep: Duration,
}

impl Mark {
    pub fn now() -> Self {
        Self {
            stops: STOPS.load(Ordering::SeqCst),
            asleep: asleep(),
        }
    }

    /// Whether since then this program was stopped and continued, which is known where
    /// [`watch`](super::signals::watch) was called, or the machine was asleep, which is known on
    /// Linux.
    pub fn interrupted(&self) -> bool {
        self.differs(Self::now())
    }

    fn differs(self, later: Self) -> bool {
        self.stops != later.stops || later.asleep > self.asleep + DRIFT
    }
}

/// Notes that this program is being stopped or was continued. Async-signal-safe.
pub(super) fn note() {
    STOPS.fetch_add(1, Ordering::SeqCst);
}

/// By how much to put off a deadline after a wait that should have taken `asked`.
///
/// Zero where a busy machine explains that it took longer. Else all that it took: the stop may have
/// begun at its start.
pub fn delay(asked: Duration, took: Duration) -> Duration {
    if took > asked + LATENESS {
        took
    } else {
        Duration::ZERO
    }
}

/// One of these clocks goes on while the machine is asleep, the other does not.
#[cfg(target_os = "linux")]
fn asleep() -> Duration {
    clock(libc::CLOCK_BOOTTIME).saturating_sub(clock(libc::CLOCK_MONOTONIC))
}

#[cfg(not(target_os = "linux"))]
fn asleep() -> Duration {
    Duration::ZERO
}

#[cfg(target_os = "linux")]
fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer outlives the call.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_and_a_sleep_interrupt_and_a_drift_does_not() {
        let mark = |stops, milliseconds| Mark {
            stops,
            asleep: Duration::from_millis(milliseconds),
        };
        for (later, interrupted) in [
            (mark(1, 1000), false),
            (mark(1, 1050), false),
            (mark(1, 1051), true),
            (mark(2, 1000), true),
            // The two clocks are not read at the same time.
            (mark(1, 999), false),
        ] {
            assert_eq!(mark(1, 1000).differs(later), interrupted, "{later:?}");
        }
    }

    #[test]
    fn what_is_noted_interrupts() {
        let mark = Mark::now();
        note();
        assert!(mark.interrupted());
    }

    #[test]
    fn a_deadline_is_put_off_where_no_busy_machine_explains_the_wait() {
        let milliseconds = Duration::from_millis;
        for (asked, took, expected) in [
            (500, 500, 0),
            (500, 2000, 0),
            (500, 2001, 2001),
            (0, 9000, 9000),
        ] {
            assert_eq!(
                delay(milliseconds(asked), milliseconds(took)),
                milliseconds(expected)
            );
        }
    }
}

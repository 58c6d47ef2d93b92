//! When an evaluation's time is up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::process::suspension::{self, Mark};

/// How often [`Deadline::left`] must be asked, so that it can tell when this program was stopped.
const SLICE: Duration = Duration::from_millis(500);

/// A deadline that does not come nearer while this program is stopped.
#[derive(Debug, Clone)]
pub(super) struct Deadline {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    at: Instant,
    asked: Instant,
    mark: Mark,
}

impl Deadline {
    /// A deadline that is so far from now.
    pub(super) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            state: Arc::new(Mutex::new(State {
                at: now + limit,
                asked: now,
                mark: Mark::now(),
            })),
        }
    }

    /// The time left.
    pub(super) fn left(&self) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let delay = suspension::delay(SLICE, now.saturating_duration_since(state.asked));
        // That it was late is not enough: a guest could make it so.
        if !delay.is_zero() && state.mark.interrupted() {
            state.at += delay;
            state.mark = Mark::now();
        }
        state.asked = now;
        state.at.saturating_duration_since(now)
    }

    pub(super) fn has_passed(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns when it has passed.
    pub(super) async fn passed(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}

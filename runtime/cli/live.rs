//! The line at the bottom of a terminal that says what is going on.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::ui;
use crate::activity::Activity;
use crate::decision::{Policy, Verdict, quantity};
use crate::journal::{Judged, Try};
use crate::text;

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(120);
/// The longest line, in characters, where the terminal is wider.
const WIDTH: u16 = 120;
/// What stands before the line: the spinner and a space; and the last column stays free.
const MARGIN: u16 = 3;

/// The line, which is there only while something is going on.
#[derive(Debug, Default)]
pub(super) struct Live {
    state: Arc<Mutex<State>>,
    bar: Mutex<Option<ProgressBar>>,
}

#[derive(Debug, Default)]
struct State {
    activity: Option<Activity>,
    /// How far an evaluator says it is.
    progress: String,
    tries: u64,
    keeps: u64,
    best: Option<String>,
    cost_usd: f64,
}

impl Live {
    /// From now on this goes on.
    pub(super) fn doing(&self, activity: &Activity) {
        {
            let mut state = lock(&self.state);
            state.activity = Some(activity.clone());
            state.progress.clear();
        }
        let mut bar = lock(&self.bar);
        if bar.is_none() {
            *bar = Some(start(&self.state));
        }
    }

    pub(super) fn progress(&self, text: &str) {
        text.clone_into(&mut lock(&self.state).progress);
    }

    pub(super) fn judged(&self, candidate: &Try, judged: &Judged, policy: &Policy) {
        let mut state = lock(&self.state);
        state.tries += 1;
        state.cost_usd += candidate
            .agent
            .as_ref()
            .and_then(|agent| agent.cost_usd)
            .unwrap_or(0.0);
        let best = match judged.value.filter(|_| judged.verdict == Verdict::Keep) {
            Some(value) => {
                state.keeps += 1;
                value
            }
            None => judged.incumbent_value,
        };
        state.best = Some(quantity(best, &policy.unit));
    }

    /// Nothing goes on any more.
    pub(super) fn idle(&self) {
        if let Some(bar) = lock(&self.bar).take() {
            bar.finish_and_clear();
        }
    }

    /// Writes something else while the line is out of the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &*lock(&self.bar) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.idle();
    }
}

fn start(state: &Arc<Mutex<State>>) -> ProgressBar {
    let state = Arc::clone(state);
    let line = move |_: &ProgressState, out: &mut dyn Write| {
        // Asked each time: windows are resized.
        let (_, columns) = Term::stderr().size();
        let width = columns.min(WIDTH).saturating_sub(MARGIN + 1);
        let _ = out.write_str(&text::clean_line(&lock(&state).line(), width.into()));
    };
    let style = ProgressStyle::default_spinner();
    let style = match style.clone().template("{spinner} {line}") {
        Ok(style) => style.with_key("line", line),
        Err(_) => style,
    };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

impl State {
    /// `try 13: claude is working, 1m 20s of 30m | 12 tries, 3 kept, best 11.98 ms, $1.20`.
    fn line(&self) -> String {
        let mut line = String::new();
        if let Some(activity) = &self.activity {
            if activity.n > 0 {
                let _ = write!(line, "try {}: ", activity.n);
            }
            let _ = write!(line, "{}", activity.doing);
            if !self.progress.is_empty() {
                let _ = write!(line, " ({})", self.progress);
            }
            let _ = write!(line, ", {}", whole_seconds(activity.since.elapsed()));
            if let Some(limit) = activity.limit {
                let _ = write!(line, " of {}", whole_seconds(limit));
            }
        }
        if let Some(best) = &self.best {
            let _ = write!(
                line,
                " | {}, {} kept, best {best}",
                ui::count(self.tries, "try", "tries"),
                self.keeps
            );
            if self.cost_usd > 0.0 {
                let _ = write!(line, ", ${:.2}", self.cost_usd);
            }
        }
        line
    }
}

fn whole_seconds(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

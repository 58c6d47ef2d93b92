//! The signals of whoever wants the program to end, to stop for a while, or to go on.
//!
//! A signal that is ignored when the program starts stays ignored (`nohup`, a shell's background).

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::iterator::Signals;
use signal_hook::low_level;

use super::{Cancel, suspension, tree};

/// What comes sooner after the first is the same wish: `timeout` sends its signal to the process
/// and to its group, a wrapper may pass on what the terminal sends to both.
const SAME_WISH: Duration = Duration::from_millis(200);

/// A signal that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    HangUp,
    Interrupt,
    Terminate,
}

impl Signal {
    fn from_number(number: i32) -> Option<Self> {
        match number {
            libc::SIGHUP => Some(Signal::HangUp),
            libc::SIGINT => Some(Signal::Interrupt),
            libc::SIGTERM => Some(Signal::Terminate),
            _ => None,
        }
    }
}

/// What was received so far.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The number of the first signal that wanted the end, or 0.
    first: Arc<AtomicI32>,
}

impl Watch {
    /// The first signal that wanted the program to end.
    pub fn signal(&self) -> Option<Signal> {
        Signal::from_number(self.first.load(Ordering::SeqCst))
    }
}

/// Answers signals from now on, for as long as the program runs. To be called once.
///
/// The first of INT, TERM and HUP cancels what runs under `cancel`; the next ends the program at
/// once, with 128 and its number as the exit code. TSTP stops every process below this one, then
/// this one; CONT continues them all (below this one on Linux only). Either is noted for
/// [`Mark`](super::suspension::Mark).
pub fn watch(cancel: &Cancel) -> io::Result<Watch> {
    // Noted in the handler itself: before any thread of a continued program looks at its clock.
    // SAFETY: the action only increments an atomic.
    unsafe { low_level::register(libc::SIGCONT, suspension::note) }?;
    let mut signals = Signals::new(
        [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGTSTP]
            .into_iter()
            .filter(|&signal| !is_ignored(signal)),
    )?;
    let watch = Watch {
        first: Arc::default(),
    };
    let first = Arc::clone(&watch.first);
    let cancel = cancel.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut since: Option<Instant> = None;
            for signal in signals.forever() {
                match since {
                    _ if signal == libc::SIGTSTP => suspend(),
                    None => {
                        since = Some(Instant::now());
                        // Before it cancels: who sees the one may ask for the other.
                        first.store(signal, Ordering::SeqCst);
                        cancel.cancel();
                    }
                    Some(since) if since.elapsed() < SAME_WISH => {}
                    Some(_) => low_level::exit(128 + signal),
                }
            }
        })?;
    Ok(watch)
}

/// Stops everything below this process and this process, and returns when it is continued.
fn suspend() {
    // Nothing is started meanwhile.
    let _starting = super::STARTING
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    suspension::note();
    tree::stop_descendants();
    // To this thread, which then does not run on while the signal is on its way to the others.
    let _ = low_level::raise(libc::SIGSTOP);
    suspension::note();
    tree::signal_descendants(tree::own_pid(), libc::SIGCONT);
}

pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: sigaction is plain data, for which zeroes are valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only fills `action`, which outlives it.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

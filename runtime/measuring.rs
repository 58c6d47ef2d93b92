//! One measurement at a time on this machine, of all that its user has going on.
//!
//! Two files in the state directory are locked: `locks/measuring` by who measures, and
//! `locks/measuring.next` by who waits for that, before and until then. So one who measures again and
//! again lets the other in.

use std::path::Path;

use crate::lock::{self, Lock, LockError};
use crate::process::{self, Cancel};

/// The machine, for one measurement: until it is dropped nobody else measures.
#[derive(Debug)]
pub enum Measuring {
    Alone(Lock),
    /// As a part of a measurement that is going on already.
    Within,
}

impl Measuring {
    /// Waits until nobody else measures, or until it is cancelled: then there is none. `waiting` is
    /// called where it does wait, once, with who measures, as far as it is known.
    ///
    /// What is started by a command that is being measured is part of that and does not wait for it.
    pub fn begin(
        state: &Path,
        cancel: &Cancel,
        waiting: impl FnOnce(Option<u32>),
    ) -> Result<Option<Self>, LockError> {
        let locks = state.join("locks");
        std::fs::create_dir_all(&locks).map_err(|cause| LockError::Io {
            path: locks.clone(),
            cause,
        })?;
        let measuring = locks.join("measuring");
        let (mut waiting, mut is_within) = (Some(waiting), false);
        let mut go_on_waiting = || {
            // Whoever held it last may be named long after.
            let holder = lock::holder(&measuring);
            is_within = holder.is_some_and(process::is_within) && lock::is_held(&measuring);
            if is_within || cancel.is_cancelled() {
                return false;
            }
            if let Some(waiting) = waiting.take() {
                waiting(holder);
            }
            true
        };
        let next = Lock::wait(&locks.join("measuring.next"), &mut go_on_waiting)?;
        let lock = match next {
            Some(_next) => Lock::wait(&measuring, &mut go_on_waiting)?,
            None => None,
        };
        if let Some(lock) = lock {
            lock.let_launchers_inherit();
            return Ok(Some(Self::Alone(lock)));
        }
        Ok(is_within.then_some(Self::Within))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::mpsc::channel;

    use super::*;

    /// The lock in the hands of another process, if a process has this id.
    fn held(state: &Path, name: &str, holder: &str) -> File {
        let locks = state.join("locks");
        std::fs::create_dir_all(&locks).unwrap();
        std::fs::write(locks.join(name), holder).unwrap();
        let file = File::open(locks.join(name)).unwrap();
        file.try_lock().unwrap();
        file
    }

    #[test]
    fn it_is_free_where_nobody_measures_whoever_measured_last() {
        let state = tempfile::tempdir().unwrap();
        let begin = || Measuring::begin(state.path(), &Cancel::default(), |_| panic!("it waits"));
        drop(begin().unwrap().unwrap());
        let measuring = begin().unwrap().unwrap();
        assert!(matches!(measuring, Measuring::Alone(_)));
        assert!(lock::is_held(&state.path().join("locks/measuring")));
        assert!(!lock::is_held(&state.path().join("locks/measuring.next")));
        drop(measuring);
        assert!(!lock::is_held(&state.path().join("locks/measuring")));
    }

    #[test]
    fn who_waits_says_so_once_and_comes_next() {
        let state = tempfile::tempdir().unwrap();
        let other = held(state.path(), "measuring", "4000000000");
        let (said, saying) = channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                Measuring::begin(state.path(), &Cancel::default(), move |holder| {
                    said.send(holder).unwrap();
                })
            });
            assert_eq!(saying.recv().unwrap(), Some(4_000_000_000));
            assert!(lock::is_held(&state.path().join("locks/measuring.next")));
            drop(other);
            assert!(waiting.join().unwrap().unwrap().is_some());
            assert!(saying.recv().is_err());
        });
    }

    #[test]
    fn waiting_ends_when_it_is_cancelled() {
        for name in ["measuring", "measuring.next"] {
            let state = tempfile::tempdir().unwrap();
            let _other = held(state.path(), name, "");
            let cancel = Cancel::default();
            let begun = Measuring::begin(state.path(), &cancel, |_| cancel.cancel());
            assert!(begun.unwrap().is_none());
        }
    }

    #[test]
    fn a_part_of_a_measurement_does_not_wait_for_the_whole() {
        let parent = std::os::unix::process::parent_id().to_string();
        let own = std::process::id().to_string();
        for holder in [parent, own] {
            let state = tempfile::tempdir().unwrap();
            let _whole = held(state.path(), "measuring", &holder);
            // Nor for who waits for the whole.
            let _next = held(state.path(), "measuring.next", "");
            let begun = Measuring::begin(state.path(), &Cancel::default(), |_| panic!("it waits"));
            assert!(matches!(begun, Ok(Some(Measuring::Within))));
        }
    }

    #[test]
    fn a_state_directory_that_cannot_be_is_told() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("locks"), "").unwrap();
        let error = Measuring::begin(state.path(), &Cancel::default(), |_| {}).unwrap_err();
        assert!(error.to_string().contains("cannot be locked"), "{error}");
    }
}

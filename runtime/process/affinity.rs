//! Which CPUs a process may run on.

/// Why commands cannot be kept to CPUs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AffinityError {
    /// With those that there are.
    #[error("CPU {cpu} is not there for this program, which may use {}", Ranges(.available))]
    Absent { cpu: u32, available: Vec<u32> },
    #[error("commands cannot be kept to CPUs on this system")]
    Unsupported,
}

/// Checks that this program may use each of these CPUs.
pub fn check(cpus: &[u32]) -> Result<(), AffinityError> {
    if cpus.is_empty() {
        return Ok(());
    }
    let available = available().ok_or(AffinityError::Unsupported)?;
    match cpus.iter().find(|cpu| !available.contains(cpu)) {
        Some(&cpu) => Err(AffinityError::Absent { cpu, available }),
        None => Ok(()),
    }
}

/// Numbers as people write many of them: `0-3, 8`.
struct Ranges<'a>(&'a [u32]);

impl std::fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for run in self.0.chunk_by(|a, b| a + 1 == *b) {
            f.write_str(separator)?;
            match run {
                [first, .., last] => write!(f, "{first}-{last}")?,
                _ => run.iter().try_for_each(|only| write!(f, "{only}"))?,
            }
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::Mask;
#[cfg(target_os = "linux")]
use linux::available;

#[cfg(not(target_os = "linux"))]
fn available() -> Option<Vec<u32>> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    /// CPUs in the form that the kernel takes.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Mask(libc::cpu_set_t);

    impl Mask {
        /// None where there is nothing to keep to.
        pub(in super::super) fn new(cpus: &[u32]) -> Option<Self> {
            if cpus.is_empty() {
                return None;
            }
            // SAFETY: cpu_set_t is plain data, for which zeroes are valid.
            let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
            for cpu in cpus.iter().filter_map(|&cpu| index(cpu)) {
                // SAFETY: the number is within the set.
                unsafe { libc::CPU_SET(cpu, &mut set) };
            }
            Some(Self(set))
        }

        /// Keeps the thread that calls this, and whatever it starts, to these CPUs.
        /// Async-signal-safe.
        pub(in super::super) fn apply(&self) -> std::io::Result<()> {
            // SAFETY: the set outlives the call.
            let result = unsafe {
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0)
            };
            if result == 0 {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        }
    }

    /// A number that has a place in the set.
    fn index(cpu: u32) -> Option<usize> {
        usize::try_from(cpu)
            .ok()
            .filter(|&cpu| cpu < libc::CPU_SETSIZE.unsigned_abs() as usize)
    }

    /// Those that this program may run on.
    pub(super) fn available() -> Option<Vec<u32>> {
        // SAFETY: cpu_set_t is plain data, for which zeroes are valid.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set outlives the call.
        let result =
            unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        let has = |cpu: &u32| {
            // SAFETY: the number is within the set.
            index(*cpu).is_some_and(|cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        };
        let all = 0..libc::CPU_SETSIZE.unsigned_abs();
        (result == 0).then(|| all.filter(has).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ranges() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[0, 1, 2, 3], "0-3"),
            (&[0, 2, 3, 5, 64, 65], "0, 2-3, 5, 64-65"),
        ] {
            assert_eq!(Ranges(numbers).to_string(), text);
        }
    }

    #[test]
    fn nothing_asked_for_is_there_on_every_system() {
        assert_eq!(check(&[]), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let available = available().unwrap();
        assert_eq!(check(&available), Ok(()));
        for cpu in [1023, 1024, u32::MAX] {
            let available = available.clone();
            assert_eq!(
                check(&[available[0], cpu]),
                Err(AffinityError::Absent { cpu, available })
            );
        }
    }
}

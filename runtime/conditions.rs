//! The state of the machine around one evaluation, and what makes its values doubtful.
//!
//! Whether something else competed with what was measured is told by CPU time: all that the machine
//! spent, without what this program and its commands spent. A load average or the pressure of
//! `/proc/pressure` cannot tell: a command with a thread for each CPU makes as much of either.
//! What a command has others do for it (a container's daemon) counts as others'.
//!
//! What this system does not tell is not known, and nothing is said of it. All is read below a root,
//! on Linux from `/proc` and `/sys`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::measure::{Diagnostic, Severity, Source};
use crate::process::consumption;

/// In `/proc/stat`, whatever the kernel's own tick.
const TICKS_PER_SECOND: u32 = 100;
/// Others' CPU time below this cannot be told from the ticks' rounding.
const LEAST_LOAD: Duration = Duration::from_millis(100);
/// Others' share of one CPU, and of all, that disturbs what is measured; the greater one counts.
const SHARE_OF_ONE: f64 = 0.25;
const SHARE_OF_ALL: f64 = 0.05;
/// Fewer pages than this the kernel swaps now and then without need.
const LEAST_PAGES: u64 = 64;
/// Counters of throttling that are watched: on a machine with more, they tell the same.
const MOST_COUNTERS: usize = 256;
/// The most that is read of a file.
const MOST_BYTES: usize = 1 << 20;

/// What makes a measured value doubtful.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// Others used so much of so many CPUs.
    Load {
        used: f64,
        cpus: usize,
    },
    /// So many pages went out or came in.
    Swapping {
        pages: u64,
    },
    /// A CPU was slowed down because it was too hot.
    Throttling,
    /// What sets the CPUs' frequency.
    FrequencyScaling {
        governor: String,
    },
    Battery,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Load { used, cpus } => write!(
                f,
                "something else kept {used:.1} of {cpus} CPU{} busy during a measurement: its times may be too long",
                if *cpus == 1 { "" } else { "s" }
            ),
            Warning::Swapping { pages } => write!(
                f,
                "memory was swapped during a measurement ({pages} pages): its times may be much too long, and peaks of memory too small"
            ),
            Warning::Throttling => f.write_str(
                "a CPU was slowed down for its heat during a measurement: its times may be too long, and those after it",
            ),
            Warning::FrequencyScaling { governor } => write!(
                f,
                "the CPUs' frequency follows their load (governor `{governor}`): times vary more than with `performance`"
            ),
            Warning::Battery => f.write_str(
                "the machine runs on battery: times may be longer than on mains power",
            ),
        }
    }
}

impl From<&Warning> for Diagnostic {
    fn from(warning: &Warning) -> Self {
        Self {
            severity: Severity::Warning,
            message: warning.to_string(),
            source: Source::Runtime,
        }
    }
}

/// Where the machine's state is read.
#[derive(Debug)]
pub struct Conditions {
    root: PathBuf,
    /// Kept open: to read them again costs a microsecond or a few.
    stat: Option<File>,
    vmstat: Option<File>,
    throttles: Vec<File>,
}

/// The machine's counters at one moment, as far as they are known.
#[derive(Debug, Clone)]
pub struct Snapshot {
    at: Instant,
    /// Of this program and what it ran.
    own: Duration,
    busy: Option<Busy>,
    /// Pages swapped out and in.
    swapped: Option<u64>,
    /// Times that a CPU was throttled, of all CPUs together.
    throttled: Option<u64>,
}

/// What all CPUs together did since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Busy {
    time: Duration,
    cpus: usize,
}

impl Conditions {
    /// Those that the files below `root` tell.
    pub fn below(root: &Path) -> Self {
        let open = |path: PathBuf| File::open(path).ok();
        let throttles = cpus(root)
            .into_iter()
            .flat_map(|cpu| {
                ["core_throttle_count", "package_throttle_count"]
                    .map(|name| cpu.join("thermal_throttle").join(name))
            })
            .take(MOST_COUNTERS)
            .filter_map(open)
            .collect();
        Self {
            root: root.to_owned(),
            stat: open(root.join("proc/stat")),
            vmstat: open(root.join("proc/vmstat")),
            throttles,
        }
    }

    /// What holds for every measurement from now on, as far as it does not change.
    pub fn standing(&self) -> Vec<Warning> {
        let scaling = cpus(&self.root)
            .iter()
            .filter_map(|cpu| line(&cpu.join("cpufreq/scaling_governor")))
            .find(|governor| scales(governor))
            .map(|governor| Warning::FrequencyScaling { governor });
        let battery = self.on_battery().then_some(Warning::Battery);
        scaling.into_iter().chain(battery).collect()
    }

    fn on_battery(&self) -> bool {
        let supplies = entries(&self.root.join("sys/class/power_supply"));
        let has = |supply: &Path, name: &str, value: &str| {
            line(&supply.join(name)).is_some_and(|line| line == value)
        };
        let mains = |supply: &PathBuf| has(supply, "type", "Mains") && has(supply, "online", "1");
        // A mouse's battery is none of the machine's.
        let discharging = |supply: &PathBuf| {
            has(supply, "type", "Battery")
                && !has(supply, "scope", "Device")
                && has(supply, "status", "Discharging")
        };
        // The mains first: to ask a battery may take milliseconds.
        !supplies.iter().any(mains) && supplies.iter().any(discharging)
    }

    /// The counters as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let counters: Vec<u64> = self
            .throttles
            .iter()
            .filter_map(|file| read(file)?.trim().parse().ok())
            .collect();
        Snapshot {
            at: Instant::now(),
            own: consumption::cpu_time(),
            busy: self
                .stat
                .as_ref()
                .and_then(read)
                .and_then(|text| busy(&text)),
            swapped: self
                .vmstat
                .as_ref()
                .and_then(read)
                .and_then(|text| swapped(&text)),
            throttled: (!counters.is_empty()).then(|| counters.iter().sum()),
        }
    }
}

impl Snapshot {
    /// What the time from this moment to a later one makes doubtful, at most one of a kind.
    pub fn until(&self, later: &Self) -> Vec<Warning> {
        let time = later.at.saturating_duration_since(self.at);
        let own = later.own.saturating_sub(self.own);
        let load = self.busy.zip(later.busy).and_then(|(before, after)| {
            let all = after.time.saturating_sub(before.time);
            load(time, all.saturating_sub(own), after.cpus)
        });
        let grown = |before: Option<u64>, after: Option<u64>| {
            before
                .zip(after)
                .map_or(0, |(before, after)| after.saturating_sub(before))
        };
        let pages = grown(self.swapped, later.swapped);
        let swapping = (pages >= LEAST_PAGES).then_some(Warning::Swapping { pages });
        let throttling =
            (grown(self.throttled, later.throttled) > 0).then_some(Warning::Throttling);
        [load, swapping, throttling].into_iter().flatten().collect()
    }
}

/// Whether others' CPU time within a time is a load.
fn load(time: Duration, others: Duration, cpus: usize) -> Option<Warning> {
    // Ticks are coarser than the time.
    let used = (others.as_secs_f64() / time.as_secs_f64()).min(cpus as f64);
    let disturbs = used >= SHARE_OF_ONE.max(SHARE_OF_ALL * cpus as f64);
    (others >= LEAST_LOAD && disturbs).then_some(Warning::Load { used, cpus })
}

/// Reads the first lines of `/proc/stat`: `cpu`, `cpu0`, `cpu1` and so on, and ticks spent on
/// `user nice system idle iowait irq softirq steal guest guest_nice`.
///
/// Interrupts are nobody's: network traffic of the measured command is handled there too. What
/// guests use is in `user` already.
fn busy(stat: &str) -> Option<Busy> {
    let (mut lines, mut cpus) = (stat.lines(), 0);
    let mut ticks = lines.next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    for line in lines {
        cpus += usize::from(line.starts_with("cpu"));
    }
    let mut next = || ticks.next()?.parse::<u64>().ok();
    let (user, nice, system) = (next()?, next()?, next()?);
    let [_idle, _iowait, _irq, _softirq, steal] = [(); 5].map(|()| next());
    let ticks = [user, nice, system, steal.unwrap_or(0)]
        .into_iter()
        .try_fold(0, u64::checked_add)?;
    Some(Busy {
        time: Duration::from_secs(ticks) / TICKS_PER_SECOND,
        cpus: cpus.max(1),
    })
}

/// Reads `/proc/vmstat`, lines of `name count`.
fn swapped(vmstat: &str) -> Option<u64> {
    let count = |name: &str| {
        vmstat
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .and_then(|count| count.parse::<u64>().ok())
    };
    count("pswpin")?.checked_add(count("pswpout")?)
}

/// Whether a governor changes the frequency by itself.
fn scales(governor: &str) -> bool {
    !matches!(governor, "performance" | "userspace")
}

/// The directories of the CPUs.
fn cpus(root: &Path) -> Vec<PathBuf> {
    let is_cpu = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str()?.strip_prefix("cpu"))
            .is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let mut found = entries(&root.join("sys/devices/system/cpu"));
    found.retain(is_cpu);
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// A file of one line.
fn line(path: &Path) -> Option<String> {
    let text = read(&File::open(path).ok()?)?;
    Some(crate::text::clean_line(&text, 64))
}

/// All of a file from its start, wherever it was read to.
fn read(file: &File) -> Option<String> {
    let mut bytes = Vec::with_capacity(8 << 10);
    let mut chunk = [0; 8 << 10];
    while bytes.len() < MOST_BYTES {
        match file.read_at(&mut chunk, bytes.len() as u64) {
            Ok(0) => break,
            Ok(n) => bytes.extend(chunk.get(..n)?),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
cpu  1682583 53542 547625 2508724 50319 7 11312 2671 9 0
cpu0 819936 25486 260255 1301947 18163 0 216 1340 0 0
cpu1 862647 28055 287369 1206777 32156 0 11095 1331 0 0
intr 32067727 0 0 0 1 1 14
ctxt 69374683
btime 1795427316
processes 4512783
procs_running 3
procs_blocked 0
softirq 9551721 1 2214331 51 50355 40681 0 7503 3194 0 3
";
    const VMSTAT: &str = "\
nr_free_pages 1234
nr_swapcached 5
pswpin 120
pswpout 4000
pgfault 99999999
pswpinned 7
";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    const fn milliseconds(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn cpu_time_is_that_of_programs_and_of_other_machines() {
        let expected = Busy {
            time: milliseconds((1_682_583 + 53_542 + 547_625 + 2671) * 10),
            cpus: 2,
        };
        assert_eq!(busy(STAT), Some(expected));
        // As an older kernel, or a container's imitation, writes it.
        let short = Busy {
            time: milliseconds(60),
            cpus: 1,
        };
        assert_eq!(busy("cpu  1 2 3 4\n"), Some(short));
        for nonsense in [
            "",
            "\n",
            "cpu",
            "cpu  1 2",
            "cpu  1 2 x 4",
            "cpu0 1 2 3 4",
            "cpu  -1 2 3 4",
            "cpu  18446744073709551615 2 3 4",
            "<html>",
        ] {
            assert_eq!(busy(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn swapped_pages_are_those_of_both_ways() {
        assert_eq!(swapped(VMSTAT), Some(4120));
        for nonsense in ["", "pswpin 1", "pswpin 1\npswpout", "pswpin 1\npswpout x"] {
            assert_eq!(swapped(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn others_are_a_load_from_a_share_that_the_clock_can_tell() {
        for (time, others, cpus, is_load) in [
            (1000, 249, 2, false),
            (1000, 250, 2, true),
            // Of many CPUs it takes more.
            (1000, 1000, 64, false),
            (1000, 3200, 64, true),
            // A short one: rounding.
            (16, 90, 2, false),
            (100, 100, 2, true),
            (0, 0, 2, false),
            (0, 100, 2, true),
        ] {
            let found = load(milliseconds(time), milliseconds(others), cpus);
            assert_eq!(found.is_some(), is_load, "{time} {others} {cpus}");
        }
    }

    #[test]
    fn what_a_measurement_itself_uses_is_no_load() {
        let start = Instant::now();
        let snapshot = |ms: u64, own: u64, busy: u64, swapped: u64, throttled: u64| Snapshot {
            at: start + milliseconds(ms),
            own: milliseconds(own),
            busy: Some(Busy {
                time: milliseconds(busy),
                cpus: 2,
            }),
            swapped: Some(swapped),
            throttled: Some(throttled),
        };
        let before = snapshot(0, 500, 10_000, 100, 3);
        let used = 1.0;
        for (after, expected) in [
            // Two threads for a second, and a little for the rest of the machine.
            (snapshot(1000, 2500, 12_200, 163, 3), vec![]),
            (
                snapshot(1000, 1500, 12_000, 164, 4),
                vec![
                    Warning::Load { used, cpus: 2 },
                    Warning::Swapping { pages: 64 },
                    Warning::Throttling,
                ],
            ),
            // A counter that went back says nothing.
            (snapshot(1000, 500, 9000, 0, 0), vec![]),
        ] {
            assert_eq!(before.until(&after), expected);
        }
        let unknown = Snapshot {
            busy: None,
            swapped: None,
            throttled: None,
            ..snapshot(1000, 500, 0, 0, 0)
        };
        assert_eq!(before.until(&unknown), []);
        assert_eq!(unknown.until(&snapshot(2000, 500, 90_000, 900, 9)), []);
    }

    #[test]
    fn counters_are_read_anew_each_time() {
        let root = tempfile::tempdir().unwrap();
        let throttled = |cpu: &str, name: &str, count: &str| {
            let path = format!("sys/devices/system/cpu/{cpu}/thermal_throttle/{name}");
            write(root.path(), &path, count);
        };
        write(root.path(), "proc/stat", STAT);
        write(root.path(), "proc/vmstat", VMSTAT);
        throttled("cpu0", "core_throttle_count", "2\n");
        throttled("cpu1", "package_throttle_count", "3\n");
        throttled("cpu2", "core_throttle_count", "many\n");
        throttled("cpufreq", "core_throttle_count", "9\n");
        let conditions = Conditions::below(root.path());
        let before = conditions.snapshot();
        assert_eq!(before.busy, busy(STAT));
        assert_eq!((before.swapped, before.throttled), (Some(4120), Some(5)));
        // In place, as the kernel's files are.
        write(root.path(), "proc/vmstat", &VMSTAT.replace("120", "999"));
        throttled("cpu1", "package_throttle_count", "4\n");
        let after = conditions.snapshot();
        assert_eq!(
            before.until(&after),
            [Warning::Swapping { pages: 879 }, Warning::Throttling]
        );
    }

    #[test]
    fn nothing_is_told_where_nothing_is_known() {
        let root = tempfile::tempdir().unwrap();
        let conditions = Conditions::below(root.path());
        assert_eq!(conditions.standing(), []);
        assert_eq!(conditions.snapshot().until(&conditions.snapshot()), []);
        write(root.path(), "proc/stat", "\u{0}\u{1}");
        std::fs::write(root.path().join("proc/vmstat"), [0xff, 0xfe]).unwrap();
        let conditions = Conditions::below(root.path());
        let snapshot = conditions.snapshot();
        assert_eq!((snapshot.busy, snapshot.swapped), (None, None));
    }

    #[test]
    fn a_governor_that_scales_is_told_once_for_all_cpus() {
        let root = tempfile::tempdir().unwrap();
        let governor = |cpu: &str, name: &str| {
            let path = format!("sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor");
            write(root.path(), &path, name);
        };
        let standing = || Conditions::below(root.path()).standing();
        governor("cpu0", "performance\n");
        governor("cpu1", "userspace\n");
        assert_eq!(standing(), []);
        for name in ["powersave", "schedutil"] {
            governor("cpu10", &format!("{name}\n"));
            governor("cpu11", "ondemand\n");
            let governor = name.to_owned();
            assert_eq!(standing(), [Warning::FrequencyScaling { governor }]);
        }
    }

    #[test]
    fn the_machine_is_on_battery_where_no_mains_is_there() {
        for (supplies, on_battery) in [
            (&[][..], false),
            (
                &[("AC", "Mains", "1"), ("BAT0", "Battery", "Discharging")],
                false,
            ),
            (
                &[("AC", "Mains", "0"), ("BAT0", "Battery", "Discharging")],
                true,
            ),
            (&[("BAT0", "Battery", "Discharging")], true),
            (
                &[("AC", "Mains", "0"), ("BAT0", "Battery", "Charging")],
                false,
            ),
            (&[("AC", "Mains", "0")], false),
            (&[("mouse", "Battery", "Discharging")], false),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (name, kind, state) in supplies {
                let file = |file: &str, text: &str| {
                    let path = format!("sys/class/power_supply/{name}/{file}");
                    write(root.path(), &path, &format!("{text}\n"));
                };
                file("type", kind);
                file(if *kind == "Mains" { "online" } else { "status" }, state);
                if *name == "mouse" {
                    file("scope", "Device");
                }
            }
            let expected = if on_battery {
                vec![Warning::Battery]
            } else {
                vec![]
            };
            let standing = Conditions::below(root.path()).standing();
            assert_eq!(standing, expected, "{supplies:?}");
        }
    }

    #[test]
    fn a_warning_is_one_plain_line() {
        for warning in [
            Warning::Load {
                used: 1.25,
                cpus: 2,
            },
            Warning::Swapping { pages: 900 },
            Warning::Throttling,
            Warning::FrequencyScaling {
                governor: "powersave".to_owned(),
            },
            Warning::Battery,
        ] {
            let text = warning.to_string();
            assert!(text.contains("times"), "{text}");
            assert!(!text.contains('\n') && text.len() < 140, "{text}");
        }
    }
}

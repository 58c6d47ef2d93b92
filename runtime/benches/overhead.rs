//! What the runtime costs, beside what the same work costs without it: `cargo bench --bench overhead`.
//!
//! Whole processes, in turn (A B A B ...), so that a machine whose speed drifts slows both alike;
//! medians, and the median of the differences pair by pair. Nothing here passes or fails.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark starts programs, prints, and fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoresearch::catalog;
use autoresearch::host::{Host, Limits};
use autoresearch::process::{self, Cancel, CommandLine, Launcher};
use autoresearch::sandbox::{Confinement, Demand, Kind, Rules, Sandbox, Site, Tier, Widening};

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");
const PAIRS: usize = 101;
/// Never better, so that every change is undone.
const EVAL: [&str; 6] = [
    "--eval",
    "echo x: 1",
    "--metric",
    "x",
    "--direction",
    "lower",
];

fn main() {
    let place = Place::new(None);
    println!(
        "{:<58} {:>9} {:>9} {:>10}",
        "", "this", "floor", "difference"
    );
    starting(&place);
    hosting(&place);
    confining(&place);
    let sandbox = Sandbox::find(Demand::Best).unwrap();
    for (place, confined) in [
        (Place::new(None), sandbox.tier().name()),
        (Place::new(Some("off")), "nothing"),
    ] {
        println!("-- commands are confined by {confined}");
        evaluating(&place);
        judging(&place);
        looping(&place);
    }
    memory(&place);
    let size = std::fs::metadata(PROGRAM).unwrap().len();
    println!("{:<58} {:>6.1} MB", "the program's size", size as f64 / 1e6);
}

/// A repository with a home of its own.
struct Place {
    root: tempfile::TempDir,
    /// What confines commands, if it is not what users get.
    sandbox: Option<&'static str>,
}

impl Place {
    fn new(sandbox: Option<&'static str>) -> Self {
        let place = Self {
            // Not where a sandboxed command has a directory of its own.
            root: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            sandbox,
        };
        std::fs::create_dir(place.project()).unwrap();
        std::fs::create_dir(place.open()).unwrap();
        run(place.command("git").args(["init", "--quiet"]));
        std::fs::write(place.project().join("target.txt"), "0\n").unwrap();
        run(place.command("git").args(["add", "target.txt"]));
        run(place
            .command("git")
            .args(["commit", "--quiet", "--message", "start"]));
        place
    }

    fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// Where scripts may keep files.
    fn open(&self) -> PathBuf {
        self.root.path().join("open")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root.path())
            .envs([
                ("GIT_AUTHOR_NAME", "Bench"),
                ("GIT_AUTHOR_EMAIL", "bench@localhost"),
                ("GIT_COMMITTER_NAME", "Bench"),
                ("GIT_COMMITTER_EMAIL", "bench@localhost"),
            ])
            .current_dir(self.project())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn autoresearch(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(PROGRAM);
        if let Some(sandbox) = self.sandbox {
            command.env("AUTORESEARCH_SANDBOX", sandbox);
        }
        command.args(arguments);
        command
    }
}

fn starting(place: &Place) {
    compare(
        "start: `--version`, beside `/bin/true`",
        || run(&mut place.autoresearch(&["--version"])),
        || run(&mut place.command("/bin/true")),
    );
}

fn evaluating(place: &Place) {
    const LINE: &str = "echo x: 1";
    for (name, line) in [("directly", LINE), ("under sh -c", "echo x: 1; true")] {
        let mut bare = match name {
            "directly" => place.command("echo"),
            _ => place.command("sh"),
        };
        match name {
            "directly" => bare.arg("x: 1"),
            _ => bare.args(["-c", line]),
        };
        compare(
            &format!("`evaluate`, warm cache, a command run {name}, beside it bare"),
            || run(&mut place.autoresearch(&["evaluate", "--eval", line])),
            || run(&mut bare),
        );
    }
}

/// Loading from the cache, instantiating and describing, in this process.
fn hosting(place: &Place) {
    let host = Host::new(Some(place.root.path().join("cache")), Launcher::at(PROGRAM)).unwrap();
    for name in catalog::built_in() {
        let component = catalog::find(name, Path::new("")).unwrap();
        let load = || {
            let start = Instant::now();
            host.load(&component.bytes, &component.digest, &Limits::default())
                .unwrap();
            start.elapsed()
        };
        let cold = load();
        let mut warm: Vec<Duration> = (0..PAIRS).map(|_| load()).collect();
        println!(
            "{:<58} {:>6.2} ms  (compiling it: {:.0} ms)",
            format!("load {name} from the cache, instantiate, describe"),
            milliseconds(median(&mut warm)),
            milliseconds(cold)
        );
    }
}

/// One whole turn, beside one done by hand: `git add`, `git commit`, `sh -c`, `git reset`.
fn judging(place: &Place) {
    let target = place.project().join("target.txt");
    let mut n = 0;
    let mut change = || {
        n += 1;
        std::fs::write(&target, format!("{n}\n")).unwrap();
    };
    for (id, name, evaluator) in [
        (
            "bench/size",
            "a metric without noise and without a command",
            vec!["--evaluator", "benchmark_size"],
        ),
        (
            "bench/once",
            "a command that does nothing, run once",
            [&EVAL[..], &["--deterministic"]].concat(),
        ),
        (
            "bench/twice",
            "a command that does nothing, one round of both sides",
            [&EVAL[..], &["--max-rounds", "1"]].concat(),
        ),
    ] {
        std::fs::write(&target, "0\n").unwrap();
        let name_of_it = id.trim_start_matches("bench/");
        let mut init = place.autoresearch(&["init", "--target", "target.txt"]);
        init.args(["--domain", "bench", "--name", name_of_it]);
        run(init.args(&evaluator));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..PAIRS {
            change();
            let start = Instant::now();
            run(&mut place.autoresearch(&["run", "--experiment", id]));
            times[0].push(start.elapsed());

            change();
            times[1].push(turn_by_hand(place, None));
        }
        let [mut ours, mut by_hand] = times;
        report(&format!("`run`: {name}"), &mut ours, &mut by_hand);
    }
}

/// One turn of a loop with a scripted agent, beside the same by hand, in journals of several lengths.
fn looping(place: &Place) {
    /// Turns that are timed together, without the program's start and end.
    const TURNS: u32 = 10;
    const LOOPS: usize = 31;
    let agent = place.open().join("agent.sh");
    let counter = place.open().join("counter");
    std::fs::write(&counter, "1\n").unwrap();
    let script = format!(
        "read -r n < {0}; n=$((n + 1)); echo $n > {0}; echo $n > target.txt; echo try",
        counter.display()
    );
    std::fs::write(&agent, script).unwrap();
    let agent = format!("sh {}", agent.display());
    for (rows, evaluator, what) in [
        (
            1,
            vec!["--evaluator", "benchmark_size"],
            "without a command",
        ),
        (
            1,
            [&EVAL[..], &["--deterministic"]].concat(),
            "a command run once",
        ),
        (
            1_000,
            [&EVAL[..], &["--deterministic"]].concat(),
            "a command run once",
        ),
        (
            100_000,
            [&EVAL[..], &["--deterministic"]].concat(),
            "a command run once",
        ),
        (
            1,
            [&EVAL[..], &["--max-rounds", "1"]].concat(),
            "one round of a command on both sides",
        ),
    ] {
        std::fs::write(place.project().join("target.txt"), "0\n").unwrap();
        let name = format!("loop-{rows}-{}", evaluator.len());
        let id = format!("bench/{name}");
        let mut init = place.autoresearch(&["init", "--target", "target.txt", "--domain", "bench"]);
        init.args(["--name", &name, "--agent-command", &agent]);
        init.arg("--write").arg(place.open());
        run(init.args(&evaluator));
        let turns = |n: u32| {
            let start = Instant::now();
            let n = n.to_string();
            run(&mut place.autoresearch(&["run", "-x", &id, "--max-experiments", &n]));
            start.elapsed()
        };
        turns(1);
        lengthen(place, &name, rows);
        let mut times = [Vec::new(), Vec::new()];
        let mut starts = Vec::new();
        for _ in 0..LOOPS {
            let one = turns(1);
            starts.push(one);
            times[0].push(turns(1 + TURNS).saturating_sub(one) / TURNS);
            times[1].push(turn_by_hand(place, Some(&agent)));
        }
        let [mut ours, mut by_hand] = times;
        report(
            &format!("a turn of a loop: {what}, {rows} rows"),
            &mut ours,
            &mut by_hand,
        );
        println!(
            "{:<58} {:>6.2} ms",
            "  a whole loop of one turn",
            milliseconds(median(&mut starts))
        );
    }
}

/// Adds rows to a journal, and their candidates' refs, as a long run would have left them.
fn lengthen(place: &Place, name: &str, rows: u64) {
    let directory = place.project().join(".autoresearch/bench").join(name);
    let path = directory.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let turn: Vec<serde_json::Value> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let commit = turn[0]["commit"].as_str().unwrap().to_owned();
    let refs = place
        .project()
        .join(".git/refs/autoresearch/bench")
        .join(name);
    let mut longer = text;
    for n in 2..=rows {
        for mut record in turn.clone() {
            record["n"] = n.into();
            if record["event"] == "try" {
                record["content"] = format!("{n:064x}").into();
            }
            longer.push_str(&record.to_string());
            longer.push('\n');
        }
        std::fs::write(refs.join(n.to_string()), format!("{commit}\n")).unwrap();
    }
    std::fs::write(path, longer).unwrap();
}

/// `git add`, `git commit`, `sh -c`, `git reset`; after an agent, if there is one.
fn turn_by_hand(place: &Place, agent: Option<&str>) -> Duration {
    let start = Instant::now();
    if let Some(agent) = agent {
        run(place.command("sh").args(["-c", agent]));
    }
    for arguments in [
        &["add", "target.txt"][..],
        &["commit", "--quiet", "--message", "try"],
    ] {
        run(place.command("git").args(arguments));
    }
    run(place.command("sh").args(["-c", "echo x: 1"]));
    run(place
        .command("git")
        .args(["reset", "--quiet", "--hard", "HEAD~1"]));
    start.elapsed()
}

/// A command in a sandbox, beside the same without.
fn confining(place: &Place) {
    let line = CommandLine::from_list(vec!["/bin/true".to_owned()]).unwrap();
    let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())];
    let run = |confinement: &Confinement| {
        let command = process::Command {
            confinement,
            line: &line,
            directory: &place.project(),
            environment: &environment,
            cpus: &[],
            deadline: Duration::from_mins(1),
            grace: Duration::from_secs(1),
            output_limit: 1 << 16,
            input: None,
            transcript: None,
        };
        let output = process::run(&Launcher::at(PROGRAM), &command, &Cancel::default()).unwrap();
        assert_eq!(output.exit, process::Exit::Code(0), "{output:?}");
        output.usage.wall_ns
    };
    let none = Confinement::none();
    for tier in [Tier::Bubblewrap, Tier::Landlock] {
        let name = format!("a command in {}", tier.name());
        let sandbox = match Sandbox::at(tier) {
            Ok(sandbox) => sandbox,
            Err(why) => {
                println!("{name:<58} {why}");
                continue;
            }
        };
        let site = Site::Directory(place.project());
        let kind = Kind::Evaluation(Limits::default().resources());
        let rules = Rules::new(site, kind, &Widening::default(), &place.project());
        let confinement = Confinement::new(&sandbox, rules);
        let mut inside = [Vec::new(), Vec::new()];
        let [of_it, of_none] = &mut inside;
        compare(
            &name,
            || of_it.push(Duration::from_nanos(run(&confinement))),
            || of_none.push(Duration::from_nanos(run(&none))),
        );
        let [mut of_it, mut of_none] = inside;
        report("  the time that is measured", &mut of_it, &mut of_none);
    }
}

/// Peak resident memory, as the launcher sees it.
fn memory(place: &Place) {
    let environment: Vec<_> = [("HOME", place.root.path().as_os_str())]
        .into_iter()
        .map(|(name, value)| (name.into(), value.to_owned()))
        .chain([("PATH".into(), std::env::var_os("PATH").unwrap())])
        .collect();
    let peak = |argv: &[&str]| {
        let line = CommandLine::from_list(argv.iter().map(ToString::to_string).collect()).unwrap();
        let command = process::Command {
            confinement: &autoresearch::sandbox::Confinement::none(),
            line: &line,
            directory: &place.project(),
            environment: &environment,
            cpus: &[],
            deadline: Duration::from_mins(1),
            grace: Duration::from_secs(1),
            output_limit: 1 << 16,
            input: None,
            transcript: None,
        };
        let output = process::run(&Launcher::at(PROGRAM), &command, &Cancel::default()).unwrap();
        assert_eq!(output.exit, process::Exit::Code(0), "{output:?}");
        output.usage.peak_rss_bytes as f64 / 1e6
    };
    std::fs::remove_dir_all(place.root.path().join(".cache")).unwrap();
    let evaluate = [PROGRAM, "evaluate", "--eval", "echo x: 1"];
    let (cold, warm) = (peak(&evaluate), peak(&evaluate));
    println!(
        "{:<58} {warm:>6.1} MB  (compiling: {cold:.1} MB)",
        "peak memory of `evaluate`, warm cache"
    );
    println!(
        "{:<58} {:>6.1} MB",
        "peak memory that a command is charged at least",
        peak(&["/bin/true"])
    );
}

/// Runs two things in turn and prints what both take.
fn compare(name: &str, mut this: impl FnMut(), mut floor: impl FnMut()) {
    this();
    floor();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..PAIRS {
        let start = Instant::now();
        this();
        times[0].push(start.elapsed());
        let start = Instant::now();
        floor();
        times[1].push(start.elapsed());
    }
    let [mut this, mut floor] = times;
    report(name, &mut this, &mut floor);
}

fn report(name: &str, this: &mut [Duration], floor: &mut [Duration]) {
    let mut differences: Vec<f64> = this
        .iter()
        .zip(&*floor)
        .map(|(a, b)| milliseconds(*a) - milliseconds(*b))
        .collect();
    differences.sort_by(f64::total_cmp);
    let (this, floor) = (milliseconds(median(this)), milliseconds(median(floor)));
    println!(
        "{name:<58} {this:>6.2} ms {floor:>6.2} ms {:>+7.2} ms  ({:.2} x)",
        differences[differences.len() / 2],
        this / floor
    );
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

//! Whether what is measured is what other programs measure: `cargo bench --bench agreement`, or with
//! `-- memory` or `-- time` one half of it.
//!
//! Memory beside `wait4.c`, a launcher of a few lines; time beside `hyperfine -N`. Both sides in turn
//! (A B A B ...), and the differences pair by pair, so that a machine whose state drifts changes both
//! alike; on a busy one times scatter more than they may differ. It needs Linux, a C compiler
//! as `cc`, `python3` and `hyperfine` 1.13 or later, and ends with 1 where something does not agree.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark starts programs, prints, and fails by panicking"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use autoresearch::catalog;
use autoresearch::evaluator::Given;
use autoresearch::host::{Evaluation, Evaluator, Host, Limits};
use autoresearch::process::{Cancel, CommandLine, Launcher};

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");
const LAUNCHER: &str = include_str!("wait4.c");

/// Peaks may differ by this share, or by this many KiB: by pages that the kernel maps along.
const MEMORY_SHARE: f64 = 0.01;
const MEMORY_LEAST: f64 = 256.0;
/// Medians of times may differ by this share, or by this many milliseconds.
const TIME_SHARE: f64 = 0.02;
const TIME_LEAST: f64 = 0.2;

/// How large this process is made, so that a peak which it hands down would show.
const BALLAST: usize = 512 << 20;

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|name| name == part);
    let place = Place::new();
    let mut agrees = true;
    if wanted("memory") {
        agrees &= memory(&place);
    }
    if wanted("time") {
        agrees &= times(&place);
    }
    if agrees {
        ExitCode::SUCCESS
    } else {
        println!("not everything agrees");
        ExitCode::FAILURE
    }
}

/// A directory with what is measured in it, and the host that measures it.
struct Place {
    directory: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
    host: Host,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let environment = [
            ("HOME", path.as_os_str().to_owned()),
            ("PATH", std::env::var_os("PATH").unwrap()),
        ]
        .map(|(name, value)| (name.into(), value))
        .to_vec();
        let host = Host::new(Some(path.join("cache")), Launcher::at(PROGRAM)).unwrap();
        let place = Self {
            directory,
            environment,
            host,
        };
        place.compile("wait4", LAUNCHER, &[]);
        place.compile("tiny", "int main(void) { return 0; }", &["-static"]);
        place.write(
            "hold.py",
            "import sys\nheld = bytearray(int(sys.argv[1]) << 20)\n",
        );
        place.write(
            "children.sh",
            "python3 hold.py 20 & python3 hold.py 80 & python3 hold.py 50\nwait\n",
        );
        place.write("loop.py", "for _ in range(2_000_000):\n    pass\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn compile(&self, name: &str, source: &str, options: &[&str]) {
        let mut compiler = Command::new("cc");
        compiler
            .args(["-O2", "-x", "c", "-", "-o"])
            .arg(self.path(name))
            .args(options)
            .stdin(Stdio::piped());
        let mut child = compiler
            .spawn()
            .unwrap_or_else(|error| panic!("`cc` is needed: {error}"));
        let mut input = child.stdin.take().unwrap();
        input.write_all(source.as_bytes()).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success(), "{compiler:?}");
    }

    /// What a program prints in this place.
    fn output(&self, program: &Path, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("`{}` is needed: {error}", program.display()));
        assert!(
            output.status.success(),
            "{} {arguments:?}: {output:?}",
            program.display()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn evaluator(&self, name: &str) -> Evaluator {
        let component = catalog::find(name, Path::new("")).unwrap();
        self.host
            .load(&component.bytes, &component.digest, &Limits::default())
            .unwrap()
    }

    /// The samples of an evaluator's metric.
    fn measure(
        &self,
        evaluator: &Evaluator,
        role: &str,
        command: &str,
        parameters: &[(&str, usize)],
        metric: &str,
    ) -> Vec<f64> {
        let parameters: BTreeMap<String, Given> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Given::Text(value.to_string())))
            .collect();
        let line = CommandLine::from_text(command).unwrap();
        let commands = BTreeMap::from([(role.to_owned(), line)]);
        let settings = evaluator
            .descriptor()
            .settings(&parameters, &commands)
            .unwrap();
        let evaluation = Evaluation {
            confinement: &autoresearch::sandbox::Confinement::none(),
            directory: self.directory.path(),
            targets: &[],
            settings: &settings,
            round: 0,
            model: None,
            environment: &self.environment,
            tape: None,
            limits: &Limits::default(),
            time_limit: Duration::from_mins(5),
            cancel: &Cancel::default(),
        };
        let report = self
            .host
            .evaluate(evaluator, &evaluation, Arc::new(|_| {}))
            .unwrap();
        report.measurement(metric).unwrap().samples.clone()
    }
}

fn memory(place: &Place) -> bool {
    const PAIRS: usize = 15;
    let launcher = place.path("wait4");
    let evaluator = place.evaluator("memory_usage");
    let mut ballast = Vec::new();
    let mut agrees = true;
    for host in ["as it is", "with 512 MiB"] {
        if host != "as it is" {
            ballast = vec![1_u8; BALLAST];
        }
        heading(
            &format!("peak memory, the host {host}"),
            "memory_usage",
            "wait4.c",
        );
        for command in [
            "./tiny",
            "true",
            "sleep 0.01",
            "sh -c true",
            "python3 hold.py 0",
            "python3 hold.py 50",
            "python3 hold.py 300",
            "sh children.sh",
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            let mut pairs = Vec::new();
            for _ in 0..PAIRS {
                let ours = place.measure(&evaluator, "run", command, &[], "peak_kb");
                let printed = place.output(&launcher, &words);
                pairs.push((median(ours), printed.trim().parse().unwrap()));
            }
            agrees &= report(command, &pairs, "KiB", MEMORY_SHARE, MEMORY_LEAST);
        }
    }
    drop(std::hint::black_box(ballast));
    agrees
}

fn times(place: &Place) -> bool {
    let hyperfine = Path::new("hyperfine");
    let evaluator = place.evaluator("benchmark_speed");
    heading("wall time", "benchmark_speed", "hyperfine");
    let mut agrees = true;
    for (command, runs, rounds) in [
        ("./tiny", 25, 40),
        ("true", 25, 40),
        ("sleep 0.01", 10, 40),
        ("python3 loop.py", 3, 40),
        ("sleep 1", 1, 15),
    ] {
        let count = runs.to_string();
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            let parameters = [("runs", runs), ("warmup", 1)];
            let ours = place.measure(&evaluator, "benchmark", command, &parameters, "p50_ms");
            let arguments = [
                "-N",
                "--style=none",
                "--warmup=1",
                "--runs",
                &count,
                "--export-json=times.json",
                command,
            ];
            place.output(hyperfine, &arguments);
            let text = std::fs::read(place.path("times.json")).unwrap();
            let exported: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let theirs = exported["results"][0]["median"].as_f64().unwrap() * 1e3;
            pairs.push((median(ours), theirs));
        }
        agrees &= report(command, &pairs, "ms", TIME_SHARE, TIME_LEAST);
    }
    agrees
}

fn heading(what: &str, ours: &str, theirs: &str) {
    println!("{what:<36} {ours:>16} {theirs:>16} {:>16}", "difference");
}

/// Prints both medians and the median of the differences pair by pair, and whether that is within a
/// share or an absolute bound.
fn report(command: &str, pairs: &[(f64, f64)], unit: &str, share: f64, least: f64) -> bool {
    let ours = median(pairs.iter().map(|pair| pair.0).collect());
    let theirs = median(pairs.iter().map(|pair| pair.1).collect());
    let difference = median(pairs.iter().map(|pair| pair.0 - pair.1).collect());
    let agrees = difference.abs() <= (theirs * share).max(least);
    println!(
        "{command:<36} {ours:>12.3} {unit:<3} {theirs:>12.3} {unit:<3} {difference:>+12.3} {unit:<3} {:>+7.2}%  {}",
        100.0 * difference / theirs,
        if agrees { "agrees" } else { "DOES NOT AGREE" },
    );
    agrees
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

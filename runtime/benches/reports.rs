//! Reports on much: `cargo bench --bench reports`.
//!
//! Two projects are made, of 2.1 GB each, in the target directory: one has 10,000 experiments of 100
//! tries, the other one experiment of 1,000,000 tries. Their lines are those that a run of
//! `benchmark_speed` recorded (`tests/fixtures/journal-v3.jsonl`), with other numbers. What the program
//! takes for each report, as a whole process, stands beside what the original viewer's way takes for
//! the same data (`viewer.py`: Python, which reads each `results.tsv` whole), and for what is written,
//! beside writing the same bytes. Medians of five runs, in turn. Fails where a report takes longer, or
//! more memory, than it may.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark starts programs, prints, and fails by panicking"
)]

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autoresearch::process::{self, Cancel, CommandLine, Launcher};

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");
const RUNS: usize = 5;
/// What a report may take, in seconds and bytes.
const DASHBOARD_SECONDS: f64 = 1.0;
/// The dashboard in a format for others, where more is to be written.
const WRITTEN_SECONDS: f64 = 1.5;
const DASHBOARD_BYTES: u64 = 200_000_000;
const RESULTS_SECONDS: f64 = 2.0;

fn main() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    let _ = std::fs::remove_dir_all(&root);
    let many = Place::new(root.join("many"), 10_000, 100);
    let long = Place::new(root.join("long"), 1, 1_000_000);
    // Or else what is measured is also the writing of what was just made.
    let status = std::process::Command::new("sync").status().unwrap();
    assert!(status.success());
    println!("10,000 experiments of 100 tries: {}", many.size());
    println!("one experiment of 1,000,000 tries: {}\n", long.size());
    println!(
        "{:<44} {:>8} {:>9} {:>9} {:>7}",
        "", "this", "memory", "floor", "ratio"
    );
    let mut failures = Vec::new();
    let mut check = |name: &str, measured: &Measured, seconds: f64, bytes: u64| {
        if measured.seconds > seconds {
            failures.push(format!("{name}: {:.2} s of {seconds} s", measured.seconds));
        }
        if measured.bytes > bytes {
            failures.push(format!("{name}: {} bytes of {bytes}", measured.bytes));
        }
    };

    let viewer = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime/benches/viewer.py");
    let project = |place: &Place| place.project.display().to_string();
    let name = "dashboard, beside the viewer's";
    let measured = compare(
        name,
        || many.run(&[PROGRAM, "results"]),
        || many.run(&["python3", viewer, "dashboard", &project(&many)]),
    );
    check(name, &measured, DASHBOARD_SECONDS, DASHBOARD_BYTES);
    for format in ["csv", "markdown", "json", "html"] {
        let file = root.join("dashboard").display().to_string();
        let argv = [PROGRAM, "results", "-f", format, "--force", "-o", &file];
        let measured = compare(
            &format!("dashboard as {format}, beside writing it"),
            || many.run(&argv),
            || write_again(Path::new(&file)),
        );
        check(format, &measured, WRITTEN_SECONDS, DASHBOARD_BYTES);
    }

    let name = "1,000,000 tries in a terminal, beside cat";
    let journal = long.project.join(".autoresearch/custom/x0/journal.jsonl");
    let journal = journal.display().to_string();
    let measured = compare(
        name,
        || long.run(&[PROGRAM, "results", "-x", "custom/x0"]),
        || long.run(&["sh", "-c", &format!("cat {journal} | tail -c 1")]),
    );
    check(name, &measured, RESULTS_SECONDS, DASHBOARD_BYTES);
    let (file, other) = (root.join("tries.csv"), root.join("viewer.csv"));
    let [file, other] = [file, other].map(|path| path.display().to_string());
    let argv = [
        PROGRAM,
        "results",
        "-x",
        "custom/x0",
        "--force",
        "-o",
        &file,
    ];
    compare(
        "as CSV, beside the viewer's",
        || long.run(&argv),
        || {
            long.run(&[
                "python3",
                viewer,
                "csv",
                &project(&long),
                "custom/x0",
                &other,
            ])
        },
    );
    compare(
        "as CSV, beside writing its bytes",
        || long.run(&argv),
        || write_again(Path::new(&file)),
    );
    for format in ["json", "markdown", "karpathy", "html"] {
        let file = root.join("tries").display().to_string();
        let argv = [
            PROGRAM,
            "results",
            "-x",
            "custom/x0",
            "-f",
            format,
            "--force",
            "-o",
            &file,
        ];
        compare(
            &format!("as {format}, beside writing it"),
            || long.run(&argv),
            || write_again(Path::new(&file)),
        );
        let bytes = std::fs::metadata(&file).unwrap().len();
        println!("{:<44} {:>6.1} MB", "", bytes as f64 / 1e6);
    }
    std::fs::remove_dir_all(&root).unwrap();
    assert!(failures.is_empty(), "too slow or too large: {failures:#?}");
}

struct Measured {
    seconds: f64,
    bytes: u64,
}

fn compare(
    name: &str,
    mut this: impl FnMut() -> Measured,
    mut floor: impl FnMut() -> Measured,
) -> Measured {
    let (mut times, mut floors, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let measured = this();
        times.push(measured.seconds);
        bytes = bytes.max(measured.bytes);
        floors.push(floor().seconds);
    }
    let [seconds, floor] = [times, floors].map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    });
    println!(
        "{name:<44} {seconds:>6.2} s {:>6.1} MB {floor:>7.2} s {:>6.2}x",
        bytes as f64 / 1e6,
        seconds / floor
    );
    Measured { seconds, bytes }
}

/// What writing the bytes of a file takes.
fn write_again(path: &Path) -> Measured {
    let bytes = std::fs::read(path).unwrap();
    let copy = path.with_extension("copy");
    let start = Instant::now();
    std::fs::write(&copy, &bytes).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    std::fs::remove_file(copy).unwrap();
    Measured { seconds, bytes: 0 }
}

/// A repository with experiments that look as if they had been run.
struct Place {
    project: PathBuf,
}

impl Place {
    fn new(project: PathBuf, experiments: usize, tries: u64) -> Self {
        std::fs::create_dir_all(&project).unwrap();
        for line in [
            &["init", "--quiet"][..],
            &["config", "user.name", "n"],
            &["config", "user.email", "e@localhost"],
            &["commit", "--quiet", "--allow-empty", "--message=start"],
        ] {
            let status = std::process::Command::new("git")
                .args(line)
                .current_dir(&project)
                .status()
                .unwrap();
            assert!(status.success());
        }
        let recorded = Recorded::new();
        for number in 0..experiments {
            let domain = ["custom", "engineering", "marketing"][number % 3];
            let directory = project.join(format!(".autoresearch/{domain}/x{number}"));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(
                directory.join("experiment.toml"),
                "version = 1\ntarget = [\"t\"]\n[objective]\nevaluator = \"benchmark_speed\"\n",
            )
            .unwrap();
            recorded.write(&directory, number as u64, tries);
        }
        Self { project }
    }

    fn size(&self) -> String {
        let output = std::process::Command::new("du")
            .args(["-s", "-m", "--apparent-size"])
            .arg(&self.project)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        format!("{} MB", text.split_whitespace().next().unwrap())
    }

    fn run(&self, argv: &[&str]) -> Measured {
        let line = CommandLine::from_list(argv.iter().map(ToString::to_string).collect()).unwrap();
        let environment = [
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("HOME".into(), self.project.clone().into_os_string()),
        ];
        let command = process::Command {
            confinement: &autoresearch::sandbox::Confinement::none(),
            line: &line,
            directory: &self.project,
            environment: &environment,
            cpus: &[],
            deadline: Duration::from_mins(5),
            grace: Duration::from_secs(1),
            output_limit: 1 << 20,
            input: None,
            transcript: None,
        };
        let output = process::run(&Launcher::at(PROGRAM), &command, &Cancel::default()).unwrap();
        assert_eq!(output.exit, process::Exit::Code(0), "{output:?}");
        Measured {
            seconds: output.usage.wall_ns as f64 / 1e9,
            bytes: output.usage.peak_rss_bytes,
        }
    }
}

/// Lines that were recorded, to be had with other numbers.
struct Recorded {
    baseline: String,
    candidate: String,
    verdicts: Vec<String>,
}

impl Recorded {
    fn new() -> Self {
        let text = include_str!("../../tests/fixtures/journal-v3.jsonl");
        let with = |event: &str| -> Vec<String> {
            let event = format!("\"event\":\"{event}\"");
            let lines = text.lines().filter(|line| line.contains(&event));
            lines.map(str::to_owned).collect()
        };
        let agent = ",\"agent\":{\"name\":\"claude\",\"model\":\"sonnet\",\"seconds\":41.27,\"cost_usd\":0.0312,\"input_tokens\":12345,\"output_tokens\":1234}}";
        let candidate = with("try")[0].strip_suffix('}').unwrap().to_owned() + agent;
        Self {
            baseline: with("baseline").remove(0),
            candidate,
            verdicts: with("verdict"),
        }
    }

    /// The journal, and the table as it would be beside it.
    fn write(&self, directory: &Path, seed: u64, tries: u64) {
        let create = |name| {
            let file = std::fs::File::create(directory.join(name)).unwrap();
            BufWriter::with_capacity(1 << 20, file)
        };
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut journal, mut table) = (create("journal.jsonl"), create("results.tsv"));
        writeln!(journal, "{}", self.baseline).unwrap();
        writeln!(
            table,
            "commit\tmetric\tstatus\tdescription\tn\ttime\treason"
        )
        .unwrap();
        writeln!(
            table,
            "afedcdc\t103.171810\tkeep\tbaseline\t0\t2026-11-23T12:27:09.916Z\t"
        )
        .unwrap();
        let mut best = 103.0;
        let mut line = String::new();
        for n in 1..=tries {
            let commit = format!("{:040x}", random.u128(..));
            let (status, value) = match random.u8(..100) {
                0..10 => ("crash", None),
                10..14 => {
                    best *= 0.999;
                    ("keep", Some(best))
                }
                _ => ("discard", Some(best * (1.0 + random.f64() / 10.0))),
            };
            line.clear();
            let candidate = self
                .candidate
                .replacen("\"n\":1,", &format!("\"n\":{n},"), 1);
            let candidate =
                candidate.replacen("cfe1bf289df26bb3578a4807f92f17060d2c4e48", &commit, 1);
            writeln!(line, "{candidate}").unwrap();
            let verdict = &self.verdicts[random.usize(..self.verdicts.len())];
            let (head, tail) = verdict.split_once("\"n\":").unwrap();
            let (_, tail) = tail.split_once("\"reason\":").unwrap();
            let (reason, tail) = tail.split_once(",\"value\":").unwrap();
            let (_, tail) = tail.split_once(',').unwrap();
            let number = value.map_or("null".to_owned(), |value| value.to_string());
            writeln!(
                line,
                "{head}\"n\":{n},\"verdict\":\"{status}\",\"reason\":{reason},\"value\":{number},{tail}"
            )
            .unwrap();
            writeln!(
                line,
                "{{\"v\":3,\"time\":\"2026-11-23T12:27:33.192Z\",\"event\":\"settled\",\"n\":{n}}}"
            )
            .unwrap();
            journal.write_all(line.as_bytes()).unwrap();
            let number = value.map_or("N/A".to_owned(), |value| format!("{value:.6}"));
            writeln!(
                table,
                "{}\t{number}\t{status}\tfaster\t{n}\t2026-11-23T12:27:33.181Z\t{}",
                &commit[..7],
                reason.trim_matches('"')
            )
            .unwrap();
        }
        journal.flush().unwrap();
        table.flush().unwrap();
    }
}

//! What experiments leave on the disk, and what becomes of it when runs are killed, disks are full
//! and files are damaged.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Outcome, PROGRAM, Place, left, outcome};

/// The experiment that [`sized`] makes.
pub const ID: &str = "custom/t-benchmark_size";
/// Its directory in the project.
pub const DIRECTORY: &str = ".autoresearch/custom/t-benchmark_size";

/// A project with a target `t` of 100 bytes, and an experiment about its size with these options.
pub fn sized(options: &[&str]) -> Place {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    place.run(&[&SIZED, options].concat()).succeeds();
    place
}

const SIZED: [&str; 5] = ["init", "-t", "t", "-e", "benchmark_size"];

/// Candidates that hold `bad` crash.
pub const CRASHES_ON_BAD: [&str; 2] = ["-c", "build=! grep -q bad t"];

/// Files by name, as text.
pub type Files = BTreeMap<String, String>;

/// All there is to see of a project: its files, the experiments', refs, worktrees, the user's home.
pub fn everything(place: &Place) -> Files {
    let mut found = as_text(place.snapshot());
    for directory in [place.project().join(".autoresearch"), place.home()] {
        collect(&directory, &mut found);
    }
    for arguments in [&["for-each-ref"][..], &["worktree", "list", "--porcelain"]] {
        let shown = outcome(place.command("git").args(arguments)).stdout;
        found.insert(arguments.join(" "), shown);
    }
    found
}

fn collect(directory: &Path, found: &mut Files) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        // It names who held it last.
        if path.ends_with("lock") || path.ends_with("locks") {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        let text = if path.is_file() {
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
        } else {
            collect(&path, found);
            String::new()
        };
        found.insert(name, text);
    }
}

/// The user's files, HEAD and index, without the target.
pub fn others(place: &Place) -> Files {
    let mut found = as_text(place.snapshot());
    found.remove("t");
    found
}

fn as_text(snapshot: Vec<(String, Vec<u8>)>) -> Files {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    snapshot
        .into_iter()
        .map(|(name, bytes)| (name, text(bytes)))
        .collect()
}

/// Asserts that nothing changed, and shows only what did.
#[track_caller]
pub fn assert_same(now: &Files, before: &Files) {
    let gone = before
        .iter()
        .filter(|(name, text)| now.get(*name) != Some(text));
    let gone: Vec<_> = gone.collect();
    let new: Vec<_> = now
        .iter()
        .filter(|(name, text)| before.get(*name) != Some(text))
        .collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "{gone:#?} became {new:#?}"
    );
}

/// Checks every case of a table, so that one failure does not hide the next.
#[track_caller]
pub fn each<T>(cases: impl IntoIterator<Item = T>, check: impl Fn(T)) {
    let failed = cases
        .into_iter()
        .filter_map(|case| catch_unwind(AssertUnwindSafe(|| check(case))).err())
        .count();
    assert_eq!(failed, 0, "cases failed, as shown above");
}

/// An experiment `custom/t-command` of a command's metric `n`, where less is better, with more of
/// experiment.toml.
pub fn measured_by(command: &str, text: &str, options: &[&str], more: &str) -> Place {
    measured_in(Place::new(&[("t", text)]), command, options, more)
}

/// As [`measured_by`], in a place with a target `t`.
pub fn measured_in(place: Place, command: &str, options: &[&str], more: &str) -> Place {
    let init = [
        "init",
        "-t",
        "t",
        "--eval",
        command,
        "--metric",
        "n",
        "--direction",
        "lower",
    ];
    place.run(&[&init, options].concat()).succeeds();
    let path = ".autoresearch/custom/t-command/experiment.toml";
    let text = place.read(path);
    place.write(path, format!("{text}\n{more}"));
    place
}

/// The records of an experiment's journal.
#[track_caller]
pub fn journal(place: &Place, directory: &str) -> Vec<Value> {
    let text = place.read(format!("{directory}/journal.jsonl"));
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(text.ends_with('\n') && records.iter().all(|r| r["v"] == 4));
    records
}

/// The events of a journal, verdicts by their own word: `baseline try keep settled`.
#[track_caller]
pub fn events(place: &Place, directory: &str) -> String {
    let words: Vec<String> = journal(place, directory)
        .iter()
        .map(|record| {
            let word = record.get("verdict").unwrap_or(&record["event"]);
            word.as_str().unwrap().to_owned()
        })
        .collect();
    words.join(" ")
}

/// The rows of `results.tsv`, without the header: its first four columns.
#[track_caller]
pub fn rows(place: &Place, directory: &str) -> Vec<[String; 4]> {
    let text = place.read(format!("{directory}/results.tsv"));
    let mut lines = text
        .lines()
        .map(|line| -> Vec<&str> { line.split('\t').collect() });
    let header = lines.next().unwrap();
    assert_eq!(header[..4], ["commit", "metric", "status", "description"]);
    lines
        .map(|columns| {
            assert_eq!(columns.len(), header.len(), "{columns:?}");
            [0, 1, 2, 3].map(|column| columns[column].to_owned())
        })
        .collect()
}

pub fn resolve(place: &Place, reference: &str) -> String {
    place.git(&["rev-parse", "--verify", reference])
}

/// Asserts that journal, table, refs and branch tell the same story, and that nothing is left over.
#[track_caller]
pub fn assert_consistent(place: &Place, id: &str) {
    let directory = format!(".autoresearch/{id}");
    let records = journal(place, &directory);
    let mut expected = Vec::new();
    let mut incumbent = String::new();
    let mut open: Option<&Value> = None;
    let mut tries = 0;
    let short = |commit: &str| commit[..7].to_owned();
    for record in &records {
        let value = record["value"]
            .as_f64()
            .map_or("N/A".to_owned(), |value| format!("{value:.6}"));
        match record["event"].as_str().unwrap() {
            "baseline" => {
                record["commit"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut incumbent);
                let columns = [short(&incumbent), value, "keep".into(), "baseline".into()];
                expected.push(columns);
            }
            "try" => {
                assert!(open.is_none(), "a try before the verdict on another");
                tries += 1;
                assert_eq!(record["n"], tries);
                assert_eq!(record["parent"], incumbent.as_str());
                open = Some(record);
            }
            "verdict" => {
                let candidate = open.take().unwrap();
                assert_eq!(record["n"], candidate["n"]);
                let tried = candidate["commit"].as_str().unwrap();
                // A kept one is known by the commit whose message has the values.
                let commit = record["commit"].as_str().unwrap_or(tried);
                let reference = format!("refs/autoresearch/{id}/{tries}");
                assert_eq!(resolve(place, &reference), commit);
                if commit != incumbent {
                    assert_eq!(resolve(place, &format!("{reference}^")), incumbent);
                }
                let verdict = record["verdict"].as_str().unwrap();
                assert_eq!(record["commit"].is_string(), verdict == "keep");
                if verdict == "keep" {
                    let trees = [commit, tried].map(|c| resolve(place, &format!("{c}^{{tree}}")));
                    assert_eq!(trees[0], trees[1]);
                    commit.clone_into(&mut incumbent);
                }
                let description = candidate["description"].as_str().unwrap().to_owned();
                expected.push([short(commit), value, verdict.to_owned(), description]);
            }
            event => assert!(["guards", "settled"].contains(&event), "{event}"),
        }
    }
    assert!(open.is_none(), "a try without a verdict");
    assert_eq!(rows(place, &directory), expected);
    let branch = resolve(place, &format!("refs/heads/autoresearch/{id}"));
    assert_eq!(branch, incumbent);
    let refs = place.git(&["for-each-ref", &format!("refs/autoresearch/{id}")]);
    assert_eq!(refs.lines().count(), tries);
    for directory in [place.project(), place.project().join(&directory)] {
        for entry in std::fs::read_dir(directory).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let ours = name.starts_with(".autoresearch-") || name.starts_with(".tmp");
            assert!(!ours, "{name} was left");
        }
    }
}

/// A command that tells that it runs, and waits until it is let through.
pub struct Gate {
    started: PathBuf,
    open: PathBuf,
    script: PathBuf,
}

impl Gate {
    /// Its script, run in the measured directory, ends with these lines.
    pub fn new(place: &Place, ending: &str) -> Self {
        let gate = Self {
            started: place.open("started"),
            open: place.open("open"),
            script: place.open("gate.sh"),
        };
        let text = format!(
            "echo $$ > '{0}.new'\nmv '{0}.new' '{0}'\nwhile [ ! -e '{1}' ]; do sleep 0.01; done\n{ending}\n",
            gate.started.display(),
            gate.open.display(),
        );
        std::fs::write(&gate.script, text).unwrap();
        gate.open();
        gate
    }

    pub fn command(&self) -> String {
        format!("sh '{}'", self.script.display())
    }

    pub fn open(&self) {
        std::fs::write(&self.open, "").unwrap();
    }

    pub fn close(&self) {
        std::fs::remove_file(&self.open).unwrap();
        let _ = std::fs::remove_file(&self.started);
    }

    /// Waits until the command runs, and returns its process id.
    pub fn wait(&self) -> u32 {
        wait_until("the command runs", || self.started.exists());
        let text = std::fs::read_to_string(&self.started).unwrap();
        outer(text.trim().parse().unwrap(), &self.script)
    }
}

/// The process that knows itself, perhaps in a namespace of its own, by this number, and runs a script.
pub fn outer(process: u32, script: &Path) -> u32 {
    let status = |path: PathBuf| std::fs::read_to_string(path.join("status")).unwrap_or_default();
    let is_it = |path: &PathBuf| {
        let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*script.to_string_lossy())
            && status(path.clone()).lines().any(|line| {
                line.strip_prefix("NSpid:").is_some_and(|numbers| {
                    numbers.split_whitespace().next_back() == Some(&process.to_string())
                })
            })
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(is_it)
        .find_map(|path| path.file_name()?.to_str()?.parse().ok())
        .unwrap_or_else(|| panic!("no process {process} runs {}", script.display()))
}

#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the program without waiting for it, as the leader of a process group.
pub fn start(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command(PROGRAM);
    command
        .args(place.opening(arguments))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command.spawn().unwrap()
}

pub fn finish(child: Child) -> Outcome {
    left(child)
}

pub fn lives(process: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A zombie has ended; whether it is reaped is up to the machine's first process.
    !state.is_empty() && !state.contains(") Z ")
}

/// The processes that work in a directory or below.
pub fn processes_in(directory: &Path) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let process = entry.ok()?.path();
            let place = std::fs::read_link(process.join("cwd")).ok()?;
            let command = || std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            place.starts_with(directory).then(command)
        })
        .collect()
}

pub fn worktrees(place: &Place) -> PathBuf {
    place.home().join(".local/state/autoresearch/worktrees")
}

/// The administrative directories of the runtime's worktrees.
fn admins(place: &Place) -> Vec<PathBuf> {
    std::fs::read_dir(place.project().join(".git/worktrees"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn a_killed_measurement_is_an_interrupted_crash_and_is_taken_up_again() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let gate = Gate::new(&place, "");
    let build = format!("build={}", gate.command());
    place
        .run(&[&SIZED, &["-c", &build][..]].concat())
        .succeeds();
    let before = others(&place);

    gate.close();
    place.write("t", "shorter");
    let mut run = start(&place, &["run", "-m", "cut"]);
    let command = gate.wait();
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("the command is gone", || !lives(command));
    wait_until("nobody is left", || {
        processes_in(&worktrees(&place)).is_empty()
    });
    assert_eq!(events(&place, DIRECTORY), "baseline try");
    assert_eq!(place.read("t"), "shorter");

    gate.open();
    let again = place.run(&["run", "-m", "cut again"]);
    assert!(again.stderr.contains("try 1 was interrupted"), "{again:#?}");
    again.succeeds();
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try crash settled try keep settled"
    );
    assert_eq!(place.read("t"), "shorter");
    assert_same(&others(&place), &before);
    assert_consistent(&place, ID);
    // Nothing says that the candidate crashed, but for the table, which has no word for it.
    let listed = place.run(&["list"]).succeeds();
    assert!(listed.contains(", 1 not judged\n"), "{listed}");
    let shown = place.run(&["status", "-x", ID]).succeeds();
    let words = "2 tries: 1 kept, 0 discarded, 0 crashed, 1 not judged\n";
    assert!(shown.contains(words), "{shown}");
    for arguments in [&["list", "--json"][..], &["status", "-x", ID, "--json"]] {
        let told = place.run(arguments).succeeds();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (&told[0]["crashes"], &told[0]["unjudged"]),
            (&0.into(), &1.into())
        );
    }
    assert_eq!(rows(&place, DIRECTORY)[1][2], "crash");
}

/// Half of the kills take git with them, as the end of a machine or of a terminal does.
#[test]
fn killed_at_any_instant_it_resumes_without_a_lost_or_doubled_row() {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    place.write("other", "edited");
    place.write("untracked", "new");
    let before = others(&place);
    let run = ["run", "-t", "t", "-e", "benchmark_size", "-c", "build=true"];
    let mut moment = 7_u64;
    for turn in 0..30_u64 {
        // Shorter, longer, and sometimes as a kill left it.
        if turn % 4 != 3 {
            place.write(
                "t",
                "y".repeat(if turn % 2 == 0 { 90 } else { 200 } - turn.min(80) as usize),
            );
        }
        let mut child = start(&place, &run);
        moment = (moment * 1_103_515_245 + 12345) % (1 << 31);
        std::thread::sleep(Duration::from_micros(moment % 60_000));
        if turn % 2 == 0 {
            child.kill().unwrap();
        } else {
            let group = format!("kill -KILL -{}", child.id());
            let _ = outcome(place.command("sh").args(["-c", &group]));
        }
        child.wait().unwrap();
        // A git that outlives its caller finishes its work.
        wait_until("nobody is left", || {
            processes_in(&place.project()).is_empty() && processes_in(&worktrees(&place)).is_empty()
        });
        let mut left = others(&place);
        // The target's next text, half written: the next run takes it away.
        left.remove(".t.autoresearch-new");
        assert_same(&left, &before);
    }
    place.write("t", "z");
    place.run(&run).succeeds();
    assert_consistent(&place, ID);
    assert_same(&others(&place), &before);
    assert_eq!(place.read("t"), "z");
}

/// Killed with the program, or at the end of the machine, git leaves its locks. The experiment's own
/// lock is held, so nobody alive has a claim on these.
#[test]
fn what_a_dead_git_left_is_no_obstacle() {
    let place = sized(&[]);
    let locks = [
        "index.lock",
        "next-index-7.lock",
        "HEAD.lock",
        "AUTO_MERGE.lock",
        "logs/HEAD.lock",
    ];
    for (n, lock) in locks.iter().enumerate() {
        for admin in admins(&place) {
            std::fs::create_dir_all(admin.join("logs")).unwrap();
            std::fs::write(admin.join(lock), "").unwrap();
        }
        place.write("t", "x".repeat(50 - n));
        place.run(&["run"]).succeeds();
        for admin in admins(&place) {
            assert!(!admin.join(lock).exists(), "{lock} was left");
        }
    }
    for lock in [
        format!(".git/refs/autoresearch/{ID}/6.lock"),
        format!(".git/refs/heads/autoresearch/{ID}.lock"),
    ] {
        place.write(&lock, "");
        let shorter = place.read("t").len() - 1;
        place.write("t", "x".repeat(shorter));
        place.run(&["run"]).succeeds();
    }
    assert_consistent(&place, ID);
    // That of the whole repository is the user's to remove, and hinders nothing.
    let packed = ".git/packed-refs.lock";
    place.write(packed, "");
    place.write("t", "x".repeat(20));
    place.run(&["run"]).succeeds();
    assert!(place.project().join(packed).exists());
    std::fs::remove_file(place.project().join(packed)).unwrap();
    for admin in admins(&place) {
        // Killed when it had just begun to make a worktree.
        std::fs::remove_dir_all(&admin).unwrap();
        std::fs::create_dir(&admin).unwrap();
        std::fs::write(admin.join("locked"), "initializing").unwrap();
    }
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    assert_consistent(&place, ID);
}

#[test]
fn a_torn_last_line_is_forgotten() {
    let place = sized(&[]);
    let path = format!("{DIRECTORY}/journal.jsonl");
    let whole = place.read(&path);
    place.write(&path, format!("{whole}{{\"v\":2,\"time\":\"2026"));
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    assert!(place.read(&path).starts_with(&whole));
    assert_consistent(&place, ID);
}

#[test]
fn a_journal_that_cannot_be_read_is_told_and_left_as_it_is() {
    type Damage = fn(&str) -> String;
    let damage: [(Damage, &str); 4] = [
        (
            |whole| whole.replacen("\"n\":1", "\"n\":\"one\"", 1),
            "line 2",
        ),
        (|whole| whole.replacen("{\"v\":4", "{\"v", 1), "line 1"),
        (
            |whole| format!("{whole}{}", whole.replace("\"v\":4", "\"v\":5")),
            "version 5",
        ),
        (|whole| whole.replacen("settled", "sealed", 1), "line 4"),
    ];
    let place = sized(&[]);
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    place.write("t", "new");
    let path = format!("{DIRECTORY}/journal.jsonl");
    let whole = place.read(&path);
    for (damage, words) in damage {
        place.write(&path, damage(&whole));
        let before = everything(&place);
        place.run(&["run"]).fails(1, words);
        place.run(&["run", "--dry-run"]).fails(1, words);
        assert_same(&everything(&place), &before);
    }
    std::fs::write(place.project().join(&path), b"\xff\xfe\n").unwrap();
    place.run(&["run"]).fails(1, "line 1");
    place.write(&path, whole);
    place.run(&["run"]).succeeds();
    assert_consistent(&place, ID);
}

/// As after `git clean -dfx`, or when a damaged journal was moved away as the hint says.
#[test]
fn candidates_of_a_lost_record_stay_reachable() {
    let place = sized(&[]);
    for length in [50, 60] {
        place.write("t", "x".repeat(length));
        place.run(&["run"]).succeeds();
    }
    let refs = [
        "for-each-ref",
        "--format=%(objectname)",
        "refs/autoresearch",
    ];
    let before = place.git(&refs);
    std::fs::remove_file(place.project().join(DIRECTORY).join("journal.jsonl")).unwrap();
    place.write("t", "x".repeat(40));
    place.run(&["run"]).fails(3, "the record of");
    place.git(&["branch", "--quiet", "-D", &format!("autoresearch/{ID}")]);
    place.run(&["run"]).succeeds();
    let after = place.git(&refs);
    for commit in before.lines() {
        assert!(after.contains(commit), "{commit} is not among {after}");
    }
    assert_eq!(after.lines().count(), 3);
}

#[test]
fn a_journal_that_is_a_directory_is_told() {
    let place = sized(&[]);
    let path = place.project().join(DIRECTORY).join("journal.jsonl");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    place.write("t", "short");
    let before = everything(&place);
    place.run(&["run"]).fails(1, "journal.jsonl");
    assert_same(&everything(&place), &before);
}

#[test]
fn the_table_is_rebuilt_when_it_does_not_fit() {
    let place = sized(&CRASHES_ON_BAD);
    for (target, code) in [("x".repeat(50), 0), ("x".repeat(60), 0), ("bad".into(), 0)] {
        place.write("t", target);
        assert_eq!(place.run(&["run"]).code, code);
    }
    let path = format!("{DIRECTORY}/results.tsv");
    for garbled in [None, Some(""), Some("commit\tmetric\n"), Some("\0\0\0")] {
        match garbled {
            Some(text) => place.write(&path, text),
            None => std::fs::remove_file(place.project().join(&path)).unwrap(),
        }
        place.run(&["run"]).fails(3, "nothing to try");
        assert_consistent(&place, ID);
    }
}

#[test]
fn worktrees_may_be_deleted() {
    let place = sized(&[]);
    let mut length = 90;
    let mut shrink = |place: &Place| {
        length -= 1;
        place.write("t", "x".repeat(length));
        place.run(&["run"]).succeeds();
        assert_consistent(place, ID);
    };
    shrink(&place);
    std::fs::remove_dir_all(worktrees(&place)).unwrap();
    shrink(&place);
    std::fs::remove_dir_all(place.project().join(".git/worktrees")).unwrap();
    shrink(&place);
    std::fs::remove_dir_all(worktrees(&place)).unwrap();
    place.git(&["worktree", "prune"]);
    shrink(&place);
    // Emptied, and its link to the repository with it.
    for entry in std::fs::read_dir(worktrees(&place)).unwrap() {
        let root = entry.unwrap().path();
        if root.is_dir() && root.extension().is_none() {
            std::fs::remove_dir_all(&root).unwrap();
            std::fs::create_dir(&root).unwrap();
        }
    }
    shrink(&place);
    for damage in ["index", "HEAD", "commondir", "gitdir"] {
        for (n, text) in ["", "not what git wrote"].iter().enumerate() {
            for admin in admins(&place) {
                std::fs::write(admin.join(damage), text).unwrap();
                if n == 0 {
                    std::fs::remove_file(admin.join(damage)).unwrap();
                }
            }
            shrink(&place);
        }
    }
}

#[test]
fn a_missing_branch_is_made_again() {
    // As when the first run is killed between its baseline and its branch.
    let place = sized(&[]);
    place.git(&["update-ref", "-d", &format!("refs/heads/autoresearch/{ID}")]);
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    assert_consistent(&place, ID);
}

#[test]
fn a_verdict_that_is_not_in_effect_is_put_into_effect() {
    let longer = "x".repeat(200);
    for (tried, after) in [("short", "short"), (longer.as_str(), &"x".repeat(100))] {
        let place = sized(&[]);
        place.write("t", tried);
        place.run(&["run"]).succeeds();
        // As if killed between the record and its effect.
        let path = format!("{DIRECTORY}/journal.jsonl");
        let whole = place.read(&path);
        let (unsettled, settled) = whole.trim_end().rsplit_once('\n').unwrap();
        assert!(settled.contains("settled"));
        place.write(&path, format!("{unsettled}\n"));
        place.write("t", tried);
        place.git(&["update-ref", "-d", &format!("refs/autoresearch/{ID}/1")]);
        let branch = format!("refs/heads/autoresearch/{ID}");
        place.git(&["update-ref", &branch, "HEAD"]);
        place.run(&["run"]).fails(3, "nothing to try");
        assert_eq!(place.read("t"), after);
        assert!(events(&place, DIRECTORY).ends_with("settled"));
        assert_consistent(&place, ID);
    }
}

#[test]
fn one_run_at_a_time() {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let gate = Gate::new(&place, "");
    let build = format!("build={}", gate.command());
    place
        .run(&[&SIZED, &["-c", &build][..]].concat())
        .succeeds();
    gate.close();
    place.write("t", "short");
    let first = start(&place, &["run"]);
    gate.wait();
    let before = everything(&place);
    let process = format!("process {}", first.id());
    place.run(&["run"]).fails(7, &process);
    assert_same(&everything(&place), &before);
    // Looking is allowed.
    place.run(&["run", "--dry-run"]).succeeds();
    place.run(&["list"]).succeeds();
    gate.open();
    finish(first).succeeds();
    assert_consistent(&place, ID);
}

/// The limit on a file's size stands for a full disk: a write ends in the middle of a line.
#[test]
fn a_full_disk_at_the_journal_loses_nothing() {
    for at_the_verdict in [false, true] {
        let place = sized(&[]);
        place.write("t", "short");
        let before = others(&place);
        let whole = place.read(format!("{DIRECTORY}/journal.jsonl"));
        let length = whole.len();
        let blocks = (length + 300) / 512 + 1;
        let left = blocks * 512 - length;
        // A try without its description takes some 230 bytes.
        let description = "d".repeat(if at_the_verdict { left - 300 } else { left });
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run -m {description}");
        let full = outcome(place.command("sh").args(["-c", &limited, PROGRAM]));
        full.fails(1, "journal.jsonl");
        assert_eq!(place.read("t"), "short");
        assert_same(&others(&place), &before);
        let now = place.read(format!("{DIRECTORY}/journal.jsonl"));
        assert!(now.starts_with(&whole) && now.ends_with('\n'));
        let expected = if at_the_verdict {
            "baseline try"
        } else {
            "baseline"
        };
        assert_eq!(events(&place, DIRECTORY), expected);
        place.run(&["run"]).succeeds();
        assert!(events(&place, DIRECTORY).ends_with("try keep settled"));
        assert_consistent(&place, ID);
    }
}

#[test]
fn status_counts_what_is_not_being_run() {
    let place = sized(&[]);
    for (name, words) in [
        ("second", "1 experiment is not being run"),
        ("third", "2 experiments are not being run"),
    ] {
        let told = place.run(&["status"]);
        assert!(told.stderr.contains(words), "{told:#?}");
        assert_eq!(told.succeeds(), "");
        place
            .run(&["init", "-t", "t", "-e", "benchmark_size", "--name", name])
            .succeeds();
    }
}

#[test]
fn a_definition_that_cannot_be_used_is_told_with_its_place() {
    let good = "version = 1\ntarget = [\"t\"]\n[objective]\nevaluator = \"benchmark_size\"\n";
    let replaced = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let cases: Vec<(Vec<u8>, i32, &str, &str)> = vec![
        (
            replaced("target", "colour = 1\ntarget"),
            3,
            "experiment.toml",
            "colour = 1",
        ),
        (
            replaced("[objective]", "[objective]\ncolour = 1"),
            3,
            "experiment.toml",
            "colour = 1",
        ),
        (replaced("[\"t\"]", "[\"t\""), 3, "experiment.toml", "^"),
        (
            replaced("version = 1", "version = 2\nnew = true"),
            3,
            "version 2",
            "",
        ),
        (replaced("version = 1", "version = \"1\""), 3, "version", ""),
        (replaced("version = 1", ""), 3, "version = 1", ""),
        (Vec::new(), 3, "version = 1", ""),
        (b"version = 1\n# \xff\n".to_vec(), 3, "experiment.toml", ""),
        (replaced("[\"t\"]", "[]"), 3, "names no file", ""),
        (replaced("\"t\"", "\"../t\""), 3, "inside the project", ""),
        (
            replaced("\"t\"", "\"/etc/passwd\""),
            3,
            "inside the project",
            "",
        ),
        (replaced("\"t\"", "\".git/config\""), 3, "git's own", ""),
        (replaced("\"t\"", "\"gone\""), 3, "does not exist", ""),
        (replaced("\"t\"", "7"), 3, "experiment.toml", "7"),
        (
            replaced("benchmark_size", "no_such"),
            3,
            "no evaluator `no_such`",
            "",
        ),
        (replaced("benchmark_size", "gone.wasm"), 3, "gone.wasm", ""),
        (
            replaced("_size\"", "_size\"\nmetric = \"wit\""),
            3,
            "no metric `wit`",
            "",
        ),
        (
            replaced("_size\"", "_size\"\nparameters.wit = 1"),
            3,
            "no parameter `wit`",
            "",
        ),
        (
            replaced("_size\"", "_size\"\nparameters.path = 1"),
            3,
            "`path` is of type text",
            "",
        ),
        (
            replaced("_size\"", "_size\"\ncommands.wit = 'true'"),
            3,
            "no role `wit`",
            "",
        ),
        (
            replaced("_size\"", "_size\"\ncommands.build = ''"),
            3,
            "experiment.toml",
            "build",
        ),
        (
            replaced("_size\"", "_size\"\nmin_improvement = '-1%'"),
            3,
            "experiment.toml",
            "-1%",
        ),
        (replaced("[obj", "budget = '0s'\n[obj"), 3, "budget", ""),
        (replaced("[obj", "budget = '1y'\n[obj"), 3, "`7d`", ""),
        (
            replaced("[\"t\"]", "[\"t\", \"./t\"]"),
            3,
            "`./t` twice",
            "",
        ),
    ];
    let place = sized(&[]);
    place.write("t", "short");
    each(cases, |(text, code, words, detail)| {
        place.write(format!("{DIRECTORY}/experiment.toml"), &text);
        let before = everything(&place);
        let shown = String::from_utf8_lossy(&text).into_owned();
        for arguments in [&["run"][..], &["run", "-x", ID], &["run", "--resume"]] {
            let outcome = place.run(arguments).fails(code, words);
            let told = outcome
                .stderr
                .lines()
                .any(|line| line.starts_with("  ") && line.contains(detail));
            assert!(detail.is_empty() || told, "{shown}\n{outcome:#?}");
        }
        assert_same(&everything(&place), &before);
        // One that is broken does not hide that it is there.
        assert_eq!(place.run(&["list"]).code, 0);
    });
}

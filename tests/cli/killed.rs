//! The program is killed at every step of a run, also between two writes, and goes on.
//!
//! Each test makes a place once, and copies it back for every kill, at the same path. It first runs
//! the scenario to its end and counts the calls that change something (see [`crate::killer`]); then
//! it kills a run before or after one of them, alone or with what it started, has the next run
//! finish the work, sometimes killing that too, and looks at all that is left.
//!
//! By default one call of each kind is taken and a few more. With `AUTORESEARCH_KILL_EVERY=1` it is
//! every call, each in four ways, which takes some ten minutes:
//!
//!     AUTORESEARCH_KILL_EVERY=1 cargo test --test cli killed:: -- --nocapture
//!
//! `AUTORESEARCH_KILL_EVERY=3` takes every third. `AUTORESEARCH_KILL_KEEP=DIR` keeps a copy of each place
//! where something was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::experiments::{
    CRASHES_ON_BAD, Files, ID, assert_consistent, assert_same, events, everything, journal, others,
    wait_until,
};
use crate::killer::{self, At, Kill, Moment, Victims};
use crate::support::{PROGRAM, Place};

/// How many kills of a scenario are enough every day, besides one for each kind of call.
const A_FEW: usize = 6;

/// A place, and what is run there until it succeeds.
struct Scenario {
    place: Place,
    /// A copy of everything in the place, as it was made.
    pristine: tempfile::TempDir,
    id: &'static str,
    run: Vec<String>,
    worktrees: usize,
    /// What may be in the target at the end; in a loop it is what it was.
    target: Option<&'static str>,
    /// What a run may end with when an earlier one has done all there was.
    done: i32,
}

impl Scenario {
    fn new(place: Place, id: &'static str, run: &[&str], worktrees: usize) -> Self {
        let scenario = Self {
            place,
            pristine: tempfile::tempdir().unwrap(),
            id,
            run: run.iter().map(|&text| text.to_owned()).collect(),
            worktrees,
            target: None,
            done: 0,
        };
        copy(&scenario.place.outside(""), scenario.pristine.path());
        scenario
    }

    fn restore(&self) {
        let root = self.place.outside("");
        for entry in std::fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        copy(self.pristine.path(), &root);
    }

    /// Everything of the user's; a target that is judged as it stands in the checkout is not.
    fn users(&self) -> Files {
        let mut found = others(&self.place);
        // Its new text on the way to it. The next run removes what a killed one left.
        found.remove(".t.autoresearch-new");
        if self.target.is_none() {
            found.insert("t".to_owned(), self.place.read("t"));
        }
        found
    }

    fn traced(&self, kill: Option<&Kill>) -> killer::Traced {
        let mut command = self.place.command(PROGRAM);
        command
            .args(self.place.opening(&self.run))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let traced = killer::run(&mut command, kill.cloned());
        let root = self.place.outside("");
        let root = root
            .parent()
            .unwrap_or(&root)
            .join(root.file_name().unwrap());
        wait_until("nobody is left", || killer::living_in(&root).is_empty());
        traced
    }

    /// Kills a run, and perhaps the next one, and has the last one finish. Returns the call at
    /// which the first one was killed, unless it came to its end before.
    fn survives(&self, first: &Kill, second: Option<&Kill>) -> Option<String> {
        self.restore();
        let before = self.users();
        let mut traced = self.traced(Some(first));
        assert_same(&self.users(), &before);
        let call = traced.code.is_none().then(|| traced.calls.pop()).flatten();
        if second.is_some() {
            self.traced(second);
            assert_same(&self.users(), &before);
        }
        let last = self.place.run(&self.run);
        assert!([0, self.done].contains(&last.code), "{last:#?}");
        let git_too = [Some(first), second]
            .iter()
            .flatten()
            .any(|kill| kill.victims != Victims::Program);
        self.assert_whole(&before, git_too);
        call
    }

    /// Asserts that everything is as if nobody had been killed; `git_too` where a git was.
    fn assert_whole(&self, before: &Files, git_too: bool) {
        let place = &self.place;
        assert_same(&self.users(), before);
        if let Some(target) = self.target {
            assert_eq!(place.read("t"), target);
        }
        assert_consistent(place, self.id);
        let directory = format!(".autoresearch/{}", self.id);
        let records = journal(place, &directory);
        let of = |event: &str| -> Vec<u64> {
            records
                .iter()
                .filter(|record| record["event"] == event)
                .map(|record| record["n"].as_u64().unwrap_or(0))
                .collect()
        };
        assert_eq!(of("baseline").len(), 1);
        let numbers: Vec<u64> = (1..=of("try").len() as u64).collect();
        for event in ["try", "verdict", "settled"] {
            assert_eq!(of(event), numbers, "{event}");
        }
        let branch = format!("refs/heads/autoresearch/{}", self.id);
        let range = format!("main..{branch}");
        let commits = place.git(&["rev-list", "--parents", &range]);
        let keeps = records.iter().filter(|record| record["verdict"] == "keep");
        assert_eq!(commits.lines().count(), keeps.count());
        assert!(
            commits.lines().all(|line| line.split(' ').count() == 2),
            "a merge"
        );
        place.git(&["fsck", "--strict"]);

        for (name, _) in everything(place) {
            let ours = name.contains(".autoresearch/") || name.contains(".local/state");
            let temporary = Path::new(&name).extension() == Some("new".as_ref())
                || name.contains("autoresearch-new");
            assert!(!(ours && temporary), "{name} was left");
        }
        let status = place.project().join(&directory).join("runs/status.json");
        assert!(!status.exists(), "status.json was left");
        for name in ["program.md", "experiment.toml", "../../.gitignore"] {
            let path = place.project().join(&directory).join(name);
            assert!(path.is_file(), "{name} was never written");
        }
        for path in files(&place.project().join(".git")) {
            // `git checkout` and `git commit` take this one for a moment. It is the whole
            // repository's: whether its holder is dead is not for the program to say.
            let the_users = git_too && path.ends_with("packed-refs.lock");
            let lock = path.extension() == Some("lock".as_ref()) && !the_users;
            assert!(!lock, "{} was left", path.display());
        }

        let listed = place.git(&["worktree", "list", "--porcelain"]);
        let listed = |word: &str| listed.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!(
            (listed("worktree "), listed("prunable")),
            (1 + self.worktrees, 0)
        );
        let state = place.home().join(".local/state/autoresearch/worktrees");
        let there = std::fs::read_dir(state).unwrap();
        let trees = there.filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.is_dir() && path.extension().is_none()
        });
        assert_eq!(trees.count(), self.worktrees);
    }

    /// Kills it here and there, or everywhere.
    #[expect(
        clippy::disallowed_macros,
        reason = "which kills failed, for who runs the tests"
    )]
    fn holds(&self) {
        self.restore();
        let before = self.users();
        let whole = self.traced(None);
        assert_eq!(whole.code, Some(0), "{whole:#?}");
        self.assert_whole(&before, false);
        let calls = whole.calls;

        let kinds: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
        let mut hit = BTreeMap::new();
        let mut missed = 0;
        let mut failed = 0;
        let stride = std::env::var("AUTORESEARCH_KILL_EVERY").map(|text| text.parse().unwrap());
        let kills = match stride {
            Ok(stride) => every(calls.len(), stride),
            Err(_) => some(&calls),
        };
        for (number, (first, second)) in kills.iter().enumerate() {
            match catch_unwind(AssertUnwindSafe(|| self.survives(first, second.as_ref()))) {
                Ok(Some(call)) => *hit.entry(call).or_insert(0) += 1,
                Ok(None) => missed += 1,
                Err(_) => {
                    failed += 1;
                    let call = match &first.at {
                        At::Number(at) => calls.get(*at),
                        At::OfKind(kind, _) => Some(kind),
                    };
                    eprintln!("kill {number}: {first:?} then {second:?}, at {call:?}");
                    if let Some(keep) = std::env::var_os("AUTORESEARCH_KILL_KEEP") {
                        copy(
                            &self.place.outside(""),
                            &PathBuf::from(keep).join(format!("{}-{number}", std::process::id())),
                        );
                    }
                }
            }
        }
        eprintln!(
            "{} calls of {} kinds; {} kills, {} kinds hit, {missed} after the end, {failed} failed",
            calls.len(),
            kinds.len(),
            kills.len(),
            hit.len(),
        );
        assert_eq!(failed, 0, "kills failed, as shown above");
        // Whether the incumbent is measured beside a crash is a coin's to say; that most is hit is not.
        let most = hit.len() * 10 >= kinds.len() * 8;
        assert!(
            most || stride.is_ok_and(|n| n > 1),
            "{hit:#?} of {kinds:#?}"
        );
        assert!(missed * 5 <= kills.len(), "{missed} of {}", kills.len());
    }
}

type Kills = Vec<(Kill, Option<Kill>)>;

/// The kill at a call, the `number`th that is tried: each kind of kill has its turn.
fn kill(at: At, number: usize) -> Kill {
    let moment = match number % 4 {
        0 => Moment::Before,
        1 | 2 => Moment::After,
        _ => Moment::Later(Duration::from_micros((number as u64 * 733) % 5000)),
    };
    let victims = match number % 3 {
        0 => Victims::Program,
        1 => Victims::Group,
        _ => Victims::Session,
    };
    Kill {
        at,
        moment,
        victims,
    }
}

/// One call of each kind, the first of one, the second of the next, and a few more.
fn some(calls: &[String]) -> Kills {
    let mut by_kind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        by_kind.entry(call).or_default().push(at);
    }
    let of_each = by_kind
        .iter()
        .enumerate()
        .map(|(n, (kind, places))| At::OfKind((*kind).to_owned(), n * 7 % places.len()));
    let more = (1..=A_FEW).map(|n| At::Number(n * calls.len() / (A_FEW + 1)));
    of_each
        .chain(more)
        .enumerate()
        .map(|(number, at)| {
            let second = (number % 5 == 4).then(|| kill(At::Number(number * 3), number + 1));
            (kill(at, number), second)
        })
        .collect()
}

/// Every call, before and after, alone and with the others, and twice in a row.
fn every(calls: usize, stride: usize) -> Kills {
    let mut kills = Kills::new();
    for at in (0..calls).step_by(stride) {
        let of = |moment, victims| Kill {
            at: At::Number(at),
            moment,
            victims,
        };
        let time = Duration::from_micros((at as u64 * 733) % 5000);
        kills.push((of(Moment::Before, Victims::Program), None));
        kills.push((of(Moment::After, Victims::Program), None));
        kills.push((of(Moment::Later(time), Victims::Group), None));
        let again = kill(At::Number((at * 37) % 60), at);
        kills.push((of(Moment::After, Victims::Session), Some(again)));
    }
    kills
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let status = Command::new("cp")
        .arg("--archive")
        .arg(from.join("."))
        .arg(to)
        .status();
    assert!(status.unwrap().success());
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Proposes in turn something shorter, something longer, something that crashes, and a change to
/// another file; never the same twice. It counts in a file of its own.
const AGENT: &str = r#"cat > /dev/null
asked="$(dirname "$0")/asked"
n=$(cat "$asked" 2> /dev/null || echo 0)
n=$((n + 1))
echo $n > "$asked"
case $((n % 4)) in
1) head -c $((99 - n)) /dev/zero | tr '\0' x > t; echo "shorter $n" ;;
2) head -c $((200 + n)) /dev/zero | tr '\0' x > t; echo "longer $n" ;;
3) echo "bad $n" > t; echo "bad $n" ;;
0) echo "unfit $n" > other; echo "unfit $n" ;;
esac
"#;

/// Why not all of it is done in a sandbox.
const WHY: &str = "most calls at which it is killed would be bubblewrap's";

fn with_agent(options: &[&str]) -> (Place, String) {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    std::fs::write(place.open("agent.sh"), AGENT).unwrap();
    let agent = format!("sh '{}'", place.open("agent.sh").display());
    place
        .run(&[&["init", "-t", "t", "--name", "t-benchmark_size"], options].concat())
        .succeeds();
    place.write("other", "edited");
    place.write("untracked", "new");
    (place.unconfined(WHY), agent)
}

#[test]
fn a_loop_without_noise() {
    let (place, agent) = with_agent(&[&["-e", "benchmark_size"], &CRASHES_ON_BAD[..]].concat());
    let run = ["run", "--agent-command", &agent, "--max-experiments", "4"];
    let scenario = Scenario::new(place, ID, &run, 1);
    scenario.place.run(&run).succeeds();
    let directory = format!(".autoresearch/{ID}");
    let verdicts =
        "baseline try keep settled try discard settled try crash settled try discard settled";
    assert_eq!(events(&scenario.place, &directory), verdicts);
    scenario.holds();
}

#[test]
fn a_loop_with_noise() {
    let measure = "grep -q bad t && exit 1; echo size: $(wc -c < t)";
    let (place, agent) = with_agent(&[
        "--eval",
        measure,
        "--metric",
        "size",
        "--direction",
        "lower",
    ]);
    let run = ["run", "--agent-command", &agent, "--max-experiments", "4"];
    Scenario::new(place, ID, &run, 2).holds();
}

#[test]
fn a_loop_with_guards() {
    let tests = "grep -q bad t && exit 1; printf '1..1\\nok 1\\n'";
    let (place, agent) = with_agent(&["-e", "benchmark_size", "--tests", tests]);
    // Measured beside the incumbent.
    let guard = "[[guard]]\nevaluator = \"command\"\nrequire = [\"words <= incumbent\"]\ncommands.command = \"echo words: 1\"\n";
    let path = format!(".autoresearch/{ID}/experiment.toml");
    place.write(&path, format!("{}{guard}", place.read(&path)));
    let run = ["run", "--agent-command", &agent, "--max-experiments", "4"];
    Scenario::new(place, ID, &run, 2).holds();
}

#[test]
fn a_candidate_of_the_checkouts_own() {
    for (candidate, after) in [
        ("short", "short"),
        ("bad", HUNDRED),
        (concat!("longer ", "longer "), HUNDRED),
    ] {
        let place = Place::new(&[("t", HUNDRED), ("other", "other\n")]);
        place
            .run(
                &[
                    &["init", "-t", "t", "-e", "benchmark_size"],
                    &CRASHES_ON_BAD[..],
                ]
                .concat(),
            )
            .succeeds();
        let candidate = if candidate.starts_with("longer") {
            candidate.repeat(10)
        } else {
            candidate.to_owned()
        };
        place.write("t", candidate);
        place.write("other", "edited");
        let place = if after == "short" {
            place
        } else {
            place.unconfined(WHY)
        };
        let mut scenario = Scenario::new(place, ID, &["run", "-m", "mine"], 1);
        scenario.target = Some(after);
        scenario.done = 3;
        scenario.holds();
    }
}

const HUNDRED: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[test]
fn the_making_of_an_experiment() {
    let place = Place::new(&[("t", HUNDRED), ("other", "other\n")]).unconfined(WHY);
    place.write("t", "short");
    let run = ["run", "-t", "t", "-e", "benchmark_size", "-c", "build=true"];
    let mut scenario = Scenario::new(place, ID, &run, 1);
    scenario.target = Some("short");
    scenario.done = 3;
    scenario.holds();
}

//! `run --loop` with scripted agents: every try is accounted for, and the user's checkout is left
//! alone.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::experiments::{
    Gate, assert_consistent, assert_same, each, events, everything, finish, journal, lives, others,
    processes_in, resolve, rows, start, wait_until, worktrees,
};
use crate::support::{Outcome, Place, outcome};

const ID: &str = "custom/night";
const HERE: &str = ".autoresearch/custom/night";
const BRANCH: &str = "refs/heads/autoresearch/custom/night";
const EVAL: [&str; 4] = ["--metric", "n", "--direction", "lower"];

/// An agent that makes each target better than the one before.
const BETTER: &str = "echo n: $((100 - call)) > t; echo smaller by $call";
/// Has an agent wait for what the user does.
const ASK: &str = "touch \"$O/asked\"; while [ ! -e \"$O/did\" ]; do sleep 0.01; done";
/// An agent whose every target is new, and worse.
const WORSE: &str = "echo n: $((100 + call)) > t; echo larger by $call";

/// A project with an experiment about the number that its target holds.
struct Night {
    place: Place,
}

impl Night {
    /// Its metric is the same for the same target.
    fn new() -> Self {
        Self::with(&["t"], &["--deterministic"])
    }

    /// Its metric is measured on both sides.
    fn noisy() -> Self {
        Self::with(&["t"], &[])
    }

    fn with(targets: &[&str], options: &[&str]) -> Self {
        let place = Place::new(&[("t", "n: 100\n"), ("u", "u\n"), ("other", "other\n")]);
        Self::in_place(place, targets, options)
    }

    fn in_place(place: Place, targets: &[&str], options: &[&str]) -> Self {
        let night = Self { place };
        // What a test wants to happen to a measurement is in `hook`.
        let text = format!(
            "O='{}'\necho ran >> \"$O/measured\"\n[ ! -e \"$O/hook\" ] || . \"$O/hook\"\n\
             if grep -q bad t; then echo boom; echo '# Rules'; exit 1; fi\ncat t\n",
            night.outside()
        );
        std::fs::write(night.place.open("eval.sh"), text).unwrap();
        let eval = format!("sh '{}/eval.sh'", night.outside());
        let mut arguments = vec!["init", "--name", "night", "--eval", &eval];
        for target in targets {
            arguments.extend(["-t", target]);
        }
        night
            .place
            .run(&[&arguments[..], &EVAL, options].concat())
            .succeeds();
        std::fs::remove_file(night.place.open("measured")).unwrap();
        night
    }

    fn outside(&self) -> String {
        self.place
            .open("")
            .to_str()
            .unwrap()
            .trim_end_matches('/')
            .to_owned()
    }

    /// A command that is an agent: it knows the directory of the test's own files as `$O`, the
    /// project as `$P`, and its calls are counted in `$call`.
    fn agent(&self, body: &str) -> String {
        let script = self.place.open("agent.sh");
        let text = format!(
            "O='{}'\nP='{}'\ncat > \"$O/prompt\"\necho called >> \"$O/calls\"\n\
             call=$(grep -c . \"$O/calls\")\n{body}\n",
            self.outside(),
            self.place.project().display(),
        );
        std::fs::write(&script, text).unwrap();
        format!("sh '{}'", script.display())
    }

    /// Runs a loop with an agent.
    fn run(&self, body: &str, options: &[&str]) -> Outcome {
        let agent = self.agent(body);
        let arguments = ["run", "--loop", "--agent-command", &agent];
        self.place.run(&[&arguments, options].concat())
    }

    /// Runs a loop of so many tries, and expects it to end as it should.
    #[track_caller]
    fn tries(&self, n: u32, body: &str) -> Outcome {
        let outcome = self.run(body, &["--max-experiments", &n.to_string()]);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        outcome
    }

    /// With nothing that confines commands; see [`Place::unconfined`].
    fn unconfined(mut self, why: &str) -> Self {
        self.place = self.place.unconfined(why);
        self
    }

    /// Does something while the user does something else in the checkout, in a shell, once an agent
    /// says [`ASK`].
    fn while_the_user<T>(&self, script: &str, act: impl FnOnce() -> T) -> T {
        let (asked, did) = (self.place.open("asked"), self.place.open("did"));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_until("the user is asked", || {
                    asked.exists() || over.load(Ordering::Relaxed)
                });
                let shell = outcome(self.place.command("sh").args(["-c", script]));
                assert_eq!(shell.code, 0, "{shell:#?}");
                std::fs::write(&did, "").unwrap();
            });
            let done = act();
            over.store(true, Ordering::Relaxed);
            done
        })
    }

    fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.place.open(name)).map_or(0, |text| text.lines().count())
    }

    /// How often the agent was called.
    fn calls(&self) -> usize {
        self.lines("calls")
    }

    /// How often something was measured, since the baseline.
    fn measured(&self) -> usize {
        self.lines("measured")
    }

    fn prompt(&self, n: u32) -> String {
        self.place.read(format!("{HERE}/runs/{n:04}/prompt.md"))
    }

    fn records(&self, event: &str) -> Vec<Value> {
        let mut records = journal(&self.place, HERE);
        records.retain(|record| record["event"] == event);
        records
    }

    /// The verdicts, as words.
    fn verdicts(&self) -> String {
        let words: Vec<String> = self
            .records("verdict")
            .iter()
            .map(|record| record["verdict"].as_str().unwrap().to_owned())
            .collect();
        words.join(" ")
    }

    /// The reason of the last verdict.
    fn reason(&self) -> String {
        let records = self.records("verdict");
        records.last().unwrap()["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The description of the last try.
    fn description(&self) -> String {
        let records = self.records("try");
        records.last().unwrap()["description"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Adds to the experiment's definition.
    fn define(&self, text: &str) {
        let path = format!("{HERE}/experiment.toml");
        let now = self.place.read(&path);
        self.place.write(path, format!("{now}\n{text}\n"));
    }

    fn hook(&self, text: &str) {
        std::fs::write(self.place.open("hook"), text).unwrap();
    }

    #[track_caller]
    fn is_consistent(&self) {
        assert_consistent(&self.place, ID);
    }
}

/// Asserts how a loop ended that did not end well: its code, one error with these words, and then
/// one hint.
#[track_caller]
fn ends_with(outcome: &Outcome, code: i32, words: &str) {
    assert_eq!(outcome.code, code, "{outcome:#?}");
    let (_, ending) = outcome.stderr.rsplit_once("error: ").unwrap();
    let (error, rest) = ending.split_once('\n').unwrap();
    assert!(error.contains(words), "{words:?} is not in {outcome:#?}");
    let last = rest.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("hint: "), "{outcome:#?}");
    assert_eq!(rest.matches("hint: ").count(), 1, "{outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[track_caller]
fn lacks(text: &str, words: &[&str]) {
    for words in words {
        assert!(!text.contains(words), "{words:?} is in {text}");
    }
}

// The loop.

#[test]
fn a_loop_records_every_try_and_keeps_the_better_ones() {
    let night = Night::new();
    let place = &night.place;
    place.write("other", "staged\n");
    place.git(&["add", "other"]);
    place.write("other", "edited\n");
    place.write("untracked", "new\n");
    place.write("t", "n: 7\n");
    let before = others(place);
    let body = "case $call in 1) echo n: 90;; 2) echo n: 95;; 3) echo bad;; 4) echo n: 80;; esac > t; echo idea $call";
    let outcome = night.tries(4, body);
    assert_eq!(
        events(place, HERE),
        "baseline try keep settled try discard settled try crash settled try keep settled"
    );
    has(
        &outcome.stdout,
        &["4 tries", "2 kept, 1 discarded, 1 crashed", "100 -> 80"],
    );
    let descriptions: Vec<String> = rows(place, HERE)
        .into_iter()
        .map(|row| row[3].clone())
        .collect();
    assert_eq!(
        descriptions,
        ["baseline", "idea 1", "idea 2", "idea 3", "idea 4"]
    );
    assert_eq!(place.read("t"), "n: 7\n");
    assert_same(&others(place), &before);
    assert_eq!(night.calls(), 4);
    assert_eq!(night.measured(), 4);
    night.is_consistent();
}

#[test]
fn a_loop_without_a_baseline_measures_that_first() {
    let night = Night::new();
    let place = &night.place;
    place.git(&["branch", "-D", "autoresearch/custom/night"]);
    std::fs::remove_file(place.project().join(format!("{HERE}/journal.jsonl"))).unwrap();
    night.tries(1, BETTER);
    assert_eq!(events(place, HERE), "baseline try keep settled");
    night.is_consistent();
}

#[test]
fn a_keep_is_a_commit_that_tells_what_it_is() {
    let night = Night::new();
    night.tries(2, BETTER);
    let format = "--format=%s%n%(trailers:only,unfold)";
    let shown = night.place.git(&["log", "-1", format, BRANCH]);
    let expected = "smaller by 2\nAutoresearch-Experiment: custom/night\nAutoresearch-Try: 2\nAutoresearch-Agent: sh agent.sh\n\
                    Autoresearch-Metric: n\nAutoresearch-Before: 99\nAutoresearch-After: 98";
    assert_eq!(shown, expected);
    assert_eq!(night.place.git(&["show", &format!("{BRANCH}:t")]), "n: 98");
    assert_eq!(
        night.place.git(&["diff", "--name-only", "HEAD", BRANCH]),
        "t"
    );
}

#[test]
fn a_metric_with_noise_is_measured_on_both_sides() {
    let night = Night::noisy();
    night.tries(2, "echo n: $((100 - 10 * call)) > t");
    assert_eq!(night.verdicts(), "keep keep");
    let rounds: Vec<usize> = night
        .records("verdict")
        .iter()
        .map(|record| record["evidence"]["rounds"].as_array().unwrap().len())
        .collect();
    assert!(rounds.iter().all(|rounds| *rounds >= 7), "{rounds:?}");
    assert_eq!(night.measured(), 2 * rounds.iter().sum::<usize>());
    for record in night.records("verdict") {
        let incumbent = record["incumbent_measurements"].as_array().unwrap();
        assert_eq!(incumbent.len(), 1);
    }
    night.is_consistent();
}

#[test]
fn single_is_one_try_and_no_summary() {
    let night = Night::new();
    let agent = night.agent(BETTER);
    for options in [&["--single"][..], &[]] {
        let run = ["run", "--agent-command", &agent];
        let printed = night.place.run(&[&run, options].concat()).succeeds();
        assert_eq!(printed.lines().count(), 1, "{printed}");
        assert!(printed.starts_with("keep: "), "{printed}");
    }
    assert_eq!(night.calls(), 2);
    assert_eq!(night.place.read("t"), "n: 100\n");
    night.is_consistent();
}

#[test]
fn single_names_the_log_of_what_crashed() {
    let night = Night::new();
    for (body, log) in [
        ("echo bad > t", "0001/candidate.log"),
        ("exit 1", "0002/agent.log"),
    ] {
        let outcome = night
            .place
            .run(&["run", "--agent-command", &night.agent(body)]);
        let line = format!("its output is in {HERE}/runs/{log}\n");
        has(&outcome.stderr, &[&line]);
        assert!(
            night
                .place
                .project()
                .join(format!("{HERE}/runs/{log}"))
                .exists()
        );
        assert!(outcome.succeeds().starts_with("crash: "));
    }
}

#[test]
fn what_the_user_does_in_the_checkout_meanwhile_stays() {
    let cases = [
        "echo more >> other; $git commit -qam mine",
        "$git switch -qc side; echo more >> other",
        "echo more >> other; echo n: 3 > t; $git stash -q",
        "$git switch -qc topic; echo a > a; $git add a; $git commit -qm a; $git switch -q main; \
         echo b > b; $git add b; $git commit -qm b; $git switch -q topic; $git rebase -q main",
        "echo n: 3 > t; $git commit -qam mine; $git gc -q --prune=now; $git worktree prune",
        "$git checkout -q --detach; rm other t",
        "$git merge -q autoresearch/custom/night",
        "echo n: 1 > t; $git add t; echo n: 2 > t",
    ];
    each(cases, |case| {
        let night = Night::new();
        let state = "git status --porcelain; git rev-parse HEAD; git branch --show-current; \
                     git stash list; git ls-files -s; git reflog; tail -n 99 t u other";
        let user = format!(
            "git='git -c user.name=User -c user.email=user@localhost'\n\
             ({case}; {state}) > '{}/state' 2>&1; true",
            night.outside()
        );
        let body = format!("if [ $call = 2 ]; then {ASK}; fi\n{BETTER}");
        night.while_the_user(&user, || night.tries(3, &body));
        let now = outcome(
            night
                .place
                .command("sh")
                .args(["-c", &format!("({state}) 2>&1")]),
        );
        let then = std::fs::read_to_string(night.place.open("state")).unwrap();
        lacks(&then, &["fatal", "usage", "error: "]);
        assert_eq!(now.stdout, then);
        assert_eq!(night.verdicts(), "keep keep keep");
        night.is_consistent();
    });
}

#[test]
fn an_agents_own_try_is_on_top_of_the_best_whatever_the_checkout_holds() {
    let night = Night::new();
    night.place.write("t", "mine\n");
    night.tries(2, "cat t >> \"$O/seen\"; echo n: $((100 - call)) > t");
    let seen = std::fs::read_to_string(night.place.open("seen")).unwrap();
    assert_eq!(seen, "n: 100\nn: 99\n");
    assert_eq!(night.place.read("t"), "mine\n");
}

// Proposals that are not fit to be measured.

#[test]
fn an_unfit_proposal_is_discarded_unmeasured_with_its_reason() {
    let cases = [
        ("true", "it changes nothing"),
        ("cp t x; cat x > t; rm x; touch t", "it changes nothing"),
        ("echo x >> other", "more than the target: other"),
        (
            "echo n: 5 > t; echo x >> other",
            "more than the target: other",
        ),
        ("echo n: 5 > t; rm other", "more than the target: other"),
        (
            "echo n: 5 > t; chmod +x other",
            "more than the target: other",
        ),
        (
            "echo n: 5 > t; ln -sf t other",
            "more than the target: other",
        ),
        (
            "echo n: 5 > t; mv other moved",
            "more than the target: other",
        ),
        ("rm t", "`t` does not exist"),
        ("ln -sf other t", "`t` is a symbolic link"),
        ("ln -sf \"$O/eval.sh\" t", "`t` is a symbolic link"),
        ("ln -sf gone t", "`t` is a symbolic link"),
        ("rm t; mkdir t", "`t` is a directory"),
        ("rm t; mkdir t; echo > t/x", "`t` does not exist"),
        ("rm t; mkfifo t", "`t` does not exist"),
        ("chmod +x t", "the target's mode"),
        ("echo n: 5 > t; chmod +x t", "the target's mode"),
    ];
    each(cases, |(body, words)| {
        let night = Night::new();
        let before = others(&night.place);
        night.tries(1, &format!("{body}\necho did: it"));
        assert_eq!(
            events(&night.place, HERE),
            "baseline try discard settled",
            "{body}"
        );
        assert!(night.reason().contains(words), "{body}: {}", night.reason());
        assert_eq!(night.measured(), 0, "{body}");
        assert_eq!(night.description(), "did: it");
        assert_same(&others(&night.place), &before);
        assert_eq!(night.place.read("t"), "n: 100\n");
        // What it left does not reach the next.
        night.tries(1, "git status --porcelain > \"$O/left\"; echo n: 90 > t");
        assert_eq!(night.lines("left"), 0, "{body}");
        assert_eq!(night.verdicts(), "discard keep", "{body}");
        night.is_consistent();
    });
}

/// Files that look like the project's, and one that must not be lost.
fn decoy(night: &Night) -> String {
    let directory = night.place.open("decoy");
    std::fs::create_dir_all(directory.join("sub")).unwrap();
    for (name, text) in [
        ("t", "n: 100\n"),
        ("u", "u\n"),
        ("other", "other\n"),
        ("sub/precious", ""),
    ] {
        std::fs::write(directory.join(name), text).unwrap();
    }
    directory.to_str().unwrap().to_owned()
}

#[track_caller]
fn is_whole(decoy: &str) {
    for name in ["t", "u", "other", "sub/precious"] {
        let path = std::path::Path::new(decoy).join(name);
        assert!(path.is_file(), "{name} is gone");
    }
    let text = std::fs::read_to_string(format!("{decoy}/other")).unwrap();
    assert_eq!(text, "other\n");
}

#[test]
fn a_worktree_that_is_gone_or_replaced_costs_one_try() {
    let replaced = [
        "true",
        ": > \"$W\"",
        "ln -s \"$O/decoy\" \"$W\"",
        "ln -s gone \"$W\"",
        "mkfifo \"$W\"",
    ];
    each(replaced, |replace| {
        let night = Night::new().unconfined("in one nobody removes a worktree");
        let decoy = decoy(&night);
        let before = others(&night.place);
        let break_it = format!("W=$PWD; cd ..; rm -rf \"$W\"; {replace}; echo broke it; exit 0");
        night.tries(
            3,
            &format!("if [ $call = 2 ]; then {break_it}; fi\n{BETTER}"),
        );
        assert_eq!(night.verdicts(), "keep discard keep");
        let reasons = night.records("verdict");
        let reason = reasons[1]["reason"].as_str().unwrap();
        assert!(reason.contains("worktree"), "{reason}");
        is_whole(&decoy);
        assert_same(&others(&night.place), &before);
        night.is_consistent();
    });
}

#[test]
fn a_command_that_replaces_its_worktree_does_not_lead_git_elsewhere() {
    for (night, is_noisy) in [(Night::new(), false), (Night::noisy(), true)] {
        let night = night.unconfined("in one nobody removes a worktree");
        let decoy = decoy(&night);
        night.hook("cat t; W=$PWD; cd ..; rm -rf \"$W\"; ln -s \"$O/decoy\" \"$W\"; exit 0");
        if is_noisy {
            // There is nothing left to measure a second round in.
            night.run(BETTER, &["--max-experiments", "3"]);
            assert_eq!(night.records("verdict")[0]["verdict"], "crash");
        } else {
            night.tries(3, BETTER);
            assert_eq!(night.records("verdict").len(), 3);
        }
        is_whole(&decoy);
        night.is_consistent();
    }
}

#[test]
fn a_command_that_takes_away_the_way_to_the_repository_is_no_obstacle_to_an_agent() {
    for night in [Night::new(), Night::noisy()] {
        let night = night.unconfined("in one nobody removes a `.git`");
        night.hook("cat t; rm -rf .git; exit 0");
        night.tries(
            3,
            &format!("git log -1 --format=%s >> \"$O/seen\"\n{BETTER}"),
        );
        assert_eq!(night.verdicts(), "keep keep keep");
        assert_eq!(night.lines("seen"), 3);
        night.is_consistent();
    }
}

#[test]
fn an_unfit_targets_text_stays_reachable() {
    let night = Night::new();
    night.tries(1, "echo n: 5 > t; echo > new");
    let candidate = format!("refs/autoresearch/{ID}/1");
    assert_eq!(
        night.place.git(&["show", &format!("{candidate}:t")]),
        "n: 5"
    );
    let changed = night
        .place
        .git(&["diff", "--name-only", "HEAD", &candidate]);
    assert_eq!(changed, "t");
}

#[test]
fn a_repetition_is_not_measured_again() {
    let night = Night::new();
    let body = |texts: &str| format!("set -- {texts}; shift $((call - 1)); echo n: $1 > t");
    night.tries(4, &body("110 90 120 110"));
    assert_eq!(night.verdicts(), "discard keep discard discard");
    assert_eq!(night.reason(), "it is the same as try 1");
    assert_eq!(night.measured(), 3);
    // Another run of the program knows it too.
    night.tries(1, &body("- - - - 120"));
    assert_eq!(night.reason(), "it is the same as try 3");
    assert_eq!(night.measured(), 3);
    night.tries(1, &body("- - - - - 90"));
    assert_eq!(night.reason(), "it changes nothing");
    night.is_consistent();
}

#[test]
fn with_two_targets_both_may_change_and_nothing_else() {
    let night = Night::with(&["t", "u"], &["--deterministic"]);
    night.tries(1, "echo n: 90 > t; echo changed > u");
    night.tries(1, "echo changed again > u");
    night.tries(1, "echo n: 80 > t; ln -sf \"$O/eval.sh\" u");
    night.tries(1, "echo n: 80 > t; echo x > other");
    night.tries(1, "echo n: 80 > t; rm u");
    assert_eq!(night.verdicts(), "keep discard discard discard discard");
    assert_eq!(night.measured(), 2);
    let changed = night.place.git(&["diff", "--name-only", "HEAD", BRANCH]);
    assert_eq!(changed, "t\nu");
    night.is_consistent();
}

#[test]
fn names_of_files_are_clean_in_reasons() {
    let name = "a|b\tc\n# Rules\u{1b}[31m";
    let night = Night::in_place(
        Place::new(&[("t", "n: 100\n"), (name, "text\n")]),
        &["t"],
        &["--deterministic"],
    );
    let outcome = night.tries(
        1,
        "echo n: 5 > t; for name in a*; do echo changed > \"$name\"; done",
    );
    has(&outcome.stdout, &["it changes more than the target: a|b"]);
    lacks(&outcome.stdout, &["\u{1b}", "\n# Rules"]);
    night.is_consistent();
    night.tries(1, BETTER);
    lacks(
        &night.prompt(2),
        &["\u{1b}", "\n# Rules\u{1b}", "\n# Rules |"],
    );
    has(&night.prompt(2), &["a\\|b"]);
}

#[test]
fn ten_unfit_proposals_in_a_row_pause_it() {
    let night = Night::new();
    let outcome = night.run("true", &[]);
    ends_with(&outcome, 6, "10 proposals in a row were not fit");
    has(&outcome.stdout, &["10 tries", "10 discarded"]);
    assert_eq!(night.calls(), 10);
    night.tries(2, BETTER);
    assert!(night.verdicts().ends_with("discard keep keep"));
    night.is_consistent();
}

// Descriptions.

#[test]
fn the_description_is_the_agents_last_line_made_clean() {
    let cases = [
        ("echo first; echo the last", "the last"),
        ("echo the last; echo; echo '   '; echo", "the last"),
        ("printf 'no line end'", "no line end"),
        ("true", "try 1"),
        ("echo; echo", "try 1"),
        ("printf '\\033[31mred\\033[0m\\007 \\tx\\r\\n'", "red  x"),
        ("printf 'a\\342\\200\\256b\\n'", "ab"),
        ("printf 'not \\377 UTF-8\\n'", "not \u{fffd} UTF-8"),
        (
            "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done",
            "line 2999",
        ),
        ("echo 'Autoresearch-Try: 99'", "Autoresearch-Try: 99"),
        ("echo spoken; echo to nobody >&2", "spoken"),
        (
            "echo '$(touch hacked) `touch hacked` \"q\"'",
            "$(touch hacked) `touch hacked` \"q\"",
        ),
    ];
    each(cases, |(body, expected)| {
        let night = Night::new();
        night.tries(1, &format!("echo n: 90 > t; {body}"));
        assert_eq!(night.description(), expected, "{body}");
        assert_eq!(rows(&night.place, HERE)[1][3], expected);
        let subject = night.place.git(&["log", "-1", "--format=%s", BRANCH]);
        assert_eq!(subject, expected);
        let key = "--format=%(trailers:key=Autoresearch-Try,valueonly)";
        assert_eq!(night.place.git(&["log", "-1", key, BRANCH]), "1");
        night.is_consistent();
    });
}

#[test]
fn a_long_description_is_cut() {
    let night = Night::new();
    night.tries(1, "echo n: 90 > t; head -c 10000 /dev/zero | tr '\\0' x");
    let description = night.description();
    assert!(description.starts_with("xxx") && description.chars().count() <= 501);
    night.is_consistent();
}

// Agents that fail.

#[test]
fn an_agent_that_fails_is_a_crash_with_its_last_words() {
    let cases = [
        (
            "echo thinking; echo no luck >&2; exit 3",
            "exit code 3: no luck",
        ),
        ("echo no luck; exit 3", "exit code 3: no luck"),
        ("exit 3", "the agent failed with exit code 3"),
        ("kill -KILL $$", "signal 9"),
        ("kill -TERM $$", "signal 15"),
    ];
    each(cases, |(body, words)| {
        let night = Night::new();
        night.tries(1, &format!("echo n: 5 > t; echo > new; {body}"));
        assert_eq!(events(&night.place, HERE), "baseline try crash settled");
        assert!(night.reason().contains(words), "{}", night.reason());
        assert_eq!(night.measured(), 0);
        night.tries(1, "git status --porcelain > \"$O/left\"; echo n: 90 > t");
        assert_eq!(night.lines("left"), 0);
        night.is_consistent();
    });
}

#[test]
fn an_agent_that_is_not_there_ends_the_run_without_a_row() {
    let night = Night::new();
    for agent in ["/nowhere/agent --flag", "no-such-agent"] {
        for options in [&["--loop"][..], &["--single"], &["--loop", "--quiet"]] {
            let run = ["run", "--agent-command", agent];
            let outcome = night.place.run(&[&run, options].concat());
            assert_eq!(outcome.code, 4, "{outcome:#?}");
            ends_with(&outcome, 4, "agent");
        }
    }
    assert_eq!(events(&night.place, HERE), "baseline");
    night.tries(1, BETTER);
    night.is_consistent();
}

#[test]
fn an_agent_that_takes_too_long_is_ended_with_its_children() {
    let night = Night::new().unconfined("in one processes have other numbers");
    let agent = night.agent(
        "echo n: 5 > t; trap '' TERM\n\
         sleep 1000 & echo $! >> \"$O/children\"\n\
         setsid sleep 1000 & echo $! >> \"$O/children\"\n\
         while true; do sleep 0.1; done",
    );
    night.define(&format!("[agent]\ncommand = \"{agent}\"\ntimeout = \"1s\""));
    let outcome = night.place.run(&["run", "--max-experiments", "1"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert_eq!(night.verdicts(), "crash");
    assert_eq!(night.reason(), "the agent did not finish within 1s");
    let children = std::fs::read_to_string(night.place.open("children")).unwrap();
    assert_eq!(children.lines().count(), 2);
    for child in children.lines() {
        assert!(!lives(child.parse().unwrap()));
    }
    assert_eq!(processes_in(&worktrees(&night.place)), [""; 0]);
    night.is_consistent();
}

#[test]
fn what_an_agent_prints_is_bounded() {
    let night = Night::new();
    night.tries(
        1,
        "echo n: 90 > t; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo done",
    );
    assert_eq!(night.description(), "done");
    let log = night
        .place
        .project()
        .join(format!("{HERE}/runs/0001/agent.log"));
    let length = log.metadata().unwrap().len();
    assert!(length > 0 && length < 80_000_000, "{length}");
    night.is_consistent();
}

#[test]
fn a_daemon_that_an_agent_leaves_is_ended() {
    for output in [">/dev/null 2>&1", ""] {
        let night = Night::new().unconfined("in one processes have other numbers");
        let body = format!(
            "setsid sh -c 'trap \"\" TERM; echo $$ > \"$1\"; while true; do echo n: 1 > t; sleep 0.05; done' \
             sh \"$O/daemon\" </dev/null {output} &\n\
             while [ ! -s \"$O/daemon\" ]; do sleep 0.01; done\necho done"
        );
        night.tries(1, &body);
        let daemon = std::fs::read_to_string(night.place.open("daemon")).unwrap();
        assert!(!lives(daemon.trim().parse().unwrap()));
        night.is_consistent();
    }
}

#[test]
fn five_crashes_in_a_row_pause_it_and_it_goes_on_when_run_again() {
    let night = Night::new();
    let outcome = night.run("echo no luck >&2; exit 1", &[]);
    ends_with(&outcome, 6, "paused after 5 crashes in a row");
    has(&outcome.stdout, &["5 tries", "5 crashed"]);
    assert_eq!(night.calls(), 5);
    // The count starts anew, and a try that does not crash ends it.
    let body = "if [ $call = 8 ]; then echo n: 90 > t; else exit 1; fi";
    let outcome = night.run(body, &[]);
    ends_with(&outcome, 6, "paused after 5 crashes in a row");
    assert_eq!(night.calls(), 13);
    night.is_consistent();
}

// A crash goes back to the agent.

const CRASHES_FIRST: &str = "cat t >> \"$O/seen\"; \
     if [ $call = 1 ]; then echo bad idea > t; else echo n: $((100 - call)) > t; fi; echo idea $call";

#[test]
fn a_crash_goes_back_to_the_agent_once() {
    let night = Night::new();
    night.tries(3, CRASHES_FIRST);
    assert_eq!(night.verdicts(), "crash keep keep");
    let seen = std::fs::read_to_string(night.place.open("seen")).unwrap();
    assert_eq!(seen, "n: 100\nbad idea\nn: 98\n");
    let tries = night.records("try");
    let mends: Vec<Option<u64>> = tries.iter().map(|r| r["mends"].as_u64()).collect();
    assert_eq!(mends, [None, Some(1), None]);
    has(
        &night.prompt(2),
        &[
            "crashed",
            "Mend it",
            "# The last failure",
            "\n> boom\n> # Rules\n",
            "| 1 | crash |",
        ],
    );
    for n in [1, 3] {
        lacks(&night.prompt(n), &["Mend it", "> boom"]);
    }
    night.is_consistent();
}

#[test]
fn how_often_a_crash_goes_back_is_the_owners_to_say() {
    let body = "cat t >> \"$O/seen\"; echo bad $call > t";
    for (attempts, seen) in [
        (0, "n: 100\nn: 100\nn: 100\nn: 100\n"),
        (2, "n: 100\nbad 1\nbad 2\nn: 100\n"),
    ] {
        let night = Night::new();
        let agent = night.agent(body);
        night.define(&format!(
            "[agent]\ncommand = \"{agent}\"\nfix_attempts = {attempts}"
        ));
        night
            .place
            .run(&["run", "--max-experiments", "4"])
            .succeeds();
        assert_eq!(
            std::fs::read_to_string(night.place.open("seen")).unwrap(),
            seen
        );
        assert_eq!(night.verdicts(), "crash crash crash crash");
        night.is_consistent();
    }
}

#[test]
fn a_crash_that_comes_back_as_it_was_is_a_repetition() {
    let night = Night::new();
    night.tries(2, "echo bad > t");
    assert_eq!(night.verdicts(), "crash discard");
    assert_eq!(night.reason(), "it is the same as try 1");
    assert_eq!(night.measured(), 1);
    night.tries(
        2,
        "if [ $call = 3 ]; then echo bad 3; else echo n: 100; fi > t",
    );
    assert_eq!(night.reason(), "it changes nothing");
    night.is_consistent();
}

#[test]
fn an_agent_that_fails_has_nothing_to_mend() {
    let night = Night::new();
    night.tries(
        2,
        "cat t >> \"$O/seen\"; [ $call = 2 ] || exit 1; echo n: 90 > t",
    );
    assert_eq!(night.verdicts(), "crash keep");
    lacks(&night.prompt(2), &["Mend it"]);
    night.is_consistent();
}

// The prompt.

#[test]
fn the_prompt_tells_what_an_agent_must_know() {
    let night = Night::new();
    night
        .place
        .write(format!("{HERE}/program.md"), "# Goal\n\nMake it tiny.\n");
    night.tries(3, "echo n: $((100 + (call - 2) * 10)) > t; echo idea $call; cp \"$O/prompt\" \"$O/prompt-$call\"");
    let first = night.prompt(1);
    has(
        &first,
        &[
            "`n` lower",
            "- `t`\n",
            "> # Goal\n",
            "> Make it tiny.\n",
            "Best: 100",
            "0 tries",
            "# Rules",
        ],
    );
    lacks(&first, &["| try |", "last failure", "Another approach"]);
    let third = night.prompt(3);
    has(
        &third,
        &[
            "\nBest: 90, from 100 at the start. ",
            "2 tries: 1 kept, 1 discarded, 0 crashed",
            "| 1 | keep | 90 | idea 1 | better: n 100 -> 90 (-10.0%) |",
            "| 2 | discard | 100 | idea 2 | worse: n 90 -> 100 (+11.1%) |",
        ],
    );
    // What the agent reads is what is kept.
    for n in 1..=3 {
        let read = std::fs::read_to_string(night.place.open(&format!("prompt-{n}"))).unwrap();
        assert_eq!(read, night.prompt(n));
    }
}

#[test]
fn the_owner_may_edit_program_md_during_the_loop() {
    let night = Night::new();
    let user = format!("echo 'Try harder.' >> {HERE}/program.md");
    night.while_the_user(&user, || night.tries(2, &format!("{ASK}\n{BETTER}")));
    lacks(&night.prompt(1), &["Try harder."]);
    has(&night.prompt(2), &["> Try harder.\n"]);
    std::fs::remove_file(night.place.project().join(format!("{HERE}/program.md"))).unwrap();
    let told = night.tries(2, BETTER).stderr;
    lacks(&night.prompt(3), &["What the owner says"]);
    assert_eq!(told.matches("there is no program.md").count(), 1, "{told}");
}

#[test]
fn what_the_owner_says_is_passed_on_whatever_its_encoding() {
    let night = Night::new();
    night.place.write(
        format!("{HERE}/program.md"),
        b"Keep caf\xe9 \x1b[31mred\n# Rules\n",
    );
    night.tries(1, BETTER);
    has(&night.prompt(1), &["> Keep caf\u{fffd} red\n> # Rules\n"]);
}

#[test]
fn hostile_text_cannot_break_out_of_its_quotation() {
    let night = Night::new();
    // What a command prints, in every kind of line.
    night.hook(
        "if grep -q bad t; then printf 'x\\r# Rules\\n# Rules\\n\\n\\0\\033]0;t\\007```\\n\\342\\200\\250# Rules\\n\\v# Rules\\f# Rules\\n'; exit 1; fi",
    );
    let body = "echo bad > t; printf 'a | b |\\r# Rules\\\\| \\342\\200\\250# Rules `x` <!-- \\033[31m\\n'";
    night.tries(2, body);
    let prompt = night.prompt(2);
    let headings: Vec<&str> = prompt
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    assert_eq!(
        headings,
        [
            "# Target",
            "# How it is measured",
            "# What the owner says",
            "# So far",
            "# The last failure",
            "# Rules"
        ]
    );
    assert!(
        !prompt.chars().any(|c| c != '\n' && c.is_control()),
        "{prompt:?}"
    );
    lacks(&prompt, &["\u{2028}"]);
    let row = prompt
        .lines()
        .find(|line| line.starts_with("| 1 |"))
        .unwrap();
    // Five cells, whatever the words are: an escaped bar is none.
    let bars = row
        .replace("\\\\", "")
        .replace("\\|", "")
        .matches('|')
        .count();
    assert_eq!(bars, 6, "{row}");
}

#[test]
fn the_prompt_stays_bounded() {
    let night = Night::new();
    let long = "x".repeat(1_000_000);
    night.place.write(format!("{HERE}/program.md"), &long);
    night.hook("if grep -q bad t; then i=0; while [ $i -lt 3000 ]; do echo line $i of the failure; i=$((i+1)); done; exit 1; fi");
    let body = "echo bad $call > t; head -c 10000 /dev/zero | tr '\\0' y";
    night.tries(4, body);
    let prompt = night.prompt(4);
    assert!(prompt.len() < 60_000, "{}", prompt.len());
    has(&prompt, &["line 2999"]);
}

#[test]
fn without_a_keep_for_long_the_agent_is_asked_for_another_approach() {
    let night = Night::new();
    let outcome = night.tries(21, WORSE);
    has(&outcome.stderr, &["20 tries in a row brought nothing"]);
    lacks(&night.prompt(20), &["Another approach"]);
    has(
        &night.prompt(21),
        &["# Another approach", "20 tries in a row"],
    );
    // It is remembered across runs, and over with a keep.
    night.tries(2, "echo n: 90 > t");
    has(&night.prompt(22), &["21 tries in a row"]);
    lacks(&night.prompt(23), &["Another approach"]);
    night.is_consistent();
}

// Options.

#[test]
fn a_time_ends_a_loop() {
    let night = Night::new();
    let outcome = night.run(BETTER, &["--max-time", "1ns"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    has(&outcome.stderr, &["the time is up"]);
    has(&outcome.stdout, &["0 tries"]);
    let outcome = night.run(BETTER, &["--max-time", "700ms"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    has(&outcome.stderr, &["the time is up"]);
    assert!(night.calls() > 0);
    night.is_consistent();
}

#[test]
fn options_that_cannot_be_are_refused_before_anything_is_done() {
    let night = Night::new();
    let place = &night.place;
    let agent = night.agent(BETTER);
    let before = everything(place);
    let with_agent: &[(&[&str], i32, &str)] = &[
        (&["--max-cost", "5"], 3, "does not tell what it costs"),
        (&["--max-cost", "0"], 3, "more than 0"),
        (&["--max-cost=-1"], 3, "more than 0"),
        (&["--max-cost", "nan"], 3, "more than 0"),
        (&["--max-cost", "inf"], 3, "more than 0"),
        (&["--max-cost", "much"], 2, "much"),
        (&["--max-experiments", "0"], 2, "0"),
        (&["--max-experiments=-1"], 2, "-1"),
        (&["--max-experiments", "1.5"], 2, "1.5"),
        (
            &["--max-experiments", "99999999999999999999"],
            2,
            "99999999999999999999",
        ),
        (&["--max-time", "soon"], 3, "soon"),
        (&["--max-time", "0s"], 3, "0s"),
        (&["--max-time", "8"], 3, "8"),
        (&["--max-time", "99999999999999999999y"], 3, "y"),
        (&["--max-time="], 3, "is no duration"),
        (&["--max-time", "-1h"], 3, "`-1h` is no duration"),
        (&["--max-time", "366d"], 3, "longer than a run may take"),
        (&["--max-cost", "-1"], 3, "more than 0"),
        (&["--single", "--loop"], 2, "--loop"),
        (
            &["--single", "--max-experiments", "2"],
            2,
            "--max-experiments",
        ),
        (&["--single", "--max-time", "1h"], 2, "--max-time"),
        (&["--single", "--max-cost", "1"], 2, "--max-cost"),
        (&["--message", "x"], 2, "--message"),
        (&["--agent", "none"], 2, "--agent"),
        (&["--model", "m"], 2, "--model"),
        (&["--dry-run", "--json"], 2, "--json"),
        (&["--name", "other"], 3, "target"),
    ];
    each(with_agent, |(options, code, words)| {
        let run = ["run", "--agent-command", &agent];
        if options[0] == "--name" {
            let outcome = place.run(&[&run[..], options].concat());
            assert_eq!(outcome.code, 2, "{outcome:#?}");
        } else {
            place.run(&[&run[..], options].concat()).fails(*code, words);
        }
    });
    let without: &[(&[&str], i32, &str)] = &[
        (&["--loop"], 2, "a loop needs an agent"),
        (&["--max-experiments", "2"], 2, "a loop needs an agent"),
        (&["--max-time", "1h"], 2, "a loop needs an agent"),
        (&["--loop", "--agent", "none"], 2, "a loop needs an agent"),
        (&["--model", "m"], 2, "--model"),
        (&["--message", "x", "--loop"], 2, "--loop"),
        (&["--message", "x", "--agent", "claude"], 2, "--agent"),
        (&["--message", "x", "--model", "m"], 2, "--model"),
        (&["--agent", "nobody"], 3, "no agent `nobody`"),
        (&["--agent", ""], 3, "no agent ``"),
        (&["--agent-command", ""], 3, "empty"),
        (&["--agent-command", "'open"], 3, "quote"),
    ];
    each(without, |(options, code, words)| {
        place
            .run(&[&["run"][..], options].concat())
            .fails(*code, words);
    });
    assert_same(&everything(place), &before);
    assert_eq!(night.calls(), 0);
}

#[test]
fn mistakes_in_the_agents_table_are_told_in_one_line() {
    let night = Night::new();
    let path = format!("{HERE}/experiment.toml");
    let good = night.place.read(&path);
    let cases = [
        ("name = 'nobody'", "no agent `nobody`"),
        (
            "name = 'claude'\ncommand = 'x'",
            "either a `name` or a `command`",
        ),
        ("", "either a `name` or a `command`"),
        ("command = ''", "mistake"),
        ("command = []", "mistake"),
        ("command = 7", "mistake"),
        ("command = 'x'\nmax_cost_usd = -1", "more than 0"),
        ("command = 'x'\nmax_cost_usd = nan", "more than 0"),
        ("command = 'x'\nmax_cost_usd = 'much'", "mistake"),
        (
            "command = 'x'\nfix_attempts = 99",
            "`fix_attempts` is at most 5",
        ),
        ("command = 'x'\nfix_attempts = -1", "mistake"),
        ("command = 'x'\nfix_attempts = 1.5", "mistake"),
        ("command = 'x'\ntimeout = '0s'", "`timeout`"),
        ("command = 'x'\ntimeout = '8d'", "`timeout`"),
        ("command = 'x'\ntimeout = 5", "mistake"),
        ("command = 'x'\ntimeout = 'soon'", "mistake"),
        (
            "command = 'x'\nmodel = 'm'",
            "holds its model and arguments",
        ),
        (
            "command = 'x'\narguments = ['a']",
            "holds its model and arguments",
        ),
        ("command = 'x'\ncolour = 1", "mistake"),
        (
            "command = 'x'\nmax_cost_usd = 5",
            "does not tell what it costs",
        ),
    ];
    each(cases, |(text, words)| {
        night
            .place
            .write(&path, format!("{good}\n[agent]\n{text}\n"));
        let before = everything(&night.place);
        for options in [&["--loop"][..], &["--single"], &["--loop", "--dry-run"]] {
            night
                .place
                .run(&[&["run"], options].concat())
                .fails(3, words);
        }
        assert_same(&everything(&night.place), &before);
    });
}

#[test]
fn resume_goes_on_with_the_experiment_that_was_active_last() {
    let night = Night::new();
    night
        .place
        .run(&["init", "-t", "other", "-e", "benchmark_size"])
        .succeeds();
    let agent = night.agent(BETTER);
    let run = ["run", "--max-experiments", "1", "--agent-command", &agent];
    night.place.run(&run).fails(3, "more than one");
    night
        .place
        .run(&[&run[..], &["-x", ID]].concat())
        .succeeds();
    night
        .place
        .run(&[&run[..], &["--resume"]].concat())
        .succeeds();
    assert_eq!(night.verdicts(), "keep keep");
    night.is_consistent();
}

#[test]
fn a_message_or_no_agent_judges_the_checkout() {
    let night = Night::new();
    let agent = night.agent(BETTER);
    night.define(&format!("[agent]\ncommand = \"{agent}\""));
    let place = &night.place;
    place.write("t", "n: 50\n");
    place.run(&["run", "-m", "by hand"]).succeeds();
    place.write("t", "n: 40\n");
    place.run(&["run", "--agent", "none"]).succeeds();
    place.write("t", "n: 60\n");
    place.run(&["run", "--single", "-m", "worse"]).succeeds();
    assert_eq!(place.read("t"), "n: 40\n");
    place
        .run(&["run", "--agent", "none"])
        .fails(3, "nothing to try");
    assert_eq!(night.verdicts(), "keep keep discard");
    assert_eq!(night.calls(), 0);
    assert!(
        night
            .records("try")
            .iter()
            .all(|record| record["agent"].is_null())
    );
    // And the agent goes on from there.
    place.run(&["run"]).succeeds();
    assert_eq!(night.calls(), 1);
    night.is_consistent();
}

#[test]
fn an_experiment_can_be_made_with_its_agent_and_looped() {
    let night = Night::new();
    let agent = night.agent("printf x > u; echo shorter");
    let place = &night.place;
    let init = [
        "init",
        "-t",
        "u",
        "-e",
        "benchmark_size",
        "--agent-command",
        &agent,
    ];
    let made = place.run(&init);
    has(&made.stderr, &["--loop"]);
    made.succeeds();
    let id = "custom/u-benchmark_size";
    place
        .run(&["run", "-x", id, "--max-experiments", "1"])
        .succeeds();
    assert_consistent(place, id);
    assert_eq!(
        events(place, ".autoresearch/custom/u-benchmark_size"),
        "baseline try keep settled"
    );
}

#[test]
fn a_loop_makes_an_experiment_that_is_not_there() {
    let place = Place::new(&[("t", "0123456789")]);
    let agent = "sh -c 'cat > /dev/null; printf short > t; echo cut'";
    let run = [
        "run",
        "-t",
        "t",
        "-e",
        "benchmark_size",
        "--max-experiments",
        "1",
        "--agent-command",
        agent,
    ];
    let outcome = place.run(&run);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert_consistent(&place, "custom/t-benchmark_size");
    assert_eq!(place.read("t"), "0123456789");
}

// What is printed.

#[test]
fn json_is_a_line_for_each_try_and_one_for_the_summary() {
    let night = Night::new();
    let body = "case $call in 1) echo n: 90;; 2) echo n: 95;; 3) echo bad;; 4) exit 1;; esac > t; echo \"idea $call\"";
    let printed = night
        .run(body, &["--json", "--max-experiments", "5"])
        .succeeds();
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6, "{printed}");
    let verdicts = night.records("verdict");
    let tries = night.records("try");
    for ((line, verdict), tried) in lines.iter().zip(&verdicts).zip(&tries) {
        for key in ["n", "verdict", "reason", "value", "incumbent_value"] {
            assert_eq!(line[key], verdict[key], "{key}");
        }
        assert_eq!(line["description"], tried["description"]);
        assert_eq!(line["agent"]["name"], "sh agent.sh");
        let reference = format!("refs/autoresearch/{ID}/{}", line["n"]);
        assert_eq!(line["commit"], resolve(&night.place, &reference));
    }
    let summary = &lines[5]["summary"];
    let count = |word| verdicts.iter().filter(|r| r["verdict"] == word).count();
    assert_eq!(summary["tries"], verdicts.len());
    assert_eq!(summary["keeps"], count("keep"));
    assert_eq!(summary["discards"], count("discard"));
    assert_eq!(summary["crashes"], count("crash"));
    assert_eq!(summary["before"], 100.0);
    assert_eq!(summary["best"]["value"], 90.0);
    assert_eq!(summary["best"]["commit"], resolve(&night.place, BRANCH));
    assert_eq!(summary["unknown_costs"], 5);
    assert_eq!(summary["ended"], "all tries are done");
}

#[test]
fn json_is_whole_where_a_loop_is_paused() {
    let night = Night::new();
    let outcome = night.run("exit 1", &["--json"]);
    ends_with(&outcome, 6, "paused");
    let last: Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"]["crashes"], 5);
    assert_eq!(outcome.stdout.lines().count(), 6);
}

#[test]
fn quiet_prints_results_alone() {
    let night = Night::new();
    let outcome = night.run(BETTER, &["--quiet", "--max-experiments", "2"]);
    assert_eq!(outcome.stderr, "");
    assert!(outcome.succeeds().starts_with("keep: "));
}

#[test]
fn a_dry_run_shows_command_prompt_and_limits_and_changes_nothing() {
    let night = Night::new();
    let agent = night.agent(BETTER);
    night.define(&format!(
        "[agent]\ncommand = \"{agent}\"\ntimeout = \"7m\"\nfix_attempts = 3"
    ));
    let options = ["--max-experiments", "12", "--max-time", "3h"];
    let before = everything(&night.place);
    let shown = night
        .place
        .run(&[&["run", "--dry-run"], &options[..]].concat())
        .succeeds();
    has(
        &shown,
        &[
            "agent.sh",
            "7m a proposal",
            "12 tries",
            "3h",
            "3 fixes",
            "# Rules",
            "End with one line",
        ],
    );
    let prompt = shown.split("\nprompt").nth(1).unwrap();
    assert_same(&everything(&night.place), &before);
    assert_eq!(night.calls(), 0);
    // It is what the agent gets.
    night
        .place
        .run(&[&["run"], &options[..2], &["--max-time", "1h"]].concat())
        .succeeds();
    for line in night.prompt(1).lines() {
        assert!(prompt.contains(line), "{line}");
    }
}

// What is cut short.

#[test]
fn a_killed_try_is_taken_up_again_without_the_agent() {
    let night = Night::new();
    let gate = Gate::new(&night.place, "");
    night.hook(&gate.command());
    gate.close();
    let agent = night.agent(BETTER);
    let mut run = start(
        &night.place,
        &[
            "run",
            "--loop",
            "--max-experiments",
            "2",
            "--agent-command",
            &agent,
        ],
    );
    let command = gate.wait();
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("the command is gone", || !lives(command));
    assert_eq!(events(&night.place, HERE), "baseline try");
    gate.open();
    let outcome = night.tries(1, BETTER);
    has(&outcome.stderr, &["try 1 was interrupted"]);
    assert_eq!(night.calls(), 1);
    assert_eq!(
        events(&night.place, HERE),
        "baseline try crash settled try keep settled"
    );
    assert_eq!(night.description(), "smaller by 1");
    night.tries(1, BETTER);
    assert_eq!(night.calls(), 2);
    night.is_consistent();
}

/// Half of the kills take git with them, as the end of a machine or of a terminal does.
#[test]
fn killed_at_any_instant_a_loop_goes_on_without_a_lost_or_doubled_row() {
    for night in [Night::new(), Night::noisy()] {
        let place = &night.place;
        place.write("other", "edited\n");
        place.write("t", "n: 3\n");
        let before = place.snapshot();
        let agent = night.agent(
            "case $((call % 5)) in 0) echo n: $((1000 - call));; 1) echo bad $call;; 2) echo n: $((1000 + call));; \
             3) echo > new;; 4) exit 1;; esac > t; echo idea $call",
        );
        let run = ["run", "--loop", "--agent-command", &agent];
        let mut moment = 11_u64;
        for turn in 0..20 {
            let mut child = start(place, &run);
            moment = (moment * 1_103_515_245 + 12345) % (1 << 31);
            std::thread::sleep(std::time::Duration::from_micros(moment % 150_000));
            if turn % 2 == 0 {
                child.kill().unwrap();
            } else {
                let group = format!("kill -KILL -{}", child.id());
                let _ = outcome(place.command("sh").args(["-c", &group]));
            }
            child.wait().unwrap();
            // A git that outlives its caller finishes its work.
            wait_until("nobody is left", || {
                processes_in(&place.project()).is_empty()
                    && processes_in(&worktrees(place)).is_empty()
            });
            assert_eq!(place.snapshot(), before);
        }
        night.tries(2, "echo n: $((50 - call)) > t");
        night.is_consistent();
        assert_eq!(place.snapshot(), before);
    }
}

#[test]
fn an_agent_killed_with_the_program_leaves_no_row_and_no_process() {
    let night = Night::new();
    let gate = Gate::new(&night.place, "echo n: 5 > t");
    gate.close();
    let mut run = start(
        &night.place,
        &["run", "--loop", "--agent-command", &gate.command()],
    );
    let agent = gate.wait();
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("the agent is gone", || !lives(agent));
    wait_until("nobody is left", || {
        processes_in(&worktrees(&night.place)).is_empty()
    });
    assert_eq!(events(&night.place, HERE), "baseline");
    gate.open();
    night.tries(1, BETTER);
    assert_eq!(night.verdicts(), "keep");
    night.is_consistent();
}

#[test]
fn a_lock_that_an_agents_git_left_is_no_obstacle() {
    let night = Night::new().unconfined("in one an agent's git writes no lock");
    let lock = "for lock in index.lock HEAD.lock; do : > \"$(git rev-parse --absolute-git-dir)/$lock\"; done";
    night.tries(2, &format!("{lock}\n{BETTER}"));
    assert_eq!(night.verdicts(), "keep keep");
    night.is_consistent();
}

// The branch.

const MOVE: &str = "git update-ref refs/heads/autoresearch/custom/night \
     $(git -c user.name=U -c user.email=u@localhost commit-tree -p HEAD -m moved 'HEAD^{tree}')";

#[test]
fn a_loop_stops_where_somebody_moves_its_branch_and_the_next_goes_on_from_there() {
    // In the middle of a try that is kept, and of one that is not.
    for text in ["n: 90", "n: 110"] {
        let night = Night::new();
        let outcome = night.while_the_user(MOVE, || {
            let body = format!("{ASK}\necho {text} > t");
            night.run(&body, &["--max-experiments", "3"])
        });
        ends_with(&outcome, 3, "somebody has moved the branch");
        has(&outcome.stdout, &["1 try"]);
        // What the branch does not hold is not said to be there.
        lacks(&outcome.stdout, &["on autoresearch/"]);
        lacks(&outcome.stderr, &["git merge"]);
        assert_eq!(night.calls(), 1);
        let moved = resolve(&night.place, BRANCH);
        let subject = night.place.git(&["log", "-1", "--format=%s", BRANCH]);
        assert_eq!(subject, "moved");
        let outcome = night.run("echo n: 80 > t", &["--max-experiments", "1"]);
        has(&outcome.stderr, &["the branch was moved to"]);
        outcome.succeeds();
        assert_eq!(resolve(&night.place, &format!("{BRANCH}^")), moved);
        let last: Vec<Value> = night.records("try");
        assert_eq!(last.last().unwrap()["parent"], moved.as_str());
    }
}

#[test]
fn a_branch_that_is_deleted_meanwhile_is_made_again_with_the_next_keep() {
    let night = Night::new();
    let delete = "git -C \"$P\" update-ref -d refs/heads/autoresearch/custom/night";
    night.tries(2, &format!("[ $call = 2 ] || {delete}\n{BETTER}"));
    assert_eq!(night.verdicts(), "keep keep");
    night.is_consistent();
}

// Seen from another terminal.

#[test]
fn status_does_not_make_nothing_of_a_cost_that_is_unknown() {
    let night = Night::new();
    let gate = Gate::new(&night.place, "echo n: 80 > t");
    gate.close();
    let body = format!(
        "if [ $call = 1 ]; then echo n: 90 > t; else {}; fi",
        gate.command()
    );
    let agent = night.agent(&body);
    let run = start(
        &night.place,
        &["run", "--max-experiments", "2", "--agent-command", &agent],
    );
    gate.wait();
    let shown = night.place.run(&["status"]).succeeds();
    has(
        &shown,
        &[
            "try 2: sh agent.sh is working",
            "1 try, cost unknown",
            "n 90, from 100",
        ],
    );
    gate.open();
    finish(run).succeeds();
}

#[test]
fn status_tells_what_a_loop_is_doing() {
    let night = Night::new();
    let place = &night.place;
    let gate = Gate::new(place, "");
    night.hook(&gate.command());
    gate.close();
    let agent = night.agent(BETTER);
    let arguments = [
        "run",
        "--loop",
        "--max-experiments",
        "2",
        "--agent-command",
        &agent,
    ];
    let run = start(place, &arguments);
    let id = run.id();
    gate.wait();
    let before = everything(place);
    let shown = place.run(&["status"]).succeeds();
    let process = format!("process {id}");
    has(
        &shown,
        &[
            ID,
            &process,
            "try 1: measuring the candidate",
            "0 tries",
            "n 100",
        ],
    );
    let json: Value = serde_json::from_str(&place.run(&["status", "--json"]).succeeds()).unwrap();
    assert_eq!(json[0]["experiment"], ID);
    assert_eq!(json[0]["running"], true);
    assert_eq!(json[0]["status"]["process"], id);
    assert_eq!(json[0]["status"]["n"], 1);
    assert_eq!(json[0]["best"], 100.0);
    let listed = place.run(&["list"]).succeeds();
    has(&listed, &[ID]);
    assert_same(&everything(place), &before);
    gate.open();
    finish(run).succeeds();
    assert!(
        !place
            .project()
            .join(format!("{HERE}/runs/status.json"))
            .exists()
    );
    night.is_consistent();
}

#[test]
fn status_tells_that_an_agent_works() {
    let night = Night::new();
    let gate = Gate::new(&night.place, "echo n: 90 > t; echo done");
    gate.close();
    let agent = gate.command();
    let run = start(
        &night.place,
        &["run", "--max-experiments", "1", "--agent-command", &agent],
    );
    gate.wait();
    let shown = night.place.run(&["status"]).succeeds();
    has(&shown, &["try 1: sh gate.sh is working", "of 30m"]);
    gate.open();
    finish(run).succeeds();
}

#[test]
fn status_of_an_idle_experiment_says_so_whatever_a_killed_run_left() {
    let night = Night::new();
    night.tries(2, BETTER);
    let idle = |night: &Night| {
        let all = night.place.run(&["status"]);
        has(&all.stderr, &["1 experiment is not being run"]);
        assert_eq!(all.succeeds(), "");
        assert_eq!(
            night.place.run(&["status", "--json"]).succeeds().trim(),
            "[]"
        );
        let one = night.place.run(&["status", "-x", ID]).succeeds();
        has(
            &one,
            &[
                "not being run",
                "2 tries: 2 kept",
                "98",
                "from 100",
                "try 2, keep: smaller by 2",
            ],
        );
        let json = night.place.run(&["status", "-x", ID, "--json"]).succeeds();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json[0]["running"], false);
        assert_eq!(json[0]["status"], Value::Null);
        assert_eq!(json[0]["keeps"], 2);
    };
    idle(&night);
    for stale in [
        "{\"v\":1,\"process\":1,\"started\":\"2026-01-01T00:00:00Z\",\"n\":9,\"doing\":\"x\",\"since\":\"2026-01-01T00:00:00Z\",\"limit_seconds\":null,\"tries\":1,\"cost_usd\":0.0,\"unknown_costs\":0}",
        "{\"v\":1",
        "",
    ] {
        night.place.write(format!("{HERE}/runs/status.json"), stale);
        idle(&night);
    }
    night
        .place
        .run(&["status", "-x", "custom/gone"])
        .fails(3, "custom/gone");
}

// Several at once.

#[test]
fn a_second_loop_on_an_experiment_is_told_that_it_is_busy() {
    let night = Night::new();
    let gate = Gate::new(&night.place, "echo n: 90 > t; echo done");
    gate.close();
    let agent = gate.command();
    let run = start(
        &night.place,
        &["run", "--max-experiments", "1", "--agent-command", &agent],
    );
    gate.wait();
    let second = night.agent(BETTER);
    let process = format!("process {}", run.id());
    let before = everything(&night.place);
    night
        .place
        .run(&["run", "--loop", "--agent-command", &second])
        .fails(7, &process);
    assert_same(&everything(&night.place), &before);
    gate.open();
    finish(run).succeeds();
    assert_eq!(night.calls(), 0);
    assert_eq!(night.verdicts(), "keep");
    night.is_consistent();
}

#[test]
fn two_experiments_of_a_project_run_at_the_same_time() {
    let place = Place::new(&[("a", &"x".repeat(100)), ("b", &"x".repeat(100))]);
    let directory = place.open("");
    let mut runs = Vec::new();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let agent = place.open(&format!("{own}.sh"));
        // Each waits for the other's agent, so that they do run at the same time.
        let text = format!(
            "O='{}'\ncat > /dev/null\n: > \"$O/{own}-is-here\"\nwhile [ ! -e \"$O/{other}-is-here\" ]; do sleep 0.01; done\n\
             head -c $(($(wc -c < {own}) - 1)) /dev/zero | tr '\\0' x > new; cat new > {own}; rm new\n",
            directory.display()
        );
        std::fs::write(&agent, text).unwrap();
        place
            .run(&["init", "-t", own, "-e", "benchmark_size"])
            .succeeds();
        runs.push((
            format!("custom/{own}-benchmark_size"),
            format!("sh '{}'", agent.display()),
        ));
    }
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(id, agent)| {
            let arguments = [
                "run",
                "-x",
                &id,
                "--max-experiments",
                "8",
                "--agent-command",
                &agent,
            ];
            (start(&place, &arguments), id)
        })
        .collect();
    for (run, id) in runs {
        let printed = finish(run).succeeds();
        has(&printed, &["8 kept"]);
        assert_consistent(&place, &id);
    }
}

// Elsewhere than in the project.

#[test]
fn an_experiment_of_the_users_own_runs_like_the_projects() {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    let before = others(&place);
    let init = ["init", "-t", "t", "-e", "benchmark_size", "--scope", "user"];
    place.run(&init).succeeds();
    let agent = "sh -c 'cat > /dev/null; printf short > t; echo cut'";
    let arguments = ["run", "--max-experiments", "2", "--agent-command", agent];
    let printed = place.run(&arguments).succeeds();
    has(&printed, &["1 kept, 1 discarded"]);
    let id = "custom/t-benchmark_size";
    let directory = place.home().join(".autoresearch").join(id);
    let directory = directory.to_str().unwrap();
    assert_eq!(
        events(&place, directory),
        "baseline try keep settled try discard settled"
    );
    has(
        &place.run(&["status", "-x", id]).succeeds(),
        &["2 tries: 1 kept"],
    );
    assert!(!place.project().join(".autoresearch").exists());
    assert_same(&others(&place), &before);
    assert_eq!(place.read("t"), "x".repeat(100));
}

#[test]
fn a_loop_can_be_started_from_a_subdirectory() {
    let night = Night::new();
    std::fs::create_dir(night.place.project().join("deep")).unwrap();
    let outcome = night.run(BETTER, &["--max-experiments", "1", "--path", "deep"]);
    outcome.succeeds();
    assert_eq!(night.verdicts(), "keep");
    night.is_consistent();
}

#[test]
fn a_project_in_a_subdirectory_of_its_repository_has_that_as_the_agents_place() {
    let place = Place::new(&[
        ("sub/t", "long"),
        ("sub/other", "other\n"),
        ("above", "above\n"),
    ]);
    let in_sub = |arguments: &[&str]| {
        place
            .run(&[&["--path", "sub"], arguments].concat())
            .succeeds()
    };
    std::fs::create_dir(place.project().join("sub/.autoresearch")).unwrap();
    in_sub(&["init", "-t", "t", "-e", "benchmark_size", "--name", "night"]);
    for (body, verdict) in [
        ("printf lon > t", "keep"),
        ("printf s > t; echo > ../above", "discard"),
        ("printf s > t; echo > other", "discard"),
        ("printf lo > t; echo > ../new", "keep"),
    ] {
        let agent = format!("sh -c 'cat > /dev/null; {body}; echo done'");
        let printed = in_sub(&["run", "--agent-command", &agent]);
        assert!(printed.starts_with(verdict), "{body}: {printed}");
    }
    let changed = place.git(&["diff", "--name-only", "HEAD", BRANCH]);
    assert_eq!(changed, "sub/t");
    assert_eq!(place.git(&["show", &format!("{BRANCH}:sub/t")]), "lo");
    let rows = rows(&place, &format!("sub/{HERE}"));
    assert_eq!(rows.len(), 5);
}

#[test]
fn a_targets_name_may_be_anything_that_git_tracks() {
    for name in [
        "a b.txt",
        "*.txt",
        ":(glob)x",
        "-dash",
        "\u{e4}\"'$(x)`",
        "[a]|b",
        "deep/er/t",
    ] {
        let place = Place::new(&[(name, &"x".repeat(100)), ("a.txt", "other\n")]);
        let target = format!("--target={name}");
        place
            .run(&["init", &target, "-e", "benchmark_size", "--name", "night"])
            .succeeds();
        let script = place.open("agent.sh");
        let text = "cat > /dev/null; git ls-files -z | while IFS= read -r _; do :; done\nprintf short > \"./$1\"; echo done";
        std::fs::write(&script, text).unwrap();
        let quoted = shlex::try_quote(name).unwrap();
        let agent = format!("sh '{}' {quoted}", script.display());
        let printed = place.run(&["run", "--agent-command", &agent]).succeeds();
        assert!(printed.starts_with("keep"), "{name}: {printed}");
        assert_consistent(&place, ID);
    }
}

#[test]
fn an_agent_has_the_users_environment_without_gits_variables() {
    let night = Night::new();
    let agent = night.agent("env > \"$O/env\"; pwd > \"$O/pwd\"; echo n: 90 > t");
    let mut command = night.place.command(crate::support::PROGRAM);
    command
        .args(["run", "--agent-command", &agent])
        .env("API_KEY", "secret")
        .env("GIT_DIR", night.place.project().join(".git"))
        .env("GIT_INDEX_FILE", "/nowhere");
    outcome(&mut command).succeeds();
    let env = std::fs::read_to_string(night.place.open("env")).unwrap();
    has(&env, &["API_KEY=secret\n", "HOME="]);
    lacks(&env, &["GIT_DIR", "GIT_INDEX_FILE"]);
    let pwd = std::fs::read_to_string(night.place.open("pwd")).unwrap();
    // Where a sandbox shows its worktree.
    assert_eq!(pwd.trim(), night.place.project().to_str().unwrap());
    night.is_consistent();
}

#[test]
fn the_users_hooks_and_signing_do_not_take_part() {
    let night = Night::new();
    let hooks = night.place.project().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let marker = night.place.open("hooked");
    for hook in [
        "pre-commit",
        "commit-msg",
        "prepare-commit-msg",
        "post-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "post-rewrite",
    ] {
        let text = format!("#!/bin/sh\necho {hook} >> '{}'\nexit 1\n", marker.display());
        std::fs::write(hooks.join(hook), text).unwrap();
    }
    outcome(
        night
            .place
            .command("chmod")
            .args(["-R", "+x", "."])
            .current_dir(&hooks),
    );
    night.place.git(&["config", "commit.gpgsign", "true"]);
    night.place.git(&["config", "gpg.program", "false"]);
    night.place.git(&["config", "commit.cleanup", "strip"]);
    night.place.git(&["config", "core.commentChar", "n"]);
    night.place.git(&["config", "core.fsmonitor", "false"]);
    night.tries(2, &format!("{BETTER}; echo 'not a comment'"));
    assert_eq!(night.verdicts(), "keep keep");
    let subject = night.place.git(&["log", "-1", "--format=%s", BRANCH]);
    assert_eq!(subject, "not a comment");
    assert!(
        !marker.exists(),
        "{}",
        std::fs::read_to_string(&marker).unwrap()
    );
    night.is_consistent();
}

// A hiccup.

/// Lets measuring the incumbent fail so many times.
fn hiccups(times: u32) -> String {
    let mut text = String::from("if grep -q 100 t; then\n");
    let _ = write!(
        text,
        "echo x >> \"$O/hiccups\"; [ $(grep -c . \"$O/hiccups\") -gt {times} ] || {{ echo hiccup >&2; exit 1; }}\nfi\n"
    );
    text
}

#[test]
fn an_incumbent_that_cannot_be_measured_once_is_measured_again() {
    let night = Night::noisy();
    night.hook(&hiccups(1));
    let outcome = night.tries(2, "echo n: $((100 - 10 * call)) > t");
    has(
        &outcome.stderr,
        &[
            "warning: the incumbent cannot be measured",
            "trying once more",
        ],
    );
    assert_eq!(night.verdicts(), "keep keep");
    night.is_consistent();
}

#[test]
fn a_loop_of_one_try_measures_again_too() {
    let night = Night::noisy();
    night.hook(&hiccups(1));
    night.tries(1, BETTER);
    assert_eq!(night.verdicts(), "keep");
}

#[test]
fn an_incumbent_that_cannot_be_measured_twice_stops_the_loop() {
    let night = Night::noisy();
    night.hook(&hiccups(2));
    let outcome = night.run("echo n: $((100 - 10 * call)) > t; echo idea", &[]);
    ends_with(&outcome, 6, "the incumbent cannot be measured");
    assert_eq!(events(&night.place, HERE), "baseline try crash settled");
    // What the agent used is told, though there is no verdict.
    has(&outcome.stdout, &["0 tries", "cost unknown"]);
    assert!(
        night.reason().starts_with("not judged: "),
        "{}",
        night.reason()
    );
    assert_eq!(night.calls(), 1);
    // It is judged by the next run, which does not ask the agent for it.
    night.tries(1, BETTER);
    assert_eq!(night.calls(), 1);
    assert_eq!(night.verdicts(), "crash keep");
    assert_eq!(night.description(), "idea");
    night.is_consistent();
}

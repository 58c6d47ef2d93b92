//! Experiments that the original Python tool made run as they are.

use std::path::Path;

use crate::experiments::{
    assert_consistent, assert_same, each, events, everything, journal, others, resolve, rows,
};
use crate::support::{Outcome, PROGRAM, Place, outcome};

const ID: &str = "engineering/search-speed";
const DIRECTORY: &str = ".autoresearch/engineering/search-speed";

const CONFIG: &str = "\
target: t
evaluate_cmd: sh .autoresearch/engineering/search-speed/evaluate.sh
metric: p50_ms
metric_direction: lower
metric_grep: ^p50_ms:
time_budget_minutes: 5
created: 2026-03-13 08:22
";

/// Prints the target's size as the metric, among other lines.
const EVALUATE: &str = "\
echo 'warming up: 1 of 3'
if grep -q bad t; then echo 'Traceback: bad' >&2; exit 3; fi
if grep -q silent t; then echo 'p50_ms: none'; exit 0; fi
echo 'p50_ms: 7'
echo 'p50_ms_before: 1'
. \"$(dirname \"$0\")/lib/size.sh\"
echo \"p50_ms: $(size t)\"
echo 'runs: 3'
echo 'done in 0.1s'
";

const RESULTS: &str = "\
commit\tmetric\tstatus\tdescription
1234567\t80.000000\tkeep\timproved_p50_ms_80.0000
2345678\tN/A\tcrash\texit_1
3456789\t90.000000\tdiscard\tno_improvement_90.0000_vs_80.0000
";

/// What set-up and some turns of the original tool leave below an `.autoresearch`.
fn set_up(place: &Place, root: &Path, config: &str) {
    let directory = root.join(ID);
    for (name, text) in [
        ("config.cfg", config),
        ("evaluate.sh", EVALUATE),
        ("lib/size.sh", "size() { wc -c < \"$1\"; }\n"),
        ("program.md", "# autoresearch\n\n## Goal\nLower it.\n"),
        ("results.tsv", RESULTS),
        ("run.log", "p50_ms: 90\n"),
    ] {
        place.write(directory.join(name), text);
    }
    place.write(root.join(".gitignore"), "**/results.tsv\n**/run.log\n");
}

/// A project with a target of 100 bytes and an experiment that has no branch.
fn without_branch(config: &str) -> Place {
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]);
    set_up(&place, Path::new(".autoresearch"), config);
    place
}

/// As [`without_branch`], with a branch on which the target has 80 bytes by now.
fn original() -> Place {
    let place = without_branch(CONFIG);
    place.git(&[
        "switch",
        "--quiet",
        "--create",
        &format!("autoresearch/{ID}"),
    ]);
    place.write("t", "x".repeat(80));
    place.git(&["commit", "--quiet", "--all", "--message=faster"]);
    place.git(&["switch", "--quiet", "main"]);
    place
}

fn branch() -> String {
    format!("refs/heads/autoresearch/{ID}")
}

fn config_of(place: &Place, text: impl AsRef<[u8]>) {
    place.write(format!("{DIRECTORY}/config.cfg"), text);
}

/// Judges a target and returns the whole outcome, which must be a verdict.
#[track_caller]
fn judge(place: &Place, target: &str, verdict: &str) -> Outcome {
    place.write("t", target);
    let judged = place.run(&["run", "-x", ID, "-m", verdict]);
    assert_eq!(judged.code, 0, "{judged:#?}");
    assert!(
        judged.stdout.starts_with(&format!("{verdict}: ")),
        "{judged:#?}"
    );
    judged
}

#[test]
fn an_old_experiment_runs_as_it_is() {
    let place = original();
    let tip = resolve(&place, &branch());
    let before = others(&place);
    assert!(place.run(&["list"]).succeeds().contains(ID));
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    for words in [
        ID,
        "p50_ms, lower is better",
        "command 0",
        "command: with sh -c",
        "5m, ended after 12m 30s",
        "measure the baseline",
    ] {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
    let fifty = "x".repeat(50);
    judge(&place, &fifty, "keep");
    assert_eq!(place.read("t"), fifty);
    judge(&place, &"x".repeat(60), "discard");
    assert_eq!(place.read("t"), fifty);
    for bad in ["bad", "silent"] {
        let crashed = judge(&place, bad, "crash");
        let says = match bad {
            "bad" => "exit code 3",
            _ => "p50_ms",
        };
        assert!(crashed.stdout.contains(says), "{crashed:#?}");
        assert_eq!(place.read("t"), fifty);
    }
    assert_same(&others(&place), &before);
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["commit"], tip);
    // Of several lines the last counts.
    assert_eq!(records[0]["value"], 80.0);
    assert_eq!(records[2]["value"], 50.0);
    assert_consistent(&place, ID);
    assert_eq!(resolve(&place, &format!("{}^", branch())), tip);
    assert_eq!(place.read(format!("{DIRECTORY}/results.tsv.old")), RESULTS);
    assert_eq!(rows(&place, DIRECTORY).len(), 5);
    assert_eq!(place.read(format!("{DIRECTORY}/config.cfg")), CONFIG);
    assert!(
        !place
            .project()
            .join(DIRECTORY)
            .join("experiment.toml")
            .exists()
    );
    assert_eq!(
        place.read(".autoresearch/.gitignore"),
        "**/results.tsv\n**/run.log\n"
    );
    let listed = place.run(&["list"]).succeeds();
    assert!(
        listed.contains("p50_ms -37.5% (50 when kept, 80 at the start)"),
        "{listed}"
    );
    place.write("t", "x".repeat(40));
    let resumed = place.run(&["run", "--resume"]).succeeds();
    assert!(resumed.starts_with("keep: "), "{resumed}");
}

#[test]
fn without_a_branch_it_starts_from_head() {
    let place = without_branch(CONFIG);
    let head = resolve(&place, "HEAD");
    judge(&place, &"x".repeat(90), "keep");
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["commit"], head);
    assert_eq!(records[0]["value"], 100.0);
    assert_consistent(&place, ID);
}

#[test]
fn a_failing_baseline_changes_no_branch() {
    let place = original();
    place.write(format!("{DIRECTORY}/evaluate.sh"), "exit 1\n");
    place.write("t", "short");
    let before = others(&place);
    let tip = resolve(&place, &branch());
    place
        .run(&["run"])
        .fails(6, "the baseline cannot be measured");
    assert_eq!(resolve(&place, &branch()), tip);
    assert_same(&others(&place), &before);
    assert_eq!(place.read("t"), "short");
    assert_eq!(place.read(format!("{DIRECTORY}/results.tsv.old")), RESULTS);
    // Mended, it goes on.
    place.write(format!("{DIRECTORY}/evaluate.sh"), EVALUATE);
    judge(&place, "short", "keep");
    assert_consistent(&place, ID);
}

/// What git tracks is the incumbent's, what it does not is the checkout's.
#[test]
fn files_beside_the_config_are_there() {
    for tracked in [
        &[][..],
        &["evaluate.sh"],
        &["evaluate.sh", "lib", "config.cfg"],
    ] {
        let place = without_branch(CONFIG);
        for path in tracked {
            place.git(&["add", &format!("{DIRECTORY}/{path}")]);
        }
        place.git(&["commit", "--quiet", "--allow-empty", "--message=more"]);
        let before = others(&place);
        judge(&place, "short", "keep");
        // What the runs leave there is no other evaluation.
        for name in ["__pycache__/x.pyc", "run.log", "results.tsv.new"] {
            place.write(format!("{DIRECTORY}/{name}"), "new");
        }
        judge(&place, "longer", "discard");
        assert_eq!(
            events(&place, DIRECTORY),
            "baseline try keep settled try discard settled"
        );
        assert_same(&others(&place), &before);
        let committed = format!("refs/autoresearch/{ID}/1");
        assert_eq!(place.git(&["diff", "--name-only", "HEAD", &committed]), "t");
    }
}

#[test]
fn the_config_may_be_written_in_any_way() {
    type Change = fn(&str) -> String;
    let absolute = |place: &Place, path: &str| {
        let project = place.project().canonicalize().unwrap();
        format!("target: {}", project.join(path).display())
    };
    let changes: [Change; 5] = [
        |config| config.replace('\n', "\r\n"),
        |config| {
            format!(
                "# made by hand: yes\n\n \t\n{}",
                config.replace(": ", " :\t")
            )
        },
        |config| format!("metric_direction: higher\ntarget: other\n{config}"),
        |config| config.replace("time_budget_minutes: 5", "time_budget_minutes: 0.5"),
        |config| config.replace("target: t", "target: ./t"),
    ];
    for change in changes {
        let place = without_branch(&change(CONFIG));
        judge(&place, "short", "keep");
        judge(&place, "longer", "discard");
    }
    let place = without_branch(CONFIG);
    config_of(&place, CONFIG.replace("target: t", &absolute(&place, "t")));
    judge(&place, "short", "keep");
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert!(shown.contains("target       t\n"), "{shown}");
}

#[test]
fn the_metric_is_the_one_of_the_pattern() {
    let place = without_branch(
        &CONFIG
            .replace("metric: p50_ms", "metric: Latency (ms)")
            .replace("^p50_ms:", "^val\\_bpb:")
            .replace("lower", "higher")
            .replace(
                "sh .autoresearch/engineering/search-speed/evaluate.sh",
                "VALUE=$(wc -c < t) && echo \"p50_ms: 1\" && echo \"val_bpb:  $VALUE\" >&2",
            ),
    );
    judge(&place, &"x".repeat(120), "keep");
    judge(&place, &"x".repeat(110), "discard");
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["metric"], "val_bpb");
    assert_eq!(records[0]["value"], 100.0);
    config_of(
        &place,
        "target: t\nevaluate_cmd: echo \"score: $(wc -c < t)\"\nmetric: score\n",
    );
    judge(&place, "short", "keep");
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert!(shown.contains("score, lower is better"), "{shown}");
}

#[test]
fn a_command_is_ended_after_two_and_a_half_budgets() {
    let place = without_branch(
        "target: t\nevaluate_cmd: if grep -q slow t; then sleep 50; fi; echo metric: $(wc -c < t)\ntime_budget_minutes: 0.02\n",
    );
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert!(shown.contains("1s 200ms, ended after 3s"), "{shown}");
    judge(&place, "slow", "crash");
    judge(&place, "fast!", "keep");
}

#[test]
fn old_results_are_kept_once() {
    let place = without_branch(CONFIG);
    let old = format!("{DIRECTORY}/results.tsv.old");
    place.write(&old, "older\n");
    judge(&place, "short", "keep");
    judge(&place, "longer", "discard");
    assert_eq!(place.read(&old), "older\n");
    assert_eq!(place.read(format!("{old}.2")), RESULTS);
    assert!(!place.project().join(format!("{old}.3")).exists());
    assert_consistent(&place, ID);
    // An experiment of this program's own says what git is to ignore.
    place
        .run(&[
            "init",
            "-t",
            "other",
            "-e",
            "benchmark_size",
            "--scope",
            "user",
        ])
        .succeeds();
    let ignore = std::fs::read_to_string(place.home().join(".autoresearch/.gitignore")).unwrap();
    assert!(ignore.contains("results.tsv.old"), "{ignore}");
}

#[test]
fn a_definition_of_ones_own_wins() {
    let place = without_branch("nonsense");
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        "version = 1\ntarget = [\"other\"]\n[objective]\nevaluator = \"benchmark_size\"\n",
    );
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert!(shown.contains("size_bytes"), "{shown}");
    place.write("other", "o");
    place.run(&["run"]).succeeds();
    assert_consistent(&place, ID);
}

#[test]
fn its_name_is_taken() {
    let place = without_branch(CONFIG);
    let before = everything(&place);
    let new = [
        "-t",
        "other",
        "-e",
        "benchmark_size",
        "--domain",
        "engineering",
        "--name",
        "search-speed",
    ];
    place
        .run(&[&["init"], &new[..]].concat())
        .fails(3, "exists already");
    place
        .run(&[&["run"], &new[..]].concat())
        .fails(3, "defined otherwise");
    let changed = place
        .run(&["run", "-x", ID, "--name", "n"])
        .fails(2, "cannot change");
    assert!(changed.stderr.contains("config.cfg"), "{changed:#?}");
    assert_same(&everything(&place), &before);
}

#[test]
fn what_cannot_be_used_is_told_with_its_line() {
    let replaced = |from: &str, to: &str| {
        assert!(CONFIG.contains(from), "{from}");
        CONFIG.replacen(from, to, 1).into_bytes()
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            replaced("created", "colour"),
            "line 7 has the unknown key `colour`",
        ),
        (replaced("metric: p50_ms", "metric p50_ms"), "line 3 is not"),
        (replaced("target: t", "# target: t"), "no `target`"),
        (replaced("target: t", "target:"), "no `target`"),
        (
            replaced("evaluate_cmd", "# evaluate_cmd"),
            "no `evaluate_cmd`",
        ),
        (replaced("lower", "down"), "line 4 is `down`"),
        (replaced("^p50_ms:", "^P50 ms:"), "line 5, `P50 ms`"),
        (replaced("^p50_ms:", "^[a-z]+:"), "line 5, `[a-z]+`"),
        (
            b"target: t\nevaluate_cmd: x\nmetric: val-bpb\n".to_vec(),
            "line 3, `val-bpb`",
        ),
        (replaced("minutes: 5", "minutes: 5m"), "line 6 is `5m`"),
        (replaced("minutes: 5", "minutes: -1"), "line 6 is `-1`"),
        (replaced("minutes: 5", "minutes: 0"), "line 6 is `0`"),
        (
            replaced("minutes: 5", "minutes: 99999"),
            "line 6 is `99999`",
        ),
        (replaced("target: t", "target: ../t"), "line 1, `../t`"),
        (
            replaced("target: t", "target: /etc/passwd"),
            "line 1, `/etc/passwd`",
        ),
        (replaced("target: t", "target: .git/config"), "git's own"),
        (
            replaced("target: t", "target: gone"),
            "`gone` does not exist",
        ),
        (
            replaced("target: t", &format!("target: {DIRECTORY}/evaluate.sh")),
            "holds the experiment",
        ),
        (b"target: t\nmetric: \xff\n".to_vec(), "line 2 is not UTF-8"),
        (Vec::new(), "no `target`"),
    ];
    let place = original();
    place.write("t", "short");
    each(cases, |(text, words)| {
        config_of(&place, text);
        let before = everything(&place);
        for arguments in [&["run"][..], &["run", "-x", ID], &["run", "--resume"]] {
            // Of the target it is found out when it is read, which comes after the record.
            let early = !words.contains("does not exist");
            let told = place.run(arguments).fails(3, words);
            assert!(!early || told.stderr.contains("config.cfg"), "{told:#?}");
            assert!(!early || told.stderr.lines().count() == 2, "{told:#?}");
            if early {
                assert_same(&everything(&place), &before);
            }
        }
        // One that is broken does not hide that it is there.
        assert_eq!(place.run(&["list"]).code, 0);
    });
    assert_eq!(place.read("t"), "short");
}

#[test]
fn a_target_that_git_does_not_track_is_told() {
    let place = without_branch(&CONFIG.replace("target: t", "target: new"));
    place.write("new", "new");
    let told = place.run(&["run"]).fails(3, "`new` does not exist");
    assert!(told.stderr.contains("hint: commit"), "{told:#?}");
    assert_eq!(place.read(format!("{DIRECTORY}/journal.jsonl")), "");
    place.git(&["add", "new"]);
    place.git(&["commit", "--quiet", "--message=new"]);
    place.run(&["run"]).fails(3, "nothing to try");
    assert_consistent(&place, ID);
}

#[test]
fn an_old_experiment_may_be_at_home() {
    let place = Place::new(&[
        ("src/t", &"x".repeat(100)),
        (
            "src/check.sh",
            "echo noise\necho \"p50_ms: $(wc -c < src/t)\"\n",
        ),
    ]);
    let home = place.home().join(".autoresearch");
    let project = place.project().canonicalize().unwrap();
    let elsewhere = place.outside("elsewhere");
    outcome(
        place
            .command("git")
            .args(["init", "--quiet"])
            .arg(&elsewhere),
    )
    .succeeds();
    std::fs::create_dir(elsewhere.join("src")).unwrap();
    std::fs::write(elsewhere.join("src/t"), "another").unwrap();
    for (key, value) in [("user.name", "Tester"), ("user.email", "tester@localhost")] {
        outcome(
            place
                .command("git")
                .arg("-C")
                .arg(&elsewhere)
                .args(["config", key, value]),
        )
        .succeeds();
    }
    for arguments in [&["add", "--all"][..], &["commit", "--quiet", "-m", "x"]] {
        outcome(
            place
                .command("git")
                .arg("-C")
                .arg(&elsewhere)
                .args(arguments),
        )
        .succeeds();
    }
    let other = elsewhere.to_str().unwrap().to_owned();
    let directory = home.join(ID);
    for (n, target) in [
        "src/t".to_owned(),
        project.join("src/t").display().to_string(),
    ]
    .iter()
    .enumerate()
    {
        let config = CONFIG
            .replace("target: t", &format!("target: {target}"))
            .replace(&format!("sh {DIRECTORY}/evaluate.sh"), "sh src/check.sh");
        set_up(&place, &home, &config);
        let listed = |path: &str| place.run(&["list", "--path", path]).succeeds();
        assert!(listed(".").contains(ID));
        assert!(listed("src").contains(ID));
        // Before there is a record, a target that is there is all there is to go by.
        assert_eq!(listed(&other).contains(ID), n == 0);
        place.write("src/t", "short");
        let mut command = place.command(PROGRAM);
        command
            .args(["run", "-x", ID])
            .current_dir(place.project().join("src"));
        let judged = outcome(&mut command).succeeds();
        assert!(judged.starts_with("keep: "), "{judged}");
        assert_eq!(
            events(&place, directory.to_str().unwrap()),
            "baseline try keep settled"
        );
        assert_eq!(listed(&other), "");
        let gone = place.run(&["run", "--path", &other, "-x", ID]);
        let code = gone.code;
        assert_eq!(code, 3);
        gone.fails(
            code,
            if n == 0 {
                "no experiment"
            } else {
                "not inside"
            },
        );
        assert!(!place.project().join(".autoresearch").exists());
        // Afresh.
        std::fs::remove_dir_all(&home).unwrap();
        place.git(&["branch", "--quiet", "-D", &format!("autoresearch/{ID}")]);
        place.git(&["checkout", "--quiet", "src/t"]);
    }
}

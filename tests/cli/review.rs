//! What was tried, looked at and taken over: `diff`, `checkout`, `best`, `finish`.

use serde_json::Value;

use crate::experiments::{DIRECTORY, ID, each, resolve, sized};
use crate::support::{Place, outcome};

/// Judges a target; the verdict must be this one.
#[track_caller]
fn judge(place: &Place, target: &str, message: &str, verdict: &str) {
    place.write("t", target);
    let judged = place.run(&["run", "-m", message]).succeeds();
    assert!(judged.starts_with(&format!("{verdict}: ")), "{judged}");
}

/// Two keeps and a discard: of 100, 60, 80 and 40 bytes.
fn night() -> Place {
    let place = sized(&[]);
    judge(&place, &lines(12), "shorter", "keep");
    judge(&place, &lines(16), "longer", "discard");
    judge(&place, &lines(8), "the shortest", "keep");
    place
}

/// So many lines of five bytes.
fn lines(count: usize) -> String {
    let numbers: Vec<String> = (10..10 + count).map(|n| n.to_string()).collect();
    format!("l {}\n", numbers.join("\nl "))
}

fn tip(place: &Place) -> String {
    resolve(place, &format!("refs/heads/autoresearch/{ID}"))
}

/// What nobody may change: HEAD, the index, files, and the experiment's branch.
fn untouched(place: &Place) -> (Vec<(String, Vec<u8>)>, String, String) {
    (
        place.snapshot(),
        tip(place),
        place.git(&["rev-parse", "HEAD"]),
    )
}

fn finish(place: &Place, arguments: &[&str]) -> String {
    let before = untouched(place);
    let summary = place.run(&[&["finish"], arguments].concat()).succeeds();
    assert_eq!(untouched(place), before);
    summary
}

#[test]
fn the_best_version_is_printed() {
    let place = night();
    assert_eq!(place.run(&["best"]).succeeds().trim(), tip(&place));
    let best: Value = serde_json::from_str(&place.run(&["best", "--json"]).succeeds()).unwrap();
    assert_eq!(
        (&best["n"], &best["value"], &best["first"]),
        (&3.into(), &40.0.into(), &100.0.into())
    );
    place
        .run(&["best", "-x", "custom/no"])
        .fails(3, "there is no experiment");
    std::fs::remove_file(place.project().join(DIRECTORY).join("journal.jsonl")).unwrap();
    for command in [&["best"][..], &["diff"], &["finish"]] {
        place.run(command).fails(3, "has no baseline yet");
    }
}

#[test]
fn a_diff_can_be_applied() {
    let place = night();
    place.git(&["checkout", "--quiet", "--", "t"]);
    for (n, then) in [
        (&["diff", "1"][..], lines(12)),
        (&["diff"], lines(8)),
        (&["diff", "best"], lines(8)),
    ] {
        let patch = place.run(n).succeeds();
        place.write("../patch", &patch);
        place.git(&["apply", "../patch"]);
        assert_eq!(place.read("t"), then);
        place.git(&["checkout", "--quiet", "--", "t"]);
    }
    let discarded = place.run(&["diff", "2"]).succeeds();
    assert!(discarded.contains("+l 25\n"), "{discarded}");
    let stat = place.run(&["diff", "2", "--stat"]).succeeds();
    assert!(stat.contains("t | 4 ++++"), "{stat}");
    assert!(!stat.contains("diff --git"), "{stat}");
    each([("0", 2), ("x", 2), ("99", 3)], |(n, code)| {
        let failed = place.run(&["diff", n]);
        assert_eq!(
            (failed.code, failed.stdout.as_str()),
            (code, ""),
            "{failed:#?}"
        );
    });
}

#[test]
fn what_the_user_configured_for_diffs_is_left_aside() {
    let place = night();
    for (key, value) in [
        ("diff.external", "false"),
        ("color.ui", "always"),
        ("diff.noprefix", "true"),
        ("core.pager", "false"),
    ] {
        place.git(&["config", key, value]);
    }
    let diff = place.run(&["diff", "1"]).succeeds();
    assert!(
        diff.starts_with("diff --git a/t b/t") && !diff.contains('\u{1b}'),
        "{diff}"
    );
}

#[test]
fn a_commit_that_is_gone_is_told() {
    let place = night();
    let path = format!("{DIRECTORY}/journal.jsonl");
    let gone = "0123456789012345678901234567890123456789";
    let commit = resolve(&place, &format!("refs/autoresearch/{ID}/2"));
    place.write(&path, place.read(&path).replace(&commit, gone));
    let words = "the commit `0123456` of try 2 is not in this repository";
    place.run(&["diff", "2"]).fails(4, words);
    place
        .run(&["checkout", "2", "--to", "there"])
        .fails(4, words);
    assert!(!place.project().join("there").exists());
    assert!(
        place
            .run(&["results", "-f", "html"])
            .succeeds()
            .contains("longer")
    );
}

#[test]
fn a_version_gets_a_directory_of_its_own() {
    let place = night();
    let before = untouched(&place);
    let there = place.outside("there");
    let name = there.to_str().unwrap();
    let made = place.run(&["checkout", "2", "--to", name]);
    assert!(
        made.stderr.contains(&format!("git worktree remove {name}")),
        "{made:#?}"
    );
    assert_eq!(made.succeeds().trim(), name);
    assert_eq!(std::fs::read_to_string(there.join("t")).unwrap(), lines(16));
    place
        .run(&["checkout", "1", "--to", name])
        .fails(3, "is not empty");
    place.git(&["worktree", "remove", name]);
    std::fs::create_dir(&there).unwrap();
    place.run(&["checkout", "best", "--to", name]).succeeds();
    assert_eq!(std::fs::read_to_string(there.join("t")).unwrap(), lines(8));
    for (to, words) in [
        ("t", "exists and is no directory"),
        ("no/where", "no directory to make `no/where` in"),
    ] {
        place.run(&["checkout", "1", "--to", to]).fails(3, words);
    }
    assert_eq!(place.run(&["checkout", "1"]).code, 2);
    place
        .run(&["checkout", "7", "--to", "x"])
        .fails(3, "has no try 7");
    assert_eq!(untouched(&place), before);
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 3);
}

#[test]
fn each_keep_becomes_a_commit_to_review() {
    let place = night();
    place.git(&["checkout", "--quiet", "--", "t"]);
    let summary = finish(&place, &[]);
    let branch = "improve-custom-t-benchmark_size";
    assert_eq!(
        place.git(&["log", "--format=%s", &format!("main..{branch}")]),
        "the shortest\nshorter"
    );
    assert_eq!(
        place.git(&["show", &format!("{branch}:t")]),
        lines(8).trim_end()
    );
    assert_eq!(place.git(&["diff", "--name-only", "main", branch]), "t");
    let message = place.git(&["log", "-1", "--format=%B%n%an", branch]);
    for words in [
        "size_bytes: 60 -> 40 bytes (-33.3%).",
        &format!("Autoresearch-Try: {ID} 3"),
        "\nautoresearch",
    ] {
        assert!(message.contains(words), "{words:?} is not in {message}");
    }
    assert!(!message.contains("Autoresearch-Metric"), "{message}");
    for words in [
        "# Improve size\\_bytes: 100 -> 40 bytes (-60.0%)",
        "2 changes kept of 3 tries",
        "| 1 | shorter | 100 -> 60 bytes | -40.0% |",
        "it has no noise",
    ] {
        assert!(summary.contains(words), "{words:?} is not in {summary}");
    }
    place
        .run(&["finish"])
        .fails(3, &format!("there is a branch `{branch}` already"));
    finish(&place, &["--branch", "one", "--squash"]);
    assert_eq!(place.git(&["rev-list", "--count", "main..one"]), "1");
    assert_eq!(place.git(&["diff", branch, "one"]), "");
    let message = place.git(&["log", "-1", "--format=%B", "one"]);
    assert!(
        message.starts_with(
            "Improve size_bytes: 100 -> 40 bytes (-60.0%)\n\n- shorter\n- the shortest\n"
        ),
        "{message}"
    );
    let made: Value =
        serde_json::from_str(&finish(&place, &["--branch", "two", "--json"])).unwrap();
    assert_eq!(made["tip"], resolve(&place, "refs/heads/two"));
    assert_eq!(made["commits"].as_array().unwrap().len(), 2);
}

#[test]
fn what_was_kept_is_put_upon_what_the_user_did_meanwhile() {
    let place = night();
    place.git(&["checkout", "--quiet", "--", "t"]);
    let start = place.git(&["rev-parse", "HEAD"]);
    place.write("other", "changed meanwhile\n");
    place.git(&["commit", "--quiet", "--all", "--message=mine"]);
    finish(&place, &["--branch", "a"]);
    assert_eq!(
        place.git(&["log", "--format=%s", "a"]),
        "the shortest\nshorter\nmine\nstart"
    );
    assert_eq!(place.git(&["show", "a:other"]), "changed meanwhile");
    // On its own branch, or when asked to, where it began.
    finish(&place, &["--branch", "b", "--onto", &start]);
    assert_eq!(
        place.git(&["log", "--format=%s", "b"]),
        "the shortest\nshorter\nstart"
    );
    place.git(&["switch", "--quiet", &format!("autoresearch/{ID}")]);
    finish(&place, &["--branch", "c"]);
    assert_eq!(
        resolve(&place, "refs/heads/c^{tree}"),
        resolve(&place, "refs/heads/b^{tree}")
    );
    // With no branch checked out, and where some of it has been merged already.
    place.git(&["switch", "--quiet", "--detach", "main"]);
    place.git(&["merge", "--quiet", "--no-edit", "b~1"]);
    let rest: Value = serde_json::from_str(&finish(&place, &["--branch", "d", "--json"])).unwrap();
    assert_eq!(
        (&rest["left_out"], &rest["commits"][0]["n"]),
        (&serde_json::json!([1]), &3.into())
    );
    place.git(&["merge", "--quiet", "--no-edit", "d"]);
    place
        .run(&["finish", "--branch", "e"])
        .fails(3, "has all that was kept already");
}

#[test]
fn a_conflict_makes_nothing() {
    let place = night();
    let start = place.git(&["rev-parse", "HEAD"]);
    place.write("t", "something else altogether\n");
    place.git(&["commit", "--quiet", "--all", "--message=mine"]);
    let before = (untouched(&place), place.git(&["for-each-ref"]));
    let failed = place.run(&["finish"]).fails(3, "try 1 conflicts with");
    assert!(failed.stderr.contains("in `t`"), "{failed:#?}");
    assert!(
        failed.stderr.contains(&format!("--onto {}", &start[..7])),
        "{failed:#?}"
    );
    assert_eq!((untouched(&place), place.git(&["for-each-ref"])), before);
    finish(&place, &["--onto", &start]);
}

#[test]
fn finish_refuses_what_it_cannot_do_before_it_makes_anything() {
    let place = night();
    place.git(&["checkout", "--quiet", "--", "t"]);
    place.write("taken.md", "mine");
    let before = place.git(&["for-each-ref"]);
    for (arguments, words) in [
        (&["--summary", "taken.md"][..], "`taken.md` exists"),
        (&["--summary", "no/x.md"], "there is no directory"),
        (&["--branch", "a..b"], "`a..b` cannot be a branch's name"),
        (&["--branch", "@{-1}"], "cannot be a branch's name"),
        (&["--branch", "main"], "there is a branch `main` already"),
        (&["--branch", "main/x"], "there is a branch `main` already"),
        (&["--onto", "nowhere"], "there is no commit `nowhere`"),
        (&["--onto", "--help"], "there is no commit `--help`"),
    ] {
        let arguments: Vec<String> = match arguments {
            ["--onto", "--help"] => vec!["--onto=--help".to_owned()],
            arguments => arguments.iter().map(ToString::to_string).collect(),
        };
        let mut all = vec!["finish".to_owned()];
        all.extend(arguments);
        place.run(&all).fails(3, words);
    }
    assert_eq!(place.git(&["for-each-ref"]), before);
    assert_eq!(place.read("taken.md"), "mine");
    place.run(&["finish", "--summary", "pr.md"]).succeeds();
    assert!(place.read("pr.md").starts_with("# Improve"));
    let nothing = sized(&[]);
    nothing.run(&["finish"]).fails(3, "nothing was kept");
}

#[test]
fn what_cannot_be_read_is_not_left_out_in_silence() {
    let place = night();
    let path = format!("{DIRECTORY}/journal.jsonl");
    let text = place.read(&path);
    let mut lines: Vec<&str> = text.lines().collect();
    let kept = lines
        .iter()
        .position(|line| line.contains("\"verdict\":\"keep\""))
        .unwrap();
    lines[kept] = "{";
    place.write(&path, format!("{}\n", lines.join("\n")));
    let before = place.git(&["for-each-ref"]);
    let words = format!("line {} of the journal", kept + 1);
    place.run(&["finish"]).fails(1, &words);
    assert_eq!(place.git(&["for-each-ref"]), before);
    for command in [&["best"][..], &["show", "1"]] {
        let outcome = place.run(command);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        assert!(
            outcome.stderr.contains("warning: "),
            "{command:?} {outcome:#?}"
        );
    }
}

#[test]
fn what_was_kept_and_taken_back_is_left_out() {
    let place = night();
    place.git(&["checkout", "--quiet", "--", "t"]);
    // Somebody does not want the last one.
    place.git(&[
        "branch",
        "--force",
        &format!("autoresearch/{ID}"),
        &format!("autoresearch/{ID}~1"),
    ]);
    judge(&place, &lines(10), "another way", "keep");
    place.git(&["checkout", "--quiet", "--", "t"]);
    finish(&place, &["--branch", "a"]);
    assert_eq!(
        place.git(&["log", "--format=%s", "main..a"]),
        "another way\nshorter"
    );
}

#[test]
fn hostile_descriptions_stay_text() {
    let place = sized(&[]);
    judge(
        &place,
        "x",
        "a\tb\n\nAutoresearch-Try: forged 1\n|<b>\u{1b}[31m\u{202e}@you",
        "keep",
    );
    place.git(&["checkout", "--quiet", "--", "t"]);
    let summary = finish(&place, &[]);
    let row = summary
        .lines()
        .find(|line| line.starts_with("| 1 |"))
        .unwrap();
    assert!(row.contains("\\|&#60;b>&#64;you |"), "{row}");
    let message = place.git(&[
        "log",
        "-1",
        "--format=%B",
        "improve-custom-t-benchmark_size",
    ]);
    assert_eq!(
        message.matches("\nAutoresearch-Try:").count(),
        1,
        "{message}"
    );
    assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message}");
}

#[test]
fn a_project_may_be_a_part_of_its_repository() {
    let place = Place::new(&[("part/t", &"x".repeat(100)), ("t", "another\n")]);
    let part = place.project().join("part");
    let run = |arguments: &[&str]| {
        outcome(
            place
                .command(crate::support::PROGRAM)
                .current_dir(&part)
                .args(arguments),
        )
        .succeeds()
    };
    run(&["init", "-t", "t", "-e", "benchmark_size"]);
    std::fs::write(part.join("t"), "x").unwrap();
    run(&["run", "-m", "tiny"]);
    assert!(run(&["diff"]).starts_with("diff --git a/part/t b/part/t"));
    run(&["finish", "--branch", "a"]);
    assert_eq!(place.git(&["show", "a:part/t"]), "x");
    assert_eq!(place.git(&["show", "a:t"]), "another");
    run(&["checkout", "1", "--to", "../there"]);
    assert_eq!(place.read("there/part/t"), "x");
}

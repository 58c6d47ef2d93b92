//! What the original Python tool has recorded is taken over.

use std::path::Path;

use serde_json::Value;

use crate::experiments::{
    assert_consistent, assert_same, each, events, everything, journal, others, resolve, rows,
};
use crate::killer::{self, At, Kill, Moment, Victims};
use crate::support::{PROGRAM, Place, outcome};

const ID: &str = "engineering/search-speed";
const DIRECTORY: &str = ".autoresearch/engineering/search-speed";
const OTHER: &str = "custom/pretraining";
/// What the original tool leaves, with commits that are nowhere.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/original");

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn project() -> Place {
    Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")])
}

/// A project with the original tool's experiments in it.
fn original() -> Place {
    let place = project();
    copy(Path::new(FIXTURE), &place.project().join(".autoresearch"));
    place
}

fn fixture(path: &str) -> String {
    std::fs::read_to_string(Path::new(FIXTURE).join(path)).unwrap()
}

/// An experiment of the original tool's with this table.
fn with_table(text: impl AsRef<[u8]>) -> Place {
    let place = original();
    place.write(format!("{DIRECTORY}/results.tsv"), text);
    place
}

/// The start of a commit's id, made at a time in seconds, with a target of this length.
fn commit(place: &Place, length: usize, time: u64) -> String {
    place.write("t", "x".repeat(length));
    let mut git = place.command("git");
    git.env("GIT_COMMITTER_DATE", format!("{time} +0000"));
    outcome(git.args(["commit", "--quiet", "--all", "--message=change"])).succeeds();
    place.git(&["rev-parse", "--short=7", "HEAD"])
}

/// As the original tool leaves it: keeps are on the branch, what it threw away is somewhere, and the
/// user is elsewhere. A target of 80 bytes is the best.
fn with_history() -> (Place, [String; 4]) {
    let place = original();
    let branch = format!("autoresearch/{ID}");
    place.git(&["switch", "--quiet", "--create", &branch]);
    let first = place.git(&["rev-parse", "--short=7", "HEAD"]);
    let kept = commit(&place, 80, 1_600_000_000);
    let crashed = commit(&place, 85, 1_900_000_000);
    place.git(&["reset", "--quiet", "--hard", &kept]);
    let thrown_away = commit(&place, 90, 1_700_000_000);
    place.git(&["reset", "--quiet", "--hard", &kept]);
    place.git(&["switch", "--quiet", "main"]);
    let table = format!(
        "commit\tmetric\tstatus\tdescription\n\
         {first}\t100.000000\tkeep\tbaseline\n\
         {kept}\t80.000000\tkeep\tlook a name up once\n\
         {crashed}\tN/A\tcrash\tmisses a bracket\n\
         {thrown_away}\t90.000000\tdiscard\tsort first\n"
    );
    place.write(format!("{DIRECTORY}/results.tsv"), table);
    (place, [first, kept, crashed, thrown_away])
}

fn record<'a>(records: &'a [Value], event: &str, n: u64) -> &'a Value {
    records
        .iter()
        .find(|record| record["event"] == event && record["n"] == n)
        .unwrap()
}

#[test]
fn results_of_the_original_are_taken_over() {
    let place = original();
    let before = place.snapshot();
    let told = place.run(&["import"]);
    assert!(
        told.stderr
            .contains("of 4 rows, the commit is not in this repository"),
        "{told:#?}"
    );
    assert_eq!(
        told.succeeds(),
        "custom/pretraining: 4 rows: the baseline, 1 kept, 1 discarded, 1 crashed; val_bpb 0.9979 -> 0.9932 (-0.5%)\n\
         engineering/search-speed: 4 rows: the baseline, 1 kept, 1 discarded, 1 crashed; p50_ms 100 -> 80 (-20.0%)\n"
    );
    assert_eq!(place.snapshot(), before);
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try keep settled try crash settled try discard settled"
    );
    let old = place.read(format!("{DIRECTORY}/results.tsv.old"));
    assert_eq!(old, fixture("engineering/search-speed/results.tsv"));
    let now: Vec<String> = rows(&place, DIRECTORY)
        .iter()
        .map(|row| row.join("\t"))
        .collect();
    assert_eq!(now, old.lines().skip(1).collect::<Vec<_>>());
    let listed = place.run(&["list"]).succeeds();
    assert!(listed.contains("p50_ms 100 -> 80 (-20.0%)"), "{listed}");
    let shown = place.run(&["show", "1", "-x", ID]).succeeds();
    for words in [
        "try 1      look a name up once",
        "verdict    keep: imported from results.tsv",
        "p50_ms     80",
        "commit     2b3c4d5, not in this repository",
    ] {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
    assert!(!shown.contains("ref "), "{shown}");
    // The descendant's table has another column, and its crash has a zero.
    let other = format!(".autoresearch/{OTHER}");
    let records = journal(&place, &other);
    assert_eq!(records[0]["diagnostics"][0]["message"], "as it came");
    assert_eq!(record(&records, "verdict", 3)["verdict"], "crash");
    assert_eq!(record(&records, "verdict", 3)["value"], Value::Null);

    let again = everything(&place);
    let told = place.run(&["import"]);
    assert!(
        told.stderr.contains("there is nothing to import"),
        "{told:#?}"
    );
    assert_eq!(told.succeeds(), "");
    assert_eq!(place.run(&["import", "--json"]).succeeds(), "[]\n");
    place
        .run(&["import", "-x", ID])
        .fails(3, "it has a journal with records already");
    assert_same(&everything(&place), &again);
}

#[test]
fn commits_that_are_there_are_kept_and_tell_the_time() {
    let (place, [first, kept, crashed, thrown_away]) = with_history();
    let before = place.snapshot();
    place.run(&["import", "-x", ID]).succeeds();
    assert_eq!(place.snapshot(), before);
    for (n, commit) in [&kept, &crashed, &thrown_away].iter().enumerate() {
        let reference = format!("refs/autoresearch/{ID}/{}", n + 1);
        assert_eq!(resolve(&place, &reference), resolve(&place, commit));
    }
    place.git(&["reflog", "expire", "--expire=all", "--all"]);
    place.git(&["gc", "--quiet", "--prune=now"]);
    resolve(&place, &format!("{thrown_away}^{{commit}}"));
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["commit"], resolve(&place, &first));
    let [kept, thrown_away] = [kept, thrown_away].map(|commit| resolve(&place, &commit));
    assert_eq!(
        record(&records, "try", 1)["parent"],
        resolve(&place, &first)
    );
    assert_eq!(record(&records, "try", 1)["commit"], kept);
    assert_eq!(record(&records, "try", 3)["parent"], kept);
    assert_eq!(record(&records, "try", 3)["commit"], thrown_away);
    // They never run backwards, and are not in the future.
    let times: Vec<&str> = records
        .iter()
        .map(|record| record["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let now = humantime_now(&place);
    assert!(times.iter().all(|time| *time <= now.as_str()), "{times:?}");
    let shown = place.run(&["show", "3", "-x", ID]).succeeds();
    assert!(
        shown.contains(&format!("commit     {}", &thrown_away[..7])) && shown.contains("ref "),
        "{shown}"
    );
}

#[test]
fn what_was_imported_can_be_looked_at_and_finished() {
    let (place, [_, kept, _, thrown_away]) = with_history();
    place.run(&["import", "-x", ID]).succeeds();
    let best = resolve(&place, &kept);
    let shown = place.run(&["best", "-x", ID]).succeeds();
    assert_eq!(shown.trim(), best);
    let diff = place.run(&["diff", "3", "-x", ID]).succeeds();
    assert!(diff.contains(&format!("+{}", "x".repeat(90))), "{diff}");
    let shown = place.run(&["show", "3", "-x", ID]).succeeds();
    let whole = resolve(&place, &thrown_away);
    assert!(shown.contains(&format!("commit     {whole}")), "{shown}");
    for format in ["terminal", "csv", "markdown", "json", "html"] {
        let results = place.run(&["results", "-x", ID, "-f", format]).succeeds();
        assert!(results.contains("look a name up once"), "{results}");
    }
    let results = place.run(&["results", "-x", ID]).succeeds();
    assert!(results.contains("100 -> 80 (-20.0%), try 1"), "{results}");
    place
        .run(&["finish", "-x", ID, "--branch", "finished"])
        .succeeds();
    assert_eq!(place.git(&["show", "finished:t"]), "x".repeat(80));
}

#[test]
fn what_is_nowhere_is_told_by_whatever_needs_it() {
    let place = with_table(
        "1234567\t100\tkeep\tbaseline\n2345678\t90\tkeep\tx\nHEAD\t95\tdiscard\t\u{1b}[31my\n",
    );
    place.run(&["import", "-x", ID]).succeeds();
    let before = place.snapshot();
    for (command, words) in [
        (&["diff", "1"][..], "of try 1 is not in this repository"),
        (&["diff", "2"], "is not in this repository"),
        (
            &["checkout", "1", "--to", "../there"],
            "is not in this repository",
        ),
        (&["finish"], "is not in this repository"),
    ] {
        place.run(&[command, &["-x", ID]].concat()).fails(4, words);
    }
    assert_eq!(place.snapshot(), before);
    let shown = place.run(&["show", "2", "-x", ID]).succeeds();
    assert!(shown.contains("commit     unknown"), "{shown}");
    for format in ["terminal", "csv", "markdown", "html"] {
        let results = place.run(&["results", "-x", ID, "-f", format]).succeeds();
        assert!(!results.contains('\u{1b}'), "{results}");
    }
    place.run(&["run", "-x", ID, "--dry-run"]).succeeds();
}

/// The time as the journal writes it, after whatever was written before.
fn humantime_now(place: &Place) -> String {
    let printed = outcome(
        place
            .command("date")
            .args(["-u", "+%Y-%m-%dT%H:%M:%S.999Z"]),
    );
    printed.succeeds().trim_end().to_owned()
}

#[test]
fn runs_go_on_from_what_was_imported() {
    let (place, [_, kept, ..]) = with_history();
    place.run(&["import", "-x", ID]).succeeds();
    let before = others(&place);
    let tip = resolve(&place, &kept);
    let shown = place.run(&["run", "-x", ID, "--dry-run"]).succeeds();
    assert!(shown.contains("measure the baseline, then"), "{shown}");
    place.write("t", "x".repeat(70));
    let judged = place.run(&["run", "--single", "-x", ID, "-m", "shorter"]);
    for (words, is_there) in [
        ("the best value so far is imported", true),
        ("baseline: p50_ms 80", true),
        ("earlier results", false),
        ("branch", true),
        ("was moved", false),
        ("settings differ", false),
    ] {
        assert_eq!(
            judged.stderr.contains(words),
            is_there,
            "{words}: {judged:#?}"
        );
    }
    assert!(judged.succeeds().starts_with("keep: "));
    assert_same(&others(&place), &before);
    assert!(
        events(&place, DIRECTORY).ends_with("discard settled baseline try keep settled"),
        "{}",
        events(&place, DIRECTORY)
    );
    let records = journal(&place, DIRECTORY);
    assert_eq!(record(&records, "try", 4)["parent"], tip);
    let branch = format!("refs/heads/autoresearch/{ID}");
    assert_eq!(resolve(&place, &format!("{branch}^")), tip);
    assert_eq!(
        resolve(&place, &branch),
        resolve(&place, &format!("refs/autoresearch/{ID}/4"))
    );
    let listed = place.run(&["list"]).succeeds();
    assert!(
        listed.contains("p50_ms -12.5% (70 when kept, 80 at the start)"),
        "{listed}"
    );
    let shown = place.run(&["show", "2", "-x", ID]).succeeds();
    assert!(shown.contains("misses a bracket"), "{shown}");
    place.write("t", "x".repeat(75));
    let worse = place.run(&["run", "-x", ID]).succeeds();
    assert!(worse.starts_with("discard: "), "{worse}");
    assert_eq!(place.read("t").len(), 70);
}

/// The prompt of the next proposal has the imported tries in it.
#[test]
fn agents_are_told_what_was_imported() {
    let (place, _) = with_history();
    place.run(&["import", "-x", ID]).succeeds();
    let shown = place
        .run(&["run", "-x", ID, "--agent-command", "true", "--dry-run"])
        .succeeds();
    for words in ["look a name up once", "misses a bracket", "sort first"] {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
}

#[test]
fn runs_go_on_where_the_best_version_is_gone() {
    for has_branch in [false, true] {
        let place = original();
        let branch = format!("autoresearch/{ID}");
        if has_branch {
            place.git(&["switch", "--quiet", "--create", &branch]);
            commit(&place, 60, 1_700_000_000);
            place.git(&["switch", "--quiet", "main"]);
        }
        let start = resolve(&place, if has_branch { &branch } else { "HEAD" });
        place.run(&["import", "-x", ID]).succeeds();
        let length = if has_branch { 60 } else { 100 };
        place.write("t", "x".repeat(50));
        let judged = place.run(&["run", "-x", ID]);
        let told = [
            "is not in this repository: going on from the branch".to_owned(),
            format!("baseline: p50_ms {length}"),
        ];
        for words in told {
            assert!(judged.stderr.contains(&words), "{words:?}: {judged:#?}");
        }
        assert!(!judged.stderr.contains("warning"), "{judged:#?}");
        judged.succeeds();
        assert_eq!(resolve(&place, &format!("{branch}^")), start);
        let records = journal(&place, DIRECTORY);
        assert_eq!(record(&records, "try", 4)["parent"], start);
        place.write("t", "x".repeat(55));
        let worse = place.run(&["run", "-x", ID]).succeeds();
        assert!(worse.starts_with("discard: "), "{worse}");
    }
}

#[test]
fn a_definition_of_ones_own_goes_on_from_the_originals_results() {
    let place = original();
    place.git(&["branch", &format!("autoresearch/{ID}")]);
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        "version = 1\ntarget = [\"t\"]\n[objective]\nevaluator = \"benchmark_size\"\n",
    );
    place.run(&["import", "-x", ID]).succeeds();
    assert_eq!(journal(&place, DIRECTORY)[0]["metric"], "p50_ms");
    place.write("t", "short");
    place.run(&["run", "-x", ID]).succeeds();
    assert!(events(&place, DIRECTORY).ends_with("settled baseline try keep settled"));
}

#[test]
fn a_run_says_that_earlier_results_can_be_imported() {
    let place = original();
    let words = format!("`autoresearch import -x {ID}`");
    let told = |arguments: &[&str]| place.run(arguments).stderr.matches(&words).count();
    assert_eq!(told(&["run", "-x", ID, "--dry-run"]), 1);
    place.write(format!("{DIRECTORY}/lib/size.sh"), "exit 1\n");
    // The table is put aside, and nothing is recorded.
    let failed = place.run(&["run", "-x", ID]).fails(6, "the baseline");
    assert_eq!(failed.stderr.matches(&words).count(), 1, "{failed:#?}");
    assert_eq!(rows(&place, DIRECTORY).len(), 0);
    let imported = place.run(&["import", "-x", ID]).succeeds();
    assert!(imported.contains("100 -> 80"), "{imported}");
    assert!(
        !place
            .project()
            .join(DIRECTORY)
            .join("results.tsv.old.2")
            .exists()
    );

    let place = original();
    let told = |arguments: &[&str]| place.run(arguments).stderr.matches(&words).count();
    place.write("t", "short");
    assert_eq!(told(&["run", "-x", ID]), 1);
    place.write("t", "x");
    assert_eq!(told(&["run", "-x", ID]), 0);
    assert_consistent(&place, ID);
    let refused = place.run(&["import", "-x", ID]).fails(3, "records already");
    assert!(refused.stderr.contains("move its `journal.jsonl` away"));
    // As the hint says.
    std::fs::remove_file(place.project().join(DIRECTORY).join("journal.jsonl")).unwrap();
    let (first, second) = (
        resolve(&place, &format!("refs/autoresearch/{ID}/1")),
        resolve(&place, &format!("refs/autoresearch/{ID}/2")),
    );
    place.run(&["import", "-x", ID]).succeeds();
    // The table of the lost record is the newest one; its candidates stay reachable.
    let refs = place.git(&[
        "for-each-ref",
        "--format=%(objectname)",
        "refs/autoresearch",
    ]);
    assert!(refs.contains(&first) && refs.contains(&second), "{refs}");
    assert_eq!(rows(&place, DIRECTORY).len(), 3);
}

#[test]
fn candidates_of_a_lost_record_stay_reachable() {
    let (place, [first, ..]) = with_history();
    let lost = format!("refs/autoresearch/{ID}/2");
    place.git(&["update-ref", &lost, &first]);
    place.run(&["import", "-x", ID]).succeeds();
    assert_eq!(resolve(&place, &lost), resolve(&place, &first));
    let records = journal(&place, DIRECTORY);
    let numbers: Vec<&Value> = records
        .iter()
        .filter(|record| record["event"] == "try")
        .map(|record| &record["n"])
        .collect();
    assert_eq!(numbers, [3, 4, 5]);
    for n in [3, 4, 5] {
        let candidate = record(&records, "try", n)["commit"].as_str().unwrap();
        let reference = format!("refs/autoresearch/{ID}/{n}");
        assert_eq!(resolve(&place, &reference), candidate);
    }
}

#[test]
fn tables_of_any_form_are_read() {
    let whole = fixture("engineering/search-speed/results.tsv");
    let same: Vec<Vec<u8>> = vec![
        whole.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{whole}").into_bytes(),
        whole.trim_end().as_bytes().to_vec(),
        whole.split_once('\n').unwrap().1.as_bytes().to_vec(),
        whole.replace('\n', "\n\n").into_bytes(),
        whole.replace("once", "once\tand\tmore").into_bytes(),
        whole.replace("\tN/A\t", "\tnan\t").into_bytes(),
    ];
    each(same, |text| {
        let place = with_table(&text);
        let told = place.run(&["import", "-x", ID]);
        assert!(!told.stderr.contains("warning"), "{told:#?}");
        assert!(told.succeeds().contains("100 -> 80"));
        assert_eq!(rows(&place, DIRECTORY).len(), 4);
        let old = place.project().join(DIRECTORY).join("results.tsv.old");
        assert_eq!(std::fs::read(old).unwrap(), text);
    });
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let place = with_table(
        b"commit\tmetric\tstatus\tdescription\n\
        HEAD\t7\tkeep\tcaf\xe9 \x1b[31mred\n\
        short\n\
        1a2b3c4\tinf\tkeep\tx\n\
        1a2b3c4\t0\tkeep\tnothing left\n\
        1a2b3c4\t1\tkep\x1b[31mt\tx\n\
        1a2b3c4\tN/A\tkeep\tx\n\
        1a2b3c4\tx\tdiscard\tx\n\
        1a2b3c4\n\
        1a2b3c4\n",
    );
    let told = place.run(&["import", "-x", ID]);
    let warnings: Vec<&str> = told
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("warning: {ID}: ")))
        .collect();
    assert_eq!(
        warnings,
        [
            "line 3 of results.tsv is left out: it has too few columns",
            "line 4 of results.tsv is left out: `inf` is no finite number",
            "line 6 of results.tsv is left out: `kept` is no status",
            "line 7 of results.tsv is left out: it is a keep without a value",
            "line 8 of results.tsv is left out: `x` is no finite number",
            "2 more lines of results.tsv are left out",
        ]
    );
    // A metric of 0 is a number.
    assert!(told.succeeds().contains("2 rows: the baseline, 1 kept"));
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["commit"], "0".repeat(40));
    assert_eq!(records[0]["diagnostics"][0]["message"], "caf\u{fffd} red");
    assert_eq!(record(&records, "verdict", 1)["value"], 0.0);
}

#[test]
fn history_is_not_judged_again() {
    let place = with_table(
        "a1\tN/A\tcrash\tbefore there was a value\n\
         1a2b3c4\t10\tdiscard\tfirst\n\
         2b3c4d5\t20\tkeep\tworse\n\
         --all\tN/A\tdiscard\t\n",
    );
    let imported = place.run(&["import", "-x", ID, "--json"]).succeeds();
    let imported: Value = serde_json::from_str(&imported).unwrap();
    let expected = serde_json::json!([{
        "experiment": ID, "copied": false, "rows": 4, "keeps": 1, "discards": 1, "crashes": 1,
        "metric": "p50_ms", "first": 10.0, "best": 20.0, "commit": "2b3c4d5",
        "rows_with_commit": 0, "skipped": 0, "skipped_first": [],
    }]);
    assert_eq!(imported, expected);
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try crash settled try keep settled try discard settled"
    );
    let records = journal(&place, DIRECTORY);
    assert_eq!(record(&records, "try", 1)["commit"], "0".repeat(40));
    assert_eq!(record(&records, "try", 3)["parent"], "2b3c4d5");
    assert_eq!(record(&records, "try", 3)["description"], "try 3");
    let shown = place.run(&["show", "1", "-x", ID]).succeeds();
    assert!(shown.contains("commit     unknown"), "{shown}");
}

#[test]
fn nothing_to_import_is_no_failure_unless_it_was_named() {
    let header = "commit\tmetric\tstatus\tdescription\n";
    for (table, words) in [
        (None, "no `results.tsv` with rows"),
        (Some(String::new()), "no `results.tsv` with rows"),
        (Some(header.to_owned()), "no `results.tsv` with rows"),
        (Some("nonsense\n".to_owned()), "no `results.tsv` with rows"),
        (
            Some(format!("{header}1a2b3c4\tN/A\tcrash\tx\n")),
            "no row of its `results.tsv` has a value",
        ),
    ] {
        let place = original();
        std::fs::remove_dir_all(place.project().join(".autoresearch/custom")).unwrap();
        let path = format!("{DIRECTORY}/results.tsv");
        std::fs::remove_file(place.project().join(&path)).unwrap();
        if let Some(table) = table {
            place.write(&path, table);
        }
        let before = everything(&place);
        assert_eq!(place.run(&["import"]).succeeds(), "");
        place.run(&["import", "-x", ID]).fails(3, words);
        assert_same(&everything(&place), &before);
    }
    let place = project();
    let told = place.run(&["import"]);
    assert!(
        told.stderr.contains("there is nothing to import"),
        "{told:#?}"
    );
    place.run(&["import", "-x", ID]).fails(3, "no experiment");
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    assert_eq!(place.run(&["import"]).succeeds(), "");
    place
        .run(&["import", "-x", "custom/t-benchmark_size"])
        .fails(3, "not the original tool's");
}

#[test]
fn one_that_cannot_be_imported_does_not_keep_others_from_it() {
    let place = original();
    place.write(
        ".autoresearch/custom/pretraining/config.cfg",
        "colour: red\n",
    );
    let told = place.run(&["import"]);
    assert_eq!(told.code, 3, "{told:#?}");
    assert!(told.stdout.starts_with(ID), "{told:#?}");
    assert!(told.stderr.contains("unknown key `colour`"), "{told:#?}");
    assert!(
        !place
            .project()
            .join(".autoresearch/custom/pretraining/journal.jsonl")
            .exists()
    );
}

#[test]
fn one_at_home_is_imported_where_its_commits_are() {
    let (place, _) = with_history();
    let home = place.home().join(".autoresearch");
    std::fs::rename(place.project().join(".autoresearch"), &home).unwrap();
    std::fs::remove_dir_all(home.join("custom")).unwrap();
    let elsewhere = place.outside("elsewhere");
    outcome(
        place
            .command("cp")
            .arg("-r")
            .arg(place.project())
            .arg(&elsewhere),
    )
    .succeeds();
    for name in [".git", "other"] {
        let _ = std::fs::remove_dir_all(elsewhere.join(name));
    }
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message=x"],
    ] {
        outcome(place.command("git").current_dir(&elsewhere).args(arguments)).succeeds();
    }
    let there = elsewhere.to_str().unwrap();
    let told = place.run(&["import", "--path", there]);
    assert!(
        told.stderr.contains("perhaps about another project"),
        "{told:#?}"
    );
    assert_eq!(told.succeeds(), "");
    let imported = place.run(&["import"]).succeeds();
    assert!(imported.starts_with(ID), "{imported}");
    // Now it is known whose it is.
    assert_eq!(place.run(&["list", "--path", there]).succeeds(), "");
    assert!(place.run(&["list"]).succeeds().contains("100 -> 80"));
}

#[test]
fn another_project_s_experiments_are_copied_first() {
    for within in [false, true] {
        let place = project();
        let from = place.outside("from");
        let tree = if within {
            from.join(".autoresearch")
        } else {
            from.clone()
        };
        copy(Path::new(FIXTURE), &tree);
        let source = tree.join(ID);
        for (name, text) in [
            ("journal.jsonl", "not a journal\n"),
            ("lock", ""),
            ("runs/0001/candidate.log", "x"),
            ("results.tsv.old", "older\n"),
        ] {
            std::fs::create_dir_all(source.join(name).parent().unwrap()).unwrap();
            std::fs::write(source.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", source.join("secret")).unwrap();
        std::os::unix::fs::symlink(&from, source.join("lib/up")).unwrap();
        outcome(place.command("mkfifo").arg(source.join("queue"))).succeeds();
        std::os::unix::fs::symlink(tree.join("engineering"), tree.join("linked")).unwrap();
        let before = place.snapshot();
        let told = place.run(&["import", "--from", from.to_str().unwrap()]);
        for (name, why) in [
            ("secret", "symbolic link"),
            ("lib/up", "symbolic link"),
            ("queue", "no regular file"),
            ("linked", "symbolic link"),
        ] {
            assert!(
                told.stderr
                    .lines()
                    .any(|line| line.contains(name) && line.contains(why)),
                "{name}: {told:#?}"
            );
        }
        let imported = told.succeeds();
        assert_eq!(imported.lines().count(), 2, "{imported}");
        assert!(imported.contains("100 -> 80"), "{imported}");
        assert_eq!(place.snapshot(), before);
        let directory = place.project().join(DIRECTORY);
        for name in ["config.cfg", "evaluate.sh", "lib/size.sh", "program.md"] {
            assert_eq!(
                std::fs::read(directory.join(name)).unwrap(),
                std::fs::read(source.join(name)).unwrap(),
                "{name}"
            );
        }
        for name in [
            "run.log",
            "runs",
            "secret",
            "lib/up",
            "queue",
            "../.search-speed.import",
        ] {
            assert!(directory.join(name).symlink_metadata().is_err(), "{name}");
        }
        assert_eq!(
            place.read(format!("{DIRECTORY}/results.tsv.old")),
            "older\n"
        );
        assert!(directory.join("results.tsv.old.2").is_file());
        assert!(
            place
                .read(".autoresearch/.gitignore")
                .contains("results.tsv")
        );
        place.write("t", "short");
        place.run(&["run", "-x", ID]).succeeds();
        // What was copied is as it was.
        assert_eq!(
            std::fs::read_to_string(source.join("results.tsv")).unwrap(),
            fixture("engineering/search-speed/results.tsv")
        );
    }
}

#[test]
fn nothing_is_copied_where_not_all_can_be() {
    let place = project();
    let from = place.outside("from");
    copy(Path::new(FIXTURE), &from);
    let from = from.to_str().unwrap().to_owned();
    let import = ["import", "--from", from.as_str()];
    place.write(format!("{DIRECTORY}/notes"), "taken");
    let before = everything(&place);
    place
        .run(&import)
        .fails(3, &format!("the name `{ID}` is taken here"));
    place
        .run(&[&import[..], &["-x", "custom/none"]].concat())
        .fails(3, "there is no experiment `custom/none`");
    place
        .run(&["import", "--from", "nowhere"])
        .fails(3, "is no directory");
    assert_same(&everything(&place), &before);
    let config = Path::new(&from).join(ID).join("config.cfg");
    std::fs::write(&config, "target: /etc/passwd\nevaluate_cmd: true\n").unwrap();
    std::fs::remove_dir_all(place.project().join(".autoresearch")).unwrap();
    let before = everything(&place);
    place.run(&import).fails(3, "not inside the project");
    assert_same(&everything(&place), &before);
    // The other one can be.
    let imported = place
        .run(&[&import[..], &["-x", OTHER]].concat())
        .succeeds();
    assert!(imported.starts_with(OTHER), "{imported}");
    assert!(!place.project().join(DIRECTORY).exists());
    // Without results there is still the experiment.
    std::fs::write(&config, fixture("engineering/search-speed/config.cfg")).unwrap();
    std::fs::remove_file(config.with_file_name("results.tsv")).unwrap();
    let copied = place.run(&[&import[..], &["-x", ID]].concat()).succeeds();
    assert!(copied.contains("copied, without results"), "{copied}");
    assert!(place.run(&["list"]).succeeds().contains(ID));
    let empty = place.outside("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(
        place
            .run(&["import", "--from", empty.to_str().unwrap()])
            .succeeds(),
        ""
    );
}

#[test]
fn it_waits_for_nobody_for_long() {
    let place = original();
    let lock = place.project().join(DIRECTORY).join("lock");
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let before = everything(&place);
    place.run(&["import", "-x", ID]).fails(7, "another run");
    assert_same(&everything(&place), &before);
}

/// Killed before or after any of its calls, nothing is lost, and importing again does all of it once.
#[test]
fn killed_at_any_instant_it_can_be_done_again() {
    let import = |place: &Place, kill: Option<Kill>| {
        let mut command = place.command(PROGRAM);
        command
            .args(["import", "-x", ID])
            .stderr(std::process::Stdio::null());
        killer::run(command.stdout(std::process::Stdio::null()), kill)
    };
    let (place, _) = with_history();
    let whole = import(&place, None);
    assert_eq!(whole.code, Some(0), "{whole:#?}");
    assert!(whole.calls.len() > 8, "{whole:#?}");
    let names = |place: &Place| {
        let mut names: Vec<_> = std::fs::read_dir(place.project().join(DIRECTORY))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let expected = names(&place);
    each(0..whole.calls.len(), |at| {
        let (place, _) = with_history();
        let table = place.read(format!("{DIRECTORY}/results.tsv"));
        let before = others(&place);
        let moment = if at % 2 == 0 {
            Moment::Before
        } else {
            Moment::After
        };
        let kill = Kill {
            at: At::Number(at),
            moment,
            victims: Victims::Group,
        };
        import(&place, Some(kill));
        let again = place.run(&["import"]);
        assert_eq!(again.code, 0, "{:?}: {again:#?}", whole.calls[at]);
        assert_eq!(place.read(format!("{DIRECTORY}/results.tsv.old")), table);
        assert_eq!(
            events(&place, DIRECTORY),
            "baseline try keep settled try crash settled try discard settled"
        );
        assert_eq!(record(&journal(&place, DIRECTORY), "try", 1)["n"], 1);
        let refs = place.git(&["for-each-ref", &format!("refs/autoresearch/{ID}")]);
        assert_eq!(refs.lines().count(), 3, "{refs}");
        // What was left for the table to be rebuilt, the next run does.
        place.write("t", "x".repeat(80));
        place.run(&["run", "-x", ID]).fails(3, "nothing to try");
        place.write("t", "x".repeat(100));
        assert_eq!(rows(&place, DIRECTORY).len(), 5);
        // And nothing is left over, but for the logs of that run.
        let left: Vec<_> = names(&place);
        let left = left.iter().filter(|name| *name != "runs");
        assert!(left.eq(&expected), "{:?}", names(&place));
        assert_same(&others(&place), &before);
    });
}

#[test]
fn a_full_disk_changes_nothing() {
    let place = with_table(
        std::iter::once("commit\tmetric\tstatus\tdescription\n".to_owned())
            .chain((0..100).map(|n| format!("1a2b3c4\t{n}\tdiscard\tx\n")))
            .collect::<String>(),
    );
    let before = everything(&place);
    let limited = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" import -x {ID}");
    let full = outcome(place.command("sh").args(["-c", &limited, PROGRAM]));
    full.fails(1, "journal.jsonl");
    assert_same(&everything(&place), &before);
    place.run(&["import", "-x", ID]).succeeds();
    assert_eq!(rows(&place, DIRECTORY).len(), 100);
}

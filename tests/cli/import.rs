//! The original tool's results, read into the journal.

use std::path::Path;

use serde_json::Value;

use crate::experiments::{assert_same, events, everything, journal, resolve};
use crate::support::Place;

const ID: &str = "engineering/search-speed";
const DIRECTORY: &str = ".autoresearch/engineering/search-speed";
const HEADER: &str = "commit\tmetric\tstatus\tdescription\n";

const CONFIG: &str = "\
target: t
evaluate_cmd: sh .autoresearch/engineering/search-speed/evaluate.sh
metric: p50_ms
metric_direction: lower
metric_grep: ^p50_ms:
time_budget_minutes: 5
created: 2026-03-13 08:22
";

fn set_up(place: &Place, root: &Path, table: &str) {
    let directory = root.join(ID);
    for (name, text) in [
        ("config.cfg", CONFIG),
        ("evaluate.sh", "echo \"p50_ms: $(wc -c < t)\"\n"),
        ("program.md", "# autoresearch\n\n## Goal\nLower it.\n"),
        ("results.tsv", table),
        ("run.log", "p50_ms: 90\n"),
    ] {
        place.write(directory.join(name), text);
    }
}

/// A project with an experiment of which nothing but the table is left.
fn with(table: &str) -> Place {
    let place = Place::new(&[("t", &"x".repeat(100))]);
    set_up(&place, Path::new(".autoresearch"), table);
    place
}

/// A project as the original tool leaves it: a branch with what was kept. The table is of its commits.
fn original() -> Place {
    let place = with("");
    place.git(&[
        "switch",
        "--quiet",
        "--create",
        &format!("autoresearch/{ID}"),
    ]);
    let mut table = HEADER.to_owned();
    for (size, status, description) in [
        (100, "keep", "baseline"),
        (90, "keep", "shorter"),
        (95, "discard", "longer\u{1b}[31m"),
        (80, "keep", "the shortest"),
    ] {
        if size < 100 {
            place.write("t", "x".repeat(size));
            place.git(&["commit", "--quiet", "--all", "--message", status]);
        }
        let commit = place.git(&["rev-parse", "--short=7", "HEAD"]);
        table.push_str(&format!(
            "{commit}\t{size}.000000\t{status}\t{description}\n"
        ));
        if status == "discard" {
            place.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }
    }
    table.push_str("1234567\tN/A\tcrash\texit_1\n");
    place.git(&["switch", "--quiet", "main"]);
    place.write(format!("{DIRECTORY}/results.tsv"), &table);
    place
}

#[test]
fn what_was_tried_before_is_shown_and_gone_on_from() {
    let place = original();
    let table = place.read(format!("{DIRECTORY}/results.tsv"));
    let shown = place.run(&["import"]).succeeds();
    assert_eq!(
        shown,
        format!(
            "{ID}: imported 4 tries: 2 kept, 1 discarded, 1 crashed; p50_ms 100 -> 80 (-20.0%)\n"
        )
    );
    assert_eq!(place.read(format!("{DIRECTORY}/results.tsv.old")), table);
    let tip = resolve(&place, &format!("refs/heads/autoresearch/{ID}"));
    let records = journal(&place, DIRECTORY);
    assert_eq!(records[0]["value"], 100.0);
    assert_eq!(records[0]["direction"], "lower");
    let times: Vec<&str> = records
        .iter()
        .map(|r| r["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    // What git has is reachable, and can be looked at.
    assert_eq!(resolve(&place, &format!("refs/autoresearch/{ID}/3")), tip);
    assert!(place.run(&["diff", "1"]).succeeds().contains("+xxx"));
    place
        .run(&["diff", "4"])
        .fails(4, "the commit `1234567` of try 4 is not in this repository");
    assert_eq!(place.run(&["best"]).succeeds().trim(), tip);
    let results = place.run(&["results"]).succeeds();
    assert!(results.contains("100 -> 80 (-20.0%), try 3"), "{results}");
    assert!(!results.contains('\u{1b}'));
    for command in [
        &["show", "2"][..],
        &["list"],
        &["results", "-f", "html"],
        &["finish", "--branch", "a"],
    ] {
        place.run(command).succeeds();
    }

    // It is measured again, by what measures now, and the numbers go on.
    place.write("t", "x".repeat(50));
    let kept = place.run(&["run", "-m", "shorter still"]);
    assert!(kept.stderr.contains("baseline: p50_ms 80"), "{kept:#?}");
    assert!(kept.succeeds().starts_with("keep: "));
    assert!(
        events(&place, DIRECTORY).ends_with("baseline try keep settled"),
        "{}",
        events(&place, DIRECTORY)
    );
    assert_eq!(
        resolve(&place, &format!("refs/heads/autoresearch/{ID}^")),
        tip
    );
    let last = journal(&place, DIRECTORY)
        .into_iter()
        .rev()
        .find(|r| r["event"] == "try")
        .unwrap();
    assert_eq!(last["n"], 5);
    place
        .run(&["import", "-x", ID])
        .fails(3, "has a journal already");
    let nothing = place.run(&["import"]);
    assert!(nothing.stderr.contains("nothing to import"), "{nothing:#?}");
}

#[test]
fn commits_that_are_nowhere_do_not_stand_in_the_way() {
    let table = format!(
        "{HEADER}1234567\t100\tkeep\tbaseline\n2345678\t90\tkeep\tx\nHEAD\t95\tdiscard\ty\n"
    );
    let place = with(&table);
    place.run(&["import", "-x", ID]).succeeds();
    for command in [
        &["results"][..],
        &["list"],
        &["results", "-f", "html"],
        &["show", "2"],
        &["run", "--dry-run"],
    ] {
        place.run(command).succeeds();
    }
    place
        .run(&["diff", "2"])
        .fails(4, "is not in this repository");
    place.run(&["finish"]).fails(4, "is not in this repository");
    place.write("t", "x".repeat(50));
    let kept = place.run(&["run", "-m", "first here"]);
    assert!(kept.stderr.contains("baseline: p50_ms 100"), "{kept:#?}");
    assert!(kept.succeeds().starts_with("keep: "));
}

#[test]
fn lines_that_cannot_be_read_are_told_and_the_rest_is_imported() {
    let bad = "short\n".repeat(7);
    let place = with(&format!(
        "{HEADER}{bad}1234567\t0.000000\tkeep\tbaseline\n2345678\tNaN\tkeep\t\u{1b}[31mx\n"
    ));
    let imported = place.run(&["import", "--json"]);
    assert_eq!(
        imported.stderr.matches("is left out").count(),
        5,
        "{imported:#?}"
    );
    assert!(
        imported.stderr.contains("so are") || imported.stderr.contains("so 3"),
        "{imported:#?}"
    );
    let told: Value = serde_json::from_str(&imported.succeeds()).unwrap();
    assert_eq!(
        (&told[0]["baseline"], &told[0]["runs"]),
        (&0.0.into(), &0.into())
    );
}

#[test]
fn what_cannot_be_imported_stays_as_it_is() {
    for (table, words) in [
        (HEADER, "has no results to import"),
        ("", "has no results to import"),
        ("1234567\tN/A\tcrash\tx\n", "has a number"),
    ] {
        let place = with(table);
        let before = everything(&place);
        place.run(&["import", "-x", ID]).fails(3, words);
        let mut now = everything(&place);
        now.retain(|name, _| !name.ends_with("/lock"));
        assert_same(&now, &before);
    }
    let place = with("");
    place
        .run(&["import", "-x", "custom/no"])
        .fails(3, "there is no experiment");
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    place
        .run(&["import", "-x", "custom/t-benchmark_size"])
        .fails(3, "not an experiment of the original tool");
}

#[test]
fn another_projects_experiments_are_copied_first() {
    let other = original();
    let from = other.project();
    let from = from.to_str().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", other.project().join(DIRECTORY).join("link"))
        .unwrap();
    let place = Place::new(&[("t", &"x".repeat(100))]);
    let shown = place.run(&["import", "--from", from]).succeeds();
    assert!(shown.contains("imported 4 tries"), "{shown}");
    assert!(
        place
            .read(format!("{DIRECTORY}/evaluate.sh"))
            .contains("wc -c")
    );
    for name in ["link", "run.log", "runs"] {
        assert!(
            place
                .project()
                .join(DIRECTORY)
                .join(name)
                .symlink_metadata()
                .is_err(),
            "{name}"
        );
    }
    place.write("t", "x".repeat(50));
    place.run(&["run", "-m", "here"]).succeeds();
    place
        .run(&["import", "--from", from])
        .fails(3, &format!("there is an experiment `{ID}` here already"));
    place
        .run(&["import", "--from", "nowhere"])
        .fails(3, "no experiment of the original tool");
    // The other one is as it was.
    assert!(
        !other
            .project()
            .join(DIRECTORY)
            .join("journal.jsonl")
            .exists()
    );
}

#[test]
fn a_table_that_a_run_put_aside_is_still_imported_where_nothing_was_recorded() {
    let place = with(&format!(
        "{HEADER}1234567\t100\tkeep\tbaseline\n2345678\t90\tkeep\tx\n"
    ));
    let at = |name: &str| place.project().join(DIRECTORY).join(name);
    std::fs::rename(at("results.tsv"), at("results.tsv.old")).unwrap();
    std::fs::write(at("journal.jsonl"), "").unwrap();
    std::fs::write(at("journal.jsonl.new"), "{half").unwrap();
    assert!(place.run(&["import"]).succeeds().contains("imported 1 try"));
    assert!(
        place
            .read(format!("{DIRECTORY}/results.tsv.old"))
            .contains("2345678")
    );
}

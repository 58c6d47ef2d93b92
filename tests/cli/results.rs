//! `results`: what people look at in the morning.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::experiments::{
    DIRECTORY, Gate, ID, assert_same, each, everything, finish, sized, start, wait_until,
};
use crate::support::{PROGRAM, Place, outcome};

const DEFINITION: &str = "\
version = 1
target = [\"t\"]
[objective]
evaluator = \"benchmark_size\"
";
const FORMATS: [&str; 6] = ["terminal", "csv", "markdown", "json", "html", "karpathy"];
/// Everything that means something to some format.
const HOSTILE: &str = "=a\tb\nc|d<script>alert(1)</script>\u{1b}[31mred\u{202e}evil\u{200b},\"q\" `z` [x](http://y) @you";

fn line(event: &str, rest: &str) -> String {
    format!("{{\"v\":4,\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"{event}\",{rest}}}\n")
}

fn baseline(value: f64) -> String {
    line(
        "baseline",
        &format!(
            "\"commit\":\"{:040}\",\"metric\":\"size_bytes\",\"unit\":\"B\",\"direction\":\"lower\",\"value\":{value:?},\
             \"measurements\":[],\"meaning\":\"x\",\"evaluator\":{{\"reference\":\"e\",\"name\":\"e\",\"version\":\"1\",\"sha256\":\"\"}},\
             \"seconds\":1.0,\"sandbox\":\"none\"",
            0
        ),
    )
}

/// The lines of a try; without a value it is a crash.
fn tried(n: u64, verdict: &str, value: Option<f64>, description: &str) -> String {
    let candidate = line(
        "try",
        &format!(
            "\"n\":{n},\"commit\":\"{n:040}\",\"parent\":\"{:040}\",\"description\":{}",
            0,
            Value::from(description)
        ),
    );
    let value = value.map_or(Value::Null, Value::from);
    let judged = line(
        "verdict",
        &format!(
            "\"n\":{n},\"verdict\":\"{verdict}\",\"reason\":{},\"value\":{value},\"incumbent_value\":10.0,\
             \"measurements\":[],\"incumbent_measurements\":[],\"seconds\":0.5,\"sandbox\":\"none\"",
            Value::from(format!("because of {description}"))
        ),
    );
    candidate + &judged + &line("settled", &format!("\"n\":{n}"))
}

/// A project with experiments that have these journals.
fn with(journals: &[(&str, &str)]) -> Place {
    let place = Place::new(&[("t", "x")]);
    for (id, journal) in journals {
        place.write(format!(".autoresearch/{id}/experiment.toml"), DEFINITION);
        place.write(format!(".autoresearch/{id}/journal.jsonl"), journal);
    }
    place
}

fn night() -> String {
    [
        baseline(10.0),
        tried(1, "keep", Some(8.0), "shorter"),
        tried(2, "discard", Some(9.0), HOSTILE),
        tried(3, "crash", None, "broken"),
        tried(4, "keep", Some(0.0), "nothing left"),
    ]
    .concat()
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    let arguments = [&["results", "--json"], arguments].concat();
    serde_json::from_str(&place.run(&arguments).succeeds()).unwrap()
}

#[test]
fn the_dashboard_shows_every_experiment() {
    let place = with(&[
        ("custom/a", &night()),
        ("custom/b", ""),
        ("marketing/c", &baseline(3.0)),
    ]);
    let shown = place.run(&["results"]).succeeds();
    for words in [
        "custom/a        4     2   0 B  -100.0%  done",
        "custom/b        0     0     -           idle",
        "marketing/c     0     0   3 B           done",
        "custom: 2 experiments; 4 tries: 2 kept, 1 discarded, 1 crashed; $0.00",
        "all: 3 experiments; 4 tries",
    ] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    let all = json(&place, &[]);
    assert_eq!(all["experiments"].as_array().unwrap().len(), 3);
    assert_eq!(all["kept"], 2);
    let first = &all["experiments"][0];
    assert_eq!(first["best"], 0.0);
    assert_eq!(first["best_try"], 4);
    assert_eq!(first["change"], -1.0);
    assert_eq!(all["experiments"][1]["best"], Value::Null);
    assert_eq!(all["experiments"][2]["change"], 0.0);
    // The latest first where there is no room for all.
    assert_eq!(
        json(&place, &["--limit", "1"])["experiments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_domain_filters_in_every_format() {
    let place = with(&[("custom/aaa", &night()), ("marketing/ccc", &baseline(3.0))]);
    for format in FORMATS.into_iter().filter(|format| *format != "karpathy") {
        let shown = place
            .run(&["results", "--domain", "marketing", "--format", format])
            .succeeds();
        assert!(shown.contains("ccc"), "{format}: {shown}");
        assert!(!shown.contains("aaa"), "{format}: {shown}");
    }
    place
        .run(&["results", "--domain", "prompts"])
        .fails(3, "no experiment in the domain `prompts`");
}

#[test]
fn an_experiment_is_shown_with_its_course_and_tries() {
    let place = with(&[("custom/a", &night())]);
    let whole = place.run(&["results", "-x", "custom/a"]).succeeds();
    for words in [
        "custom/a  size_bytes, lower is better  done",
        "10 -> 0 B (-100.0%), try 4, 0000000",
        "4 tries: 2 kept, 1 discarded, 1 crashed; 3.0 s measuring",
        "●",
        "keep     8   -20.0%  shorter",
        "crash    -           broken",
        "keep     0  -100.0%  nothing left",
    ] {
        assert!(whole.contains(words), "{words:?} is not in\n{whole}");
    }
    // It is the only one.
    let both = place.run(&["results"]).succeeds();
    assert!(
        both.starts_with("experiment  runs") && both.ends_with(&whole),
        "{both}"
    );
    assert!(
        !place
            .run(&["results", "--dashboard"])
            .succeeds()
            .contains("shorter")
    );
    for format in ["html", "markdown"] {
        let only = place.run(&["results", "-f", format]).succeeds();
        assert!(only.contains("shorter"), "{only}");
        let dashboard = place.run(&["results", "--dashboard", "-f", format]);
        assert!(!dashboard.succeeds().contains("shorter"));
    }
    let narrow = outcome(place.command(PROGRAM).arg("results").env("COLUMNS", "50")).succeeds();
    for line in narrow
        .lines()
        .filter(|line| line.contains("keep") || line.contains("discard"))
    {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn tries_are_chosen_by_verdict_and_number() {
    let place = with(&[("custom/a", &night())]);
    let numbers = |arguments: &[&str]| -> Vec<u64> {
        let shown = json(&place, &[&["-x", "custom/a"], arguments].concat());
        let tries = shown["tries"].as_array().unwrap();
        tries
            .iter()
            .map(|tried| tried["n"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(numbers(&[]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--status", "keep"]), [1, 4]);
    assert_eq!(numbers(&["--status", "crash"]), [3]);
    assert_eq!(numbers(&["--limit", "2"]), [3, 4]);
    assert_eq!(numbers(&["--status", "keep", "--limit", "1"]), [4]);
    // Without a name the only experiment is meant.
    let kept = json(&place, &["--status", "keep"]);
    assert_eq!(kept["tries"].as_array().unwrap().len(), 2);
    assert_eq!(kept["summary"]["runs"], 4);
    for (arguments, code) in [
        (&["--limit", "0"][..], 2),
        (&["--status", "good"], 2),
        (&["--dashboard", "--status", "keep"], 2),
        (&["--domain", "custom", "-x", "custom/a"], 2),
        (&["-x", "custom/b"], 3),
    ] {
        let failed = place.run(&[&["results"], arguments].concat());
        assert_eq!(
            (failed.code, failed.stdout.as_str()),
            (code, ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn hostile_texts_stay_text_in_every_format() {
    let place = with(&[("custom/a", &night()), ("custom/b", &night())]);
    for format in FORMATS {
        let shown = place
            .run(&["results", "-x", "custom/a", "--format", format])
            .succeeds();
        for bad in ["\u{1b}", "\u{202e}", "\u{200b}", "\u{9b}"] {
            assert!(!shown.contains(bad), "{format}: {shown}");
        }
        match format {
            "csv" => {
                let line = shown.lines().nth(2).unwrap();
                assert!(line.contains(",\"'=a b c|d<script>"), "{line}");
                assert_eq!(shown.lines().count(), 5);
            }
            "markdown" => {
                let row = shown
                    .lines()
                    .find(|line| line.starts_with("| 2 |"))
                    .unwrap();
                let bars = row.replace("\\|", "").matches('|').count();
                assert_eq!(bars, 7, "{row}");
                assert!(!row.contains("<script") && !row.contains(" @") && row.contains("\\[x\\]"));
            }
            "json" => {
                let read: Value = serde_json::from_str(&shown).unwrap();
                let said = read["tries"][1]["description"].as_str().unwrap();
                assert!(
                    said.starts_with("=a b c|d<script>alert(1)</script>red"),
                    "{said}"
                );
            }
            "html" => assert!(!shown.contains("<script>alert"), "{shown}"),
            "karpathy" => {
                assert_eq!(shown.lines().count(), 6);
                for line in shown.lines() {
                    assert_eq!(line.split('\t').count(), 5, "{line}");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_damaged_line_is_told_by_its_number_and_the_rest_is_shown() {
    let mut lines: Vec<String> = night().lines().map(str::to_owned).collect();
    lines[5] = lines[5].replace("\"verdict\"", "\"verd");
    lines.insert(8, "\u{1b}[31mgarbage".to_owned());
    lines.push(r#"{"v":9,"time":"","event":"try"}"#.to_owned());
    let place = with(&[("custom/a", &(lines.join("\n") + "\n{\"v\":4,\"torn"))]);
    for format in FORMATS {
        let shown = place.run(&["results", "-x", "custom/a", "--format", format]);
        for line in [6, 9, 15] {
            let words = format!("custom/a: line {line} of the journal cannot be read");
            assert!(shown.stderr.contains(&words), "{format}: {shown:#?}");
        }
        assert!(!shown.stderr.contains('\u{1b}') && !shown.stderr.contains("torn"));
        assert!(shown.succeeds().contains("broken"), "{format}");
    }
    let dashboard = place.run(&["results", "--dashboard"]);
    assert!(
        dashboard.stderr.contains("line 6 of the journal"),
        "{dashboard:#?}"
    );
    assert!(dashboard.succeeds().contains("  4     2   0 B"));
}

#[test]
fn a_definition_that_cannot_be_read_hides_no_results() {
    let place = with(&[("custom/a", &night())]);
    place.write(".autoresearch/custom/a/experiment.toml", "version = ?");
    assert!(place.run(&["results"]).succeeds().contains("nothing left"));
    assert!(
        place
            .run(&["results", "-x", "custom/a", "-f", "csv"])
            .succeeds()
            .contains("shorter")
    );
}

#[test]
fn a_file_is_written_as_a_whole_or_not_at_all() {
    let place = with(&[("custom/a", &night())]);
    let before = everything(&place);
    place.write("taken.csv", "mine");
    for (path, words) in [
        ("taken.csv", "`taken.csv` exists"),
        ("no/such/x.csv", "there is no directory `./no/such`"),
        (".", "is a directory"),
    ] {
        place.run(&["results", "-o", path]).fails(3, words);
    }
    assert_eq!(place.read("taken.csv"), "mine");
    std::fs::remove_file(place.project().join("taken.csv")).unwrap();
    assert_same(&everything(&place), &before);

    let full = place.run(&["results", "-x", "custom/a", "-f", "csv", "-o", "/dev/full"]);
    full.fails(1, "`/dev/full` cannot be written");
    each(
        [
            ("a.csv", "experiment,n,"),
            ("a.md", "# custom/a"),
            ("a.json", "{\"v\":1"),
            ("a.html", "<!DOCTYPE"),
            ("a.tsv", "commit\tval_bpb"),
            ("a.txt", "custom/a  size"),
        ],
        |(path, start)| {
            place.write(path, "old");
            let quiet = place.run(&["results", "-x", "custom/a", "-o", path, "--force"]);
            assert_eq!((quiet.code, quiet.stdout.as_str()), (0, ""), "{quiet:#?}");
            let text = place.read(path);
            assert!(text.starts_with(start), "{text}");
            assert!(!text.contains('\u{1b}'));
        },
    );
    let names = std::fs::read_dir(place.project()).unwrap();
    let left: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".autoresearch-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    // Who reads it may do so, as any other file of theirs.
    let mode = |path: &str| {
        place
            .project()
            .join(path)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("a.csv"), mode("t"));
    // A link leads to what is written.
    std::os::unix::fs::symlink("a.csv", place.project().join("link.csv")).unwrap();
    place
        .run(&["results", "--dashboard", "-o", "link.csv", "--force"])
        .succeeds();
    assert!(place.project().join("link.csv").is_symlink());
    assert!(place.read("a.csv").starts_with("domain,"));
}

#[test]
fn a_file_that_is_not_written_to_its_end_leaves_nothing() {
    let mut journal = baseline(10.0);
    for n in 1..60_000 {
        journal.push_str(&tried(n, "discard", Some(11.0), "the same again"));
    }
    let place = with(&[("custom/a", &journal)]);
    let there = || -> Vec<String> {
        let names = std::fs::read_dir(place.project()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.contains("autoresearch-") || name == "a.csv")
            .collect()
    };
    let run = start(&place, &["results", "-x", "custom/a", "-o", "a.csv"]);
    wait_until("it is being written", || !there().is_empty());
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(run.id().cast_signed(), libc::SIGTERM) };
    let ended = finish(run);
    assert_eq!(ended.code, 143, "{ended:#?}");
    assert_eq!(there(), Vec::<String>::new());
}

#[test]
fn a_reader_that_goes_away_has_had_enough() {
    let mut journal = baseline(10.0);
    for n in 1..3000 {
        journal.push_str(&tried(n, "discard", Some(11.0), "the same again"));
    }
    let place = with(&[("custom/a", &journal)]);
    for format in FORMATS {
        let mut command = place.command(PROGRAM);
        command.args(["results", "-x", "custom/a", "--limit", "3000", "-f", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn what_a_run_leaves_is_shown() {
    let place = sized(&[]);
    place.write("t", "x");
    place.run(&["run", "-m", "tiny"]).succeeds();
    place.write("t", "longer than before, by far");
    place.run(&["run", "-m", "huge"]).succeeds();
    let shown = place.run(&["results"]).succeeds();
    assert!(
        shown.contains(&format!("{ID}  size_bytes, lower is better  active")),
        "{shown}"
    );
    for words in ["keep  ", "tiny", "discard  ", "huge"] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
    let summary = &json(&place, &["-x", ID])["summary"];
    assert_eq!(
        (&summary["best"], &summary["best_try"]),
        (&1.0.into(), &1.into())
    );
    let tip = place.git(&["rev-parse", &format!("autoresearch/{ID}")]);
    assert_eq!(summary["commit"], tip);
    let page = place.run(&["results", "-x", ID, "-f", "html"]).succeeds();
    assert!(page.contains("tiny"), "{page}");
}

#[test]
fn older_tools_read_the_table_by_its_first_four_columns() {
    let place = sized(&[]);
    place.write("t", "x");
    place.run(&["run", "-m", "tiny\tand\nbroken"]).succeeds();
    place.write("t", "longer than before, by far");
    place.run(&["run", "-m", "huge"]).succeeds();
    let table = place.read(format!("{DIRECTORY}/results.tsv"));
    let mut lines = table.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("commit\tmetric\tstatus\tdescription")
    );
    let rows: Vec<(f64, &str, &str)> = lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').take(4).collect();
            let (_, decimals) = columns[1].split_once('.').unwrap();
            assert_eq!((columns[0].len(), decimals.len()), (7, 6), "{line}");
            (columns[1].parse().unwrap(), columns[2], columns[3])
        })
        .collect();
    assert_eq!(rows[1], (1.0, "keep", "tiny and broken"));
    assert_eq!((rows[2].1, rows[2].2), ("discard", "huge"));
    assert_eq!((rows[0].1, rows[0].2), ("keep", "baseline"));
}

#[test]
fn tries_are_shown_as_they_are_judged() {
    let place = sized(&[]);
    place.write("t", "0123456789");
    place.run(&["run", "-m", "before"]).succeeds();
    let log = place.open("followed");
    let child = place
        .command(PROGRAM)
        .args(["results", "--follow"])
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let shown = || std::fs::read_to_string(&log).unwrap();
    wait_until("what was there is shown", || shown().contains("before"));
    place.write("t", "01234");
    place.run(&["run", "-m", "while following"]).succeeds();
    wait_until("the new try is shown", || {
        shown().contains("while following")
    });
    assert_eq!(shown().matches("before").count(), 1);
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
    let ended = finish(child);
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert_eq!(shown().matches("while following").count(), 1);
}

#[test]
fn what_is_being_run_is_said_to_be() {
    let place = sized(&[]);
    let gate = Gate::new(&place, "echo > t; echo never");
    gate.close();
    let run = start(
        &place,
        &["run", "--loop", "--agent-command", &gate.command()],
    );
    gate.wait();
    let shown = place.run(&["results"]).succeeds();
    assert!(shown.contains("running"), "{shown}");
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(run.id().cast_signed(), libc::SIGINT) };
    finish(run).succeeds();
}

#[test]
fn without_an_experiment_it_says_so() {
    let place = Place::new(&[("t", "x")]);
    let shown = place.run(&["results"]);
    assert!(
        shown.stderr.contains("no experiment here yet"),
        "{shown:#?}"
    );
    assert_eq!(json(&place, &[])["experiments"], serde_json::json!([]));
    place
        .run(&["results", "--status", "keep"])
        .fails(3, "there is no experiment here");
    place
        .run(&["results", "--follow"])
        .fails(3, "there is no experiment here");
}

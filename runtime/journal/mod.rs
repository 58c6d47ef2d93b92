//! The record of truth of an experiment, and what is derived from it.
//!
//! `journal.jsonl` holds one JSON object a line, only ever appended to, and synced to the disk
//! before any state that it describes is changed. Every line has `v` (the format's version: 4;
//! 3, which lacks the metric's direction, 2, which lacks guards and the evidence of rounds, and 1,
//! which lacks what an agent used, are read too), `time` (UTC, RFC 3339) and `event`:
//!
//! - `baseline`: the incumbent was measured: its commit, value and measurements, and the digest of
//!   everything that decides what a value means (evaluator, settings, metric); and its guards'
//!   values, each with such a digest of its own.
//! - `guards`: the incumbent's guards were measured, because some are new or defined anew.
//! - `try`: a candidate was taken up: its number, commit, parent and description, a digest of its
//!   content, and what its agent used. A proposal with nothing in it has its parent's commit.
//! - `verdict`: what became of it, with the reason and the measurements of both sides. A kept
//!   candidate has a commit of its own here, whose message tells the values.
//! - `settled`: the verdict is in effect: refs, branch and checkout are as it says.
//!
//! - `qualification`: the incumbent was measured against itself.
//!
//! What another tool has recorded can be imported, before there is anything else: a baseline whose
//! meaning is `imported`, and tries that are settled. Their commits may be the start of an id, or 40
//! zeros, where the repository does not have them.
//!
//! A try without a verdict was interrupted. A verdict that is not settled is put into effect again.
//! `results.tsv` is a view of this for people and older tools: tab-separated, a header, its first
//! four columns `commit metric status description`. It is rebuilt when it does not fit the journal. One
//! that is there before any journal is another tool's: it is kept as `results.tsv.old`, or under the
//! next free name (`results.tsv.old.2`).

mod draft;
mod history;
mod record;
mod scan;
mod skim;
mod table;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::failure::{Exit, Failure};
use crate::lock::{Lock, LockError};
use crate::text;
pub use draft::Draft;
pub use history::{History, Incumbent, Reported, Row};
pub use record::{
    AgentUse, Baseline, Broken, EvaluatorIdentity, Event, GuardResult, Guarded, IMPORTED, Judged,
    ModelUse, Qualification, Record, Try,
};
pub use scan::{Damage, Depth, Entry, Item, Outcome, Position, Tried, entry, scan};
use table::{Rows, TSV_HEADER, Table};

/// The journal's name in an experiment's directory.
pub const FILE_NAME: &str = "journal.jsonl";
/// The version of the journal's format.
const VERSION: u32 = 4;
/// The oldest version that is read.
const OLDEST: u32 = 1;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("`{}` cannot be read or written: {cause}", path.display())]
    Io {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("`{}` has a damaged line {line}: {what}", path.display())]
    Damaged {
        path: PathBuf,
        line: usize,
        what: String,
    },
    #[error("`{}` has a line {line} of version {version}, and this program reads versions {OLDEST} to {VERSION}", path.display())]
    Version {
        path: PathBuf,
        line: usize,
        version: u32,
    },
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Io { cause, .. } => {
                let failure = Failure::new(Exit::Failure, message);
                match cause.kind() {
                    std::io::ErrorKind::StorageFull => failure.hint(
                        "make room on the disk and run again: nothing is lost, and the target is as you left it",
                    ),
                    _ => failure.hint("nothing is lost; mend it and run again"),
                }
            }
            JournalError::Damaged { .. } => Failure::new(Exit::Failure, message).hint(
                "restore the line, or start anew: move the file and the experiment's branch (`git branch -m`) away",
            ),
            JournalError::Version { .. } => {
                Failure::new(Exit::Failure, message).hint("use a newer version of autoresearch")
            }
            JournalError::Lock(error) => error.into(),
        }
    }
}

/// Where an experiment's journal is.
pub fn path(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// An experiment's journal, held by this process alone.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// The length up to which the file is whole lines.
    length: u64,
    history: History,
    table: Table,
    _lock: Lock,
}

impl Journal {
    /// Takes the lock, repairs a torn end and reads what there is.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let lock = Lock::take(&directory.join("lock"))?;
        let path = path(directory);
        let io = |cause| JournalError::Io {
            path: path.clone(),
            cause,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io)?;
        let mut history = History::default();
        let mut rows = Rows::default();
        let mut text = TSV_HEADER.to_owned();
        let whole = each_record(&path, &file, |record| {
            if let Some(row) = rows.row(&record) {
                text.push_str(&row);
            }
            history.add(record.event);
        })?;
        if file.metadata().map_err(io)?.len() > whole {
            // A line that was never whole was never synced: nothing was changed on its account.
            file.set_len(whole).map_err(io)?;
        }
        history.noise.begin_session();
        let table = Table {
            path: directory.join("results.tsv"),
            rows,
        };
        table.rebuild(&text)?;
        Ok(Self {
            path,
            file,
            length: whole,
            history,
            table,
            _lock: lock,
        })
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    /// Appends an event; when it returns, the event is on the disk.
    pub fn append(&mut self, event: Event) -> Result<(), JournalError> {
        self.write(event, true)
    }

    /// Appends an event that nothing relies on before the next synced one.
    pub fn append_unsynced(&mut self, event: Event) -> Result<(), JournalError> {
        self.write(event, false)
    }

    fn write(&mut self, event: Event, sync: bool) -> Result<(), JournalError> {
        let record = Record {
            v: VERSION,
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            event,
        };
        let row = self.table.rows.row(&record);
        let result = serde_json::to_vec(&record)
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.write_all(&line)?;
                if sync {
                    self.file.sync_data()?;
                }
                Ok(line.len() as u64)
            });
        match result {
            Ok(written) => {
                self.length += written;
                self.history.add(record.event);
                // A view: when it cannot be written now, the next run rebuilds it.
                if let Some(row) = row {
                    self.table.append(&row);
                }
                Ok(())
            }
            Err(error) => {
                // A full disk: take back what was written of the line.
                let _ = self.file.set_len(self.length);
                let _ = self.file.seek(SeekFrom::End(0));
                Err(JournalError::Io {
                    path: self.path.clone(),
                    cause: error,
                })
            }
        }
    }
}

/// Reads a journal without taking part in it: no lock, nothing repaired.
pub fn read(directory: &Path) -> Result<History, JournalError> {
    let mut history = History::default();
    each_of(directory, |record| history.add(record.event))?;
    Ok(history)
}

/// Whether anything is recorded in a directory's journal; also what cannot be read is something.
pub fn has_records(directory: &Path) -> Result<bool, JournalError> {
    let path = path(directory);
    let io = |cause| JournalError::Io {
        path: path.clone(),
        cause,
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(io(cause)),
    };
    let mut first = Vec::new();
    let mut reader = BufReader::new(file);
    loop {
        first.clear();
        reader.read_until(b'\n', &mut first).map_err(io)?;
        match first.strip_suffix(b"\n") {
            None => return Ok(false),
            Some(b"") => {}
            Some(_) => return Ok(true),
        }
    }
}

/// The tables of results in a directory that its journal does not account for, if it has no records:
/// another tool's. The one that was written last comes first.
pub fn tables_of_another_tool(directory: &Path) -> Result<Vec<PathBuf>, JournalError> {
    if has_records(directory)? {
        return Ok(Vec::new());
    }
    Ok(table::of_another_tool(directory))
}

/// Calls `each` with every record of a directory's journal; there may be none.
fn each_of(directory: &Path, each: impl FnMut(Record)) -> Result<(), JournalError> {
    let path = path(directory);
    match File::open(&path) {
        Ok(file) => each_record(&path, &file, each).map(|_| ()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(JournalError::Io { path, cause }),
    }
}

/// Calls `each` with every record, and returns the length of what is whole lines: the end may be
/// torn.
fn each_record(
    path: &Path,
    file: &File,
    mut each: impl FnMut(Record),
) -> Result<u64, JournalError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let (mut whole, mut number) = (0, 0);
    loop {
        line.clear();
        let length = reader
            .read_until(b'\n', &mut line)
            .map_err(|cause| JournalError::Io {
                path: path.to_owned(),
                cause,
            })?;
        let Some(text) = line.strip_suffix(b"\n") else {
            return Ok(whole);
        };
        whole += length as u64;
        number += 1;
        if text.is_empty() {
            continue;
        }
        let record = serde_json::from_slice::<Record>(text)
            .ok()
            .filter(|record| (OLDEST..=VERSION).contains(&record.v));
        if let Some(record) = record {
            each(record);
            continue;
        }
        // Another version may have any form: that is the first thing to tell.
        let damaged = |error: serde_json::Error| JournalError::Damaged {
            path: path.to_owned(),
            line: number,
            what: text::clean_line(&error.to_string(), 200),
        };
        let Version { v } = serde_json::from_slice(text).map_err(damaged)?;
        if !(OLDEST..=VERSION).contains(&v) {
            return Err(JournalError::Version {
                path: path.to_owned(),
                line: number,
                version: v,
            });
        }
        serde_json::from_slice::<Record>(text).map_err(damaged)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Verdict;
    use crate::measure::{Direction, Measurement};

    pub(super) fn baseline(value: f64) -> Event {
        Event::Baseline(Box::new(Baseline {
            commit: "a".repeat(40),
            metric: "m".into(),
            unit: "ms".into(),
            direction: Some(Direction::Lower),
            value,
            measurements: vec![],
            diagnostics: vec![],
            meaning: "x".into(),
            evaluator: EvaluatorIdentity {
                reference: "e".into(),
                name: "e".into(),
                version: "1".into(),
                sha256: String::new(),
            },
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 4.0,
            sandbox: "none".into(),
        }))
    }

    pub(super) fn candidate(n: u64, description: &str) -> Event {
        Event::Try(Try {
            n,
            commit: format!("{n:040}"),
            parent: "a".repeat(40),
            description: description.into(),
            content: Some(description.into()),
            agent: None,
            mends: None,
        })
    }

    pub(super) fn verdict(n: u64, verdict: Verdict, value: Option<f64>) -> Event {
        Event::Verdict(Box::new(Judged {
            n,
            verdict,
            reason: "why".into(),
            commit: None,
            unjudged: false,
            value,
            incumbent_value: 10.0,
            measurements: vec![],
            incumbent_measurements: vec![],
            evidence: None,
            diagnostics: vec![],
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 0.0,
            sandbox: "none".into(),
        }))
    }

    fn table(directory: &Path) -> String {
        std::fs::read_to_string(directory.join("results.tsv")).unwrap()
    }

    #[test]
    fn history_is_the_same_from_memory_and_from_disk() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        for event in [
            baseline(10.0),
            candidate(1, "one"),
            verdict(1, Verdict::Keep, Some(8.0)),
            Event::Settled { n: 1 },
            candidate(2, "two\twith\ntabs"),
            verdict(2, Verdict::Crash, None),
        ] {
            journal.append(event).unwrap();
        }
        let live = journal.history().clone();
        let before = table(directory.path());
        assert_eq!(before.lines().count(), 4);
        assert!(
            before.contains("\tN/A\tcrash\ttwo with tabs\t2\t"),
            "{before}"
        );
        drop(journal);
        assert_eq!(read(directory.path()).unwrap(), live);
        std::fs::remove_file(directory.path().join("results.tsv")).unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        let history = journal.history();
        assert_eq!(*history, live);
        assert_eq!(table(directory.path()), before);
        assert_eq!(history.incumbent.as_ref().unwrap().value, 8.0);
        assert_eq!((history.tries, history.keeps, history.crashes), (2, 1, 1));
        assert!(history.unsettled.is_some() && history.interrupted.is_none());
    }

    #[test]
    fn a_torn_end_is_repaired_and_a_damaged_middle_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.jsonl");
        let mut journal = Journal::open(directory.path()).unwrap();
        journal.append(baseline(1.0)).unwrap();
        journal.append(candidate(1, "x")).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..40 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut journal = Journal::open(directory.path()).unwrap();
            assert_eq!(journal.history().tries, 0);
            journal.append(candidate(1, "x")).unwrap();
            drop(journal);
            assert_eq!(read(directory.path()).unwrap().tries, 1);
        }
        std::fs::write(&path, [b"{\n".as_slice(), &whole].concat()).unwrap();
        assert!(matches!(
            Journal::open(directory.path()),
            Err(JournalError::Damaged { line: 1, .. })
        ));
        std::fs::write(&path, "{\"v\":5}\n").unwrap();
        assert!(matches!(
            Journal::open(directory.path()),
            Err(JournalError::Version {
                line: 1,
                version: 5,
                ..
            })
        ));
    }

    #[test]
    fn a_table_without_a_journal_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let at = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        for (there, old, next) in [
            ("", "", ""),
            (TSV_HEADER, "", ""),
            ("commit\tmetric\nold\t1\n", "commit\tmetric\nold\t1\n", ""),
            ("newer", "commit\tmetric\nold\t1\n", "newer"),
        ] {
            std::fs::write(directory.join("results.tsv"), there).unwrap();
            for _ in 0..2 {
                Journal::open(directory).unwrap();
                assert_eq!(at("results.tsv"), TSV_HEADER);
                assert_eq!(at("results.tsv.old"), old);
                assert_eq!(at("results.tsv.old.2"), next);
            }
        }
        Journal::open(directory)
            .unwrap()
            .append(baseline(1.0))
            .unwrap();
        std::fs::write(directory.join("results.tsv"), "garbled").unwrap();
        Journal::open(directory).unwrap();
        assert!(at("results.tsv").starts_with(TSV_HEADER));
        assert!(!directory.join("results.tsv.old.3").exists());
    }

    #[test]
    fn journals_of_older_versions_are_read_and_continued() {
        let first: &[u8] = include_bytes!("../../tests/fixtures/journal-v1.jsonl");
        let second: &[u8] = include_bytes!("../../tests/fixtures/journal-v2.jsonl");
        let third: &[u8] = include_bytes!("../../tests/fixtures/journal-v3.jsonl");
        for (old, counts, best, commit) in [
            (first, (3, 1, 1, 1), 6.0, "eb7260e"),
            (second, (4, 2, 1, 1), 3.0, "d7f2b34"),
            (third, (2, 0, 2, 0), 103.171_81, "afedcdc"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("journal.jsonl"), old).unwrap();
            let mut journal = Journal::open(directory.path()).unwrap();
            let history = journal.history();
            assert_eq!(
                (
                    history.tries,
                    history.keeps,
                    history.discards,
                    history.crashes
                ),
                counts
            );
            let incumbent = history.incumbent.clone().unwrap();
            assert_eq!((incumbent.value, &incumbent.commit[..7]), (best, commit));
            assert_eq!(incumbent.guards, []);
            let keeps = history.keeps;
            let next = history.tries + 1;
            let rows = table(directory.path());
            journal.append(candidate(next, "new")).unwrap();
            journal
                .append(verdict(next, Verdict::Keep, Some(1.0)))
                .unwrap();
            drop(journal);
            assert_eq!(read(directory.path()).unwrap().keeps, keeps + 1);
            assert!(table(directory.path()).starts_with(&rows));
            let text = std::fs::read(directory.path().join("journal.jsonl")).unwrap();
            assert!(text.starts_with(old));
        }
    }

    fn guard(meaning: &str, value: f64, failed: Option<&str>) -> GuardResult {
        GuardResult {
            name: "g".into(),
            sha256: String::new(),
            meaning: meaning.into(),
            measurements: vec![Measurement {
                metric: "m".into(),
                samples: vec![value],
            }],
            incumbent_measurements: vec![],
            seconds: value,
            failed: failed.map(str::to_owned),
        }
    }

    fn guarded(event: Event, results: &[GuardResult]) -> Event {
        match event {
            Event::Baseline(baseline) => Event::Baseline(Box::new(Baseline {
                guards: results.to_vec(),
                ..*baseline
            })),
            Event::Verdict(judged) => Event::Verdict(Box::new(Judged {
                guards: results.to_vec(),
                objective_seconds: judged.value,
                ..*judged
            })),
            event => event,
        }
    }

    #[test]
    fn guards_are_told_by_their_definition() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        let kept = verdict(1, Verdict::Keep, Some(8.0));
        let discarded = verdict(2, Verdict::Discard, Some(7.0));
        for event in [
            guarded(baseline(10.0), &[guard("a", 1.0, None)]),
            candidate(1, "one"),
            guarded(kept, &[guard("a", 2.0, None)]),
            candidate(2, "two"),
            guarded(discarded, &[guard("a", 3.0, Some("m < 3"))]),
        ] {
            journal.append(event).unwrap();
        }
        let value = |results: &[Measurement]| results[0].value();
        let history = journal.history();
        let incumbent = history.incumbent.as_ref().unwrap();
        assert_eq!(value(&incumbent.guard("a").unwrap().measurements), 2.0);
        assert_eq!(value(history.guard_at_first("a")), 1.0);
        // A failure may be quicker or slower than what is usual.
        assert_eq!(history.guard_seconds("a"), Some(2.0));
        assert_eq!(history.objective_seconds(), Some(7.0));
        assert_eq!(history.guard_at_first("b"), []);
        assert_eq!(history.guard_seconds("b"), None);
        assert!(incumbent.guard("b").is_none());
        // What a guard discarded is known for as long as there is that guard.
        assert_eq!(history.judged_as("two", |meaning| meaning == "a"), Some(2));
        assert_eq!(history.judged_as("two", |_| false), None);

        let others = [guard("b", 5.0, None)];
        journal
            .append(Event::Guards(Guarded {
                commit: "a".repeat(40),
                guards: others.to_vec(),
                model: None,
            }))
            .unwrap();
        let live = journal.history().clone();
        let incumbent = live.incumbent.as_ref().unwrap();
        assert_eq!((incumbent.value, &incumbent.guards[..]), (8.0, &others[..]));
        drop(journal);
        assert_eq!(read(directory.path()).unwrap(), live);
        assert_eq!(table(directory.path()).lines().count(), 4);
    }

    #[test]
    fn a_content_is_known_until_the_other_files_change() {
        let mut history = History::default();
        history.add(baseline(10.0));
        for event in [candidate(1, "a"), verdict(1, Verdict::Discard, Some(11.0))] {
            history.add(event);
        }
        assert_eq!(history.judged_as("a", |_| true), Some(1));
        assert_eq!(history.judged_as("b", |_| true), None);
        history.add(baseline(10.5));
        assert_eq!(history.judged_as("a", |_| true), Some(1));
        let mut elsewhere = baseline(9.0);
        if let Event::Baseline(baseline) = &mut elsewhere {
            baseline.commit = "b".repeat(40);
        }
        history.add(elsewhere);
        assert_eq!(history.judged_as("a", |_| true), None);
    }

    #[test]
    fn what_nobody_judged_is_no_crash() {
        let mut history = History::default();
        history.add(baseline(10.0));
        for (n, unjudged) in [(1, false), (2, true), (3, true)] {
            history.add(candidate(n, "x"));
            let mut crash = verdict(n, Verdict::Crash, None);
            if let Event::Verdict(judged) = &mut crash {
                judged.unjudged = unjudged;
            }
            history.add(crash);
        }
        assert_eq!((history.crashes, history.unjudged_count), (1, 2));
        assert_eq!(
            history.counts(),
            "0 kept, 0 discarded, 1 crashed, 2 not judged"
        );
        assert_eq!(
            History::default().counts(),
            "0 kept, 0 discarded, 0 crashed"
        );
    }

    #[test]
    fn one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        assert!(matches!(
            Journal::open(directory.path()),
            Err(JournalError::Lock(LockError::Busy(_)))
        ));
        drop(journal);
        assert!(Journal::open(directory.path()).is_ok());
    }
}

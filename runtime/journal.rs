//! The record of truth of an experiment, and what is derived from it.
//!
//! `journal.jsonl` holds one JSON object a line, only ever appended to, and synced to the disk
//! before any state that it describes is changed. Every line has `v` (the format's version, 1),
//! `time` (UTC, RFC 3339) and `event`:
//!
//! - `baseline`: the incumbent was measured: its commit, value and measurements, and the digest of
//!   everything that decides what a value means (evaluator, settings, metric).
//! - `try`: a candidate was taken up: its number, commit, parent and description.
//! - `verdict`: what became of it, with the reason and the measurements of both sides.
//! - `settled`: the verdict is in effect: refs, branch and checkout are as it says.
//!
//! A try without a verdict was interrupted. A verdict that is not settled is put into effect again.
//! `results.tsv` is a view of this for people and older tools: tab-separated, a header, its first
//! four columns `commit metric status description`. It is rebuilt when it does not fit the journal. One
//! that is there before any journal is another tool's: it is kept as `results.tsv.old`, or under the
//! next free name (`results.tsv.old.2`).

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::decision::Verdict;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::git::{self, CommitId};
use crate::lock::{Lock, LockError};
use crate::measure::{Diagnostic, Measurement};
use crate::text;

/// The version of the journal's format.
const VERSION: u32 = 1;
const TSV_HEADER: &str = "commit\tmetric\tstatus\tdescription\tn\ttime\treason\n";

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    v: u32,
    pub time: String,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Baseline(Baseline),
    Try(Try),
    Verdict(Box<Judged>),
    Settled { n: u64 },
}

/// The incumbent's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub commit: CommitId,
    pub metric: String,
    pub unit: String,
    pub value: f64,
    pub measurements: Vec<Measurement>,
    /// Digest of what decides what a value means; another digest makes values incomparable.
    pub meaning: String,
    pub evaluator: EvaluatorIdentity,
    pub seconds: f64,
    /// What confined the commands.
    pub sandbox: String,
}

/// Which evaluator measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatorIdentity {
    pub reference: String,
    pub name: String,
    pub version: String,
    pub sha256: String,
}

/// A candidate that was taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// From 1.
    pub n: u64,
    pub commit: CommitId,
    /// The incumbent that it changes.
    pub parent: CommitId,
    pub description: String,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub n: u64,
    pub verdict: Verdict,
    pub reason: String,
    /// Nobody judged it: the run was interrupted, or could not measure. The checkout keeps it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unjudged: bool,
    /// None for a crash.
    pub value: Option<f64>,
    pub incumbent_value: f64,
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    /// Empty where the incumbent was not measured again.
    #[serde(default)]
    pub incumbent_measurements: Vec<Measurement>,
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    pub seconds: f64,
    /// What confined the commands.
    pub sandbox: String,
}

/// What a journal tells so far.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub baseline: Option<Baseline>,
    /// The first value that can be compared with the incumbent's, for the change since the start.
    pub first: Option<f64>,
    pub incumbent: Option<Incumbent>,
    pub tries: u64,
    pub keeps: u64,
    pub discards: u64,
    pub crashes: u64,
    /// A try without a verdict: it was interrupted.
    pub interrupted: Option<Try>,
    /// A verdict that is perhaps not in effect.
    pub unsettled: Option<(Try, Box<Judged>)>,
    last: Option<Try>,
}

/// The best kept candidate so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Incumbent {
    pub commit: CommitId,
    pub value: f64,
}

impl History {
    fn add(&mut self, event: Event) {
        match event {
            Event::Baseline(baseline) => {
                if self
                    .baseline
                    .as_ref()
                    .is_none_or(|b| b.meaning != baseline.meaning)
                {
                    self.first = Some(baseline.value);
                }
                self.incumbent = Some(Incumbent {
                    commit: baseline.commit.clone(),
                    value: baseline.value,
                });
                self.baseline = Some(baseline);
            }
            Event::Try(candidate) => {
                self.tries = candidate.n;
                self.interrupted = Some(candidate.clone());
                self.last = Some(candidate);
            }
            Event::Verdict(judged) => {
                self.interrupted = None;
                match judged.verdict {
                    Verdict::Keep => self.keeps += 1,
                    Verdict::Discard => self.discards += 1,
                    Verdict::Crash => self.crashes += 1,
                }
                if let Some(candidate) = self.last.take_if(|last| last.n == judged.n) {
                    if let (Verdict::Keep, Some(value)) = (judged.verdict, judged.value) {
                        self.incumbent = Some(Incumbent {
                            commit: candidate.commit.clone(),
                            value,
                        });
                    }
                    self.unsettled = Some((candidate, judged));
                }
            }
            Event::Settled { n } => {
                self.unsettled = self.unsettled.take().filter(|(_, judged)| judged.n != n);
            }
        }
    }
}

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
    #[error("`{}` has a line {line} of version {version}, and this program reads version {VERSION}", path.display())]
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
        let path = directory.join("journal.jsonl");
        let io = |cause| JournalError::Io {
            path: path.clone(),
            cause,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let whole = whole_lines(&bytes);
        if whole < bytes.len() {
            // A line that was never whole was never synced: nothing was changed on its account.
            file.set_len(whole as u64).map_err(io)?;
            bytes.truncate(whole);
        }
        let records = parse(&path, &bytes)?;
        let table = Table::open(&directory.join("results.tsv"), &records)?;
        let mut history = History::default();
        for record in records {
            history.add(record.event);
        }
        Ok(Self {
            path,
            file,
            length: whole as u64,
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
        let row = self.table.row(&record);
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
    let path = directory.join("journal.jsonl");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => return Err(JournalError::Io { path, cause }),
    };
    let whole = whole_lines(&bytes);
    let mut history = History::default();
    for record in parse(&path, bytes.get(..whole).unwrap_or_default())? {
        history.add(record.event);
    }
    Ok(history)
}

/// The length of what is whole lines: the end may be torn.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Record>, JournalError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let mut records = Vec::new();
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let damaged = |error: serde_json::Error| JournalError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            what: text::clean_line(&error.to_string(), 200),
        };
        let version: Version = serde_json::from_slice(line).map_err(damaged)?;
        if version.v != VERSION {
            return Err(JournalError::Version {
                path: path.to_owned(),
                line: index + 1,
                version: version.v,
            });
        }
        records.push(serde_json::from_slice(line).map_err(damaged)?);
    }
    Ok(records)
}

/// `results.tsv`: the journal for people and older tools.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    /// The try whose verdict is to come.
    pending: Option<Try>,
}

impl Table {
    fn open(path: &Path, records: &[Record]) -> Result<Self, JournalError> {
        let mut table = Self {
            path: path.to_owned(),
            pending: None,
        };
        let io = |cause| JournalError::Io {
            path: path.to_owned(),
            cause,
        };
        if records.is_empty() {
            put_aside(path).map_err(io)?;
        }
        let mut text = TSV_HEADER.to_owned();
        for record in records {
            if let Some(row) = table.row(record) {
                text.push_str(&row);
            }
        }
        if std::fs::read(path).ok().as_deref() != Some(text.as_bytes()) {
            files::replace(path, text.as_bytes()).map_err(io)?;
        }
        Ok(table)
    }

    /// The row that a record adds, if it adds one.
    fn row(&mut self, record: &Record) -> Option<String> {
        let (commit, value, status, description, n, reason) = match &record.event {
            Event::Baseline(baseline) => (
                &baseline.commit,
                Some(baseline.value),
                Verdict::Keep,
                "baseline",
                0,
                "",
            ),
            Event::Try(candidate) => {
                self.pending = Some(candidate.clone());
                return None;
            }
            Event::Verdict(judged) => {
                let candidate = self
                    .pending
                    .as_ref()
                    .filter(|candidate| candidate.n == judged.n)?;
                (
                    &candidate.commit,
                    judged.value,
                    judged.verdict,
                    candidate.description.as_str(),
                    judged.n,
                    judged.reason.as_str(),
                )
            }
            Event::Settled { .. } => return None,
        };
        Some(format!(
            "{}\t{}\t{status}\t{}\t{n}\t{}\t{}\n",
            git::short(commit),
            value.map_or("N/A".to_owned(), |value| format!("{value:.6}")),
            text::clean_line(description, 500),
            record.time,
            text::clean_line(reason, 500),
        ))
    }

    fn append(&self, row: &str) {
        let _ = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(row.as_bytes()));
    }
}

/// Keeps a table that no journal accounts for.
fn put_aside(path: &Path) -> std::io::Result<()> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if text.is_empty() || text == TSV_HEADER.as_bytes() {
        return Ok(());
    }
    let mut n = 1;
    loop {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".old");
        if n > 1 {
            aside.push(format!(".{n}"));
        }
        if Path::new(&aside).symlink_metadata().is_err() {
            return std::fs::rename(path, aside);
        }
        n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(value: f64) -> Event {
        Event::Baseline(Baseline {
            commit: "a".repeat(40),
            metric: "m".into(),
            unit: "ms".into(),
            value,
            measurements: vec![],
            meaning: "x".into(),
            evaluator: EvaluatorIdentity {
                reference: "e".into(),
                name: "e".into(),
                version: "1".into(),
                sha256: String::new(),
            },
            seconds: 0.0,
            sandbox: "none".into(),
        })
    }

    fn candidate(n: u64, description: &str) -> Event {
        Event::Try(Try {
            n,
            commit: format!("{n:040}"),
            parent: "a".repeat(40),
            description: description.into(),
        })
    }

    fn verdict(n: u64, verdict: Verdict, value: Option<f64>) -> Event {
        Event::Verdict(Box::new(Judged {
            n,
            verdict,
            reason: "why".into(),
            unjudged: false,
            value,
            incumbent_value: 10.0,
            measurements: vec![],
            incumbent_measurements: vec![],
            diagnostics: vec![],
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
        let live = format!("{:?}", journal.history());
        let before = table(directory.path());
        assert_eq!(before.lines().count(), 4);
        assert!(
            before.contains("\tN/A\tcrash\ttwo with tabs\t2\t"),
            "{before}"
        );
        drop(journal);
        assert_eq!(format!("{:?}", read(directory.path()).unwrap()), live);
        std::fs::remove_file(directory.path().join("results.tsv")).unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        let history = journal.history();
        assert_eq!(format!("{history:?}"), live);
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
        std::fs::write(&path, "{\"v\":2}\n").unwrap();
        assert!(matches!(
            Journal::open(directory.path()),
            Err(JournalError::Version {
                line: 1,
                version: 2,
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

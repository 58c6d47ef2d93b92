//! `results.tsv`: the journal for people and older tools.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::record::{Event, Record, Try};
use crate::decision::Verdict;
use crate::files;
use crate::git;
use crate::text;

pub(super) const TSV_HEADER: &str = "commit\tmetric\tstatus\tdescription\tn\ttime\treason\n";

/// The rows of `results.tsv`, made from records one after the other.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The try whose verdict is to come.
    pending: Option<Try>,
}

/// `results.tsv`: the journal for people and older tools.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) rows: Rows,
}

impl Rows {
    /// The row that a record adds, if it adds one.
    pub(super) fn row(&mut self, record: &Record) -> Option<String> {
        let (commit, value, status, description, n, reason) = match &record.event {
            Event::Baseline(baseline) => (
                baseline.commit.as_str(),
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
                    judged.kept_commit(candidate),
                    judged.value,
                    judged.verdict,
                    candidate.description.as_str(),
                    judged.n,
                    judged.reason.as_str(),
                )
            }
            Event::Guards(_) | Event::Settled { .. } | Event::Qualification(_) => return None,
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
}

impl Table {
    /// Makes the file what it should be, where it is not.
    pub(super) fn rebuild(&self, text: &str) -> Result<(), JournalError> {
        let io = |cause| JournalError::Io {
            path: self.path.clone(),
            cause,
        };
        if text == TSV_HEADER {
            put_aside(&self.path).map_err(io)?;
        }
        if std::fs::read(&self.path).ok().as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        files::replace(&self.path, text.as_bytes()).map_err(io)
    }

    pub(super) fn append(&self, row: &str) {
        let _ = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(row.as_bytes()));
    }
}

/// Keeps a table that no journal accounts for.
pub(super) fn put_aside(path: &Path) -> std::io::Result<()> {
    if !says_something(path)? {
        return Ok(());
    }
    let free = (1..u64::MAX)
        .map(|n| aside(path, n))
        .find(|aside| aside.symlink_metadata().is_err());
    free.map_or(Ok(()), |free| std::fs::rename(path, free))
}

/// The tables that no journal accounts for, the one that was written last first.
pub(super) fn of_another_tool(directory: &Path) -> Vec<PathBuf> {
    let path = directory.join("results.tsv");
    let mut found: Vec<PathBuf> = (1..u64::MAX)
        .map(|n| aside(&path, n))
        .take_while(|aside| aside.symlink_metadata().is_ok())
        .chain([path.clone()])
        .filter(|path| path.is_file() && says_something(path).unwrap_or(true))
        .collect();
    found.reverse();
    found
}

/// Whether a table holds more than the header that a journal without rows has.
fn says_something(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file
            .take(TSV_HEADER.len() as u64 + 1)
            .read_to_end(&mut start)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(!start.is_empty() && start != TSV_HEADER.as_bytes())
}

/// The `n`th name that a table is put aside under, from 1.
fn aside(path: &Path, n: u64) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".old");
    if n > 1 {
        aside.push(format!(".{n}"));
    }
    PathBuf::from(aside)
}

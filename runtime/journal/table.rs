//! `results.tsv`: the journal for people and older tools.

use std::fs::OpenOptions;
use std::io::Write;
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

//! A journal in the making, of what another tool has recorded.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::record::{Event, Record};
use super::table::{Rows, TSV_HEADER, put_aside};
use super::{FILE_NAME, History, JournalError, VERSION, has_records};
use crate::lock::Lock;

/// A journal that takes its place as a whole, with its table, or not at all.
///
/// The experiment's lock is held meanwhile. What is written stands beside the journal under other
/// names, which the next draft overwrites where this one is killed.
#[derive(Debug)]
pub struct Draft {
    directory: PathBuf,
    journal: Part,
    table: Part,
    rows: Rows,
    history: History,
    /// What the last event was given.
    time: SystemTime,
    _lock: Lock,
}

impl Draft {
    /// Takes the lock and begins; none where something is recorded already.
    pub fn begin(directory: &Path) -> Result<Option<Self>, JournalError> {
        let lock = Lock::take(&directory.join("lock"))?;
        if has_records(directory)? {
            return Ok(None);
        }
        let journal = Part::create(directory.join(FILE_NAME))?;
        let mut table = Part::create(directory.join("results.tsv"))?;
        table.write(TSV_HEADER.as_bytes())?;
        Ok(Some(Self {
            directory: directory.to_owned(),
            journal,
            table,
            rows: Rows::default(),
            history: History::default(),
            time: SystemTime::UNIX_EPOCH,
            _lock: lock,
        }))
    }

    /// Adds an event. Its time is no earlier than that of the one before, and not in the future.
    pub fn add(&mut self, time: SystemTime, event: Event) -> Result<(), JournalError> {
        self.time = time.min(SystemTime::now()).max(self.time);
        let record = Record {
            v: VERSION,
            time: humantime::format_rfc3339_millis(self.time).to_string(),
            event,
        };
        if let Some(row) = self.rows.row(&record) {
            self.table.write(row.as_bytes())?;
        }
        self.journal.write_line(&record)?;
        self.history.add(record.event);
        Ok(())
    }

    /// Makes it the experiment's journal. A table that is there is kept under another name.
    pub fn finish(mut self) -> Result<History, JournalError> {
        self.journal.sync()?;
        self.table.sync()?;
        // First: a table beside a journal is taken for the journal's own.
        let table = &self.table.path;
        put_aside(table).map_err(|cause| JournalError::Io {
            path: table.clone(),
            cause,
        })?;
        self.journal.publish()?;
        // A view: where it cannot be written now, the next run rebuilds it.
        let _ = self.table.publish();
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        Ok(std::mem::take(&mut self.history))
    }
}

/// A file that is written under another name.
#[derive(Debug)]
struct Part {
    /// What it is to be.
    path: PathBuf,
    new: PathBuf,
    file: BufWriter<File>,
}

impl Part {
    fn create(path: PathBuf) -> Result<Self, JournalError> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        match File::create(&new) {
            Ok(file) => Ok(Self {
                path,
                new,
                file: BufWriter::with_capacity(1 << 16, file),
            }),
            Err(cause) => Err(JournalError::Io { path: new, cause }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let written = self.file.write_all(bytes);
        written.map_err(|cause| self.failed(cause))
    }

    fn write_line(&mut self, record: &Record) -> Result<(), JournalError> {
        let written = serde_json::to_writer(&mut self.file, record).map_err(Into::into);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|cause| self.failed(cause))
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let synced = self.file.flush();
        let synced = synced.and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|cause| self.failed(cause))
    }

    fn publish(&self) -> Result<(), JournalError> {
        std::fs::rename(&self.new, &self.path).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: std::io::Error) -> JournalError {
        JournalError::Io {
            path: self.path.clone(),
            cause,
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it was published, nothing has this name.
        let _ = std::fs::remove_file(&self.new);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{baseline, candidate, verdict};
    use super::super::{Journal, LockError, read, tables_of_another_tool};
    use super::*;
    use crate::decision::Verdict;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn fill(draft: &mut Draft) {
        for (time, event) in [
            (at(50), baseline(10.0)),
            (at(40), candidate(1, "one")),
            (
                SystemTime::now() + Duration::from_hours(9),
                verdict(1, Verdict::Keep, Some(8.0)),
            ),
            (at(60), Event::Settled { n: 1 }),
        ] {
            draft.add(time, event).unwrap();
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_takes_its_place_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        std::fs::write(directory.join("results.tsv"), "others\n").unwrap();
        let mut draft = Draft::begin(directory).unwrap().unwrap();
        assert!(matches!(
            Journal::open(directory),
            Err(JournalError::Lock(LockError::Busy(_)))
        ));
        fill(&mut draft);
        assert!(!has_records(directory).unwrap());
        let history = draft.finish().unwrap();
        assert_eq!((history.tries, history.keeps), (1, 1));
        assert_eq!(
            names(directory),
            ["journal.jsonl", "lock", "results.tsv", "results.tsv.old"]
        );
        let table = std::fs::read_to_string(directory.join("results.tsv")).unwrap();
        let text = std::fs::read_to_string(directory.join("journal.jsonl")).unwrap();
        let times: Vec<&str> = text
            .lines()
            .map(|line| line.split('"').nth(5).unwrap())
            .collect();
        assert_eq!(times[0], "1970-01-01T00:00:50.000Z");
        assert_eq!(times[1], times[0]);
        assert!(times[2] > times[0] && times[3] == times[2], "{times:?}");
        assert!(
            times[2]
                <= humantime::format_rfc3339_millis(SystemTime::now())
                    .to_string()
                    .as_str()
        );
        // What a run finds is what was told, and it leaves the table as it is.
        assert_eq!(read(directory).unwrap(), history);
        drop(Journal::open(directory).unwrap());
        assert_eq!(
            std::fs::read_to_string(directory.join("results.tsv")).unwrap(),
            table
        );
        assert!(Draft::begin(directory).unwrap().is_none());
        assert!(tables_of_another_tool(directory).unwrap().is_empty());
    }

    #[test]
    fn given_up_it_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        std::fs::write(directory.join("results.tsv"), "others\n").unwrap();
        // As a draft that was killed leaves them.
        std::fs::write(directory.join("journal.jsonl.new"), "half").unwrap();
        let mut draft = Draft::begin(directory).unwrap().unwrap();
        fill(&mut draft);
        drop(draft);
        assert_eq!(names(directory), ["lock", "results.tsv"]);
    }

    #[test]
    fn the_newest_table_of_another_tool_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let found = || -> Vec<String> {
            let tables = tables_of_another_tool(directory).unwrap();
            tables.into_iter().map(name).collect()
        };
        assert_eq!(found(), Vec::<String>::new());
        std::fs::write(directory.join("results.tsv"), "a").unwrap();
        assert_eq!(found(), ["results.tsv"]);
        std::fs::write(directory.join("results.tsv.old"), "b").unwrap();
        std::fs::write(directory.join("results.tsv.old.2"), "c").unwrap();
        std::fs::write(directory.join("journal.jsonl"), "\n{\"v\":3").unwrap();
        assert_eq!(
            found(),
            ["results.tsv", "results.tsv.old.2", "results.tsv.old"]
        );
        std::fs::write(directory.join("results.tsv"), TSV_HEADER).unwrap();
        std::fs::write(directory.join("results.tsv.old"), "").unwrap();
        assert_eq!(found(), ["results.tsv.old.2"]);
        std::fs::write(directory.join("journal.jsonl"), "\nnonsense\n").unwrap();
        assert_eq!(found(), Vec::<String>::new());
    }
}

//! What the original Python tool has recorded, made into a journal.
//!
//! The table is read twice: once for the commits that it names, which git is asked for all at once, and
//! once to write the journal, row by row. So it may be long.

mod chronicle;
mod table;
mod tree;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::git::{Commits, Repository};
use crate::journal::{self, Draft, History};
use crate::project::{self, Project};
use chronicle::{Chronicle, Metric};
use table::{Entry, Row, Table};
pub use table::{Problem, Skipped};
pub use tree::{Left, Source, Staged, sources, taken};

/// How many of the lines that cannot be read are named.
const NAMED: usize = 5;

/// What came of importing one experiment's results.
#[derive(Debug)]
pub enum Outcome {
    Imported(Box<Imported>),
    Nothing(Nothing),
}

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    /// The table that it was read from, by its name before that.
    pub table: PathBuf,
    /// The rows that were read, the baseline's among them.
    pub rows: u64,
    pub skipped: SkippedLines,
    /// How many rows have a commit that is in the repository.
    pub with_commit: u64,
    pub history: History,
}

/// The lines that cannot be read.
#[derive(Debug, Default)]
pub struct SkippedLines {
    pub count: u64,
    /// The first ones.
    pub first: Vec<Skipped>,
}

/// Why there is nothing to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    #[error("it is not the original tool's: it has no `config.cfg`")]
    NotOriginal,
    #[error("it has a journal with records already")]
    Recorded,
    #[error("it has no `results.tsv` with rows")]
    NoRows,
    #[error("no row of its `results.tsv` has a value")]
    NoValue,
    #[error(
        "none of its commits is in this repository, so it is perhaps about another project (`-x` imports it all the same)"
    )]
    Elsewhere,
}

impl Nothing {
    /// What to do about it.
    pub fn hint(self) -> String {
        match self {
            Self::NotOriginal => {
                "without `-x`, all are imported that have something to import".to_owned()
            }
            Self::Recorded => format!(
                "to import all the same, move its `{}` away: what that tells is then no longer in the record",
                journal::FILE_NAME
            ),
            Self::NoRows | Self::NoValue | Self::Elsewhere => {
                "nothing is missing then: `autoresearch run` measures the baseline".to_owned()
            }
        }
    }
}

/// Which commits a table must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    Any,
    /// At least one of this repository, if it names any.
    Here,
}

/// Imports the results of the experiment in a directory. Nothing is written where there is nothing to
/// import, and on a failure nothing is changed but refs of candidates.
pub fn import(
    project: &Project,
    id: &Id,
    directory: &Path,
    commitment: Commitment,
) -> Result<Outcome, Failure> {
    if !project::is_original(directory) {
        return Ok(Outcome::Nothing(Nothing::NotOriginal));
    }
    if journal::has_records(directory)? {
        return Ok(Outcome::Nothing(Nothing::Recorded));
    }
    let tables = journal::tables_of_another_tool(directory)?;
    let mut scan = Err(Nothing::NoRows);
    for table in tables {
        scan = Scan::new(table)?;
        if scan.is_ok() {
            break;
        }
    }
    let scan = match scan {
        Ok(scan) => scan,
        Err(nothing) => return Ok(Outcome::Nothing(nothing)),
    };
    let objective = project::objective_of_original(directory, &project.directory)?;
    let metric = Metric {
        name: objective.metric.unwrap_or_default(),
        direction: objective.direction,
    };
    let commits = project.repository.known_commits(&scan.names)?;
    if commitment == Commitment::Here && commits.is_empty() && !scan.names.is_empty() {
        return Ok(Outcome::Nothing(Nothing::Elsewhere));
    }
    let first = first_number(&project.repository, id, &scan, &commits)?;
    let Some(mut draft) = Draft::begin(directory)? else {
        return Ok(Outcome::Nothing(Nothing::Recorded));
    };
    let mut chronicle = Chronicle::new(&commits, scan.modified, first);
    if let Some((time, event)) = chronicle.baseline(&scan.baseline, &metric) {
        draft.add(time, event)?;
    }
    let mut refs = Vec::new();
    let mut with_commit = u64::from(commits.get(scan.baseline.commit.as_deref()).is_some());
    scan.each_try(|row| {
        if let Some(commit) = commits.get(row.commit.as_deref()) {
            refs.push((id.candidate(chronicle.next()), commit.id.as_str(), None));
            with_commit += 1;
        }
        for (time, event) in chronicle.tried(row, &metric) {
            draft.add(time, event)?;
        }
        Ok(())
    })?;
    if !refs.is_empty() {
        project.repository.update_refs(&refs)?;
    }
    Ok(Outcome::Imported(Box::new(Imported {
        rows: scan.rows,
        skipped: scan.skipped,
        with_commit,
        history: draft.finish()?,
        table: scan.path,
    })))
}

/// The number of the first try: 1, or one that leaves the candidates of a lost record reachable. Those of
/// an import that was killed are the same ones.
fn first_number(
    repository: &Repository,
    id: &Id,
    scan: &Scan,
    commits: &Commits,
) -> Result<u64, Failure> {
    let there = repository.numbered(&id.candidates())?;
    let Some((highest, _)) = there.last_key_value() else {
        return Ok(1);
    };
    let (mut n, mut same) = (0, 0);
    scan.each_try(|row| {
        n += 1;
        let commit = commits.get(row.commit.as_deref());
        if commit.is_some_and(|commit| there.get(&n) == Some(&commit.id)) {
            same += 1;
        }
        Ok(())
    })?;
    Ok(if same == there.len() { 1 } else { highest + 1 })
}

/// What has to be known of a table before it is imported.
struct Scan {
    path: PathBuf,
    modified: SystemTime,
    rows: u64,
    /// The first row with a value.
    baseline: Row,
    /// The commits that rows name, one a line.
    names: String,
    skipped: SkippedLines,
}

impl Scan {
    fn new(path: PathBuf) -> Result<Result<Self, Nothing>, Failure> {
        let modified = path.metadata().and_then(|metadata| metadata.modified());
        let modified = modified.map_err(|error| unreadable(&path, &error))?;
        let (mut rows, mut baseline) = (0, None);
        let mut names = String::new();
        let mut skipped = SkippedLines::default();
        each_entry(&path, |entry| {
            match entry {
                Entry::Row(row) => {
                    rows += 1;
                    if let Some(commit) = &row.commit {
                        names.push_str(commit);
                        names.push('\n');
                    }
                    if baseline.is_none() && row.value.is_some() {
                        baseline = Some(row);
                    }
                }
                Entry::Skipped(line) => skipped.add(line),
            }
            Ok(())
        })?;
        Ok(match baseline {
            Some(baseline) => Ok(Self {
                path,
                modified,
                rows,
                baseline,
                names,
                skipped,
            }),
            None if rows == 0 => Err(Nothing::NoRows),
            None => Err(Nothing::NoValue),
        })
    }

    /// Calls `each` with every row but the baseline's.
    fn each_try(&self, mut each: impl FnMut(&Row) -> Result<(), Failure>) -> Result<(), Failure> {
        each_entry(&self.path, |entry| match entry {
            Entry::Row(row) if row.line != self.baseline.line => each(&row),
            _ => Ok(()),
        })
    }
}

impl SkippedLines {
    fn add(&mut self, line: Skipped) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(line);
        }
    }
}

fn each_entry(
    path: &Path,
    mut each: impl FnMut(Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    for entry in Table::new(BufReader::with_capacity(1 << 16, file)) {
        each(entry.map_err(|error| unreadable(path, &error))?)?;
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("`{}` cannot be read: {error}", path.display()),
    )
    .hint("make it readable and import again: nothing was changed")
}

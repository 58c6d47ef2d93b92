//! Rows of the original tool's as events of the journal.

use std::time::SystemTime;

use super::table::Row;
use crate::decision::Verdict;
use crate::git::{CommitId, Commits, NO_COMMIT};
use crate::journal::{Baseline, EvaluatorIdentity, Event, IMPORTED, Judged, Try};
use crate::measure::{Diagnostic, Direction, Measurement, Severity, Source};

/// Why each imported verdict is what it is.
const REASON: &str = "imported from results.tsv";
/// What confined the commands: the table does not tell.
const SANDBOX: &str = "unknown";
/// What the original tool calls the first row.
const BASELINE: &str = "baseline";

/// What the values are of.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: String,
    /// None where the definition does not say.
    pub(super) direction: Option<Direction>,
}

/// Makes events of rows, one after the other.
#[derive(Debug)]
pub(super) struct Chronicle<'a> {
    commits: &'a Commits,
    /// The number of the next try.
    n: u64,
    incumbent: CommitId,
    incumbent_value: f64,
    /// That of the row before; at first, of the first commit that is known, or else the table's.
    time: SystemTime,
}

impl<'a> Chronicle<'a> {
    /// For a table that was written last at `modified`, whose first try is to have this number.
    pub(super) fn new(commits: &'a Commits, modified: SystemTime, first: u64) -> Self {
        Self {
            commits,
            n: first,
            incumbent: NO_COMMIT.to_owned(),
            incumbent_value: 0.0,
            time: commits.first.unwrap_or(modified),
        }
    }

    /// The number of the next try.
    pub(super) fn next(&self) -> u64 {
        self.n
    }

    /// The event of the row that everything is compared with at first.
    pub(super) fn baseline(&mut self, row: &Row, metric: &Metric) -> Option<(SystemTime, Event)> {
        let value = row.value?;
        let commit = self.commit(row);
        self.incumbent.clone_from(&commit);
        self.incumbent_value = value;
        let described = row.description != BASELINE && !row.description.is_empty();
        let baseline = Baseline {
            commit,
            metric: metric.name.clone(),
            unit: String::new(),
            direction: metric.direction,
            value,
            measurements: measurements(metric, row),
            meaning: IMPORTED.to_owned(),
            evaluator: EvaluatorIdentity {
                reference: IMPORTED.to_owned(),
                name: IMPORTED.to_owned(),
                version: String::new(),
                sha256: String::new(),
            },
            diagnostics: described
                .then(|| Diagnostic {
                    severity: Severity::Info,
                    message: row.description.clone(),
                    source: Source::Evaluator,
                })
                .into_iter()
                .collect(),
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 0.0,
            sandbox: SANDBOX.to_owned(),
        };
        Some((self.time, Event::Baseline(Box::new(baseline))))
    }

    /// The events of any other row.
    pub(super) fn tried(&mut self, row: &Row, metric: &Metric) -> [(SystemTime, Event); 3] {
        let n = self.n;
        self.n += 1;
        let commit = self.commit(row);
        let candidate = Try {
            n,
            commit: commit.clone(),
            parent: self.incumbent.clone(),
            description: match row.description.as_str() {
                "" => format!("try {n}"),
                words => words.to_owned(),
            },
            content: None,
            agent: None,
            mends: None,
        };
        let judged = Judged {
            n,
            verdict: row.verdict,
            reason: REASON.to_owned(),
            commit: None,
            unjudged: false,
            value: row.value,
            incumbent_value: self.incumbent_value,
            measurements: measurements(metric, row),
            incumbent_measurements: vec![],
            evidence: None,
            diagnostics: vec![],
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 0.0,
            sandbox: SANDBOX.to_owned(),
        };
        if let (Verdict::Keep, Some(value)) = (row.verdict, row.value) {
            self.incumbent = commit;
            self.incumbent_value = value;
        }
        [
            Event::Try(candidate),
            Event::Verdict(Box::new(judged)),
            Event::Settled { n },
        ]
        .map(|event| (self.time, event))
    }

    /// A row's commit: its whole id where the repository has it, or else what is written. Where that
    /// tells when it was made, this is the row's time.
    fn commit(&mut self, row: &Row) -> CommitId {
        let Some(name) = &row.commit else {
            return NO_COMMIT.to_owned();
        };
        let Some(known) = self.commits.get(Some(name)) else {
            return name.clone();
        };
        self.time = self.time.max(known.time);
        known.id.clone()
    }
}

fn measurements(metric: &Metric, row: &Row) -> Vec<Measurement> {
    row.value
        .map(|value| Measurement {
            metric: metric.name.clone(),
            samples: vec![value],
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(commit: Option<&str>, value: Option<f64>, verdict: Verdict, words: &str) -> Row {
        Row {
            line: 1,
            commit: commit.map(str::to_owned),
            value,
            verdict,
            description: words.to_owned(),
        }
    }

    fn metric() -> Metric {
        Metric {
            name: "m".to_owned(),
            direction: Some(Direction::Lower),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn rows_follow_the_last_keep() {
        use Verdict::{Crash, Discard, Keep};
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let commits = Commits::of([
            ("aaaaaaa", a.as_str(), at(100)),
            ("bbbbbbb", b.as_str(), at(300)),
            ("ccccccc", c.as_str(), at(200)),
        ]);
        let mut chronicle = Chronicle::new(&commits, at(900), 5);
        let first = row(Some("aaaaaaa"), Some(10.0), Keep, "as it was");
        let Some((time, Event::Baseline(baseline))) = chronicle.baseline(&first, &metric()) else {
            panic!();
        };
        assert_eq!((time, &baseline.commit), (at(100), &a));
        assert_eq!(baseline.diagnostics[0].message, "as it was");
        assert_eq!(baseline.direction, Some(Direction::Lower));
        let mut told = Vec::new();
        for row in [
            row(Some("1234567"), Some(11.0), Discard, "gone"),
            row(Some("bbbbbbb"), Some(12.0), Keep, "worse, and kept"),
            row(None, None, Crash, ""),
            row(Some("ccccccc"), Some(0.0), Discard, "older"),
        ] {
            let [
                (time, Event::Try(candidate)),
                (_, Event::Verdict(judged)),
                (last, Event::Settled { n }),
            ] = chronicle.tried(&row, &metric())
            else {
                panic!();
            };
            assert_eq!((time, candidate.n, judged.n), (last, n, n));
            assert_eq!(judged.measurements.len(), usize::from(row.value.is_some()));
            told.push((
                n,
                time,
                candidate.commit,
                candidate.parent,
                candidate.description,
                judged.incumbent_value,
            ));
        }
        let none = NO_COMMIT.to_owned();
        let expected = [
            (5, at(100), "1234567".to_owned(), a.clone(), "gone", 10.0),
            (6, at(300), b.clone(), a, "worse, and kept", 10.0),
            (7, at(300), none, b.clone(), "try 7", 12.0),
            (8, at(300), c, b, "older", 12.0),
        ]
        .map(|(n, time, commit, parent, words, value)| {
            (n, time, commit, parent, words.to_owned(), value)
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn without_commits_the_time_is_the_tables() {
        let commits = Commits::default();
        let mut chronicle = Chronicle::new(&commits, at(900), 1);
        let first = row(Some("1234567"), Some(10.0), Verdict::Keep, "baseline");
        let Some((time, Event::Baseline(baseline))) = chronicle.baseline(&first, &metric()) else {
            panic!();
        };
        assert_eq!(time, at(900));
        assert_eq!(baseline.commit, "1234567");
        assert_eq!(baseline.diagnostics, []);
        let crash = row(None, None, Verdict::Crash, "x");
        assert!(chronicle.baseline(&crash, &metric()).is_none());
    }
}

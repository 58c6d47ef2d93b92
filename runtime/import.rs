//! `results.tsv` of the original Python tool, and of karpathy/autoresearch, read to become a journal.
//!
//! Tab-separated, a header, and of each line the first four columns: `commit metric status
//! description`; a header with `memory_gb` says that this is the third of five. What a line has besides
//! is not looked at. Everything is met there: other line ends, a byte order mark, no header, text that
//! is no UTF-8; what cannot be read is left out and told.

use crate::decision::Verdict;
use crate::git::CommitId;
use crate::journal::{Baseline, EvaluatorIdentity, Event, IMPORTED, Judged, Try};
use crate::measure::{Diagnostic, Direction, Measurement, Severity, Source};
use crate::text;

/// What the first row is called that is no try.
const BASELINE: &str = "baseline";
/// The longest description, in characters.
const LONGEST: usize = 500;

/// What a table holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub rows: Vec<Row>,
    /// The lines that cannot be read: their numbers, from 1, and why.
    pub problems: Vec<(u64, String)>,
}

/// One try.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As it is written: hexadecimal digits, or nothing.
    pub commit: String,
    /// None for a crash.
    pub value: Option<f64>,
    pub status: Verdict,
    pub description: String,
}

/// Reads a table.
pub fn read(bytes: &[u8]) -> Table {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut table = Table::default();
    let mut status_at = 2;
    for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
        if columns.iter().all(|column| column.is_empty()) {
            continue;
        }
        if columns.first() == Some(&"commit") {
            status_at = if columns.get(2) == Some(&"memory_gb") {
                3
            } else {
                2
            };
            continue;
        }
        match row(&columns, status_at) {
            Ok(row) => table.rows.push(row),
            Err(what) => table.problems.push((number, what)),
        }
    }
    table
}

fn row(columns: &[&str], status_at: usize) -> Result<Row, String> {
    let column = |at: usize| columns.get(at).copied();
    let (Some(commit), Some(metric), Some(status)) = (column(0), column(1), column(status_at))
    else {
        return Err(format!("it has {} columns", columns.len()));
    };
    let status = match status.to_ascii_lowercase().as_str() {
        "keep" => Verdict::Keep,
        "discard" => Verdict::Discard,
        "crash" => Verdict::Crash,
        _ => {
            return Err(format!("its status is `{}`", text::clean_line(status, 40)));
        }
    };
    let value = match metric {
        _ if status == Verdict::Crash => None,
        "" | "N/A" | "None" => None,
        metric => match metric.parse::<f64>() {
            Ok(value) if value.is_finite() => Some(value),
            _ => {
                return Err(format!(
                    "its metric is `{}`, which is no number",
                    text::clean_line(metric, 40)
                ));
            }
        },
    };
    if status == Verdict::Keep && value.is_none() {
        return Err("it is a keep without a number".to_owned());
    }
    let is_name = (4..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(Row {
        commit: if is_name {
            commit.to_ascii_lowercase()
        } else {
            String::new()
        },
        value,
        status,
        description: text::clean_line(column(status_at + 1).unwrap_or_default(), LONGEST),
    })
}

/// What the values are of.
#[derive(Debug, Clone)]
pub struct Metric {
    pub name: String,
    pub direction: Direction,
}

/// The events that rows amount to; none where no row has a number. Of each row it gives the commit
/// that `commit` knows it by.
///
/// The first row with a number is the baseline, as it was for the tool that wrote it; its values have a
/// meaning of their own, so that the next run measures the baseline again.
pub fn events(
    rows: &[Row],
    metric: &Metric,
    commit: impl Fn(&Row) -> CommitId,
) -> Option<Vec<Event>> {
    let first = rows.iter().position(|row| row.value.is_some())?;
    let start = rows.get(first)?;
    let mut incumbent = (commit(start), start.value?);
    let mut events = vec![Event::Baseline(Box::new(baseline(
        start, metric, &incumbent,
    )))];
    let others = rows
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != first)
        .map(|(_, row)| row);
    for (n, row) in (1..).zip(others) {
        let name = commit(row);
        events.push(Event::Try(Try {
            n,
            commit: name.clone(),
            parent: incumbent.0.clone(),
            description: row.description.clone(),
            content: None,
            agent: None,
            mends: None,
        }));
        events.push(Event::Verdict(Box::new(judged(n, row, incumbent.1))));
        events.push(Event::Settled { n });
        if let (Verdict::Keep, Some(value)) = (row.status, row.value) {
            incumbent = (name, value);
        }
    }
    Some(events)
}

fn baseline(row: &Row, metric: &Metric, (commit, value): &(CommitId, f64)) -> Baseline {
    let remark = (row.description != BASELINE && !row.description.is_empty()).then(|| Diagnostic {
        severity: Severity::Info,
        message: row.description.clone(),
        source: Source::Evaluator,
    });
    Baseline {
        commit: commit.clone(),
        metric: metric.name.clone(),
        unit: String::new(),
        direction: Some(metric.direction),
        value: *value,
        measurements: vec![Measurement {
            metric: metric.name.clone(),
            samples: vec![*value],
        }],
        meaning: IMPORTED.to_owned(),
        evaluator: EvaluatorIdentity {
            reference: IMPORTED.to_owned(),
            name: IMPORTED.to_owned(),
            version: String::new(),
            sha256: String::new(),
        },
        diagnostics: remark.into_iter().collect(),
        guards: vec![],
        objective_seconds: None,
        model: None,
        seconds: 0.0,
        sandbox: "unknown".to_owned(),
    }
}

fn judged(n: u64, row: &Row, incumbent_value: f64) -> Judged {
    Judged {
        n,
        verdict: row.status,
        reason: "imported from results.tsv".to_owned(),
        commit: None,
        unjudged: false,
        value: row.value,
        incumbent_value,
        measurements: vec![],
        incumbent_measurements: vec![],
        evidence: None,
        diagnostics: vec![],
        guards: vec![],
        objective_seconds: None,
        model: None,
        seconds: 0.0,
        sandbox: "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(String, Option<f64>, Verdict, String)> {
        let table = read(text.as_bytes());
        assert_eq!(table.problems, []);
        let row = |row: Row| (row.commit, row.value, row.status, row.description);
        table.rows.into_iter().map(row).collect()
    }

    #[test]
    fn the_first_four_columns_count() {
        let expected = vec![
            (
                "1234567".to_owned(),
                Some(80.0),
                Verdict::Keep,
                "baseline".to_owned(),
            ),
            (
                "2345678".to_owned(),
                None,
                Verdict::Crash,
                "exit 1".to_owned(),
            ),
            (
                "3456789".to_owned(),
                Some(0.0),
                Verdict::Keep,
                String::new(),
            ),
        ];
        let head = "commit\tmetric\tstatus\tdescription";
        for text in [
            format!("{head}\n1234567\t80.000000\tkeep\tbaseline\n2345678\tN/A\tcrash\texit 1\n3456789\t0.000000\tkeep\n"),
            "\u{feff}1234567\t80\tKEEP\tbaseline\tmore\t7\r\n\r\n2345678\t\tcrash\texit 1\r\n3456789\t0\tkeep\t".to_owned(),
            "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n1234567\t80\t44.0\tkeep\tbaseline\n2345678\t0.000000\t0.0\tcrash\texit 1\n3456789\t0\t1\tkeep\t\n".to_owned(),
        ] {
            assert_eq!(rows(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line() {
        let table = read(
            b"commit\tmetric\tstatus\tdescription\nshort\n1234567\tNaN\tkeep\tx\n1234567\t1\tbetter\tx\n\
              1234567\tN/A\tkeep\tx\nHEAD\t1\tdiscard\tx\n\xff\tinf\tkeep\t\x1b[31m\n",
        );
        let lines: Vec<u64> = table.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 7]);
        // What is no commit's name is not asked for.
        assert_eq!((table.rows.len(), table.rows[0].commit.as_str()), (1, ""));
    }

    #[test]
    fn rows_become_a_baseline_and_tries() {
        let metric = Metric {
            name: "p50_ms".into(),
            direction: Direction::Lower,
        };
        let table = read(b"a111\tN/A\tcrash\tfirst\nb222\t9\tkeep\tstart\nc333\t8\tkeep\tx\nd444\t7\tdiscard\ty\n");
        let events = events(&table.rows, &metric, |row| row.commit.repeat(10)).unwrap();
        let Event::Baseline(baseline) = &events[0] else {
            panic!()
        };
        assert_eq!(
            (baseline.value, baseline.diagnostics[0].message.as_str()),
            (9.0, "start")
        );
        let tries: Vec<(u64, &str, &str)> = events
            .iter()
            .filter_map(|event| match event {
                Event::Try(t) => Some((t.n, &t.commit[..4], &t.parent[..4])),
                _ => None,
            })
            .collect();
        assert_eq!(
            tries,
            [
                (1, "a111", "b222"),
                (2, "c333", "b222"),
                (3, "d444", "c333")
            ]
        );
        assert_eq!(
            super::events(&table.rows[..1], &metric, |_| String::new()),
            None
        );
    }

    proptest! {
        #[test]
        fn every_line_is_read_or_told(bytes in proptest::collection::vec(
            prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\r'), Just(b'1'), any::<u8>()], 0..300)
        ) {
            let table = read(&bytes);
            let lines = bytes.split(|&b| b == b'\n').count();
            prop_assert!(table.rows.len() + table.problems.len() <= lines);
            for row in &table.rows {
                prop_assert!(row.value.is_none_or(f64::is_finite));
                prop_assert!(row.commit.bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }
}

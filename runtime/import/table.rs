//! Reading the original tool's `results.tsv`.
//!
//! Tab-separated lines of `commit`, `metric`, `status` and `description`; what comes after these is not
//! read. A header may be there, and then says where status and description are: the tool that the
//! original descends from has `memory_gb` before them. A metric is a number or `N/A`. Nothing that
//! stands in such a file is a failure: each line is a row, says nothing, or is told as one that cannot
//! be read.

use std::io::BufRead;

use crate::decision::Verdict;
use crate::text;

/// How much of a line is read, in bytes: a description is cut anyway, and stands last.
const LINE_LIMIT: usize = 1 << 16;
/// The longest description, in characters.
const DESCRIPTION_LIMIT: usize = 500;
/// How much is told of what cannot be read, in characters.
const TOLD_LIMIT: usize = 40;
/// The longest and the shortest hexadecimal number that git takes for an object's name.
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 4..=64;

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// From 1.
    pub line: u64,
    /// The start of a commit's id, in lower-case hexadecimal digits; none where there is something else.
    pub commit: Option<String>,
    /// Finite. A crash has none, and a keep has one.
    pub value: Option<f64>,
    pub verdict: Verdict,
    /// Cleaned, on one line; may be empty.
    pub description: String,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// From 1.
    pub line: u64,
    pub problem: Problem,
}

/// Why a line cannot be read. What is quoted is cleaned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("it has too few columns")]
    Short,
    #[error("`{0}` is no status")]
    Status(String),
    #[error("`{0}` is no finite number")]
    Metric(String),
    #[error("it is a keep without a value")]
    KeepWithoutValue,
}

/// What a line is that says something.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Row(Row),
    Skipped(Skipped),
}

/// The lines of a table that say something, in their order.
#[derive(Debug)]
pub struct Table<R> {
    reader: R,
    line: u64,
    /// Known from the first line that says something on.
    layout: Option<Layout>,
    buffer: Vec<u8>,
}

/// In which columns something stands, from 0. Commit and metric are the first two.
#[derive(Debug, Clone, Copy)]
struct Layout {
    status: usize,
    description: usize,
}

const USUAL: Layout = Layout {
    status: 2,
    description: 3,
};

impl<R: BufRead> Table<R> {
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: 0,
            layout: None,
            buffer: Vec::new(),
        }
    }

    /// Reads the start of the next line; false at the end.
    fn next_line(&mut self) -> std::io::Result<bool> {
        self.buffer.clear();
        let mut is_there = false;
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            is_there = true;
            let end = bytes.iter().position(|&b| b == b'\n');
            let text = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
            let room = LINE_LIMIT - self.buffer.len();
            self.buffer.extend(text.iter().take(room));
            let length = end.map_or(bytes.len(), |end| end + 1);
            self.reader.consume(length);
            if end.is_some() {
                break;
            }
        }
        self.line += u64::from(is_there);
        Ok(is_there)
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = std::io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let text = String::from_utf8_lossy(&self.buffer);
            let text = text.trim_start_matches('\u{feff}').trim_end_matches('\r');
            if text.trim().is_empty() {
                continue;
            }
            let columns: Vec<&str> = text.split('\t').map(str::trim).collect();
            let layout = match self.layout {
                Some(layout) => layout,
                None => match header(&columns) {
                    Some(layout) => {
                        self.layout = Some(layout);
                        continue;
                    }
                    None => *self.layout.insert(USUAL),
                },
            };
            let line = self.line;
            return Some(Ok(match row(line, &columns, layout) {
                Ok(row) => Entry::Row(row),
                Err(problem) => Entry::Skipped(Skipped { line, problem }),
            }));
        }
    }
}

/// Where things stand, if a line is a header.
fn header(columns: &[&str]) -> Option<Layout> {
    let is = |column: &str, name: &str| column.eq_ignore_ascii_case(name);
    if !columns.first().is_some_and(|first| is(first, "commit")) {
        return None;
    }
    let place = |name: &str| columns.iter().position(|column| is(column, name));
    let status = place("status").unwrap_or(USUAL.status);
    Some(Layout {
        status,
        description: place("description").unwrap_or(status + 1),
    })
}

fn row(line: u64, columns: &[&str], layout: Layout) -> Result<Row, Problem> {
    let column = |n: usize| columns.get(n).copied();
    let (Some(commit), Some(metric), Some(status)) = (column(0), column(1), column(layout.status))
    else {
        return Err(Problem::Short);
    };
    let told = |text: &str| text::clean_line(text, TOLD_LIMIT);
    let verdict = match status {
        "keep" => Verdict::Keep,
        "discard" => Verdict::Discard,
        "crash" => Verdict::Crash,
        other => return Err(Problem::Status(told(other))),
    };
    let value = match metric {
        _ if verdict == Verdict::Crash => None,
        "N/A" => None,
        text => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Some(value),
            _ => return Err(Problem::Metric(told(text))),
        },
    };
    if verdict == Verdict::Keep && value.is_none() {
        return Err(Problem::KeepWithoutValue);
    }
    Ok(Row {
        line,
        commit: id(commit),
        value,
        verdict,
        description: text::clean_line(
            column(layout.description).unwrap_or_default(),
            DESCRIPTION_LIMIT,
        ),
    })
}

fn id(text: &str) -> Option<String> {
    let is_id =
        ID_LENGTHS.contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Entry> {
        Table::new(bytes).map(Result::unwrap).collect()
    }

    fn entry(line: u64, commit: &str, value: Option<f64>, verdict: Verdict, words: &str) -> Entry {
        Entry::Row(Row {
            line,
            commit: Some(commit.to_owned()),
            value,
            verdict,
            description: words.to_owned(),
        })
    }

    fn skipped(line: u64, problem: Problem) -> Entry {
        Entry::Skipped(Skipped { line, problem })
    }

    #[test]
    fn each_line_is_a_row() {
        let text = "commit\tmetric\tstatus\tdescription\n\
            a1b2c3d\t80.000000\tkeep\tbaseline\n\
            2345678\tN/A\tcrash\texit 1\n\
            ABCDEF0\t-0.000000\tdiscard\tno gain\tmore\tthan that\n";
        let expected = vec![
            entry(2, "a1b2c3d", Some(80.0), Verdict::Keep, "baseline"),
            entry(3, "2345678", None, Verdict::Crash, "exit 1"),
            entry(4, "abcdef0", Some(0.0), Verdict::Discard, "no gain"),
        ];
        assert_eq!(read(text.as_bytes()), expected);
        for same in [
            text.replace('\n', "\r\n"),
            format!("\u{feff}{text}"),
            text.trim_end().to_owned(),
            text.replace("commit\tmetric", "Commit\tp50_ms"),
        ] {
            assert_eq!(read(same.as_bytes()), expected, "{same:?}");
        }
    }

    #[test]
    fn a_header_and_blank_lines_need_not_be_there() {
        let text = "\n \t \na1b2c3d\t0\tkeep\n\n\n1234567\t1e1\tdiscard\tx";
        assert_eq!(
            read(text.as_bytes()),
            [
                entry(3, "a1b2c3d", Some(0.0), Verdict::Keep, ""),
                entry(6, "1234567", Some(10.0), Verdict::Discard, "x"),
            ]
        );
        assert_eq!(read(b""), []);
        assert_eq!(read(b"commit\tmetric\tstatus\tdescription"), []);
    }

    #[test]
    fn the_header_tells_where_the_status_is() {
        let text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n\
            a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n\
            b2c3d4e\t0.000000\t0.0\tcrash\twider\n";
        assert_eq!(
            read(text.as_bytes()),
            [
                entry(2, "a1b2c3d", Some(0.9979), Verdict::Keep, "baseline"),
                entry(3, "b2c3d4e", None, Verdict::Crash, "wider"),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        let text = "commit\tmetric\tstatus\tdescription\n\
            a1b2c3d\t1\n\
            just words\n\
            a1b2c3d\tnan\tkeep\tx\n\
            a1b2c3d\t-inf\tdiscard\tx\n\
            a1b2c3d\t\tdiscard\tx\n\
            a1b2c3d\t1,5\tdiscard\tx\n\
            a1b2c3d\t1\tKept\u{1b}[31m\tx\n\
            a1b2c3d\tN/A\tkeep\tx\n";
        let metric = |line, text: &str| skipped(line, Problem::Metric(text.into()));
        assert_eq!(
            read(text.as_bytes()),
            [
                skipped(2, Problem::Short),
                skipped(3, Problem::Short),
                metric(4, "nan"),
                metric(5, "-inf"),
                metric(6, ""),
                metric(7, "1,5"),
                skipped(8, Problem::Status("Kept".into())),
                skipped(9, Problem::KeepWithoutValue),
            ]
        );
        // A crash has no value, whatever stands there.
        assert_eq!(
            read(b"a1b2c3d\tnan\tcrash\tx"),
            [entry(1, "a1b2c3d", None, Verdict::Crash, "x")]
        );
    }

    #[test]
    fn only_hexadecimal_digits_are_a_commit() {
        let long = "a".repeat(65);
        for text in ["", "HEAD", "abc", "--all", "abcdefg", &long] {
            let line = format!("{text}\t1\tkeep\tx");
            let [Entry::Row(row)] = &read(line.as_bytes())[..] else {
                panic!("{line:?}");
            };
            assert_eq!(row.commit, None, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_line_the_start_counts() {
        let words = "ä".repeat(LINE_LIMIT);
        let text = format!("a1b2c3d\t1\tkeep\t{words}\nb1b2c3d\t2\tkeep\tx\n");
        let [Entry::Row(long), Entry::Row(next)] = &read(text.as_bytes())[..] else {
            panic!();
        };
        assert_eq!(long.description.chars().count(), DESCRIPTION_LIMIT + 1);
        assert_eq!((next.line, next.value), (2, Some(2.0)));
    }

    #[test]
    fn text_that_is_not_utf8_is_read_as_far_as_it_is() {
        assert_eq!(
            read(b"a1b2c3d\t1\tkeep\tcaf\xe9\n"),
            [entry(1, "a1b2c3d", Some(1.0), Verdict::Keep, "caf\u{fffd}")]
        );
    }

    fn anything() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\t".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"commit\tmetric\tstatus\tdescription".to_vec()),
            Just(b"a1b2c3d\t".to_vec()),
            Just(b"keep".to_vec()),
            Just(b"crash".to_vec()),
            Just(b"N/A".to_vec()),
            Just("\u{feff}".as_bytes().to_vec()),
            "[0-9.e+-]{1,9}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn each_line_is_read_told_blank_or_the_header(bytes in anything()) {
            let entries = read(&bytes);
            let lines: Vec<u64> = entries
                .iter()
                .map(|entry| match entry {
                    Entry::Row(row) => row.line,
                    Entry::Skipped(skipped) => skipped.line,
                })
                .collect();
            prop_assert!(lines.is_sorted_by(|a, b| a < b));
            let said = bytes
                .split(|&b| b == b'\n')
                .filter(|line| {
                    let text = String::from_utf8_lossy(line);
                    let text = text.trim_start_matches('\u{feff}').trim();
                    !text.is_empty()
                })
                .count();
            prop_assert!(entries.len() == said || entries.len() + 1 == said);
            for entry in &entries {
                if let Entry::Row(row) = entry {
                    prop_assert!(row.value.is_none_or(f64::is_finite));
                    match row.verdict {
                        Verdict::Keep => prop_assert!(row.value.is_some()),
                        Verdict::Crash => prop_assert!(row.value.is_none()),
                        Verdict::Discard => {}
                    }
                    prop_assert!(!row.description.contains(char::is_control));
                }
            }
        }

        #[test]
        fn it_does_not_depend_on_how_it_is_buffered(bytes in anything(), size in 1_usize..9) {
            let small = std::io::BufReader::with_capacity(size, &bytes[..]);
            let entries: Vec<Entry> = Table::new(small).map(Result::unwrap).collect();
            prop_assert_eq!(entries, read(&bytes));
        }
    }
}

//! Metrics in what a program prints.
//!
//! A metric is a line `name: value`, where the name is `[a-z][a-z0-9_]*` of at most 64 bytes and the
//! value a plain finite number; white space around both is free, and after the value and white space
//! anything but another number may follow (a unit, a remark). Every other line is ignored.
//!
//! The last line of a name counts. A name whose last line has no such number has no value: an older
//! number is another run's, or another step's.

use std::collections::BTreeMap;

/// The most names that are kept.
pub const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;
/// Characters shown of a line.
const LINE_LIMIT: usize = 120;
/// How many names are listed in one remark.
const LISTED: usize = 5;

/// The metrics of one output.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Metrics {
    /// Each name once, in the order of the lines that count.
    pub values: Vec<(String, f64)>,
    /// True if there were more than [`MOST_NAMES`]: those printed last are kept.
    pub more: bool,
    /// Names whose last line has no plain finite number though it, or one before it, is meant to
    /// have one. Each with its last line, cut.
    pub unreadable: Vec<(String, String)>,
    /// Names that were printed with different values.
    pub changing: Vec<String>,
}

/// What follows the colon of a line that begins with a name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Number(f64),
    /// It is meant as a number and is not a plain finite one.
    Unreadable,
    /// It is not meant as one.
    Words,
}

/// Finds the metrics in an output.
pub fn metrics(output: &[u8]) -> Metrics {
    let text = common::clean(output);
    let mut found = Metrics::default();
    // The last line of each name, and where its name stands in the list.
    let mut names: Vec<(&str, Value, &str)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut with_numbers = 0;
    // From the end, so that the first line of a name is the one that counts.
    for line in text.lines().rev() {
        let Some((name, value)) = named(line) else {
            continue;
        };
        let Some(last) = places.get(name).and_then(|place| names.get_mut(*place)) else {
            if value != Value::Words {
                if with_numbers == MOST_NAMES {
                    found.more = true;
                    break;
                }
                with_numbers += 1;
            }
            places.insert(name, names.len());
            names.push((name, value, line));
            continue;
        };
        match (last.1, value) {
            // Its last line is about something else, and those before have numbers.
            (Value::Words, Value::Number(_) | Value::Unreadable) => last.1 = Value::Unreadable,
            (Value::Number(counts), Value::Number(older))
                if counts != older && !found.changing.iter().any(|known| known == name) =>
            {
                found.changing.push(name.to_owned());
            }
            _ => {}
        }
    }
    for (name, value, line) in names.into_iter().rev() {
        match value {
            Value::Number(value) => found.values.push((name.to_owned(), value)),
            Value::Unreadable => found.unreadable.push((name.to_owned(), cut(line.trim()))),
            Value::Words => {}
        }
    }
    found.changing.reverse();
    found
}

/// Says of each name that has no value why that is.
pub fn complaints(metrics: &Metrics) -> Vec<String> {
    let each = metrics.unreadable.iter();
    each.map(|(name, line)| {
        format!("the last line of `{name}` has no plain finite number: `{line}`")
    })
    .collect()
}

/// Says which names were printed with different values.
pub fn remark_on_changes(metrics: &Metrics) -> Option<String> {
    let names: Vec<String> = metrics
        .changing
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        return None;
    }
    let more = if metrics.changing.len() > LISTED {
        ", ..."
    } else {
        ""
    };
    Some(format!(
        "printed more than once with different values, of which the last counts: {}{more}",
        names.join(", ")
    ))
}

fn named(line: &str) -> Option<(&str, Value)> {
    // What some programs begin a file with.
    let line = line.trim_start_matches('\u{feff}');
    let (name, rest) = line.split_once(':')?;
    let name = name.trim();
    is_name(name).then(|| (name, value(rest)))
}

fn value(text: &str) -> Value {
    let mut words = text.split_whitespace();
    let Some(word) = words.next() else {
        return Value::Words;
    };
    let follows_a_number = words.next().is_some_and(begins_number);
    match word.parse::<f64>() {
        Ok(value) if value.is_finite() && !follows_a_number => Value::Number(value),
        Ok(_) => Value::Unreadable,
        Err(_) if begins_number(word) => Value::Unreadable,
        Err(_) => Value::Words,
    }
}

/// Whether a word begins as numbers do in any notation.
fn begins_number(word: &str) -> bool {
    let digits = word.trim_start_matches(['+', '-', '\u{2212}', '.', ',', '$', '€', '£']);
    digits.starts_with(|c: char| c.is_numeric())
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(output: &str) -> Vec<(String, f64)> {
        metrics(output.as_bytes()).values
    }

    fn one(name: &str, value: f64) -> Vec<(String, f64)> {
        vec![(name.to_owned(), value)]
    }

    #[test]
    fn a_metric_among_other_lines_is_found() {
        let output = "step 1\nval_bpb:          0.997900\ndone in 3 s\n";
        assert_eq!(found(output), one("val_bpb", 0.9979));
    }

    #[test]
    fn white_space_and_what_follows_the_value_are_free() {
        assert_eq!(
            found("  latency :  12.5 ms (median)  "),
            one("latency", 12.5)
        );
        assert_eq!(found("\tlatency:\t12.5\tms"), one("latency", 12.5));
        assert_eq!(found("latency:12.5"), one("latency", 12.5));
        assert_eq!(found("latency: 12.5\r\n"), one("latency", 12.5));
        assert_eq!(found("eta: 5 : 6"), one("eta", 5.0));
    }

    #[test]
    fn numbers_may_be_written_in_every_usual_way() {
        for (text, value) in [
            ("-3", -3.0),
            ("+2", 2.0),
            ("1e-3", 0.001),
            (".5", 0.5),
            ("5.", 5.0),
            ("2E2", 200.0),
            ("0", 0.0),
        ] {
            assert_eq!(found(&format!("x: {text}")), one("x", value), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_finite_number_is_told_and_never_an_older_one() {
        for text in [
            "nan",
            "NaN",
            "inf",
            "-infinity",
            "1e999",
            "95%",
            "0.5,",
            "1_000",
            "1,234.5",
            "1 234,5",
            "1\u{a0}234,5",
            "1\u{202f}234",
            "0x10",
            "12:30",
            "$5",
            "5 6",
            "٣",
        ] {
            let found = metrics(format!("x: 999.9\ny: 2\nx: {text}\n").as_bytes());
            assert_eq!(found.values, one("y", 2.0), "{text}");
            let complaints = complaints(&found);
            assert_eq!(complaints.len(), 1, "{text}");
            assert!(complaints[0].contains("last line of `x`"), "{complaints:?}");
            let alone = metrics(format!("x: {text}").as_bytes());
            assert_eq!(
                (alone.values.len(), alone.unreadable.len()),
                (0, 1),
                "{text}"
            );
        }
    }

    #[test]
    fn words_after_a_number_take_its_place() {
        let found = metrics(b"loss: 0.5\nloss: diverged\n");
        assert!(found.values.is_empty());
        assert_eq!(
            found.unreadable,
            [("loss".to_owned(), "loss: diverged".to_owned())]
        );
    }

    #[test]
    fn lines_that_are_not_about_numbers_are_ignored() {
        for text in ["", " ", "ms 5", "see the log", "//host/path"] {
            let found = metrics(format!("x: {text}").as_bytes());
            assert_eq!(found, Metrics::default(), "{text}");
        }
    }

    #[test]
    fn different_values_of_a_name_are_told() {
        let found = metrics(b"a: 1\nb: 1\na: 1\nb: 2\nb: 3\n");
        assert_eq!(found.values, [("a".to_owned(), 1.0), ("b".to_owned(), 3.0)]);
        let remark = remark_on_changes(&found).unwrap();
        assert!(remark.ends_with("the last counts: `b`"), "{remark}");
        assert_eq!(remark_on_changes(&metrics(b"a: 1\na: 1.0\n")), None);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        assert_eq!(found("\u{feff}loss: 1\n"), one("loss", 1.0));
    }

    #[test]
    fn names_follow_the_contract() {
        let longest = "a".repeat(64);
        assert_eq!(found(&format!("{longest}: 1")), one(&longest, 1.0));
        assert_eq!(found("p50_ms: 1"), one("p50_ms", 1.0));
        for name in [
            "",
            "Accuracy",
            "2nd",
            "_x",
            "val bpb",
            "val-bpb",
            "é",
            "http",
            &"a".repeat(65),
        ] {
            let line = if name == "http" {
                "http://127.0.0.1".into()
            } else {
                format!("{name}: 1")
            };
            assert!(found(&line).is_empty(), "{line}");
        }
    }

    #[test]
    fn the_last_line_of_a_name_counts() {
        assert_eq!(
            found("loss: 3\nacc: 0.1\nloss: 2\n"),
            [("acc".to_owned(), 0.1), ("loss".to_owned(), 2.0)]
        );
    }

    #[test]
    fn colours_and_redrawn_lines_do_not_hide_a_metric() {
        assert_eq!(
            found("\x1b[32mscore\x1b[0m: \x1b[1m7.5\x1b[0m"),
            one("score", 7.5)
        );
        assert_eq!(found("10%\r50%\rscore: 7.5"), one("score", 7.5));
        assert_eq!(
            metrics(b"\xff\xfe\nscore: 7.5\n\xff").values,
            one("score", 7.5)
        );
    }

    #[test]
    fn nothing_found_is_empty() {
        for output in ["", "\n\n", "no metric here", ":", ": 5", "x:"] {
            let found = metrics(output.as_bytes());
            assert!(found.values.is_empty() && !found.more, "{output}");
        }
    }

    #[test]
    fn of_too_many_names_the_last_ones_are_kept() {
        let lines = |count: usize| {
            (0..count)
                .map(|n| format!("m{n}: {n}\n"))
                .collect::<Vec<_>>()
                .concat()
        };
        let just = metrics(lines(MOST_NAMES).as_bytes());
        assert_eq!((just.values.len(), just.more), (MOST_NAMES, false));
        let over = metrics(lines(MOST_NAMES + 1).as_bytes());
        assert_eq!((over.values.len(), over.more), (MOST_NAMES, true));
        assert_eq!(over.values.first(), Some(&("m1".to_owned(), 1.0)));
        assert_eq!(over.values.last(), Some(&("m64".to_owned(), 64.0)));
    }

    #[test]
    fn names_that_repeat_are_not_too_many() {
        let output = "a: 1\nb: 2\n".repeat(1000);
        let metrics = metrics(output.as_bytes());
        assert_eq!((metrics.values.len(), metrics.more), (2, false));
    }
}

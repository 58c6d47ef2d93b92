//! Metrics in what a program prints.
//!
//! A metric is a line `name: value`, where the name is `[a-z][a-z0-9_]*` of at most 64 bytes and the
//! value a finite number; white space around both is free, and after the value and white space
//! anything may follow (a unit, a remark). Every other line is ignored. The last line of a name counts.

/// The most names that are kept.
pub const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

/// The metrics of one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Each name once, in the order of the lines that count.
    pub values: Vec<(String, f64)>,
    /// True where there were more than [`MOST_NAMES`]: those printed last are kept.
    pub more: bool,
}

/// Finds the metrics in an output.
pub fn metrics(output: &[u8]) -> Metrics {
    let text = common::clean(output);
    let mut values: Vec<(String, f64)> = Vec::new();
    let mut more = false;
    // From the end, so that the first line of a name is the one that counts.
    for (name, value) in text.lines().rev().filter_map(metric) {
        if values.iter().any(|(seen, _)| seen == name) {
            continue;
        }
        if values.len() == MOST_NAMES {
            more = true;
            break;
        }
        values.push((name.to_owned(), value));
    }
    values.reverse();
    Metrics { values, more }
}

fn metric(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim();
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    (is_name(name) && value.is_finite()).then_some((name, value))
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
    fn what_is_no_finite_number_is_ignored() {
        for text in [
            "",
            " ",
            "nan",
            "inf",
            "-infinity",
            "1e999",
            "95%",
            "0.5,",
            "1_000",
            "0x10",
            "12:30",
            "ms 5",
            "٣",
        ] {
            assert!(found(&format!("x: {text}")).is_empty(), "{text}");
        }
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
    fn the_last_line_of_a_name_counts_unless_it_has_no_number() {
        assert_eq!(
            found("loss: 3\nacc: 0.1\nloss: 2\nloss: nan\n"),
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
            assert_eq!(
                metrics(output.as_bytes()),
                Metrics {
                    values: Vec::new(),
                    more: false
                }
            );
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

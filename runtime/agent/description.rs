//! The line by which an agent describes its change.

use crate::text;

/// Characters kept.
const LIMIT: usize = 500;

/// The last line of a final message that says something, without the marks of Markdown around it
/// and without a leading `Description:`; nothing where there is none.
pub fn description(message: &str) -> Option<String> {
    message.lines().rev().find_map(|line| {
        let line = text::clean_line(line, usize::MAX);
        let line = unwrap(without_label(unwrap(without_marker(&line))));
        let says_something = line.chars().any(char::is_alphanumeric);
        says_something.then(|| text::clean_line(line, LIMIT))
    })
}

/// Without the marks that make a line a heading, a quote or an item of a list.
fn without_marker(line: &str) -> &str {
    let mut rest = line.trim();
    loop {
        let after_number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let shorter = ["# ", "> ", "- ", "* ", "+ ", "• "]
            .iter()
            .find_map(|mark| rest.strip_prefix(mark))
            .or_else(|| rest.strip_prefix('#').filter(|rest| rest.starts_with('#')))
            .or_else(|| {
                let item = after_number
                    .strip_prefix(". ")
                    .or_else(|| after_number.strip_prefix(") "));
                item.filter(|_| after_number.len() < rest.len())
            });
        match shorter {
            Some(shorter) => rest = shorter.trim_start(),
            None => return rest,
        }
    }
}

/// Without `Description:`, emphasised or not.
fn without_label(line: &str) -> &str {
    const LABEL: &str = "description";
    const EMPHASIS: [char; 2] = ['*', '_'];
    let start = line.trim_start_matches(EMPHASIS);
    let opened = start.len() < line.len();
    let rest = start
        .split_at_checked(LABEL.len())
        .filter(|(label, _)| label.eq_ignore_ascii_case(LABEL))
        .and_then(|(_, rest)| rest.trim_start_matches(EMPHASIS).strip_prefix(':'));
    match rest {
        // What closes the label's emphasis stands behind the colon or before it, and in both cases
        // an opening of the description's own stands after a space.
        Some(rest) if opened => rest.trim_start_matches(EMPHASIS).trim(),
        Some(rest) => rest.trim(),
        None => line,
    }
}

/// Without pairs of marks around the whole of it.
fn unwrap(line: &str) -> &str {
    let mut rest = line.trim();
    loop {
        let inner = ["**", "__", "*", "_", "`", "\"", "“"]
            .iter()
            .find_map(|&mark| {
                let close = if mark == "“" { "”" } else { mark };
                let inner = rest.strip_prefix(mark)?.strip_suffix(close)?;
                // More of them inside are pairs of their own: `a` and `b`.
                (!inner.is_empty() && !inner.contains(mark)).then_some(inner)
            });
        match inner {
            Some(inner) => rest = inner.trim(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_taken_bare() {
        for (message, expected) in [
            ("one\ntwo", "two"),
            ("one\n\n  \n", "one"),
            ("drop a loop\n```\n---\n", "drop a loop"),
            ("Description: drop a loop", "drop a loop"),
            ("description : drop", "description : drop"),
            (
                "Done.\n\nDescription: **drop the last 3 lines**",
                "drop the last 3 lines",
            ),
            ("**Description:** drop a loop", "drop a loop"),
            ("**Description**: drop a loop", "drop a loop"),
            ("**Description: drop a loop**", "drop a loop"),
            ("- **Description:** `drop a loop`", "drop a loop"),
            ("### Drop a loop", "Drop a loop"),
            ("> - drop a loop", "drop a loop"),
            ("2. drop a loop", "drop a loop"),
            ("12) drop a loop", "drop a loop"),
            ("2.5 times faster", "2.5 times faster"),
            ("-O3 instead of -O2", "-O3 instead of -O2"),
            ("`a` becomes `b`", "`a` becomes `b`"),
            ("__init__ is shorter", "__init__ is shorter"),
            ("\"quoted\"", "quoted"),
            ("a\u{1b}[31mb\u{202e}c\r", "abc"),
            ("Beschreibung: Größe", "Beschreibung: Größe"),
            ("ééééééééééé: é", "ééééééééééé: é"),
        ] {
            assert_eq!(
                description(message).as_deref(),
                Some(expected),
                "{message:?}"
            );
        }
    }

    #[test]
    fn nothing_said_is_no_description() {
        for message in ["", " \n\t\n", "```\n---\n***", "Description:", "**"] {
            assert_eq!(description(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = description(&"x".repeat(1_000_000)).unwrap();
        assert_eq!(line.chars().count(), LIMIT + 1);
    }
}

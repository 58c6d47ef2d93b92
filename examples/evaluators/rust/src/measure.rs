//! Which lines of some files repeat others. Knows nothing of components.

use std::collections::HashMap;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines that are not blank.
    pub all: usize,
    /// Those in a passage that also stands elsewhere, wherever it stands.
    pub repeated: usize,
}

impl Lines {
    /// From 0 to 100.
    pub fn percent(self) -> f64 {
        100.0 * self.repeated as f64 / self.all.max(1) as f64
    }
}

/// How lines are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whitespace {
    /// As they are.
    Exact,
    /// Without what is at their ends, so that indentation does not matter.
    Trim,
}

/// Counts the lines of passages that are at least `passage` lines long and the same as another one. Blank
/// lines do not count and do not divide.
pub fn count(files: &[String], passage: usize, whitespace: Whitespace) -> Lines {
    let files: Vec<Vec<&str>> = files
        .iter()
        .map(|text| {
            text.lines()
                .map(|line| match whitespace {
                    Whitespace::Exact => line,
                    Whitespace::Trim => line.trim(),
                })
                .filter(|line| !line.trim().is_empty())
                .collect()
        })
        .collect();
    let passage = passage.max(1);
    let mut seen: HashMap<&[&str], usize> = HashMap::new();
    for window in files.iter().flat_map(|lines| lines.windows(passage)) {
        *seen.entry(window).or_default() += 1;
    }
    let mut counted = Lines::default();
    for lines in &files {
        counted.all += lines.len();
        let mut counted_to = 0;
        for (start, window) in lines.windows(passage).enumerate() {
            if seen[window] > 1 {
                let end = start + passage;
                counted.repeated += end - start.max(counted_to);
                counted_to = end;
            }
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str], passage: usize) -> (usize, usize) {
        let files: Vec<String> = files.iter().map(|text| (*text).to_owned()).collect();
        let lines = count(&files, passage, Whitespace::Trim);
        (lines.all, lines.repeated)
    }

    #[test]
    fn passages_are_found_within_a_file_and_between_files() {
        assert_eq!(of(&["a\nb\nc\na\nb\n"], 2), (5, 4));
        assert_eq!(of(&["a\nb\n", "x\na\nb\n"], 2), (5, 4));
        assert_eq!(of(&["a\nb\nc\n", "c\nb\na\n"], 2), (6, 0));
    }

    #[test]
    fn shorter_passages_do_not_count() {
        assert_eq!(of(&["a\nb\nc\na\nb\n"], 3), (5, 0));
        assert_eq!(of(&["a\nb\nc\na\nb\n"], 1), (5, 4));
    }

    #[test]
    fn lines_of_overlapping_passages_count_once() {
        assert_eq!(of(&["a\na\na\na\n"], 2), (4, 4));
        assert_eq!(of(&["a\nb\nc\n", "a\nb\nc\n"], 2), (6, 6));
    }

    #[test]
    fn blank_lines_and_indentation_do_not_matter() {
        assert_eq!(of(&["a\n\n  b\nc\n a\nb \n"], 2), (5, 4));
        let files = ["a\n b\na\nb\n".to_owned()];
        assert_eq!(count(&files, 2, Whitespace::Exact).repeated, 0);
    }

    #[test]
    fn nothing_repeats_in_nothing() {
        assert_eq!(of(&[], 6), (0, 0));
        assert_eq!(of(&["", "\n\n"], 6), (0, 0));
        assert_eq!(Lines::default().percent(), 0.0);
        assert_eq!(of(&["a\na\n"], 0), (2, 2));
    }
}

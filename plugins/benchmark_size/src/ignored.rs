//! Which files git ignores, as far as the `.gitignore` files in the directory say (gitignore(5)).
//!
//! The user's own ignore file and `.git/info/exclude` are out of an evaluator's reach, and so is what
//! git tracks although a pattern matches it.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::select::{escape_negation, matches};

/// The patterns of the `.gitignore` files from the top down to one directory.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<(PathBuf, Rc<[Rule]>)>);

/// One line of a `.gitignore`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Matches a path relative to the file's directory.
    glob: String,
    /// It takes back what an earlier line ignores.
    keeps: bool,
    only_directories: bool,
}

impl Rules {
    /// Adds what `directory`, a path relative to `base`, says of itself.
    #[must_use]
    pub fn with(mut self, base: &Path, directory: &Path) -> Self {
        let directory = plain(directory);
        if let Ok(bytes) = fs::read(base.join(directory).join(".gitignore")) {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let rules = text.lines().filter_map(Rule::new).collect();
            self.0.push((directory.to_path_buf(), rules));
        }
        self
    }

    /// Whether these ignore a path: the last line that matches in the deepest file decides.
    pub fn ignore(&self, path: &Path, is_directory: bool) -> bool {
        let path = plain(path);
        self.0
            .iter()
            .rev()
            .find_map(|(directory, rules)| {
                let path = path.strip_prefix(directory).ok()?;
                let rule = rules.iter().rev().find(|rule| {
                    (is_directory || !rule.only_directories) && matches(&rule.glob, path)
                })?;
                Some(!rule.keeps)
            })
            .unwrap_or(false)
    }
}

impl Rule {
    /// None where the line is blank, a remark, or no pattern.
    fn new(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let mut text = line.trim_end_matches(' ');
        if text.ends_with('\\') && text.len() < line.len() {
            // The first of the spaces is escaped.
            text = line.get(..=text.len())?;
        }
        let (text, keeps) = match text.strip_prefix('!') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (text, only_directories) = match text.strip_suffix('/') {
            Some(text) => (text, true),
            None => (text, false),
        };
        if text.is_empty() {
            return None;
        }
        // With a slash it is about one place; without, about a name anywhere below.
        let glob = if text.contains('/') {
            escape_negation(text.strip_prefix('/').unwrap_or(text))
        } else {
            format!("**/{text}")
        };
        let glob = without_braces(&glob);
        fast_glob::validate(&glob).ok()?;
        Some(Self {
            glob,
            keeps,
            only_directories,
        })
    }
}

/// Escapes braces, which mean nothing to git.
fn without_braces(glob: &str) -> String {
    let mut plain = String::with_capacity(glob.len());
    let mut escaped = false;
    for character in glob.chars() {
        if matches!(character, '{' | '}') && !escaped {
            plain.push('\\');
        }
        escaped = character == '\\' && !escaped;
        plain.push(character);
    }
    plain
}

/// Without the `.` that stands for the whole directory.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one file with these lines ignores a path; a directory's ends in a slash.
    fn ignores(lines: &[&str], path: &str) -> bool {
        let rules = lines.iter().filter_map(|line| Rule::new(line)).collect();
        let rules = Rules(vec![(PathBuf::new(), rules)]);
        rules.ignore(Path::new(path.trim_end_matches('/')), path.ends_with('/'))
    }

    #[test]
    fn a_name_is_ignored_anywhere_and_a_path_in_one_place() {
        assert!(ignores(&["*.log"], "a.log") && ignores(&["*.log"], "x/y/a.log"));
        assert!(ignores(&["/a"], "a") && !ignores(&["/a"], "x/a"));
        assert!(ignores(&["x/a"], "x/a") && !ignores(&["x/a"], "y/x/a"));
        assert!(ignores(&["**/x/a"], "y/x/a") && ignores(&["x/**/a"], "x/a"));
        assert!(ignores(&["x/**"], "x/y/z") && !ignores(&["x/**"], "x/"));
        assert!(!ignores(&["x/*"], "x/y/z"));
    }

    #[test]
    fn a_slash_at_the_end_means_directories() {
        assert!(ignores(&["a/"], "a/") && ignores(&["a/"], "x/a/"));
        assert!(!ignores(&["a/"], "a"));
    }

    #[test]
    fn the_last_line_that_matches_decides() {
        let lines = ["*.log", "!keep.log", "old/keep.log"];
        assert!(!ignores(&lines, "keep.log") && !ignores(&lines, "x/keep.log"));
        assert!(ignores(&lines, "old/keep.log") && ignores(&lines, "a.log"));
    }

    #[test]
    fn remarks_escapes_and_spaces_are_read_as_git_reads_them() {
        for line in ["", "   ", "# a", "!", "/", "[a"] {
            assert_eq!(Rule::new(line), None, "{line}");
        }
        assert!(ignores(&["\\#a"], "#a") && ignores(&["\\!a"], "!a"));
        assert!(ignores(&["a  "], "a") && ignores(&["a\\ "], "a "));
        assert!(ignores(&["*.{a,b}"], "x.{a,b}") && !ignores(&["*.{a,b}"], "x.a"));
        assert!(ignores(&["a[0-9].[!x]"], "a7.y") && !ignores(&["a[0-9].[!x]"], "a7.x"));
    }
}

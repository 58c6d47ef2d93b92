//! The files that a test command writes, told from those that an earlier run left.
//!
//! The directory cannot be cleaned from here, so what stood there before the command is remembered: a
//! file that is the same afterwards, by time and length, was not written.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::runners::{self, Counts, Output, Reading, Runner};

/// The most files that are read.
const MOST_FILES: usize = 10_000;
/// The longest file that is read, in bytes.
const LONGEST: u64 = 32 << 20;
/// What a directory stands for.
const IN_DIRECTORY: &[&str] = &["**", "*.xml"];

/// Which files are the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<String>,
}

/// The files that a pattern stands for, with the length and the time of each.
pub type Files = Vec<(u64, Option<SystemTime>, PathBuf)>;

impl Pattern {
    /// Checks a path in which `*` and `?` stand for parts of a name and `**` for any directories.
    pub fn new(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`report` must be a relative path without `..`, such as `report.xml`, not `{text}`"
            )
        };
        let mut parts: Vec<String> = Vec::new();
        for component in Path::new(text).components() {
            match component {
                Component::Normal(name) => {
                    let name = name.to_str().ok_or_else(refused)?;
                    parts.push(name.to_owned());
                }
                Component::CurDir => {}
                _ => return Err(refused()),
            }
        }
        if text.is_empty() {
            return Err(refused());
        }
        // So that each file is met once.
        if parts.iter().filter(|part| *part == "**").count() > 1 {
            return Err(format!("`**` may be in `report` once, not as in `{text}`"));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Finds the files below `base`. A directory stands for the `.xml` files in it.
    pub fn files(&self, base: &Path) -> Result<Files, String> {
        let mut files = self.matching(base, &self.parts)?;
        if files.is_empty() && base.join(self.parts.iter().collect::<PathBuf>()).is_dir() {
            let inside = IN_DIRECTORY.iter().map(|part| (*part).to_owned());
            let parts: Vec<String> = self.parts.iter().cloned().chain(inside).collect();
            files = self.matching(base, &parts)?;
        }
        Ok(files)
    }

    fn matching(&self, base: &Path, parts: &[String]) -> Result<Files, String> {
        let mut files = Files::new();
        // A list rather than recursion: a directory can be deeper than the component's stack.
        let mut open = vec![(PathBuf::new(), parts)];
        while let Some((at, parts)) = open.pop() {
            let Some((part, rest)) = parts.split_first() else {
                // Through links, which lead nowhere outside the directory.
                if let Ok(metadata) = fs::metadata(base.join(&at))
                    && metadata.is_file()
                {
                    files.push((metadata.len(), metadata.modified().ok(), at));
                }
                if files.len() > MOST_FILES {
                    return Err(format!(
                        "`{}` stands for more than {MOST_FILES} files",
                        self.text
                    ));
                }
                continue;
            };
            if part == "**" {
                open.push((at.clone(), rest));
                for (name, is_directory) in entries(&base.join(&at)) {
                    if is_directory && name != ".git" {
                        open.push((at.join(name), parts));
                    }
                }
            } else if part.contains(['*', '?']) {
                for (name, _) in entries(&base.join(&at)) {
                    if is_like(&name, part) {
                        open.push((at.join(name), rest));
                    }
                }
            } else {
                open.push((at.join(part), rest));
            }
        }
        Ok(files)
    }

    /// Reads and adds up the files below `base` that are not as they were `before`.
    pub fn read(
        &self,
        base: &Path,
        before: &Files,
        runner: Option<Runner>,
    ) -> Result<Reading, String> {
        let files = self.files(base)?;
        if files.is_empty() {
            return Err(format!("it did not write the report `{}`", self.text));
        }
        let fresh: Vec<&PathBuf> = files
            .iter()
            .filter(|file| !before.contains(file))
            .map(|(.., path)| path)
            .collect();
        if fresh.is_empty() {
            return Err(format!(
                "the report `{}` is left from before: it was not written anew",
                self.text
            ));
        }
        let mut notes = Vec::new();
        let stale = files.len() - fresh.len();
        if stale > 0 {
            notes.push(format!(
                "{stale} of {} files of the report are left from before, and do not count",
                files.len()
            ));
        }
        let mut counts = Counts::default();
        for path in fresh {
            let of_file = |reason: String| format!("the report `{}`: {reason}", path.display());
            let bytes = contents(&base.join(path)).map_err(of_file)?;
            let reading = runners::read(runner, &Output::of_report(&bytes)).map_err(of_file)?;
            counts = counts + reading.counts;
            notes.extend(reading.notes);
            notes.dedup();
        }
        Ok(Reading { counts, notes })
    }
}

/// The names in a directory, and which are directories; none where it is not one.
fn entries(directory: &Path) -> Vec<(String, bool)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_directory = entry.file_type().ok()?.is_dir();
            Some((entry.file_name().into_string().ok()?, is_directory))
        })
        .collect()
}

/// Whether a name is as a pattern says, in which `*` is any text and `?` any character.
fn is_like(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut of) = (0, 0);
    // Where to go on if what follows the last `*` does not fit.
    let mut retry = None;
    while at < name.len() {
        match pattern.get(of) {
            Some('*') => {
                retry = Some((at, of));
                of += 1;
            }
            Some(c) if *c == '?' || name.get(at) == Some(c) => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((from, star)) = retry else {
                    return false;
                };
                retry = Some((from + 1, star));
                at = from + 1;
                of = star + 1;
            }
        }
    }
    pattern
        .get(of..)
        .is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(unreadable)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is longer than {} MiB", LONGEST >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

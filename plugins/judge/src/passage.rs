//! What is judged: texts of the candidate, read and checked.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use crate::Failure;

/// The most bytes that are judged together. A book would cost more than a verdict on it is worth,
/// and a model that reads one scores its beginning.
pub const TEXT_LIMIT: u64 = 100 * 1024;

const LABEL_CHARACTERS: usize = 200;

/// A text with the label under which the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    label: String,
    text: String,
}

impl Passage {
    /// Makes a passage, without control characters: see [`plain`].
    pub fn new(label: &str, text: &str) -> Self {
        let label = plain(label).replace('\n', " ");
        Self {
            label: label.trim().chars().take(LABEL_CHARACTERS).collect(),
            text: plain(text),
        }
    }

    /// Makes a passage of what a program printed: without escape sequences too.
    pub fn printed(label: &str, text: &str) -> Self {
        Self::new(label, &common::clean(text.as_bytes()))
    }

    /// One line that is neither blank at its ends nor long.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What the model reads.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a marker, which has lower-case letters, stands in it in any case.
    pub fn contains(&self, marker: &str) -> bool {
        [&self.label, &self.text]
            .iter()
            .any(|text| text.to_ascii_lowercase().contains(marker))
    }
}

/// Removes control characters but line feeds and tabs, and makes a line feed of every line's end.
///
/// Other than in what a command prints, what follows an escape character stays: it is part of the
/// text that its author wants judged.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(character),
            other if other.is_control() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Chooses what to judge: the file that the owner named, or else all targets.
pub fn chosen<'a>(file: Option<&'a str>, targets: &'a [String]) -> Result<Vec<&'a str>, Failure> {
    match file {
        Some(file) => Ok(vec![file]),
        None if targets.is_empty() => Err(Failure::InvalidParameters(
            "there is no target: name the file to judge with the parameter `file`".into(),
        )),
        None => Ok(targets.iter().map(String::as_str).collect()),
    }
}

/// Reads the files below `base`. Whatever is wrong with them is the candidate's fault, but a path
/// that leads out.
pub fn read(base: &Path, files: &[&str]) -> Result<Vec<Passage>, Failure> {
    let mut passages = Vec::new();
    let mut left = TEXT_LIMIT;
    for file in files {
        let bytes = bytes(base, file, left).map_err(|unread| match unread {
            Unread::Outside(text) => Failure::InvalidParameters(text),
            Unread::Large => Failure::CandidateFailed(too_large(file, files.len())),
            Unread::Broken(text) => Failure::CandidateFailed(text),
        })?;
        left = left.saturating_sub(bytes.len() as u64);
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            Failure::CandidateFailed(format!(
                "`{file}` is not UTF-8 text: byte {} is not",
                error.valid_up_to()
            ))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let passage = Passage::new(file, text);
        if passage.text.trim().is_empty() {
            return Err(Failure::CandidateFailed(format!(
                "`{file}` is empty: there is nothing to judge"
            )));
        }
        passages.push(passage);
    }
    Ok(passages)
}

fn too_large(file: &str, files: usize) -> String {
    let limit = TEXT_LIMIT / 1024;
    if files == 1 {
        format!("`{file}` is larger than {limit} KiB, which is the most that is judged")
    } else {
        format!(
            "with `{file}` the texts are larger than {limit} KiB, which is the most that is judged"
        )
    }
}

/// Why a file's bytes are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// The path is not relative, or leads out of the directory.
    Outside(String),
    /// It has more bytes than allowed.
    Large,
    /// It does not exist, is not a regular file or cannot be read.
    Broken(String),
}

/// Reads a file of at most `limit` bytes below `base`. A symbolic link is not followed.
pub fn bytes(base: &Path, file: &str, limit: u64) -> Result<Vec<u8>, Unread> {
    let path = base.join(within(file).map_err(Unread::Outside)?);
    let broken = |error: std::io::Error| {
        Unread::Broken(match error.kind() {
            ErrorKind::NotFound => format!("`{file}` does not exist"),
            _ => format!("`{file}` cannot be read: {error}"),
        })
    };
    let metadata = fs::symlink_metadata(&path).map_err(broken)?;
    if !metadata.is_file() {
        return Err(Unread::Broken(format!("`{file}` is not a regular file")));
    }
    if metadata.len() > limit {
        return Err(Unread::Large);
    }
    let mut bytes = Vec::new();
    fs::File::open(&path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(broken)?;
    if bytes.len() as u64 > limit {
        return Err(Unread::Large);
    }
    Ok(bytes)
}

fn within(file: &str) -> Result<PathBuf, String> {
    let path = Path::new(file);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if file.is_empty() || !inside {
        return Err(format!("`{file}` must be a relative path without `..`"));
    }
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("judge-{}-{number}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn with(files: &[(&str, &[u8])]) -> Self {
            let folder = Self::new();
            for (name, bytes) in files {
                fs::write(folder.0.join(name), bytes).unwrap();
            }
            folder
        }

        fn blames(&self, files: &[&str]) -> String {
            match read(&self.0, files) {
                Err(Failure::CandidateFailed(text)) => text,
                other => panic!("{other:?}"),
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_owners_file_comes_before_the_targets() {
        let targets = ["a.md".to_owned(), "b.md".to_owned()];
        assert_eq!(chosen(Some("c.md"), &targets), Ok(vec!["c.md"]));
        assert_eq!(chosen(None, &targets), Ok(vec!["a.md", "b.md"]));
        assert!(matches!(
            chosen(None, &[]),
            Err(Failure::InvalidParameters(_))
        ));
    }

    #[test]
    fn texts_are_read_in_order() {
        let folder = Folder::with(&[("a", "\u{feff}one\r\ntwo".as_bytes()), ("b", b"three\n")]);
        assert_eq!(
            read(&folder.0, &["b", "./a"]).unwrap(),
            [
                Passage::new("b", "three\n"),
                Passage::new("./a", "one\ntwo")
            ]
        );
    }

    #[test]
    fn what_cannot_be_judged_is_the_candidates_fault() {
        let folder = Folder::with(&[
            ("empty", b""),
            ("blank", b" \n\t\r\n\0"),
            ("latin", b"caf\xe9"),
        ]);
        assert_eq!(
            folder.blames(&["empty"]),
            "`empty` is empty: there is nothing to judge"
        );
        assert!(folder.blames(&["blank"]).contains("is empty"));
        assert_eq!(
            folder.blames(&["latin"]),
            "`latin` is not UTF-8 text: byte 3 is not"
        );
        assert_eq!(folder.blames(&["none"]), "`none` does not exist");
        assert_eq!(folder.blames(&["."]), "`.` is not a regular file");
    }

    #[test]
    fn the_limit_holds_for_all_texts_together() {
        let limit = usize::try_from(TEXT_LIMIT).unwrap();
        let folder = Folder::with(&[
            ("most", &vec![b'x'; limit]),
            ("more", &vec![b'x'; limit + 1]),
            ("huge", &vec![b'x'; 5_000_000]),
            ("half", &vec![b'x'; limit / 2]),
            ("one", b"x"),
        ]);
        assert!(read(&folder.0, &["most"]).is_ok());
        assert!(read(&folder.0, &["half", "half"]).is_ok());
        for file in ["more", "huge"] {
            assert_eq!(
                folder.blames(&[file]),
                format!("`{file}` is larger than 100 KiB, which is the most that is judged")
            );
        }
        assert!(
            folder
                .blames(&["half", "half", "one"])
                .contains("with `one`")
        );
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let folder = Folder::new();
        for path in ["/etc/passwd", "../x", "a/../../x", ""] {
            assert!(
                matches!(read(&folder.0, &[path]), Err(Failure::InvalidParameters(_))),
                "{path}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let folder = Folder::with(&[("secret", b"text")]);
        std::os::unix::fs::symlink("secret", folder.0.join("link")).unwrap();
        assert_eq!(folder.blames(&["link"]), "`link` is not a regular file");
    }

    #[test]
    fn control_characters_do_not_reach_a_prompt() {
        assert_eq!(plain("a\u{1b}[31mb\0\u{9b}c\u{7f}"), "a[31mbc");
        assert_eq!(plain("a\tb\r\nc\rd\n"), "a\tb\nc\nd\n");
        assert_eq!(Passage::printed("x", "a\u{1b}[31mb").text(), "ab");
        assert_eq!(Passage::new("a\nb\r", "").label(), "a b");
        assert_eq!(
            Passage::new(&"é".repeat(999), "").label().chars().count(),
            200
        );
    }
}

//! What a worktree's index says of its files, read without starting git.
//!
//! The format is documented in gitformat-index(5). What is needed here is each entry's path, and the
//! flags that make git not look at a file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Times, device, inode, mode, owner and size, before the object's name.
const STAT: usize = 40;
const MODE: usize = 24;

const ASSUME_VALID: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const SKIP_WORKTREE: u16 = 0x4000;

const SUBMODULE: u32 = 0o160_000;

/// A path in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) is_submodule: bool,
    /// Git takes the file for unchanged, whatever it is.
    pub(super) assume_valid: bool,
    /// Git takes the file for one that is not to be in the worktree.
    pub(super) skip_worktree: bool,
}

/// The entries of an index whose objects' names have so many bytes; `None` where the format is not
/// known here, or a part is in another file.
pub(super) fn parse(index: &[u8], name_size: usize) -> Option<Vec<Entry>> {
    let mut rest = index.strip_prefix(b"DIRC")?;
    let version = number(&mut rest)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let count = number(&mut rest)?;
    let mut entries = Vec::new();
    let mut path = Vec::new();
    for _ in 0..count {
        let start = rest.len();
        let mode = rest.get(MODE..MODE + 4)?.try_into().ok()?;
        rest = rest.get(STAT + name_size..)?;
        let flags = short(&mut rest)?;
        let extended = if flags & EXTENDED == 0 {
            0
        } else {
            short(&mut rest)?
        };
        if version == 4 {
            let dropped = offset(&mut rest)?;
            path.truncate(path.len().checked_sub(dropped)?);
        } else {
            path.clear();
        }
        let end = rest.iter().position(|&b| b == 0)?;
        let (name, after) = rest.split_at(end);
        path.extend(name);
        rest = if version == 4 {
            after.get(1..)?
        } else {
            // Filled up to a multiple of eight, with at least one byte.
            let size = start - after.len();
            after.get(8 - size % 8..)?
        };
        entries.push(Entry {
            path: PathBuf::from(OsString::from_vec(path.clone())),
            is_submodule: u32::from_be_bytes(mode) == SUBMODULE,
            assume_valid: flags & ASSUME_VALID != 0,
            skip_worktree: extended & SKIP_WORKTREE != 0,
        });
    }
    // Extensions, and a checksum. `link` names another file with entries.
    while rest.len() > name_size {
        if rest.starts_with(b"link") {
            return None;
        }
        rest = rest.get(4..)?;
        let size = number(&mut rest)?;
        rest = rest.get(size as usize..)?;
    }
    Some(entries)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_be_bytes(*bytes))
}

/// A number of variable length, as in packs.
fn offset(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value = value
            .checked_mul(128)?
            .checked_add(usize::from(byte & 127))?;
        if byte & 128 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, write};
    use super::*;

    fn entries(place: &Place) -> Option<Vec<Entry>> {
        let index = std::fs::read(place.top().join(".git/index")).unwrap();
        parse(&index, place.repository().head.len() / 2)
    }

    /// What git says of the same index.
    fn listed(place: &Place) -> Vec<Entry> {
        let output = place.git(&["ls-files", "-v", "--stage", "-z"]);
        let lines = output.split('\0').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (words, path) = line.split_once('\t').unwrap();
                let tag = words.chars().next().unwrap();
                Entry {
                    path: path.into(),
                    is_submodule: words[2..].starts_with("160000"),
                    assume_valid: tag.is_ascii_lowercase(),
                    skip_worktree: tag.eq_ignore_ascii_case(&'s'),
                }
            })
            .collect()
    }

    #[test]
    fn it_is_read_as_git_reads_it() {
        let long = format!("deep/{}/{}", "d".repeat(200), "f".repeat(200));
        let files: Vec<(String, &str)> = (0..40)
            .map(|n| (format!("a/{}", "n".repeat(n + 1)), "text"))
            .chain([(long, ""), ("ü\n\"".to_owned(), ""), ("z".to_owned(), "")])
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, *text)).collect();
        for format in ["sha1", "sha256"] {
            let place = Place::with_format(format, &files);
            for version in ["2", "3", "4"] {
                place.git(&["update-index", "--index-version", version]);
                assert_eq!(entries(&place).unwrap(), listed(&place), "{version}");
            }
            let commit = place.repository().head;
            let submodule = format!("160000,{commit},submodule");
            place.git(&["update-index", "--add", "--cacheinfo", &submodule]);
            place.git(&["update-index", "--assume-unchanged", "a/n", "z"]);
            place.git(&["update-index", "--skip-worktree", "a/nn", "z"]);
            write(&place.top(), "new", "");
            place.git(&["add", "--intent-to-add", "new"]);
            for version in ["4", "3"] {
                place.git(&["update-index", "--index-version", version]);
                let entries = entries(&place).unwrap();
                assert_eq!(entries, listed(&place), "{version}");
                let count = |is: fn(&Entry) -> bool| entries.iter().filter(|e| is(e)).count();
                assert_eq!(count(|entry| entry.is_submodule), 1);
                assert_eq!(count(|entry| entry.assume_valid), 2);
                assert_eq!(count(|entry| entry.skip_worktree), 2);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_left_to_git() {
        let place = Place::new(&[("t", "")]);
        let index = std::fs::read(place.top().join(".git/index")).unwrap();
        for end in 0..index.len() - 20 {
            let _ = parse(&index[..end], 20);
        }
        let mut newer = index.clone();
        newer[7] = 5;
        assert_eq!(parse(&newer, 20), None);
        assert_eq!(parse(b"", 20), None);
        place.git(&["update-index", "--split-index"]);
        assert_eq!(entries(&place), None);
    }
}

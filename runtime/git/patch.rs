//! What many candidates change, asked at once.

use std::collections::HashSet;
use std::io::BufRead;

use super::call::{run_with_input, run_with_input_reading, succeeded};
use super::{GitError, Repository};

impl Repository {
    /// The diff from the first to the second commit of each pair; none where one of them is gone.
    ///
    /// Of each at most `limit` bytes, in whole lines; a last line says where there is more.
    pub fn patches(
        &self,
        pairs: &[(String, String)],
        limit: usize,
    ) -> Result<Vec<Option<String>>, GitError> {
        let there = self.commits(pairs)?;
        let asked: Vec<bool> = pairs
            .iter()
            .map(|(from, to)| there.contains(from) && there.contains(to))
            .collect();
        let mut input = String::new();
        let mut headers = Vec::new();
        for ((from, to), _) in pairs.iter().zip(&asked).filter(|(_, asked)| **asked) {
            input.push_str(&format!("{to} {from}\n"));
            headers.push(to.as_bytes());
        }
        if headers.is_empty() {
            return Ok(vec![None; pairs.len()]);
        }
        let (output, patches) = run_with_input_reading(
            self.git()
                .args(["diff-tree", "--stdin", "--always", "-r", "--patch"])
                .args(["--no-ext-diff", "--no-textconv", "--no-color"])
                .args(["--no-renames", "--src-prefix=a/", "--dst-prefix=b/"]),
            input.as_bytes(),
            |printed| split(printed, &headers, limit),
        )?;
        succeeded("diff-tree", output)?;
        let mut patches = patches.into_iter();
        Ok(asked
            .iter()
            .map(|asked| if *asked { patches.next() } else { None })
            .collect())
    }

    /// Which of the names in `pairs` are commits that are there.
    fn commits(&self, pairs: &[(String, String)]) -> Result<HashSet<String>, GitError> {
        let mut named: Vec<&str> = pairs
            .iter()
            .flat_map(|(from, to)| [from.as_str(), to.as_str()])
            .filter(|name| is_full(name))
            .collect();
        named.sort_unstable();
        named.dedup();
        if named.is_empty() {
            return Ok(HashSet::new());
        }
        let input = named.join("\n") + "\n";
        let output = run_with_input(
            self.git()
                .args(["cat-file", "--batch-check=%(objectname) %(objecttype)"]),
            input.as_bytes(),
        )?;
        let output = succeeded("cat-file", output)?;
        // An object that is not there is told as `NAME missing`.
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_suffix(" commit"))
            .map(str::to_owned)
            .collect())
    }
}

/// Whether it has the form of an object's full name: what stands in a journal may be anything.
fn is_full(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text below each of `headers`, which come in this order, each on a line of its own. No line of a
/// diff is an object's name alone.
fn split(
    printed: &mut dyn BufRead,
    headers: &[&[u8]],
    limit: usize,
) -> std::io::Result<Vec<String>> {
    let mut patches: Vec<Patch> = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if printed.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let next = headers.get(patches.len());
        if next.is_some_and(|header| line.strip_suffix(b"\n") == Some(header)) {
            patches.push(Patch::default());
        } else if let Some(patch) = patches.last_mut() {
            patch.cut |= patch.text.len() + line.len() > limit;
            if !patch.cut {
                patch.text.extend(&line);
            }
        }
    }
    Ok(patches
        .into_iter()
        .map(|Patch { text, cut }| {
            let mut text = String::from_utf8_lossy(&text).into_owned();
            if cut {
                text.push_str(&format!("… cut after {limit} bytes\n"));
            }
            text
        })
        .collect())
}

#[derive(Default)]
struct Patch {
    text: Vec<u8>,
    /// There is more than is kept.
    cut: bool,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, write};

    const MISSING: &str = "0123456789012345678901234567890123456789";

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    /// Commits a text of `t` and returns the commit.
    fn commit(place: &Place, text: &str) -> String {
        write(&place.top(), "t", text);
        place.git(&["commit", "--quiet", "--all", "--allow-empty", "--message=x"]);
        place.git(&["rev-parse", "HEAD"])
    }

    #[test]
    fn each_pair_has_its_diff_and_what_is_gone_has_none() {
        for format in ["sha1", "sha256"] {
            let place = Place::with_format(format, &[("t", "one\n")]);
            let repository = place.repository();
            let start = repository.head.clone();
            let two = commit(&place, "two\n");
            let three = commit(&place, "three\n");
            let tree = place.git(&["rev-parse", "HEAD^{tree}"]);
            let patches = repository
                .patches(
                    &[
                        pair(&start, &two),
                        pair(MISSING, &two),
                        pair(&two, &two),
                        pair(&start, "--all"),
                        pair(&start, &format!("{two} {two}\n{three}")),
                        pair(&start, &tree),
                        pair(&start, ""),
                        pair(&start, &three),
                        pair(&three, &start),
                    ],
                    10_000,
                )
                .unwrap();
            let has = |n: usize, lines: [&str; 2]| {
                let patch: &str = patches[n].as_deref().unwrap();
                assert!(patch.starts_with("diff --git a/t b/t\n"), "{patch}");
                assert!(patch.ends_with(&lines.join("")), "{patch}");
            };
            has(0, ["-one\n", "+two\n"]);
            assert_eq!(patches[2].as_deref(), Some(""));
            has(7, ["-one\n", "+three\n"]);
            has(8, ["-three\n", "+one\n"]);
            for gone in [1, 3, 4, 5, 6] {
                assert_eq!(patches[gone], None, "{gone}");
            }
        }
    }

    #[test]
    fn a_long_diff_is_cut_after_a_whole_line() {
        let place = Place::new(&[("t", "")]);
        let start = place.repository().head;
        let long = commit(&place, &"0123456789\n".repeat(1000));
        let short = commit(&place, "short\n");
        let patches = place
            .repository()
            .patches(&[pair(&start, &long), pair(&start, &short)], 300)
            .unwrap();
        let text = patches[0].as_deref().unwrap();
        assert!(
            text.ends_with("\n+0123456789\n… cut after 300 bytes\n"),
            "{text}"
        );
        assert!(text.len() < 340, "{text}");
        assert!(patches[1].as_deref().unwrap().ends_with("\n+short\n"));
    }

    #[test]
    fn no_program_of_the_settings_is_run_and_no_colour_is_given() {
        let place = Place::new(&[("t", "one\n"), (".gitattributes", "t diff=mine\n")]);
        let start = place.repository().head;
        let two = commit(&place, "two\n");
        let trap = format!("touch {}", place.outside("trap").display());
        for (key, value) in [
            ("diff.external", trap.as_str()),
            ("diff.mine.command", &trap),
            ("diff.mine.textconv", &trap),
            ("color.ui", "always"),
            ("diff.noprefix", "true"),
        ] {
            place.git(&["config", key, value]);
        }
        let patches = place.repository().patches(&[pair(&start, &two)], 10_000);
        let patch = patches.unwrap().remove(0).unwrap();
        assert!(patch.starts_with("diff --git a/t b/t\n"), "{patch}");
        assert!(patch.ends_with("@@ -1 +1 @@\n-one\n+two\n"), "{patch}");
        assert!(!place.outside("trap").exists());
    }
}

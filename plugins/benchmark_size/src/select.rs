//! What is measured: paths, or the files that a pattern matches.

use std::path::{Component, Path, PathBuf};

use common::settings::path_within;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Files and directories.
    pub roots: Vec<PathBuf>,
    /// Of the only root, where that does not exist by its name.
    pub pattern: Option<Pattern>,
    /// Whether files that git ignores count.
    pub ignored: bool,
}

/// A pattern of paths.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The directory below which everything is that it can match.
    pub start: PathBuf,
    glob: String,
}

impl Selection {
    /// Chooses what to measure: the path that the owner gave, or else the targets, or else everything.
    ///
    /// A target inside another is left out, so that no file counts twice.
    pub fn new(path: Option<&str>, targets: &[String], ignored: bool) -> Result<Self, String> {
        if let Some(path) = path {
            let root = path_within(path)?;
            return Ok(Self {
                pattern: Pattern::new(&root)?,
                roots: vec![root],
                ignored,
            });
        }
        let mut roots: Vec<PathBuf> = Vec::new();
        for target in targets {
            let target = path_within(target)?;
            if roots.iter().any(|root| holds(root, &target)) {
                continue;
            }
            roots.retain(|root| !holds(&target, root));
            roots.push(target);
        }
        if roots.is_empty() {
            roots.push(PathBuf::from("."));
        }
        Ok(Self {
            roots,
            pattern: None,
            ignored,
        })
    }
}

impl Pattern {
    /// None where nothing in the path makes it a pattern.
    fn new(path: &Path) -> Result<Option<Self>, String> {
        let special = |component: &Component| {
            let name = component.as_os_str().to_string_lossy();
            name.contains(['*', '?', '[', '{'])
        };
        if !path.components().any(|component| special(&component)) {
            return Ok(None);
        }
        let glob = escape_negation(&path.to_string_lossy());
        if let Err(error) = fast_glob::validate(&glob) {
            return Err(format!("`{}` is no pattern: {error}", path.display()));
        }
        Ok(Some(Self {
            start: path
                .components()
                .take_while(|component| !special(component))
                .collect(),
            glob,
        }))
    }

    /// Whether it matches a path, or a directory that the path is in.
    pub fn matches(&self, path: &Path) -> bool {
        path.ancestors()
            .any(|path| !path.as_os_str().is_empty() && matches(&self.glob, path))
    }
}

/// Whether a glob matches a whole path.
pub(crate) fn matches(glob: &str, path: &Path) -> bool {
    fast_glob::glob_match(glob, path.as_os_str().as_encoded_bytes())
}

/// A first `!`, which would turn a glob's meaning round, as a character of its own.
pub(crate) fn escape_negation(glob: &str) -> String {
    if glob.starts_with('!') {
        format!("\\{glob}")
    } else {
        glob.to_owned()
    }
}

fn holds(outer: &Path, inner: &Path) -> bool {
    outer == Path::new(".") || inner.starts_with(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(path: Option<&str>, targets: &[&str], wanted: &[&str]) {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        let selection = Selection::new(path, &targets, true).unwrap();
        let wanted: Vec<PathBuf> = wanted.iter().map(PathBuf::from).collect();
        assert_eq!(selection.roots, wanted);
    }

    #[test]
    fn the_owners_path_comes_before_the_targets() {
        expect(Some("dist"), &["src/a.py"], &["dist"]);
        expect(None, &["src/a.py", "src/b.py"], &["src/a.py", "src/b.py"]);
        expect(None, &[], &["."]);
    }

    #[test]
    fn paths_stay_in_the_directory() {
        assert!(Selection::new(Some("../x"), &[], true).is_err());
        assert!(Selection::new(Some("../*"), &[], true).is_err());
        assert!(Selection::new(None, &["/etc".to_owned()], true).is_err());
    }

    #[test]
    fn a_target_inside_another_counts_once() {
        expect(None, &["src", "src/a.py"], &["src"]);
        expect(None, &["src/a.py", "src/b/c.py", "src"], &["src"]);
        expect(None, &["a", "./a"], &["a"]);
        expect(None, &["a", "."], &["."]);
        expect(None, &[".", "a"], &["."]);
        // Names that only begin alike are different places.
        expect(None, &["src", "src2"], &["src", "src2"]);
    }

    #[test]
    fn patterns_match_files_and_what_is_in_directories() {
        let pattern = |text: &str| Pattern::new(Path::new(text)).unwrap().unwrap();
        let matches = |text: &str, path: &str| pattern(text).matches(Path::new(path));
        assert!(matches("dist/*.js", "dist/a.js"));
        assert!(!matches("dist/*.js", "dist/deep/a.js"));
        assert!(matches("dist/**/*.js", "dist/a.js"));
        assert!(matches("dist/**/*.js", "dist/deep/er/a.js"));
        assert!(matches("packages/*/dist", "packages/a/dist/deep/a.js"));
        assert!(!matches("packages/*/dist", "packages/dist/a.js"));
        assert!(matches("*.{js,css}", "a.css") && !matches("*.{js,css}", "a.ts"));
        assert!(matches("a?.[jt]s", "ab.ts") && matches("**", "x/y"));
        assert!(matches("!*", "!a") && !matches("!*", "a"));
        assert_eq!(pattern("dist/**/*.js").start, Path::new("dist"));
        assert_eq!(pattern("*.js").start, Path::new(""));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert!(Pattern::new(Path::new("dist/a.js")).unwrap().is_none());
        let error = Selection::new(Some("dist/[a"), &[], true).unwrap_err();
        assert!(error.contains("`dist/[a` is no pattern"), "{error}");
    }
}

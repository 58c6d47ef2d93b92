//! How much is in what is measured.

use crate::ignored::Rules;
use crate::select::{Pattern, Selection};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// The sum of the files' lengths.
    pub bytes: u64,
    /// The regular files.
    pub files: u64,
    /// Symbolic links that were met: neither followed nor counted.
    pub links: u64,
}

/// Adds up the files that are selected below `base`, and shows each to `visit`, by its path; the error
/// names the path that is missing, cannot be read or holds nothing.
pub fn measure(
    base: &Path,
    selection: &Selection,
    visit: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> Result<Size, String> {
    let mut walk = Walk {
        base,
        pattern: None,
        ignored: selection.ignored,
        visit,
        size: Size::default(),
    };
    let names = || {
        let names: Vec<String> = selection
            .roots
            .iter()
            .map(|root| format!("`{}`", root.display()))
            .collect();
        names.join(", ")
    };
    match (&selection.pattern, selection.roots.as_slice()) {
        // A file may be called `[id].js`.
        (Some(pattern), [root]) if fs::symlink_metadata(base.join(root)).is_err() => {
            walk.pattern = Some(pattern);
            if base.join(&pattern.start).is_dir() {
                walk.root(&pattern.start)?;
            }
            if walk.size.files == 0 {
                return Err(format!("no file matches {}", names()));
            }
        }
        (_, roots) => {
            for root in roots {
                walk.root(root)?;
            }
        }
    }
    let Size { bytes, files, .. } = walk.size;
    if files == 0 && !selection.ignored {
        return Err(format!(
            "there is no file in {} that git does not ignore",
            names()
        ));
    }
    if files == 0 {
        return Err(format!("there is no file in {}", names()));
    }
    if bytes == 0 {
        return Err(format!("{} is empty", names()));
    }
    Ok(walk.size)
}

struct Walk<'a> {
    base: &'a Path,
    pattern: Option<&'a Pattern>,
    ignored: bool,
    visit: &'a mut dyn FnMut(&Path) -> io::Result<()>,
    size: Size,
}

impl Walk<'_> {
    /// Adds a file, or what a directory holds.
    fn root(&mut self, root: &Path) -> Result<(), String> {
        let metadata =
            fs::symlink_metadata(self.base.join(root)).map_err(|error| unreadable(root, &error))?;
        let Some(rules) = self.rules_above(root, metadata.is_dir()) else {
            return Ok(());
        };
        if metadata.is_file() {
            return self.file(root, &metadata);
        }
        if !metadata.is_dir() {
            let kind = if metadata.is_symlink() {
                "a symbolic link, which is not followed"
            } else {
                "neither a file nor a directory"
            };
            return Err(format!("`{}` is {kind}", root.display()));
        }

        // A list rather than recursion: a directory can be deeper than the component's stack.
        let mut directories = vec![(root.to_path_buf(), rules)];
        while let Some((directory, rules)) = directories.pop() {
            let rules = self.rules_in(rules, &directory);
            let failed = |error| unreadable(&directory, &error);
            for entry in fs::read_dir(self.base.join(&directory)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let path = directory.join(entry.file_name());
                if directory == root && entry.file_name() == ".git" {
                    continue;
                }
                let failed = |error| unreadable(&path, &error);
                let kind = entry.file_type().map_err(failed)?;
                if rules.ignore(&path, kind.is_dir()) {
                    continue;
                }
                if kind.is_dir() {
                    directories.push((path, rules.clone()));
                } else if kind.is_file() {
                    let metadata = entry.metadata().map_err(failed)?;
                    self.file(&path, &metadata)?;
                } else if kind.is_symlink() && self.matches(&path) {
                    self.size.links += 1;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, metadata: &fs::Metadata) -> Result<(), String> {
        if self.matches(path) {
            self.size.files += 1;
            self.size.bytes = self.size.bytes.saturating_add(metadata.len());
            (self.visit)(&self.base.join(path)).map_err(|error| unreadable(path, &error))?;
        }
        Ok(())
    }

    fn matches(&self, path: &Path) -> bool {
        self.pattern.is_none_or(|pattern| pattern.matches(path))
    }

    /// What the directories above a root say; none where they ignore it.
    fn rules_above(&self, root: &Path, is_directory: bool) -> Option<Rules> {
        let mut rules = Rules::default();
        let mut above = PathBuf::new();
        for component in root.components() {
            rules = self.rules_in(rules, &above);
            above.push(component);
            if rules.ignore(&above, is_directory || above != root) {
                return None;
            }
        }
        Some(rules)
    }

    fn rules_in(&self, rules: Rules, directory: &Path) -> Rules {
        if self.ignored {
            rules
        } else {
            rules.with(self.base, directory)
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::NotFound {
        format!("`{}` does not exist", path.display())
    } else {
        format!("`{}` cannot be read: {error}", path.display())
    }
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
            let name = format!("benchmark_size-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, path: &str, bytes: usize) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![b'x'; bytes]).unwrap();
        }

        fn measure(&self, paths: &[&str]) -> Result<Size, String> {
            let targets: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            measure(&self.0, &Selection::new(None, &targets, true)?, &mut |_| {
                Ok(())
            })
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_count_their_length() {
        let folder = Folder::new();
        folder.file("a", 1000);
        folder.file("empty", 0);
        assert_eq!(
            folder.measure(&["a"]),
            Ok(Size {
                bytes: 1000,
                files: 1,
                links: 0
            })
        );
        assert_eq!(
            folder.measure(&["a", "empty"]),
            Ok(Size {
                bytes: 1000,
                files: 2,
                links: 0
            })
        );
    }

    #[test]
    fn a_directory_is_the_sum_of_its_files() {
        let folder = Folder::new();
        folder.file("dist/a.js", 10);
        folder.file("dist/.hidden", 5);
        folder.file("dist/deep/er/b.js", 200);
        folder.file("beside", 4000);
        fs::create_dir(folder.0.join("dist/empty")).unwrap();
        assert_eq!(
            folder.measure(&["dist"]),
            Ok(Size {
                bytes: 215,
                files: 3,
                links: 0
            })
        );
    }

    #[test]
    fn the_repository_at_the_top_is_left_out() {
        let folder = Folder::new();
        folder.file(".git/objects/1", 1000);
        folder.file("vendor/.git/x", 3);
        folder.file("a", 10);
        assert_eq!(
            folder.measure(&["."]),
            Ok(Size {
                bytes: 13,
                files: 2,
                links: 0
            })
        );
        // In a worktree it is a file.
        folder.file("tree/.git", 50);
        assert!(folder.measure(&["tree"]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let folder = Folder::new();
        folder.file("outside/big", 5000);
        folder.file("dist/a", 10);
        symlink("../outside", folder.0.join("dist/directory")).unwrap();
        symlink("a", folder.0.join("dist/file")).unwrap();
        symlink("nowhere", folder.0.join("dist/broken")).unwrap();
        // A loop would never end if links were followed.
        symlink(".", folder.0.join("dist/loop")).unwrap();
        assert_eq!(
            folder.measure(&["dist"]),
            Ok(Size {
                bytes: 10,
                files: 1,
                links: 4
            })
        );
        let error = folder.measure(&["dist/file"]).unwrap_err();
        assert_eq!(
            error,
            "`dist/file` is a symbolic link, which is not followed"
        );
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let folder = Folder::new();
        folder.file("a", 1);
        assert_eq!(
            folder.measure(&["a", "dist/app"]).unwrap_err(),
            "`dist/app` does not exist"
        );
        assert!(
            folder
                .measure(&["a/b"])
                .unwrap_err()
                .starts_with("`a/b` cannot be read")
        );
    }

    #[test]
    fn what_holds_nothing_is_told() {
        let folder = Folder::new();
        folder.file("empty", 0);
        fs::create_dir(folder.0.join("dist")).unwrap();
        let error = |paths: &[&str]| folder.measure(paths).unwrap_err();
        assert_eq!(error(&["empty"]), "`empty` is empty");
        assert_eq!(error(&["dist"]), "there is no file in `dist`");
        assert_eq!(error(&["dist", "empty"]), "`dist`, `empty` is empty");
    }

    /// What a path selects, sorted.
    fn selected(folder: &Folder, path: &str, ignored: bool) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let selection = Selection::new(Some(path), &[], ignored)?;
        let size = measure(&folder.0, &selection, &mut |path| {
            let path = path.strip_prefix(&folder.0).unwrap();
            let path = path.strip_prefix(".").unwrap_or(path);
            found.push(path.to_str().unwrap().to_owned());
            Ok(())
        })?;
        assert_eq!(size.files, found.len() as u64);
        found.sort();
        Ok(found)
    }

    #[test]
    fn a_pattern_selects_files() {
        let folder = Folder::new();
        for path in ["dist/a.js", "dist/a.css", "dist/deep/b.js", "src/c.js"] {
            folder.file(path, 1);
        }
        let select = |path: &str| selected(&folder, path, true);
        assert_eq!(select("dist/*.js").unwrap(), ["dist/a.js"]);
        let all = ["dist/a.js", "dist/deep/b.js"];
        assert_eq!(select("./dist/**/*.js").unwrap(), all);
        assert_eq!(select("*/deep").unwrap(), ["dist/deep/b.js"]);
        assert_eq!(select("**/*.js").unwrap().len(), 3);
        for path in ["dist/*.ts", "gone/*.js"] {
            let error = select(path).unwrap_err();
            assert_eq!(error, format!("no file matches `{path}`"));
        }
        // The name itself comes first.
        folder.file("dist/[ab].js", 1);
        assert_eq!(select("dist/[ab].js").unwrap(), ["dist/[ab].js"]);
    }

    #[test]
    fn what_git_ignores_can_be_left_out() {
        let folder = Folder::new();
        for path in [
            "a.js",
            "a.log",
            "keep.log",
            "target/x",
            "src/gen/b.js",
            "src/b.js",
            "src/a.log",
            "src/deep/gen/c.js",
            "anchored/d.js",
            "src/anchored/d.js",
        ] {
            folder.file(path, 1);
        }
        let write = |path: &str, text: &str| fs::write(folder.0.join(path), text).unwrap();
        write(
            ".gitignore",
            "# a remark\n*.log\n!keep.log\ntarget/\n/anchored\n[\n.gitignore\n",
        );
        write("src/.gitignore", "gen/\n!a.log\n!.gitignore\n");
        let left = [
            "a.js",
            "keep.log",
            "src/.gitignore",
            "src/a.log",
            "src/anchored/d.js",
            "src/b.js",
        ];
        assert_eq!(selected(&folder, ".", false).unwrap(), left);
        assert_eq!(selected(&folder, ".", true).unwrap().len(), 12);
        assert_eq!(selected(&folder, "src", false).unwrap(), left[2..]);
        assert_eq!(selected(&folder, "**/*.js", false).unwrap().len(), 3);
        for path in ["target", "src/gen", "src/deep/gen/c.js", "a.log"] {
            let error = selected(&folder, path, false).unwrap_err();
            assert!(error.contains("that git does not ignore"), "{error}");
            assert_eq!(selected(&folder, path, true).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_deep_directory_is_measured() {
        let folder = Folder::new();
        let deep = vec!["d"; 400].join("/");
        folder.file(&format!("{deep}/a"), 7);
        assert_eq!(
            folder.measure(&["d"]),
            Ok(Size {
                bytes: 7,
                files: 1,
                links: 0
            })
        );
    }
}

//! What is measured, and how much it holds.

use common::settings::path_within;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Chooses what to measure: the path that the owner gave, or else the targets, or else everything.
///
/// A target inside another is left out, so that no file counts twice.
pub fn roots(path: Option<&str>, targets: &[String]) -> Result<Vec<PathBuf>, String> {
    if let Some(path) = path {
        return path_within(path).map(|path| vec![path]);
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
    Ok(roots)
}

fn holds(outer: &Path, inner: &Path) -> bool {
    outer == Path::new(".") || inner.starts_with(outer)
}

/// Adds up the files of all roots below `base`; the error names the path that could not be read.
pub fn measure(base: &Path, roots: &[PathBuf]) -> Result<Size, String> {
    let mut size = Size::default();
    for root in roots {
        add(base, root, &mut size)?;
    }
    Ok(size)
}

fn add(base: &Path, root: &Path, size: &mut Size) -> Result<(), String> {
    let at = |path: &Path| base.join(path);
    let metadata = fs::symlink_metadata(at(root)).map_err(|error| unreadable(root, &error))?;
    if metadata.is_file() {
        size.files += 1;
        size.bytes = size.bytes.saturating_add(metadata.len());
        return Ok(());
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
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let failed = |error| unreadable(&directory, &error);
        for entry in fs::read_dir(at(&directory)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = directory.join(entry.file_name());
            if directory == root && entry.file_name() == ".git" {
                continue;
            }
            let kind = entry
                .file_type()
                .map_err(|error| unreadable(&path, &error))?;
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                let metadata = entry
                    .metadata()
                    .map_err(|error| unreadable(&path, &error))?;
                size.files += 1;
                size.bytes = size.bytes.saturating_add(metadata.len());
            } else if kind.is_symlink() {
                size.links += 1;
            }
        }
    }
    Ok(())
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
            measure(&self.0, &roots(None, &targets)?)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn paths(path: Option<&str>, targets: &[&str]) -> Result<Vec<PathBuf>, String> {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        roots(path, &targets)
    }

    fn expect(found: Result<Vec<PathBuf>, String>, wanted: &[&str]) {
        assert_eq!(
            found.unwrap(),
            wanted.iter().map(PathBuf::from).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_owners_path_comes_before_the_targets() {
        expect(paths(Some("dist"), &["src/a.py"]), &["dist"]);
        expect(
            paths(None, &["src/a.py", "src/b.py"]),
            &["src/a.py", "src/b.py"],
        );
        expect(paths(None, &[]), &["."]);
    }

    #[test]
    fn paths_are_normalised() {
        expect(paths(Some("./a//b/./c/"), &[]), &["a/b/c"]);
        expect(paths(Some("././"), &[]), &["."]);
    }

    #[test]
    fn paths_out_of_the_directory_are_refused() {
        for path in ["/etc", "..", "../x", "a/../b", "a/.."] {
            assert!(paths(Some(path), &[]).unwrap_err().contains(path), "{path}");
            assert!(paths(None, &[path]).is_err(), "{path}");
        }
        assert!(paths(Some(""), &[]).is_err());
        // Three dots are a name like any other.
        expect(paths(Some(".../..x"), &[]), &[".../..x"]);
    }

    #[test]
    fn a_target_inside_another_counts_once() {
        expect(paths(None, &["src", "src/a.py"]), &["src"]);
        expect(paths(None, &["src/a.py", "src/b/c.py", "src"]), &["src"]);
        expect(paths(None, &["a", "./a"]), &["a"]);
        expect(paths(None, &["a", "."]), &["."]);
        expect(paths(None, &[".", "a"]), &["."]);
        // Names that only begin alike are different places.
        expect(paths(None, &["src", "src2"]), &["src", "src2"]);
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
            folder.measure(&["empty"]),
            Ok(Size {
                bytes: 0,
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
        assert_eq!(folder.measure(&["dist/empty"]), Ok(Size::default()));
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
        assert_eq!(folder.measure(&["tree"]), Ok(Size::default()));
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

//! What a build must leave, and whether it was this build that left it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::settings;

/// How far a file's time may lie before the clock's when it is written: file systems take the time of
/// the system's last tick, or of a coarser one of their own.
const TICK: Duration = Duration::from_millis(20);

/// The state of an artefact at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The bytes in its regular files.
    pub bytes: u64,
    /// When one of them was written last.
    pub written: Option<SystemTime>,
}

/// The artefacts as they were before a build.
#[derive(Debug)]
pub struct Before {
    start: SystemTime,
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

/// Checks the paths that the owner gave.
pub fn paths(given: &[String]) -> Result<Vec<PathBuf>, String> {
    given
        .iter()
        .map(|path| settings::path_within(path))
        .collect()
}

/// Looks at the artefacts below `base` just before a build.
pub fn before(base: &Path, paths: &[PathBuf]) -> Before {
    Before {
        stamps: paths
            .iter()
            .map(|path| (path.clone(), stamp(&base.join(path)).ok()))
            .collect(),
        start: SystemTime::now(),
    }
}

impl Before {
    /// Checks that the build which just ended left every artefact, with something in it, and wrote
    /// it itself; the error says which it did not.
    pub fn check(&self, base: &Path) -> Result<(), String> {
        for (path, before) in &self.stamps {
            let shown = path.display();
            let now = stamp(&base.join(path)).map_err(|error| {
                if error.kind() == std::io::ErrorKind::NotFound {
                    format!("the build left no `{shown}`")
                } else {
                    format!("what the build left as `{shown}` cannot be read: {error}")
                }
            })?;
            if now.bytes == 0 {
                return Err(format!("the build left `{shown}` empty"));
            }
            if *before == Some(now) && !self.is_recent(now) {
                return Err(format!(
                    "the build did not write `{shown}`, which is as it was before (a `clean` \
                     command can remove it first)"
                ));
            }
        }
        Ok(())
    }

    /// Whether it was written so shortly before the build that its time need not have changed since:
    /// then the previous build of the same measurement wrote it.
    fn is_recent(&self, stamp: Stamp) -> bool {
        stamp
            .written
            .is_none_or(|written| match self.start.duration_since(written) {
                Ok(age) => age < TICK,
                Err(ahead) => ahead.duration() < TICK,
            })
    }
}

/// What is there: a file, or the files of a directory. Symbolic links below it are not followed; one
/// that is the artefact itself is, for tools that link their newest output.
fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let mut stamp = Stamp {
        bytes: 0,
        written: None,
    };
    let mut count = |metadata: &fs::Metadata| {
        stamp.bytes = stamp.bytes.saturating_add(metadata.len());
        stamp.written = stamp.written.max(metadata.modified().ok());
    };
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        count(&metadata);
        return Ok(stamp);
    }
    // A list rather than recursion: a directory can be deeper than the component's stack.
    let mut directories = vec![path.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                count(&entry.metadata()?);
            }
        }
    }
    Ok(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("build_speed-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Makes a file as old as it is where an earlier evaluation left it.
        fn age(&self, path: &str) {
            let old = SystemTime::now() - Duration::from_mins(1);
            let file = File::options().write(true).open(self.0.join(path)).unwrap();
            file.set_modified(old).unwrap();
        }

        fn check(&self, path: &str, build: impl FnOnce()) -> Result<(), String> {
            let before = before(&self.0, &paths(&[path.to_owned()]).unwrap());
            build();
            before.check(&self.0)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_a_build_writes_counts() {
        let folder = Folder::new();
        assert_eq!(folder.check("app", || folder.write("app", "new")), Ok(()));
        folder.age("app");
        assert_eq!(folder.check("app", || folder.write("app", "new")), Ok(()));
        folder.age("app");
        let replaced = || {
            fs::remove_file(folder.0.join("app")).unwrap();
            folder.write("app", "new");
        };
        assert_eq!(folder.check("app", replaced), Ok(()));
    }

    #[test]
    fn what_is_missing_or_empty_is_told() {
        let folder = Folder::new();
        assert_eq!(
            folder.check("out/app", || {}).unwrap_err(),
            "the build left no `out/app`"
        );
        assert_eq!(
            folder.check("app", || folder.write("app", "")).unwrap_err(),
            "the build left `app` empty"
        );
        folder.write("app", "old");
        let removed = || fs::remove_file(folder.0.join("app")).unwrap();
        assert!(folder.check("app", removed).is_err());
    }

    #[test]
    fn what_an_earlier_build_left_does_not_count() {
        let folder = Folder::new();
        folder.write("app", "old");
        folder.age("app");
        let error = folder.check("app", || {}).unwrap_err();
        assert!(error.contains("did not write `app`"), "{error}");
        let future = SystemTime::now() + Duration::from_mins(1);
        let file = File::options().write(true).open(folder.0.join("app"));
        file.unwrap().set_modified(future).unwrap();
        assert!(folder.check("app", || {}).is_err());
        // Written by the build before this one, within one tick of the clock: nobody can tell.
        folder.write("app", "old");
        assert_eq!(folder.check("app", || {}), Ok(()));
    }

    #[test]
    fn a_directory_is_its_files() {
        let folder = Folder::new();
        fs::create_dir_all(folder.0.join("dist/empty")).unwrap();
        assert_eq!(
            folder.check("dist", || {}).unwrap_err(),
            "the build left `dist` empty"
        );
        folder.write("dist/deep/a", "old");
        folder.write("dist/b", "old");
        folder.age("dist/deep/a");
        folder.age("dist/b");
        assert!(folder.check("dist", || {}).is_err());
        assert_eq!(
            folder.check("dist/", || folder.write("dist/deep/a", "new")),
            Ok(())
        );
    }

    #[test]
    fn paths_stay_in_the_directory() {
        assert!(paths(&["../x".to_owned()]).is_err());
        assert!(paths(&[String::new()]).is_err());
        assert_eq!(paths(&[]), Ok(Vec::new()));
    }
}

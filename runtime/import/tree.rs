//! Experiments of another project: found, and copied as a whole or not at all.
//!
//! Links are not followed and special files are not read, wherever they are.

use std::fs::{File, FileType, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::lock::Lock;
use crate::project;

/// An experiment of the original tool's in another tree.
#[derive(Debug)]
pub struct Source {
    pub id: Id,
    pub directory: PathBuf,
}

/// What is not copied, and why.
#[derive(Debug)]
pub struct Left {
    pub path: PathBuf,
    pub why: &'static str,
}

const LINK: &str = "it is a symbolic link";
const SPECIAL: &str = "it is no regular file";
const NAME: &str = "an experiment cannot have such a name";

/// Finds the original tool's experiments in a directory of them, by their ids in order, and what looks
/// like one and cannot be copied.
pub fn sources(root: &Path) -> Result<(Vec<Source>, Vec<Left>), Failure> {
    let mut found = Vec::new();
    let mut left = Vec::new();
    for domain in directories(root, &mut left)? {
        for directory in directories(&domain, &mut left)? {
            let config = project::config_of_original(&directory);
            match config.symlink_metadata() {
                Ok(metadata) if metadata.is_file() => {}
                Ok(metadata) => {
                    left.push(Left::new(config, metadata.file_type()));
                    continue;
                }
                Err(_) => continue,
            }
            let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
            let id = name(&domain)
                .zip(name(&directory))
                .and_then(|(domain, name)| Id::new(&domain, &name).ok());
            match id {
                Some(id) => found.push(Source { id, directory }),
                None => left.push(Left {
                    path: directory,
                    why: NAME,
                }),
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((found, left))
}

/// The directories in a directory; links that lead to others are left.
fn directories(parent: &Path, left: &mut Vec<Left>) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(|error| unreadable(parent, &error))? {
        let entry = entry.map_err(|error| unreadable(parent, &error))?;
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&entry.path(), &error))?;
        let path = entry.path();
        if kind.is_dir() {
            found.push(path);
        } else if kind.is_symlink() && path.is_dir() {
            left.push(Left { path, why: LINK });
        }
    }
    Ok(found)
}

impl Left {
    fn new(path: PathBuf, kind: FileType) -> Self {
        let why = if kind.is_symlink() { LINK } else { SPECIAL };
        Self { path, why }
    }
}

/// An experiment's directory in the making, beside its place: it gets there with one rename.
///
/// Nobody else makes it meanwhile. What a process that was killed has left of one is removed by the next.
#[derive(Debug)]
pub struct Staged {
    /// Holds the lock and the directory.
    around: PathBuf,
    place: PathBuf,
    /// Directories that were made for it, the innermost first: they go where they are empty.
    made: Vec<PathBuf>,
    _lock: Lock,
}

impl Staged {
    /// Begins one; fails where its place is taken.
    pub fn begin(id: &Id, place: &Path) -> Result<Self, Failure> {
        let around = place.with_file_name(format!(".{}.import", id.name()));
        let made = around.ancestors().skip(1);
        let made = made.take_while(|parent| !parent.exists());
        let made = made.map(Path::to_owned).collect();
        std::fs::create_dir_all(&around).map_err(|error| unwritable(&around, &error))?;
        let lock = Lock::take(&around.join("lock"))?;
        let staged = Self {
            around,
            place: place.to_owned(),
            made,
            _lock: lock,
        };
        if staged.place.symlink_metadata().is_ok() {
            return Err(taken(id));
        }
        let directory = staged.directory();
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unwritable(&directory, &error));
            }
            _ => {}
        }
        std::fs::create_dir(&directory).map_err(|error| unwritable(&directory, &error))?;
        Ok(staged)
    }

    /// Where it is made.
    pub fn directory(&self) -> PathBuf {
        self.around.join("experiment")
    }

    /// Copies an experiment's files, but for what runs have left there.
    pub fn copy(&self, source: &Path) -> Result<Vec<Left>, Failure> {
        let mut left = Vec::new();
        let mut pending = vec![(source.to_owned(), self.directory())];
        while let Some((from, to)) = pending.pop() {
            for entry in std::fs::read_dir(&from).map_err(|error| unreadable(&from, &error))? {
                let entry = entry.map_err(|error| unreadable(&from, &error))?;
                let (path, name) = (entry.path(), entry.file_name());
                if from == source && name.to_str().is_some_and(project::is_left_by_runs) {
                    continue;
                }
                let kind = entry
                    .file_type()
                    .map_err(|error| unreadable(&path, &error))?;
                let target = to.join(&name);
                if kind.is_dir() {
                    std::fs::create_dir(&target).map_err(|error| unwritable(&target, &error))?;
                    pending.push((path, target));
                } else if kind.is_file() {
                    copy_file(&path, &target)?;
                } else {
                    left.push(Left::new(path, kind));
                }
            }
        }
        left.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(left)
    }

    /// Moves it to its place.
    pub fn publish(self) -> Result<(), Failure> {
        std::fs::rename(self.directory(), &self.place)
            .map_err(|error| unwritable(&self.place, &error))?;
        let parent = self.place.parent().unwrap_or(&self.place);
        let _ = File::open(parent).and_then(|parent| parent.sync_all());
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.around);
        for directory in &self.made {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// The failure where an experiment's name is taken.
pub fn taken(id: &Id) -> Failure {
    Failure::input(format!("the name `{id}` is taken here")).hint(
        "rename the directory there, or here move its directory away; `-x` copies one of several",
    )
}

/// Copies a regular file, with its mode and the time of its last change, to the disk.
fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let open = || {
        let file = OpenOptions::new()
            .read(true)
            // Whatever has taken its place meanwhile.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(from)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            Ok((file, metadata))
        } else {
            Err(Error::new(ErrorKind::InvalidInput, SPECIAL))
        }
    };
    let (mut file, metadata) = open().map_err(|error| unreadable(from, &error))?;
    let mut write = || {
        let mut new = File::create_new(to)?;
        std::io::copy(&mut file, &mut new)?;
        new.set_permissions(metadata.permissions())?;
        new.set_modified(metadata.modified()?)?;
        new.sync_all()
    };
    write().map_err(|error| unwritable(to, &error))
}

fn unreadable(path: &Path, error: &Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("`{}` cannot be read: {error}", path.display()),
    )
    .hint("make it readable and import again: what is not told as imported was not copied")
}

fn unwritable(path: &Path, error: &Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("`{}` cannot be written: {error}", path.display()),
    )
    .hint("make it possible and import again: what is not told as imported was not copied")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn only_real_directories_with_a_real_definition_are_experiments() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for name in ["b/one", "a/two", "a/no name"] {
            write(&root.join(name).join("config.cfg"), "target: t\n");
        }
        write(&root.join("a/none/results.tsv"), "");
        write(&root.join("file"), "");
        std::os::unix::fs::symlink(root.join("b/one"), root.join("a/linked")).unwrap();
        std::os::unix::fs::symlink(root.join("b"), root.join("c")).unwrap();
        std::fs::create_dir(root.join("b/two")).unwrap();
        std::os::unix::fs::symlink("../one/config.cfg", root.join("b/two/config.cfg")).unwrap();
        let (found, left) = sources(root).unwrap();
        let ids: Vec<String> = found.iter().map(|source| source.id.to_string()).collect();
        assert_eq!(ids, ["a/two", "b/one"]);
        let mut left: Vec<_> = left
            .iter()
            .map(|left| {
                (
                    left.path.strip_prefix(root).unwrap().to_str().unwrap(),
                    left.why,
                )
            })
            .collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                ("a/linked", LINK),
                ("a/no name", NAME),
                ("b/two/config.cfg", LINK),
                ("c", LINK)
            ]
        );
    }

    #[test]
    fn a_copy_is_there_as_a_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let source = root.join("source");
        for name in ["config.cfg", "lib/a/b", "run.log", "runs/1/x", "lib/runs"] {
            write(&source.join(name), name);
        }
        std::os::unix::fs::symlink("/etc/passwd", source.join("lib/link")).unwrap();
        let place = root.join("here/d/n");
        let id = Id::new("d", "n").unwrap();
        // As one that was killed leaves it.
        write(&root.join("here/d/.n.import/experiment/stale"), "");
        let staged = Staged::begin(&id, &place).unwrap();
        let other = Staged::begin(&id, &place).unwrap_err();
        assert_eq!(other.exit, Exit::Busy);
        let left = staged.copy(&source).unwrap();
        assert_eq!(left.len(), 1);
        assert!(left[0].path.ends_with("lib/link"));
        assert!(!place.exists());
        drop(staged);
        assert!(!root.join("here/d/.n.import").exists());
        drop(Staged::begin(&id, &root.join("new/d/n")).unwrap());
        assert!(!root.join("new").exists());
        let staged = Staged::begin(&id, &place).unwrap();
        staged.copy(&source).unwrap();
        staged.publish().unwrap();
        for name in ["config.cfg", "lib/a/b", "lib/runs"] {
            assert_eq!(std::fs::read_to_string(place.join(name)).unwrap(), name);
            let [there, here] = [&source, &place]
                .map(|root| root.join(name).metadata().unwrap().modified().unwrap());
            assert_eq!(there, here);
        }
        for name in ["run.log", "runs", "lib/link", "../.n.import", "stale"] {
            assert!(place.join(name).symlink_metadata().is_err(), "{name}");
        }
        assert!(Staged::begin(&id, &place).is_err());
        assert!(place.join("config.cfg").is_file());
    }
}

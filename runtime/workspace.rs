//! The target, in the user's checkout and in the worktrees where candidates are measured.
//!
//! An experiment has up to two worktrees, so that a metric with noise can be measured on both sides
//! in turn with both built. They are made when first needed, and stay.

use std::io::Read;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, PermissionsExt};

use crate::catalog;
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::files::{self, Durability};
use crate::git::{CommitId, GitError, Repository, Snapshot, Stamps, Touched, Worktree};
use crate::lock::Lock;
use crate::project::{Project, lexically};
use crate::sandbox::View;

/// The largest target file, in bytes.
const TARGET_LIMIT: u64 = 64 << 20;

/// What the owner of a file needs to read and write it.
const OWNER_WRITES: u32 = 0o600;

/// The target's files as they are somewhere, in the experiment's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(Vec<TargetFile>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct TargetFile {
    /// Relative to the project.
    path: String,
    bytes: Vec<u8>,
    executable: bool,
}

impl Contents {
    /// The target below a project's directory, in the checkout or in a worktree.
    pub fn read(project: &Path, targets: &[String]) -> Result<Self, Failure> {
        let directory = open(project)?;
        targets
            .iter()
            .map(|path| read_target(&directory, path))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A digest of it.
    pub fn digest(&self) -> String {
        let mut all = Vec::new();
        for file in &self.0 {
            // Lengths, so that no text can be taken for the border between two files.
            for part in [file.path.as_bytes(), &file.bytes] {
                all.extend((part.len() as u64).to_le_bytes());
                all.extend(part);
            }
            all.push(file.executable.into());
        }
        catalog::digest(&all)
    }

    /// Each file with other bytes.
    #[must_use]
    pub fn replaced(&self, bytes: &[u8]) -> Self {
        let with = |file: &TargetFile| TargetFile {
            bytes: bytes.to_vec(),
            ..file.clone()
        };
        Self(self.0.iter().map(with).collect())
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        let lines = |file: &TargetFile| String::from_utf8_lossy(&file.bytes).lines().count();
        self.0.iter().map(lines).sum()
    }

    /// Whether each file can be executed.
    pub fn modes(&self) -> Vec<bool> {
        self.0.iter().map(|file| file.executable).collect()
    }

    /// Writes the target below a project's directory in a worktree.
    pub fn write(&self, project: &Path) -> Result<(), Failure> {
        let directory = open(project)?;
        self.0
            .iter()
            .try_for_each(|file| file.write(&directory, Durability::UntilPowerFails))
            .map_err(|error| cannot_write(project, &error))
    }

    /// Makes the target this again where it still is `expected`. Returns the files that are
    /// something else by now and were left alone.
    pub fn restore(&self, project: &Path, expected: &Contents) -> Result<Vec<String>, Failure> {
        let directory = open(project)?;
        let mut left = Vec::new();
        for (file, expected) in self.0.iter().zip(&expected.0) {
            let _ = directory.remove_file(files::temporary_path(Path::new(&file.path)));
            match read_target(&directory, &file.path) {
                Ok(now) if now == *file => {}
                Ok(now) if now == *expected => {
                    file.write(&directory, Durability::Always)
                        .map_err(|error| cannot_write(project, &error))?;
                }
                _ => left.push(file.path.clone()),
            }
        }
        Ok(left)
    }
}

impl TargetFile {
    fn write(&self, directory: &Dir, durability: Durability) -> std::io::Result<()> {
        let path = Path::new(&self.path);
        files::replace_below(directory, path, &self.bytes, self.executable, durability)
    }
}

fn open(project: &Path) -> Result<Dir, Failure> {
    Dir::open_ambient_dir(project, ambient_authority()).map_err(|error| {
        Failure::new(
            Exit::Failure,
            format!("cannot open `{}`: {error}", project.display()),
        )
    })
}

fn cannot_write(project: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!(
            "cannot write the target in `{}`: {error}",
            project.display()
        ),
    )
    .hint("nothing is lost: make it possible and run again")
}

fn read_target(directory: &Dir, path: &str) -> Result<TargetFile, Failure> {
    let unfit = |what: &str| {
        Failure::input(format!("the target `{path}` {what}"))
            .hint("a target is a regular file that git tracks; name it with `--target`")
    };
    let metadata = directory
        .symlink_metadata(path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => unfit("does not exist"),
            _ => unfit(&format!("cannot be read: {error}")),
        })?;
    if metadata.is_symlink() {
        return Err(unfit("is a symbolic link"));
    }
    if metadata.is_dir() {
        return Err(unfit("is a directory"));
    }
    if !metadata.is_file() {
        return Err(unfit("is not a regular file"));
    }
    if metadata.len() > TARGET_LIMIT {
        return Err(unfit(&format!("is larger than {} MiB", TARGET_LIMIT >> 20)));
    }
    let mut bytes = Vec::new();
    directory
        .open(path)
        .and_then(|file| file.take(TARGET_LIMIT).read_to_end(&mut bytes))
        .map_err(|error| unfit(&format!("cannot be read: {error}")))?;
    Ok(TargetFile {
        path: path.to_owned(),
        bytes,
        executable: metadata.permissions().mode() & 0o100 != 0,
    })
}

/// The worktrees of one experiment.
#[derive(Debug)]
pub struct Workspace {
    repository: Repository,
    prefix: PathBuf,
    first: PathBuf,
    second: PathBuf,
    lock: PathBuf,
}

/// One of an experiment's two worktrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    First,
    Second,
}

/// One worktree, ready to be measured in.
#[derive(Debug)]
pub struct Tree {
    worktree: Worktree,
    /// The project's directory in it.
    pub directory: PathBuf,
    /// Where it is noted which setup has been done here.
    pub setup_note: PathBuf,
    /// Where tools may keep caches that survive from one command to the next.
    pub cache: PathBuf,
    /// What stands for its `.git` where a sandbox shows it in the checkout's place.
    link: PathBuf,
    /// The checkout that it is of.
    checkout: PathBuf,
    git: PathBuf,
}

impl Workspace {
    /// The worktrees of an experiment, which need not exist yet, under the user's state directory.
    pub fn new(project: &Project, id: &Id, state: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let mut identity = project.repository.common.as_os_str().as_bytes().to_vec();
        identity.push(0);
        identity.extend(project.prefix().as_os_str().as_bytes());
        identity.push(0);
        identity.extend(id.to_string().bytes());
        let digest = catalog::digest(&identity);
        let short = digest.get(..12).unwrap_or(&digest);
        let name = format!("{}-{}-{short}", id.domain(), id.name());
        let root = |side: char| state.join(format!("worktrees/{name}-{side}"));
        Self {
            repository: project.repository.clone(),
            prefix: project.prefix().to_owned(),
            first: root('a'),
            second: root('b'),
            lock: state.join("locks").join(&name),
        }
    }

    /// Which worktrees hold the candidate and the incumbent, in this order.
    ///
    /// The one that stands at the incumbent keeps it, so that it stays built.
    pub fn roles(&self, incumbent: &str) -> (Slot, Slot) {
        let holds = |slot| self.head(slot).as_deref() == Some(incumbent);
        if holds(Slot::First) && !holds(Slot::Second) {
            (Slot::Second, Slot::First)
        } else {
            (Slot::First, Slot::Second)
        }
    }

    /// Keeps every other process out of the worktrees until the value is dropped.
    ///
    /// The journal's lock does not: another checkout of the repository has another journal.
    pub fn hold(&self) -> Result<Lock, Failure> {
        self.make_room()?;
        Ok(Lock::take(&self.lock)?)
    }

    fn make_room(&self) -> Result<(), Failure> {
        for parent in [self.first.parent(), self.lock.parent()]
            .into_iter()
            .flatten()
        {
            std::fs::create_dir_all(parent).map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("cannot make the directory `{}`: {error}", parent.display()),
                )
                .hint("worktrees are kept there; set XDG_STATE_HOME to have them elsewhere")
            })?;
        }
        Ok(())
    }

    fn root(&self, slot: Slot) -> &Path {
        match slot {
            Slot::First => &self.first,
            Slot::Second => &self.second,
        }
    }

    fn head(&self, slot: Slot) -> Option<CommitId> {
        self.repository.worktree(self.root(slot))?.head()
    }

    /// A worktree with every tracked file as in `commit`.
    pub fn tree(&self, slot: Slot, commit: &str) -> Result<Tree, Failure> {
        let root = self.root(slot);
        self.make_room()?;
        let [setup_note, link, cache] = all_beside(root);
        // One that cannot be reset was half made or damaged by a command that ran there.
        let existing = self
            .repository
            .worktree(root)
            .filter(|worktree| worktree.reset(commit).is_ok());
        let worktree = if let Some(worktree) = existing {
            worktree
        } else {
            let _ = std::fs::remove_file(&setup_note);
            self.repository.add_worktree(root, commit)?
        };
        Ok(Tree {
            directory: root.join(&self.prefix),
            worktree,
            setup_note,
            cache,
            link,
            checkout: self.repository.top.clone(),
            git: self.repository.common.clone(),
        })
    }

    /// Two worktrees at a commit, brought there at the same time where both exist.
    pub fn trees(&self, slots: (Slot, Slot), commit: &str) -> Result<(Tree, Tree), Failure> {
        let tree = |slot| self.tree(slot, commit);
        // Git does not make two worktrees at once without the one seeing the other half made.
        if self.head(slots.0).is_none() || self.head(slots.1).is_none() {
            return Ok((tree(slots.0)?, tree(slots.1)?));
        }
        std::thread::scope(|scope| {
            let second = scope.spawn(|| tree(slots.1));
            let first = tree(slots.0)?;
            let second = second.join().unwrap_or_else(|_| {
                Err(Failure::new(Exit::Failure, "a worktree was not made ready"))
            })?;
            Ok((first, second))
        })
    }

    /// The worktrees with what is kept beside them, as far as that exists.
    pub fn on_disk(&self) -> Vec<PathBuf> {
        let roots = [&self.first, &self.second];
        let all = roots
            .into_iter()
            .flat_map(|root| all_beside(root).into_iter().chain([root.clone()]));
        all.filter(|path| path.exists()).collect()
    }

    /// Removes the worktrees, as far as they exist.
    pub fn remove(&self) {
        for root in [&self.first, &self.second] {
            self.repository.remove_worktree(root);
            for path in all_beside(root) {
                let _ = files::remove(&path);
            }
        }
    }
}

/// What is kept beside a worktree: which setup was done, its `.git` as a sandbox shows it, and caches.
pub fn all_beside(root: &Path) -> [PathBuf; 3] {
    [".setup", ".link", ".cache"].map(|suffix| {
        let mut path = root.as_os_str().to_owned();
        path.push(suffix);
        path.into()
    })
}

impl Tree {
    /// The target as it is here. A file of it that was left without permissions is given them: git
    /// would not record that they are missing.
    pub fn contents(&self, targets: &[String]) -> Result<Contents, Failure> {
        let directory = open(&self.directory)?;
        for path in targets {
            let Ok(metadata) = directory.symlink_metadata(path) else {
                continue;
            };
            let mut permissions = metadata.permissions();
            if metadata.is_file() && permissions.mode() & OWNER_WRITES != OWNER_WRITES {
                permissions.set_mode(permissions.mode() | OWNER_WRITES);
                // If that is not to be done, reading says so.
                let _ = directory.set_permissions(path, permissions);
            }
        }
        Contents::read(&self.directory, targets)
    }

    /// Makes every tracked file what it is in `commit`.
    pub fn reset(&self, commit: &str) -> Result<(), GitError> {
        self.worktree.reset(commit)
    }

    /// Notes what the tracked files are, for [`Tree::restore`].
    pub fn stamps(&self) -> Result<Stamps, GitError> {
        self.worktree.stamps()
    }

    /// Makes every tracked file what it is in `commit` again, where something has touched one since.
    pub fn restore(&self, stamps: &mut Stamps, commit: &str) -> Result<(), GitError> {
        self.worktree.restore(stamps, commit)
    }

    /// Stands at another commit from now on that has the same files.
    pub fn rename_head(&self, commit: &str) -> Result<(), GitError> {
        self.worktree.rename_head(commit)
    }

    /// Commits the target as it is here; `None` where it is as in the commit before.
    pub fn commit(&self, paths: &[PathBuf], message: &str) -> Result<Option<CommitId>, GitError> {
        self.worktree.commit(paths, message)
    }

    /// Whether a commit may check out to other texts than it was given.
    pub fn converts(&self, paths: &[PathBuf]) -> Result<bool, GitError> {
        self.worktree.converts(paths)
    }

    /// Brings files into the form that they are checked out in.
    pub fn check_out_again(&self, paths: &[PathBuf], commit: &str) -> Result<(), GitError> {
        self.worktree.check_out_again(paths, commit)
    }

    /// What the worktree is before an agent works in it.
    pub fn snapshot(&self) -> Result<Snapshot, GitError> {
        self.worktree.snapshot()
    }

    /// What an agent changed since besides `allowed` paths; git's own state is as it was before. If all
    /// of that is new, it is removed.
    pub fn touched(&self, before: &Snapshot, allowed: &[PathBuf]) -> Result<Touched, GitError> {
        self.worktree.touched(before, allowed)
    }

    /// Removes what an earlier candidate left besides what git ignores.
    pub fn clean(&self) -> Result<(), GitError> {
        self.worktree.clean()
    }

    /// As a sandbox shows it in the checkout's place, with what is shared.
    pub fn view(&self, project: &Path, shared: &[String]) -> Result<View, Failure> {
        let name = self.worktree.root.file_name().unwrap_or_default();
        let admin = Path::new(View::GIT).join("worktrees").join(name);
        let text = format!("gitdir: {}\n", admin.display());
        if std::fs::read_to_string(&self.link).ok().as_deref() != Some(&text) {
            std::fs::write(&self.link, text).map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("cannot write `{}`: {error}", self.link.display()),
                )
                .hint("make it possible and run again")
            })?;
        }
        let mut seen = Vec::new();
        for path in outermost(&self.directory, shared) {
            let in_worktree = lexically(&self.directory.join(path));
            let from = lexically(&project.join(path));
            if from.exists() && !self.worktree.tracks(&in_worktree)? {
                seen.push(from);
            }
        }
        Ok(View {
            root: self.worktree.root.clone(),
            at: self.checkout.clone(),
            git: self.git.clone(),
            link: self.link.clone(),
            shared: seen,
        })
    }

    /// Links shared paths of the project into this worktree, where nothing is in their place; or, where
    /// a sandbox shows them there (`shown`), puts an empty file or directory there to show them at.
    ///
    /// Returns those that the project does not have.
    pub fn share(
        &self,
        project: &Path,
        paths: &[String],
        shown: bool,
    ) -> Result<Vec<String>, Failure> {
        let mut missing = Vec::new();
        for path in outermost(&self.directory, paths) {
            let from = project.join(path);
            let to = lexically(&self.directory.join(path));
            if !to.starts_with(&self.worktree.root) || to == self.worktree.root {
                return Err(Failure::input(format!(
                    "`{path}` in `share` is outside the repository"
                ))
                .hint("take it out: commands find it where it is"));
            }
            if !from.exists() {
                missing.push(path.clone());
                continue;
            }
            let is_ready = if shown {
                is_place_for(&to, &from)
            } else {
                leads_to(&to, &from)
            };
            // If it is tracked, each worktree has its own.
            if is_ready || self.worktree.tracks(&to)? {
                continue;
            }
            // What stands there is of a candidate that replaced it, or of another sandbox.
            self.clear_way(&to)
                .and_then(|()| to.parent().map_or(Ok(()), std::fs::create_dir_all))
                .and_then(|()| match shown {
                    false => std::os::unix::fs::symlink(&from, &to),
                    true if from.is_dir() => std::fs::create_dir(&to),
                    true => std::fs::File::create_new(&to).map(|_| ()),
                })
                .map_err(|error| cannot_share(path, &error))?;
        }
        Ok(missing)
    }

    /// Removes what is in the place of a path in this worktree, and links on the way to it: nothing is
    /// made or removed elsewhere.
    fn clear_way(&self, path: &Path) -> std::io::Result<()> {
        let below = path.strip_prefix(&self.worktree.root).unwrap_or(path);
        let mut here = self.worktree.root.clone();
        for part in below {
            here.push(part);
            if here.is_symlink() {
                return std::fs::remove_file(&here);
            }
        }
        files::remove(path)
    }

    /// A shared path that was linked into this worktree and is not the project's any more.
    pub fn replaced<'a>(&self, project: &Path, paths: &'a [String]) -> Option<&'a String> {
        outermost(&self.directory, paths).into_iter().find(|path| {
            let from = project.join(path);
            let to = self.directory.join(path);
            from.exists()
                && !leads_to(&to, &from)
                && !self.worktree.tracks(&to).is_ok_and(|tracks| tracks)
        })
    }
}

/// Paths without those that are below another one, or another one again.
fn outermost<'a>(directory: &Path, paths: &'a [String]) -> Vec<&'a String> {
    let places: Vec<PathBuf> = paths
        .iter()
        .map(|path| lexically(&directory.join(path)))
        .collect();
    let is_inner = |at: usize, place: &PathBuf| {
        places.iter().enumerate().any(|(other, outer)| {
            other != at && place.starts_with(outer) && (place != outer || other < at)
        })
    };
    paths
        .iter()
        .zip(places.iter().enumerate())
        .filter(|(_, (at, place))| !is_inner(*at, place))
        .map(|(path, _)| path)
        .collect()
}

/// Whether a path is one at which another can be shown: of the same kind, and empty.
fn is_place_for(path: &Path, shown: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|now| {
        if shown.is_dir() {
            now.is_dir()
                && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
        } else {
            now.is_file() && now.len() == 0
        }
    })
}

/// Whether a path is a link to another.
fn leads_to(link: &Path, path: &Path) -> bool {
    link.read_link().is_ok_and(|there| there == path)
}

fn cannot_share(path: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("cannot share `{path}` with the worktree: {error}"),
    )
    .hint("make it possible and run again: nothing is lost")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(directory: &Path) -> Result<Contents, Failure> {
        Contents::read(directory, &["sub/t".to_owned()])
    }

    #[test]
    fn restoring_leaves_alone_what_was_edited_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let target = directory.join("sub/t");
        std::fs::create_dir(directory.join("sub")).unwrap();
        std::fs::write(&target, "incumbent").unwrap();
        let incumbent = read(directory).unwrap();
        std::fs::write(&target, "candidate").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o750)).unwrap();
        let candidate = read(directory).unwrap();

        std::fs::write(&target, "newer").unwrap();
        assert_eq!(incumbent.restore(directory, &candidate).unwrap(), ["sub/t"]);
        assert_eq!(std::fs::read(&target).unwrap(), b"newer");

        std::fs::write(&target, "candidate").unwrap();
        assert!(incumbent.restore(directory, &candidate).unwrap().is_empty());
        assert_eq!(std::fs::read(&target).unwrap(), b"incumbent");
        assert_eq!(
            target.metadata().unwrap().permissions().mode() & 0o777,
            0o640
        );
        candidate.write(directory).unwrap();
        assert_eq!(
            target.metadata().unwrap().permissions().mode() & 0o777,
            0o750
        );
        assert_eq!(std::fs::read_dir(directory.join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn only_regular_files_inside_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let said = |path: &str| {
            Contents::read(directory, &[path.to_owned()])
                .unwrap_err()
                .message
        };
        assert!(said("none").contains("does not exist"));
        std::fs::create_dir(directory.join("d")).unwrap();
        assert!(said("d").contains("is a directory"));
        std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
        assert!(said("link").contains("symbolic link"));
        std::os::unix::fs::symlink("/etc", directory.join("away")).unwrap();
        assert!(said("away/passwd").contains("cannot be read"));
    }
}

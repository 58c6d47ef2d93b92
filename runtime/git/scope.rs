//! What a command has changed in a worktree of ours.
//!
//! Git compares, with an index and a HEAD that were put back first. It runs nothing that stands in
//! the worktree: it does not go into nested repositories, whose files are compared by their times.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::call::succeed;
use super::stamps::Stamp;
use super::worktree::{put, remove};
use super::{CommitId, GitError, Worktree, file_error};

/// How many paths are named.
const NAMED: usize = 20;
/// How many of them a sentence names.
const SHOWN: usize = 3;
/// How often what is new is looked for after some of it was removed: rules that hide files may
/// themselves be hidden.
const LOOKS: usize = 8;
/// What tells git how to see the files beside it, and could ignore itself.
const RULES: [&str; 2] = [".gitignore", ".gitattributes"];

/// A worktree as it was before a command ran in it.
#[derive(Debug)]
pub struct Snapshot {
    head: Option<CommitId>,
    /// The administrative directory, without logs and the repositories of submodules.
    admin: BTreeMap<PathBuf, Entry>,
    /// What the `.git` file says.
    pointer: Vec<u8>,
    /// The repository's own rules for what is ignored.
    exclude: (PathBuf, Option<Vec<u8>>),
    tracked: HashSet<PathBuf>,
    /// What differed from the commit already.
    different: HashMap<PathBuf, Option<Stamp>>,
    /// In directories with tracked files: nested repositories and rules, which git may not show.
    hidden: HashMap<PathBuf, Stamp>,
    /// Directories that git does not look into, with their files.
    opaque: BTreeMap<PathBuf, HashMap<PathBuf, Stamp>>,
}

#[derive(Debug)]
enum Entry {
    Directory,
    File {
        bytes: Vec<u8>,
        stamp: Stamp,
        modified: SystemTime,
    },
}

/// What a command has changed, besides what it may change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// What was there before and has changed.
    pub changed: Named,
    /// What was new. If nothing else has changed, it is gone again.
    pub added: Named,
    /// Whether HEAD had been moved. It is back where it was.
    pub head: bool,
    /// Whether the `.git` file had been changed. It is as before.
    pub pointer: bool,
}

/// Some paths, and how many there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The first of them, sorted, relative to the top.
    pub paths: Vec<PathBuf>,
    pub count: usize,
}

impl From<BTreeSet<PathBuf>> for Named {
    fn from(paths: BTreeSet<PathBuf>) -> Self {
        Self {
            count: paths.len(),
            paths: paths.into_iter().take(NAMED).collect(),
        }
    }
}

impl std::fmt::Display for Named {
    /// The first few, and whether there are more.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: Vec<String> = self
            .paths
            .iter()
            .take(SHOWN)
            .map(|path| path.display().to_string())
            .collect();
        f.write_str(&shown.join(", "))?;
        match self.count - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Snapshot {
    /// HEAD as it is written, which tells a branch from the commit that it stands for.
    fn head_text(&self) -> Option<&[u8]> {
        match self.admin.get(Path::new("HEAD"))? {
            Entry::File { bytes, .. } => Some(bytes),
            Entry::Directory => None,
        }
    }
}

impl Worktree {
    /// Notes what the worktree is, for [`Worktree::touched`].
    pub fn snapshot(&self) -> Result<Snapshot, GitError> {
        self.mend_pointer()?;
        let admin = self.read_admin()?;
        let mut tracked = HashSet::new();
        let mut opaque = BTreeMap::new();
        for entry in self.entries()?.unwrap_or_default() {
            if entry.is_submodule {
                opaque.insert(entry.path.clone(), self.files_below(&entry.path)?);
            }
            tracked.insert(entry.path);
        }
        let mut different = HashMap::new();
        for path in self.differing()? {
            if is_directory(&path) {
                opaque.insert(path.clone(), self.files_below(&path)?);
            }
            let stamp = Stamp::of(&self.root.join(&path));
            different.insert(path, stamp);
        }
        let exclude = self.common.join("info/exclude");
        let rules = std::fs::read(&exclude).ok();
        Ok(Snapshot {
            head: self.head(),
            admin,
            pointer: read(&self.root.join(".git"))?,
            exclude: (exclude, rules),
            hidden: self.hidden(&tracked),
            tracked,
            different,
            opaque,
        })
    }

    /// Puts index, HEAD and the `.git` file back, and finds what else is not as in the snapshot,
    /// `allowed` paths aside. If all of that is new, it is removed.
    pub fn touched(&self, before: &Snapshot, allowed: &[PathBuf]) -> Result<Touched, GitError> {
        self.check()?;
        let special = self.unlock()?;
        self.remove_locks();
        let head = before.head != self.head() || before.head_text() != self.head_text().as_deref();
        self.put_back(before)?;
        let pointer = self.root.join(".git");
        let pointer_changed = !pointer.symlink_metadata().is_ok_and(|now| now.is_file())
            || read(&pointer)? != before.pointer;
        if pointer_changed {
            put(&pointer, &before.pointer)?;
        }

        let (mut changed, mut new) = self.other_paths(before, allowed)?;
        let mut added: BTreeSet<PathBuf> = special.into_iter().chain(new.iter().cloned()).collect();
        let mut looks = 0;
        while changed.is_empty() && !new.is_empty() {
            if looks == LOOKS {
                // Nothing that a tool leaves by the way.
                changed = std::mem::take(&mut new);
                break;
            }
            looks += 1;
            for path in &new {
                self.remove_added(path)?;
            }
            (changed, new) = self.other_paths(before, allowed)?;
            added.extend(new.iter().cloned());
        }
        Ok(Touched {
            changed: changed.into(),
            added: added.into(),
            head,
            pointer: pointer_changed,
        })
    }

    /// What is not as in the snapshot, `allowed` paths aside: what was there before, and what is new.
    fn other_paths(
        &self,
        before: &Snapshot,
        allowed: &[PathBuf],
    ) -> Result<(BTreeSet<PathBuf>, BTreeSet<PathBuf>), GitError> {
        let mut changed = BTreeSet::new();
        let mut added = BTreeSet::new();
        for path in self.differing_exactly(before, allowed)? {
            // Files in a submodule that is not populated; they are compared below.
            if is_directory(&path) && before.tracked.contains(&path) {
                continue;
            }
            let now = Stamp::of(&self.root.join(&path));
            match before.different.get(&path) {
                Some(then) if *then == now => {}
                None if !before.tracked.contains(&path) && now.is_some() => {
                    added.insert(path);
                }
                _ => {
                    changed.insert(path);
                }
            }
        }
        let gone = |path: &&PathBuf| {
            !before.tracked.contains(*path) && Stamp::of(&self.root.join(path)).is_none()
        };
        changed.extend(before.different.keys().filter(gone).cloned());
        for (path, stamp) in self.hidden(&before.tracked) {
            match before.hidden.get(&path) {
                Some(then) if *then == stamp => {}
                Some(_) => {
                    changed.insert(path);
                }
                None => {
                    added.insert(path);
                }
            }
        }
        for (directory, files) in &before.opaque {
            let now = self.files_below(directory)?;
            let differs = now
                .iter()
                .filter(|(path, stamp)| files.get(*path) != Some(*stamp))
                .chain(files.iter().filter(|(path, _)| !now.contains_key(*path)));
            changed.extend(differs.map(|(path, _)| directory.join(path)));
        }
        if std::fs::read(&before.exclude.0).ok() != before.exclude.1 {
            changed.insert(before.exclude.0.clone());
        }
        for path in allowed {
            changed.remove(path);
            added.remove(path);
        }
        Ok((changed, added))
    }

    /// Removes what is new, and the directories that were made for it.
    fn remove_added(&self, path: &Path) -> Result<(), GitError> {
        // A nested repository ends in a slash.
        let path: PathBuf = path.components().collect();
        if path.parent().is_some_and(|parent| self.leads_away(parent)) {
            return Ok(());
        }
        remove(&self.root.join(&path))?;
        for directory in path.ancestors().skip(1) {
            let is_top = directory == Path::new("");
            if is_top || std::fs::remove_dir(self.root.join(directory)).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The paths that differ from HEAD, each file of its own; a nested repository ends in `/`.
    fn differing(&self) -> Result<Vec<PathBuf>, GitError> {
        let output = succeed(
            "status",
            self.git()
                .args(["status", "--porcelain", "-z", "--no-renames"])
                // `dirty`: git does not start itself in submodules, where their settings hold.
                .args(["--untracked-files=all", "--ignore-submodules=dirty"]),
        )?;
        Ok(output
            .stdout
            .split(|&b| b == 0)
            .filter_map(|entry| Some(PathBuf::from(OsStr::from_bytes(entry.get(3..)?))))
            .collect())
    }

    /// As [`Worktree::differing`], also where a file was changed so soon that git cannot tell.
    ///
    /// Git compares times in whole seconds, and reads a file whose time of modification is not
    /// before the index's. A command can set that time, but not hide that it touched the file.
    fn differing_exactly(
        &self,
        before: &Snapshot,
        allowed: &[PathBuf],
    ) -> Result<Vec<PathBuf>, GitError> {
        let index = self.admin.join("index");
        let Some(Entry::File {
            stamp, modified, ..
        }) = before.admin.get(Path::new("index"))
        else {
            return self.differing();
        };
        let mut others = before.tracked.iter().filter(|path| !allowed.contains(path));
        let unclear = others.any(|path| {
            Stamp::of(&self.root.join(path)).is_some_and(|file| {
                file.changed.0 == stamp.modified.0 && file.changed >= stamp.modified
            })
        });
        if !unclear {
            return self.differing();
        }
        // As old as can be: git reads every file.
        set_modified(&index, SystemTime::UNIX_EPOCH + Duration::from_secs(1))?;
        let differing = self.differing();
        set_modified(&index, *modified)?;
        differing
    }

    /// Nested repositories and rules that are not tracked, in directories with tracked files.
    fn hidden(&self, tracked: &HashSet<PathBuf>) -> HashMap<PathBuf, Stamp> {
        let directories: HashSet<&Path> = tracked
            .iter()
            .flat_map(|path| path.ancestors().skip(1))
            .collect();
        let names = |directory: &Path| {
            let repository = (directory != Path::new("")).then_some(".git");
            let paths = RULES.into_iter().chain(repository);
            paths.map(|name| directory.join(name)).collect::<Vec<_>>()
        };
        directories
            .into_iter()
            .flat_map(names)
            .filter(|path| !tracked.contains(path))
            .filter_map(|path| Some((Stamp::of(&self.root.join(&path))?, path)))
            .map(|(stamp, path)| (path, stamp))
            .collect()
    }

    /// The files below a nested repository's top, without those that it ignores. Its own settings
    /// are not read.
    fn files_below(&self, directory: &Path) -> Result<HashMap<PathBuf, Stamp>, GitError> {
        let mut found = HashMap::new();
        let mut pending = vec![PathBuf::new()];
        while let Some(below) = pending.pop() {
            let top = self.root.join(directory).join(&below);
            if !top.is_dir() || self.leads_away(&directory.join(&below)) {
                continue;
            }
            if let Some(stamp) = Stamp::of(&top.join(".git"))
                && !top.join(".git").is_dir()
            {
                found.insert(below.join(".git"), stamp);
            }
            let output = succeed(
                "ls-files",
                self.git_in(&top)
                    .env("GIT_INDEX_FILE", self.admin.join("no-index"))
                    .args(["ls-files", "-z", "--others", "--exclude-standard"]),
            )?;
            for path in output.stdout.split(|&b| b == 0).filter(|p| !p.is_empty()) {
                let path = below.join(OsStr::from_bytes(path));
                if is_directory(&path) {
                    pending.push(path);
                } else if let Some(stamp) = Stamp::of(&self.root.join(directory).join(&path)) {
                    found.insert(path, stamp);
                }
            }
        }
        Ok(found)
    }

    /// Whether some part of a path is a link.
    fn leads_away(&self, path: &Path) -> bool {
        let below = path.ancestors().filter(|part| *part != Path::new(""));
        below.into_iter().any(|part| {
            let part: PathBuf = part.components().collect();
            self.root.join(part).is_symlink()
        })
    }

    fn read_admin(&self) -> Result<BTreeMap<PathBuf, Entry>, GitError> {
        let mut found = BTreeMap::new();
        for path in self.admin_paths()? {
            let full = self.admin.join(&path);
            let metadata = full.symlink_metadata().map_err(file_error(&full))?;
            let entry = if metadata.is_dir() {
                Entry::Directory
            } else if !metadata.is_file() {
                continue;
            } else {
                Entry::File {
                    bytes: read(&full)?,
                    stamp: Stamp::new(&metadata),
                    modified: metadata.modified().map_err(file_error(&full))?,
                }
            };
            found.insert(path, entry);
        }
        Ok(found)
    }

    /// What is in the administrative directory, a directory before what it holds.
    fn admin_paths(&self) -> Result<Vec<PathBuf>, GitError> {
        let mut found: Vec<PathBuf> = Vec::new();
        let mut pending = vec![PathBuf::new()];
        while let Some(directory) = pending.pop() {
            let full = self.admin.join(&directory);
            for entry in std::fs::read_dir(&full).map_err(file_error(&full))? {
                let entry = entry.map_err(file_error(&full))?;
                let path = directory.join(entry.file_name());
                if ["logs", "modules"]
                    .iter()
                    .any(|name| path == Path::new(name))
                {
                    continue;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    pending.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn head_text(&self) -> Option<Vec<u8>> {
        std::fs::read(self.admin.join("HEAD")).ok()
    }

    /// Makes the administrative directory what it was: the index, HEAD, and no operation that was
    /// begun.
    fn put_back(&self, before: &Snapshot) -> Result<(), GitError> {
        for path in self.admin_paths()? {
            if !before.admin.contains_key(&path) {
                remove(&self.admin.join(path))?;
            }
        }
        for (path, entry) in &before.admin {
            let path = self.admin.join(path);
            match entry {
                Entry::Directory if path.symlink_metadata().is_ok_and(|now| now.is_dir()) => {}
                Entry::Directory => {
                    remove(&path)?;
                    std::fs::create_dir(&path).map_err(file_error(&path))?;
                }
                Entry::File { stamp, .. } if Stamp::of(&path) == Some(*stamp) => {}
                Entry::File {
                    bytes, modified, ..
                } => {
                    put(&path, bytes)?;
                    set_modified(&path, *modified)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether git lists a path as a directory.
fn is_directory(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

fn read(path: &Path) -> Result<Vec<u8>, GitError> {
    std::fs::read(path).map_err(file_error(path))
}

pub(super) fn set_modified(path: &Path, modified: SystemTime) -> Result<(), GitError> {
    std::fs::File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(modified))
        .map_err(file_error(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::testing::{Place, user_git, write};
    use super::*;

    const FILES: &[(&str, &str)] = &[
        ("t", "target"),
        ("a", "one"),
        ("sub/b", "two"),
        (".gitignore", "*.log\nbuild/\n"),
    ];

    /// What is found after something was done in a worktree in which `t` may change.
    fn touched(act: impl FnOnce(&Place, &Path)) -> Touched {
        let place = Place::new(FILES);
        touched_in(&place, act)
    }

    fn touched_in(place: &Place, act: impl FnOnce(&Place, &Path)) -> Touched {
        let ours = place.worktree();
        let before = ours.snapshot().unwrap();
        act(place, &ours.root);
        let found = ours.touched(&before, &["t".into()]).unwrap();
        // HEAD, index and the pointer are back, whatever was done.
        assert_eq!(ours.head(), before.head);
        assert_eq!(read(&ours.root.join(".git")).unwrap(), before.pointer);
        let Some(Entry::File { bytes, .. }) = before.admin.get(Path::new("index")) else {
            panic!("no index");
        };
        assert_eq!(read(&ours.admin.join("index")).unwrap(), *bytes);
        assert!(!ours.admin.join("index.lock").exists());
        found
    }

    /// All that was found, sorted.
    fn paths(touched: &Touched) -> Vec<&str> {
        let all = touched.changed.paths.iter().chain(&touched.added.paths);
        let mut all: Vec<&str> = all.map(|path| path.to_str().unwrap()).collect();
        all.sort_unstable();
        all
    }

    fn nothing(touched: &Touched) -> bool {
        *touched == Touched::default()
    }

    #[test]
    fn the_target_and_what_is_ignored_may_change() {
        let found = touched(|_, root| {
            write(root, "t", "another");
            write(root, "x.log", "");
            write(root, "build/deep/x", "");
            // As tools do with their caches.
            write(root, "cache/.gitignore", "*");
            write(root, "cache/x", "");
        });
        assert!(nothing(&found), "{found:?}");
    }

    #[test]
    fn every_kind_of_change_is_found() {
        type Case = (fn(&Path), &'static [&'static str]);
        let cases: &[Case] = &[
            (|root| write(root, "a", "ONE"), &["a"]),
            (|root| std::fs::remove_file(root.join("a")).unwrap(), &["a"]),
            (
                |root| {
                    let mode = std::fs::Permissions::from_mode(0o755);
                    std::fs::set_permissions(root.join("a"), mode).unwrap();
                },
                &["a"],
            ),
            (
                |root| {
                    std::fs::remove_file(root.join("a")).unwrap();
                    symlink("t", root.join("a")).unwrap();
                },
                &["a"],
            ),
            (
                |root| {
                    std::fs::rename(root.join("sub"), root.join("elsewhere")).unwrap();
                    symlink("elsewhere", root.join("sub")).unwrap();
                },
                &["elsewhere/b", "sub", "sub/b"],
            ),
            (
                |root| {
                    write(root, "new/x", "");
                    write(root, "new/deep/y", "");
                },
                &["new/deep/y", "new/x"],
            ),
            (|root| write(root, "T", ""), &["T"]),
            (
                |root| {
                    std::fs::remove_file(root.join("t")).unwrap();
                    write(root, "t/x", "");
                },
                &["t/x"],
            ),
            // Rules that ignore themselves.
            (
                |root| {
                    write(root, "sub/.gitignore", "*");
                    write(root, "sub/planted", "");
                },
                &["sub/.gitignore", "sub/planted"],
            ),
            (|root| write(root, "sub/.git/config", ""), &["sub/.git"]),
        ];
        for (n, (act, expected)) in cases.iter().enumerate() {
            let found = touched(|_, root| act(root));
            assert_eq!(paths(&found), *expected, "case {n}");
            assert_eq!(
                found.changed.count + found.added.count,
                expected.len(),
                "case {n}"
            );
        }
    }

    #[test]
    fn what_is_new_is_removed_unless_something_else_has_changed() {
        type Act = fn(&Path);
        let acts: [(Act, &[&str]); 4] = [
            (|root| write(root, "new/deep/x", ""), &["new"]),
            // Rules that hide others, one below the other.
            (
                |root| {
                    write(root, "sub/.gitignore", "*");
                    write(root, "sub/planted/x", "");
                    write(root, ".gitignore.d/x", "");
                },
                &["sub/.gitignore", "sub/planted", ".gitignore.d"],
            ),
            (
                |root| {
                    user_git(root, &["init", "--quiet", "nested"]);
                    write(root, "nested/x", "");
                },
                &["nested"],
            ),
            (
                |root| {
                    write(root, "closed/x", "");
                    let none = std::fs::Permissions::from_mode(0o000);
                    std::fs::set_permissions(root.join("closed"), none).unwrap();
                },
                &["closed"],
            ),
        ];
        for (n, (act, gone)) in acts.iter().enumerate() {
            let found = touched(|_, root| act(root));
            assert_eq!(found.changed.count, 0, "case {n}");
            let place = Place::new(FILES);
            let found = touched_in(&place, |_, root| {
                act(root);
                write(root, "x.log", "ignored");
            });
            assert!(found.added.count > 0, "case {n}");
            let root = place.outside("ours");
            for path in *gone {
                assert!(!root.join(path).exists(), "case {n}: {path}");
            }
            assert!(root.join("x.log").exists() && root.join("sub/b").exists());
            let found = touched_in(&place, |_, root| {
                act(root);
                write(root, "a", "changed");
            });
            assert_eq!(found.changed.paths, [Path::new("a")], "case {n}");
        }
    }

    #[test]
    fn pipes_and_sockets_are_new_and_go() {
        let place = Place::new(FILES);
        let found = touched_in(&place, |_, root| {
            #[expect(clippy::disallowed_methods, reason = "a test starts programs")]
            let pipe = std::process::Command::new("mkfifo")
                .args([root.join("sub/.gitignore"), root.join("pipe")])
                .status();
            assert!(pipe.unwrap().success());
            std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        });
        assert_eq!(paths(&found), ["pipe", "socket", "sub/.gitignore"]);
        assert_eq!(found.changed.count, 0);
        assert!(!place.outside("ours/sub/.gitignore").exists());
    }

    #[test]
    fn a_change_of_the_same_size_and_time_is_found() {
        for _ in 0..5 {
            let found = touched(|_, root| {
                let path = root.join("a");
                let modified = path.metadata().unwrap().modified().unwrap();
                write(root, "a", "ONE");
                set_modified(&path, modified).unwrap();
            });
            assert_eq!(paths(&found), ["a"]);
        }
        // A file that was old before the index was written, which git does not read.
        let place = Place::new(FILES);
        let ours = place.worktree();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        set_modified(&ours.root.join("a"), old).unwrap();
        ours.reset(&ours.head().unwrap()).unwrap();
        let before = ours.snapshot().unwrap();
        write(&ours.root, "a", "ONE");
        set_modified(&ours.root.join("a"), old).unwrap();
        assert_eq!(paths(&ours.touched(&before, &[]).unwrap()), ["a"]);
    }

    #[test]
    fn what_the_index_hides_is_found() {
        for flag in ["--assume-unchanged", "--skip-worktree"] {
            let found = touched(|_, root| {
                user_git(root, &["update-index", flag, "a"]);
                write(root, "a", "changed");
            });
            assert_eq!(paths(&found), ["a"], "{flag}");
        }
        let found = touched(|_, root| {
            write(root, "a", "changed");
            write(root, "staged", "");
            user_git(root, &["add", "--all"]);
            write(root, "a", "one");
        });
        assert_eq!(paths(&found), ["staged"]);
        // And by settings.
        let found = touched(|place, root| {
            for setting in ["core.fileMode", "core.symlinks", "core.trustctime"] {
                place.git(&["config", setting, "false"]);
            }
            place.git(&["config", "core.ignoreCase", "true"]);
            place.git(&["config", "status.showUntrackedFiles", "no"]);
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(root.join("a"), mode).unwrap();
            write(root, "T", "");
        });
        assert_eq!(paths(&found), ["T", "a"]);
        let found = touched(|place, root| {
            write(&place.top(), ".git/info/exclude", "planted\n");
            write(root, "planted", "");
        });
        assert_eq!(found.changed.count, 1);
        assert!(
            found.changed.paths[0].ends_with("info/exclude"),
            "{found:?}"
        );
    }

    #[test]
    fn a_worktree_that_hides_changes_is_written_anew() {
        let place = Place::new(FILES);
        let ours = place.worktree();
        for flag in ["--assume-unchanged", "--skip-worktree"] {
            user_git(&ours.root, &["update-index", flag, "a"]);
            write(&ours.root, "a", "changed");
            ours.reset(&ours.head().unwrap()).unwrap();
            assert_eq!(read(&ours.root.join("a")).unwrap(), b"one", "{flag}");
        }
    }

    #[test]
    fn commits_and_operations_are_undone() {
        let found = touched(|_, root| {
            write(root, "a", "committed");
            user_git(root, &["commit", "--quiet", "--all", "--message=mine"]);
        });
        assert_eq!(paths(&found), ["a"]);
        assert!(found.head);

        let found = touched(|_, root| {
            user_git(root, &["switch", "--quiet", "--create", "other"]);
        });
        assert!(found.head && found.changed.count == 0, "{found:?}");

        let place = Place::new(FILES);
        let found = touched_in(&place, |place, root| {
            let admin = place.top().join(".git/worktrees/ours");
            user_git(root, &["bisect", "start"]);
            write(&admin, "MERGE_HEAD", &place.repository().head);
            write(&admin, "rebase-merge/onto", "");
            write(&admin, "index.lock", "");
            write(&admin, "commondir", "/nowhere");
        });
        assert!(nothing(&found), "{found:?}");
        let admin = place.top().join(".git/worktrees/ours");
        assert!(!admin.join("rebase-merge").exists() && !admin.join("MERGE_HEAD").exists());
    }

    #[test]
    fn a_worktree_that_is_gone_or_replaced_is_told_and_left_alone() {
        let acts: [fn(&Place, &Path); 4] = [
            |place, root| {
                place.git(&["worktree", "remove", "--force", root.to_str().unwrap()]);
            },
            |_, root| std::fs::remove_dir_all(root).unwrap(),
            |place, root| {
                std::fs::remove_dir_all(root).unwrap();
                symlink(place.outside("elsewhere"), root).unwrap();
            },
            |place, _| {
                let admin = place.top().join(".git/worktrees/ours");
                std::fs::remove_dir_all(&admin).unwrap();
                symlink(place.outside("elsewhere"), admin).unwrap();
            },
        ];
        for act in acts {
            let place = Place::new(FILES);
            let elsewhere = place.outside("elsewhere");
            for name in ["HEAD", "index.lock", "t", "mine"] {
                write(&elsewhere, name, "mine");
            }
            let ours = place.worktree();
            let before = ours.snapshot().unwrap();
            act(&place, &ours.root);
            ours.touched(&before, &[]).unwrap_err();
            ours.reset(&before.head.unwrap()).unwrap_err();
            ours.clean().unwrap_err();
            assert!(place.repository().worktree(&ours.root).is_none());
            // It is made anew.
            let ours = place.worktree();
            assert_eq!(read(&ours.root.join("t")).unwrap(), b"target");
            for name in ["HEAD", "index.lock", "t", "mine"] {
                assert_eq!(read(&elsewhere.join(name)).unwrap(), b"mine", "{name}");
            }
        }
    }

    #[test]
    fn refs_may_be_kept_in_tables() {
        let place = Place::new(FILES);
        std::fs::remove_dir_all(place.top().join(".git/logs")).unwrap();
        place.git(&["refs", "migrate", "--ref-format=reftable"]);
        let found = touched_in(&place, |_, root| {
            write(root, "t", "committed");
            user_git(root, &["commit", "--quiet", "--all", "--message=mine"]);
        });
        assert_eq!(found.changed.count, 0);
        assert!(found.head);
    }

    #[test]
    fn the_pointer_is_put_back() {
        let cases: [fn(&Path); 4] = [
            |root| write(root, ".git", "gitdir: /nowhere\n"),
            |root| std::fs::remove_file(root.join(".git")).unwrap(),
            |root| {
                std::fs::remove_file(root.join(".git")).unwrap();
                user_git(root, &["init", "--quiet"]);
            },
            |root| {
                std::fs::rename(root.join(".git"), root.join("x.log")).unwrap();
                symlink("x.log", root.join(".git")).unwrap();
            },
        ];
        for act in cases {
            let found = touched(|_, root| act(root));
            assert!(found.pointer && found.changed.count == 0, "{found:?}");
        }
    }

    #[test]
    fn what_was_there_before_may_stay() {
        let place = Place::new(FILES);
        let ours = place.worktree();
        let root = &ours.root;
        symlink(place.top(), root.join("shared")).unwrap();
        write(root, "made", "by setup");
        write(root, "a", "changed by setup");
        user_git(root, &["init", "--quiet", "nested"]);
        write(root, "nested/x", "");
        let before = ours.snapshot().unwrap();
        assert!(nothing(&ours.touched(&before, &[]).unwrap()));
        write(root, "made", "by another");
        std::fs::remove_file(root.join("shared")).unwrap();
        write(root, "a", "changed again");
        write(root, "nested/x", "changed");
        let found = ours.touched(&before, &[]).unwrap();
        assert_eq!(paths(&found), ["a", "made", "nested/x", "shared"]);
    }

    #[test]
    fn many_paths_are_counted() {
        let found = touched(|_, root| {
            for n in 0..50 {
                write(root, &format!("new/{n}"), "");
            }
        });
        assert_eq!((found.added.paths.len(), found.added.count), (NAMED, 50));
        assert_eq!(found.added.to_string(), "new/0, new/1, new/10 and 47 more");
    }

    /// Settings that make git create `marker` when it reads them.
    fn planted(marker: &Path) -> String {
        let marker = marker.display();
        format!(
            "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = \"touch {marker}; :\"\n\
             \thooksPath = .\n\tsshCommand = touch {marker}\n[filter \"f\"]\n\
             \tclean = touch {marker}\n\tsmudge = touch {marker}\n"
        )
    }

    #[test]
    fn nothing_that_stands_in_the_worktree_is_run() {
        let place = Place::new(FILES);
        let marker = place.outside("marker");
        let found = touched_in(&place, |_, root| {
            user_git(root, &["init", "--quiet", "nested"]);
            write(root, "nested/.gitattributes", "* filter=f\n");
            write(root, "nested/x", "x");
            user_git(
                &root.join("nested"),
                &[
                    "-c",
                    "user.name=x",
                    "-c",
                    "user.email=x",
                    "commit",
                    "--quiet",
                    "--allow-empty",
                    "--message=x",
                ],
            );
            write(root, "nested/.git/config", &planted(&marker));
            // A tracked directory that becomes a repository, and the worktree's own.
            std::fs::create_dir_all(root.join("sub/.git")).unwrap();
            for name in ["HEAD", "objects", "refs"] {
                let from = root.join("nested/.git").join(name);
                std::fs::rename(from, root.join("sub/.git").join(name)).unwrap();
            }
            write(root, "sub/.git/config", &planted(&marker));
            user_git(root, &["init", "--quiet", "second"]);
            write(root, "second/.git/config", &planted(&marker));
            write(root, "second/.gitattributes", "* filter=f\n");
            std::fs::remove_file(root.join(".git")).unwrap();
            std::fs::create_dir(root.join(".git")).unwrap();
            write(root, ".git/config", &planted(&marker));
        });
        assert!(found.pointer);
        let expected = ["nested/.gitattributes", "nested/x", "second/", "sub/.git"];
        assert_eq!(paths(&found), expected);
        assert!(!marker.exists());
        // Where git goes in, it does run it.
        let root = place.outside("ours");
        user_git(&root, &["init", "--quiet", "second"]);
        write(&root, "second/.git/config", &planted(&marker));
        write(&root, "second/.gitattributes", "* filter=f\n");
        user_git(&root.join("second"), &["add", "--all"]);
        assert!(marker.exists());
    }

    #[test]
    fn submodules_are_looked_at_from_outside() {
        let library = Place::new(&[("l", "library"), (".gitignore", "*.log")]);
        let place = Place::new(FILES);
        let from = library.top();
        place.git(&[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            from.to_str().unwrap(),
            "lib",
        ]);
        place.git(&[
            "config",
            "--file",
            ".gitmodules",
            "submodule.lib.ignore",
            "all",
        ]);
        place.git(&["commit", "--quiet", "--all", "--message=library"]);
        let marker = place.outside("marker");
        let populate = |ours: &Worktree| {
            let update = ["submodule", "--quiet", "update", "--init"];
            let allow = ["-c", "protocol.file.allow=always"];
            user_git(&ours.root, &[&allow[..], &update[..]].concat());
        };

        // Empty, as git makes it.
        let ours = place.worktree();
        let before = ours.snapshot().unwrap();
        assert!(nothing(&ours.touched(&before, &[]).unwrap()));
        write(&ours.root, "lib/planted", "");
        assert_eq!(paths(&ours.touched(&before, &[]).unwrap()), ["lib/planted"]);
        std::fs::remove_file(ours.root.join("lib/planted")).unwrap();

        populate(&ours);
        let before = ours.snapshot().unwrap();
        write(&ours.root, "lib/x.log", "");
        assert!(nothing(&ours.touched(&before, &[]).unwrap()));
        let settings = ours.admin.join("modules/lib/config");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, planted(&marker) + &text).unwrap();
        write(&ours.root, "lib/.gitattributes", "* filter=f\n");
        write(&ours.root, "lib/l", "changed");
        let found = ours.touched(&before, &[]).unwrap();
        assert_eq!(paths(&found), ["lib/.gitattributes", "lib/l"]);
        assert!(!marker.exists());
        // Where git goes in, it does run it.
        user_git(&ours.root, &["status", "--ignore-submodules=none"]);
        assert!(marker.exists());

        std::fs::write(&settings, text).unwrap();
        let who = [
            "-c",
            "user.name=x",
            "-c",
            "user.email=x",
            "commit",
            "--quiet",
        ];
        user_git(
            &ours.root.join("lib"),
            &[&who[..], &["--all", "--message=x"]].concat(),
        );
        let found = ours.touched(&before, &[]).unwrap();
        assert_eq!(paths(&found), ["lib", "lib/.gitattributes", "lib/l"]);
    }
}

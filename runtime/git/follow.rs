//! A checkout of the experiment's own branch goes along when a keep moves the branch.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::call::{failed, git, listed, run, succeed};
use super::stamps::Stamp;
use super::{GitError, Repository};
use crate::files::{self, Durability};

/// How often an index that somebody else has locked is tried, and how long after each time.
const LOCKED_TRIES: u32 = 10;
const LOCKED_WAIT: Duration = Duration::from_millis(50);

/// A regular file as git knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob {
    executable: bool,
    object: String,
}

impl Blob {
    /// `None` where it is not a regular file.
    fn new(mode: &str, object: &str) -> Option<Self> {
        let executable = match mode {
            "100644" => false,
            "100755" => true,
            _ => return None,
        };
        Some(Self {
            executable,
            object: object.to_owned(),
        })
    }

    fn mode(&self) -> &'static str {
        if self.executable { "100755" } else { "100644" }
    }
}

/// A path that the branch's move changed.
#[derive(Debug)]
struct Change {
    path: PathBuf,
    old: Blob,
    new: Blob,
}

/// What the index has for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Blob(Blob),
    /// The same, and the file is outside a sparse checkout.
    Absent(Blob),
    /// A conflict, something that is not a file, or one that git was told to take as unchanged.
    Other,
}

impl Repository {
    /// Takes checkouts of `branch` along after it moved from `old` to `new`, which differ in
    /// `paths` alone. Returns the files that somebody has edited or staged: they are left alone.
    ///
    /// May be repeated, also after it was killed.
    pub fn follow(
        &self,
        branch: &str,
        old: &str,
        new: &str,
        paths: &[PathBuf],
    ) -> Result<Vec<PathBuf>, GitError> {
        let checkouts = self.checkouts(branch, new)?;
        if checkouts.is_empty() {
            return Ok(Vec::new());
        }
        let (changes, others) = self.changes(old, new, paths)?;
        let mut left = Vec::new();
        for root in checkouts {
            left.extend(others.iter().map(|path| root.join(path)));
            follow_in(&root, &changes, &mut left)?;
        }
        Ok(left)
    }

    /// The checkouts whose HEAD is a branch, where that is at `commit`.
    fn checkouts(&self, branch: &str, commit: &str) -> Result<Vec<PathBuf>, GitError> {
        // What the files cannot tell for a repository with reftables.
        if !self.is_checked_out(branch) && !self.common.join("reftable").is_dir() {
            return Ok(Vec::new());
        }
        let output = succeed(
            "worktree list",
            self.git().args(["worktree", "list", "--porcelain", "-z"]),
        )?;
        let branch = format!("branch {branch}");
        let commit = format!("HEAD {commit}");
        let lines: Vec<&[u8]> = output.stdout.split(|&b| b == 0).collect();
        let records: Vec<&[&[u8]]> = lines.split(|line| line.is_empty()).collect();
        let mut roots: Vec<PathBuf> = records
            .iter()
            .filter_map(|record| record.first()?.strip_prefix(b"worktree "))
            .map(|root| PathBuf::from(OsStr::from_bytes(root)))
            .collect();
        if let Some(main) = roots.first()
            && !main.join(".git").exists()
            && !roots.contains(&self.top)
            && let Some(main) = roots.first_mut()
        {
            // Git names the repository where that is not in the checkout.
            main.clone_from(&self.top);
        }
        Ok(records
            .into_iter()
            .zip(roots)
            .filter(|(record, _)| {
                record.contains(&branch.as_bytes()) && record.contains(&commit.as_bytes())
            })
            .map(|(_, root)| root)
            // It may be on a disk that is absent.
            .filter(|root| root.join(".git").exists())
            .collect())
    }

    /// How `paths` differ between two commits; and those that are not a file in both.
    fn changes(
        &self,
        old: &str,
        new: &str,
        paths: &[PathBuf],
    ) -> Result<(Vec<Change>, Vec<PathBuf>), GitError> {
        let output = succeed(
            "diff-tree",
            self.git()
                .args(["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev"])
                .args([old, new, "--"])
                .args(paths),
        )?;
        let mut fields = output.stdout.split(|&b| b == 0);
        let mut changes = Vec::new();
        let mut others = Vec::new();
        while let (Some(information), Some(path)) = (fields.next(), fields.next()) {
            let path = PathBuf::from(OsStr::from_bytes(path));
            let information = String::from_utf8_lossy(information);
            let mut words = information.trim_start_matches(':').split(' ');
            let mut word = || words.next().unwrap_or_default();
            let (mode, new_mode, object, new_object) = (word(), word(), word(), word());
            match (Blob::new(mode, object), Blob::new(new_mode, new_object)) {
                (Some(old), Some(new)) => changes.push(Change { path, old, new }),
                _ => others.push(path),
            }
        }
        Ok((changes, others))
    }
}

fn follow_in(root: &Path, changes: &[Change], left: &mut Vec<PathBuf>) -> Result<(), GitError> {
    let entries = index_entries(root, changes)?;
    let (mut staged, mut rest): (Vec<&Change>, Vec<&Change>) = (Vec::new(), Vec::new());
    let mut absent = Vec::new();
    for change in changes {
        match entries.get(&change.path) {
            Some(Entry::Blob(blob)) if *blob == change.old => {
                staged.push(change);
                rest.push(change);
            }
            Some(Entry::Blob(blob)) if *blob == change.new => rest.push(change),
            Some(Entry::Absent(blob)) if *blob == change.old => absent.push(change),
            Some(Entry::Absent(blob)) if *blob == change.new => {}
            _ => left.push(root.join(&change.path)),
        }
    }
    let present = files(root, &rest)?;
    let is_old = |change: &&Change| {
        let file = present.get(&change.path);
        file.is_some_and(|file| file.blob == change.old)
    };
    let to_write = rest.iter().copied().any(|change| is_old(&change));
    if !take_new_entries(root, &staged, &absent, !to_write)? {
        let paths = rest.iter().chain(&absent).map(|change| &change.path);
        left.extend(paths.map(|path| root.join(path)));
        return Ok(());
    }
    for change in &rest {
        match present.get(&change.path) {
            Some(file) if file.blob == change.new => {}
            Some(file) if file.blob == change.old && write(root, change, file.stamp)? => {}
            _ => {
                // Of a run that was killed while it wrote.
                let _ = std::fs::remove_file(root.join(files::temporary_path(&change.path)));
                left.push(root.join(&change.path));
            }
        }
    }
    // Where the index is locked by now, the user's git sees to it.
    if to_write {
        let _ = run(checkout(root).args(["update-index", "-q", "--unmerged", "--refresh"]))?;
    }
    Ok(())
}

fn checkout(root: &Path) -> Command {
    let mut command = git(&[]);
    command.arg("-C").arg(root);
    command
}

fn index_entries(root: &Path, changes: &[Change]) -> Result<HashMap<PathBuf, Entry>, GitError> {
    let output = succeed(
        "ls-files",
        checkout(root)
            .args(["ls-files", "-v", "--stage", "-z", "--"])
            .args(changes.iter().map(|change| &change.path)),
    )?;
    let entries = listed(&output.stdout).filter_map(|(path, words)| {
        let [tag, mode, object, stage] = words.try_into().ok()?;
        let entry = match (tag, stage, Blob::new(mode, object)) {
            ("H", "0", Some(blob)) => Entry::Blob(blob),
            ("S", "0", Some(blob)) => {
                if root.join(&path).symlink_metadata().is_ok() {
                    Entry::Other
                } else {
                    Entry::Absent(blob)
                }
            }
            _ => Entry::Other,
        };
        Some((path, entry))
    });
    Ok(entries.collect())
}

/// Puts the new entries into the index; `false` where somebody else holds it.
///
/// New entries know nothing of their files' times, and commands like `git diff-files` would take the
/// files for changed: `refresh` where the files are as they are to be.
fn take_new_entries(
    root: &Path,
    staged: &[&Change],
    absent: &[&Change],
    refresh: bool,
) -> Result<bool, GitError> {
    if staged.is_empty() && absent.is_empty() {
        return Ok(true);
    }
    let mut command = checkout(root);
    command.args(["update-index", "-q", "--unmerged"]);
    for change in staged.iter().chain(absent) {
        let mut entry = OsString::from(change.new.mode());
        entry.push(format!(",{},", change.new.object));
        entry.push(&change.path);
        command.arg("--cacheinfo").arg(entry);
    }
    if refresh {
        command.arg("--refresh");
    }
    if !absent.is_empty() {
        let paths = absent.iter().map(|change| &change.path);
        command.args(["--skip-worktree", "--"]).args(paths);
    }
    for _ in 0..LOCKED_TRIES {
        let output = run(&mut command)?;
        if output.status.success() {
            return Ok(true);
        }
        // Quiet as it is, it does not say that the index is locked.
        if output.status.code() != Some(128) || !output.stderr.is_empty() {
            return Err(failed("update-index", &output));
        }
        std::thread::sleep(LOCKED_WAIT);
    }
    Ok(false)
}

/// A regular file in a checkout.
#[derive(Debug)]
struct Present {
    /// As git would take it in.
    blob: Blob,
    stamp: Stamp,
}

/// The files of these paths. One that is no regular file is left out.
fn files(root: &Path, changes: &[&Change]) -> Result<HashMap<PathBuf, Present>, GitError> {
    let top = root.canonicalize().map_err(GitError::NotRun)?;
    let present: Vec<(&Path, bool, Stamp)> = changes
        .iter()
        .filter_map(|change| {
            let path = root.join(&change.path);
            let metadata = path.symlink_metadata().ok()?;
            // Below a link it would be a file outside, which git does not see either.
            let parent = path.parent()?.canonicalize().ok()?;
            let inside = parent.join(path.file_name()?) == top.join(&change.path);
            (inside && metadata.is_file()).then_some((
                change.path.as_path(),
                metadata.permissions().mode() & 0o100 != 0,
                Stamp::new(&metadata),
            ))
        })
        .collect();
    if present.is_empty() {
        return Ok(HashMap::new());
    }
    let output = succeed(
        "hash-object",
        checkout(root)
            .args(["hash-object", "--"])
            .args(present.iter().map(|(path, ..)| path)),
    )?;
    let objects = String::from_utf8_lossy(&output.stdout);
    Ok(present
        .into_iter()
        .zip(objects.lines())
        .map(|((path, executable, stamp), object)| {
            let object = object.to_owned();
            let blob = Blob { executable, object };
            (path.to_owned(), Present { blob, stamp })
        })
        .collect())
}

/// Writes a file's new text; `false` where it cannot be written, or somebody has edited it by now.
fn write(root: &Path, change: &Change, stamp: Stamp) -> Result<bool, GitError> {
    let text = succeed(
        "cat-file",
        checkout(root)
            .arg("cat-file")
            .arg({
                let mut path = OsString::from("--path=");
                path.push(&change.path);
                path
            })
            .args(["--filters", &change.new.object]),
    )?
    .stdout;
    if Stamp::of(&root.join(&change.path)) != Some(stamp) {
        return Ok(false);
    }
    let written = Dir::open_ambient_dir(root, ambient_authority()).and_then(|directory| {
        let executable = change.new.executable;
        files::replace_below(
            &directory,
            &change.path,
            &text,
            executable,
            Durability::Always,
        )
    });
    Ok(written.is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, user_git, write};
    use super::*;

    const BRANCH: &str = "refs/heads/autoresearch/d/n";

    /// A repository in which the branch is about to move from one commit to another that changes
    /// `t`, and a second checkout of the branch.
    struct Moved {
        place: Place,
        old: String,
        new: String,
        linked: PathBuf,
    }

    impl Moved {
        fn new() -> Self {
            let place = Place::new(&[("t", "old\n"), ("other", "other\n")]);
            let repository = place.repository();
            let ours = place.worktree();
            write(&ours.root, "t", "new\n");
            let new = ours.commit(&["t".into()], "try").unwrap().unwrap();
            let old = repository.head.clone();
            place.git(&["branch", "autoresearch/d/n", &old]);
            let linked = place.outside("linked");
            let at = linked.to_str().unwrap();
            place.git(&["worktree", "add", "--quiet", at, "autoresearch/d/n"]);
            Self {
                place,
                old,
                new,
                linked,
            }
        }

        fn move_branch(&self) {
            let (old, new) = (self.old.as_str(), self.new.as_str());
            let repository = self.place.repository();
            repository
                .update_refs(&[(BRANCH.to_owned(), new, Some(old))])
                .unwrap();
        }

        /// Returns the names of the files that were left alone.
        fn follow(&self) -> Vec<PathBuf> {
            let paths = [PathBuf::from("t")];
            let repository = self.place.repository();
            repository
                .follow(BRANCH, &self.old, &self.new, &paths)
                .unwrap()
        }

        fn status(&self) -> String {
            user_git(&self.linked, &["status", "--porcelain"])
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.linked.join("t")).unwrap()
        }
    }

    #[test]
    fn a_clean_checkout_goes_along() {
        let moved = Moved::new();
        write(&moved.linked, "other", "edited\n");
        write(&moved.linked, "untracked", "");
        user_git(&moved.linked, &["add", "untracked"]);
        let before = moved.status();
        moved.move_branch();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.status(), before);
        assert_eq!(moved.text(), "new\n");
        assert_eq!(
            user_git(&moved.linked, &["diff-files", "--name-only"]),
            "other"
        );
        // Again, and in a checkout that has gone on.
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.status(), before);
        user_git(&moved.linked, &["commit", "--quiet", "--message=on"]);
        write(&moved.linked, "t", "old\n");
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.text(), "old\n");
    }

    #[test]
    fn line_endings_are_those_of_the_checkout() {
        let moved = Moved::new();
        moved.place.git(&["config", "core.autocrlf", "true"]);
        std::fs::remove_file(moved.linked.join("t")).unwrap();
        user_git(&moved.linked, &["checkout", "--quiet", "--", "t"]);
        assert_eq!(moved.text(), "old\r\n");
        moved.move_branch();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(
            (moved.status(), moved.text()),
            (String::new(), "new\r\n".into())
        );
    }

    #[test]
    fn any_path_and_mode_will_do() {
        use std::os::unix::fs::PermissionsExt;

        let path = "-d/a,b \"ü\"\n*";
        let place = Place::new(&[(path, "old")]);
        let old = place.repository().head;
        let ours = place.worktree();
        write(&ours.root, path, "new");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(ours.root.join(path), executable).unwrap();
        let new = ours.commit(&[path.into()], "try").unwrap().unwrap();
        let repository = place.repository();
        let main = "refs/heads/main";
        repository
            .update_refs(&[(main.to_owned(), &new, Some(&old))])
            .unwrap();
        let left = repository.follow(main, &old, &new, &[path.into()]);
        assert_eq!(left.unwrap(), Vec::<PathBuf>::new());
        assert_eq!(place.git(&["status", "--porcelain"]), "");
        assert_eq!(std::fs::read(place.top().join(path)).unwrap(), b"new");
    }

    #[test]
    fn what_was_edited_or_staged_is_left_alone() {
        // What is done, the text and the status that it makes, which stay.
        type Case = (fn(&Path), &'static str, &'static str);
        let cases: &[Case] = &[
            (|at| write(at, "t", "mine\n"), "mine\n", " M t"),
            (
                |at| {
                    write(at, "t", "mine\n");
                    user_git(at, &["add", "t"]);
                },
                "mine\n",
                "M  t",
            ),
            (
                |at| {
                    write(at, "t", "mine\n");
                    user_git(at, &["add", "t"]);
                    write(at, "t", "old\n");
                },
                "old\n",
                "MM t",
            ),
            (
                |at| {
                    user_git(at, &["update-index", "--chmod=+x", "t"]);
                },
                "old\n",
                "MM t",
            ),
        ];
        for (act, text, status) in cases {
            let moved = Moved::new();
            act(&moved.linked);
            assert_eq!(moved.status(), *status);
            moved.move_branch();
            for _ in 0..2 {
                assert_eq!(moved.follow(), [moved.linked.join("t")]);
                assert_eq!(moved.status(), *status);
                assert_eq!(moved.text(), *text);
            }
        }
    }

    #[test]
    fn a_deleted_file_stays_deleted() {
        let moved = Moved::new();
        std::fs::remove_file(moved.linked.join("t")).unwrap();
        moved.move_branch();
        assert_eq!(moved.follow(), [moved.linked.join("t")]);
        assert_eq!(moved.status(), " D t");
    }

    #[test]
    fn what_half_was_done_is_finished() {
        let object =
            |moved: &Moved| user_git(&moved.linked, &["rev-parse", &format!("{}:t", moved.new)]);
        let halves: &[fn(&Moved, &str)] = &[
            |moved, object| {
                let entry = format!("100644,{object},t");
                user_git(&moved.linked, &["update-index", "--cacheinfo", &entry]);
            },
            |moved, _| write(&moved.linked, "t", "new\n"),
            |moved, _| write(&moved.linked, ".t.autoresearch-new", "ne"),
        ];
        for half in halves {
            let moved = Moved::new();
            moved.move_branch();
            half(&moved, &object(&moved));
            assert_eq!(moved.follow(), Vec::<PathBuf>::new());
            assert_eq!(moved.status(), "");
            assert_eq!(moved.text(), "new\n");
        }
    }

    #[test]
    fn a_locked_index_is_left_alone() {
        let moved = Moved::new();
        moved.move_branch();
        let lock = moved.place.top().join(".git/worktrees/linked/index.lock");
        std::fs::write(&lock, "").unwrap();
        assert_eq!(moved.follow(), [moved.linked.join("t")]);
        assert_eq!(moved.text(), "old\n");
        std::fs::remove_file(&lock).unwrap();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.status(), "");
    }

    #[test]
    fn a_detached_checkout_stays_where_it_is() {
        let moved = Moved::new();
        user_git(&moved.linked, &["switch", "--quiet", "--detach"]);
        moved.move_branch();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(
            (moved.status(), moved.text()),
            (String::new(), "old\n".into())
        );
    }

    #[test]
    fn the_repository_may_be_elsewhere() {
        let moved = Moved::new();
        let elsewhere = moved.place.outside("elsewhere");
        let at = elsewhere.to_str().unwrap();
        moved
            .place
            .git(&["init", "--quiet", "--separate-git-dir", at]);
        moved.place.git(&[
            "worktree",
            "remove",
            "--force",
            moved.linked.to_str().unwrap(),
        ]);
        moved.place.git(&["switch", "--quiet", "autoresearch/d/n"]);
        moved.move_branch();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.place.git(&["status", "--porcelain"]), "");
        assert_eq!(
            std::fs::read(moved.place.top().join("t")).unwrap(),
            b"new\n"
        );
    }

    #[test]
    fn a_file_outside_a_sparse_checkout_stays_outside() {
        let moved = Moved::new();
        user_git(
            &moved.linked,
            &["sparse-checkout", "set", "--no-cone", "other"],
        );
        moved.move_branch();
        assert_eq!(moved.follow(), Vec::<PathBuf>::new());
        assert_eq!(moved.status(), "");
        assert!(!moved.linked.join("t").exists());
    }

    #[test]
    fn another_message_changes_nothing_else() {
        let moved = Moved::new();
        let repository = moved.place.repository();
        let commit = repository
            .with_message(&moved.new, "try\n\nTrailer: 1\n")
            .unwrap();
        let show = |commit: &str, format: &str| {
            moved
                .place
                .git(&["log", "-1", &format!("--format={format}"), commit])
        };
        assert_eq!(show(&commit, "%B"), "try\n\nTrailer: 1");
        let rest = "%T %P %an %ae %ad %cn %ce %cd";
        assert_eq!(show(&commit, rest), show(&moved.new, rest));
        moved.place.git(&["fsck", "--strict", "--no-dangling"]);
    }
}

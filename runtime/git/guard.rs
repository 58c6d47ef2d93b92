//! A watch over git's configuration while foreign code runs beside it.
//!
//! What every call overrides can switch off is off: hooks, the file-system monitor, signatures.
//! The rest cannot be overridden by name, or is somebody's own: filters, files that are included,
//! extensions, what a partial clone fetches with. There it must stay as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::call::{git, succeed};
use super::scope::Stamp;
use super::{GitError, Repository};

/// The settings of one file that matter here: each key with its values, in their order.
type Settings = BTreeMap<String, Vec<Vec<u8>>>;

/// What git's configuration lets it run and read.
#[derive(Debug)]
pub struct ConfigGuard {
    common: PathBuf,
    configurations: BTreeMap<PathBuf, Watched<Settings>>,
    /// Files of attributes, with the lines that name filters.
    attributes: BTreeMap<PathBuf, Watched<BTreeSet<Vec<u8>>>>,
}

#[derive(Debug)]
struct Watched<T> {
    stamp: Option<Stamp>,
    /// What it said in the beginning.
    first: T,
}

/// When a setting matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matters {
    Always,
    /// Where git fetches what is missing: in a partial clone.
    Fetching,
}

/// Whether a key may not get another value. Section and variable are in lower case.
fn matters(key: &str) -> Option<Matters> {
    let (section, rest) = key.split_once('.')?;
    match (section, variable(rest)) {
        // The files that it makes git read are watched themselves.
        ("extensions", "worktreeconfig") => None,
        ("filter" | "include" | "includeif" | "hook" | "extensions", _)
        | ("core", "worktree" | "attributesfile" | "excludesfile")
        | ("remote", "promisor" | "partialclonefilter") => Some(Matters::Always),
        ("remote" | "url" | "credential" | "protocol" | "http" | "ssh", _)
        | ("core", "sshcommand" | "gitproxy" | "askpass") => Some(Matters::Fetching),
        _ => None,
    }
}

fn variable(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn fetches(settings: &Settings) -> bool {
    settings
        .keys()
        .any(|key| matches!(variable(key), "promisor" | "partialclone"))
}

impl ConfigGuard {
    /// Notes what git's configuration is now.
    pub fn new(repository: &Repository) -> Result<Self, GitError> {
        let mut guard = Self {
            common: repository.common.clone(),
            configurations: BTreeMap::new(),
            attributes: BTreeMap::new(),
        };
        let mut stamps: BTreeMap<PathBuf, Option<Stamp>> = guard
            .usual_files()
            .into_iter()
            .map(|file| (file.clone(), stamp(&file)))
            .collect();
        let listed = succeed(
            "config",
            repository
                .git()
                .args(["config", "--list", "-z", "--show-origin"]),
        )?;
        let mut effective: BTreeMap<PathBuf, Settings> = BTreeMap::new();
        let mut attributes = vec![
            repository.common.join("info/attributes"),
            configuration_home("git/attributes"),
        ];
        let mut fields = listed.stdout.split(|&b| b == 0);
        while let (Some(origin), Some(setting)) = (fields.next(), fields.next()) {
            let Some(file) = origin.strip_prefix(b"file:") else {
                continue;
            };
            let file = repository.top.join(OsStr::from_bytes(file));
            stamps.entry(file.clone()).or_insert_with(|| stamp(&file));
            let settings = effective.entry(file.clone()).or_default();
            if let Some((key, value)) = parse(setting) {
                if key == "core.attributesfile" {
                    attributes.push(expand(&file, &value));
                }
                settings.entry(key).or_default().push(value);
            }
        }
        for (file, stamp) in stamps {
            let first = match effective.remove(&file) {
                Some(settings) => settings,
                // A worktree's own, or one that git does not read now: it may be empty.
                None if stamp.is_some() => read(&file)?,
                None => Settings::new(),
            };
            guard.configurations.insert(file, Watched { stamp, first });
        }
        guard.watch_included()?;
        for file in attributes {
            let stamp = stamp(&file);
            let first = filter_lines(&file);
            guard.attributes.insert(file, Watched { stamp, first });
        }
        Ok(guard)
    }

    /// Fails where the configuration now makes git run or read something that it did not.
    ///
    /// Starts git only for a file that has changed.
    pub fn check(&mut self) -> Result<(), GitError> {
        let fetching = self
            .configurations
            .values()
            .any(|watched| fetches(&watched.first));
        for file in self.usual_files() {
            self.configurations.entry(file).or_insert(Watched {
                stamp: None,
                first: Settings::new(),
            });
        }
        for (file, watched) in &mut self.configurations {
            let now = stamp(file);
            if now == watched.stamp {
                continue;
            }
            let settings = match now {
                Some(_) => read(file)?,
                None => Settings::new(),
            };
            for (key, values) in &settings {
                let matters = match matters(key) {
                    Some(Matters::Always) => true,
                    Some(Matters::Fetching) => fetching,
                    None => false,
                };
                if matters && watched.first.get(key) != Some(values) {
                    return Err(GitError::Configured {
                        key: key.clone(),
                        file: file.clone(),
                    });
                }
            }
            watched.stamp = now;
        }
        for (file, watched) in &mut self.attributes {
            let now = stamp(file);
            if now != watched.stamp {
                if !filter_lines(file).is_subset(&watched.first) {
                    return Err(GitError::Configured {
                        key: "filter".to_owned(),
                        file: file.clone(),
                    });
                }
                watched.stamp = now;
            }
        }
        Ok(())
    }

    /// Where configuration is looked for, whether it is there or not.
    fn usual_files(&self) -> Vec<PathBuf> {
        let mut files = vec![
            self.common.join("config"),
            self.common.join("config.worktree"),
            configuration_home("git/config"),
        ];
        files.extend(home().map(|home| home.join(".gitconfig")));
        let worktrees = std::fs::read_dir(self.common.join("worktrees"));
        let worktrees = worktrees.into_iter().flatten().flatten();
        files.extend(worktrees.map(|worktree| worktree.path().join("config.worktree")));
        files
    }

    /// Watches what is included, also where the condition does not hold now.
    fn watch_included(&mut self) -> Result<(), GitError> {
        let included = |file: &Path, settings: &Settings| {
            settings
                .iter()
                .filter(|(key, _)| key.starts_with("include") && variable(key) == "path")
                .flat_map(|(_, paths)| paths.iter().map(|path| expand(file, path)))
                .collect::<Vec<_>>()
        };
        let mut pending: Vec<PathBuf> = self
            .configurations
            .iter()
            .flat_map(|(file, watched)| included(file, &watched.first))
            .collect();
        while let Some(file) = pending.pop() {
            if self.configurations.contains_key(&file) {
                continue;
            }
            let stamp = stamp(&file);
            let first = match stamp {
                Some(_) => read(&file)?,
                None => Settings::new(),
            };
            pending.extend(included(&file, &first));
            self.configurations.insert(file, Watched { stamp, first });
        }
        Ok(())
    }
}

/// The file that is read, where the path is a link.
fn stamp(path: &Path) -> Option<Stamp> {
    Some(Stamp::new(&path.metadata().ok()?))
}

/// The settings of one file alone that may matter.
fn read(file: &Path) -> Result<Settings, GitError> {
    let listed = succeed(
        "config",
        git(&[])
            .args(["config", "--list", "-z", "--no-includes", "--file"])
            .arg(file),
    )?;
    let mut settings = Settings::new();
    for (key, value) in listed.stdout.split(|&b| b == 0).filter_map(parse) {
        settings.entry(key).or_default().push(value);
    }
    Ok(settings)
}

fn parse(setting: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut parts = setting.splitn(2, |&b| b == b'\n');
    let key = String::from_utf8_lossy(parts.next()?).into_owned();
    let value = parts.next().unwrap_or(b"true").to_vec();
    matters(&key).map(|_| (key, value))
}

/// A path in a configuration file.
fn expand(file: &Path, path: &[u8]) -> PathBuf {
    match (path.strip_prefix(b"~/"), home()) {
        (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)),
        _ => file
            .parent()
            .unwrap_or(Path::new("/"))
            .join(OsStr::from_bytes(path)),
    }
}

fn filter_lines(file: &Path) -> BTreeSet<Vec<u8>> {
    let text = std::fs::read(file).unwrap_or_default();
    text.split(|&b| b == b'\n')
        .filter(|line| line.windows(6).any(|word| word == b"filter"))
        .map(<[u8]>::to_vec)
        .collect()
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// A file in the user's directory for configuration.
fn configuration_home(name: &str) -> PathBuf {
    std::env::var_os("XDG_CONFIG_HOME")
        .filter(|directory| !directory.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(home()?.join(".config")))
        .unwrap_or_default()
        .join(name)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, write};
    use super::*;

    /// The key that the guard names after something was done.
    fn refused(act: impl FnOnce(&Place)) -> Option<String> {
        let place = Place::new(&[("t", "")]);
        let included = place.outside("included");
        std::fs::write(&included, "[filter \"known\"]\n\tclean = cat\n").unwrap();
        place.git(&["config", "includeIf.onbranch:none.path", "../../included"]);
        place.git(&["config", "filter.lfs.clean", "git-lfs clean"]);
        place.worktree();
        let mut guard = ConfigGuard::new(&place.repository()).unwrap();
        guard.check().unwrap();
        act(&place);
        match guard.check() {
            Ok(()) => {
                guard.check().unwrap();
                None
            }
            Err(GitError::Configured { key, .. }) => {
                // It does not become used to it.
                assert!(guard.check().is_err());
                Some(key)
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_makes_git_run_or_read_something_is_refused() {
        for key in [
            "filter.evil.smudge",
            "filter.lfs.clean",
            "filter.lfs.process",
            "include.path",
            "includeif.gitdir:/.path",
            "core.worktree",
            "core.attributesfile",
            "core.excludesfile",
            "extensions.partialclone",
            "remote.origin.promisor",
            "hook.evil.command",
        ] {
            let found = refused(|place| {
                place.git(&["config", key, "touch"]);
            });
            assert_eq!(found.as_deref(), Some(key));
        }
        // In files that git reads besides.
        let found = refused(|place| {
            let planted = "[filter \"known\"]\n\tclean = touch\n";
            std::fs::write(place.outside("included"), planted).unwrap();
        });
        assert_eq!(found.as_deref(), Some("filter.known.clean"));
        let planted = "[filter \"f\"]\n\tclean = touch\n";
        for file in ["config.worktree", "worktrees/ours/config.worktree"] {
            let found = refused(|place| write(&place.top().join(".git"), file, planted));
            assert_eq!(found.as_deref(), Some("filter.f.clean"));
        }
        let found = refused(|place| write(&place.top(), ".git/info/attributes", "* filter=lfs\n"));
        assert_eq!(found.as_deref(), Some("filter"));
    }

    #[test]
    fn what_a_user_does_meanwhile_is_not() {
        let found = refused(|place| {
            place.git(&["remote", "add", "origin", "https://localhost/x"]);
            place.git(&["config", "branch.main.remote", "origin"]);
            place.git(&["config", "user.name", "Another"]);
            place.git(&["config", "credential.helper", "store"]);
            place.git(&["config", "core.hooksPath", "hooks"]);
            place.git(&["config", "--unset", "filter.lfs.clean"]);
            place.git(&["sparse-checkout", "set", "directory"]);
            write(&place.top(), ".git/info/attributes", "*.md diff=markdown\n");
        });
        assert_eq!(found, None);
    }

    #[test]
    fn a_partial_clone_keeps_what_it_fetches_with() {
        let place = Place::new(&[("t", "")]);
        place.git(&["config", "remote.origin.promisor", "true"]);
        let mut guard = ConfigGuard::new(&place.repository()).unwrap();
        place.git(&["config", "core.sshCommand", "touch"]);
        assert!(
            guard
                .check()
                .unwrap_err()
                .to_string()
                .contains("core.sshcommand")
        );
    }
}

//! A watch over git's configuration while foreign code runs beside it.
//!
//! What every call of ours overrides is off: hooks, the file-system monitor, signatures. The rest
//! cannot be overridden by name, or is somebody's own: filters, files that are included, extensions,
//! what a partial clone fetches with. There it must stay as it was.
//!
//! Git is asked what a file says only where the file has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::call::{failed, git, run_with_input};
use super::stamps::Stamp;
use super::{GitError, Repository};
use crate::text;

/// The settings of one file that matter here: each key with its values, in their order.
type Settings = BTreeMap<String, Vec<Vec<u8>>>;

/// Where git is commonly built to look for the machine's own configuration.
const SYSTEM: [&str; 3] = [
    "/etc/gitconfig",
    "/usr/local/etc/gitconfig",
    "/opt/homebrew/etc/gitconfig",
];

/// What git's configuration lets it run and read.
#[derive(Debug)]
pub struct ConfigGuard {
    common: PathBuf,
    /// Whether git may fetch what is missing here: in a partial clone.
    fetches: bool,
    configurations: BTreeMap<PathBuf, Watched>,
    /// Files of attributes.
    attributes: BTreeMap<PathBuf, Watched>,
}

#[derive(Debug)]
struct Watched {
    stamp: Option<Stamp>,
    /// What it said in the beginning.
    first: Vec<u8>,
}

impl Watched {
    fn new(file: &Path) -> Self {
        Self {
            stamp: stamp(file),
            first: read(file),
        }
    }
}

/// When a setting matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matters {
    Always,
    /// Where git fetches what is missing.
    Fetching,
}

/// Whether a key may not get another value. Section and variable are in lower case.
fn matters(key: &str) -> Option<Matters> {
    let (section, rest) = key.split_once('.')?;
    match (section, rest.rsplit('.').next().unwrap_or(rest)) {
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

impl ConfigGuard {
    /// Notes what git's configuration is now.
    pub fn new(repository: &Repository) -> Self {
        let mut guard = Self {
            common: repository.common.clone(),
            fetches: false,
            configurations: BTreeMap::new(),
            attributes: BTreeMap::new(),
        };
        let mut attributes = vec![
            repository.common.join("info/attributes"),
            configuration_home("git/attributes"),
        ];
        let mut pending = guard.usual_files();
        while let Some(file) = pending.pop() {
            if guard.configurations.contains_key(&file) {
                continue;
            }
            let watched = Watched::new(&file);
            let named = |sections: &[&str], variable: &str| {
                let values = values(&watched.first, sections, variable);
                let paths = values.iter().map(|path| expand(&file, path));
                paths.collect::<Vec<_>>()
            };
            // Also where the condition for including it does not hold now.
            pending.extend(named(&["include", "includeif"], "path"));
            attributes.extend(named(&["core"], "attributesfile"));
            guard.fetches |= [("remote", "promisor"), ("extensions", "partialclone")]
                .iter()
                .any(|(section, variable)| !named(&[section], variable).is_empty());
            guard.configurations.insert(file, watched);
        }
        for file in attributes {
            let watched = Watched::new(&file);
            guard.attributes.insert(file, watched);
        }
        guard
    }

    /// Fails where the configuration now makes git run or read something that it did not.
    pub fn check(&mut self) -> Result<(), GitError> {
        for file in self.usual_files() {
            self.configurations.entry(file).or_insert(Watched {
                stamp: None,
                first: Vec::new(),
            });
        }
        for (file, watched) in &mut self.configurations {
            let now = stamp(file);
            if now == watched.stamp {
                continue;
            }
            let before = settings(&watched.first)?;
            for (key, values) in &settings(&read(file))? {
                let matters = match matters(key) {
                    Some(Matters::Always) => true,
                    Some(Matters::Fetching) => self.fetches,
                    None => false,
                };
                if matters && before.get(key) != Some(values) {
                    return Err(configured(key, file));
                }
            }
            watched.stamp = now;
        }
        for (file, watched) in &mut self.attributes {
            let now = stamp(file);
            if now == watched.stamp {
                continue;
            }
            if !filter_lines(&read(file)).is_subset(&filter_lines(&watched.first)) {
                return Err(configured("filter", file));
            }
            watched.stamp = now;
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
        files.extend(SYSTEM.map(PathBuf::from));
        files.extend(home().map(|home| home.join(".gitconfig")));
        let worktrees = std::fs::read_dir(self.common.join("worktrees"));
        let worktrees = worktrees.into_iter().flatten().flatten();
        files.extend(worktrees.map(|worktree| worktree.path().join("config.worktree")));
        files
    }
}

fn configured(key: &str, file: &Path) -> GitError {
    GitError::Configured {
        key: text::clean_line(key, 100),
        file: file.to_owned(),
    }
}

/// The file that is read, where the path is a link.
fn stamp(path: &Path) -> Option<Stamp> {
    Some(Stamp::new(&path.metadata().ok()?))
}

/// What is in a file; nothing where there is none.
fn read(file: &Path) -> Vec<u8> {
    if file.is_file() {
        std::fs::read(file).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// The settings in the text of a file that may matter.
fn settings(text: &[u8]) -> Result<Settings, GitError> {
    let mut settings = Settings::new();
    if text.is_empty() {
        return Ok(settings);
    }
    let listed = run_with_input(
        git(&[]).args(["config", "--list", "-z", "--no-includes", "--file", "-"]),
        text,
    )?;
    if !listed.status.success() {
        return Err(failed("config", &listed));
    }
    for setting in listed.stdout.split(|&b| b == 0) {
        let mut parts = setting.splitn(2, |&b| b == b'\n');
        let key = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        if matters(&key).is_some() {
            let value = parts.next().unwrap_or(b"true").to_vec();
            settings.entry(key).or_default().push(value);
        }
    }
    Ok(settings)
}

/// What a variable is set to in the text of a file, in all of these sections.
fn values(text: &[u8], sections: &[&str], variable: &str) -> Vec<Vec<u8>> {
    let mut section = Vec::new();
    let mut found = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let mut line = line.trim_ascii();
        if let Some(header) = line.strip_prefix(b"[") {
            let name = header.split(|b| b" \t.]\"".contains(b)).next();
            section = name.unwrap_or_default().to_ascii_lowercase();
            let mut quoted = false;
            let end = header.iter().position(|&b| {
                quoted ^= b == b'"';
                b == b']' && !quoted
            });
            let rest = end.and_then(|end| header.get(end + 1..));
            line = rest.unwrap_or_default().trim_ascii();
        }
        let end = line
            .iter()
            .position(|b| !b.is_ascii_alphanumeric() && *b != b'-');
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(variable.as_bytes())
            && sections.iter().any(|name| name.as_bytes() == section)
        {
            let value = rest.trim_ascii().strip_prefix(b"=").unwrap_or_default();
            found.push(unquoted(value.trim_ascii()));
        }
    }
    found
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let mut quoted = false;
    let mut found = Vec::new();
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b';' if !quoted => break,
            b'\\' => found.extend(bytes.next()),
            _ => found.push(byte),
        }
    }
    found.trim_ascii_end().to_vec()
}

/// A file that a configuration file names.
fn expand(file: &Path, path: &[u8]) -> PathBuf {
    match (path.strip_prefix(b"~/"), home()) {
        (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)),
        _ => file
            .parent()
            .unwrap_or(Path::new("/"))
            .join(OsStr::from_bytes(path)),
    }
}

fn filter_lines(text: &[u8]) -> BTreeSet<&[u8]> {
    text.split(|&b| b == b'\n')
        .filter(|line| line.windows(6).any(|word| word == b"filter"))
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
        let mut guard = ConfigGuard::new(&place.repository());
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
    fn what_a_file_includes_is_found() {
        let text = br#"
[include] path = one
[user] path = not
[INCLUDEIF "gitdir:~/a]b/"]
	Path = " two#\\" ; and a remark
	path=three # four
	pathspec = not
[include]
	path
"#;
        let found = values(text, &["include", "includeif"], "path");
        let expected: [&[u8]; 4] = [b"one", b" two#\\", b"three", b""];
        assert_eq!(found, expected.map(<[u8]>::to_vec));
    }

    #[test]
    fn a_partial_clone_keeps_what_it_fetches_with() {
        let place = Place::new(&[("t", "")]);
        place.git(&["config", "remote.origin.promisor", "true"]);
        let mut guard = ConfigGuard::new(&place.repository());
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

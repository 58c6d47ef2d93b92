//! What evaluators by others were approved to have, and where those that were added come from:
//! `evaluators.lock`, beside the experiments.
//!
//! ```toml
//! version = 1
//!
//! [[evaluator]]
//! reference = "plugins/entropy.wasm"     # as experiments name it
//! name = "entropy"                       # what it says of itself
//! version = "0.1.0"
//! sha256 = "9cef2c..."
//! commands = ["build"]                   # roles that it may have run
//! model = false                          # whether it may ask the language model
//!
//! [[added]]
//! name = "bundle_weight"                 # as experiments name it
//! source = "oci://registry.example/bundle_weight:1"
//! manifest = "sha256:0f1e2d..."          # what that was when it was fetched
//! sha256 = "5a4b3c..."                   # of the component
//! key = "-----BEGIN PUBLIC KEY-----..."  # who must have signed it, if anybody
//! ```
//!
//! To be committed. It is read from the user's checkout, never from a candidate's worktree. What comes
//! with the program is not in it. Whoever names an evaluator and its commands to make an experiment
//! approves of it by that; an experiment that somebody else wrote, or another component under a name that
//! was approved, has to be approved. Who gets nothing but a directory to read needs no approval: what
//! contains it is WebAssembly. The bytes that are hashed are those that are compiled: they are read once.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::evaluator::is_name;
use crate::failure::{Exit, Failure};
use crate::files;

/// The file's name.
pub const FILE: &str = "evaluators.lock";
const VERSION: i64 = 1;
/// How much of a digest is shown.
const SHOWN: usize = 12;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: i64,
    #[serde(default)]
    evaluator: Vec<Approval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    added: Vec<Added>,
}

/// An evaluator that experiments name by itself: its component lies beside the experiments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    pub name: String,
    /// A path, or a place in a registry.
    pub source: String,
    /// The digest of the manifest in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    pub sha256: String,
    /// The public key (PEM) that its manifest must be signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Where the components of those are, below the experiments.
const COMPONENTS: &str = "evaluators";

/// Where the component of one that was added is.
pub fn component(experiments: &Path, name: &str) -> PathBuf {
    experiments.join(COMPONENTS).join(format!("{name}.wasm"))
}

/// One evaluator, and what it may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub reference: String,
    pub name: String,
    pub version: String,
    pub sha256: String,
    #[serde(default)]
    pub commands: BTreeSet<String>,
    #[serde(default)]
    pub model: bool,
}

impl Approval {
    /// Whether it gets nothing but a directory to read.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && !self.model
    }

    /// `entropy 0.1.0 (plugins/entropy.wasm, sha256 9cef2cefd57f)`.
    pub fn title(&self) -> String {
        format!(
            "{} {} ({}, sha256 {})",
            self.name,
            self.version,
            self.reference,
            short(&self.sha256)
        )
    }

    /// What it may have, in words.
    pub fn grants(&self) -> String {
        let mut grants = vec!["to read the candidate's directory".to_owned()];
        grants.extend(
            self.commands
                .iter()
                .map(|role| format!("to run your command for `{role}`")),
        );
        if self.model {
            grants.push("to ask your language model".to_owned());
        }
        grants.join(", ")
    }

    fn covers(&self, wanted: &Self) -> bool {
        self.commands.is_superset(&wanted.commands) && (self.model || !wanted.model)
    }

    /// What is another in `now`.
    pub fn changes(&self, now: &Self) -> String {
        let mut changes = Vec::new();
        if self.name != now.name {
            changes.push(format!("it calls itself {}, not {}", now.name, self.name));
        }
        if self.version != now.version {
            changes.push(format!("version {} -> {}", self.version, now.version));
        }
        if self.sha256 != now.sha256 {
            let (before, after) = (short(&self.sha256), short(&now.sha256));
            changes.push(format!("sha256 {before} -> {after}"));
        }
        for role in now.commands.difference(&self.commands) {
            changes.push(format!("it gets your command for `{role}` too"));
        }
        if now.model && !self.model {
            changes.push("it asks your language model too".to_owned());
        }
        changes.join("; ")
    }
}

/// As much of a digest as is shown.
pub fn short(digest: &str) -> &str {
    digest.get(..SHOWN).unwrap_or(digest)
}

/// How an evaluator stands to what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    Approved,
    /// Nothing was approved under this reference.
    New,
    /// Something else, or less, was.
    Changed(&'a Approval),
}

/// What was approved in a project.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    contents: Contents,
}

impl Lock {
    /// Reads it from the directory that holds the experiments; there need be none.
    ///
    /// # Errors
    /// Where it cannot be read or is not of its form.
    pub fn read(experiments: &Path) -> Result<Self, Failure> {
        let path = experiments.join(FILE);
        let contents = match std::fs::read(&path) {
            Ok(bytes) => parse(&bytes).map_err(|what| {
                Failure::input(format!("`{}` cannot be used: {what}", path.display())).hint(
                    "mend it, take it from git, or remove it and approve its evaluators again",
                )
            })?,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Contents {
                    version: VERSION,
                    ..Contents::default()
                }
            }
            Err(error) => {
                return Err(Failure::input(format!(
                    "`{}` cannot be read: {error}",
                    path.display()
                ))
                .hint("it says which evaluators were approved"));
            }
        };
        Ok(Self { path, contents })
    }

    /// The evaluators that were added, by name.
    pub fn all_added(&self) -> &[Added] {
        &self.contents.added
    }

    /// The one of a name.
    pub fn added(&self, name: &str) -> Option<&Added> {
        self.contents.added.iter().find(|added| added.name == name)
    }

    /// Writes down where an evaluator comes from, in place of what was written of its name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&mut self, added: Added) -> Result<(), Failure> {
        self.refresh()?;
        self.contents
            .added
            .retain(|before| before.name != added.name);
        self.contents.added.push(added);
        self.contents
            .added
            .sort_by(|one, other| one.name.cmp(&other.name));
        self.write()
    }

    /// Forgets an evaluator that was added, and what it was approved to have.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<(), Failure> {
        self.refresh()?;
        self.contents.added.retain(|before| before.name != name);
        self.contents
            .evaluator
            .retain(|approval| approval.reference != name);
        self.write()
    }

    pub fn standing(&self, wanted: &Approval) -> Standing<'_> {
        match self.approved(&wanted.reference) {
            None => Standing::New,
            Some(before) if before.sha256 == wanted.sha256 && before.covers(wanted) => {
                Standing::Approved
            }
            Some(before) => Standing::Changed(before),
        }
    }

    /// What was approved under a reference.
    pub fn approved(&self, reference: &str) -> Option<&Approval> {
        let mut approvals = self.contents.evaluator.iter();
        approvals.find(|approval| approval.reference == reference)
    }

    /// Writes down that an evaluator is approved. What the same component was approved to have before, it
    /// keeps.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn approve(&mut self, wanted: &Approval) -> Result<(), Failure> {
        self.refresh()?;
        let mut approval = wanted.clone();
        self.contents.evaluator.retain(|before| {
            if before.reference != wanted.reference {
                return true;
            }
            if before.sha256 == wanted.sha256 {
                approval.commands.extend(before.commands.iter().cloned());
                approval.model |= before.model;
            }
            false
        });
        self.contents.evaluator.push(approval);
        self.contents
            .evaluator
            .sort_by(|one, other| one.reference.cmp(&other.reference));
        self.write()
    }

    /// Another process may have written another one meanwhile.
    fn refresh(&mut self) -> Result<(), Failure> {
        if let Some(experiments) = self.path.parent() {
            self.contents = Self::read(experiments)?.contents;
        }
        Ok(())
    }

    fn write(&self) -> Result<(), Failure> {
        let text = toml::to_string(&self.contents).map_err(|error| self.unwritable(&error))?;
        files::replace(&self.path, text.as_bytes()).map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(
            Exit::Failure,
            format!("cannot write `{}`: {error}", self.path.display()),
        )
        .hint("nothing was run: make it possible and try again")
    }
}

fn parse(bytes: &[u8]) -> Result<Contents, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
        return Err("it has the marks of a merge conflict".to_owned());
    }
    let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    match table.get("version") {
        Some(toml::Value::Integer(VERSION)) => {}
        Some(other) => {
            return Err(format!(
                "it is of version {other}, and this program reads version {VERSION}"
            ));
        }
        None => return Err("it does not say its version".to_owned()),
    }
    let contents: Contents = table
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let mut seen = BTreeSet::new();
    let digests = contents.evaluator.iter().map(|approval| &approval.sha256);
    for digest in digests.chain(contents.added.iter().map(|added| &added.sha256)) {
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{digest}` is no sha256"));
        }
    }
    // A name is part of a path.
    if let Some(added) = contents.added.iter().find(|added| !is_name(&added.name)) {
        return Err(format!("`{}` is no name for an evaluator", added.name));
    }
    let mut names = BTreeSet::new();
    for added in &contents.added {
        if !names.insert(&added.name) {
            return Err(format!("it adds `{}` twice", added.name));
        }
    }
    for approval in &contents.evaluator {
        if !seen.insert(&approval.reference) {
            return Err(format!("it names `{}` twice", approval.reference));
        }
    }
    Ok(contents)
}

/// Why an evaluator is not used as it stands.
pub fn refusal(wanted: &Approval, standing: Standing<'_>) -> Failure {
    let (what, hint) = match standing {
        Standing::Changed(before) => (
            format!(
                "the evaluator `{}` is not the one that was approved: {}",
                wanted.reference,
                before.changes(wanted)
            ),
            "look at it with `autoresearch evaluator inspect`; `--accept` approves of it",
        ),
        Standing::New | Standing::Approved => (
            format!(
                "the evaluator {} is not approved yet: it would get {}",
                wanted.title(),
                wanted.grants()
            ),
            "look at it with `autoresearch evaluator inspect`; `--accept` approves of it",
        ),
    };
    Failure::new(Exit::Evaluator, what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(sha256: char, commands: &[&str], model: bool) -> Approval {
        Approval {
            reference: "plugins/e.wasm".into(),
            name: "e".into(),
            version: "0.1.0".into(),
            sha256: sha256.to_string().repeat(64),
            commands: commands.iter().map(ToString::to_string).collect(),
            model,
        }
    }

    #[test]
    fn what_is_approved_is_approved_again_with_less_and_not_with_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut lock = Lock::read(directory.path()).unwrap();
        let wanted = approval('a', &["build"], false);
        assert_eq!(lock.standing(&wanted), Standing::New);
        lock.approve(&wanted).unwrap();
        let mut lock = Lock::read(directory.path()).unwrap();
        assert_eq!(lock.standing(&wanted), Standing::Approved);
        assert_eq!(
            lock.standing(&approval('a', &[], false)),
            Standing::Approved
        );
        for more in [
            approval('a', &["build", "test"], false),
            approval('a', &["build"], true),
            approval('b', &["build"], false),
            approval('b', &[], false),
        ] {
            assert!(
                matches!(lock.standing(&more), Standing::Changed(_)),
                "{more:?}"
            );
        }
        lock.approve(&approval('a', &["test"], true)).unwrap();
        assert_eq!(
            lock.standing(&approval('a', &["build", "test"], true)),
            Standing::Approved
        );
        // Another component starts anew.
        lock.approve(&approval('b', &[], false)).unwrap();
        assert!(matches!(
            lock.standing(&approval('b', &["build"], false)),
            Standing::Changed(_)
        ));
    }

    #[test]
    fn what_changed_is_told() {
        let before = approval('a', &["build"], false);
        let mut now = approval('b', &["build", "test"], true);
        now.version = "0.2.0".into();
        assert_eq!(
            before.changes(&now),
            "version 0.1.0 -> 0.2.0; sha256 aaaaaaaaaaaa -> bbbbbbbbbbbb; it gets your command for `test` too; it asks your language model too"
        );
    }

    #[test]
    fn a_file_that_is_not_of_its_form_is_told() {
        let entry =
            "[[evaluator]]\nreference = \"e\"\nname = \"e\"\nversion = \"1\"\nsha256 = \"SHA\"\n";
        let sha = "a".repeat(64);
        let twice = format!("version = 1\n{entry}{entry}").replace("SHA", &sha);
        for (text, words) in [
            ("", "version"),
            ("version = 2", "version 2"),
            ("version = 1\nmore = 1", "more"),
            ("version", "expected"),
            ("<<<<<<< HEAD\nversion = 1\n", "merge conflict"),
            (&format!("version = 1\n{entry}"), "no sha256"),
            (&twice, "twice"),
            (
                &format!("version = 1\n{entry}x = 1\n").replace("SHA", &sha),
                "`x`",
            ),
            (
                "version = 1\n[[added]]\nname = \"a\"\nsource = \"s\"\nsha256 = \"0\"",
                "no sha256",
            ),
            (
                &format!(
                    "version = 1\n[[added]]\nname = \"../a\"\nsource = \"s\"\nsha256 = \"{sha}\""
                ),
                "no name",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(parse(b"\xff").unwrap_err().contains("UTF-8"));
    }
}

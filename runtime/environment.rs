//! The environment of evaluators' commands: a short list of what tools need to be found, and
//! nothing that could be a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// Passed on where they are set.
pub const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
];

/// What an experiment adds to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// More variables to pass on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
    /// Variables with fixed values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

impl Environment {
    /// The whole environment of a command.
    ///
    /// `more` names others that are passed on.
    pub fn variables(&self, more: &[String]) -> Vec<(OsString, OsString)> {
        let mut variables: BTreeMap<OsString, OsString> = PASSED
            .iter()
            .copied()
            .chain(self.pass.iter().chain(more).map(String::as_str))
            .filter(|name| is_variable(name))
            .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
            .collect();
        variables.extend(
            self.set
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        variables.into_iter().collect()
    }

    /// Reads `NAME` (pass it on) or `NAME=VALUE` (set it).
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if !is_variable(name) || value.is_some_and(|value| value.contains('\0')) {
            return Err(format!("`{text}` is no environment variable"));
        }
        match value {
            Some(value) => {
                self.set.insert(name.to_owned(), value.to_owned());
            }
            None => self.pass.push(name.to_owned()),
        }
        Ok(())
    }

    /// The first name that cannot be a variable's.
    pub fn invalid_name(&self) -> Option<&str> {
        self.pass
            .iter()
            .chain(self.set.keys())
            .map(String::as_str)
            .find(|name| !is_variable(name))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_is_passed() {
        let mut environment = Environment::default();
        environment.add("ADDED=a=b").unwrap();
        let variables = environment.variables(&[]);
        assert!(variables.contains(&("ADDED".into(), "a=b".into())));
        assert!(
            variables
                .iter()
                .all(|(name, _)| name == "ADDED" || PASSED.iter().any(|passed| name == passed))
        );
        assert!(environment.add("=x").is_err());
        assert!(environment.add("").is_err());
    }
}

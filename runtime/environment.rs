//! The environment of evaluators' commands: a short list of what tools need to be found, and
//! nothing that could be a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

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
    "CONDA_PREFIX",
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

/// What keeps tools from asking for the network, which a sandbox does not give them: they work with what
/// is installed, or say at once what is missing.
const OFFLINE: &[(&str, &str)] = &[
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("GOTOOLCHAIN", "local"),
    ("PIP_NO_INDEX", "1"),
    ("UV_NO_SYNC", "1"),
    ("UV_OFFLINE", "1"),
    ("UV_PYTHON_DOWNLOADS", "never"),
    ("YARN_ENABLE_NETWORK", "0"),
    ("YARN_ENABLE_TELEMETRY", "0"),
    ("npm_config_offline", "true"),
    ("npm_config_update_notifier", "false"),
];
/// Where tools that cannot do without one keep a cache, each in a directory of its own.
const CACHES: &[(&str, &str)] = &[
    ("CCACHE_DIR", "ccache"),
    ("GOCACHE", "go-build"),
    ("PIP_CACHE_DIR", "pip"),
    ("UV_CACHE_DIR", "uv"),
];

/// What is set for a command besides, unless its environment has it: for one without network, that it has
/// none; and where caches may be written, if there is such a directory.
pub fn for_sandbox(
    environment: &[(OsString, OsString)],
    network: bool,
    caches: Option<&Path>,
) -> Vec<(OsString, OsString)> {
    let offline = OFFLINE.iter().filter(|_| !network);
    let offline = offline.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let caches = caches.into_iter().flat_map(|directory| {
        let paths = CACHES.iter();
        paths.map(|(name, below)| (OsString::from(name), directory.join(below).into()))
    });
    offline
        .chain(caches)
        .filter(|(name, _)| environment.iter().all(|(known, _)| known != name))
        .collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_sets_is_not_set_for_a_sandbox() {
        let own = [(OsString::from("GOCACHE"), OsString::from("/mine"))];
        let names = |network, caches| -> Vec<String> {
            let set = for_sandbox(&own, network, caches);
            let names = set.into_iter().map(|(name, _)| name.into_string().unwrap());
            names.collect()
        };
        assert!(names(false, None).contains(&"UV_OFFLINE".to_owned()));
        assert_eq!(
            names(true, Some(Path::new("/cache"))),
            ["CCACHE_DIR", "PIP_CACHE_DIR", "UV_CACHE_DIR"]
        );
    }

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

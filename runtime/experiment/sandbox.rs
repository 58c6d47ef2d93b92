//! `sandbox`: how much of one commands are to have, and what widens it.
//!
//! ```toml
//! sandbox = "required"              # or "best", the default, or "off"
//! ```
//!
//! or, with more to say:
//!
//! ```toml
//! [sandbox]
//! mode = "required"
//! read = ["~/datasets"]             # hidden otherwise: what begins with a dot in the home, `/tmp`
//! write = ["~/.cache/go-build"]
//! network = true                    # for evaluators' commands and `setup` too
//! env = ["DATABASE_URL"]
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sandbox::{Demand, Widening};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxSettings {
    pub mode: Demand,
    pub widening: Widening,
}

/// The table's keys.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Table {
    mode: Demand,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    write: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    network: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
}

impl Serialize for SandboxSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { mode, widening } = self;
        if *widening == Widening::default() {
            return mode.serialize(serializer);
        }
        let Widening {
            read,
            write,
            network,
            env,
        } = widening.clone();
        Table {
            mode: *mode,
            read,
            write,
            network,
            env,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SandboxSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let wrong = |error: toml::de::Error| serde::de::Error::custom(error.message());
        if value.is_str() {
            return Ok(Self {
                mode: value.try_into().map_err(wrong)?,
                widening: Widening::default(),
            });
        }
        let table: Table = value.try_into().map_err(wrong)?;
        Ok(Self {
            mode: table.mode,
            widening: Widening {
                read: table.read,
                write: table.write,
                network: table.network,
                env: table.env,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        sandbox: SandboxSettings,
    }

    fn read(text: &str) -> Result<SandboxSettings, String> {
        toml::from_str::<File>(text)
            .map(|file| file.sandbox)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_one_word_or_a_table() {
        assert_eq!(read("sandbox = \"off\"").unwrap().mode, Demand::Off);
        let whole = read("[sandbox]\nmode = \"required\"\nread = [\"a\"]\nwrite = [\"b\"]\nnetwork = true\nenv = [\"C\"]").unwrap();
        assert_eq!(whole.mode, Demand::Required);
        assert!(whole.widening.network);
        for settings in [
            whole,
            read("[sandbox]").unwrap(),
            read("sandbox = \"off\"").unwrap(),
        ] {
            let text = toml::to_string(&File {
                sandbox: settings.clone(),
            })
            .unwrap();
            assert_eq!(read(&text).unwrap(), settings, "{text}");
        }
    }

    #[test]
    fn anything_else_is_told() {
        for (text, words) in [
            ("sandbox = \"none\"", "none"),
            ("sandbox = 1", "integer"),
            ("[sandbox]\nmod = \"off\"", "mod"),
            ("[sandbox]\nnetwork = \"yes\"", "string"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}

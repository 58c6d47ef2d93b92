//! What an evaluator says of itself, and the owner's settings checked against it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Metric;
use crate::process::CommandLine;

/// The longest name of a metric, parameter, role or evaluator, in bytes.
const NAME_LIMIT: usize = 64;

/// What an evaluator says of itself, checked: names have their form and are unique.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Descriptor {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// The first is the primary one.
    pub metrics: Vec<Metric>,
    /// It may report metrics that it does not name here.
    pub open_metrics: bool,
    pub parameters: Vec<Parameter>,
    pub commands: Vec<Role>,
    pub uses_model: bool,
}

/// One setting that the owner can give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ValueType,
    pub required: bool,
    pub default: Option<Value>,
    /// For text: the values allowed; empty means any.
    pub choices: Vec<String>,
    pub description: String,
}

/// A command that the evaluator asks the owner to bind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Role {
    pub name: String,
    pub required: bool,
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    Text,
    Integer,
    Number,
    Boolean,
    Texts,
}

impl std::fmt::Display for ValueType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ValueType::Text => "text",
            ValueType::Integer => "integer",
            ValueType::Number => "number",
            ValueType::Boolean => "boolean",
            ValueType::Texts => "list of texts",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Texts(Vec<String>),
}

impl Value {
    pub fn kind(&self) -> ValueType {
        match self {
            Value::Text(_) => ValueType::Text,
            Value::Integer(_) => ValueType::Integer,
            Value::Number(_) => ValueType::Number,
            Value::Boolean(_) => ValueType::Boolean,
            Value::Texts(_) => ValueType::Texts,
        }
    }

    /// Reads a value of a type from what follows `--set name=`; texts are separated by commas.
    pub fn parse(text: &str, kind: ValueType) -> Option<Value> {
        Some(match kind {
            ValueType::Text => Value::Text(text.to_owned()),
            ValueType::Integer => Value::Integer(text.parse().ok()?),
            ValueType::Number => Value::Number(
                text.parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())?,
            ),
            ValueType::Boolean => Value::Boolean(text.parse().ok()?),
            ValueType::Texts => Value::Texts(text.split(',').map(str::to_owned).collect()),
        })
    }

    /// Reads a value of a type from TOML. A whole number stands for a number too.
    pub fn from_toml(value: &toml::Value, kind: ValueType) -> Option<Value> {
        Some(match (kind, value) {
            (ValueType::Text, toml::Value::String(text)) => Value::Text(text.clone()),
            (ValueType::Integer, toml::Value::Integer(integer)) => Value::Integer(*integer),
            (ValueType::Number, toml::Value::Float(number)) if number.is_finite() => {
                Value::Number(*number)
            }
            #[expect(clippy::cast_precision_loss, reason = "a number is an f64")]
            (ValueType::Number, toml::Value::Integer(integer)) => Value::Number(*integer as f64),
            (ValueType::Boolean, toml::Value::Boolean(boolean)) => Value::Boolean(*boolean),
            (ValueType::Texts, toml::Value::Array(array)) => Value::Texts(
                array
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }

    /// For an experiment's file.
    pub fn to_toml(&self) -> toml::Value {
        match self {
            Value::Text(text) => text.clone().into(),
            Value::Integer(integer) => (*integer).into(),
            Value::Number(number) => (*number).into(),
            Value::Boolean(boolean) => (*boolean).into(),
            Value::Texts(texts) => texts.clone().into(),
        }
    }
}

/// As it would be written after `--set name=`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Integer(integer) => write!(f, "{integer}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Boolean(boolean) => write!(f, "{boolean}"),
            Value::Texts(texts) => f.write_str(&texts.join(",")),
        }
    }
}

/// Where a parameter's value comes from, before its type is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// From the command line.
    Text(String),
    /// From an experiment's file.
    Toml(toml::Value),
}

/// The owner's settings for one evaluator, complete and of the right types.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Every declared parameter that has a value, defaults included.
    pub parameters: BTreeMap<String, Value>,
    /// The commands bound to roles.
    pub commands: BTreeMap<String, CommandLine>,
}

/// Why settings do not fit an evaluator.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    #[error("the evaluator `{evaluator}` has no parameter `{name}`")]
    UnknownParameter {
        evaluator: String,
        name: String,
        known: Vec<String>,
    },
    #[error("the parameter `{name}` is of type {expected}, which `{given}` is not")]
    WrongType {
        name: String,
        expected: ValueType,
        given: String,
    },
    #[error("the parameter `{name}` cannot be `{given}`")]
    NotAChoice {
        name: String,
        given: String,
        choices: Vec<String>,
    },
    #[error("the evaluator `{evaluator}` needs the parameter `{name}`")]
    MissingParameter { evaluator: String, name: String },
    #[error("the evaluator `{evaluator}` has no role `{name}`")]
    UnknownRole {
        evaluator: String,
        name: String,
        known: Vec<String>,
    },
    #[error("the evaluator `{evaluator}` needs a command for its role `{name}`")]
    UnboundRole { evaluator: String, name: String },
}

impl SettingsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            SettingsError::UnknownParameter { known, .. } if known.is_empty() => {
                "it has no parameters".to_owned()
            }
            SettingsError::UnknownParameter { known, .. } => {
                format!("its parameters are: {}", known.join(", "))
            }
            SettingsError::WrongType { name, expected, .. } => match expected {
                ValueType::Boolean => format!("give `{name}=true` or `{name}=false`"),
                ValueType::Texts => format!("give `{name}=one,two,three`"),
                _ => format!("give one {expected}, as in `--set {name}=VALUE`"),
            },
            SettingsError::NotAChoice { choices, .. } => {
                format!("the choices are: {}", choices.join(", "))
            }
            SettingsError::MissingParameter { name, .. } => {
                format!("give it with `--set {name}=VALUE`")
            }
            SettingsError::UnknownRole { known, .. } if known.is_empty() => {
                "it runs no commands".to_owned()
            }
            SettingsError::UnknownRole { known, .. } => {
                format!("its roles are: {}", known.join(", "))
            }
            SettingsError::UnboundRole { name, .. } => {
                format!("bind it with `--command {name}='YOUR COMMAND'`")
            }
        }
    }

    /// What to do about it where the settings are a guard's, which only the experiment's file has.
    pub fn hint_for_guard(&self) -> String {
        match self {
            SettingsError::WrongType { name, expected, .. } => {
                format!("write one {expected}: `parameters.{name} = ...` under its `[[guard]]`")
            }
            SettingsError::MissingParameter { name, .. } => {
                format!("write `parameters.{name} = ...` under its `[[guard]]`")
            }
            SettingsError::UnboundRole { name, .. } => {
                format!("write `commands.{name} = \"YOUR COMMAND\"` under its `[[guard]]`")
            }
            _ => self.hint(),
        }
    }
}

impl Descriptor {
    /// The metric of a name, if it is declared.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// Checks the owner's settings and fills in the defaults.
    pub fn settings(
        &self,
        given: &BTreeMap<String, Given>,
        commands: &BTreeMap<String, CommandLine>,
    ) -> Result<Settings, SettingsError> {
        self.known(given, commands)?;
        if let Some(role) = self
            .commands
            .iter()
            .find(|role| role.required && !commands.contains_key(&role.name))
        {
            return Err(SettingsError::UnboundRole {
                evaluator: self.name.clone(),
                name: role.name.clone(),
            });
        }
        Ok(Settings {
            parameters: self.values(given)?,
            commands: commands.clone(),
        })
    }

    /// Checks that there are such parameters and roles.
    pub fn known(
        &self,
        given: &BTreeMap<String, Given>,
        commands: &BTreeMap<String, CommandLine>,
    ) -> Result<(), SettingsError> {
        let evaluator = || self.name.clone();
        if let Some(name) = given
            .keys()
            .find(|name| self.parameters.iter().all(|p| p.name != **name))
        {
            return Err(SettingsError::UnknownParameter {
                evaluator: evaluator(),
                name: name.clone(),
                known: self.parameters.iter().map(|p| p.name.clone()).collect(),
            });
        }
        if let Some(name) = commands
            .keys()
            .find(|name| self.commands.iter().all(|role| role.name != **name))
        {
            return Err(SettingsError::UnknownRole {
                evaluator: evaluator(),
                name: name.clone(),
                known: self.commands.iter().map(|role| role.name.clone()).collect(),
            });
        }
        Ok(())
    }

    /// The values of its parameters, with the defaults of those that are not given.
    pub fn values(
        &self,
        given: &BTreeMap<String, Given>,
    ) -> Result<BTreeMap<String, Value>, SettingsError> {
        let mut parameters = BTreeMap::new();
        for parameter in &self.parameters {
            let value = match given.get(&parameter.name) {
                Some(given) => Some(parameter.read(given)?),
                None => parameter.default.clone(),
            };
            match value {
                Some(value) => {
                    parameters.insert(parameter.name.clone(), value);
                }
                None if parameter.required => {
                    return Err(SettingsError::MissingParameter {
                        evaluator: self.name.clone(),
                        name: parameter.name.clone(),
                    });
                }
                None => {}
            }
        }
        Ok(parameters)
    }

    /// Checks what the contract asks of a descriptor; the error says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!("its name `{}` has not the form of one", self.name));
        }
        unique_names("metric", self.metrics.iter().map(|metric| &metric.name))?;
        unique_names("parameter", self.parameters.iter().map(|p| &p.name))?;
        unique_names("role", self.commands.iter().map(|role| &role.name))?;
        if self.metrics.is_empty() && !self.open_metrics {
            return Err("it has no metrics".to_owned());
        }
        for parameter in &self.parameters {
            let name = &parameter.name;
            if !parameter.choices.is_empty() && parameter.kind != ValueType::Text {
                return Err(format!(
                    "the parameter `{name}` has choices but is not text"
                ));
            }
            if let Some(default) = &parameter.default {
                if default.kind() != parameter.kind {
                    return Err(format!(
                        "the default of the parameter `{name}` is not a {}",
                        parameter.kind
                    ));
                }
                if matches!(default, Value::Number(number) if !number.is_finite()) {
                    return Err(format!(
                        "the default of the parameter `{name}` is no finite number"
                    ));
                }
                parameter
                    .check_choice(default)
                    .map_err(|error| format!("its default is none of its choices: {error}"))?;
            }
        }
        Ok(())
    }
}

impl Parameter {
    fn read(&self, given: &Given) -> Result<Value, SettingsError> {
        let read = match given {
            Given::Text(text) => Value::parse(text, self.kind),
            Given::Toml(value) => Value::from_toml(value, self.kind),
        };
        let value = read.ok_or_else(|| SettingsError::WrongType {
            name: self.name.clone(),
            expected: self.kind,
            given: match given {
                Given::Text(text) => text.clone(),
                Given::Toml(value) => value.to_string(),
            },
        })?;
        self.check_choice(&value)?;
        Ok(value)
    }

    fn check_choice(&self, value: &Value) -> Result<(), SettingsError> {
        match value {
            Value::Text(text) if !self.choices.is_empty() && !self.choices.contains(text) => {
                Err(SettingsError::NotAChoice {
                    name: self.name.clone(),
                    given: text.clone(),
                    choices: self.choices.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text has the form of a name: `[a-z][a-z0-9_]*`, at most 64 bytes.
pub fn is_name(text: &str) -> bool {
    text.len() <= NAME_LIMIT
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn unique_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !is_name(name) {
            return Err(format!("the {what} name `{name}` has not the form of one"));
        }
        if !seen.insert(name) {
            return Err(format!("it names the {what} `{name}` twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Direction;

    fn descriptor() -> Descriptor {
        let parameter = |name: &str, kind, required, default| Parameter {
            name: name.into(),
            kind,
            required,
            default,
            choices: vec![],
            description: String::new(),
        };
        Descriptor {
            name: "e".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            metrics: vec![Metric {
                name: "m".into(),
                unit: String::new(),
                direction: Direction::Lower,
                deterministic: true,
                description: String::new(),
            }],
            open_metrics: false,
            parameters: vec![
                parameter("runs", ValueType::Integer, false, Some(Value::Integer(5))),
                parameter("ratio", ValueType::Number, true, None),
                parameter("files", ValueType::Texts, false, None),
                Parameter {
                    choices: vec!["x".into(), "y".into()],
                    ..parameter("platform", ValueType::Text, false, None)
                },
            ],
            commands: vec![Role {
                name: "build".into(),
                required: true,
                description: String::new(),
            }],
            uses_model: false,
        }
    }

    fn settings(pairs: &[(&str, &str)], roles: &[&str]) -> Result<Settings, SettingsError> {
        let given = pairs
            .iter()
            .map(|(name, text)| ((*name).into(), Given::Text((*text).into())))
            .collect();
        let commands = roles
            .iter()
            .map(|role| ((*role).into(), CommandLine::from_text("true").unwrap()))
            .collect();
        descriptor().settings(&given, &commands)
    }

    #[test]
    fn defaults_are_filled_in_and_types_read() {
        let settings = settings(&[("ratio", "2"), ("files", "a,b")], &["build"]).unwrap();
        assert_eq!(settings.parameters["runs"], Value::Integer(5));
        assert_eq!(settings.parameters["ratio"], Value::Number(2.0));
        assert_eq!(
            settings.parameters["files"],
            Value::Texts(vec!["a".into(), "b".into()])
        );
        assert!(!settings.parameters.contains_key("platform"));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        use SettingsError as E;
        let ratio = ("ratio", "1");
        assert!(matches!(
            settings(&[], &["build"]),
            Err(E::MissingParameter { .. })
        ));
        assert!(matches!(
            settings(&[ratio], &[]),
            Err(E::UnboundRole { .. })
        ));
        assert!(matches!(
            settings(&[ratio], &["build", "x"]),
            Err(E::UnknownRole { .. })
        ));
        assert!(matches!(
            settings(&[ratio, ("x", "1")], &["build"]),
            Err(E::UnknownParameter { .. })
        ));
        assert!(matches!(
            settings(&[ratio, ("platform", "z")], &["build"]),
            Err(E::NotAChoice { .. })
        ));
        for bad in ["", "1.5", "many", "9223372036854775808"] {
            assert!(
                matches!(
                    settings(&[ratio, ("runs", bad)], &["build"]),
                    Err(E::WrongType { .. })
                ),
                "{bad}"
            );
        }
        for bad in ["NaN", "inf", "x"] {
            assert!(
                matches!(
                    settings(&[("ratio", bad)], &["build"]),
                    Err(E::WrongType { .. })
                ),
                "{bad}"
            );
        }
    }

    #[test]
    fn toml_values_keep_their_types() {
        use toml::Value as T;
        assert_eq!(
            Value::from_toml(&T::Integer(2), ValueType::Number),
            Some(Value::Number(2.0))
        );
        assert_eq!(Value::from_toml(&T::Float(2.0), ValueType::Integer), None);
        assert_eq!(
            Value::from_toml(&T::String("2".into()), ValueType::Integer),
            None
        );
        assert_eq!(
            Value::from_toml(&T::Float(f64::NAN), ValueType::Number),
            None
        );
    }

    #[test]
    fn descriptors_that_break_the_contract_are_refused() {
        assert_eq!(descriptor().check(), Ok(()));
        let broken = |change: fn(&mut Descriptor)| {
            let mut descriptor = descriptor();
            change(&mut descriptor);
            descriptor.check().unwrap_err()
        };
        broken(|d| d.name = "Bad Name".into());
        broken(|d| d.metrics.clear());
        broken(|d| d.metrics.push(d.metrics[0].clone()));
        broken(|d| d.metrics[0].name = "x".repeat(65));
        broken(|d| d.parameters[0].default = Some(Value::Boolean(true)));
        broken(|d| d.parameters[0].choices = vec!["1".into()]);
        broken(|d| d.parameters[3].default = Some(Value::Text("z".into())));
        broken(|d| d.commands[0].name = "1".into());
    }
}

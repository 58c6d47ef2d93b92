//! An experiment's definition: `experiment.toml`, its defaults, and what is checked about it.
//!
//! `config` reads the original tool's.
//!
//! ```toml
//! version = 1
//! target = ["src/search.py"]        # relative to the project
//! budget = "5m"                     # per evaluation; the hard limit is 2.5 times as long
//!
//! [objective]
//! evaluator = "benchmark_speed"     # built-in, or a path relative to the project
//! metric = "p50_ms"                 # default: the evaluator's first
//! direction = "lower"               # default: the metric's own
//! deterministic = false             # only for metrics that the evaluator does not declare
//! min_improvement = "1%"            # or a number, in the metric's unit
//! parameters = { runs = 5 }
//! commands.benchmark = "python bench.py"     # a list runs without a shell
//!
//! [decision]                        # for metrics with noise
//! alpha = 0.01                      # the chance that a change which does nothing is kept
//! # false_keep_rate = 0.05          # or: the share of all keeps that may be false
//! max_rounds = 24                   # more of them find smaller gains
//! max_time = "150m"                 # for all rounds of one verdict; default: thirty budgets
//! confirm_rounds = 3                # fresh ones, whose estimate is the one that is told
//! prefer_simpler = false            # keep what is as good and has fewer lines
//!
//! [[guard]]                         # what must hold besides; any number of them
//! evaluator = "test_pass_rate"
//! require = ["pass_rate >= 1", "total >= incumbent"]     # see `requirement`
//! deterministic = false             # only for metrics that the evaluator does not declare
//! parameters = { report = "out/*.xml" }
//! commands.test = ["pytest", "-q"]
//!
//! [agent]                           # who proposes changes with `run --loop`
//! name = "claude"                   # or: command = "my-agent --prompt-on-stdin"
//! model = "sonnet"
//! arguments = ["--verbose"]         # more of them
//! timeout = "30m"                   # for one proposal
//! max_cost_usd = 5                  # in one run
//! fix_attempts = 1                  # how often a crash goes back to the agent
//!
//! [model]                           # who answers an evaluator that asks a language model
//! name = "claude"                   # or: command = "my-model --prompt-on-stdin"
//! model = "haiku"
//! arguments = []
//! timeout = "5m"                    # for one answer
//! max_calls = 200                   # in one evaluation
//! max_kib = 16384                   # of prompts and answers, in one evaluation
//! max_cost_usd = 2                  # in one evaluation
//!
//! [workspace]
//! share = [".venv"]                 # ignored paths that the worktrees need
//! setup = "uv sync --offline"       # once per worktree
//!
//! [environment]
//! pass = ["DATABASE_URL"]
//! set = { PYTHONHASHSEED = "0" }
//!
//! [sandbox]                         # of commands; or in one word: sandbox = "required"
//! mode = "best"                     # or "required" or "off"
//! read = ["~/datasets"]             # hidden otherwise
//! write = ["~/.cache/go-build"]
//! network = false                   # for evaluators' commands and `setup` too
//! env = ["DATABASE_URL"]
//!
//! [limits]
//! memory_mib = 256
//! cpus = [2, 3]                     # those that commands may run on; default: all
//! ```

mod config;
mod decision;
mod sandbox;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::agent;
use crate::decision::MinImprovement;
use crate::environment::Environment;
use crate::evaluator::Given;
use crate::host::Limits;
use crate::measure::Direction;
use crate::process::CommandLine;
use crate::requirement::Requirement;

pub use config::ConfigError;
pub use decision::DecisionSettings;
pub use sandbox::SandboxSettings;

/// The version of the file's format.
pub const VERSION: i64 = 1;
/// An evaluation is ended after its budget times this.
const HARD_LIMIT: f64 = 2.5;
/// The budget where none is given.
pub const DEFAULT_BUDGET: Duration = Duration::from_mins(5);
/// The longest budget: a week.
const MAX_BUDGET: Duration = Duration::from_hours(7 * 24);

/// How long an agent may take for one proposal where nothing is said.
const DEFAULT_AGENT_TIMEOUT: Duration = Duration::from_mins(30);
/// How long a model may take for one answer where nothing is said.
const DEFAULT_MODEL_TIMEOUT: Duration = Duration::from_mins(5);
/// The most often that a crash goes back to the agent.
const MAX_FIX_ATTEMPTS: u32 = 5;

/// `domain/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    domain: String,
    name: String,
}

impl Id {
    pub fn new(domain: &str, name: &str) -> Result<Self, String> {
        for part in [domain, name] {
            let fits = !part.is_empty()
                && part.len() <= 64
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if !fits {
                return Err(format!(
                    "`{part}` cannot be part of an experiment's name: letters, digits, `-` and `_` can, 64 at most, a letter or digit first"
                ));
            }
        }
        Ok(Self {
            domain: domain.to_owned(),
            name: name.to_owned(),
        })
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The branch that holds the kept candidates.
    pub fn branch(&self) -> String {
        format!("refs/heads/autoresearch/{self}")
    }

    /// What the refs of all candidates start with.
    pub fn candidates(&self) -> String {
        format!("refs/autoresearch/{self}/")
    }

    /// The ref that keeps candidate `n` reachable.
    pub fn candidate(&self, n: u64) -> String {
        format!("{}{n}", self.candidates())
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.domain, self.name)
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (domain, name) = text
            .split_once('/')
            .ok_or_else(|| format!("`{text}` is not of the form domain/name"))?;
        Self::new(domain, name)
    }
}

/// An experiment's definition, as its file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub version: i64,
    /// For an experiment in the user's own directory: the project that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Relative to the project, at least one.
    pub target: Vec<String>,
    #[serde(default = "default_budget", with = "duration")]
    pub budget: Duration,
    pub objective: Objective,
    #[serde(default, skip_serializing_if = "is_default")]
    pub decision: DecisionSettings,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guard: Vec<GuardSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSettings>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub workspace: Workspace,
    #[serde(default, skip_serializing_if = "is_default")]
    pub environment: Environment,
    #[serde(default, skip_serializing_if = "is_default")]
    pub sandbox: SandboxSettings,
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
}

/// The evaluator and metric to improve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    pub evaluator: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_improvement: Option<MinImprovement>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, toml::Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandLine>,
}

/// An evaluator, and what must hold of its metrics for a candidate to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    pub evaluator: String,
    /// At least one.
    pub require: Vec<Requirement>,
    /// For metrics that the evaluator does not declare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic: Option<bool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, toml::Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandLine>,
}

/// How an evaluator is called, as settings say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    pub evaluator: &'a str,
    /// Before their types are known.
    pub parameters: BTreeMap<String, Given>,
    pub commands: &'a BTreeMap<String, CommandLine>,
    /// A guard calls it: the command line does not set any of this.
    pub for_guard: bool,
}

impl<'a> Call<'a> {
    fn new(
        evaluator: &'a str,
        parameters: &BTreeMap<String, toml::Value>,
        commands: &'a BTreeMap<String, CommandLine>,
    ) -> Self {
        Self {
            evaluator,
            parameters: parameters
                .iter()
                .map(|(name, value)| (name.clone(), Given::Toml(value.clone())))
                .collect(),
            commands,
            for_guard: false,
        }
    }
}

impl GuardSettings {
    /// How its evaluator is called.
    pub fn call(&self) -> Call<'_> {
        Call {
            for_guard: true,
            ..Call::new(&self.evaluator, &self.parameters, &self.commands)
        }
    }
}

impl Objective {
    /// How its evaluator is called.
    pub fn call(&self) -> Call<'_> {
        Call::new(&self.evaluator, &self.parameters, &self.commands)
    }
}

/// Who proposes changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// One that this program knows; else there is a `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Reads the prompt on standard input and edits the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// More arguments for an agent that is known by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// For one proposal.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// In one run, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// How often a candidate that crashes goes back to the agent.
    pub fix_attempts: u32,
}

/// Who is to be called, as settings say it.
#[derive(Debug, Clone, Copy)]
pub struct Callee<'a> {
    pub name: Option<&'a str>,
    /// Where there is no name.
    pub command: Option<&'a CommandLine>,
    pub model: Option<&'a str>,
    pub arguments: &'a [String],
}

/// Who answers an evaluator that asks a language model, and how much it may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// An agent that this program knows; else there is a `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Reads the prompt on standard input and prints the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// More arguments for an agent that is known by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// For one answer.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// In one evaluation.
    pub max_calls: u32,
    /// Of prompts and answers in one evaluation, in KiB.
    pub max_kib: u32,
    /// In one evaluation, in US dollars, as far as it is known.
    pub max_cost_usd: f64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            name: None,
            command: None,
            model: None,
            arguments: Vec::new(),
            timeout: DEFAULT_MODEL_TIMEOUT,
            max_calls: 200,
            max_kib: 16 << 10,
            max_cost_usd: 2.0,
        }
    }
}

impl ModelSettings {
    /// An agent that is known by name, with the defaults.
    pub fn named(name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// Who is called.
    pub fn callee(&self) -> Callee<'_> {
        Callee {
            name: self.name.as_deref(),
            command: self.command.as_ref(),
            model: self.model.as_deref(),
            arguments: &self.arguments,
        }
    }

    /// Checks what the file's form does not.
    pub fn check(&self) -> Result<(), String> {
        check_callee("a model", &self.callee())?;
        if let Some(name) = &self.name
            && !agent::answering().any(|known| known == name)
        {
            return Err(format!(
                "`{name}` cannot be kept from using tools, so it cannot judge; there are: {}",
                agent::answering().collect::<Vec<_>>().join(", ")
            ));
        }
        if self.timeout.is_zero() || self.timeout > MAX_BUDGET {
            return Err("the model's `timeout` is from `1ms` to `7d`".to_owned());
        }
        check_cost(Some(self.max_cost_usd))
    }
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            name: None,
            command: None,
            model: None,
            arguments: Vec::new(),
            timeout: DEFAULT_AGENT_TIMEOUT,
            max_cost_usd: None,
            fix_attempts: 1,
        }
    }
}

impl AgentSettings {
    /// Who is called.
    pub fn callee(&self) -> Callee<'_> {
        Callee {
            name: self.name.as_deref(),
            command: self.command.as_ref(),
            model: self.model.as_deref(),
            arguments: &self.arguments,
        }
    }

    /// Checks what the file's form does not.
    pub fn check(&self) -> Result<(), String> {
        check_callee("an agent", &self.callee())?;
        if self.timeout.is_zero() || self.timeout > MAX_BUDGET {
            return Err("the agent's `timeout` is from `1ms` to `7d`".to_owned());
        }
        check_cost(self.max_cost_usd)?;
        if self.fix_attempts > MAX_FIX_ATTEMPTS {
            return Err(format!("`fix_attempts` is at most {MAX_FIX_ATTEMPTS}"));
        }
        Ok(())
    }
}

/// Checks that it is said who is to be called, in one way.
fn check_callee(who: &str, callee: &Callee<'_>) -> Result<(), String> {
    match (callee.name, callee.command) {
        (Some(name), None) if agent::adapter(name).is_none() => Err(format!(
            "there is no agent `{name}`; there are: {}",
            agent::names().collect::<Vec<_>>().join(", ")
        )),
        (None, Some(_)) if callee.model.is_some() || !callee.arguments.is_empty() => Err(format!(
            "{who}'s `command` holds its model and arguments itself"
        )),
        (Some(_), None) | (None, Some(_)) => Ok(()),
        _ => Err(format!("{who} has either a `name` or a `command`")),
    }
}

/// Checks a bound on what agents may cost, in US dollars.
pub fn check_cost(most: Option<f64>) -> Result<(), String> {
    match most {
        Some(most) if !most.is_finite() || most <= 0.0 => {
            Err("the most that agents may cost is more than 0 US dollars".to_owned())
        }
        _ => Ok(()),
    }
}

/// What the worktrees need besides what git tracks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workspace {
    /// Paths relative to the project, in its repository, that are linked into the worktrees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub share: Vec<String>,
    /// Run once in each new worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<CommandLine>,
}

/// Why an experiment's file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExperimentError {
    /// Not of the form that it should have; the text shows the place.
    #[error("it has a mistake")]
    Syntax(String),
    #[error("it is of version {0}, and this program reads version {VERSION}")]
    Version(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Unreadable(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Experiment {
    /// Reads an experiment's file.
    pub fn parse(text: &str) -> Result<Self, ExperimentError> {
        let syntax = |error: toml::de::Error| ExperimentError::Syntax(error.to_string());
        let table: toml::Table = toml::from_str(text).map_err(syntax)?;
        match table.get("version") {
            Some(toml::Value::Integer(VERSION)) => {}
            Some(other) => return Err(ExperimentError::Version(other.to_string())),
            None => {
                return Err(ExperimentError::Invalid(format!(
                    "it does not say its version: `version = {VERSION}`"
                )));
            }
        }
        let experiment: Experiment = toml::from_str(text).map_err(syntax)?;
        experiment.check().map_err(ExperimentError::Invalid)?;
        Ok(experiment)
    }

    /// Reads the original tool's file, for the project that it is about.
    pub fn from_config(bytes: &[u8], project: &Path) -> Result<Self, ExperimentError> {
        Ok(config::parse(bytes, project)?)
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The environment of evaluators' commands and `setup`.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        self.environment.variables(&self.sandbox.widening.env)
    }

    /// The wall time after which an evaluation is ended.
    pub fn time_limit(&self) -> Duration {
        self.budget.mul_f64(HARD_LIMIT)
    }

    fn check(&self) -> Result<(), String> {
        if self.target.is_empty() {
            return Err("`target` names no file".to_owned());
        }
        if let Some(path) = named_twice(&self.target) {
            return Err(format!("`target` names `{path}` twice"));
        }
        for path in &self.target {
            check_relative(path)?;
        }
        for path in &self.workspace.share {
            // What is above the project, in a larger repository, is needed too.
            check_relative(path.trim_start_matches("../"))?;
        }
        check_budget(self.budget)?;
        self.decision.check()?;
        for guard in &self.guard {
            if guard.require.is_empty() {
                return Err(format!(
                    "the guard `{}` requires nothing: `require` is a list such as [\"pass_rate >= 1\"]",
                    guard.evaluator
                ));
            }
        }
        if let Some(agent) = &self.agent {
            agent.check()?;
        }
        if let Some(model) = &self.model {
            model.check()?;
        }
        if let Some(name) = self.environment.invalid_name() {
            return Err(format!("`{name}` is no environment variable"));
        }
        if let Some(path) = self.sandbox.widening.invalid() {
            return Err(format!(
                "`{path}` in `[sandbox]` is no path that can be given"
            ));
        }
        Ok(())
    }
}

/// The first of paths that means the same as one before it, however the two are written.
fn named_twice(paths: &[String]) -> Option<&str> {
    let mut seen = HashSet::new();
    let mut paths = paths.iter().map(String::as_str);
    paths.find(|path| {
        let components = Path::new(path).components();
        let plain: PathBuf = components.filter(|c| *c != Component::CurDir).collect();
        !seen.insert(plain)
    })
}

/// Checks that a path stays inside the project: relative, plain components, not in `.git`.
pub fn check_relative(path: &str) -> Result<(), String> {
    let mut components = Path::new(path).components().peekable();
    if components.peek().is_none() {
        return Err("an empty path is no target".to_owned());
    }
    for component in components {
        match component {
            Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return Err(format!("`{path}` is git's own"));
            }
            Component::Normal(name) if name == ".autoresearch" => {
                return Err(format!("`{path}` holds the experiment itself"));
            }
            Component::Normal(_) => {}
            _ => return Err(format!("`{path}` is not a path inside the project")),
        }
    }
    Ok(())
}

/// Checks that a budget is longer than nothing and at most a week.
pub fn check_budget(budget: Duration) -> Result<(), String> {
    if budget.is_zero() || budget > MAX_BUDGET {
        return Err("the budget is from `1ms` to `7d`".to_owned());
    }
    Ok(())
}

fn default_budget() -> Duration {
    DEFAULT_BUDGET
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A duration that may be left away.
mod optional_duration {
    use super::{Deserializer, Duration, Serializer, duration};

    #[expect(clippy::ref_option, reason = "serde passes it like this")]
    pub(super) fn serialize<S: Serializer>(
        given: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match given {
            Some(given) => duration::serialize(given, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        duration::deserialize(deserializer).map(Some)
    }
}

/// Durations as people write them: `5m`, `1h 30m`, `500ms`.
mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|_| {
            serde::de::Error::custom(format!("`{text}` is no duration such as `5m` or `90s`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        version = 1
        target = ["src/a.py", "b.md"]
        budget = "90s"
        [objective]
        evaluator = "benchmark_speed"
        metric = "p50_ms"
        direction = "lower"
        min_improvement = "2%"
        parameters = { runs = 7 }
        commands.benchmark = ["python", "bench.py"]
        [[guard]]
        evaluator = "test_pass_rate"
        require = ["pass_rate >= 1", "total >= incumbent"]
        parameters = { report = "out.xml" }
        commands.test = ["pytest", "-q"]
        [[guard]]
        evaluator = "command"
        require = ["warnings <= incumbent + 5%"]
        deterministic = true
        commands.command = "make lint | tail -1"
        [agent]
        command = "propose it"
        timeout = "1h"
        max_cost_usd = 2.5
        fix_attempts = 2
        [workspace]
        share = [".venv"]
        setup = "make deps && true"
        [environment]
        pass = ["X"]
        set = { Y = "1" }
        [limits]
        memory_mib = 512
        cpus = [2, 3]
    "#;

    #[test]
    fn a_whole_file_survives_being_written() {
        let experiment = Experiment::parse(WHOLE).unwrap();
        assert_eq!(experiment.time_limit(), Duration::from_secs(225));
        let again = Experiment::parse(&experiment.to_text().unwrap()).unwrap();
        assert_eq!(again, experiment);
    }

    #[test]
    fn the_shortest_file_has_defaults() {
        let experiment =
            Experiment::parse("version = 1\ntarget = ['a']\n[objective]\nevaluator = 'e'").unwrap();
        assert_eq!(experiment.budget, DEFAULT_BUDGET);
        assert_eq!(experiment.limits, Limits::default());
    }

    #[test]
    fn unknown_keys_are_shown_where_they_stand() {
        for (from, to) in [
            ("budget =", "colour = 1\nbudget ="),
            ("metric =", "colour = 1\nmetric ="),
            ("require =", "colour = 1\nrequire ="),
            ("memory_mib", "colour"),
            ("share", "colour"),
            ("fix_attempts", "colour"),
        ] {
            match Experiment::parse(&WHOLE.replacen(from, to, 1)) {
                Err(ExperimentError::Syntax(text)) => {
                    assert!(text.contains("colour") && text.contains('^'), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_bad_requirement_is_shown_where_it_stands() {
        let text = WHOLE.replacen("total >= incumbent", "total => incumbent", 1);
        match Experiment::parse(&text) {
            Err(ExperimentError::Syntax(text)) => {
                for part in [
                    "total => incumbent\"]",
                    "^^^",
                    "`=>` is no comparison; write `>=`",
                ] {
                    assert!(text.contains(part), "{part:?} is not in {text}");
                }
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn other_versions_are_told_before_anything_else() {
        let text = "version = 2\nunheard_of = true";
        assert_eq!(
            Experiment::parse(text),
            Err(ExperimentError::Version("2".into()))
        );
        assert!(matches!(
            Experiment::parse("target = []"),
            Err(ExperimentError::Invalid(_))
        ));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (from, to) in [
            ("[\"src/a.py\", \"b.md\"]", "[]"),
            ("src/a.py", "../a.py"),
            ("src/a.py", "/etc/passwd"),
            ("src/a.py", ".git/config"),
            ("src/a.py", "x/.GIT/hooks/y"),
            ("src/a.py", ".autoresearch/a/b/experiment.toml"),
            ("src/a.py", ""),
            ("src/a.py", "b.md"),
            ("src/a.py", "./b.md"),
            ("b.md", "src/./a.py"),
            ("b.md", "src//a.py"),
            (".venv", "src/../../x"),
            ("90s", "0s"),
            ("90s", "8d"),
            ("[\"pass_rate >= 1\", \"total >= incumbent\"]", "[]"),
            ("\"X\"", "\"A=B\""),
            (
                "command = \"propose",
                "name = \"nobody\"\ncommand = \"propose",
            ),
            ("command = \"propose it\"", "name = \"nobody\""),
            ("command = \"propose it\"", ""),
            (
                "command = \"propose it\"",
                "command = \"propose it\"\nmodel = \"m\"",
            ),
            ("\"1h\"", "\"0s\""),
            ("2.5", "-1"),
            ("2.5", "nan"),
            ("fix_attempts = 2", "fix_attempts = 99"),
        ] {
            let result = Experiment::parse(&WHOLE.replacen(from, to, 1));
            assert!(
                matches!(result, Err(ExperimentError::Invalid(_))),
                "{to}: {result:?}"
            );
        }
        for (from, to) in [
            ("\"90s\"", "90"),
            ("90s", "soon"),
            ("\"2%\"", "\"a bit\""),
            ("\"lower\"", "\"down\""),
            ("[2, 3]", "3"),
            ("[2, 3]", "[-1]"),
            ("pass_rate >= 1", "pass_rate => 1"),
            ("require = [\"pass_rate >= 1\", \"total >= incumbent\"]", ""),
            ("[[guard]]", "[guard]"),
        ] {
            let result = Experiment::parse(&WHOLE.replacen(from, to, 1));
            assert!(
                matches!(result, Err(ExperimentError::Syntax(_))),
                "{to}: {result:?}"
            );
        }
    }

    #[test]
    fn names_are_fit_for_refs_and_paths() {
        assert_eq!(
            "a-1/b_2".parse::<Id>().unwrap().branch(),
            "refs/heads/autoresearch/a-1/b_2"
        );
        for bad in [
            "a", "a/", "/b", "a/b/c", "../b", "a/.b", "a/-b", "a/b c", "a/b.lock", "ä/b",
        ] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }
}

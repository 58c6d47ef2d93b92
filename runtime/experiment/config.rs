//! `config.cfg`: an experiment as the original Python tool defines it.
//!
//! ```text
//! target: src/search.py
//! evaluate_cmd: python evaluate.py
//! metric: p50_ms
//! metric_direction: lower
//! metric_grep: ^p50_ms:
//! time_budget_minutes: 5
//! created: 2026-03-13 08:22
//! ```
//!
//! One `key: value` a line, in any order; of several lines with one key the last counts. Blank lines
//! and lines that start with `#` say nothing. `target`, relative to the project or an absolute path in
//! it, and `evaluate_cmd` are needed. `metric_grep` tells the metric's name where it is there, or else
//! `metric` does; what a pattern has besides the name (`^`, backslashes, the colon) is dropped.
//! `time_budget_minutes` may have a fraction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    DEFAULT_BUDGET, DecisionSettings, Environment, Experiment, Limits, Objective, SandboxSettings,
    VERSION, Workspace, check_budget, check_relative,
};
use crate::evaluator::is_name;
use crate::measure::Direction;
use crate::process::{CommandLine, CommandLineError};

const KEYS: &[&str] = &[
    "target",
    "evaluate_cmd",
    "metric",
    "metric_direction",
    "metric_grep",
    "time_budget_minutes",
    "created",
];
/// The built-in evaluator that reads what a command prints, and its role.
const EVALUATOR: &str = "command";
const ROLE: &str = "command";
/// The metric where none is named.
const DEFAULT_METRIC: &str = "metric";

/// Why a `config.cfg` cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("line {line} is not UTF-8")]
    NotUtf8 { line: usize },
    #[error("line {line} is not of the form `key: value`")]
    NoKey { line: usize },
    #[error("line {line} has the unknown key `{key}`")]
    UnknownKey { line: usize, key: String },
    #[error("it has no `{0}`")]
    Missing(&'static str),
    #[error("the target in line {line}, `{target}`, is not inside the project")]
    Outside { line: usize, target: String },
    #[error("the target in line {line} cannot be one: {what}")]
    Target { line: usize, what: String },
    #[error("`evaluate_cmd` in line {line} cannot be run: {cause}")]
    Command {
        line: usize,
        cause: CommandLineError,
    },
    #[error("`metric_direction` in line {line} is `{given}`, which is neither lower nor higher")]
    Direction { line: usize, given: String },
    #[error("the metric in line {line}, `{name}`, has a name that no metric can have")]
    Metric { line: usize, name: String },
    #[error("`time_budget_minutes` in line {line} is `{given}`, which is no budget")]
    Budget { line: usize, given: String },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotUtf8 { .. } => "save the file as UTF-8".to_owned(),
            Self::NoKey { .. } => {
                "complete the line, or start it with `#` to make it a remark".to_owned()
            }
            Self::UnknownKey { .. } => {
                format!("remove the line; the keys are: {}", KEYS.join(", "))
            }
            Self::Missing(key) => format!("add a line `{key}: ...`"),
            Self::Outside { .. } | Self::Target { .. } => {
                "name a file of the project, relative to it".to_owned()
            }
            Self::Command { .. } => "mend the command".to_owned(),
            Self::Direction { .. } => {
                "write `metric_direction: lower` or `metric_direction: higher`".to_owned()
            }
            Self::Metric { .. } => {
                "let the command print it under a name of lower-case letters, digits and `_`, a letter first, and write that name here".to_owned()
            }
            Self::Budget { .. } => {
                "write a number of minutes, such as `5` or `0.5`, of a week at most".to_owned()
            }
        }
    }
}

/// A value and its line, from 1.
type Placed<'a> = (usize, &'a str);

/// Reads the file's text for the project that it is about, whose path is canonical.
pub(super) fn parse(bytes: &[u8], project: &Path) -> Result<Experiment, ConfigError> {
    // As some editors begin a file.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        ConfigError::NotUtf8 {
            line: 1 + before.filter(|&&byte| byte == b'\n').count(),
        }
    })?;
    let values = values(text)?;
    let needed = |key| values.get(key).copied().ok_or(ConfigError::Missing(key));
    Ok(Experiment {
        guard: Vec::new(),
        agent: None,
        model: None,
        version: VERSION,
        project: None,
        target: vec![target(needed("target")?, project)?],
        budget: budget(values.get("time_budget_minutes"))?,
        objective: Objective {
            evaluator: EVALUATOR.to_owned(),
            metric: Some(metric(&values)?),
            direction: Some(direction(values.get("metric_direction"))?),
            deterministic: None,
            min_improvement: None,
            parameters: BTreeMap::new(),
            commands: BTreeMap::from([(ROLE.to_owned(), command(needed("evaluate_cmd")?)?)]),
        },
        decision: DecisionSettings::default(),
        workspace: Workspace::default(),
        environment: Environment::default(),
        sandbox: SandboxSettings::default(),
        limits: Limits::default(),
    })
}

/// The keys that have a value.
fn values(text: &str) -> Result<BTreeMap<&str, Placed<'_>>, ConfigError> {
    let mut values = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = text.split_once(':').ok_or(ConfigError::NoKey { line })?;
        let (key, value) = (key.trim(), value.trim());
        if !KEYS.contains(&key) {
            return Err(ConfigError::UnknownKey {
                line,
                key: key.to_owned(),
            });
        }
        values.insert(key, (line, value));
    }
    values.retain(|_, (_, value)| !value.is_empty());
    Ok(values)
}

fn target((line, given): Placed<'_>, project: &Path) -> Result<String, ConfigError> {
    let path = relative(given, project)
        .and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(|| ConfigError::Outside {
            line,
            target: given.to_owned(),
        })?;
    check_relative(&path).map_err(|what| ConfigError::Target { line, what })?;
    Ok(path)
}

/// A path relative to the project, also where the way to it leads through links.
fn relative(target: &str, project: &Path) -> Option<PathBuf> {
    let path = project.join(target);
    let name = path.file_name()?;
    let parent = path.parent()?;
    let path = match parent.canonicalize() {
        Ok(parent) => parent.join(name),
        Err(_) => path,
    };
    path.strip_prefix(project).ok().map(Path::to_owned)
}

/// A shell runs it, and what it prints as an error is read too, as the original did.
fn command((line, given): Placed<'_>) -> Result<CommandLine, ConfigError> {
    CommandLine::from_text(&format!("exec 2>&1; {given}"))
        .map_err(|cause| ConfigError::Command { line, cause })
}

fn metric(values: &BTreeMap<&str, Placed<'_>>) -> Result<String, ConfigError> {
    let given = ["metric_grep", "metric"]
        .iter()
        .find_map(|key| values.get(key));
    let Some((line, given)) = given else {
        return Ok(DEFAULT_METRIC.to_owned());
    };
    let plain = given.replace('\\', "");
    let name = plain.trim_start_matches('^').trim_end_matches(':').trim();
    if !is_name(name) {
        return Err(ConfigError::Metric {
            line: *line,
            name: name.to_owned(),
        });
    }
    Ok(name.to_owned())
}

fn direction(given: Option<&Placed<'_>>) -> Result<Direction, ConfigError> {
    match given {
        None | Some((_, "lower")) => Ok(Direction::Lower),
        Some((_, "higher")) => Ok(Direction::Higher),
        Some((line, given)) => Err(ConfigError::Direction {
            line: *line,
            given: (*given).to_owned(),
        }),
    }
}

fn budget(given: Option<&Placed<'_>>) -> Result<Duration, ConfigError> {
    let Some((line, given)) = given else {
        return Ok(DEFAULT_BUDGET);
    };
    given
        .parse::<f64>()
        .ok()
        .and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
        .filter(|budget| check_budget(*budget).is_ok())
        .ok_or_else(|| ConfigError::Budget {
            line: *line,
            given: (*given).to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "target: src/a.py\nevaluate_cmd: python evaluate.py\nmetric: p50_ms\n\
        metric_direction: higher\nmetric_grep: ^p50_ms:\ntime_budget_minutes: 2\ncreated: today\n";

    fn read(text: &str) -> Result<Experiment, ConfigError> {
        parse(text.as_bytes(), Path::new("/nowhere/project"))
    }

    fn replaced(from: &str, to: &str) -> Result<Experiment, ConfigError> {
        assert!(WHOLE.contains(from), "{from}");
        read(&WHOLE.replacen(from, to, 1))
    }

    #[test]
    fn a_whole_file_is_an_experiment_of_the_command_evaluator() {
        let expected = Experiment::parse(
            r#"
            version = 1
            target = ["src/a.py"]
            budget = "2m"
            [objective]
            evaluator = "command"
            metric = "p50_ms"
            direction = "higher"
            commands.command = "exec 2>&1; python evaluate.py"
        "#,
        )
        .unwrap();
        let expected = Ok(expected);
        let experiment = read(WHOLE).unwrap();
        assert!(experiment.objective.commands[ROLE].uses_shell());
        assert_eq!(Ok(experiment), expected);
        assert_eq!(read(&WHOLE.replace('\n', "\r\n")), expected);
        assert_eq!(
            read(&WHOLE.replace('\n', "\n\n# budget: none\n \t\n")),
            expected
        );
        assert_eq!(
            read(&format!("metric_grep:x\ntarget : y\n{WHOLE}")),
            expected
        );
    }

    #[test]
    fn the_shortest_file_has_the_originals_defaults() {
        let experiment = read("target: t\nevaluate_cmd: a: b\nmetric:").unwrap();
        assert_eq!(experiment.budget, DEFAULT_BUDGET);
        assert_eq!(experiment.objective.metric.as_deref(), Some("metric"));
        assert_eq!(experiment.objective.direction, Some(Direction::Lower));
        assert!(
            experiment.objective.commands[ROLE]
                .to_string()
                .ends_with(" a: b")
        );
    }

    #[test]
    fn a_pattern_is_reduced_to_the_name() {
        for (pattern, name) in [
            ("^p50_ms:", "p50_ms"),
            ("^val\\_bpb\\:", "val_bpb"),
            ("score", "score"),
            ("^score :", "score"),
            ("", "p50_ms"),
        ] {
            let experiment = replaced("^p50_ms:", pattern).unwrap();
            assert_eq!(
                experiment.objective.metric.as_deref(),
                Some(name),
                "{pattern}"
            );
        }
    }

    #[test]
    fn budgets_may_have_fractions() {
        for (given, milliseconds) in [("0.5", 30_000), ("1e-3", 60), ("10080", 604_800_000)] {
            let experiment = replaced("minutes: 2", &format!("minutes: {given}")).unwrap();
            assert_eq!(experiment.budget, Duration::from_millis(milliseconds));
        }
    }

    #[test]
    fn absolute_targets_become_relative() {
        let directory = tempfile::tempdir().unwrap();
        let project = directory.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(project.join("src")).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&project, &link).unwrap();
        for given in [
            project.join("src/a.py"),
            link.join("src/a.py"),
            project.join("src/../src/a.py"),
            PathBuf::from("./src/a.py"),
        ] {
            let text = WHOLE.replacen("src/a.py", given.to_str().unwrap(), 1);
            let experiment = parse(text.as_bytes(), &project).unwrap();
            assert_eq!(experiment.target, ["src/a.py"], "{}", given.display());
        }
        // One that is not there is for others to tell.
        let gone = WHOLE.replacen("src/a.py", project.join("gone/a").to_str().unwrap(), 1);
        assert_eq!(parse(gone.as_bytes(), &project).unwrap().target, ["gone/a"]);
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        use ConfigError as E;
        assert_eq!(read(""), Err(E::Missing("target")));
        assert_eq!(replaced("src/a.py", ""), Err(E::Missing("target")));
        assert_eq!(
            replaced("evaluate_cmd", "#evaluate_cmd"),
            Err(E::Missing("evaluate_cmd"))
        );
        assert!(matches!(
            replaced("python", "py\0thon"),
            Err(E::Command { line: 2, .. })
        ));
        assert_eq!(replaced("metric:", "metric"), Err(E::NoKey { line: 3 }));
        assert!(matches!(
            replaced("created", "colour"),
            Err(E::UnknownKey { line: 7, .. })
        ));
        for bad in ["../a", "/etc/passwd", "..", ".", "src/../../a", "/"] {
            assert!(
                matches!(
                    replaced("src/a.py", bad),
                    Err(E::Outside { line: 1, .. } | E::Target { line: 1, .. })
                ),
                "{bad}"
            );
        }
        for bad in [".git/config", ".autoresearch/x/y/t"] {
            assert!(
                matches!(replaced("src/a.py", bad), Err(E::Target { line: 1, .. })),
                "{bad}"
            );
        }
        for bad in ["down", "Lower", "lower is better"] {
            assert!(
                matches!(replaced("higher", bad), Err(E::Direction { line: 4, .. })),
                "{bad}"
            );
        }
        for bad in ["^Score:", "^val-bpb:", "^a b:", "^a:\\s*", ".*", "^:"] {
            assert!(
                matches!(replaced("^p50_ms:", bad), Err(E::Metric { line: 5, .. })),
                "{bad}"
            );
        }
        for bad in ["0", "-1", "soon", "nan", "inf", "5m", "10081", "1e300"] {
            let result = replaced("minutes: 2", &format!("minutes: {bad}"));
            assert!(matches!(result, Err(E::Budget { line: 6, .. })), "{bad}");
        }
        assert_eq!(
            parse(b"target: t\n\nmetric: \xff\n", Path::new("/")),
            Err(E::NotUtf8 { line: 3 })
        );
    }
}

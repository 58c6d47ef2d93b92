//! Arguments that several subcommands share, and what is made of them.

use std::collections::BTreeMap;
use std::path::{MAIN_SEPARATOR, Path};
use std::time::Duration;

use super::approval::Accept;
use crate::catalog;
use crate::decision::MinImprovement;
use crate::environment::Environment;
use crate::evaluator::Given;
use crate::experiment::{
    AgentSettings, DEFAULT_BUDGET, DecisionSettings, Experiment, ModelSettings, Objective,
    SandboxSettings, VERSION, Workspace, check_budget,
};
use crate::failure::{Exit, Failure};
use crate::host::{LIMIT_NAMES, Limits};
use crate::measure::Direction;
use crate::process::CommandLine;
use crate::project::Project;
use crate::sandbox::{Demand, Widening};

/// What to measure with.
#[derive(Debug, Default, clap::Args)]
pub(super) struct EvaluatorArgs {
    /// Measure with this evaluator: a built-in one's name, or a path to a `.wasm` component
    #[arg(long, short = 'e', value_name = "EVALUATOR")]
    pub(super) evaluator: Option<String>,
    /// Measure by running a command that prints `name: value` lines (short for `--evaluator
    /// command --command command=CMD`)
    #[arg(long, value_name = "CMD", conflicts_with = "evaluator")]
    pub(super) eval: Option<String>,
    /// Take this metric [default: the evaluator's first]
    #[arg(long, value_name = "NAME")]
    pub(super) metric: Option<String>,
    /// Say which values are better [default: what the evaluator says]
    #[arg(long, value_enum)]
    pub(super) direction: Option<Direction>,
    /// Set a parameter of the evaluator; `evaluator inspect` lists them
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Bind a command to a role of the evaluator; `evaluator inspect` lists them
    #[arg(long = "command", short = 'c', value_name = "ROLE=CMD")]
    pub(super) commands: Vec<String>,
    /// Take the metric for one that is always the same for the same candidate (only where the
    /// evaluator does not say)
    #[arg(long)]
    pub(super) deterministic: bool,
    /// Give one evaluation this long, 7d at most; it is ended after 2.5 times as long [default: 5m]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) budget: Option<String>,
    /// Change a limit on what the component may use
    #[arg(long = "limit", value_name = "NAME=N")]
    pub(super) limits: Vec<String>,
    /// Pass a variable on to commands, or set it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(super) environment: Vec<String>,
    /// Confine commands: `required` runs none outside a sandbox [default: best]
    #[arg(long, value_enum, value_name = "MODE")]
    pub(super) sandbox: Option<Demand>,
    /// Also let commands read this path, relative to the project, absolute or below `~/` (may be repeated)
    #[arg(long = "read", value_name = "PATH")]
    pub(super) read: Vec<String>,
    /// Also let commands write to this path (may be repeated)
    #[arg(long = "write", value_name = "PATH")]
    pub(super) write: Vec<String>,
    #[command(flatten)]
    pub(super) accept: Accept,
    /// Have this agent answer where the evaluator asks a language model: claude, codex, gemini or
    /// opencode [default: the first of them that is installed]
    #[arg(long, value_name = "NAME")]
    pub(super) judge: Option<String>,
    /// Have this command answer instead: it reads the prompt on standard input and prints its answer
    #[arg(long, value_name = "CMD", conflicts_with = "judge")]
    pub(super) judge_command: Option<String>,
    /// Have it use this model [default: the agent's]
    #[arg(long, value_name = "NAME", requires = "judge")]
    pub(super) judge_model: Option<String>,
}

/// Who proposes changes.
#[derive(Debug, Default, clap::Args)]
pub(super) struct AgentArgs {
    /// Have this agent change the target: claude, codex, gemini, opencode or aider; `none` for
    /// nobody [default: the experiment's]
    #[arg(long, value_name = "NAME")]
    pub(super) agent: Option<String>,
    /// Have this command change the target: it reads the prompt on standard input, and ends with
    /// one line that describes the change
    #[arg(long, value_name = "CMD", conflicts_with = "agent")]
    pub(super) agent_command: Option<String>,
    /// Have the agent use this model [default: the agent's]
    #[arg(long, value_name = "NAME", conflicts_with = "agent_command")]
    pub(super) model: Option<String>,
}

impl AgentArgs {
    /// What these arguments make of an experiment's own settings.
    pub(super) fn settings(
        &self,
        own: Option<&AgentSettings>,
    ) -> Result<Option<AgentSettings>, Failure> {
        let base = own.cloned().unwrap_or_default();
        let mut settings = match (self.agent.as_deref(), &self.agent_command) {
            (Some("none"), _) => return Ok(None),
            (Some(name), _) if base.name.as_deref() == Some(name) => base,
            (Some(name), _) => AgentSettings {
                name: Some(name.to_owned()),
                command: None,
                model: None,
                arguments: Vec::new(),
                ..base
            },
            (None, Some(line)) => AgentSettings {
                name: None,
                command: Some(CommandLine::from_text(line).map_err(|error| {
                    Failure::input(format!("the agent cannot be run: {error}"))
                        .hint("write `--agent-command 'PROGRAM ARGUMENT...'`")
                })?),
                model: None,
                arguments: Vec::new(),
                ..base
            },
            (None, None) if own.is_some() => base,
            (None, None) if self.model.is_some() => {
                return Err(Failure::new(Exit::Usage, "`--model` needs an agent")
                    .hint("name one with `--agent`"));
            }
            (None, None) => return Ok(None),
        };
        if let Some(model) = &self.model {
            settings.model = Some(model.clone());
        }
        settings.check().map_err(|error| {
            Failure::input(error).hint("see `--agent` in `autoresearch run --help`")
        })?;
        Ok(Some(settings))
    }
}

impl EvaluatorArgs {
    /// Whether anything was given.
    pub(super) fn is_given(&self) -> bool {
        self.evaluator.is_some() || self.eval.is_some()
    }

    /// The first option that only makes sense for an experiment that is yet to be made.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        [
            ("--evaluator", self.evaluator.is_some()),
            ("--eval", self.eval.is_some()),
            ("--metric", self.metric.is_some()),
            ("--direction", self.direction.is_some()),
            ("--set", !self.set.is_empty()),
            ("--deterministic", self.deterministic),
            ("--command", !self.commands.is_empty()),
            ("--budget", self.budget.is_some()),
            ("--limit", !self.limits.is_empty()),
            ("--env", !self.environment.is_empty()),
            ("--read", !self.read.is_empty()),
            ("--write", !self.write.is_empty()),
            ("--judge", self.judge.is_some()),
            ("--judge-command", self.judge_command.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// The definition that these arguments amount to. Parameters are still text: their types are
    /// the evaluator's to say.
    pub(super) fn experiment(&self, target: Vec<String>) -> Result<Experiment, Failure> {
        let evaluator = match (&self.evaluator, &self.eval) {
            (Some(evaluator), _) => evaluator.clone(),
            (None, Some(_)) => "command".to_owned(),
            (None, None) => {
                return Err(Failure::new(Exit::Usage, "no evaluator is named").hint(format!(
                    "give `--evaluator NAME` ({}), a path to a `.wasm`, or `--eval 'YOUR COMMAND'`",
                    catalog::built_in().collect::<Vec<_>>().join(", ")
                )));
            }
        };
        Ok(Experiment {
            version: VERSION,
            project: None,
            target,
            budget: self.budget()?,
            objective: Objective {
                evaluator,
                metric: self.metric.clone(),
                direction: self.direction,
                deterministic: self.deterministic.then_some(true),
                min_improvement: None::<MinImprovement>,
                parameters: BTreeMap::new(),
                commands: self.commands()?,
            },
            decision: DecisionSettings::default(),
            guard: Vec::new(),
            agent: None,
            model: self.model()?,
            workspace: Workspace::default(),
            environment: self.environment()?,
            sandbox: self.sandbox()?,
            limits: self.limits()?,
        })
    }

    fn sandbox(&self) -> Result<SandboxSettings, Failure> {
        let widening = Widening {
            read: self.read.clone(),
            write: self.write.clone(),
            ..Widening::default()
        };
        if let Some(path) = widening.invalid() {
            return Err(
                Failure::new(Exit::Usage, format!("`{path}` cannot be given to commands"))
                    .hint("name a directory or file, as in `--write ~/.cache/go-build`"),
            );
        }
        Ok(SandboxSettings {
            mode: self.sandbox.unwrap_or_default(),
            widening,
        })
    }

    /// Who is to answer where the evaluator asks a language model, if that is said.
    fn model(&self) -> Result<Option<ModelSettings>, Failure> {
        let settings = match (&self.judge, &self.judge_command) {
            (Some(name), _) => ModelSettings {
                model: self.judge_model.clone(),
                ..ModelSettings::named(name)
            },
            (None, Some(line)) => ModelSettings {
                command: Some(CommandLine::from_text(line).map_err(|error| {
                    Failure::input(format!("the judge cannot be run: {error}"))
                        .hint("write `--judge-command 'PROGRAM ARGUMENT...'`")
                })?),
                ..ModelSettings::default()
            },
            (None, None) => return Ok(None),
        };
        settings
            .check()
            .map_err(|error| Failure::input(error).hint("see `--help` for `--judge`"))?;
        Ok(Some(settings))
    }

    /// The parameters as given.
    pub(super) fn parameters(&self) -> Result<BTreeMap<String, Given>, Failure> {
        pairs("--set", "KEY=VALUE", &self.set).map(|pairs| {
            pairs
                .map(|(name, value)| (name.to_owned(), Given::Text(value.to_owned())))
                .collect()
        })
    }

    fn commands(&self) -> Result<BTreeMap<String, CommandLine>, Failure> {
        let eval = self.eval.as_deref().map(|line| ("command", line));
        pairs("--command", "ROLE=CMD", &self.commands)?
            .chain(eval)
            .map(|(role, line)| {
                let line = CommandLine::from_text(line).map_err(|error| {
                    Failure::input(format!("the role `{role}` cannot be bound: {error}"))
                        .hint(format!("write `--command {role}='PROGRAM ARGUMENT...'`"))
                })?;
                Ok((role.to_owned(), line))
            })
            .collect()
    }

    fn budget(&self) -> Result<Duration, Failure> {
        let Some(text) = &self.budget else {
            return Ok(DEFAULT_BUDGET);
        };
        let wrong =
            |what: String| Failure::input(what).hint("write it as in `--budget 90s`, `5m` or `1h`");
        let budget = humantime::parse_duration(text)
            .map_err(|_| wrong(format!("`{text}` is no duration")))?;
        check_budget(budget).map_err(wrong)?;
        Ok(budget)
    }

    fn environment(&self) -> Result<Environment, Failure> {
        let mut environment = Environment::default();
        for text in &self.environment {
            environment.add(text).map_err(|error| {
                Failure::input(error).hint("write `--env NAME` or `--env NAME=VALUE`")
            })?;
        }
        Ok(environment)
    }

    fn limits(&self) -> Result<Limits, Failure> {
        let mut limits = Limits::default();
        for (name, value) in pairs("--limit", "NAME=N", &self.limits)? {
            limits.set(name, value).map_err(|error| {
                Failure::input(error.to_string())
                    .hint(format!("the limits are: {}", LIMIT_NAMES.join(", ")))
            })?;
        }
        Ok(limits)
    }
}

fn pairs<'a>(
    option: &str,
    form: &str,
    texts: &'a [String],
) -> Result<impl Iterator<Item = (&'a str, &'a str)>, Failure> {
    if let Some(text) = texts.iter().find(|text| !text.contains('=')) {
        return Err(
            Failure::new(Exit::Usage, format!("`{text}` is not of the form {form}")).hint(format!(
                "write `{option} {form}`; `autoresearch evaluator inspect` shows what there is"
            )),
        );
    }
    Ok(texts.iter().filter_map(|text| text.split_once('=')))
}

/// The targets, relative to the project and checked.
pub(super) fn targets(project: &Project, given: &[String]) -> Result<Vec<String>, Failure> {
    let mut targets = Vec::new();
    for text in given {
        let outside = || {
            Failure::input(format!(
                "the target `{text}` is outside the project `{}`",
                project.directory.display()
            ))
            .hint("name a file of the project")
        };
        let path = project.relative(text).ok_or_else(outside)?;
        let path = path.to_str().ok_or_else(outside)?.to_owned();
        crate::experiment::check_relative(&path).map_err(|error| {
            Failure::input(format!("the target `{text}` cannot be used: {error}"))
                .hint("a target is a regular file that git tracks")
        })?;
        if !targets.contains(&path) {
            targets.push(path);
        }
    }
    Ok(targets)
}

/// An evaluator reference from the command line, as an experiment of the project holds it: a path
/// becomes relative to the project, or absolute outside it.
pub(super) fn project_reference(project: &Project, reference: &str) -> Result<String, Failure> {
    if !catalog::is_path(reference) {
        return Ok(reference.to_owned());
    }
    let path = project.relative(reference).map_or_else(
        || project.base.join(reference),
        |path| Path::new(".").join(path),
    );
    let text = path.to_str().ok_or_else(|| {
        Failure::input(format!(
            "the evaluator `{reference}` has a path that is not UTF-8"
        ))
        .hint("move it to another path")
    })?;
    // Without the dot, unless what is left would be taken for a built-in evaluator's name.
    Ok(match text.strip_prefix("./") {
        Some(rest) if rest.contains(MAIN_SEPARATOR) || catalog::is_path(rest) => rest.to_owned(),
        _ => text.to_owned(),
    })
}

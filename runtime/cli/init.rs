//! `init`: make an experiment and measure its baseline.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::Context;
use super::arguments::{AgentArgs, EvaluatorArgs, project_reference, targets};
use super::ui;
use crate::creation::{self, Plan, Setup, Wanted};
use crate::decision::MinImprovement;
use crate::detour;
use crate::driver::Notice;
use crate::experiment::{AgentSettings, Experiment, GuardSettings, Id, Objective};
use crate::failure::{Exit, Failure};
use crate::process::CommandLine;
use crate::project::{DEFINITION, Project, Scope};
use crate::requirement::Requirement;
use crate::sandbox::Sandbox;

/// Make an experiment, measure its baseline, and show it
///
/// Writes `.autoresearch/DOMAIN/NAME/` with `experiment.toml` and `program.md`, and makes the branch
/// `autoresearch/DOMAIN/NAME` at HEAD. The baseline is the target as committed, measured in a
/// worktree of the runtime's own. If it cannot be measured, the experiment's files are kept, so that you can
/// fix them and run it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    evaluator: EvaluatorArgs,
    #[command(flatten)]
    agent: AgentArgs,
    /// Say in program.md what the agent must not do
    #[arg(long, value_name = "TEXT")]
    constraints: Option<String>,
}

/// What an experiment is about and where it is kept.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Improve this file; git must track it (may be repeated)
    #[arg(long, short = 't', value_name = "FILE")]
    pub(super) target: Vec<String>,
    /// Put the experiment in this domain, such as engineering, marketing, content or prompts
    /// [default: custom]
    #[arg(long)]
    pub(super) domain: Option<String>,
    /// Name the experiment [default: made from target and evaluator]
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Keep nothing that fails one of the tests that this command runs, or has fewer of them than the
    /// best version (other guards are `[[guard]]` in experiment.toml)
    #[arg(long, value_name = "CMD")]
    pub(super) tests: Option<String>,
    /// Discard candidates for which this command fails
    #[arg(long, value_name = "CMD")]
    pub(super) check: Option<String>,
    /// Discard candidates whose benchmark prints something different from the baseline
    #[arg(long)]
    pub(super) same_output: bool,
    /// Share this untracked path with the worktrees, such as installed dependencies (may be repeated)
    /// [default: detected]
    #[arg(long, value_name = "PATH")]
    pub(super) share: Vec<String>,
    /// Run this command once in each new worktree [default: detected]
    #[arg(long, value_name = "CMD")]
    pub(super) setup: Option<String>,
    /// Keep only what is better by this: a percentage, or a number in the metric's unit
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(super) min_improvement: Option<MinImprovement>,
    /// Measure a metric with noise in so many rounds at most; more of them find smaller gains
    /// [default: 24]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) max_rounds: Option<u32>,
    /// Keep the experiment in the project or in your home directory [default: project]
    #[arg(long, value_enum)]
    pub(super) scope: Option<Scope>,
}

impl Place {
    /// The first option that only makes sense for an experiment that is yet to be made.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        [
            ("--domain", self.domain.is_some()),
            ("--name", self.name.is_some()),
            ("--tests", self.tests.is_some()),
            ("--check", self.check.is_some()),
            ("--same-output", self.same_output),
            ("--share", !self.share.is_empty()),
            ("--setup", self.setup.is_some()),
            ("--min-improvement", self.min_improvement.is_some()),
            ("--max-rounds", self.max_rounds.is_some()),
            ("--scope", self.scope.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// What these arguments and the evaluator's ask for.
    pub(super) fn plan(
        &self,
        project: &Project,
        target: &[String],
        evaluator: &EvaluatorArgs,
        agent: Option<AgentSettings>,
        constraints: Option<&str>,
    ) -> Result<Plan, Failure> {
        if target.is_empty() {
            return Err(Failure::new(Exit::Usage, "no target is named")
                .hint("name the file to improve with `--target FILE`"));
        }
        let mut experiment = evaluator.experiment(targets(project, target)?)?;
        experiment.objective.evaluator =
            project_reference(project, &experiment.objective.evaluator)?;
        experiment.agent = agent;
        experiment.objective.min_improvement = self.min_improvement;
        experiment.decision.max_rounds = self.max_rounds;
        let guards = [
            self.tests.as_deref().map(test_guard).transpose()?,
            self.check.as_deref().map(check_guard).transpose()?,
            self.same_output
                .then(|| output_guard(&experiment.objective))
                .transpose()?,
        ];
        experiment.guard.extend(guards.into_iter().flatten());
        let setup = setup(self.setup.as_deref())?;
        let wanted = Wanted {
            domain: self.domain.clone(),
            name: self.name.clone(),
            scope: self.scope.unwrap_or(Scope::Project),
            experiment,
            parameters: evaluator.parameters()?,
            constraints: constraints.map(str::to_owned),
            accept: evaluator.accept.accept,
            share: (!self.share.is_empty()).then(|| shared(project, &self.share)),
            setup,
        };
        Plan::new(project, wanted)
    }
}

/// A command from the command line, for what `option` says that it does.
fn command(line: &str, option: &str, what: &str) -> Result<CommandLine, Failure> {
    CommandLine::from_text(line).map_err(|error| {
        Failure::input(format!("{what} cannot be run: {error}"))
            .hint(format!("write `{option} 'PROGRAM ARGUMENT...'`"))
    })
}

/// What is to be shared, relative to the project; an empty path is none, whatever is found.
fn shared(project: &Project, given: &[String]) -> Vec<String> {
    let plain = |path: &String| {
        let in_project = project.relative(path);
        let path = in_project.unwrap_or_else(|| {
            let parts = Path::new(path).components();
            parts.filter(|part| *part != Component::CurDir).collect()
        });
        path.to_string_lossy().into_owned()
    };
    given
        .iter()
        .filter(|path| !path.is_empty())
        .map(plain)
        .collect()
}

/// The setup command; an empty one is none, whatever is found.
fn setup(line: Option<&str>) -> Result<Setup, Failure> {
    match line.map(str::trim) {
        None => Ok(Setup::FindOut),
        Some("") => Ok(Setup::Nothing),
        Some(line) => command(line, "--setup", "the setup command").map(Setup::Command),
    }
}

fn guard(
    evaluator: &str,
    require: &[&str],
    parameters: &[(&str, toml::Value)],
    (role, command): (&str, CommandLine),
) -> Result<GuardSettings, Failure> {
    let require = require
        .iter()
        .map(|text| Requirement::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::input(error.to_string()).hint(error.hint()))?;
    Ok(GuardSettings {
        evaluator: evaluator.to_owned(),
        require,
        deterministic: None,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        commands: BTreeMap::from([(role.to_owned(), command)]),
    })
}

/// The guard that a test command amounts to.
fn test_guard(line: &str) -> Result<GuardSettings, Failure> {
    let command = command(line, "--tests", "the tests")?;
    let require = ["pass_rate >= 1", "total >= incumbent"];
    guard("test_pass_rate", &require, &[], ("test", command))
}

/// The guard that a command amounts to which only has to succeed.
fn check_guard(line: &str) -> Result<GuardSettings, Failure> {
    let command = command(line, "--check", "the check")?;
    let format = [("format", toml::Value::from("exit-code"))];
    guard(
        "test_pass_rate",
        &["pass_rate >= 1"],
        &format,
        ("test", command),
    )
}

/// The guard that holds a benchmark to what it prints. It runs twice, so that one which prints a time
/// is found out at once.
fn output_guard(objective: &Objective) -> Result<GuardSettings, Failure> {
    const ROLE: &str = "benchmark";
    let command = objective
        .commands
        .get(ROLE)
        .filter(|_| objective.evaluator == "benchmark_speed")
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "`--same-output` is about the output of `benchmark_speed`'s command",
            )
            .hint("use `--check CMD` with a command that compares what yours writes")
        })?;
    let parameters = [
        ("runs", toml::Value::from(2)),
        ("warmup", toml::Value::from(0)),
    ];
    let mut settings = guard(
        "benchmark_speed",
        &["output_digest == baseline"],
        &parameters,
        (ROLE, command.clone()),
    )?;
    let build = objective.commands.get_key_value("build");
    let build = build.map(|(role, line)| (role.clone(), line.clone()));
    settings.commands.extend(build);
    Ok(settings)
}

const EXAMPLES: &str = "\
Examples:
  autoresearch init -t search.py -e benchmark_speed -c benchmark='python bench.py'
  autoresearch init -t app.js -e benchmark_size --tests 'npm test' --domain engineering --name bundle
  autoresearch init -t sum.c -e benchmark_speed -c build='make' -c benchmark='./sum data' --same-output
  autoresearch init -t train.py --eval 'python train.py' --metric val_loss --direction lower";

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    context.watch_signals()?;
    let (project, host) = context.project_and_host()?;
    let plan = arguments.place.plan(
        &project,
        &arguments.place.target,
        &arguments.evaluator,
        arguments.agent.settings(None)?,
        arguments.constraints.as_deref(),
    )?;
    let (notify, cancel) = (context.notify(), &context.cancel);
    let found = creation::create(&host, &context.launcher, &project, plan, &notify, cancel);
    context.ui.idle();
    let found = match found {
        Err(_) if cancel.is_cancelled() => return Err(context.stopped().into()),
        found => found?,
    };
    warn_of_uncommitted(context, &project, &found.experiment)?;
    // A worktree that is seen in the checkout's place is where these lead.
    if !Sandbox::find(found.experiment.sandbox.mode)?.shows_worktrees() {
        for detour in detour::find(&project, &found.experiment) {
            context.ui.notice(&Notice::Detour(&detour));
        }
    }
    let ui = &context.ui;
    let directory = found
        .directory
        .strip_prefix(&project.base)
        .unwrap_or(&found.directory);
    ui.info(&format!(
        "wrote {DEFINITION} and program.md in {}",
        directory.display()
    ));
    ui.info(&format!(
        "made the branch autoresearch/{} for what is kept; yours stays checked out",
        found.id
    ));
    hint_next(context, &project, &found.id, &found.experiment);
    Ok(())
}

/// What to type next.
pub(super) fn hint_next(context: &Context, project: &Project, id: &Id, experiment: &Experiment) {
    let which = match project.ids().len() {
        1 => String::new(),
        _ => format!(" -x {id}"),
    };
    if experiment.agent.is_some() {
        context.ui.hint(&format!(
            "`autoresearch qualify{which}` tells whether the objective is fit for a night"
        ));
        context.ui.hint(&format!(
            "`autoresearch run{which} --loop` lets the agent improve {}; `--dry-run` shows how",
            experiment.target.join(", ")
        ));
        return;
    }
    context.ui.hint(&format!(
        "edit {}, then `autoresearch run{which} -m 'what you tried'`",
        experiment.target.join(", ")
    ));
}

fn warn_of_uncommitted(
    context: &Context,
    project: &Project,
    experiment: &Experiment,
) -> Result<(), Failure> {
    let uncommitted = creation::uncommitted(project, &experiment.target)?;
    if uncommitted.target {
        context.ui.warning(
            "the target has changes that are not committed: the baseline is without them, and they are the first candidate",
        );
    }
    if let Some(first) = uncommitted.others.first() {
        context.ui.warning(&format!(
            "{} not committed, so the measurements are without them: {}{}",
            ui::count(
                uncommitted.others.len() as u64,
                "other path is",
                "other paths are"
            ),
            first.display(),
            if uncommitted.others.len() > 1 {
                ", ..."
            } else {
                ""
            }
        ));
    }
    Ok(())
}

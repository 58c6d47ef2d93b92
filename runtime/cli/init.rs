//! `init`: make an experiment and measure its baseline.

use std::collections::BTreeMap;

use super::Context;
use super::arguments::{AgentArgs, EvaluatorArgs, project_reference, targets};
use super::ui;
use crate::creation::{self, Plan, Wanted};
use crate::decision::MinImprovement;
use crate::detour;
use crate::driver::Notice;
use crate::experiment::{AgentSettings, Experiment, GuardSettings, Id};
use crate::failure::{Exit, Failure};
use crate::process::CommandLine;
use crate::project::{DEFINITION, Project, Scope};
use crate::requirement::Requirement;

/// Make an experiment, measure its baseline, and show it
///
/// Writes `.autoresearch/DOMAIN/NAME/` with `experiment.toml` and `program.md`, and makes the branch
/// `autoresearch/DOMAIN/NAME` at HEAD. The baseline is the target as committed, measured in a
/// worktree of the runtime's own. If it cannot be measured, nothing is written.
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
        evaluator: &EvaluatorArgs,
        agent: Option<AgentSettings>,
        constraints: Option<&str>,
    ) -> Result<Plan, Failure> {
        if self.target.is_empty() {
            return Err(Failure::new(Exit::Usage, "no target is named")
                .hint("name the file to improve with `--target FILE`"));
        }
        let mut experiment = evaluator.experiment(targets(project, &self.target)?)?;
        experiment.objective.evaluator =
            project_reference(project, &experiment.objective.evaluator)?;
        experiment.agent = agent;
        experiment.objective.min_improvement = self.min_improvement;
        experiment.decision.max_rounds = self.max_rounds;
        experiment
            .guard
            .extend(self.tests.as_deref().map(test_guard).transpose()?);
        let wanted = Wanted {
            domain: self.domain.clone(),
            name: self.name.clone(),
            scope: self.scope.unwrap_or(Scope::Project),
            experiment,
            parameters: evaluator.parameters()?,
            constraints: constraints.map(str::to_owned),
            accept: evaluator.accept.accept,
        };
        Plan::new(project, wanted)
    }
}

/// The guard that a test command amounts to.
fn test_guard(line: &str) -> Result<GuardSettings, Failure> {
    let command = CommandLine::from_text(line).map_err(|error| {
        Failure::input(format!("the tests cannot be run: {error}"))
            .hint("write `--tests 'PROGRAM ARGUMENT...'`")
    })?;
    let require = ["pass_rate >= 1", "total >= incumbent"]
        .into_iter()
        .map(Requirement::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::input(error.to_string()).hint(error.hint()))?;
    Ok(GuardSettings {
        evaluator: "test_pass_rate".to_owned(),
        require,
        deterministic: None,
        parameters: BTreeMap::new(),
        commands: BTreeMap::from([("test".to_owned(), command)]),
    })
}

const EXAMPLES: &str = "\
Examples:
  autoresearch init -t search.py -e benchmark_speed -c benchmark='python bench.py'
  autoresearch init -t app.js -e benchmark_size --tests 'npm test' --domain engineering --name bundle
  autoresearch init -t train.py --eval 'python train.py' --metric val_loss --direction lower";

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    context.watch_signals()?;
    let (project, host) = context.project_and_host()?;
    let plan = arguments.place.plan(
        &project,
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
    for detour in detour::find(&project, &found.experiment) {
        context.ui.notice(&Notice::Detour(&detour));
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

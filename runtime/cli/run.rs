//! `run`: judge candidates against the incumbent.

use serde_json::json;

use super::Context;
use super::arguments::EvaluatorArgs;
use super::init::{self, Place};
use crate::creation::{self, Plan};
use crate::decision::{MinImprovement, Verdict, change, number};
use crate::directories;
use crate::driver::Lab;
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::git;
use crate::host::Host;
use crate::journal::{self, Incumbent, Journal, Judged};
use crate::project::{Found, Project};

/// Judge the target as it stands in your checkout: keep it, or undo it
///
/// The target is committed as a candidate in a worktree of the runtime's own and measured there. A
/// better candidate becomes the tip of the branch `autoresearch/DOMAIN/NAME`; after a worse one, or
/// one that crashes, the target in your checkout is the best one's again. Every candidate stays
/// reachable as `refs/autoresearch/DOMAIN/NAME/N`.
///
/// Verdicts: keep, it is better; discard, it is not; crash, it could not be measured, because a
/// command failed or took too long.
///
/// Without an experiment, `--evaluator` and `--target` make one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME", conflicts_with_all = ["resume", "target", "evaluator", "eval"])]
    experiment: Option<Id>,
    /// Run the experiment that was active last
    #[arg(long, conflicts_with_all = ["target", "evaluator", "eval"])]
    resume: bool,
    /// Judge one candidate, the target as it stands, and stop (the default)
    #[arg(long)]
    single: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "json")]
    dry_run: bool,
    /// Describe what was tried
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "To make an experiment")]
    place: Place,
    #[command(flatten, next_help_heading = "To make an experiment")]
    evaluator: EvaluatorArgs,
}

const EXAMPLES: &str = "\
Examples:
  autoresearch run -m 'read the file once'        judge what you changed in the target
  autoresearch run -e benchmark_size -t app.js    the same with no `init` before
  autoresearch run --dry-run                      what would be done, with what";

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let (project, host) = context.project_and_host()?;
    let found = match find(&project, arguments)? {
        Meant::Existing(found) => *found,
        Meant::New(plan) if arguments.dry_run => {
            let found = plan.check(&host, &project)?;
            context.ui.data(&format!(
                "would make the experiment {} and measure its baseline",
                found.id
            ));
            return Ok(());
        }
        Meant::New(plan) => {
            let ui = &context.ui;
            ui.info(&format!("making the experiment {}", plan.id));
            let notify = context.notify();
            let found = creation::create(&host, &context.launcher, &project, *plan, &notify)?;
            return judge(context, &host, &project, found, arguments, true);
        }
    };
    let place = arguments.place.first_given();
    if let Some(option) = arguments
        .evaluator
        .first_given()
        .or(place)
        .filter(|_| !arguments.evaluator.is_given())
    {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{option}` cannot change the experiment `{}`", found.id),
        )
        .hint(format!(
            "edit `{}`",
            found.directory.join(found.definition.file_name()).display()
        ))
        .into());
    }
    if arguments.dry_run {
        return dry_run(context, &host, &project, found);
    }
    judge(context, &host, &project, found, arguments, false)
}

/// The experiment that a command line means.
enum Meant {
    Existing(Box<Found>),
    New(Box<Plan>),
}

fn find(project: &Project, arguments: &Args) -> Result<Meant, Failure> {
    let existing = |id: &Id| {
        let found = project.experiment(id)?;
        Ok(Meant::Existing(Box::new(found)))
    };
    if let Some(id) = &arguments.experiment {
        return existing(id);
    }
    if arguments.resume {
        return existing(&project.last_active()?);
    }
    if arguments.evaluator.is_given() || !arguments.place.target.is_empty() {
        let plan = arguments.place.plan(project, &arguments.evaluator, None)?;
        if project.ids().iter().all(|(id, _)| *id != plan.id) {
            return Ok(Meant::New(Box::new(plan)));
        }
        let found = project.experiment(&plan.id)?;
        return if plan.describes(&found.experiment) {
            Ok(Meant::Existing(Box::new(found)))
        } else {
            Err(Failure::input(format!(
                "the experiment `{}` exists already and is defined otherwise",
                found.id
            ))
            .hint(format!(
                "run it as it is with `--experiment {}`, or give the new one a `--name`",
                found.id
            )))
        };
    }
    let ids = project.ids();
    match ids.as_slice() {
        [(id, _)] => existing(id),
        [] => Err(Failure::input("there is no experiment here")
            .hint("make one with `autoresearch init`, or name `--evaluator` and `--target`")),
        several => Err(
            Failure::input("there is more than one experiment here").hint(format!(
                "name one with `--experiment`: {}",
                several
                    .iter()
                    .map(|(id, _)| id.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        ),
    }
}

fn open<'a>(
    context: &'a Context,
    host: &'a Host,
    project: &'a Project,
    found: Found,
) -> Result<Lab<'a>, Failure> {
    let state = directories::state()?;
    Lab::open(
        host,
        &context.launcher,
        project,
        found,
        &state,
        context.notify(),
    )
}

fn judge(
    context: &Context,
    host: &Host,
    project: &Project,
    found: Found,
    arguments: &Args,
    new: bool,
) -> anyhow::Result<()> {
    let lab = open(context, host, project, found)?;
    let mut journal = Journal::open(lab.directory()).map_err(Failure::from)?;
    let judged = lab.run_single(
        &mut journal,
        arguments.message.as_deref().unwrap_or_default(),
    )?;
    let incumbent = journal.history().incumbent.clone();
    match (judged, incumbent) {
        (Some(judged), incumbent) => {
            show(context, &lab, &judged, incumbent.as_ref(), arguments.json);
        }
        (None, Some(incumbent)) if new => {
            if arguments.json {
                context.ui.json(&json!({
                    "experiment": lab.id().to_string(),
                    "metric": lab.policy().metric,
                    "baseline": incumbent.value,
                    "commit": incumbent.commit,
                }));
            }
            init::hint_next(context, project, lab.id(), lab.experiment());
        }
        _ => {
            return Err(Failure::input(
                "there is nothing to try: the target is the same as the best one so far",
            )
            .hint(format!("edit {} first", lab.experiment().target.join(", ")))
            .into());
        }
    }
    Ok(())
}

fn show(
    context: &Context,
    lab: &Lab<'_>,
    judged: &Judged,
    incumbent: Option<&Incumbent>,
    as_json: bool,
) {
    let ui = &context.ui;
    if as_json {
        ui.json(&json!({
            "experiment": lab.id().to_string(),
            "n": judged.n,
            "verdict": judged.verdict,
            "reason": judged.reason,
            "metric": lab.policy().metric,
            "value": judged.value,
            "incumbent_value": judged.incumbent_value,
            "best": incumbent.map(|incumbent| json!({
                "value": incumbent.value,
                "commit": incumbent.commit,
            })),
            "seconds": judged.seconds,
        }));
        return;
    }
    ui.verdict(judged.verdict, &judged.reason);
    let best = incumbent.map_or("", |incumbent| git::short(&incumbent.commit));
    let targets = lab
        .experiment()
        .target
        .iter()
        .map(|path| {
            shlex::try_quote(path).map_or_else(|_| path.clone(), |quoted| quoted.into_owned())
        })
        .collect::<Vec<_>>()
        .join(" ");
    if judged.verdict == Verdict::Keep {
        ui.info(&format!(
            "commit {best} is the best so far, on the branch autoresearch/{}",
            lab.id()
        ));
        ui.hint(&format!(
            "to take it over: `git checkout {targets} && git merge autoresearch/{}`",
            lab.id()
        ));
        return;
    }
    ui.info(&format!(
        "the best version ({best}) is back in {targets}; this try stays at {}",
        lab.id().candidate(judged.n)
    ));
    if judged.verdict == Verdict::Crash {
        let directory = lab.directory();
        let log = directory
            .strip_prefix(context.path.canonicalize().unwrap_or_default())
            .unwrap_or(directory)
            .join(format!("runs/{:04}/candidate.log", judged.n));
        ui.info(&format!("its output is in {}", log.display()));
    }
}

fn dry_run(context: &Context, host: &Host, project: &Project, found: Found) -> anyhow::Result<()> {
    let lab = open(context, host, project, found)?;
    let history = journal::read(lab.directory()).map_err(Failure::from)?;
    let (experiment, policy, instrument) = (lab.experiment(), lab.policy(), lab.instrument());
    let descriptor = instrument.evaluator.descriptor();
    let data = |name: &str, value: &str| context.ui.data(&format!("{name:<12} {value}"));
    data("experiment", &lab.id().to_string());
    data("target", &experiment.target.join(", "));
    data(
        "evaluator",
        &format!(
            "{} {} ({}, sha256 {})",
            descriptor.name,
            descriptor.version,
            instrument.component.reference,
            instrument.component.digest.get(..12).unwrap_or_default()
        ),
    );
    data(
        "objective",
        &format!(
            "{}, {} is better{}; {}",
            policy.metric,
            policy.direction,
            match policy.min_improvement {
                MinImprovement::Absolute(0.0) => String::new(),
                least => format!(", by at least {least}"),
            },
            if policy.deterministic {
                "measured once, compared with the record"
            } else {
                "measured beside the incumbent, one pair"
            }
        ),
    );
    for (name, value) in &instrument.settings.parameters {
        data("parameter", &format!("{name} = {value}"));
    }
    for (role, line) in &instrument.settings.commands {
        let how = if line.uses_shell() {
            "with sh -c"
        } else {
            "directly"
        };
        data("command", &format!("{role}: {how}: {:?}", line.argv()));
    }
    data(
        "budget",
        &format!(
            "{}, ended after {}",
            humantime::format_duration(experiment.budget),
            humantime::format_duration(experiment.time_limit())
        ),
    );
    let names: Vec<String> = experiment
        .environment
        .variables()
        .iter()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    data("environment", &names.join(", "));
    data(
        "sandbox",
        "none: commands run as you, in a process tree of their own",
    );
    data(
        "tries",
        &format!(
            "{}: {} kept, {} discarded, {} crashed",
            history.tries, history.keeps, history.discards, history.crashes
        ),
    );
    if let Some(incumbent) = &history.incumbent {
        let first = history.first.filter(|first| *first != incumbent.value);
        let since = first.map_or(String::new(), |first| {
            format!(
                ", {} since the start",
                change(first, incumbent.value, &policy.unit)
            )
        });
        data(
            "best",
            &format!(
                "{} at {}{since}",
                number(incumbent.value),
                git::short(&incumbent.commit)
            ),
        );
    }
    let next = match history.incumbent {
        None => "measure the baseline, then judge the target if it differs".to_owned(),
        Some(_) => format!(
            "judge the target as it stands in {}",
            project.directory.display()
        ),
    };
    data("next", &next);
    Ok(())
}

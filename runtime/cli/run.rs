//! `run`: judge candidates against the incumbent, one or all night.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::Context;
use super::arguments::{AgentArgs, EvaluatorArgs, project_reference};
use super::init::{self, Place};
use super::{approval, plan, ui};
use crate::activity::StatusFile;
use crate::creation::{self, Plan};
use crate::decision::{Policy, Verdict, quantity};
use crate::directories;
use crate::driver::{Lab, Notice, Notify, Outcome, Proposer};
use crate::experiment::{self, Id};
use crate::failure::{Exit, Failure};
use crate::git;
use crate::host::Host;
use crate::housekeeping;
use crate::journal::{self, History, Incumbent, Journal, Judged, Try};
use crate::project::{self, Found, Project};
use crate::proposer::Agent;
use crate::runlog;
use crate::session::{Bounds, CRASHES_IN_A_ROW, Ended, UNFIT_IN_A_ROW};

/// Judge changes to the target: keep what is better, undo what is not
///
/// With an agent (`--agent`, or `[agent]` in experiment.toml) each change is the agent's, made in a
/// worktree of the runtime's own; with `--loop` it is asked again and again. Your checkout stays as
/// it is. Without an agent, the change is the target as it stands in your checkout.
///
/// Either way the change is committed as a candidate in a worktree and measured there. A better one
/// becomes the tip of the branch `autoresearch/DOMAIN/NAME`. After a worse one, or one that crashes,
/// a target that came from your checkout is there the best one's again. Every candidate stays
/// reachable as `refs/autoresearch/DOMAIN/NAME/N`.
///
/// Verdicts: keep, it is better; discard, it is not, or is not worth measuring; crash, it could not
/// be measured, because a command failed or took too long.
///
/// A first interrupt (Ctrl-C) or TERM ends what is going on and prints the summary; a second one
/// ends the program at once. Either way nothing is lost: run again to go on. A loop that you stop
/// ends with exit code 0, one that pauses after too many crashes with 6.
///
/// Without an experiment, `--evaluator` and `--target` make one. Without `--target`, `--evaluator` means
/// the experiment with that evaluator or, if there is none, the tracked file that differs from HEAD.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME", conflicts_with_all = ["resume", "target", "evaluator", "eval"])]
    experiment: Option<Id>,
    /// Run the experiment that was active last
    #[arg(long, conflicts_with_all = ["target", "evaluator", "eval"])]
    resume: bool,
    /// Judge one candidate and stop (the default)
    #[arg(long, conflicts_with_all = ["loop", "max_experiments", "max_time", "max_cost"])]
    single: bool,
    /// Go on until you stop it, or one of the following does
    #[arg(long)]
    r#loop: bool,
    /// Stop after this many candidates (implies `--loop`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_experiments: Option<u64>,
    /// Begin no new candidate after this time, such as 8h, 365d at most; the last one is finished
    /// (implies `--loop`)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    max_time: Option<String>,
    /// Begin no new candidate once agent and judge have cost this much, in US dollars (implies
    /// `--loop`)
    #[arg(long, value_name = "USD", allow_hyphen_values = true)]
    max_cost: Option<f64>,
    #[command(flatten)]
    agent: AgentArgs,
    /// Say what would be done, with which prompt, commands and limits, and do nothing
    #[arg(long, conflicts_with = "json")]
    dry_run: bool,
    /// Describe what you changed in the target (judges your checkout)
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["loop", "max_experiments", "max_time", "max_cost", "agent", "agent_command", "model"])]
    message: Option<String>,
    /// Print JSON: one object, or with `--loop` a line for each candidate and one for the summary
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "To make an experiment")]
    place: Place,
    #[command(flatten, next_help_heading = "To make an experiment")]
    evaluator: EvaluatorArgs,
}

/// How many files are listed to choose from.
const MOST_LISTED: usize = 20;

/// The longest `--max-time`: more is a mistake.
const LONGEST_RUN: Duration = Duration::from_hours(365 * 24);

const EXAMPLES: &str = "\
Examples:
  autoresearch run --agent claude --loop          let an agent improve the target until you stop it
  autoresearch run --loop --max-time 8h           the same with the experiment's own agent, for a night
  autoresearch run -m 'read the file once'        judge what you changed in the target yourself
  autoresearch run -e benchmark_size -t app.js    the same with no `init` before
  autoresearch run --dry-run                      what would be done, with what";

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    context.watch_signals()?;
    let (project, host) = context.project_and_host()?;
    let (found, new) = match find(context, &project, arguments)? {
        Meant::Existing(found) => (*found, false),
        Meant::New(plan) if arguments.dry_run => {
            let found = plan.check(&host, &project)?.found;
            context.ui.data(&format!(
                "would make the experiment {} and measure its baseline",
                found.id
            ));
            return Ok(());
        }
        Meant::New(plan) => {
            let ui = &context.ui;
            ui.info(&format!("making the experiment {}", plan.id));
            let (notify, cancel) = (context.notify(), &context.cancel);
            let found =
                creation::create(&host, &context.launcher, &project, *plan, &notify, cancel)?;
            (found, true)
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
    let mut found = found;
    if let Some(mode) = arguments.evaluator.sandbox {
        found.experiment.sandbox.mode = mode;
    }
    let order = Order::new(arguments, &found)?;
    tell_of_earlier_results(context, &found)?;
    if arguments.dry_run {
        let lab = open(context, &host, &project, found, context.notify())?;
        return plan::show(context, &project, &lab, &order);
    }
    judge(context, &host, &project, found, arguments, &order, new)
}

/// Says how to take over what the original tool has recorded, as long as that is possible.
pub(super) fn tell_of_earlier_results(context: &Context, found: &Found) -> Result<(), Failure> {
    if project::is_original(&found.directory)
        && !journal::tables_of_another_tool(&found.directory)?.is_empty()
    {
        // No `hint:`, which is for what goes wrong.
        context.ui.info(&format!(
            "its earlier results are not taken over: `autoresearch import -x {}` does that, as long as nothing else is recorded",
            found.id
        ));
    }
    Ok(())
}

/// What a command line and an experiment amount to: who proposes, and how often.
pub(super) struct Order {
    pub(super) agent: Option<Agent>,
    pub(super) bounds: Bounds,
}

impl Order {
    fn new(arguments: &Args, found: &Found) -> Result<Self, Failure> {
        let settings = match &arguments.message {
            Some(_) => None,
            None => arguments.agent.settings(found.experiment.agent.as_ref())?,
        };
        let agent = settings.as_ref().map(Agent::new).transpose()?;
        let time = arguments.max_time.as_deref().map(time).transpose()?;
        let cost_usd = arguments
            .max_cost
            .or(settings.as_ref().and_then(|settings| settings.max_cost_usd));
        experiment::check_cost(cost_usd)
            .map_err(|error| Failure::input(error).hint("give `--max-cost 5`, for instance"))?;
        let is_loop = arguments.r#loop
            || arguments.max_experiments.is_some()
            || arguments.max_time.is_some()
            || arguments.max_cost.is_some();
        match &agent {
            None if is_loop => {
                return Err(Failure::new(
                    Exit::Usage,
                    "a loop needs an agent: nobody would change the target between two tries",
                )
                .hint(format!(
                    "name one with `--agent` ({}), or `[agent]` in `{}`",
                    crate::agent::names().collect::<Vec<_>>().join(", "),
                    found.directory.join("experiment.toml").display()
                )));
            }
            Some(agent) if cost_usd.is_some() && !agent.tells_cost() => {
                return Err(Failure::input(format!(
                    "`{}` does not tell what it costs, so no bound on it can hold",
                    agent.name()
                ))
                .hint(if arguments.max_cost.is_some() {
                    "use `--max-experiments` or `--max-time` instead"
                } else {
                    "take `max_cost_usd` out of `[agent]` in experiment.toml, or use an agent that does"
                }));
            }
            _ => {}
        }
        Ok(Self {
            bounds: Bounds {
                tries: arguments.max_experiments.or((!is_loop).then_some(1)),
                time,
                cost_usd,
                fix_attempts: settings.map_or(0, |settings| settings.fix_attempts),
                unattended: is_loop,
            },
            agent,
        })
    }
}

fn time(text: &str) -> Result<Duration, Failure> {
    let wrong = |what: &str| {
        Failure::input(format!("`{text}` is {what}"))
            .hint("write it as in `--max-time 8h` or `90m`, `365d` at most")
    };
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err(wrong("no time at all")),
        Ok(time) if time > LONGEST_RUN => Err(wrong("longer than a run may take")),
        Ok(time) => Ok(time),
        Err(_) => Err(wrong("no duration")),
    }
}

/// The experiment that a command line means.
enum Meant {
    Existing(Box<Found>),
    New(Box<Plan>),
}

fn find(context: &Context, project: &Project, arguments: &Args) -> Result<Meant, Failure> {
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
        let target = if arguments.place.target.is_empty() {
            match without_target(context, project, arguments)? {
                Unnamed::Experiment(id) => return existing(&id),
                Unnamed::Target(path) => vec![path],
            }
        } else {
            arguments.place.target.clone()
        };
        let plan = arguments
            .place
            .plan(project, &target, &arguments.evaluator, None, None)?;
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
    named_or_only(project, None).map(|found| Meant::Existing(Box::new(found)))
}

/// What is meant where an evaluator is named and no target.
enum Unnamed {
    Experiment(Id),
    /// Relative to the directory that the user named.
    Target(String),
}

/// The experiment with this evaluator, or else the one tracked file that was changed.
fn without_target(
    context: &Context,
    project: &Project,
    arguments: &Args,
) -> Result<Unnamed, Failure> {
    let evaluator = match &arguments.evaluator.evaluator {
        Some(reference) => project_reference(project, reference)?,
        None => "command".to_owned(),
    };
    if arguments.evaluator.evaluator.is_some() && arguments.place.first_given().is_none() {
        let of_evaluator: Vec<Id> = project
            .ids()
            .into_iter()
            .filter(|(_, directory)| {
                project::load(directory, &project.directory)
                    .is_ok_and(|experiment| experiment.objective.evaluator == evaluator)
            })
            .map(|(id, _)| id)
            .collect();
        match of_evaluator.as_slice() {
            [] => {}
            [id] => {
                context.ui.info(&format!("running the experiment {id}"));
                return Ok(Unnamed::Experiment(id.clone()));
            }
            several => {
                let names: Vec<String> = several.iter().map(Id::to_string).collect();
                return Err(Failure::new(
                    Exit::Usage,
                    format!("more than one experiment has the evaluator `{evaluator}`"),
                )
                .hint(format!(
                    "name one with `--experiment`: {}",
                    names.join(", ")
                )));
            }
        }
    }
    let changed = creation::changed_files(project)?;
    match changed.as_slice() {
        [] => Err(Failure::new(
            Exit::Usage,
            "no target is named, and no tracked file differs from HEAD",
        )
        .hint("name the file to improve with `--target FILE`, or change it first")),
        [path] => {
            context.ui.info(&format!(
                "taking `{path}` as the target: it differs from HEAD"
            ));
            Ok(Unnamed::Target(path.clone()))
        }
        several => Err(Failure::new(
            Exit::Usage,
            format!(
                "no target is named, and {} differ from HEAD",
                ui::count(several.len() as u64, "tracked file", "tracked files")
            ),
        )
        .hint(format!(
            "name one with `--target`: {}",
            several
                .iter()
                .take(MOST_LISTED)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// The experiment of this name, or without one the only one that there is.
pub(super) fn named_or_only(project: &Project, id: Option<&Id>) -> Result<Found, Failure> {
    if let Some(id) = id {
        return project.experiment(id);
    }
    let ids = project.ids();
    match ids.as_slice() {
        [(id, _)] => project.experiment(id),
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

pub(super) fn open<'a>(
    context: &'a Context,
    host: &'a Host,
    project: &'a Project,
    found: Found,
    notify: Notify,
) -> Result<Lab<'a>, Failure> {
    let state = directories::state()?;
    Lab::open(
        host,
        &context.launcher,
        project,
        found,
        &state,
        notify,
        context.cancel.clone(),
    )
}

fn judge(
    context: &Context,
    host: &Host,
    project: &Project,
    found: Found,
    arguments: &Args,
    order: &Order,
    new: bool,
) -> anyhow::Result<()> {
    let mut journal = Journal::open(&found.directory).map_err(Failure::from)?;
    let notify = watched(context, &found, order.bounds.unattended, arguments.json);
    housekeeping::remove_unused(&directories::state()?);
    let lab = open(context, host, project, found, notify)?;
    approval::of_experiment(context, &lab, arguments.evaluator.accept)?;
    let description = arguments.message.as_deref().unwrap_or_default();
    let proposer = match &order.agent {
        Some(agent) => Proposer::Agent(agent),
        None => Proposer::Checkout { description },
    };
    if order.bounds.unattended {
        introduce(context, &lab, order, journal.history());
    }
    let outcome = lab.run(&mut journal, proposer, order.bounds)?;
    context.ui.idle();
    let history = journal.history();
    if order.bounds.unattended {
        summarise(
            context,
            project,
            &lab,
            outcome.before.as_ref(),
            history,
            &outcome,
            arguments.json,
        );
        return Ok(finish(outcome.ended?, lab.directory())?);
    }
    match (outcome.ended?, outcome.last) {
        (_, Some((candidate, judged))) => {
            let shown = Shown {
                candidate: &candidate,
                judged: &judged,
                best: history.incumbent.as_ref(),
                left_alone: outcome.left_alone,
            };
            show(context, project, &lab, &shown, arguments.json);
        }
        (Ended::Stopped, None) => return Err(context.stopped().into()),
        (_, None) if new => {
            if let Some(incumbent) = history.incumbent.as_ref().filter(|_| arguments.json) {
                context.ui.json(&json!({
                    "experiment": lab.id().to_string(),
                    "metric": lab.policy().metric,
                    "baseline": incumbent.value,
                    "commit": incumbent.commit,
                }));
            }
            init::hint_next(context, project, lab.id(), lab.experiment());
        }
        (_, None) => {
            return Err(Failure::input(
                "there is nothing to try: the target is the same as the best one so far",
            )
            .hint(format!(
                "edit {} first, or have an agent do it with `--agent`",
                lab.experiment().target.join(", ")
            ))
            .into());
        }
    }
    Ok(())
}

/// Shows what happens on the terminal, and to `status`; in a loop, each verdict as it falls.
pub(super) fn watched(context: &Context, found: &Found, is_loop: bool, as_json: bool) -> Notify {
    let ui = context.ui.clone();
    let status = Mutex::new(StatusFile::new(&found.directory));
    let id = found.id.to_string();
    Arc::new(move |notice| {
        ui.notice(&notice);
        let status = || status.lock().unwrap_or_else(PoisonError::into_inner);
        match notice {
            Notice::Doing(activity) => status().doing(activity),
            Notice::Judged {
                candidate,
                judged,
                policy,
            } => {
                let model = judged.model.as_ref().map(|model| &model.used);
                status().judged(candidate.agent.iter().chain(model));
                match (is_loop, as_json) {
                    (true, true) => ui.json_line(&as_line(&id, candidate, judged, policy)),
                    (true, false) => ui.verdict(judged.verdict, &judged.reason),
                    (false, _) => {}
                }
            }
            _ => {}
        }
    })
}

fn as_line(id: &str, candidate: &Try, judged: &Judged, policy: &Policy) -> serde_json::Value {
    json!({
        "experiment": id,
        "n": judged.n,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "description": candidate.description,
        "metric": policy.metric,
        "value": judged.value,
        "incumbent_value": judged.incumbent_value,
        "commit": judged.kept_commit(candidate),
        "guards": judged.guards,
        "agent": candidate.agent,
        "model": judged.model,
        "seconds": judged.seconds,
    })
}

fn introduce(context: &Context, lab: &Lab<'_>, order: &Order, history: &History) {
    let policy = lab.policy();
    let agent = order.agent.as_ref().map_or("nobody", Agent::name);
    let best = history.incumbent.as_ref().map_or(String::new(), |best| {
        format!("; {} so far", quantity(best.value, &policy.unit))
    });
    context.ui.info(&format!(
        "{}: {agent} changes {}; {}, {} is better{best}",
        lab.id(),
        lab.experiment().target.join(", "),
        policy.metric,
        policy.direction,
    ));
    let bounds = &order.bounds;
    let until: Vec<String> = [
        bounds.tries.map(|tries| ui::count(tries, "try", "tries")),
        bounds
            .time
            .map(|time| humantime::format_duration(time).to_string()),
        bounds.cost_usd.map(|cost| format!("${cost:.2}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    context.ui.info(&match until.as_slice() {
        [] => "until you stop it with Ctrl-C".to_owned(),
        until => format!("until {}, or Ctrl-C", until.join(", ")),
    });
}

fn summarise(
    context: &Context,
    project: &Project,
    lab: &Lab<'_>,
    before: Option<&Incumbent>,
    history: &History,
    outcome: &Outcome,
    as_json: bool,
) {
    let (ui, tally, policy) = (&context.ui, &outcome.tally, lab.policy());
    let best = history.incumbent.as_ref();
    // Somebody else may have moved it.
    let is_on_branch =
        best.is_some_and(|best| matches!(lab.branch_elsewhere(&best.commit), Ok(None)));
    if as_json {
        ui.json_line(&json!({"summary": {
            "experiment": lab.id().to_string(),
            "ended": outcome.ended.as_ref().map_or_else(ToString::to_string, ToString::to_string),
            "tries": tally.tries(),
            "keeps": tally.keeps,
            "discards": tally.discards,
            "crashes": tally.crashes,
            "seconds": tally.time.as_secs_f64(),
            "cost_usd": tally.cost_usd,
            "unknown_costs": tally.unknown_costs,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
            "metric": policy.metric,
            "unit": policy.unit,
            "before": before.map(|before| before.value),
            "change": tally.gain.share().filter(|_| tally.gain.is_any()),
            "change_interval": tally.gain.interval().map(|(low, high)| [low, high]),
            "best": best.map(|best| json!({"value": best.value, "commit": best.commit})),
        }}));
        return;
    }
    ui.data("");
    ui.data(&format!(
        "{} in {}: {} kept, {} discarded, {} crashed; {}",
        ui::count(tally.tries(), "try", "tries"),
        ui::seconds(tally.time.as_secs_f64()),
        tally.keeps,
        tally.discards,
        tally.crashes,
        ui::cost(tally.cost_usd, tally.unknown_costs)
    ));
    if let Some(best) = best {
        let value = match before.filter(|before| before.value != best.value) {
            Some(before) => tally.gain.told(before.value, best.value, &policy.unit),
            None => quantity(best.value, &policy.unit),
        };
        let branch = if is_on_branch {
            format!(" on autoresearch/{}", lab.id())
        } else {
            String::new()
        };
        ui.data(&format!(
            "{} {value}, at {}{branch}",
            policy.metric,
            git::short(&best.commit),
        ));
        if let Some(first) = history
            .first
            .filter(|first| before.is_some_and(|before| before.value != *first))
        {
            ui.data(&format!(
                "since the start: {}",
                history.gain.told(first, best.value, &policy.unit)
            ));
        }
    }
    if let Ok(ended) = &outcome.ended {
        ui.info(&format!("ended: {ended}"));
    }
    if tally.keeps > 0
        && is_on_branch
        && let Some(how) = take_over(project, lab)
    {
        ui.hint(&how);
    }
}

/// How to get the best version into the checkout, without losing what is there; none where it is
/// there, or git cannot tell.
fn take_over(project: &Project, lab: &Lab<'_>) -> Option<String> {
    let targets = project.paths(&lab.experiment().target);
    let branch = format!("autoresearch/{}", lab.id());
    // Not where an agent has made git run something.
    let repository = lab.repository().ok()?;
    let (now, changed) = repository.state(&targets).ok()?;
    if now.as_deref() == Some(&branch) {
        return None;
    }
    let merge = format!("git merge {branch}");
    if changed.is_empty() {
        return Some(format!("to take it over: `{merge}`"));
    }
    if repository.is_as_in(&lab.id().branch(), &targets).ok()? {
        // Git does not merge over changes, though they are the same.
        let paths: Vec<String> = changed.iter().map(|path| from_top(path)).collect();
        return Some(format!(
            "to take it over: `git checkout -- {} && {merge}`",
            paths.join(" ")
        ));
    }
    Some(format!(
        "to take it over: commit or stash what you have changed in {} first, then `{merge}`",
        changed
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    ))
}

/// A path as git takes it wherever in the checkout it is called.
fn from_top(path: &Path) -> String {
    let path = format!(":/{}", path.display());
    shlex::try_quote(&path).map_or_else(|_| path.clone(), |quoted| quoted.into_owned())
}

/// Whether a loop ended as it was meant to.
fn finish(ended: Ended, directory: &std::path::Path) -> Result<(), Failure> {
    let what = match ended {
        Ended::Crashes => format!("paused after {CRASHES_IN_A_ROW} crashes in a row"),
        Ended::Unfit => {
            format!("paused: {UNFIT_IN_A_ROW} proposals in a row were not fit to be measured")
        }
        _ => return Ok(()),
    };
    Err(Failure::new(Exit::Measurement, what).hint(format!(
        "look at the logs in `{}`; run again to go on",
        directory.join("runs").display()
    )))
}

/// One verdict to be shown.
struct Shown<'a> {
    candidate: &'a Try,
    judged: &'a Judged,
    best: Option<&'a Incumbent>,
    left_alone: bool,
}

fn show(context: &Context, project: &Project, lab: &Lab<'_>, shown: &Shown<'_>, as_json: bool) {
    let Shown {
        candidate,
        judged,
        best,
        left_alone,
    } = *shown;
    let ui = &context.ui;
    if as_json {
        let mut line = as_line(&lab.id().to_string(), candidate, judged, lab.policy());
        let best = best.map(|best| json!({"value": best.value, "commit": best.commit}));
        if let Some(line) = line.as_object_mut() {
            line.insert("best".to_owned(), json!(best));
        }
        ui.json(&line);
        return;
    }
    ui.verdict(judged.verdict, &judged.reason);
    let best = best.map_or("", |best| git::short(&best.commit));
    if judged.verdict == Verdict::Keep {
        ui.info(&format!(
            "commit {best} is the best so far, on the branch autoresearch/{}",
            lab.id()
        ));
        if let Some(how) = take_over(project, lab) {
            ui.hint(&how);
        }
        return;
    }
    // Where nothing was proposed, its ref is the best version.
    if candidate.commit != candidate.parent {
        let stays = format!("this try stays at {}", lab.id().candidate(judged.n));
        ui.info(&if candidate.agent.is_some() || left_alone {
            stays
        } else {
            format!(
                "the best version ({best}) is back in {}; {stays}",
                lab.experiment().target.join(", ")
            )
        });
    }
    if judged.verdict == Verdict::Crash {
        // What failed is the agent where nothing was measured.
        let log = ["candidate", "agent"]
            .iter()
            .find_map(|who| runlog::last(lab.directory(), judged.n, who))
            .unwrap_or_else(|| lab.directory().join(format!("runs/{:04}", judged.n)));
        let log = log
            .strip_prefix(context.path.canonicalize().unwrap_or_default())
            .unwrap_or(&log);
        ui.info(&format!("its output is in {}", log.display()));
    }
}

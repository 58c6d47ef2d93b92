//! `run --dry-run`: what would be done, with what.

use std::path::Path;
use std::time::Duration;

use super::run::Order;
use super::{Context, ui};
use crate::decision::{Policy, number};
use crate::driver::Lab;
use crate::failure::Failure;
use crate::git;
use crate::instrument::Instrument;
use crate::journal;
use crate::project::Project;
use crate::proposer::Request;
use crate::sandbox::{Confinement, Sandbox, Tier};

/// Shows what a run would do, with what.
pub(super) fn show(
    context: &Context,
    project: &Project,
    lab: &Lab<'_>,
    order: &Order,
) -> anyhow::Result<()> {
    let history = journal::read(lab.directory()).map_err(Failure::from)?;
    let (experiment, policy, instrument) = (lab.experiment(), lab.policy(), lab.instrument());
    let descriptor = instrument.evaluator.descriptor();
    let pace = history.noise.prior(0.0).pace;
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
            policy
                .min_improvement
                .map_or(String::new(), |least| format!(", by at least {least}")),
            how_it_is_decided(policy, pace)
        ),
    );
    for (name, value) in &instrument.settings.parameters {
        data("parameter", &format!("{name} = {value}"));
    }
    let commands = |instrument: &Instrument| {
        for (role, line) in &instrument.settings.commands {
            let how = if line.uses_shell() {
                "with sh -c"
            } else {
                "directly"
            };
            data("command", &format!("{role}: {how}: {:?}", line.argv()));
        }
    };
    commands(instrument);
    let turns = lab.order(&history);
    let in_turn = turns
        .before
        .iter()
        .map(|index| (index, "before the objective"))
        .chain(
            turns
                .after
                .iter()
                .map(|index| (index, "for what the objective would keep")),
        );
    for (index, when) in in_turn {
        let Some(guard) = lab.guards().get(*index) else {
            continue;
        };
        let requirements: Vec<String> = guard.requirements().map(ToString::to_string).collect();
        let took = history
            .guard_seconds(&guard.meaning)
            .map_or("yet to be measured".to_owned(), |took| {
                format!("{when} (it took {})", ui::seconds(took))
            });
        data(
            "guard",
            &format!("{}: {}; {took}", guard.name, requirements.join(", ")),
        );
        commands(&guard.instrument);
    }
    if let Some(model) = &lab.instrument().model {
        let settings = model.settings();
        data(
            "model",
            &format!(
                "{}; in one evaluation at most {}, {} KiB, ${:.2}",
                model.name(),
                ui::count(settings.max_calls.into(), "call", "calls"),
                settings.max_kib,
                settings.max_cost_usd
            ),
        );
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
        .variables()
        .iter()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    data("environment", &names.join(", "));
    data("sandbox", &sandbox(lab.sandbox()));
    data("tries", &format!("{}: {}", history.tries, history.counts()));
    if let Some(incumbent) = &history.incumbent {
        let first = history.first.filter(|first| *first != incumbent.value);
        let since = first.map_or(String::new(), |first| {
            format!(
                ", {} since the start",
                history.gain.told(first, incumbent.value, &policy.unit)
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
    let baseline = match history.incumbent {
        Some(_) if !history.is_imported() => "",
        _ => "measure the baseline, then ",
    };
    let Some(agent) = &order.agent else {
        data(
            "next",
            &format!(
                "{baseline}judge the target as it stands in {}",
                project.directory.display()
            ),
        );
        return Ok(());
    };
    let settings = agent.settings();
    let line = agent.command_line(&Request {
        prompt: Path::new("PROMPT"),
        transcript: Path::new("TRANSCRIPT"),
        directory: &project.directory,
        confinement: &Confinement::none(),
        targets: &experiment.target,
        max_cost_usd: order.bounds.cost_usd,
        environment: &[],
    })?;
    data("agent", &format!("{}: {:?}", agent.name(), line.argv()));
    data(
        "limits",
        &[
            Some(format!(
                "{} a proposal",
                humantime::format_duration(settings.timeout)
            )),
            order.bounds.tries.map(|n| ui::count(n, "try", "tries")),
            order
                .bounds
                .time
                .map(|time| humantime::format_duration(time).to_string()),
            order.bounds.cost_usd.map(|cost| format!("${cost:.2}")),
            Some(format!(
                "{} of a crash",
                ui::count(order.bounds.fix_attempts.into(), "fix", "fixes")
            )),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", "),
    );
    data(
        "next",
        &format!("{baseline}ask the agent in a worktree, and judge what it proposes"),
    );
    if let Some(prompt) = lab.next_prompt(&history) {
        data("prompt", "");
        for line in prompt.lines() {
            context.ui.data(&format!("  {line}"));
        }
    }
    Ok(())
}

/// How a verdict comes about, where a round takes so long, if that is known.
fn how_it_is_decided(policy: &Policy, pace: Option<Duration>) -> String {
    if policy.deterministic {
        return "measured once, compared with the record".to_owned();
    }
    let rules = &policy.rules;
    let surely = match rules.false_keep_rate {
        _ if !rules.control_noise(pace.unwrap_or_default()) => {
            "which is too little to control the noise".to_owned()
        }
        Some(rate) => format!("at most {}% of keeps false", percent(rate)),
        None => format!(
            "a change that does nothing kept with a chance of {}% at most",
            percent(rules.alpha)
        ),
    };
    format!(
        "measured beside the incumbent in up to {} and {}, {surely}",
        ui::count(rules.max_rounds.into(), "round", "rounds"),
        humantime::format_duration(rules.max_time)
    )
}

/// A share in per cent, without the digits of its representation.
fn percent(share: f64) -> f64 {
    (share * 1e12).round() / 1e10
}

fn sandbox(sandbox: &Sandbox) -> String {
    let what = match sandbox.tier() {
        Tier::None => "none: commands run as you, in a process tree of their own",
        tier => tier.name(),
    };
    match sandbox.shortfall() {
        Some(why) => format!("{what} ({why})"),
        None => what.to_owned(),
    }
}

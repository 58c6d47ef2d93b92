//! `qualify`: is the objective fit for a night?

use serde_json::json;

use super::approval::Accept;
use super::{Context, approval, run, ui};
use crate::decision::{Assessment, Policy, number, quantity};
use crate::experiment::Id;
use crate::failure::Failure;
use crate::journal::{Broken, Journal, Qualification};

/// A value is another one where it is further off than this many standard deviations.
const MOVED: f64 = 3.0;

/// Find out whether the objective is fit for a night: its noise, and what can be told in spite of it
///
/// Measures the incumbent against itself in rounds, as a candidate would be, and once with nonsense in
/// the place of the target: the metric should notice. Says how noisy the metric is, the smallest gain
/// that verdicts find, how long a verdict takes, and what is wrong. What it learns of the noise makes
/// the first verdicts of the next run quicker.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    accept: Accept,
    /// Qualify this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Measure so many rounds; more of them tell the noise more exactly
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    rounds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  autoresearch qualify                   the only experiment here, in 16 rounds
  autoresearch qualify --rounds 40       the noise more exactly";

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    context.watch_signals()?;
    let (project, host) = context.project_and_host()?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    run::tell_of_earlier_results(context, &found)?;
    let mut journal = Journal::open(&found.directory).map_err(Failure::from)?;
    let notify = run::watched(context, &found, false, arguments.json);
    let lab = run::open(context, &host, &project, found, notify)?;
    approval::of_experiment(context, &lab, arguments.accept)?;
    let policy = lab.policy();
    let rounds = if policy.deterministic {
        2
    } else {
        arguments.rounds
    };
    let qualification = match lab.qualify(&mut journal, rounds) {
        Err(_) if context.cancel.is_cancelled() => return Err(context.stopped().into()),
        qualification => qualification?,
    };
    context.ui.idle();
    let assessment = Assessment::of(policy, &qualification.rounds, qualification.round_seconds);
    let warnings = warnings(policy, &qualification, &assessment);
    if arguments.json {
        context.ui.json(&as_json(
            &lab.id().to_string(),
            policy,
            &qualification,
            &assessment,
            &warnings,
        ));
        return Ok(());
    }
    show(context, policy, &qualification, &assessment);
    for warning in &warnings {
        context.ui.warning(warning);
    }
    if warnings.is_empty() {
        context.ui.info("fit for a night");
    }
    Ok(())
}

fn show(
    context: &Context,
    policy: &Policy,
    qualification: &Qualification,
    assessment: &Assessment,
) {
    let ui = &context.ui;
    let data = |name: &str, value: &str| ui.data(&format!("{name:<14} {value}"));
    data(&policy.metric, &quantity(assessment.value, &policy.unit));
    if policy.deterministic {
        data("noise", "none: the evaluator says that it is deterministic");
    } else {
        let with_share = |amount: f64| {
            let share = amount / assessment.value.abs() * 100.0;
            let amount = quantity(amount, &policy.unit);
            if share.is_finite() {
                format!("{amount} ({share:.1}%)")
            } else {
                amount
            }
        };
        data(
            "noise",
            &format!(
                "{}, give or take {:.0}%: the standard deviation of one measurement, from {}",
                with_share(assessment.deviation),
                100.0 * assessment.uncertainty,
                ui::count(qualification.rounds.len() as u64, "round", "rounds")
            ),
        );
        if assessment.is_controlled(&policy.rules) {
            data(
                "smallest gain",
                &format!(
                    "about {}: found nearly always",
                    with_share(assessment.smallest_gain)
                ),
            );
            let takes = |rounds: f64| {
                format!(
                    "about {rounds:.0} rounds ({})",
                    ui::seconds(rounds * assessment.round_seconds)
                )
            };
            data(
                "a verdict",
                &format!(
                    "{} on a change that does nothing, {} on a gain",
                    takes(assessment.no_op_rounds),
                    takes(assessment.gain_rounds)
                ),
            );
        }
    }
    data(
        "broken target",
        &match &qualification.broken {
            Broken::Fails => "cannot be measured, as it should be".to_owned(),
            Broken::Measured { value } => {
                format!("gives {}", quantity(*value, &policy.unit))
            }
        },
    );
}

/// What speaks against a night.
fn warnings(
    policy: &Policy,
    qualification: &Qualification,
    assessment: &Assessment,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let metric = &policy.metric;
    if let Broken::Measured { value } = qualification.broken {
        let values = || {
            let rounds = qualification.rounds.iter();
            rounds.flat_map(|round| [round.incumbent, round.candidate])
        };
        let is_seen = values().any(|seen| seen <= value) && values().any(|seen| seen >= value);
        if is_seen || (value - assessment.value).abs() <= MOVED * assessment.deviation {
            warnings.push(format!(
                "with nonsense in the place of the target, {metric} is {}, as before: does the evaluator measure the target?",
                quantity(value, &policy.unit)
            ));
        }
    }
    if policy.deterministic {
        if let Some(round) = qualification.rounds.iter().find(|r| r.difference() != 0.0) {
            warnings.push(format!(
                "{metric} was {} and {} for the same target, and counts as deterministic: half of all changes that do nothing would be kept",
                number(round.incumbent),
                number(round.candidate)
            ));
        }
        return warnings;
    }
    let rules = &policy.rules;
    if !assessment.is_controlled(rules) {
        warnings.push(format!(
            "noise is not controlled: a keep takes {} rounds at least, and `[decision]` allows {} in {}, one of which takes {}; make evaluations shorter, or raise `max_rounds` or `max_time`",
            assessment.least_rounds,
            rules.max_rounds,
            ui::seconds(rules.max_time.as_secs_f64()),
            ui::seconds(assessment.round_seconds)
        ));
    } else if assessment.gain_rounds > assessment.rounds_in_time {
        warnings.push(format!(
            "a gain takes about {:.0} rounds, and only {:.0} fit in the {} of `max_time`: many gains will not be found",
            assessment.gain_rounds,
            assessment.rounds_in_time,
            ui::seconds(rules.max_time.as_secs_f64())
        ));
    }
    if assessment.biased {
        warnings.push(format!(
            "{metric} differs between two worktrees that hold the same: what does it depend on besides the target?"
        ));
    }
    if assessment.deviation == 0.0 {
        warnings.push(format!(
            "{metric} was always the same: where it has no noise, `deterministic = true` in `[objective]` saves rounds"
        ));
    }
    warnings
}

fn as_json(
    id: &str,
    policy: &Policy,
    qualification: &Qualification,
    assessment: &Assessment,
    warnings: &[String],
) -> serde_json::Value {
    json!({
        "experiment": id,
        "metric": policy.metric,
        "unit": policy.unit,
        "value": assessment.value,
        "deterministic": policy.deterministic,
        "deviation": assessment.deviation,
        "uncertainty": assessment.uncertainty,
        "smallest_gain": assessment.smallest_gain,
        "controlled": policy.deterministic || assessment.is_controlled(&policy.rules),
        "rounds": qualification.rounds,
        "round_seconds": assessment.round_seconds,
        "least_rounds": assessment.least_rounds,
        "no_op_rounds": assessment.no_op_rounds,
        "gain_rounds": assessment.gain_rounds,
        "broken": qualification.broken,
        "warnings": warnings,
    })
}

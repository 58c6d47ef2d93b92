//! `show`: one try, with what its verdict rests on.

use serde_json::json;

use super::{Context, best, run, ui};
use crate::decision::{Evidence, number, quantity};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::git;
use crate::journal::{self, AgentUse, Depth, Entry, Item, Judged, Position};
use crate::measure::Measurement;
use crate::project::{Found, Project};
use crate::report::Progress;

/// Show one try: its verdict and why, and all that was measured
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show the try of this number
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    n: u64,
    /// Look at this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    let n = arguments.n;
    let (progress, entry) = entry(&found, n)?;
    let Entry {
        taken_up,
        candidate,
        judged,
    } = entry;
    if arguments.json {
        context.ui.json(&json!({
            "experiment": found.id.to_string(),
            "taken_up": taken_up,
            "try": candidate,
            "judged": judged.as_ref().map(|(time, _)| time),
            "verdict": judged.as_ref().map(|(_, judged)| judged),
        }));
        return Ok(());
    }
    let unit = progress.unit;
    let ui = &context.ui;
    best::warn_of_damage(ui, &found.id, progress.damaged);
    let data = |name: &str, value: &str| ui.data(&format!("{name:<10} {value}"));
    data(&format!("try {n}"), &candidate.description);
    if let Some(mended) = candidate.mends {
        data("mends", &format!("try {mended}"));
    }
    data("taken up", &moment(&taken_up));
    if let Some(agent) = &candidate.agent {
        data("by", &used(agent));
    }
    match &judged {
        Some((time, judged)) => show_verdict(&data, time, judged, &unit),
        None if progress.damaged > 0 => data("verdict", "none that can be read"),
        None => data("verdict", "none yet"),
    }
    let commit = judged
        .as_ref()
        .map_or(candidate.commit.as_str(), |(_, judged)| {
            judged.kept_commit(&candidate)
        });
    let is_here = project.repository.has_commit(commit);
    let is_here = is_here.map_err(Failure::from)?;
    match commit {
        git::NO_COMMIT => data("commit", "unknown"),
        _ if is_here => data("commit", commit),
        _ => data("commit", &format!("{commit}, not in this repository")),
    }
    data("changes", git::short(&candidate.parent));
    if is_here {
        data("ref", &found.id.candidate(n));
    }
    let logs = found.directory.join(format!("runs/{n:04}"));
    if logs.is_dir() {
        data("logs", &logs.display().to_string());
    }
    if is_here && commit != candidate.parent {
        let which = match project.ids().len() {
            1 => String::new(),
            _ => format!(" -x {}", found.id),
        };
        ui.hint(&format!(
            "`autoresearch diff {n}{which}` shows what it changed"
        ));
    }
    Ok(())
}

/// A try with all that is recorded of it, and what its experiment comes to.
pub(super) fn entry(found: &Found, n: u64) -> Result<(Progress, Entry), Failure> {
    let mut progress = Progress::default();
    let mut offset = None;
    let start = Position::default();
    journal::scan(&found.directory, start, Depth::Verdicts, 1, |item| {
        progress.add(&item);
        match item {
            Item::Tried(tried) if tried.n == n => offset = Some(tried.offset),
            _ => {}
        }
    })
    .map_err(Failure::from)?;
    let id = &found.id;
    let offset = offset.ok_or_else(|| {
        Failure::input(format!("the experiment `{id}` has no try {n}"))
            .hint("`autoresearch results` shows which there are")
    })?;
    let entry = journal::entry(&found.directory, offset).map_err(Failure::from)?;
    let entry = entry.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            format!("the journal of `{id}` is damaged where try {n} is"),
        )
        .hint("`autoresearch results` shows the rest, and which lines are damaged")
    })?;
    Ok((progress, entry))
}

type Data<'a> = &'a dyn Fn(&str, &str);

fn show_verdict(data: Data<'_>, time: &str, judged: &Judged, unit: &str) {
    data("verdict", &format!("{}: {}", judged.verdict, judged.reason));
    data("judged", &moment(time));
    if let Some(evidence) = &judged.evidence {
        show_evidence(data, evidence, unit);
    }
    show_measurements(data, &judged.measurements, &judged.incumbent_measurements);
    for guard in &judged.guards {
        let held = match &guard.failed {
            Some(requirement) => format!("fails `{requirement}`"),
            None => "holds".to_owned(),
        };
        data(
            "guard",
            &format!("{}: {held} ({})", guard.name, ui::seconds(guard.seconds)),
        );
        show_measurements(data, &guard.measurements, &guard.incumbent_measurements);
    }
    for diagnostic in &judged.diagnostics {
        data("remark", &diagnostic.message);
    }
    if let Some(model) = &judged.model {
        data(
            "model",
            &format!(
                "{} of {}",
                ui::count(u64::from(model.calls), "call", "calls"),
                used(&model.used)
            ),
        );
    }
    if judged.seconds > 0.0 {
        data("took", &ui::seconds(judged.seconds));
    }
    data("sandbox", &judged.sandbox);
}

/// Each metric with its samples, beside those of the incumbent where there are any.
fn show_measurements(data: Data<'_>, candidate: &[Measurement], incumbent: &[Measurement]) {
    for measurement in candidate {
        let beside = incumbent
            .iter()
            .find(|other| other.metric == measurement.metric);
        let value = match beside {
            Some(beside) => format!(
                "{} -> {}",
                number(beside.value()),
                number(measurement.value())
            ),
            None => number(measurement.value()),
        };
        data(&measurement.metric, &value);
        if measurement.samples.len() > 1 {
            if let Some(beside) = beside {
                data("", &format!("before: {}", samples(&beside.samples)));
            }
            data("", &format!("now: {}", samples(&measurement.samples)));
        }
    }
}

/// The first of them, and how many more there are.
fn samples(samples: &[f64]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = samples.iter().take(SHOWN).copied().map(number).collect();
    let more = match samples.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(" "))
}

/// `2026-01-02 03:04:05 UTC`.
fn moment(time: &str) -> String {
    let seconds = time.split('.').next().unwrap_or(time);
    format!("{} UTC", seconds.replace('T', " ").trim_end_matches('Z'))
}

/// An agent with what it used, as far as it tells.
fn used(agent: &AgentUse) -> String {
    let mut told = ui::by(agent);
    if let Some(model) = &agent.model {
        told.push_str(&format!(", {model}"));
    }
    for (tokens, what) in [(agent.input_tokens, "in"), (agent.output_tokens, "out")] {
        if let Some(tokens) = tokens {
            told.push_str(&format!(", {tokens} tokens {what}"));
        }
    }
    told
}

fn show_evidence(data: Data<'_>, evidence: &Evidence, unit: &str) {
    let ends = match evidence.interval {
        (Some(low), Some(high)) => {
            format!("; 95% interval {} to {}", number(low), number(high))
        }
        (Some(low), None) => format!("; 95% sure: more than {}", number(low)),
        (None, Some(high)) => format!("; 95% sure: less than {}", number(high)),
        (None, None) => "; too few rounds for an interval".to_owned(),
    };
    data(
        "better by",
        &format!(
            "{}, the median of the differences{}{ends}",
            quantity(evidence.estimate, unit),
            if evidence.confirming > 0 {
                " in the rounds that confirm"
            } else {
                ""
            }
        ),
    );
    data(
        "evidence",
        &match evidence.alpha {
            Some(alpha) => format!(
                "e-value {}, of {} that a keep takes (alpha {alpha})",
                number(evidence.e_value),
                number(1.0 / alpha)
            ),
            None => "the noise was not controlled".to_owned(),
        },
    );
    if let Some(noise) = evidence.noise {
        data(
            "noise",
            &format!(
                "{}: the standard deviation of a difference, from rounds before",
                quantity(noise, unit)
            ),
        );
    }
    if let Some(margin) = evidence.margin {
        data(
            "margin",
            &format!(
                "{}: simpler, so it may be worse by this",
                quantity(margin, unit)
            ),
        );
    }
    let first_fresh = evidence.rounds.len().saturating_sub(evidence.confirming);
    for (round, pair) in evidence.rounds.iter().enumerate() {
        let fresh = if round >= first_fresh {
            "  to confirm"
        } else {
            ""
        };
        data(
            &format!("round {}", round + 1),
            &format!(
                "{} -> {}{fresh}",
                number(pair.incumbent),
                number(pair.candidate)
            ),
        );
    }
}

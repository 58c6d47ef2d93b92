//! `show`: one try, with what its verdict rests on.

use serde_json::json;

use super::{Context, run, ui};
use crate::decision::{Evidence, number, quantity};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::git;
use crate::journal;
use crate::measure::Measurement;
use crate::project::Project;

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
    let (history, tried) = journal::find(&found.directory, n).map_err(Failure::from)?;
    let Some((candidate, judged)) = tried else {
        return Err(Failure::new(
            Exit::Input,
            format!("the experiment `{}` has no try {n}", found.id),
        )
        .hint("`autoresearch list` says how many there are")
        .into());
    };
    if arguments.json {
        context.ui.json(&json!({
            "experiment": found.id.to_string(),
            "try": candidate,
            "verdict": judged,
        }));
        return Ok(());
    }
    let unit = history
        .baseline
        .map_or_else(String::new, |baseline| baseline.unit);
    let ui = &context.ui;
    let data = |name: &str, value: &str| ui.data(&format!("{name:<10} {value}"));
    data(&format!("try {n}"), &candidate.description);
    if let Some(agent) = &candidate.agent {
        data("by", &ui::by(agent));
    }
    let Some(judged) = judged else {
        data("verdict", "none yet");
        return Ok(());
    };
    data("verdict", &format!("{}: {}", judged.verdict, judged.reason));
    if let Some(evidence) = &judged.evidence {
        show_evidence(&data, evidence, &unit);
    }
    for measurement in &judged.measurements {
        let beside = judged
            .incumbent_measurements
            .iter()
            .find(|other| other.metric == measurement.metric);
        data(&measurement.metric, &values(measurement, beside));
    }
    for guard in &judged.guards {
        let held = match &guard.failed {
            Some(requirement) => format!("fails `{requirement}`"),
            None => "holds".to_owned(),
        };
        data("guard", &format!("{}: {held}", guard.name));
    }
    for diagnostic in &judged.diagnostics {
        data("remark", &diagnostic.message);
    }
    if judged.seconds > 0.0 {
        data("took", &ui::seconds(judged.seconds));
    }
    let commit = judged.kept_commit(&candidate);
    if commit == git::NO_COMMIT {
        data("commit", "unknown");
    } else if project
        .repository
        .has_commit(commit)
        .map_err(Failure::from)?
    {
        data("commit", git::short(commit));
        data("ref", &found.id.candidate(n));
    } else {
        data(
            "commit",
            &format!("{}, not in this repository", git::short(commit)),
        );
    }
    let logs = found.directory.join(format!("runs/{n:04}"));
    if logs.is_dir() {
        data("logs", &logs.display().to_string());
    }
    Ok(())
}

fn show_evidence(data: &dyn Fn(&str, &str), evidence: &Evidence, unit: &str) {
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

/// The candidate's value of a metric, beside the incumbent's where there is one.
fn values(candidate: &Measurement, incumbent: Option<&Measurement>) -> String {
    match incumbent {
        Some(incumbent) => format!(
            "{} -> {}",
            number(incumbent.value()),
            number(candidate.value())
        ),
        None => number(candidate.value()),
    }
}

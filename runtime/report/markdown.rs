//! Results as Markdown, for an issue, a pull request or a wiki.

use super::words::{cost, count, counts, percent, seconds};
use super::{Activity, Listed, Progress};
use crate::decision::{number, quantity};
use crate::git;
use crate::journal::Tried;
use crate::text::markdown;

const TRIES: &str = "\
| try | verdict | value | change | commit | what |
|---:|---|---:|---:|---|---|
";

/// A dashboard.
pub fn dashboard(title: &str, experiments: &[Listed]) -> String {
    let total = super::totals(experiments.iter().map(|listed| &listed.progress));
    let mut out = format!(
        "# {}\n\n{}; {}; {}\n\n",
        markdown(title),
        count(experiments.len() as u64, "experiment", "experiments"),
        counts(&total),
        cost(total.cost_usd, total.unknown_costs)
    );
    out.push_str("| experiment | runs | kept | best | change | activity | metric |\n|---|---:|---:|---:|---:|---|---|\n");
    for listed in experiments {
        let progress = &listed.progress;
        let best = progress.best.as_ref();
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            markdown(&format!("{}/{}", listed.domain, listed.name)),
            progress.tries,
            progress.keeps,
            best.map_or_else(
                || "-".to_owned(),
                |best| markdown(&quantity(best.value, &progress.unit))
            ),
            percent(progress.change().filter(|change| *change != 0.0)),
            listed.activity.word(),
            markdown(&progress.metric),
        ));
    }
    out
}

/// What an experiment comes to, down to the head of the table of its tries.
pub fn heading(id: &str, activity: Activity, progress: &Progress) -> String {
    let mut out = format!("# {}\n\n", markdown(id));
    let mut fact = |text: String| out.push_str(&format!("- {text}\n"));
    if let (Some(first), Some(best)) = (progress.first, &progress.best) {
        let better = progress
            .direction
            .map_or_else(String::new, |direction| format!(", {direction} is better"));
        let paired = progress
            .gain
            .in_words()
            .filter(|_| progress.gain.is_paired());
        let (start, end) = (
            markdown(&quantity(first, &progress.unit)),
            markdown(&quantity(best.value, &progress.unit)),
        );
        let share = match percent(progress.change()).as_str() {
            "" => String::new(),
            share => format!(" ({share})"),
        };
        let value = match paired {
            Some(words) => format!("**{words}**, {end} when kept, {start} at the start"),
            None => format!("{} -> **{end}**{share}", number(first)),
        };
        fact(format!("{}: {value}{better}", markdown(&progress.metric)));
        let which = match best.n {
            0 => "the baseline".to_owned(),
            n => format!("try {n}"),
        };
        fact(format!("best: {which}, `{}`", git::short(&best.commit)));
    }
    fact(counts(progress));
    fact(format!(
        "{}; {} measuring, {} of agents; {}",
        cost(progress.cost_usd, progress.unknown_costs),
        seconds(progress.measuring_seconds),
        seconds(progress.agent_seconds),
        activity.word()
    ));
    out.push('\n');
    out.push_str(TRIES);
    out
}

/// A try as a line of the table.
pub fn row(tried: &Tried, progress: &Progress) -> String {
    let value = tried.value.map_or_else(
        || "-".to_owned(),
        |value| markdown(&quantity(value, &progress.unit)),
    );
    let change = match tried.value {
        Some(_) => percent(tried.change()),
        None => String::new(),
    };
    format!(
        "| {} | {} | {value} | {change} | `{}` | {} |\n",
        tried.n,
        tried.status().word(),
        git::short(&tried.commit).replace('`', ""),
        markdown(&tried.description)
    )
}

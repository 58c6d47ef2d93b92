//! What the row of a try opens to.

use maud::{Markup, html};

use super::super::chart;
use super::super::words::{count, line, seconds};
use super::{ExperimentPage, PageRow, when};
use crate::decision::{Evidence, number, quantity};
use crate::git;
use crate::journal::{AgentUse, Entry, GuardResult, Judged, ModelUse};
use crate::measure::{Direction, Measurement};
use crate::text;

/// The longest reason or remark that is shown, in characters.
const LONGEST: usize = 10_000;
/// The most samples of a metric that are listed, and the most metrics of a try.
const MOST_SAMPLES: usize = 50;
const MOST_METRICS: usize = 100;
/// What a tab in a diff becomes.
const TAB: &str = "    ";

pub(super) fn of(row: &PageRow, page: &ExperimentPage<'_>) -> Markup {
    let judged = row
        .entry
        .as_ref()
        .and_then(|entry| entry.judged.as_ref())
        .map(|(_, judged)| judged);
    let unit = line(&page.progress.unit);
    html! {
        div.parts {
            div {
                @if !row.tried.reason.is_empty() { p.reason { (text::clean(&row.tried.reason, LONGEST)) } }
                @if let Some(judged) = judged {
                    @for diagnostic in &judged.diagnostics { p.remark { "remark: " (text::clean(&diagnostic.message, LONGEST)) } }
                }
                (diff(row))
            }
            div {
                (about(row, page))
                @if let Some(judged) = judged {
                    @if let Some(evidence) = &judged.evidence { (evidence_of(evidence, page.progress.direction, &unit)) }
                    @if !judged.measurements.is_empty() {
                        h3 { "Metrics" }
                        (metrics(&judged.measurements, &judged.incumbent_measurements))
                    }
                    @for guard in &judged.guards { (guard_of(guard)) }
                }
            }
        }
    }
}

fn diff(row: &PageRow) -> Markup {
    let n = row.tried.n;
    html! {
        @match row.diff.as_deref() {
            None => p.missing { "What it changes is not at hand." },
            Some("") => p.missing { "It changes nothing." },
            Some(diff) => {
                pre.diff #{ "diff-" (n) } tabindex="0" role="region" aria-label={ "what try " (n) " changes" } {
                    @for (kind, text) in runs(diff) {
                        @if kind.is_empty() { (text) } @else { span class=(kind) { (text) } }
                    }
                }
            }
        }
    }
}

/// A diff, cleaned, as runs of lines of one kind.
fn runs(diff: &str) -> Vec<(&'static str, String)> {
    let mut runs: Vec<(&str, String)> = Vec::new();
    let mut in_head = true;
    for line in diff.lines() {
        let kind = match line.as_bytes().first() {
            _ if line.starts_with("diff --git ") => {
                in_head = true;
                "file"
            }
            Some(b'@') => {
                in_head = false;
                "hunk"
            }
            _ if in_head => "file",
            Some(b'+') => "add",
            Some(b'-') => "del",
            _ => "",
        };
        let text = text::clean_line_keeping_indent(&line.replace('\t', TAB));
        match runs.last_mut() {
            Some((last, run)) if *last == kind => run.push_str(&format!("{text}\n")),
            _ => runs.push((kind, format!("{text}\n"))),
        }
    }
    runs
}

fn about(row: &PageRow, page: &ExperimentPage<'_>) -> Markup {
    let tried = &row.tried;
    let (n, id) = (tried.n, line(page.id));
    let name = id.rsplit('/').next().unwrap_or(&id);
    let candidate = row.entry.as_ref().map(|entry| &entry.candidate);
    html! {
        dl.about {
            dt { "when (UTC)" } dd { (when(&tried.time)) }
            dt { "measuring" } dd { (seconds(tried.seconds)) }
            @if let Some(agent) = &tried.agent { dt { "agent" } dd { (used(agent)) } }
            @if let Some(ModelUse { calls, used: model }) = &tried.model {
                dt { "judge" } dd { (used(model)) ", " (count(u64::from(*calls), "call", "calls")) }
            }
            @if let Some(mends) = candidate.and_then(|candidate| candidate.mends) {
                dt { "mends" } dd { a href={ "#try-" (mends) } { "try " (mends) } }
            }
            @if let Some(guard) = &tried.failed_guard { dt { "fails guard" } dd { (line(guard)) } }
            @if !tried.commit.is_empty() { dt { "commit" } dd { (commit(&tried.commit)) } }
            @if !tried.parent.is_empty() { dt { "parent" } dd { (commit(&tried.parent)) } }
            dt { "ref" } dd { code { "refs/autoresearch/" (id) "/" (n) } }
            @if let Some(Entry { judged: Some((_, Judged { sandbox, .. })), .. }) = &row.entry {
                dt { "sandbox" } dd { (line(sandbox)) }
            }
        }
        h3 { "Go on" }
        pre.commands tabindex="0" {
            @for command in ["show", "diff"] { "autoresearch " (command) " " (n) " -x " (id) "\n" }
            "autoresearch checkout " (n) " -x " (id) " --to ../" (name) "-" (n) "\n"
        }
    }
}

fn commit(id: &str) -> Markup {
    html! { code title=(line(id)) { (line(git::short(id))) } }
}

/// `claude (opus), 41.2 s, $0.03, 1200 tokens in, 300 out`.
fn used(agent: &AgentUse) -> String {
    let mut told = line(&agent.name);
    if let Some(model) = &agent.model {
        told.push_str(&format!(" ({})", line(model)));
    }
    told.push_str(&format!(", {}", seconds(agent.seconds)));
    match agent.cost_usd {
        Some(cost) => told.push_str(&format!(", ${cost:.2}")),
        None => told.push_str(", cost unknown"),
    }
    match (agent.input_tokens, agent.output_tokens) {
        (None, None) => {}
        (input, output) => {
            let tokens = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            told.push_str(&format!(
                ", tokens: {} in, {} out",
                tokens(input),
                tokens(output)
            ));
        }
    }
    told
}

fn evidence_of(evidence: &Evidence, direction: Option<Direction>, unit: &str) -> Markup {
    let sign = match direction {
        Some(Direction::Higher) => -1.0,
        _ => 1.0,
    };
    let gains: Vec<f64> = evidence
        .rounds
        .iter()
        .map(|round| sign * round.difference())
        .collect();
    let first_fresh = evidence.rounds.len().saturating_sub(evidence.confirming);
    let is_fresh = |round: usize| round >= first_fresh;
    html! {
        h3 { "Evidence" }
        dl.about {
            dt { "better by" }
            dd {
                (quantity(evidence.estimate, unit))
                @match evidence.interval {
                    (Some(low), Some(high)) => { ", 95% interval " (number(low)) " to " (number(high)) }
                    (Some(low), None) => { ", 95% sure: more than " (number(low)) }
                    (None, Some(high)) => { ", 95% sure: less than " (number(high)) }
                    (None, None) => ", too few rounds for an interval",
                }
            }
            @match evidence.alpha {
                Some(alpha) => {
                    dt { "e-value" } dd { (short(evidence.e_value)) " of " (short(1.0 / alpha)) " that a keep takes" }
                    dt { "alpha" } dd { (short(alpha)) }
                }
                None => { dt { "e-value" } dd { "the noise was not controlled" } }
            }
            @if let Some(noise) = evidence.noise { dt { "noise" } dd { (quantity(noise, unit)) } }
            @if let Some(margin) = evidence.margin { dt { "margin" } dd { (quantity(margin, unit)) ", being simpler" } }
        }
        p.remark { "Each round's difference; right of the line the candidate is better." }
        (chart::differences(&gains, is_fresh))
        table.rounds {
            thead { tr { th scope="col" { "round" } th scope="col" { "best version" } th scope="col" { "candidate" } th scope="col" { "better by" } } }
            tbody {
                @for (place, (round, gain)) in evidence.rounds.iter().zip(&gains).enumerate() {
                    tr {
                        th scope="row" { (place + 1) @if is_fresh(place) { " confirms" } }
                        td { (number(round.incumbent)) }
                        td { (number(round.candidate)) }
                        td { (number(*gain)) }
                    }
                }
            }
        }
    }
}

/// A number without zeros at its end.
fn short(value: f64) -> String {
    let text = number(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// What was measured of the candidate, beside the same of the incumbent.
fn metrics(candidate: &[Measurement], incumbent: &[Measurement]) -> Markup {
    let of_incumbent = |metric: &str| incumbent.iter().find(|other| other.metric == metric);
    html! {
        table.metrics {
            thead { tr { th scope="col" { "metric" } th scope="col" { "best version" } th scope="col" { "candidate" } } }
            tbody {
                @for measurement in candidate.iter().take(MOST_METRICS) {
                    tr {
                        th scope="row" { (line(&measurement.metric)) }
                        td { (of_incumbent(&measurement.metric).map_or_else(|| html! {}, values)) }
                        td { (values(measurement)) }
                    }
                }
            }
        }
        @if candidate.len() > MOST_METRICS { p.note { "and " (candidate.len() - MOST_METRICS) " more metrics" } }
    }
}

/// The median, and where there are several, all samples.
fn values(measurement: &Measurement) -> Markup {
    let samples = &measurement.samples;
    let some: Vec<String> = samples
        .iter()
        .take(MOST_SAMPLES)
        .map(|sample| number(*sample))
        .collect();
    html! {
        (number(measurement.value()))
        @if samples.len() > 1 {
            small.samples {
                (some.join(" "))
                @if samples.len() > MOST_SAMPLES { " and " (samples.len() - MOST_SAMPLES) " more" }
            }
        }
    }
}

fn guard_of(guard: &GuardResult) -> Markup {
    html! {
        h3 {
            "Guard " (line(&guard.name)) ": "
            @match &guard.failed {
                Some(requirement) => { "fails " code { (line(requirement)) } }
                None => "holds",
            }
        }
        @if !guard.measurements.is_empty() { (metrics(&guard.measurements, &guard.incumbent_measurements)) }
    }
}

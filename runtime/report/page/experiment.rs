//! The page of an experiment.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::chart::{self, Told};
use super::super::words::{count, description, line, percent, seconds};
use super::super::{Activity, Progress, Status};
use super::{
    ExperimentPage, PageRow, column, cost, detail, facts, filter, made, when, when_after,
    when_of_year,
};
use crate::decision::{number, quantity};
use crate::git;
use crate::journal::{Damage, Tried};
use crate::measure::Direction;

/// The most damaged lines that are listed.
const MOST_DAMAGES: usize = 50;
/// The columns of the table of tries.
const COLUMNS: usize = 9;

pub(super) fn content(page: &ExperimentPage<'_>) -> Markup {
    let progress = page.progress;
    let metric = with_unit(&line(&progress.metric), progress);
    html! {
        header {
            @if page.live { nav { a href="../../../" { "all experiments" } } }
            h1 { (line(page.id)) " " (activity(page.activity)) }
            (headline(progress))
            (summary(progress))
            (damages(page.damages))
        }
        section {
            h2 { "Progress" }
            @match chart::progress(page.curve, &metric, &line(&progress.unit), &told(page)) {
                Some(drawn) => (drawn),
                None => p { "Nothing has been measured yet." },
            }
        }
        section {
            h2 { "Tries" }
            (tries(page))
        }
        (made(page.made))
    }
}

/// The activity, with a mark.
pub(super) fn activity(activity: Activity) -> Markup {
    html! { span.activity.running[activity == Activity::Running] { (activity.word()) } }
}

/// The change against the incumbent of which the interval tells, as shares of its value: from and to.
pub(super) fn interval(tried: &Tried, direction: Option<Direction>) -> (Option<f64>, Option<f64>) {
    let share =
        |end: f64| super::super::change(tried.incumbent_value?, tried.incumbent_value? + end);
    let (low, high) = tried.interval;
    match direction {
        Some(Direction::Lower) => (
            high.and_then(|high| share(-high)),
            low.and_then(|low| share(-low)),
        ),
        Some(Direction::Higher) => (low.and_then(share), high.and_then(share)),
        None => (None, None),
    }
}

fn headline(progress: &Progress) -> Markup {
    let unit = line(&progress.unit);
    html! {
        p.metric {
            @if progress.metric.is_empty() {
                "no metric yet"
            } @else {
                strong { (line(&progress.metric)) }
                @if !unit.is_empty() { " in " (unit) }
                @if let Some(direction) = progress.direction { ", " (direction) " is better" }
                @if let Some((name, version)) = &progress.evaluator { ", by " (line(name)) " " (line(version)) }
            }
        }
        @if let (Some(first), Some(best)) = (progress.first, &progress.best) {
            p.headline {
                @if let Some(words) = progress.gain.in_words().filter(|_| progress.gain.is_paired()) {
                    strong { (words) }
                    " " span.from { (quantity(best.value, &unit)) " when kept, " (quantity(first, &unit)) " at the start" }
                } @else {
                    span.from { (number(first)) }
                    span.arrow { " \u{2192} " }
                    strong { (quantity(best.value, &unit)) }
                    @if let Some(change) = progress.change() { " " span.change { (percent(Some(change))) } }
                }
            }
            p.best {
                "best: "
                @if best.n == 0 { "the baseline" } @else { a href={ "#try-" (best.n) } { "try " (best.n) } }
                ", commit " code { (line(git::short(&best.commit))) }
            }
        }
    }
}

fn summary(progress: &Progress) -> Markup {
    let mut told = vec![
        ("tries", html! { (progress.tries) }),
        (
            "kept",
            html! { (chart::inline_mark("keep")) (progress.keeps) },
        ),
        (
            "discarded",
            html! { (chart::inline_mark("discard")) (progress.discards) },
        ),
        (
            "crashed",
            html! { (chart::inline_mark("crash")) (progress.crashes) },
        ),
    ];
    if progress.unjudged > 0 {
        told.push((
            "not judged",
            html! { (chart::inline_mark("unjudged")) (progress.unjudged) },
        ));
    }
    told.push((
        "cost",
        html! { (cost(progress.cost_usd, progress.unknown_costs)) },
    ));
    told.push(("agents worked", html! { (seconds(progress.agent_seconds)) }));
    told.push((
        "measuring took",
        html! { (seconds(progress.measuring_seconds)) },
    ));
    if let (Some(started), Some(last)) = (&progress.started, &progress.last) {
        told.push((
            "from, to (UTC)",
            html! { (when(started)) " " span.to { (when_after(last, started)) } },
        ));
    }
    html! {
        (facts(&told))
        @if progress.uncontrolled_keeps > 0 {
            p.note {
                (count(progress.uncontrolled_keeps, "keep was", "keeps were"))
                " decided without control of the noise."
            }
        }
    }
}

fn damages(damages: &[Damage]) -> Markup {
    let count = count(
        damages.len() as u64,
        "line of the journal cannot be read",
        "lines of the journal cannot be read",
    );
    html! {
        @if !damages.is_empty() {
            details.note {
                summary { (count) }
                ul {
                    @for damage in damages.iter().take(MOST_DAMAGES) {
                        li { "line " (damage.line) ": " (line(&damage.what)) }
                    }
                    @if damages.len() > MOST_DAMAGES { li { "and " (damages.len() - MOST_DAMAGES) " more" } }
                }
            }
        }
    }
}

/// What the points of the plot tell besides their places.
fn told(page: &ExperimentPage<'_>) -> BTreeMap<u64, Told> {
    let direction = page.progress.direction;
    page.rows
        .iter()
        .map(|row| {
            let tried = &row.tried;
            let told = Told {
                text: description(tried),
                interval: values(tried, direction),
            };
            (tried.n, told)
        })
        .collect()
}

/// Between which values a try's own lies.
fn values(tried: &Tried, direction: Option<Direction>) -> Option<(f64, f64)> {
    let (incumbent, (low, high)) = (tried.incumbent_value?, tried.interval);
    match direction? {
        Direction::Lower => Some((incumbent - high?, incumbent - low?)),
        Direction::Higher => Some((incumbent + low?, incumbent + high?)),
    }
}

fn tries(page: &ExperimentPage<'_>) -> Markup {
    let value = with_unit("value", page.progress);
    html! {
        @if page.left_out > 0 {
            p.note {
                "The table leaves out " (count(page.left_out, "try", "tries")) ". "
                code { "autoresearch results -x " (line(page.id)) " --format csv" } " has all."
            }
        }
        @if page.rows.is_empty() {
            p { "There are none yet." }
        } @else {
            (filter(&kinds(page.rows), true))
            table.tries {
                caption { "The newest first. A row opens to what it changed and why it was judged so." }
                thead {
                    tr {
                        (column("try", "number", Some("descending")))
                        (column("verdict", "text", None))
                        (column(&value, "number", None))
                        (column("change", "number", None))
                        (column("95% interval", "number", None))
                        (column("when (UTC)", "text", None))
                        (column("took", "number", None))
                        (column("cost", "number", None))
                        (column("description", "text", None))
                    }
                }
                @for row in page.rows.iter().rev() { (entry(row, page)) }
            }
        }
    }
}

/// `value (ms)`.
fn with_unit(name: &str, progress: &Progress) -> String {
    match line(&progress.unit).as_str() {
        "" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    }
}

/// Which verdicts there are, and how many of each.
fn kinds(rows: &[PageRow]) -> Vec<(&'static str, u64)> {
    [
        Status::Keep,
        Status::Discard,
        Status::Crash,
        Status::Unjudged,
        Status::Open,
    ]
    .into_iter()
    .map(|status| {
        let count = rows
            .iter()
            .filter(|row| row.tried.status() == status)
            .count();
        (status.word(), count as u64)
    })
    .filter(|(_, count)| *count > 0)
    .collect()
}

/// A try's row, and what it opens to.
fn entry(row: &PageRow, page: &ExperimentPage<'_>) -> Markup {
    let tried = &row.tried;
    let n = tried.n;
    let word = tried.status().word();
    let change = tried.value.and_then(|_| tried.change());
    let cost = tried.cost_usd();
    let ends = interval(tried, page.progress.direction);
    html! {
        tbody id={ "try-" (n) } data-kind=(word) {
            tr.row {
                th scope="row" data-value=(n) { (n) }
                td.verdict.(word) { (chart::inline_mark(word)) (word) }
                td data-value=[tried.value] { (tried.value.map_or_else(String::new, number)) }
                td data-value=[change] { (percent(change)) }
                td.side data-value=[ends.0.or(ends.1)] { (evidence(tried, ends)) }
                td.side data-value=(line(&tried.time)) { (when_of_year(&tried.time)) }
                td.side data-value=(tried.seconds) { (seconds(tried.seconds)) }
                td.side data-value=[cost] { @if let Some(cost) = cost { "$" (format!("{cost:.2}")) } }
                td.what { (description(tried)) }
            }
            tr.detail id={ "detail-" (n) } {
                td colspan=(COLUMNS) {
                    details { summary { "try " (n) " in detail" } (detail::of(row, page)) }
                }
            }
        }
    }
}

/// The interval of the change, or else on how many rounds it rests.
fn evidence(tried: &Tried, ends: (Option<f64>, Option<f64>)) -> String {
    match ends {
        (Some(low), Some(high)) => format!("{} to {}", percent(Some(low)), percent(Some(high))),
        (Some(low), None) => format!("above {}", percent(Some(low))),
        (None, Some(high)) => format!("below {}", percent(Some(high))),
        (None, None) if tried.rounds > 0 => count(tried.rounds, "round", "rounds"),
        (None, None) => String::new(),
    }
}

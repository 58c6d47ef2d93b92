//! The page of all experiments.

use maud::{Markup, html};

use super::super::words::{count, line, percent, seconds};
use super::super::{Activity, Listed, chart, totals};
use super::experiment::activity;
use super::{DashboardPage, column, cost, facts, filter, made, when};
use crate::decision::quantity;

/// Of how many experiments the course is drawn.
const MOST_COURSES: usize = 1000;

pub(super) fn content(page: &DashboardPage<'_>) -> Markup {
    let total = totals(page.experiments.iter().map(|listed| &listed.progress));
    html! {
        header {
            h1 { (line(page.title)) }
            (facts(&[
                ("experiments", html! { (page.experiments.len()) }),
                ("tries", html! { (total.tries) }),
                ("kept", html! { (chart::inline_mark("keep")) (total.keeps) }),
                ("discarded", html! { (chart::inline_mark("discard")) (total.discards) }),
                ("crashed", html! { (chart::inline_mark("crash")) (total.crashes) }),
                ("cost", html! { (cost(total.cost_usd, total.unknown_costs)) }),
                ("agents worked", html! { (seconds(total.agent_seconds)) }),
                ("measuring took", html! { (seconds(total.measuring_seconds)) }),
            ]))
        }
        section aria-label="experiments" {
            @if page.experiments.is_empty() {
                p { "There are none yet: " code { "autoresearch init" } " makes one." }
            } @else {
                (table(page))
            }
        }
        (made(page.made))
    }
}

fn table(page: &DashboardPage<'_>) -> Markup {
    let draws_all = page.experiments.len() <= MOST_COURSES;
    html! {
        @if page.experiments.len() > 1 { (filter(&kinds(page.experiments), false)) }
        table.experiments {
            @if !draws_all {
                caption { "The course is drawn for the first " (MOST_COURSES) " of " (count(page.experiments.len() as u64, "experiment", "experiments")) "." }
            }
            thead {
                tr {
                    (column("domain", "text", None))
                    (column("experiment", "text", None))
                    (column("tries", "number", None))
                    (column("kept", "number", None))
                    (column("best", "number", None))
                    (column("change", "number", None))
                    th scope="col" { "course" }
                    (column("activity", "text", None))
                    (column("last (UTC)", "text", None))
                }
            }
            @for (place, listed) in page.experiments.iter().enumerate() {
                (row(listed, page.live, place < MOST_COURSES))
            }
        }
    }
}

/// Which activities there are, and how many experiments of each.
fn kinds(experiments: &[Listed]) -> Vec<(&'static str, u64)> {
    [
        Activity::Running,
        Activity::Active,
        Activity::Paused,
        Activity::Done,
        Activity::Idle,
    ]
    .into_iter()
    .map(|activity| {
        let count = experiments
            .iter()
            .filter(|listed| listed.activity == activity)
            .count();
        (activity.word(), count as u64)
    })
    .filter(|(_, count)| *count > 0)
    .collect()
}

fn row(listed: &Listed, live: bool, draw: bool) -> Markup {
    let Listed {
        domain,
        name,
        progress,
        ..
    } = listed;
    let best = progress.best.as_ref().map(|best| best.value);
    let change = progress.change();
    let leads = live && is_plain(domain) && is_plain(name);
    html! {
        tbody id={ "of-" (line(domain)) "/" (line(name)) } data-kind=(listed.activity.word()) {
            tr.row {
                td.domain { (line(domain)) }
                th.name scope="row" {
                    @if leads {
                        a href={ "experiment/" (domain) "/" (name) "/" } { (line(name)) }
                    } @else {
                        (line(name))
                    }
                    @if let Some(problem) = &listed.problem { p.problem { (line(problem)) } }
                }
                td data-value=(progress.tries) { (progress.tries) }
                td data-value=(progress.keeps) { (progress.keeps) }
                td.value data-value=[best] {
                    @if let Some(best) = best { (quantity(best, &line(&progress.unit))) small { (line(&progress.metric)) } }
                }
                td data-value=[change] { (percent(change)) }
                td.course { @if draw { (chart::sparkline(&listed.course, progress.tries)) } }
                td { (activity(listed.activity)) }
                td.side { @if let Some(last) = &progress.last { (when(last)) } }
            }
        }
    }
}

/// Whether it is a name as experiments have them, so that it can stand in an address.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

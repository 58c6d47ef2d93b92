//! Results as a page: one file that needs nothing else, not even scripting.
//!
//! A live page asks for `content?since=VERSION`, beside itself, every two seconds. The answer is 204 where
//! nothing has changed; otherwise 200 with what belongs into `<main>`, and its version in the header
//! `x-version`. Scripting or not, text from outside is cleaned and escaped here, and the page's policy
//! allows no script but the one that is in it, and no request but that one.

mod dashboard;
mod detail;
mod experiment;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use super::words::line;
use super::{Activity, Curve, Listed, Progress, chart};
use crate::journal::{Damage, Entry, Tried};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// A falling line of steps.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 3h4v4h4v3h3v3h3' fill='none' stroke='%230f7b4f' stroke-width='2'/%3E%3C/svg%3E";

/// What the page of an experiment shows.
#[derive(Debug, Clone, Copy)]
pub struct ExperimentPage<'a> {
    /// `DOMAIN/NAME`.
    pub id: &'a str,
    pub activity: Activity,
    pub progress: &'a Progress,
    pub curve: &'a Curve,
    /// The oldest first.
    pub rows: &'a [PageRow],
    /// How many tries have no row, being too many.
    pub left_out: u64,
    pub damages: &'a [Damage],
    /// When the page was made: UTC, RFC 3339.
    pub made: &'a str,
    /// It is served, and follows what goes on.
    pub live: bool,
}

/// A try in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRow {
    pub tried: Tried,
    /// All that is recorded of it; none where that cannot be read.
    pub entry: Option<Entry>,
    /// What it changes; none where that is not at hand.
    pub diff: Option<String>,
}

/// What the page of all experiments shows.
#[derive(Debug, Clone, Copy)]
pub struct DashboardPage<'a> {
    pub title: &'a str,
    pub experiments: &'a [Listed],
    /// When the page was made: UTC, RFC 3339.
    pub made: &'a str,
    /// It is served, and follows what goes on.
    pub live: bool,
}

/// The page of an experiment: a whole document.
pub fn experiment(page: &ExperimentPage<'_>) -> String {
    document(page.id, page.live.then_some(""), &experiment::content(page))
}

/// What stands in `<main>` on the page of an experiment.
pub fn experiment_content(page: &ExperimentPage<'_>) -> String {
    experiment::content(page).into_string()
}

/// The page of all experiments: a whole document.
pub fn dashboard(page: &DashboardPage<'_>) -> String {
    document(
        page.title,
        page.live.then_some(""),
        &dashboard::content(page),
    )
}

/// What stands in `<main>` on the page of all experiments.
pub fn dashboard_content(page: &DashboardPage<'_>) -> String {
    dashboard::content(page).into_string()
}

/// A live page around what stands in `<main>`, which one of the functions above made, and its version.
pub fn live_document(title: &str, version: &str, content: &str) -> String {
    document(title, Some(version), &PreEscaped(content))
}

/// What a live page may load and run, as its content security policy.
pub fn live_policy() -> String {
    policy(true)
}

/// With the version of its content, it is live.
fn document(title: &str, version: Option<&str>, content: &impl Render) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="content-security-policy" content=(policy(version.is_some()));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (line(title)) " - autoresearch" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
                script { (PreEscaped(SCRIPT)) }
            }
            body {
                (chart::marks())
                main data-version=(version.unwrap_or_default()) data-live[version.is_some()] { (content) }
                p #connection role="status" {}
            }
        }
    }
    .into_string()
}

/// What the page may load and run: what is in it.
fn policy(live: bool) -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    let connect = if live { "'self'" } else { "'none'" };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

/// `at least $1.20`.
fn cost(usd: f64, unknown: u64) -> String {
    match unknown {
        0 => format!("${usd:.2}"),
        _ if usd == 0.0 => "unknown".to_owned(),
        _ => format!("at least ${usd:.2}"),
    }
}

/// A point in time to the minute.
fn when(time: &str) -> Markup {
    shortened(time, 0)
}

/// As [`when`], without the year.
fn when_of_year(time: &str) -> Markup {
    shortened(time, 5)
}

/// As [`when`], without the day where that is the day of `other`.
fn when_after(time: &str, other: &str) -> Markup {
    if time.get(..10) == other.get(..10) {
        shortened(time, 11)
    } else {
        when(time)
    }
}

/// A time from so many characters on, to the minute.
fn shortened(time: &str, from: usize) -> Markup {
    let time = line(time);
    let short = time.get(from..16).unwrap_or(&time).replacen('T', " ", 1);
    html! { time datetime=(time) title=(time) { (short) } }
}

/// Facts in a row, each with its name.
fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// The heading of a column by which the table can be sorted, as `number` or `text`; and how it is sorted
/// where it is.
fn column(name: &str, by: &str, sorted: Option<&str>) -> Markup {
    html! { th scope="col" data-sort=(by) aria-sort=[sorted] { (name) } }
}

/// What stands above a table, for scripting: which rows to show.
fn filter(kinds: &[(&str, u64)], marked: bool) -> Markup {
    html! {
        form.filter hidden {
            @if kinds.len() > 1 {
                fieldset {
                    legend { "show" }
                    @for (kind, count) in kinds {
                        label {
                            input type="checkbox" id={ "show-" (kind) } name="kind" value=(kind) checked;
                            @if marked { (chart::inline_mark(kind)) }
                            (kind) " " span.count { (count) }
                        }
                    }
                }
            }
            output #shown {}
            label.search { "search " input #search type="search" autocomplete="off" spellcheck="false"; }
        }
    }
}

fn made(made: &str) -> Markup {
    html! {
        footer { "Made by autoresearch " (env!("CARGO_PKG_VERSION")) ", " (when(made)) " UTC." }
    }
}

#[cfg(test)]
mod tests;

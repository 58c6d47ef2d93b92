//! All experiments' results, in each format.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::{Args, Context, Format, Place, TERMINAL_TRIES, experiment, ui};
use crate::cli::output::Output;
use crate::failure::{Exit, Failure};
use crate::journal::{self, Depth, Item, Position};
use crate::project::Project;
use crate::report::page::DashboardPage;
use crate::report::terminal;
use crate::report::{Curve, Listed, Progress, csv, json, markdown, page};

pub(super) fn show(
    context: &Context,
    project: &Project,
    arguments: &Args,
    output: Output,
) -> anyhow::Result<()> {
    let mut places = places(project, arguments.domain.as_deref())?;
    if places.is_empty() {
        context.ui.info("there is no experiment here yet");
        context.ui.hint("make one with `autoresearch init`");
    }
    let format = arguments.format();
    // Where there is one only, its tries are what people want to see.
    if let ([only], false, Format::Terminal) = (
        places.as_slice(),
        arguments.dashboard || arguments.domain.is_some(),
        format,
    ) {
        let limit = arguments.limit.map_or(TERMINAL_TRIES, usize::from);
        let seen = experiment::Seen::read(&only.directory, None, limit)?;
        let screen = ui::screen(output.is_standard());
        let listed = [listed_from(only, &seen.progress, &seen.curve, None)];
        let text = format!(
            "{}\n{}",
            terminal::dashboard(&listed, screen),
            experiment::in_terminal(only, &seen, screen)
        );
        output.write(|out| Ok(out.write_all(text.as_bytes())?))?;
        super::warn(context, &only.id, &seen.damages);
        return Ok(());
    }
    let mut listed = read(&places);
    if let Some(limit) = arguments.limit {
        // Those where something happened last.
        let mut order: Vec<usize> = (0..listed.len()).collect();
        order.sort_by(|a, b| {
            let last = |at: &usize| listed.get(*at).and_then(|one| one.progress.last.clone());
            last(b).cmp(&last(a))
        });
        order.truncate(limit.get());
        order.sort_unstable();
        listed = order
            .iter()
            .filter_map(|at| listed.get(*at).cloned())
            .collect();
        places.truncate(limit.get());
    }
    let title = arguments.domain.as_deref().unwrap_or("experiments");
    let text = match format {
        Format::Terminal => terminal::dashboard(&listed, ui::screen(output.is_standard())),
        Format::Markdown => markdown::dashboard(title, &listed),
        Format::Json => format!("{:#}\n", json::dashboard(&listed)),
        Format::Html => made(title, &listed, false, page::dashboard),
        // Its records are written below.
        Format::Csv | Format::Karpathy => String::new(),
    };
    output.write(|out| match format {
        Format::Csv => Ok(csv::dashboard(out, &listed)?),
        _ => Ok(out.write_all(text.as_bytes())?),
    })?;
    for one in &listed {
        if let Some(problem) = &one.problem {
            context
                .ui
                .warning(&format!("{}/{}: {problem}", one.domain, one.name));
        }
    }
    Ok(())
}

/// What changes of the live page of a dashboard.
pub(super) fn content(title: &str, listed: &[Listed]) -> String {
    made(title, listed, true, page::dashboard_content)
}

fn made(
    title: &str,
    listed: &[Listed],
    live: bool,
    make: fn(&DashboardPage<'_>) -> String,
) -> String {
    make(&DashboardPage {
        title,
        experiments: listed,
        made: &humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        live,
    })
}

/// The experiments of a domain, or all.
pub(super) fn places(project: &Project, domain: Option<&str>) -> Result<Vec<Place>, Failure> {
    let all = project.ids();
    let places: Vec<Place> = all
        .iter()
        .filter(|(id, _)| domain.is_none_or(|domain| id.domain() == domain))
        .map(|(id, directory)| Place {
            id: id.clone(),
            directory: directory.clone(),
        })
        .collect();
    if let (Some(domain), true) = (domain, places.is_empty()) {
        let mut domains: Vec<&str> = all.iter().map(|(id, _)| id.domain()).collect();
        domains.dedup();
        let there = match domains.as_slice() {
            [] => "there is no experiment here yet; make one with `autoresearch init`".to_owned(),
            domains => format!("the domains are {}", domains.join(", ")),
        };
        return Err(Failure::new(
            Exit::Input,
            format!("there is no experiment in the domain `{domain}`"),
        )
        .hint(there));
    }
    Ok(places)
}

/// What the experiments come to, in their order; as many at once as there are CPUs.
pub(super) fn read(places: &[Place]) -> Vec<Listed> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let read: Mutex<Vec<(usize, Listed)>> = Mutex::new(Vec::with_capacity(places.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(places.len()) {
            scope.spawn(|| {
                let mut mine = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = places.get(at) else { break };
                    mine.push((at, listed(place)));
                }
                if let Ok(mut read) = read.lock() {
                    read.append(&mut mine);
                }
            });
        }
    });
    let mut read = read.into_inner().unwrap_or_default();
    read.sort_by_key(|(at, _)| *at);
    read.into_iter().map(|(_, listed)| listed).collect()
}

fn listed(place: &Place) -> Listed {
    let mut progress = Progress::default();
    let mut curve = Curve::default();
    let mut problem = None;
    let start = Position::default();
    let read = journal::scan(&place.directory, start, Depth::Verdicts, 1, |item| {
        progress.add(&item);
        curve.add(&item);
        if let Item::Damaged(damage) = item {
            problem.get_or_insert_with(|| {
                format!(
                    "line {} of the journal cannot be read: {}",
                    damage.line, damage.what
                )
            });
        }
    });
    if let Err(error) = read {
        problem = Some(error.to_string());
    }
    listed_from(place, &progress, &curve, problem)
}

fn listed_from(
    place: &Place,
    progress: &Progress,
    curve: &Curve,
    problem: Option<String>,
) -> Listed {
    Listed {
        domain: place.id.domain().to_owned(),
        name: place.id.name().to_owned(),
        activity: experiment::activity_of(place, progress),
        progress: progress.clone(),
        course: curve.best.clone(),
        problem,
    }
}

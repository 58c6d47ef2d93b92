//! `import`: what the original Python tool recorded, made a journal.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;

use super::{Context, ui};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::import::{self, Metric, Table};
use crate::journal::{self, Event};
use crate::measure::Direction;
use crate::project::{self, Definition, Found, Project};
use crate::report::{Progress, words};

/// Read what the original Python tool recorded into the journal
///
/// An experiment of its is a directory below .autoresearch with `config.cfg` and `results.tsv`. It
/// runs as it is; this adds what was tried before. The table is kept as `results.tsv.old`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read this experiment only [default: all that have results and no journal]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Copy the experiments of another .autoresearch directory, or of the project that has it, here
    /// first
    #[arg(long, value_name = "DIR", conflicts_with = "experiment")]
    from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How many lines that cannot be read are told.
const TOLD: usize = 5;

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    if let Some(from) = &arguments.from {
        let from = project.base.join(from);
        for id in project::copy_experiments(&project, &from)? {
            context.ui.info(&format!("copied {id}"));
        }
    }
    let found: Vec<Found> = match &arguments.experiment {
        Some(id) => {
            let found = project.experiment(id)?;
            source(&found)?;
            vec![found]
        }
        None => project
            .ids()
            .into_iter()
            .filter(|(_, directory)| Definition::find(directory) == Some(Definition::Config))
            .map(|(id, _)| project.experiment(&id))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .filter(|found| source(found).is_ok())
            .collect(),
    };
    if found.is_empty() && !arguments.json {
        context.ui.info(
            "there is nothing to import: no `results.tsv` beside a `config.cfg` without a journal",
        );
    }
    let mut told = Vec::new();
    for found in found {
        told.push(import(context, &project, &found, arguments.json)?);
    }
    if arguments.json {
        context.ui.json(&json!(told));
    }
    Ok(())
}

/// The table to read.
fn source(found: &Found) -> Result<PathBuf, Failure> {
    let id = &found.id;
    if found.definition != Definition::Config {
        return Err(
            Failure::input(format!("`{id}` is not an experiment of the original tool"))
                .hint("that has a `config.cfg`; `autoresearch results` shows this one"),
        );
    }
    if journal::has_records(&found.directory) {
        return Err(Failure::input(format!("`{id}` has a journal already"))
            .hint("only an experiment that was never run by this program can be imported"));
    }
    ["results.tsv", "results.tsv.old"]
        .map(|name| found.directory.join(name))
        .into_iter()
        .find(|path| std::fs::read(path).is_ok_and(|text| !import::read(&text).rows.is_empty()))
        .ok_or_else(|| {
            Failure::input(format!("`{id}` has no results to import"))
                .hint("its `results.tsv` has no line of a try")
        })
}

fn import(
    context: &Context,
    project: &Project,
    found: &Found,
    json: bool,
) -> Result<serde_json::Value, Failure> {
    let path = source(found)?;
    let unreadable = |error: std::io::Error| {
        Failure::new(
            Exit::Failure,
            format!("`{}` cannot be read: {error}", path.display()),
        )
        .hint("nothing is lost; mend it and run again")
    };
    let table = import::read(&std::fs::read(&path).map_err(unreadable)?);
    let written = path.metadata().and_then(|there| there.modified());
    let written = written.unwrap_or_else(|_| SystemTime::now());
    tell_problems(context, &found.id, &path, &table);

    let objective = &found.experiment.objective;
    let metric = Metric {
        name: objective.metric.clone().unwrap_or_else(|| "metric".into()),
        direction: objective.direction.unwrap_or(Direction::Lower),
    };
    let mut names: Vec<String> = table.rows.iter().map(|row| row.commit.clone()).collect();
    names.sort();
    names.dedup();
    let known: HashMap<String, (String, SystemTime)> = project.repository.known(&names)?;
    let events = import::events(&table.rows, &metric, |row| {
        known
            .get(&row.commit)
            .map_or_else(|| row.commit.clone(), |(commit, _)| commit.clone())
    });
    let Some(events) = events else {
        return Err(
            Failure::input(format!("no line of `{}` has a number", path.display()))
                .hint("there is no baseline to start from"),
        );
    };
    let times: HashMap<&str, SystemTime> = known
        .values()
        .map(|(commit, time)| (commit.as_str(), *time))
        .collect();
    let candidates: Vec<(String, String)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Try(candidate) if times.contains_key(candidate.commit.as_str()) => {
                Some((found.id.candidate(candidate.n), candidate.commit.clone()))
            }
            _ => None,
        })
        .collect();
    let timed = with_times(events, &times, written);
    journal::import(&found.directory, timed)?;
    let updates: Vec<(String, &str, Option<&str>)> = candidates
        .iter()
        .map(|(name, commit)| (name.clone(), commit.as_str(), None))
        .collect();
    if !updates.is_empty() {
        project.repository.update_refs(&updates)?;
    }
    told(context, found, json)
}

/// Each event with its time: a try's is its commit's, where git has that. None is before another's.
fn with_times(
    events: Vec<Event>,
    times: &HashMap<&str, SystemTime>,
    written: SystemTime,
) -> Vec<(SystemTime, Event)> {
    let mut last = SystemTime::UNIX_EPOCH;
    let known = |event: &Event| match event {
        Event::Baseline(baseline) => times.get(baseline.commit.as_str()).copied(),
        Event::Try(candidate) => times.get(candidate.commit.as_str()).copied(),
        _ => None,
    };
    let any = events.iter().any(|event| known(event).is_some());
    events
        .into_iter()
        .map(|event| {
            let time = known(&event);
            last = match time {
                Some(time) => time.max(last).min(written.max(last)),
                None if any => last,
                None => written,
            };
            (last, event)
        })
        .collect()
}

fn tell_problems(context: &Context, id: &Id, path: &Path, table: &Table) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for (line, what) in table.problems.iter().take(TOLD) {
        context
            .ui
            .warning(&format!("{id}: line {line} of {name} is left out: {what}"));
    }
    if table.problems.len() > TOLD {
        let more = (table.problems.len() - TOLD) as u64;
        context.ui.warning(&format!(
            "{id}: so {} more",
            ui::count(more, "is one", "are")
        ));
    }
}

fn told(context: &Context, found: &Found, json: bool) -> Result<serde_json::Value, Failure> {
    let mut progress = Progress::default();
    let start = journal::Position::default();
    journal::scan(
        &found.directory,
        start,
        journal::Depth::Verdicts,
        1,
        |item| {
            progress.add(&item);
        },
    )
    .map_err(Failure::from)?;
    let best = progress.best.as_ref().map(|best| best.value);
    if !json {
        let change = match (progress.first, best) {
            (Some(first), Some(best)) => crate::decision::change(first, best, ""),
            _ => String::new(),
        };
        context.ui.data(&format!(
            "{}: imported {}; {} {change}",
            found.id,
            words::counts(&progress),
            progress.metric
        ));
    }
    Ok(json!({
        "experiment": found.id.to_string(),
        "runs": progress.tries,
        "kept": progress.keeps,
        "discarded": progress.discards,
        "crashed": progress.crashes,
        "metric": progress.metric,
        "baseline": progress.first,
        "best": best,
    }))
}

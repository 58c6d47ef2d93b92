//! `list`: the experiments about this project.

use serde_json::json;

use super::Context;
use crate::activity::{self, Running};
use crate::decision::number;
use crate::journal::{self, History};
use crate::project::{self, Project};

/// List the experiments about this project
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let ui = &context.ui;
    let mut rows = Vec::new();
    for (id, directory) in project.ids() {
        let running = activity::running(&directory) != Running::No;
        let history = project::load(&directory, &project.directory)
            .map_err(|failure| failure.message)
            .and_then(|_| journal::read(&directory).map_err(|error| error.to_string()));
        rows.push((id.to_string(), history, running));
    }
    if arguments.json {
        let values: Vec<_> = rows
            .iter()
            .map(|(id, history, running)| as_json(id, history, *running))
            .collect();
        ui.json(&json!(values));
        return Ok(());
    }
    if rows.is_empty() {
        ui.info("there is no experiment here yet");
        ui.hint("make one with `autoresearch init`");
        return Ok(());
    }
    let width = rows
        .iter()
        .map(|(id, ..)| id.len())
        .max()
        .unwrap_or(0)
        .max(10);
    ui.data(&format!(
        "{:<width$}  {:>5}  {:>5}  best, and since the start",
        "experiment", "tries", "kept"
    ));
    for (id, history, running) in &rows {
        let running = if *running { ", being run" } else { "" };
        match history {
            Ok(history) => {
                let unjudged = match history.unjudged_count {
                    0 => String::new(),
                    n => format!(", {n} not judged"),
                };
                ui.data(&format!(
                    "{id:<width$}  {:>5}  {:>5}  {}{unjudged}{running}",
                    history.tries,
                    history.keeps,
                    best(history)
                ));
            }
            Err(error) => {
                ui.data(&format!(
                    "{id:<width$}  {:>5}  {:>5}  unreadable{running}",
                    "?", "?"
                ));
                ui.warning(&format!("{id}: {error}"));
            }
        }
    }
    Ok(())
}

/// The best value, and since the start: `p50_ms 80 -> 50 (-37.5%)`.
pub(super) fn best(history: &History) -> String {
    match (&history.baseline, &history.incumbent, history.first) {
        (Some(baseline), Some(incumbent), Some(first)) if incumbent.value != first => format!(
            "{} {}",
            baseline.metric,
            history.gain.told(first, incumbent.value, &baseline.unit)
        ),
        (Some(baseline), Some(incumbent), _) => format!(
            "{} {} {}",
            baseline.metric,
            number(incumbent.value),
            baseline.unit
        )
        .trim_end()
        .to_owned(),
        _ => "-".to_owned(),
    }
}

fn as_json(id: &str, history: &Result<History, String>, running: bool) -> serde_json::Value {
    match history {
        Ok(history) => json!({
            "experiment": id,
            "running": running,
            "tries": history.tries,
            "keeps": history.keeps,
            "discards": history.discards,
            "crashes": history.crashes,
            "unjudged": history.unjudged_count,
            "metric": history.baseline.as_ref().map(|baseline| &baseline.metric),
            "unit": history.baseline.as_ref().map(|baseline| &baseline.unit),
            "first": history.first,
            "best": history.incumbent.as_ref().map(|incumbent| incumbent.value),
            "commit": history.incumbent.as_ref().map(|incumbent| &incumbent.commit),
        }),
        Err(error) => json!({"experiment": id, "error": error}),
    }
}

//! `status`: what is being run now, asked from another terminal.

use std::path::Path;
use std::time::SystemTime;

use serde_json::json;

use super::{Context, ui};
use crate::activity::{self, Running, Status};
use crate::decision::{number, quantity};
use crate::directories;
use crate::experiment::Id;
use crate::failure::Failure;
use crate::housekeeping;
use crate::journal::{self, History};
use crate::project::Project;
use crate::workspace::Workspace;

/// Show what is being run now
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Look at this experiment only [default: all about this project]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let ids = match &arguments.experiment {
        Some(id) => {
            let found = project.experiment(id)?;
            vec![(found.id, found.directory)]
        }
        None => project.ids(),
    };
    let none = ids.is_empty();
    let mut values = Vec::new();
    let mut idle = 0;
    for (id, directory) in ids {
        let running = activity::running(&directory);
        if running == Running::No && arguments.experiment.is_none() {
            idle += 1;
            continue;
        }
        let history = journal::read(&directory).map_err(Failure::from)?;
        if arguments.json {
            values.push(as_json(&id, &running, &history));
        } else {
            show(context, &id, &directory, &running, &history);
            show_worktrees(context, &project, &id);
        }
    }
    if arguments.json {
        context.ui.json(&json!(values));
    } else if none {
        context.ui.info("there is no experiment here yet");
    } else if idle > 0 {
        context.ui.info(&format!(
            "{} not being run",
            ui::count(idle, "experiment is", "experiments are")
        ));
    }
    Ok(())
}

fn show(context: &Context, id: &Id, directory: &Path, running: &Running, history: &History) {
    let ui = &context.ui;
    let data = |name: &str, value: &str| ui.data(&format!("  {name:<8} {value}"));
    match running {
        Running::No => ui.data(&format!("{id}: not being run")),
        Running::Silently => ui.data(&format!("{id}: being run")),
        Running::Yes(status) => {
            ui.data(&format!(
                "{id}: being run by process {}, for {}",
                status.process,
                since(&status.started)
            ));
            let what = match status.n {
                0 => status.doing.clone(),
                n => format!("try {n}: {}", status.doing),
            };
            data("now", &format!("{what}, {}", elapsed(status)));
            data(
                "this run",
                &format!(
                    "{}, {}",
                    ui::count(status.tries, "try", "tries"),
                    ui::cost(status.cost_usd, status.unknown_costs)
                ),
            );
        }
    }
    data(
        "all",
        &format!(
            "{}: {}",
            ui::count(history.tries, "try", "tries"),
            history.counts()
        ),
    );
    if let (Some(baseline), Some(best)) = (&history.baseline, &history.incumbent) {
        let first = history
            .first
            .filter(|first| *first != best.value)
            .map_or(String::new(), |first| format!(", from {}", number(first)));
        data(
            "best",
            &format!(
                "{} {}{first}",
                baseline.metric,
                quantity(best.value, &baseline.unit)
            ),
        );
    }
    if let Some(row) = history.recent.back() {
        data(
            "last",
            &format!("try {}, {}: {}", row.n, row.verdict, row.description),
        );
    }
    data("logs", &directory.join("runs").display().to_string());
}

/// What its worktrees take of the disk.
fn show_worktrees(context: &Context, project: &Project, id: &Id) {
    let Ok(state) = directories::state() else {
        return;
    };
    let there = Workspace::new(project, id, &state).on_disk();
    if let Some(parent) = there.first().and_then(|path| path.parent()) {
        let mib = housekeeping::size(&there).div_ceil(1 << 20);
        context.ui.data(&format!(
            "  {:<8} {mib} MiB of worktrees in {}",
            "disk",
            parent.display()
        ));
    }
}

/// `12 s of 5m`.
fn elapsed(status: &Status) -> String {
    let limit = status
        .limit_seconds
        .map_or(String::new(), |limit| format!(" of {}", ui::seconds(limit)));
    format!("for {}{limit}", since(&status.since))
}

/// How long ago a moment was.
fn since(moment: &str) -> String {
    humantime::parse_rfc3339(moment)
        .ok()
        .and_then(|moment| SystemTime::now().duration_since(moment).ok())
        .map_or_else(
            || "an unknown time".to_owned(),
            |time| ui::seconds(time.as_secs_f64()),
        )
}

fn as_json(id: &Id, running: &Running, history: &History) -> serde_json::Value {
    let status = match running {
        Running::Yes(status) => Some(status),
        Running::No | Running::Silently => None,
    };
    json!({
        "experiment": id.to_string(),
        "running": *running != Running::No,
        "status": status,
        "tries": history.tries,
        "keeps": history.keeps,
        "discards": history.discards,
        "crashes": history.crashes,
        "unjudged": history.unjudged_count,
        "cost_usd": history.cost_usd,
        "best": history.incumbent.as_ref().map(|best| best.value),
    })
}

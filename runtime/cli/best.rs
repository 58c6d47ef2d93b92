//! `best`: the commit of the best version so far.

use serde_json::json;

use super::{Context, Ui, run, ui};
use crate::experiment::Id;
use crate::failure::Failure;
use crate::journal::{self, Depth, Position};
use crate::project::Project;
use crate::report::Progress;

/// Print the commit of the best version so far
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Look at this experiment [default: the only one]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Print JSON: also its value, and which try it is
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let found = run::named_or_only(&project, arguments.experiment.as_ref())?;
    let mut progress = Progress::default();
    let start = Position::default();
    journal::scan(&found.directory, start, Depth::Verdicts, 1, |item| {
        progress.add(&item);
    })
    .map_err(Failure::from)?;
    warn_of_damage(&context.ui, &found.id, progress.damaged);
    let best = progress
        .best
        .ok_or_else(|| no_baseline(&found.id.to_string()))?;
    if arguments.json {
        context.ui.json(&json!({
            "experiment": found.id.to_string(),
            "n": (best.n > 0).then_some(best.n),
            "commit": best.commit,
            "metric": progress.metric,
            "unit": progress.unit,
            "value": best.value,
            "first": progress.first,
        }));
    } else {
        context.ui.data(&best.commit);
    }
    Ok(())
}

/// Says that not all of a journal can be read.
pub(super) fn warn_of_damage(ui: &Ui, id: &Id, damaged: u64) {
    if damaged > 0 {
        let lines = ui::count(damaged, "line", "lines");
        ui.warning(&format!(
            "{id}: {lines} of the journal cannot be read: `autoresearch results -x {id}` shows which"
        ));
    }
}

/// There is nothing yet that could be the best.
pub(super) fn no_baseline(id: &str) -> Failure {
    Failure::input(format!("the experiment `{id}` has no baseline yet"))
        .hint("`autoresearch run` measures it")
}

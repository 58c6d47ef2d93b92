//! `import`: take over what the original Python tool has recorded.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Context, list, ui};
use crate::creation;
use crate::experiment::Id;
use crate::failure::Failure;
use crate::git;
use crate::import::{self, Commitment, Imported, Left, Nothing, Outcome, Source, Staged};
use crate::project::{self, DIRECTORY, Project, Scope};

/// Take over what the original Python tool has recorded
///
/// An experiment of the original tool's has a `config.cfg`, and its results in `results.tsv`. They become
/// the first records of its journal, so that `list`, `show`, the agent's prompt and the loop go on from
/// them. The table is kept as `results.tsv.old`. Verdicts stay as they are; the next run measures the
/// best version anew.
///
/// With `--from`, experiments of another project, or of a directory of them, are copied into this
/// project first, without links and without what runs have left there.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Import this experiment only [default: all that have something to import]
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Copy the experiments of this project, or `.autoresearch` directory, first
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let project = Project::find(&context.path)?;
    let mut told = Told {
        context,
        as_json: arguments.json,
        values: Vec::new(),
        something: false,
    };
    let done = match (&arguments.from, &arguments.experiment) {
        (Some(from), id) => copy_all(&mut told, &project, from, id.as_ref()),
        (None, Some(id)) => import_one(&mut told, &project, id),
        (None, None) => import_all(&mut told, &project),
    };
    told.finish(done)
}

/// The experiment that was named.
fn import_one(told: &mut Told<'_>, project: &Project, id: &Id) -> Result<(), Failure> {
    let found = project.experiment(id)?;
    match import::import(project, id, &found.directory, Commitment::Any)? {
        Outcome::Imported(imported) => told.imported(id, &imported, false),
        Outcome::Nothing(nothing) => return Err(nothing_to_import(id, nothing)),
    }
    Ok(())
}

/// Whatever there is about this project. That one cannot be imported does not keep the others from it.
fn import_all(told: &mut Told<'_>, project: &Project) -> Result<(), Failure> {
    let mut failed = None;
    for (id, directory) in project.ids() {
        // Nobody has named it, so it must be this project's.
        let commitment = if directory.starts_with(&project.directory) {
            Commitment::Any
        } else {
            Commitment::Here
        };
        match import::import(project, &id, &directory, commitment) {
            Ok(Outcome::Imported(imported)) => told.imported(&id, &imported, false),
            Ok(Outcome::Nothing(nothing)) => told.nothing(&id, nothing, false),
            Err(failure) => {
                let message = format!("{id}: {}", failure.message);
                let failure = Failure { message, ..failure };
                if let Some(before) = failed.replace(failure) {
                    told.context.ui.warning(&before.message);
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Experiments of another project, or the one of them that was named.
fn copy_all(
    told: &mut Told<'_>,
    project: &Project,
    from: &Path,
    id: Option<&Id>,
) -> Result<(), Failure> {
    let from = told.context.path.join(from);
    let within = from.join(DIRECTORY);
    let root = if within.is_dir() { within } else { from };
    if !root.is_dir() {
        return Err(
            Failure::input(format!("`{}` is no directory", root.display()))
                .hint("name a project that has an `.autoresearch`, or that directory"),
        );
    }
    let (mut sources, left) = import::sources(&root)?;
    told.left(&left);
    if let Some(id) = id {
        sources.retain(|source| source.id == *id);
        if sources.is_empty() {
            return Err(Failure::input(format!(
                "there is no experiment `{id}` of the original tool's in `{}`",
                root.display()
            ))
            .hint("without `-x`, all that are there are copied"));
        }
    }
    let known = project.ids();
    let mut places = Vec::new();
    for source in &sources {
        let place = project.experiment_directory(&source.id, Scope::Project)?;
        if place.symlink_metadata().is_ok() || known.iter().any(|(id, _)| *id == source.id) {
            return Err(import::taken(&source.id));
        }
        project::objective_of_original(&source.directory, &project.directory)?;
        places.push(place);
    }
    for (source, place) in sources.iter().zip(&places) {
        copy_one(told, project, source, place)?;
    }
    Ok(())
}

fn copy_one(
    told: &mut Told<'_>,
    project: &Project,
    source: &Source,
    place: &Path,
) -> Result<(), Failure> {
    let staged = Staged::begin(&source.id, place)?;
    let left = staged.copy(&source.directory)?;
    let outcome = import::import(project, &source.id, &staged.directory(), Commitment::Any)?;
    creation::ignore_results(&project.directory.join(DIRECTORY))?;
    staged.publish()?;
    told.left(&left);
    match outcome {
        Outcome::Imported(imported) => told.imported(&source.id, &imported, true),
        Outcome::Nothing(nothing) => told.nothing(&source.id, nothing, true),
    }
    Ok(())
}

fn nothing_to_import(id: &Id, nothing: Nothing) -> Failure {
    Failure::input(format!("there is nothing to import for `{id}`: {nothing}")).hint(nothing.hint())
}

/// What is told, as lines or as JSON at the end.
struct Told<'a> {
    context: &'a Context,
    as_json: bool,
    values: Vec<Value>,
    /// Whether anything was done.
    something: bool,
}

impl Told<'_> {
    fn imported(&mut self, id: &Id, imported: &Imported, copied: bool) {
        self.something = true;
        let ui = &self.context.ui;
        let Imported {
            rows,
            with_commit,
            history,
            ..
        } = imported;
        let table = imported.table.file_name().unwrap_or_default();
        let table = table.to_string_lossy();
        for line in &imported.skipped.first {
            ui.warning(&format!(
                "{id}: line {} of {table} is left out: {}",
                line.line, line.problem
            ));
        }
        let more = imported.skipped.count - imported.skipped.first.len() as u64;
        if more > 0 {
            ui.warning(&format!(
                "{id}: {} of {table} {} left out",
                ui::count(more, "more line", "more lines"),
                if more == 1 { "is" } else { "are" }
            ));
        }
        if with_commit < rows {
            ui.info(&format!(
                "{id}: of {}, the commit is not in this repository: what they changed cannot be shown",
                ui::count(rows - with_commit, "row", "rows")
            ));
        }
        if self.as_json {
            self.values.push(as_json(id, imported, copied));
        } else {
            ui.data(&format!(
                "{id}: {}: the baseline, {}; {}",
                ui::count(*rows, "row", "rows"),
                history.counts(),
                list::best(history)
            ));
        }
    }

    fn nothing(&mut self, id: &Id, nothing: Nothing, copied: bool) {
        self.something |= copied;
        let ui = &self.context.ui;
        if copied {
            if self.as_json {
                let why = nothing.to_string();
                self.values.push(
                    json!({"experiment": id.to_string(), "copied": true, "rows": 0, "why": why}),
                );
            } else {
                ui.data(&format!("{id}: copied, without results: {nothing}"));
            }
        } else if matches!(nothing, Nothing::NoValue | Nothing::Elsewhere) {
            ui.info(&format!("{id}: not imported: {nothing}"));
        }
    }

    fn left(&self, left: &[Left]) {
        for Left { path, why } in left {
            self.context
                .ui
                .warning(&format!("`{}` is not copied: {why}", path.display()));
        }
    }

    fn finish(self, done: Result<(), Failure>) -> anyhow::Result<()> {
        let ui = &self.context.ui;
        if self.as_json && (done.is_ok() || !self.values.is_empty()) {
            ui.json(&json!(self.values));
        }
        if done.is_ok() && !self.something {
            ui.info("there is nothing to import");
        }
        Ok(done?)
    }
}

fn as_json(id: &Id, imported: &Imported, copied: bool) -> Value {
    let history = &imported.history;
    let best = history.incumbent.as_ref();
    let skipped = &imported.skipped;
    let lines = skipped.first.iter();
    json!({
        "experiment": id.to_string(),
        "copied": copied,
        "rows": imported.rows,
        "keeps": history.keeps,
        "discards": history.discards,
        "crashes": history.crashes,
        "metric": history.baseline.as_ref().map(|baseline| &baseline.metric),
        "first": history.first,
        "best": best.map(|best| best.value),
        "commit": best.map(|best| &best.commit).filter(|commit| *commit != git::NO_COMMIT),
        "rows_with_commit": imported.with_commit,
        "skipped": skipped.count,
        "skipped_first": lines
            .map(|line| json!({"line": line.line, "why": line.problem.to_string()}))
            .collect::<Vec<_>>(),
    })
}

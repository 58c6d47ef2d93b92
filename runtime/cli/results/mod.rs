//! `results`: what experiments have come to.

mod dashboard;
mod experiment;
mod follow;
mod serve;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::output::{Output, Stopped};
use super::{Context, run, ui};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::journal::Damage;
use crate::project::Project;
use crate::report::Status;

/// How many tries a terminal shows without `--limit`.
const TERMINAL_TRIES: usize = 20;

/// Show what experiments have come to: all of them, or one with its tries
///
/// Without options it is the dashboard: each experiment with its runs, what was kept, the best value
/// and the change since the start. Where there is only one experiment, a terminal shows its course and
/// tries too, and a page or Markdown nothing else. Nothing is measured or changed; a loop may run
/// meanwhile.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Show this experiment: its course and its tries
    #[arg(long, short = 'x', value_name = "DOMAIN/NAME")]
    experiment: Option<Id>,
    /// Show the experiments of this domain only
    #[arg(long, value_name = "DOMAIN", conflicts_with = "experiment")]
    domain: Option<String>,
    /// Show the dashboard, also where there is only one experiment
    #[arg(long, conflicts_with = "experiment")]
    dashboard: bool,
    /// Show it like this [default: what FILE is called, or else terminal]
    #[arg(long, short = 'f', value_enum)]
    format: Option<Format>,
    /// Write it to FILE, which must not exist
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace FILE
    #[arg(long, requires = "output")]
    force: bool,
    /// Show the last N tries only, or of a dashboard the first N experiments [default: all; on a
    /// terminal 20 tries, on a page 2000]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Show tries with this verdict only
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Go on showing tries as they are judged, until Ctrl-C
    #[arg(long, conflicts_with_all = ["format", "output", "dashboard", "domain", "json"])]
    follow: bool,
    /// Serve it to browsers on this machine as a page that follows what goes on, until Ctrl-C
    #[arg(long, conflicts_with_all = ["format", "output", "follow", "json"])]
    serve: bool,
    /// Listen on this port of 127.0.0.1 [default: one that is free]
    #[arg(long, value_name = "PORT", requires = "serve")]
    port: Option<u16>,
    /// Print JSON: short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, as wide as the terminal
    Terminal,
    /// For spreadsheets: a line for each try, or experiment
    Csv,
    /// For an issue or a pull request
    Markdown,
    /// For programs
    Json,
    /// One file to be opened in a browser
    Html,
    /// For the notebook of karpathy/autoresearch: its results.tsv (also for FILE.tsv)
    Karpathy,
}

impl Format {
    /// What a file is called.
    fn of(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "md" | "markdown" => Some(Format::Markdown),
            "json" => Some(Format::Json),
            "html" | "htm" => Some(Format::Html),
            "tsv" => Some(Format::Karpathy),
            _ => None,
        }
    }
}

impl Args {
    fn format(&self) -> Format {
        let of_file = || self.output.as_deref().and_then(Format::of);
        match self.format {
            _ if self.json => Format::Json,
            Some(format) => format,
            None => of_file().unwrap_or(Format::Terminal),
        }
    }

    /// Whether these are tries of one experiment, whatever experiments there are.
    fn asks_for_tries(&self) -> bool {
        !self.dashboard
            && self.domain.is_none()
            && (self.experiment.is_some()
                || self.status.is_some()
                || self.follow
                || self.format() == Format::Karpathy)
    }
}

/// An experiment and where its files are.
#[derive(Clone)]
struct Place {
    id: Id,
    directory: PathBuf,
}

pub(in crate::cli) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let dashboard_only = (arguments.dashboard || arguments.domain.is_some()) && !arguments.serve;
    if dashboard_only && arguments.status.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "`--status` chooses tries, and a dashboard has none",
        )
        .hint("name an experiment with `--experiment`")
        .into());
    }
    let project = Project::find(&context.path)?;
    if arguments.serve {
        return serve::run(context, project, arguments);
    }
    let output = Output::new(context, arguments.output.as_deref(), arguments.force)?;
    // On a page or in a text for people, the only experiment says more than a table of one line.
    let only = || {
        matches!(arguments.format(), Format::Html | Format::Markdown)
            && !arguments.dashboard
            && arguments.domain.is_none()
            && project.ids().len() == 1
    };
    // So many tries are asked for.
    let limited = || {
        arguments.limit.is_some()
            && !arguments.dashboard
            && arguments.domain.is_none()
            && project.ids().len() == 1
    };
    let shown = if arguments.asks_for_tries() || only() || limited() {
        let place = place(&project, arguments.experiment.as_ref())?;
        if arguments.follow {
            follow::run(context, &place, arguments)
        } else {
            experiment::show(context, &project, &place, arguments, output)
        }
    } else {
        dashboard::show(context, &project, arguments, output)
    };
    shown.map_err(|error| {
        if error.is::<Stopped>() {
            context.stopped().into()
        } else {
            error
        }
    })
}

/// The experiment that is named, or the only one. Its definition need not be readable.
fn place(project: &Project, id: Option<&Id>) -> Result<Place, Failure> {
    let places = project.ids().into_iter();
    let mut places = places.map(|(id, directory)| Place { id, directory });
    let found = match id {
        Some(id) => places.find(|place| place.id == *id),
        None => places.next().filter(|_| places.next().is_none()),
    };
    match found {
        Some(place) => Ok(place),
        // It knows why.
        None => run::named_or_only(project, id).map(|found| Place {
            id: found.id,
            directory: found.directory,
        }),
    }
}

/// Says which lines of a journal cannot be read.
fn warn(context: &Context, id: &Id, damages: &[Damage]) {
    const SHOWN: usize = 5;
    for damage in damages.iter().take(SHOWN) {
        context.ui.warning(&format!(
            "{id}: line {} of the journal cannot be read and is left out: {}",
            damage.line, damage.what
        ));
    }
    if damages.len() > SHOWN {
        let more = (damages.len() - SHOWN) as u64;
        context.ui.warning(&format!(
            "{id}: {} of the journal cannot be read either",
            ui::count(more, "more line", "more lines")
        ));
    }
}

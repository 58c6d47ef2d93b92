//! The command line: one file a subcommand, `ui` alone writes to the terminal.

mod approval;
mod arguments;
mod best;
mod checkout;
mod diff;
mod evaluate;
mod evaluator;
mod finish;
mod import;
mod init;
mod list;
mod live;
mod output;
mod plan;
mod qualify;
mod results;
mod run;
mod show;
mod status;
mod ui;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::{Parser, Subcommand};

use crate::catalog;
use crate::directories;
use crate::driver::Notify;
use crate::failure::{Exit, Failure};
use crate::host::Host;
use crate::process::signals::{self, Watch};
use crate::process::{Cancel, Launcher};
use crate::project::Project;
use ui::{Ui, Verbosity};

/// Improve something measurable, one judged change at a time
///
/// A candidate is one change to the target. An evaluator, a sandboxed WebAssembly component,
/// measures it; a better one is kept as a commit on the experiment's own branch, a worse one is
/// undone, and every try is recorded. Your HEAD, index and other files are never touched.
#[derive(Debug, Parser)]
#[command(name = "autoresearch", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    /// Work in this directory instead of the current one
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".",
        help_heading = "Everywhere"
    )]
    path: PathBuf,
    /// Say nothing but results and errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Everywhere"
    )]
    quiet: bool,
    /// Say how each command is run, and what evaluators tell
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, whatever the verdict was
  1  something else went wrong: a full disk, an unreadable file
  2  the command line is wrong
  3  the experiment, its target or a setting is wrong
  4  no git, no repository, or no commit in it
  5  the evaluator cannot be used, or broke its contract
  6  what was to be measured failed
  7  another run of the experiment is going on
  130  stopped by a signal (143 by TERM, 129 by HUP)";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Qualify(qualify::Args),
    Run(run::Args),
    Evaluate(evaluate::Args),
    Results(results::Args),
    List(list::Args),
    Show(show::Args),
    Diff(diff::Args),
    Checkout(checkout::Args),
    Best(best::Args),
    Finish(finish::Args),
    Import(import::Args),
    Status(status::Args),
    #[command(subcommand)]
    Evaluator(evaluator::Command),
}

/// What every subcommand works with.
struct Context {
    path: PathBuf,
    ui: Ui,
    launcher: Launcher,
    /// Ends what is going on.
    cancel: Cancel,
    watch: OnceLock<Watch>,
}

impl Context {
    /// The project and a host, each made ready while the other is: git is asked meanwhile.
    fn project_and_host(&self) -> anyhow::Result<(Project, Host)> {
        std::thread::scope(|scope| {
            let host = scope.spawn(|| self.host());
            let project = Project::find(&self.path)?;
            let host = host
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("the component host cannot start")))?;
            Ok((project, host))
        })
    }

    /// The directory of the project around, or the one that the user named where there is none.
    fn place(&self) -> PathBuf {
        Project::find(&self.path).map_or_else(|_| self.path.clone(), |project| project.directory)
    }

    /// What an evaluator's reference on the command line is relative to: what was added has a name in the
    /// project.
    fn base_of(&self, reference: &str) -> PathBuf {
        if catalog::is_path(reference) || catalog::is_built_in(reference) {
            self.path.clone()
        } else {
            self.place()
        }
    }

    /// Shows what happens in an experiment.
    fn notify(&self) -> Notify {
        let ui = self.ui.clone();
        Arc::new(move |notice| ui.notice(&notice))
    }

    /// From now on a signal ends what is going on.
    fn watch_signals(&self) -> anyhow::Result<()> {
        let watch = signals::watch(&self.cancel)?;
        let _ = self.watch.set(watch);
        Ok(())
    }

    /// The failure where a signal came before there was a result.
    fn stopped(&self) -> Failure {
        let signal = self.watch.get().and_then(Watch::signal);
        Failure::new(signal.map_or(Exit::Failure, Exit::from), "stopped")
            .hint("nothing is lost: run it again")
    }

    /// A failure, or that it was stopped where a signal came meanwhile.
    fn unless_stopped(&self, failure: Failure) -> Failure {
        if self.cancel.is_cancelled() {
            self.stopped()
        } else {
            failure
        }
    }

    fn host(&self) -> anyhow::Result<Host> {
        Host::new(directories::cache(), self.launcher.clone())
            .map_err(|error| anyhow::anyhow!("the component host cannot start: {error:#}"))
    }
}

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ui::usage(&error),
    };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let ui = Ui::new(verbosity);
    match dispatch(cli, &ui).and_then(|()| ui.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let exit = error
                .downcast_ref::<Failure>()
                .map_or(Exit::Failure, |failure| failure.exit);
            ui.error(&error);
            ExitCode::from(exit as u8)
        }
    }
}

fn dispatch(cli: Cli, ui: &Ui) -> anyhow::Result<()> {
    let context = Context {
        path: cli.path,
        ui: ui.clone(),
        launcher: Launcher::current()?,
        cancel: Cancel::default(),
        watch: OnceLock::new(),
    };
    match cli.command {
        Command::Init(arguments) => init::run(&context, &arguments),
        Command::Qualify(arguments) => qualify::run(&context, &arguments),
        Command::Run(arguments) => run::run(&context, &arguments),
        Command::Evaluate(arguments) => evaluate::run(&context, &arguments),
        Command::Results(arguments) => results::run(&context, &arguments),
        Command::List(arguments) => list::run(&context, &arguments),
        Command::Show(arguments) => show::run(&context, &arguments),
        Command::Diff(arguments) => diff::run(&context, &arguments),
        Command::Checkout(arguments) => checkout::run(&context, &arguments),
        Command::Best(arguments) => best::run(&context, &arguments),
        Command::Finish(arguments) => finish::run(&context, &arguments),
        Command::Import(arguments) => import::run(&context, &arguments),
        Command::Status(arguments) => status::run(&context, &arguments),
        Command::Evaluator(command) => evaluator::run(&context, &command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn helps_are_imperative_and_have_no_final_period() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let help = argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    !help.is_empty(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
                assert!(!help.ends_with('.'), "{help}");
            }
            for subcommand in command.get_subcommands() {
                let about = subcommand
                    .get_about()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(!about.is_empty() && !about.ends_with('.'), "{about}");
                check(subcommand);
            }
        }
        check(&Cli::command());
    }
}

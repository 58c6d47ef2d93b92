//! `evaluator check`: what a publisher runs before others do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::super::Context;
use super::super::arguments::EvaluatorArgs;
use crate::catalog;
use crate::conformance::{self, Finding, Outcome, Subject};
use crate::failure::{Exit, Failure};
use crate::instrument;
use crate::process::affinity;
use crate::sandbox::Demand;
use crate::tape::{Recording, Tape};

/// Version of what `--json` prints.
const VERSION: u32 = 1;

/// Check that an evaluator keeps to the contract, before others use it
///
/// It is had describe itself and measure: a target of yours, or a sample; the same again; targets that are empty,
/// missing, binary and huge; with nothing granted. Where it needs commands or a model, `--record` keeps what they
/// answer, and `--replay` answers in their place, on a machine that has neither.
///
/// The exit code is 0 where nothing failed, and 5 where something did.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Check this one: a path to a `.wasm` component, or a built-in one's name
    evaluator: String,
    /// Have it measure this file [default: a sample]
    #[arg(long, short = 't', value_name = "FILE")]
    target: Vec<String>,
    /// Set a parameter of the evaluator
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Bind a command to a role of the evaluator
    #[arg(long = "command", short = 'c', value_name = "ROLE=CMD")]
    commands: Vec<String>,
    /// Have this agent answer where it asks a language model: claude, codex, gemini or opencode
    #[arg(long, value_name = "NAME")]
    judge: Option<String>,
    /// Have this command answer instead: it reads the prompt on standard input and prints its answer
    #[arg(long, value_name = "CMD", conflicts_with = "judge")]
    judge_command: Option<String>,
    /// Keep what commands and model answer in this file
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer from such a file instead of running commands and asking a model
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["commands", "judge", "judge_command"]
    )]
    replay: Option<PathBuf>,
    /// Give one evaluation this long; it is ended after 2.5 times as long [default: 5m]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    budget: Option<String>,
    /// Change a limit on what the component may use
    #[arg(long = "limit", value_name = "NAME=N")]
    limits: Vec<String>,
    /// Pass a variable on to commands, or set it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Confine commands: `required` runs none outside a sandbox [default: best]
    #[arg(long, value_enum, value_name = "MODE")]
    sandbox: Option<Demand>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let settings = EvaluatorArgs {
        evaluator: Some(arguments.evaluator.clone()),
        set: arguments.set.clone(),
        commands: arguments.commands.clone(),
        budget: arguments.budget.clone(),
        limits: arguments.limits.clone(),
        environment: arguments.environment.clone(),
        sandbox: arguments.sandbox,
        judge: arguments.judge.clone(),
        judge_command: arguments.judge_command.clone(),
        ..EvaluatorArgs::default()
    };
    let experiment = settings.experiment(arguments.target.clone())?;
    affinity::check(&experiment.limits.cpus)?;
    for target in &experiment.target {
        if !context.path.join(target).exists() {
            return Err(Failure::input(format!("there is no target `{target}`"))
                .hint("name a file that it can measure, relative to `--path`")
                .into());
        }
    }
    let tape = match (&arguments.replay, &arguments.record) {
        (Some(path), _) => Some(Tape::Player(Arc::new(Recording::read(path)?))),
        (None, Some(path)) => {
            let above = path.parent().filter(|above| *above != Path::new(""));
            if above.is_some_and(|above| !above.is_dir()) || path.is_dir() {
                return Err(Failure::input(format!(
                    "the recording cannot be written to `{}`",
                    path.display()
                ))
                .hint("name a file in a directory that exists")
                .into());
            }
            Some(Tape::recorder())
        }
        (None, None) => None,
    };
    context.watch_signals()?;
    let host = context.host()?;
    let component = catalog::find(&arguments.evaluator, &context.base_of(&arguments.evaluator))?;
    let tell = |finding: &Finding| {
        if !arguments.json {
            context.ui.data(&format!(
                "{:<4}  {:<14}  {}",
                finding.outcome, finding.check, finding.detail
            ));
        }
    };
    let loaded = host.load(&component.bytes, &component.digest, &experiment.limits);
    let findings = match &loaded {
        Err(error) => {
            let finding = conformance::unloadable(error);
            tell(&finding);
            vec![finding]
        }
        Ok(evaluator) => {
            let descriptor = evaluator.descriptor();
            let parameters = settings.parameters()?;
            // What is said of parameters and roles that it does not have.
            descriptor
                .known(&parameters, &experiment.objective.commands)
                .map_err(Failure::from)?;
            let model = if descriptor.uses_model && experiment.model.is_some() {
                let model = instrument::model(&host, &experiment, &arguments.evaluator)?;
                Some(Arc::new(model))
            } else {
                None
            };
            let subject = Subject {
                host: &host,
                component: &component,
                evaluator,
                experiment: &experiment,
                parameters: &parameters,
                directory: &context.path,
                model,
                tape: tape.clone(),
                observer: context.ui.observer(),
                cancel: &context.cancel,
            };
            conformance::check(&subject, tell)
        }
    };
    if context.cancel.is_cancelled() {
        return Err(context.stopped().into());
    }
    if let (Some(path), Some(tape)) = (&arguments.record, &tape) {
        let recording = tape.recording();
        let (commands, completions) = recording.counts();
        recording.write(path)?;
        context.ui.info(&format!(
            "recorded in `{}`: {commands} commands and {completions} answers of a model",
            path.display()
        ));
    }
    let number = |outcome: Outcome| {
        let of_it = findings.iter().filter(|finding| finding.outcome == outcome);
        of_it.count()
    };
    let failed = number(Outcome::Fail);
    if arguments.json {
        context.ui.json(&json!({
            "version": VERSION,
            "evaluator": arguments.evaluator,
            "sha256": component.digest,
            "conforms": failed == 0,
            "checks": findings,
        }));
    }
    if failed > 0 {
        return Err(Failure::new(
            Exit::Evaluator,
            format!(
                "{failed} of {} checks failed for `{}`",
                findings.len(),
                arguments.evaluator
            ),
        )
        .hint("wit/README.md says what is expected")
        .into());
    }
    if !arguments.json {
        context.ui.info(&format!(
            "{} ok, {} to look at, {} skipped",
            number(Outcome::Pass),
            number(Outcome::Warn),
            number(Outcome::Skip)
        ));
    }
    Ok(())
}

//! `evaluate`: measure a directory as it is, once.

use serde_json::json;

use super::arguments::EvaluatorArgs;
use super::{Context, approval};
use crate::conditions::Conditions;
use crate::directories;
use crate::environment::for_sandbox;
use crate::evaluator::Value;
use crate::experiment::Call;
use crate::failure::{Exit, Failure};
use crate::host::EvaluateError;
use crate::instrument::{self, Instrument, Surroundings};
use crate::measure::{Diagnostic, Measurement};
use crate::measuring::Measuring;
use crate::project::DIRECTORY;
use crate::sandbox::Tier;

/// Measure a directory once, change nothing, and print `name: value` lines
///
/// The directory is that of `--path`; it need not be a git repository. The primary metric is
/// printed first, or the one that `--metric` names.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    evaluator: EvaluatorArgs,
    /// Tell the evaluator that this file is the target
    #[arg(long, short = 't', value_name = "FILE")]
    target: Vec<String>,
    /// Print JSON, with every sample
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let experiment = arguments.evaluator.experiment(arguments.target.clone())?;
    let directory = context
        .path
        .canonicalize()
        .ok()
        .filter(|path| path.is_dir())
        .ok_or_else(|| {
            Failure::new(
                Exit::Environment,
                format!("there is no directory `{}`", context.path.display()),
            )
            .hint("name one with `--path`")
        })?;
    context.watch_signals()?;
    let host = context.host()?;
    let call = Call {
        parameters: arguments.evaluator.parameters()?,
        ..experiment.objective.call()
    };
    let base = context.base_of(call.evaluator);
    let instrument = Instrument::load(&host, &experiment, &call, &base)?;
    let experiments = base.join(DIRECTORY);
    approval::of_call(
        context,
        &instrument,
        &experiments,
        arguments.evaluator.accept,
    )?;
    let descriptor = instrument.evaluator.descriptor();
    if let Some(name) = &experiment.objective.metric {
        instrument::check_metric(descriptor, name)?;
    }
    let confinement = instrument::confinement(&experiment, &directory)?;
    let mut environment = experiment.variables();
    if confinement.tier() != Tier::None {
        let network = experiment.sandbox.widening.network;
        environment.extend(for_sandbox(&environment, network, None));
    }
    // Without commands it confines nobody.
    let tier = if instrument.settings.commands.is_empty() {
        Tier::None
    } else {
        confinement.tier()
    };
    let measuring = begin_measuring(context)?;
    let conditions = Conditions::below(&directories::system());
    let before = conditions.snapshot();
    let mut report = instrument
        .measure(
            &host,
            &experiment,
            &Surroundings {
                directory: &directory,
                environment: &environment,
                confinement: &confinement,
                round: 0,
                cancel: &context.cancel,
            },
            context.ui.observer(),
        )
        .map_err(|failed| match failed.error {
            EvaluateError::Cancelled => context.stopped(),
            _ => Failure::evaluation(&failed).hint_at(tier),
        })?;
    let noisy = |measurement: &Measurement| {
        let metric = descriptor.metric(&measurement.metric);
        metric.is_none_or(|metric| !metric.deterministic)
    };
    // What a model thinks does not depend on the machine.
    if instrument.model.is_none() && report.measurements.iter().any(noisy) {
        let doubtful = before.until(&conditions.snapshot());
        let warnings = conditions.standing().into_iter().chain(doubtful);
        let diagnostics = warnings.map(|warning| Diagnostic::from(&warning));
        report.diagnostics.extend(diagnostics);
    }
    drop(measuring);

    let mut values: Vec<(String, f64)> = report
        .measurements
        .iter()
        .map(|measurement| (measurement.metric.clone(), Measurement::value(measurement)))
        .collect();
    let primary = experiment
        .objective
        .metric
        .clone()
        .or_else(|| Some(descriptor.metrics.first()?.name.clone()));
    if let Some(primary) = &primary {
        if !values.iter().any(|(name, _)| name == primary) {
            return Err(Failure::new(
                Exit::Measurement,
                instrument::not_reported(descriptor, primary, &report.diagnostics),
            )
            .hint(format!(
                "what was: {}",
                values
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .into());
        }
        values.sort_by_key(|(name, _)| name != primary);
    }
    for diagnostic in &report.diagnostics {
        context.ui.diagnostic(diagnostic);
    }
    if arguments.json {
        let measurements: Vec<serde_json::Value> = values
            .iter()
            .map(|(name, value)| {
                let metric = descriptor.metric(name);
                json!({
                    "metric": name,
                    "value": value,
                    "unit": metric.map(|metric| metric.unit.clone()),
                    "direction": metric.map(|metric| metric.direction),
                    "deterministic": metric.map(|metric| metric.deterministic),
                    "samples": report.measurement(name).map(|m| m.samples.clone()),
                })
            })
            .collect();
        context.ui.json(&json!({
            "evaluator": {
                "name": descriptor.name,
                "version": descriptor.version,
                "sha256": instrument.component.digest,
            },
            "measurements": measurements,
            "model": report.model,
            "diagnostics": report.diagnostics,
        }));
    } else {
        for (name, value) in values {
            context
                .ui
                .data(&format!("{name}: {}", Value::Number(value)));
        }
    }
    Ok(())
}

/// Waits until nobody else measures. Where that cannot be known, it is said, and measured all the same:
/// nothing is to be kept or compared.
fn begin_measuring(context: &Context) -> Result<Option<Measuring>, Failure> {
    let begun = directories::state().and_then(|state| {
        let waiting = |process| context.ui.waiting_for_machine(process);
        Ok(Measuring::begin(&state, &context.cancel, waiting)?)
    });
    match begun {
        Ok(Some(measuring)) => Ok(Some(measuring)),
        Ok(None) => Err(context.stopped()),
        Err(failure) => {
            context.ui.warning(&format!(
                "whether something else is measured at the same time is not known: {failure}"
            ));
            Ok(None)
        }
    }
}

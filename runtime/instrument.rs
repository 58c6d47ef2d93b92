//! An evaluator made ready to be called: loaded, its settings checked; and an objective's metric,
//! chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::agent;
use crate::catalog::{self, Component};
use crate::decision::Policy;
use crate::evaluator::{Descriptor, Settings, is_name};
use crate::experiment::{Call, Experiment};
use crate::failure::{Exit, Failure};
use crate::grants::Approval;
use crate::host::{Evaluation, Evaluator, Failed, Host, Limits, Observer, Report};
use crate::journal::EvaluatorIdentity;
use crate::measure::Diagnostic;
use crate::model::Model;
use crate::process::{Cancel, CommandLine, affinity};
use crate::requirement::Requirement;
use crate::sandbox::{Confinement, Kind, Rules, Sandbox, Site, Widening};

/// An evaluator with the settings to call it with.
pub struct Instrument {
    pub component: Component,
    pub evaluator: Evaluator,
    pub settings: Settings,
    /// Who answers, where it asks a language model.
    pub model: Option<Arc<Model>>,
}

/// Where and with what an evaluation takes place.
pub struct Surroundings<'a> {
    pub directory: &'a Path,
    /// The commands' whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// What they may touch.
    pub confinement: &'a Confinement,
    /// Of a repeated measurement, from 0.
    pub round: u32,
    pub cancel: &'a Cancel,
}

impl Instrument {
    /// Loads one of an experiment's evaluators and checks the owner's settings against it. `base` is
    /// what a path to the evaluator is relative to.
    pub fn load(
        host: &Host,
        experiment: &Experiment,
        call: &Call<'_>,
        base: &Path,
    ) -> Result<Self, Failure> {
        affinity::check(&experiment.limits.cpus)?;
        let (component, evaluator) =
            load_evaluator(host, call.evaluator, base, &experiment.limits)?;
        let settings = evaluator
            .descriptor()
            .settings(&call.parameters, call.commands)
            .map_err(|error| {
                if call.for_guard {
                    Failure::input(error.to_string()).hint(error.hint_for_guard())
                } else {
                    error.into()
                }
            })?;
        let model = if evaluator.descriptor().uses_model {
            let model = model(host, experiment, call.evaluator)?;
            Some(Arc::new(model))
        } else {
            None
        };
        Ok(Self {
            component,
            evaluator,
            settings,
            model,
        })
    }

    /// Measures a directory once.
    pub fn measure(
        &self,
        host: &Host,
        experiment: &Experiment,
        surroundings: &Surroundings<'_>,
        observer: Observer,
    ) -> Result<Report, Failed> {
        let evaluation = Evaluation {
            directory: surroundings.directory,
            targets: &experiment.target,
            settings: &self.settings,
            round: surroundings.round,
            model: self.model.as_ref(),
            environment: surroundings.environment,
            confinement: surroundings.confinement,
            tape: None,
            limits: &experiment.limits,
            time_limit: experiment.time_limit(),
            cancel: surroundings.cancel,
        };
        host.evaluate(&self.evaluator, &evaluation, observer)
    }

    /// A digest of everything that decides what a value of the objective means.
    pub fn meaning(&self, experiment: &Experiment, policy: &Policy) -> String {
        self.digest(experiment, [json!(policy.metric), json!(policy.direction)])
    }

    /// The same for a guard. What it requires belongs to it: that must be held against the incumbent
    /// too.
    pub fn guard_meaning(&self, experiment: &Experiment, requirements: &[&Requirement]) -> String {
        self.digest(experiment, [json!("guard"), json!(requirements)])
    }

    fn digest(&self, experiment: &Experiment, sought: [serde_json::Value; 2]) -> String {
        let [sought, how] = sought;
        let settings = &self.settings;
        let commands: BTreeMap<&String, &[String]> = settings
            .commands
            .iter()
            .map(|(role, line)| (role, line.argv()))
            .collect();
        let model = self.model.as_ref().map(|model| {
            let settings = model.settings();
            (
                &settings.name,
                settings.command.as_ref().map(CommandLine::argv),
                &settings.model,
                &settings.arguments,
            )
        });
        let cpus: BTreeSet<u32> = experiment.limits.cpus.iter().copied().collect();
        let mut parts = json!([
            self.component.digest,
            sought,
            how,
            settings.parameters,
            commands,
            experiment.target,
            experiment.environment,
            experiment.workspace,
            model,
        ]);
        // Not there unless it is used, so that what was measured without it is still comparable.
        if let Some(parts) = parts.as_array_mut()
            && !cpus.is_empty()
        {
            parts.push(json!({ "cpus": cpus }));
        }
        if let Some(parts) = parts.as_array_mut()
            && experiment.sandbox.widening != Widening::default()
        {
            parts.push(json!({ "sandbox": experiment.sandbox.widening }));
        }
        catalog::digest(parts.to_string().as_bytes())
    }

    /// What it would get as it is set up; none where it comes with the program.
    pub fn wanted(&self) -> Option<Approval> {
        let identity = self.identity();
        (!catalog::is_built_in(&identity.reference)).then(|| Approval {
            commands: self.settings.commands.keys().cloned().collect(),
            model: self.evaluator.descriptor().uses_model,
            reference: identity.reference,
            name: identity.name,
            version: identity.version,
            sha256: identity.sha256,
        })
    }

    /// Which evaluator it is, for the record.
    pub fn identity(&self) -> EvaluatorIdentity {
        let descriptor = self.evaluator.descriptor();
        EvaluatorIdentity {
            reference: self.component.reference.clone(),
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            sha256: self.component.digest.clone(),
        }
    }
}

/// The model that an experiment names, or the first agent that is installed here.
pub fn model(host: &Host, experiment: &Experiment, evaluator: &str) -> Result<Model, Failure> {
    let Some(settings) = experiment.model.clone().or_else(Model::installed) else {
        return Err(Failure::new(
            Exit::Environment,
            format!("the evaluator `{evaluator}` asks a language model, and there is none here"),
        )
        .hint(format!(
            "install one of {}, or name a command that reads a prompt: `--judge-command CMD`",
            agent::answering().collect::<Vec<_>>().join(", ")
        )));
    };
    let sandbox = Sandbox::find(experiment.sandbox.mode)?;
    Model::new(
        &settings,
        host.launcher(),
        &sandbox,
        &experiment.sandbox.widening,
    )
}

/// Finds and loads an evaluator.
pub fn load_evaluator(
    host: &Host,
    reference: &str,
    base: &Path,
    limits: &Limits,
) -> Result<(Component, Evaluator), Failure> {
    let component = catalog::find(reference, base)?;
    let evaluator = host
        .load(&component.bytes, &component.digest, limits)
        .map_err(|error| Failure::load(reference, &error))?;
    Ok((component, evaluator))
}

/// What an evaluator's commands may touch where a directory is measured as it is.
pub fn confinement(experiment: &Experiment, directory: &Path) -> Result<Confinement, Failure> {
    let sandbox = Sandbox::find(experiment.sandbox.mode)?;
    let directory = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned());
    // A build may write anywhere in its repository.
    let mut above = directory.ancestors();
    let top = above.find(|above| above.join(".git").exists());
    let rules = Rules::new(
        Site::Directory(top.unwrap_or(&directory).to_owned()),
        Kind::Evaluation(experiment.limits.resources()),
        &experiment.sandbox.widening,
        &directory,
    );
    Ok(Confinement::new(&sandbox, rules))
}

/// Checks that an evaluator can report a metric.
pub fn check_metric(descriptor: &Descriptor, name: &str) -> Result<(), Failure> {
    if descriptor.metric(name).is_some() {
        return Ok(());
    }
    if !descriptor.open_metrics {
        let known: Vec<&str> = descriptor.metrics.iter().map(|m| m.name.as_str()).collect();
        return Err(Failure::input(format!(
            "the evaluator `{}` has no metric `{name}`",
            descriptor.name
        ))
        .hint(format!("its metrics are: {}", known.join(", "))));
    }
    if !is_name(name) {
        return Err(Failure::input(format!("`{name}` is no name for a metric"))
            .hint("a metric's name is lower-case letters, digits and `_`, a letter first"));
    }
    Ok(())
}

/// Says that a metric is missing from a report, and why, as far as the evaluator says that: in a remark
/// that names it, or in the metric's own description.
pub fn not_reported(descriptor: &Descriptor, metric: &str, remarks: &[Diagnostic]) -> String {
    let missing = format!("the metric `{metric}` was not reported");
    let name = format!("`{metric}`");
    let remark = remarks
        .iter()
        .map(|remark| &remark.message)
        .find(|message| message.contains(&name));
    match (remark, descriptor.metric(metric)) {
        (Some(why), _) => format!("{missing}: {why}"),
        (None, Some(metric)) if !metric.description.is_empty() => {
            format!("{missing} ({})", metric.description)
        }
        (None, _) => missing,
    }
}

/// The failure where somebody says of a metric what the evaluator says.
pub fn says_itself(metric: &str) -> Failure {
    Failure::input(format!(
        "the evaluator itself says whether `{metric}` is deterministic"
    ))
    .hint("leave `deterministic` away")
}

/// The rule for an objective's metric.
pub fn policy(descriptor: &Descriptor, experiment: &Experiment) -> Result<Policy, Failure> {
    let objective = &experiment.objective;
    let name = match &objective.metric {
        Some(name) => name,
        None => {
            &descriptor
                .metrics
                .first()
                .ok_or_else(|| {
                    Failure::input(format!(
                        "the evaluator `{}` leaves it to you which metric to read",
                        descriptor.name
                    ))
                    .hint("name it: `--metric NAME --direction lower`")
                })?
                .name
        }
    };
    check_metric(descriptor, name)?;
    let declared = descriptor.metric(name);
    let direction = objective
        .direction
        .or(declared.map(|metric| metric.direction))
        .ok_or_else(|| {
            Failure::input(format!(
                "nobody says whether `{name}` should become lower or higher"
            ))
            .hint("give `--direction lower` or `--direction higher`")
        })?;
    let deterministic = match (declared, objective.deterministic) {
        (Some(_), Some(_)) => {
            return Err(says_itself(name));
        }
        (Some(metric), None) => metric.deterministic,
        (None, given) => given.unwrap_or(false),
    };
    Ok(Policy {
        metric: name.clone(),
        unit: declared.map_or(String::new(), |metric| metric.unit.clone()),
        direction,
        deterministic,
        min_improvement: objective.min_improvement,
        rules: experiment.decision.rules(experiment.budget),
    })
}

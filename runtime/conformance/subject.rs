//! An evaluator under examination: had measure this and that.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::targets::{SAMPLE, Target};
use super::{Finding, Outcome, fault};
use crate::catalog::Component;
use crate::evaluator::{Descriptor, Given, Settings, Value};
use crate::experiment::Experiment;
use crate::failure::Failure;
use crate::host::{EvaluateError, Evaluation, Evaluator, Failed, Host, Observer, Report};
use crate::instrument;
use crate::measure::Measurement;
use crate::model::Model;
use crate::process::{Cancel, CommandLine};
use crate::sandbox::Confinement;
use crate::tape::Tape;

/// How long an evaluation of an odd target may take.
const PATIENCE: Duration = Duration::from_secs(20);
const SAMPLE_NAME: &str = "sample.md";

/// An evaluator, and what it is checked with.
pub struct Subject<'a> {
    pub host: &'a Host,
    pub component: &'a Component,
    pub evaluator: &'a Evaluator,
    /// The owner's settings: targets, commands, limits, budget.
    pub experiment: &'a Experiment,
    pub parameters: &'a BTreeMap<String, Given>,
    /// Where the targets are.
    pub directory: &'a Path,
    pub model: Option<Arc<Model>>,
    /// Takes down what is answered while it measures, or answers instead of commands and model.
    pub tape: Option<Tape>,
    pub observer: Observer,
    pub cancel: &'a Cancel,
}

/// What a check found; where it could not even begin, that is the error.
type Checked = Result<Finding, Finding>;

/// What an evaluation has to do with.
struct Means<'a> {
    directory: &'a Path,
    targets: &'a [String],
    settings: &'a Settings,
    granted: bool,
    tape: Option<&'a Tape>,
    time_limit: Duration,
}

impl Subject<'_> {
    pub(super) fn descriptor(&self) -> &Descriptor {
        self.evaluator.descriptor()
    }

    /// What answers in place of commands and model, if anything does.
    fn player(&self) -> Option<&Tape> {
        self.tape
            .as_ref()
            .filter(|tape| matches!(tape, Tape::Player(_)))
    }

    fn is_replayed(&self) -> bool {
        self.player().is_some()
    }

    /// What keeps it from being had measure again and again, if anything: commands and models take time and
    /// money, and do as they like with odd targets.
    fn is_costly(&self) -> Option<String> {
        if self.is_replayed() {
            return None;
        }
        let asks = self.descriptor().uses_model;
        let runs = self.descriptor().commands.iter().any(|role| {
            role.required || self.experiment.objective.commands.contains_key(&role.name)
        });
        (asks || runs).then(|| {
            let what = if asks { "its model" } else { "its commands" };
            format!("not with {what}: `--record FILE` once, then `--replay FILE`")
        })
    }

    /// The settings for a check, which is skipped where the author has to give one.
    fn settings(
        &self,
        check: &'static str,
        more: &[(&str, &Value)],
        commands: &BTreeMap<String, CommandLine>,
    ) -> Result<Settings, Finding> {
        let mut given = self.parameters.clone();
        for (name, value) in more {
            given.insert((*name).to_owned(), Given::Toml(value.to_toml()));
        }
        let parameters = self
            .descriptor()
            .values(&given)
            .map_err(|error| Finding::skip(check, format!("{error}: give it with `--set`")))?;
        Ok(Settings {
            parameters,
            commands: commands.clone(),
        })
    }

    fn evaluate(&self, means: &Means<'_>) -> Result<Report, Failed> {
        let silent = |failure: Failure| Failed::silent(EvaluateError::Setup(failure.message));
        let nothing = Confinement::none();
        let confinement = if means.granted && !means.settings.commands.is_empty() {
            &instrument::confinement(self.experiment, means.directory).map_err(silent)?
        } else {
            &nothing
        };
        let environment: Vec<(OsString, OsString)> = self.experiment.variables();
        let evaluation = Evaluation {
            directory: means.directory,
            targets: means.targets,
            settings: means.settings,
            round: 0,
            model: self.model.as_ref().filter(|_| means.granted),
            environment: &environment,
            confinement,
            tape: means.tape,
            limits: &self.experiment.limits,
            time_limit: means.time_limit,
            cancel: self.cancel,
        };
        self.host
            .evaluate(self.evaluator, &evaluation, Arc::clone(&self.observer))
    }

    /// Measures what the author gave it to measure, or a sample.
    fn evaluate_target(&self, settings: &Settings, tape: Option<&Tape>) -> Result<Report, Failed> {
        let with = |directory: &Path, targets: &[String]| {
            self.evaluate(&Means {
                directory,
                targets,
                settings,
                granted: true,
                tape,
                time_limit: self.experiment.time_limit(),
            })
        };
        if !self.experiment.target.is_empty() {
            return with(self.directory, &self.experiment.target);
        }
        let setup = |error: std::io::Error| Failed::silent(EvaluateError::Setup(error.to_string()));
        let directory = tempfile::tempdir().map_err(setup)?;
        std::fs::write(directory.path().join(SAMPLE_NAME), SAMPLE).map_err(setup)?;
        with(directory.path(), &[SAMPLE_NAME.to_owned()])
    }

    /// The roles that it must have and does not.
    fn unbound(&self) -> Vec<&str> {
        let bound = |role: &str| match &self.tape {
            Some(Tape::Player(recording)) => recording.has_role(role),
            _ => self.experiment.objective.commands.contains_key(role),
        };
        let roles = self.descriptor().commands.iter();
        roles
            .filter(|role| role.required && !bound(&role.name))
            .map(|role| role.name.as_str())
            .collect()
    }

    /// Granted nothing that it asks for, it says so, and does not hold it against the candidate.
    pub(super) fn without_grants(&self) -> Checked {
        const CHECK: &str = "no-grant";
        let descriptor = self.descriptor();
        if descriptor.commands.is_empty() && !descriptor.uses_model {
            return Ok(Finding::pass(CHECK, "it needs none"));
        }
        let settings = self.settings(CHECK, &[], &BTreeMap::new())?;
        let Ok(directory) = tempfile::tempdir() else {
            return Ok(Finding::skip(CHECK, "there is no room for a sample"));
        };
        let _ = std::fs::write(directory.path().join(SAMPLE_NAME), SAMPLE);
        let answer = self.evaluate(&Means {
            directory: directory.path(),
            targets: &[SAMPLE_NAME.to_owned()],
            settings: &settings,
            granted: false,
            tape: None,
            time_limit: PATIENCE.min(self.experiment.time_limit()),
        });
        let required = descriptor.commands.iter().find(|role| role.required);
        Ok(match answer {
            Ok(_) if required.is_some() => Finding::fail(
                CHECK,
                "it reports a value without the command that it declares as required",
            ),
            Ok(_) => Finding::pass(CHECK, "it measures without"),
            Err(Failed { error, .. }) => match (fault(&error), &error) {
                (Some(fault), _) => Finding::fail(CHECK, fault),
                (None, EvaluateError::CandidateFailed(_)) => Finding::fail(
                    CHECK,
                    format!(
                        "it blames the candidate: {error}; `unavailable` is for what the owner did not grant"
                    ),
                ),
                (None, EvaluateError::Unavailable(words)) => match required {
                    Some(role) if !words.contains(&role.name) => Finding::new(
                        CHECK,
                        Outcome::Warn,
                        format!("it does not name the role `{}`: {words}", role.name),
                    ),
                    _ => Finding::pass(CHECK, format!("it says so: {words}")),
                },
                (None, _) => Finding::pass(CHECK, format!("it says so: {error}")),
            },
        })
    }

    /// With its defaults and what the author set, it measures.
    pub(super) fn measures(&self) -> Checked {
        const CHECK: &str = "measures";
        let unbound = self.unbound();
        if let Some(role) = unbound.first() {
            return Ok(Finding::skip(
                CHECK,
                format!("bind `--command {role}='...'`, or give a recording with `--replay`"),
            ));
        }
        if self.descriptor().uses_model && self.model.is_none() && !self.is_replayed() {
            return Ok(Finding::skip(
                CHECK,
                "name a model with `--judge`, or give a recording with `--replay`",
            ));
        }
        let settings = self.settings(CHECK, &[], &self.experiment.objective.commands)?;
        let start = Instant::now();
        let report = match self.evaluate_target(&settings, self.tape.as_ref()) {
            Ok(report) => report,
            Err(failed) => {
                let of_sample = self.experiment.target.is_empty()
                    && matches!(failed.error, EvaluateError::CandidateFailed(_));
                let hint = if of_sample {
                    " (give it something to measure with `--target`)"
                } else {
                    ""
                };
                return Ok(Finding::fail(CHECK, format!("{failed}{hint}")));
            }
        };
        let took = start.elapsed();
        let metrics = &self.descriptor().metrics;
        if let Some(primary) = metrics.first()
            && report.measurement(&primary.name).is_none()
        {
            return Ok(Finding::fail(
                CHECK,
                format!("it does not report its first metric, `{}`", primary.name),
            ));
        }
        let Some(first) = report.measurements.first() else {
            return Ok(Finding::fail(CHECK, "it reports nothing"));
        };
        let first = metrics
            .first()
            .and_then(|primary| report.measurement(&primary.name))
            .unwrap_or(first);
        Ok(Finding::pass(
            CHECK,
            format!(
                "{}: {}; {} ms, {:.1} of {} MiB of memory",
                first.metric,
                Value::Number(Measurement::value(first)),
                took.as_millis(),
                report.memory as f64 / f64::from(1 << 20),
                self.experiment.limits.memory_mib,
            ),
        ))
    }

    /// What it calls deterministic is the same again.
    pub(super) fn deterministic(&self, works: bool) -> Checked {
        const CHECK: &str = "deterministic";
        let metrics = &self.descriptor().metrics;
        if !metrics.iter().any(|metric| metric.deterministic) {
            return Ok(Finding::pass(CHECK, "it calls no metric deterministic"));
        }
        if !works {
            return Ok(Finding::skip(CHECK, "it has not measured yet"));
        }
        if self.descriptor().uses_model && !self.is_replayed() {
            return Ok(Finding::skip(CHECK, self.is_costly().unwrap_or_default()));
        }
        let settings = self.settings(CHECK, &[], &self.experiment.objective.commands)?;
        let player = self.player();
        let measure = || self.evaluate_target(&settings, player);
        let (first, second) = match (measure(), measure()) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(failed), _) | (_, Err(failed)) => {
                return Ok(Finding::fail(
                    CHECK,
                    format!("measured again, it fails: {failed}"),
                ));
            }
        };
        let mut wrong = Vec::new();
        let mut same = Vec::new();
        for metric in metrics.iter().filter(|metric| metric.deterministic) {
            let samples = |report: &Report| {
                report
                    .measurement(&metric.name)
                    .map(|measurement| measurement.samples.clone())
            };
            let (first, second) = (samples(&first), samples(&second));
            if first == second {
                same.push(metric.name.as_str());
            } else {
                wrong.push(format!(
                    "`{}` was {} and then {}",
                    metric.name,
                    spelled(first.as_ref()),
                    spelled(second.as_ref())
                ));
            }
        }
        Ok(Finding::of(
            CHECK,
            Outcome::Fail,
            &wrong,
            format!("the same again: {}", same.join(", ")),
        ))
    }

    /// Every choice of a parameter is one that works.
    pub(super) fn choices(&self, works: bool) -> Checked {
        const CHECK: &str = "choices";
        let parameters = &self.descriptor().parameters;
        let choices: Vec<(&str, &String)> = parameters
            .iter()
            .flat_map(|parameter| {
                let name = parameter.name.as_str();
                parameter.choices.iter().map(move |choice| (name, choice))
            })
            .collect();
        if choices.is_empty() {
            return Ok(Finding::pass(CHECK, "no parameter has any"));
        }
        if !works {
            return Ok(Finding::skip(CHECK, "it has not measured yet"));
        }
        if let Some(why) = self.is_costly() {
            return Ok(Finding::skip(CHECK, why));
        }
        let player = self.player();
        let mut wrong = Vec::new();
        for (name, choice) in &choices {
            let value = Value::Text((*choice).clone());
            let settings = self.settings(
                CHECK,
                &[(name, &value)],
                &self.experiment.objective.commands,
            )?;
            if let Err(Failed { error, .. }) = self.evaluate_target(&settings, player) {
                let refused = matches!(error, EvaluateError::InvalidParameters(_));
                if refused || fault(&error).is_some() {
                    wrong.push(format!("{name} = {choice}: {error}"));
                }
            }
        }
        Ok(Finding::of(
            CHECK,
            Outcome::Fail,
            &wrong,
            format!("all {} work", choices.len()),
        ))
    }

    /// Given an odd target it measures that or says what is wrong with it.
    pub(super) fn handles(&self, target: Target) -> Checked {
        let check = target.check;
        if let Some(why) = self.is_costly() {
            return Ok(Finding::skip(check, why));
        }
        let settings = self.settings(check, &[], &self.experiment.objective.commands)?;
        let sample = [SAMPLE_NAME.to_owned()];
        let targets = match self.experiment.target.as_slice() {
            [] => &sample,
            targets => targets,
        };
        let Ok(directory) = tempfile::tempdir() else {
            return Ok(Finding::skip(check, "there is no room for the target"));
        };
        if let Err(error) = targets
            .iter()
            .try_for_each(|name| target.write(directory.path(), name))
        {
            return Ok(Finding::skip(
                check,
                format!("the target cannot be written: {error}"),
            ));
        }
        let start = Instant::now();
        let answer = self.evaluate(&Means {
            directory: directory.path(),
            targets,
            settings: &settings,
            granted: true,
            tape: self.player(),
            time_limit: PATIENCE.min(self.experiment.time_limit()),
        });
        let took = start.elapsed().as_millis();
        Ok(match answer {
            Ok(report) if target.is_missing && !self.is_replayed() => {
                let value = report.measurements.first().map(Measurement::value);
                Finding::fail(
                    check,
                    format!(
                        "it reports {} for a target that is not there: a candidate that deletes it could win",
                        value.map_or_else(|| "a value".to_owned(), |value| value.to_string())
                    ),
                )
            }
            Ok(report) => {
                let value = report.measurements.first();
                Finding::pass(
                    check,
                    value.map_or_else(String::new, |value| {
                        format!(
                            "{}: {}, after {took} ms",
                            value.metric,
                            Value::Number(Measurement::value(value))
                        )
                    }),
                )
            }
            Err(Failed { error, .. }) => match (fault(&error), &error) {
                (Some(fault), _) => Finding::fail(check, fault),
                (None, EvaluateError::Unavailable(_) | EvaluateError::InvalidParameters(_)) => {
                    Finding::new(
                        check,
                        Outcome::Warn,
                        format!("it does not blame the candidate (`candidate-failed`): {error}"),
                    )
                }
                (None, _) => Finding::pass(check, format!("it says so: {error}")),
            },
        })
    }
}

fn spelled(samples: Option<&Vec<f64>>) -> String {
    match samples.map(Vec::as_slice) {
        None => "missing".to_owned(),
        Some([one]) => one.to_string(),
        Some(many) => format!("{many:?}"),
    }
}

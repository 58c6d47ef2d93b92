//! `evaluator`: look at evaluators, make and check one's own.

mod added;
mod check;
mod new;
mod publish;

use std::collections::BTreeSet;

use serde_json::json;

use super::Context;
use crate::catalog::{self, Component};
use crate::evaluator::Descriptor;
use crate::failure::Failure;
use crate::grants::{Approval, Lock, Standing};
use crate::host::{Evaluator, Host, Limits};
use crate::instrument::load_evaluator;
use crate::project::DIRECTORY;

/// Look at evaluators, add those by others, make and publish your own
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the built-in evaluators, and those that were added
    List(ListArgs),
    /// Show what an evaluator measures, takes and asks for
    Inspect(InspectArgs),
    New(new::Args),
    Check(Box<check::Args>),
    Add(added::AddArgs),
    Update(added::UpdateArgs),
    Remove(added::RemoveArgs),
    Publish(publish::Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// Look at this one: a built-in one's name, or a path to a `.wasm` component
    evaluator: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(context, &context.host()?, arguments)?,
        Command::New(arguments) => new::run(context, arguments)?,
        Command::Add(arguments) => added::add(context, arguments)?,
        Command::Update(arguments) => added::update(context, arguments)?,
        Command::Remove(arguments) => added::remove(context, arguments)?,
        Command::Publish(arguments) => publish::run(context, arguments)?,
        Command::Check(arguments) => check::run(context, arguments)?,
        Command::Inspect(arguments) => {
            let host = context.host()?;
            let (component, evaluator) = load(context, &host, &arguments.evaluator)?;
            if arguments.json {
                let approval = approval(context, &component, &evaluator)?;
                let mut value = as_json(&component, &evaluator);
                if let Some(value) = value.as_object_mut() {
                    value.insert("approval".to_owned(), approval.into());
                }
                context.ui.json(&value);
            } else {
                inspect(context, &component, &evaluator)?;
            }
        }
    }
    Ok(())
}

fn load(
    context: &Context,
    host: &Host,
    reference: &str,
) -> Result<(Component, Evaluator), Failure> {
    let base = context.base_of(reference);
    load_evaluator(host, reference, &base, &Limits::default())
}

fn list(context: &Context, host: &Host, arguments: &ListArgs) -> Result<(), Failure> {
    let mut loaded = Vec::new();
    let lock = Lock::read(&context.place().join(DIRECTORY))?;
    let built_in = catalog::built_in().map(str::to_owned);
    let added = lock.all_added().iter().map(|added| added.name.clone());
    for name in built_in.chain(added) {
        loaded.push(load(context, host, &name)?);
    }
    if arguments.json {
        let values: Vec<_> = loaded
            .iter()
            .map(|(component, evaluator)| as_json(component, evaluator))
            .collect();
        context.ui.json(&json!(values));
        return Ok(());
    }
    let rows: Vec<(&str, String, &str)> = loaded
        .iter()
        .map(|(component, evaluator)| {
            let descriptor = evaluator.descriptor();
            let metric = match descriptor.metrics.first() {
                Some(metric) => format!("{}, {} is better", metric.name, metric.direction),
                None => "a metric that you name".to_owned(),
            };
            (
                component.reference.as_str(),
                metric,
                descriptor.summary.as_str(),
            )
        })
        .collect();
    let width = |length: fn(&(&str, String, &str)) -> usize| rows.iter().map(length).max();
    let names = width(|(name, ..)| name.len()).unwrap_or(0);
    let metrics = width(|(_, metric, _)| metric.len()).unwrap_or(0);
    for (name, metric, summary) in &rows {
        context
            .ui
            .data(&format!("{name:<names$}  {metric:<metrics$}  {summary}"));
    }
    context
        .ui
        .hint("`autoresearch evaluator inspect NAME` shows parameters and roles");
    Ok(())
}

fn inspect(context: &Context, component: &Component, evaluator: &Evaluator) -> Result<(), Failure> {
    let descriptor = evaluator.descriptor();
    let data = |line: &str| context.ui.data(line);
    data(&format!("{} {}", descriptor.name, descriptor.version));
    data(&descriptor.summary);
    data("");
    data("metrics");
    for (index, metric) in descriptor.metrics.iter().enumerate() {
        let unit = if metric.unit.is_empty() {
            String::new()
        } else {
            format!(" in {}", metric.unit)
        };
        data(&format!(
            "  {}{unit}, {} is better, {}{}",
            metric.name,
            metric.direction,
            if metric.deterministic {
                "deterministic"
            } else {
                "with noise"
            },
            if index == 0 { " (primary)" } else { "" },
        ));
        describe(context, &metric.description);
    }
    if descriptor.open_metrics {
        data("  any that you name with `--metric` and `--direction`");
    }
    if !descriptor.parameters.is_empty() {
        data("");
        data("parameters (--set NAME=VALUE)");
    }
    for parameter in &descriptor.parameters {
        let default = match &parameter.default {
            Some(default) => format!(", default {default}"),
            None if parameter.required => ", required".to_owned(),
            None => String::new(),
        };
        let choices = if parameter.choices.is_empty() {
            String::new()
        } else {
            format!(", one of {}", parameter.choices.join(", "))
        };
        data(&format!(
            "  {}: {}{default}{choices}",
            parameter.name, parameter.kind
        ));
        describe(context, &parameter.description);
    }
    if !descriptor.commands.is_empty() {
        data("");
        data("roles (--command ROLE='YOUR COMMAND')");
    }
    for role in &descriptor.commands {
        data(&format!(
            "  {}{}",
            role.name,
            if role.required {
                ", required"
            } else {
                ", optional"
            }
        ));
        describe(context, &role.description);
    }
    data("");
    data("grants it would need");
    for grant in grants(descriptor) {
        data(&format!("  {grant}"));
    }
    data("");
    data(&format!(
        "approval  {}",
        approval(context, component, evaluator)?
    ));
    data("");
    data("imports");
    for import in evaluator.imports() {
        data(&format!("  {import}"));
    }
    data("");
    data(&format!("size    {} bytes", component.bytes.len()));
    data(&format!("sha256  {}", component.digest));
    Ok(())
}

/// What was approved of it in the project around.
fn approval(
    context: &Context,
    component: &Component,
    evaluator: &Evaluator,
) -> Result<String, Failure> {
    if catalog::is_built_in(&component.reference) {
        return Ok("it comes with the program".to_owned());
    }
    let lock = Lock::read(&context.place().join(DIRECTORY))?;
    let descriptor = evaluator.descriptor();
    let as_it_is = Approval {
        reference: component.reference.clone(),
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        sha256: component.digest.clone(),
        commands: BTreeSet::new(),
        model: false,
    };
    Ok(
        match (
            lock.standing(&as_it_is),
            lock.approved(&component.reference),
        ) {
            (Standing::Approved, Some(approved)) => approved.grants(),
            (Standing::Changed(before), _) => {
                format!("for another component: {}", before.changes(&as_it_is))
            }
            _ => "none in this project".to_owned(),
        },
    )
}

fn describe(context: &Context, description: &str) {
    if !description.is_empty() {
        context.ui.data(&format!("      {description}"));
    }
}

/// What an owner gives by using it.
fn grants(descriptor: &Descriptor) -> Vec<String> {
    let mut grants = vec!["to read the candidate's directory".to_owned()];
    for role in &descriptor.commands {
        let when = if role.required {
            ""
        } else {
            ", if you bind one"
        };
        grants.push(format!("to run your command for `{}`{when}", role.name));
    }
    if descriptor.uses_model {
        grants.push("to ask your language model".to_owned());
    }
    grants
}

fn as_json(component: &Component, evaluator: &Evaluator) -> serde_json::Value {
    json!({
        "descriptor": evaluator.descriptor(),
        "grants": grants(evaluator.descriptor()),
        "imports": evaluator.imports(),
        "size": component.bytes.len(),
        "sha256": component.digest,
    })
}

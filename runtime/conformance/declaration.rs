//! What an evaluator says of itself: stable, telling, and true of what it imports.

use std::collections::BTreeMap;

use super::{Finding, Outcome, Subject};
use crate::evaluator::{Descriptor, Given, ValueType};
use crate::host::CONTRACT;

const COMMAND: &str = "autoresearch:evaluator/command@";
const MODEL: &str = "autoresearch:evaluator/model@";

pub(super) fn contract(subject: &Subject<'_>) -> Finding {
    Finding::pass(
        "contract",
        format!(
            "it implements {CONTRACT}, {} KiB",
            subject.component.bytes.len() >> 10
        ),
    )
}

/// Told twice, it must be the same: what was approved of rests on it.
pub(super) fn stable(subject: &Subject<'_>) -> Finding {
    const CHECK: &str = "describe";
    let again = subject.host.load(
        &subject.component.bytes,
        &subject.component.digest,
        &subject.experiment.limits,
    );
    let descriptor = subject.descriptor();
    match again {
        Ok(again) if again.descriptor() == descriptor => Finding::pass(
            CHECK,
            format!(
                "{} {}: the same each time",
                descriptor.name, descriptor.version
            ),
        ),
        Ok(_) => Finding::fail(
            CHECK,
            "it describes itself differently each time: return constants",
        ),
        Err(error) => Finding::fail(CHECK, format!("the second time it fails: {error}")),
    }
}

pub(super) fn told(descriptor: &Descriptor) -> Finding {
    let mut silent = Vec::new();
    let mut note = |text: &str, what: String| {
        if text.trim().is_empty() {
            silent.push(format!("{what} is empty"));
        }
    };
    note(&descriptor.summary, "the summary".to_owned());
    note(&descriptor.version, "the version".to_owned());
    for metric in &descriptor.metrics {
        note(
            &metric.description,
            format!("the description of the metric `{}`", metric.name),
        );
    }
    for parameter in &descriptor.parameters {
        note(
            &parameter.description,
            format!("the description of the parameter `{}`", parameter.name),
        );
    }
    for role in &descriptor.commands {
        note(
            &role.description,
            format!("the description of the role `{}`", role.name),
        );
    }
    Finding::of(
        "documentation",
        Outcome::Warn,
        &silent,
        "everything is described",
    )
}

/// An owner approves of roles and the model: nothing else may be asked for.
pub(super) fn imports(descriptor: &Descriptor, imports: &[String]) -> Finding {
    const CHECK: &str = "imports";
    let imported = |prefix: &str| imports.iter().any(|name| name.starts_with(prefix));
    let mut undeclared = Vec::new();
    if imported(COMMAND) && descriptor.commands.is_empty() {
        undeclared.push("it imports `command` and declares no role".to_owned());
    }
    if imported(MODEL) && !descriptor.uses_model {
        undeclared.push("it imports `model` and does not declare `uses-model`".to_owned());
    }
    if !undeclared.is_empty() {
        return Finding::fail(CHECK, undeclared.join("; "));
    }
    let mut idle = Vec::new();
    if !imported(COMMAND) && !descriptor.commands.is_empty() {
        idle.push("it declares roles and does not import `command`".to_owned());
    }
    if !imported(MODEL) && descriptor.uses_model {
        idle.push("it declares `uses-model` and does not import `model`".to_owned());
    }
    let own = imports.iter().filter(|name| !name.starts_with("wasi:"));
    let own: Vec<&str> = own.filter_map(|name| interface(name)).collect();
    let right = if own.is_empty() {
        "it asks for nothing but WASI".to_owned()
    } else {
        format!("it asks for WASI and {}", own.join(", "))
    };
    Finding::of(CHECK, Outcome::Warn, &idle, right)
}

/// `command` of `autoresearch:evaluator/command@0.1.0`; none for what carries types alone.
fn interface(import: &str) -> Option<&str> {
    let (_, name) = import.split_once('/')?;
    let name = name.split('@').next()?;
    (name != "types").then_some(name)
}

/// The host refuses values of another type, so that the evaluator never sees one.
pub(super) fn types(descriptor: &Descriptor) -> Finding {
    const CHECK: &str = "parameters";
    let count = descriptor.parameters.len();
    let mut taken = Vec::new();
    for parameter in &descriptor.parameters {
        let wrong = match parameter.kind {
            ValueType::Text => toml::Value::Integer(1),
            _ => toml::Value::String("no such thing".to_owned()),
        };
        let given = BTreeMap::from([(parameter.name.clone(), Given::Toml(wrong))]);
        if descriptor.values(&given).is_ok() {
            taken.push(format!(
                "`{}` takes a value of another type",
                parameter.name
            ));
        }
    }
    Finding::of(
        CHECK,
        Outcome::Fail,
        &taken,
        match count {
            0 => "there are none".to_owned(),
            1 => "a value of another type is refused".to_owned(),
            _ => format!("values of other types are refused for all {count}"),
        },
    )
}

//! What a published evaluator has to do beyond what the host enforces, checked by having it do it.

mod declaration;
mod subject;
mod targets;

pub use subject::Subject;

use std::fmt;

use serde::Serialize;

use crate::host::{EvaluateError, LoadError};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Pass,
    /// Its users would be better off otherwise.
    Warn,
    /// Its users would be harmed or misled.
    Fail,
    /// Something is missing that the check needs.
    Skip,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Pass => "ok",
            Outcome::Warn => "warn",
            Outcome::Fail => "FAIL",
            Outcome::Skip => "skip",
        })
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is checked; stays the same from one version to the next.
    pub check: &'static str,
    pub outcome: Outcome,
    /// For a person: what was seen, or what to do.
    pub detail: String,
}

impl Finding {
    fn new(check: &'static str, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            check,
            outcome,
            detail: detail.into(),
        }
    }

    fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Pass, detail)
    }

    fn fail(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Fail, detail)
    }

    fn skip(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Skip, detail)
    }

    /// A failure if there is something wrong, told in a line each.
    fn of(check: &'static str, bad: Outcome, wrong: &[String], right: impl Into<String>) -> Self {
        if wrong.is_empty() {
            Self::pass(check, right)
        } else {
            Self::new(check, bad, wrong.join("; "))
        }
    }
}

/// The finding of a component that cannot be loaded.
pub fn unloadable(error: &LoadError) -> Finding {
    Finding::fail("contract", format!("{error} ({})", error.hint()))
}

/// Carries out every check on an evaluator that could be loaded, and tells of each.
pub fn check(subject: &Subject<'_>, mut tell: impl FnMut(&Finding)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let begun = |checked: Result<Finding, Finding>| checked.unwrap_or_else(|skipped| skipped);
    let mut add = |finding: Finding| {
        tell(&finding);
        findings.push(finding);
    };
    let descriptor = subject.descriptor();
    add(declaration::contract(subject));
    add(declaration::stable(subject));
    add(declaration::told(descriptor));
    add(declaration::imports(
        descriptor,
        subject.evaluator.imports(),
    ));
    add(declaration::types(descriptor));
    add(begun(subject.without_grants()));
    let measured = begun(subject.measures());
    let works = measured.outcome != Outcome::Fail && measured.outcome != Outcome::Skip;
    add(measured);
    add(begun(subject.deterministic(works)));
    add(begun(subject.choices(works)));
    for target in targets::ALL {
        add(begun(subject.handles(target)));
    }
    findings
}

/// What is wrong with how an evaluation ended, if that is the evaluator's fault whatever it measures.
fn fault(error: &EvaluateError) -> Option<String> {
    match error {
        EvaluateError::Trapped { .. }
        | EvaluateError::TimedOut(_)
        | EvaluateError::LimitExceeded { .. }
        | EvaluateError::InvalidReport(_) => Some(error.to_string()),
        EvaluateError::CandidateFailed(words)
        | EvaluateError::InvalidParameters(words)
        | EvaluateError::Unavailable(words)
            if words.trim().is_empty() =>
        {
            Some("it fails without a word".to_owned())
        }
        _ => None,
    }
}

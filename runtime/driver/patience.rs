//! One measurement of a side as a run makes it: waited for where a model has no answer now, and made
//! once more where it failed through no fault of the candidate's.

use std::time::Duration;

use super::proposal::{FIRST_WAIT, LONGEST_WAIT};
use super::run::Run;
use super::{Doing, Lab, Notice, out_of_step};
use crate::failure::Failure;
use crate::host::{EvaluateError, Failed, Report};
use crate::journal::{Journal, ModelUse};
use crate::proposer::LONGEST_LIMIT;
use crate::session::{Ended, Side};
use crate::text;
use crate::workspace::Tree;

impl Lab<'_> {
    /// Whether more than one evaluation may take place in one worktree before a verdict.
    fn measures_repeatedly(&self) -> bool {
        !self.policy.deterministic || !self.guards.is_empty()
    }
}

/// What is measured, and of whom.
pub(super) struct Subject<'a> {
    pub(super) side: Side,
    pub(super) doing: Doing,
    /// The guard that measures; none for the objective.
    pub(super) guard: Option<&'a str>,
}

/// A report, and what was looked up in it.
type Measured<T> = Result<(Report, T), Failed>;

impl Run<'_> {
    /// Measures a side of the turn. None where there is no value: the session then knows why, or
    /// the run is to stop.
    pub(super) fn measure_patiently<T>(
        &mut self,
        journal: &mut Journal,
        subject: &Subject<'_>,
        measure: impl Fn(&Tree) -> Measured<T>,
    ) -> Result<Option<(Report, T)>, Failure> {
        let lab = self.lab;
        let unattended = self.bounds.unattended;
        let turn = self.turn.as_mut().ok_or_else(out_of_step)?;
        if lab.measures_repeatedly() {
            lab.check_git()?;
            if let Err(failure) = turn.prepare(subject.side) {
                if subject.side == Side::Candidate {
                    let reason = format!("its commands break its worktree: {}", failure.message);
                    self.session.crashed(text::clean_line(&reason, 500));
                    return Ok(None);
                }
                let candidate = turn.candidate.clone();
                lab.give_up(journal, &candidate, &format!("not judged: {failure}"))?;
                return Err(failure);
            }
        }
        let tree = match subject.side {
            Side::Candidate => turn.candidate_tree.as_ref(),
            Side::Incumbent => turn.incumbent_tree.as_ref(),
        };
        let tree = tree.ok_or_else(out_of_step)?;
        let n = turn.candidate.n;
        let mut wait = FIRST_WAIT;
        let mut waited = Duration::ZERO;
        let mut measured = loop {
            lab.doing(n, subject.doing.clone());
            let measured = measure(tree);
            self.tally.asked(asked(&measured));
            let Some(message) = no_answer_now(&measured).filter(|_| unattended) else {
                break measured;
            };
            let is_time = |time: Duration| self.started.elapsed() + wait < time;
            let there_is_time =
                self.bounds.time.is_none_or(is_time) && waited + wait <= LONGEST_LIMIT;
            (lab.notify)(Notice::NotNow {
                message,
                wait: Some(wait).filter(|_| there_is_time),
                most: LONGEST_LIMIT.saturating_sub(waited),
            });
            lab.doing(n, Doing::Waiting(wait));
            if !there_is_time || lab.wait(wait) {
                break measured;
            }
            waited += wait;
            wait = (wait * 2).min(LONGEST_WAIT);
        };
        if let Err(failed) = &measured
            && unattended
            && no_answer_now(&measured).is_some()
            && !lab.cancel.is_cancelled()
        {
            let candidate = turn.candidate.clone();
            self.session.finish(Ended::Time);
            lab.give_up(journal, &candidate, &format!("not judged: {failed}"))?;
            return Ok(None);
        }
        let blameless = |failed: &Failed| {
            let candidates = subject.side == Side::Candidate && failed.error.blames_candidate();
            !candidates && !lab.cancel.is_cancelled()
        };
        if let Some(failed) = measured.as_ref().err().filter(|failed| blameless(failed))
            && unattended
        {
            // A hiccup is no reason to end a night.
            (lab.notify)(Notice::MeasuringAgain(&subject.cannot_measure(failed)));
            measured = measure(tree);
            self.tally.asked(asked(&measured));
        }
        turn.model = ModelUse::sum(turn.model.take(), asked(&measured).cloned());
        match measured {
            Ok(measured) => Ok(Some(measured)),
            // It is seen to after this.
            Err(_) if lab.cancel.is_cancelled() => Ok(None),
            Err(failed) if !blameless(&failed) => {
                let by = subject
                    .guard
                    .map_or_else(String::new, |guard| format!("guard {guard}: "));
                self.session
                    .crashed(text::clean_line(&format!("{by}{failed}"), 500));
                Ok(None)
            }
            Err(failed) => {
                let failure = subject.cannot_measure(&failed);
                let candidate = turn.candidate.clone();
                lab.give_up(journal, &candidate, &format!("not judged: {failure}"))?;
                Err(failure)
            }
        }
    }
}

impl Subject<'_> {
    fn cannot_measure(&self, failed: &Failed) -> Failure {
        let failure = Failure::evaluation(failed);
        let by = self
            .guard
            .map_or_else(String::new, |guard| format!(" by the guard `{guard}`"));
        Failure {
            message: format!(
                "the {} cannot be measured{by}: {}",
                self.side, failure.message
            ),
            ..failure
        }
    }
}

/// What the evaluator's model says where it has no answer now, and may have one later.
fn no_answer_now<T>(measured: &Measured<T>) -> Option<&str> {
    match measured {
        Err(Failed {
            error:
                EvaluateError::NoAnswer {
                    message,
                    later: true,
                },
            ..
        }) => Some(message),
        _ => None,
    }
}

/// What a measurement asked of a language model.
fn asked<T>(measured: &Measured<T>) -> Option<&ModelUse> {
    match measured {
        Ok((report, _)) => report.model.as_ref(),
        Err(failed) => failed.model.as_deref(),
    }
}

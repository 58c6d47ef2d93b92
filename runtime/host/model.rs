//! The `model` import: ask the language model that the owner bound, within the owner's bounds.

use std::sync::{Arc, Mutex, PoisonError};

use super::bindings::autoresearch::evaluator::model as wit;
use super::state::State;
use super::{EvaluateError, Event};
use crate::experiment::ModelSettings;
use crate::journal::{AgentUse, ModelUse};
use crate::model::ModelError;
use crate::process::Cancel;
use crate::tape::{Completion, Head};

/// What one evaluation has asked of its model.
#[derive(Debug, Clone, Default)]
pub(super) struct Account(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    calls: u32,
    bytes: usize,
    used: Option<AgentUse>,
    /// Why the last call had no answer, and whether one may be had later.
    unanswered: Option<(String, bool)>,
}

impl Account {
    /// What was used, if anything was asked.
    pub(super) fn total(&self) -> Option<ModelUse> {
        let asked = self.lock();
        let used = asked.used.clone()?;
        Some(ModelUse {
            calls: asked.calls,
            used,
        })
    }

    /// An evaluation's failure, where that is for want of an answer.
    pub(super) fn explain(&self, error: EvaluateError) -> EvaluateError {
        match (self.lock().unanswered.clone(), error) {
            // Whatever the evaluator makes of it.
            (Some((message, true)), _) => EvaluateError::NoAnswer {
                message,
                later: true,
            },
            // In its own words.
            (Some((_, false)), EvaluateError::Unavailable(message)) => EvaluateError::NoAnswer {
                message,
                later: false,
            },
            (_, error) => error,
        }
    }

    /// Takes up one call, unless the owner's bounds are reached.
    fn begin(&self, prompt: usize, bounds: &ModelSettings) -> Result<u32, String> {
        let mut asked = self.lock();
        let known = asked.used.as_ref().and_then(|used| used.cost_usd);
        let bytes = asked.bytes + prompt;
        let spent = if asked.calls >= bounds.max_calls {
            format!("max_calls = {}", bounds.max_calls)
        } else if bytes > (bounds.max_kib as usize) << 10 {
            format!("max_kib = {}", bounds.max_kib)
        } else if known.is_some_and(|cost| cost >= bounds.max_cost_usd) {
            format!("max_cost_usd = {}", bounds.max_cost_usd)
        } else {
            asked.calls += 1;
            asked.bytes = bytes;
            asked.unanswered = None;
            return Ok(asked.calls);
        };
        let spent = format!("the evaluation has used up its `{spent}`");
        asked.unanswered = Some((spent.clone(), false));
        Err(spent)
    }

    fn end(&self, answer: &Result<String, ModelError>, used: &AgentUse) {
        let mut asked = self.lock();
        match &mut asked.used {
            Some(sum) => sum.add(used),
            none => *none = Some(used.clone()),
        }
        match answer {
            Ok(text) => asked.bytes += text.len(),
            Err(error) => {
                let later = matches!(error, ModelError::NotNow { .. });
                asked.unanswered = Some((error.to_string(), later));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl wit::Host for State {
    async fn complete(
        &mut self,
        prompt: String,
    ) -> wasmtime::Result<Result<wit::Completion, wit::Error>> {
        self.meter.count_bytes(prompt.len())?;
        if let Some(answer) = self.tape.as_mut().and_then(Head::completion) {
            return Ok(convert(answer));
        }
        let granted = self
            .grants
            .as_ref()
            .and_then(|grants| Some((grants.deadline.clone(), Arc::clone(grants.model.as_ref()?))));
        let Some((deadline, model)) = granted else {
            return Ok(Err(wit::Error::NotGranted(
                "no language model is bound: name one with `--judge`, or `[model]` in the experiment"
                    .to_owned(),
            )));
        };
        if deadline.has_passed() {
            return Ok(Err(wit::Error::Failed(
                "the evaluation's time is up".to_owned(),
            )));
        }
        let number = match self.account.begin(prompt.len(), model.settings()) {
            Ok(number) => number,
            Err(spent) => return Ok(Err(wit::Error::BudgetExhausted(spent))),
        };
        self.tell(Event::ModelAsked {
            number,
            name: model.name(),
            prompt: &prompt,
        });
        let (answer, used) = self
            .in_thread("model", move |cancel: &Cancel| {
                model.complete(&prompt, || deadline.left(), cancel)
            })
            .await?;
        self.account.end(&answer, &used);
        self.tell(Event::ModelAnswered {
            number,
            answer: &answer,
            used: &used,
        });
        if let Ok(text) = &answer {
            self.meter.count_bytes(text.len())?;
        }
        let answer = match answer {
            Ok(text) => Ok(Completion {
                text,
                model: used.model,
            }),
            Err(error) => Err(error.to_string()),
        };
        if let Some(tape) = &self.tape {
            tape.take_completion(&answer);
        }
        Ok(convert(answer))
    }
}

fn convert(answer: Result<Completion, String>) -> Result<wit::Completion, wit::Error> {
    match answer {
        Ok(Completion { text, model }) => Ok(wit::Completion { text, model }),
        Err(why) => Err(wit::Error::Failed(why)),
    }
}

//! Asks the model for one set of scores.

use crate::answer::{self, Tenths};
use crate::marker::Marker;
use crate::passage::Passage;
use crate::question;
use crate::{Completion, Failure, Host, ModelError, Rubric};

/// One set of scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// In the order of the criteria.
    pub scores: Vec<Tenths>,
    /// Which model gave them, where it says so.
    pub model: Option<String>,
    /// What was wrong with the first answer, where there was a second one.
    pub asked_again: Option<String>,
}

/// Why there is no answer, or none that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No call will succeed.
    Lasting(Failure),
    /// This one did not.
    Passing(String),
    /// It was answered twice, and not in the form that was asked for. A model that answers other texts
    /// as it should was led there by this one: the candidate fails, and the night goes on.
    Malformed(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Lasting(failure) => failure,
            Trouble::Passing(text) => Failure::Unavailable(text),
            Trouble::Malformed(text) => Failure::CandidateFailed(text),
        }
    }
}

/// Asks for the scores, and a second time where the answer is malformed: with another marker, and
/// told what was wrong.
pub fn ask(
    host: &mut impl Host,
    rubric: &Rubric,
    passages: &[Passage],
) -> Result<Judgement, Trouble> {
    let mut asked_again: Option<String> = None;
    loop {
        let marker = Marker::draw(host, passages).map_err(Trouble::Lasting)?;
        let prompt = question::prompt(rubric, passages, &marker, asked_again.as_deref());
        let Completion { text, model } = complete(host, &prompt)?;
        match answer::scores(&text, &marker, rubric.criteria) {
            Ok(scores) => {
                return Ok(Judgement {
                    scores,
                    model,
                    asked_again,
                });
            }
            Err(complaint) if asked_again.is_some() => {
                let reason = format!(
                    "the judge's answer could not be used, nor the one before: {complaint}"
                );
                return Err(Trouble::Malformed(common::with_excerpt(
                    &reason,
                    &[text.as_bytes()],
                )));
            }
            Err(complaint) => asked_again = Some(complaint),
        }
    }
}

/// Asks the model, and tells what ends everything from what ends this call alone.
pub fn complete(host: &mut impl Host, prompt: &str) -> Result<Completion, Trouble> {
    host.complete(prompt).map_err(|error| match error {
        // The runtime says what to grant, and how.
        ModelError::NotGranted(text) => Trouble::Lasting(Failure::Unavailable(text)),
        ModelError::BudgetExhausted(text) => Trouble::Lasting(Failure::Unavailable(format!(
            "the model's budget is spent: {text}"
        ))),
        ModelError::Failed(text) => Trouble::Passing(format!("the model did not answer: {text}")),
        ModelError::Other(text) => {
            Trouble::Passing(format!("the model could not be asked: {text}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, RUBRIC};

    const GOOD: &str = "M hook: 7\nM value: 6\nM brevity: 5";

    fn asked(fake: &mut Fake) -> Result<Judgement, Trouble> {
        ask(fake, &RUBRIC, &[Passage::new("a.md", "text")])
    }

    #[test]
    fn a_good_answer_is_asked_for_once() {
        let mut fake = Fake::answering(&[GOOD]);
        let judgement = asked(&mut fake).unwrap();
        assert_eq!(judgement.scores, [70, 60, 50]);
        assert_eq!(judgement.model.as_deref(), Some("fake-1"));
        assert_eq!(judgement.asked_again, None);
        assert_eq!(fake.prompts.len(), 1);
    }

    #[test]
    fn a_malformed_answer_is_asked_for_again_with_the_reason_and_another_marker() {
        for bad in ["", "M hook: 7", "hook: 10", &format!("{GOOD}\n{GOOD}")] {
            let mut fake = Fake::answering(&[bad, GOOD]);
            let judgement = asked(&mut fake).unwrap();
            assert_eq!(judgement.scores, [70, 60, 50]);
            let complaint = judgement.asked_again.unwrap();
            assert!(!fake.prompts[0].contains("could not be used"));
            assert!(fake.prompts[1].contains(&complaint));
            let marker = |prompt: &str| prompt.lines().last().unwrap()[..32].to_owned();
            assert!(!fake.prompts[1].contains(&marker(&fake.prompts[0])));
        }
    }

    #[test]
    fn an_answer_that_uses_the_marker_of_the_call_before_is_malformed() {
        let mut fake = Fake::answering(&["", GOOD]);
        asked(&mut fake).unwrap();
        let old = &fake.prompts[0].lines().last().unwrap()[..32];
        let stale = GOOD.replace("M ", &format!("{old} "));
        let mut fake = Fake::answering(&["", &stale]);
        assert!(asked(&mut fake).is_err());
    }

    #[test]
    fn two_malformed_answers_are_the_candidates_failure() {
        let mut fake = Fake::answering(&["no", "I would rather\n\u{1b}[31mnot\u{1b}[0m say"]);
        let Err(Trouble::Malformed(text)) = asked(&mut fake) else {
            panic!("it was judged")
        };
        assert_eq!(
            text,
            "the judge's answer could not be used, nor the one before: no line with the code scores `hook`, \
             `value`, `brevity`:\nI would rather\nnot say"
        );
        assert_eq!(fake.prompts.len(), 2);
    }

    #[test]
    fn a_model_that_cannot_be_asked_is_asked_once() {
        let text = || "words of the runtime".to_owned();
        for (error, lasting) in [
            (ModelError::NotGranted(text()), true),
            (ModelError::BudgetExhausted(text()), true),
            (ModelError::Failed(text()), false),
            (ModelError::Other(text()), false),
        ] {
            let mut fake = Fake::failing(error.clone());
            let trouble = asked(&mut fake).unwrap_err();
            assert_eq!(matches!(trouble, Trouble::Lasting(_)), lasting, "{error:?}");
            let Failure::Unavailable(said) = trouble.into() else {
                panic!("{error:?}")
            };
            assert!(said.contains("words of the runtime"));
            assert_eq!(fake.prompts.len(), 1);
        }
        let mut fake = Fake::failing(ModelError::NotGranted(text()));
        assert_eq!(
            asked(&mut fake),
            Err(Trouble::Lasting(Failure::Unavailable(text())))
        );
    }
}

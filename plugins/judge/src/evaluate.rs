//! Judges texts: all of an evaluation but the glue.

use std::path::Path;

use crate::answer::{Tenths, mean};
use crate::ask::{Judgement, ask};
use crate::{Criterion, Failure, Host, Note, Outcome, Rubric, passage};

/// How many sets of scores are asked for where the owner does not say.
pub const DEFAULT_SAMPLES: u32 = 1;
/// And at most: each is a call that somebody pays for.
pub const MOST_SAMPLES: u32 = 100;

const MODEL_CHARACTERS: usize = 100;

/// What the owner set, and the experiment's targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// What to judge; all targets where it is none.
    pub file: Option<String>,
    /// How many sets of scores to ask for.
    pub samples: Option<i64>,
    /// The experiment's targets.
    pub targets: Vec<String>,
}

impl Inputs {
    /// Checks how many sets of scores are wanted.
    pub fn samples(&self) -> Result<u32, Failure> {
        let given = self.samples.unwrap_or(DEFAULT_SAMPLES.into());
        match u32::try_from(given) {
            Ok(samples) if (1..=MOST_SAMPLES).contains(&samples) => Ok(samples),
            _ => Err(Failure::InvalidParameters(format!(
                "`samples` must be from 1 to {MOST_SAMPLES}, not {given}"
            ))),
        }
    }
}

/// Judges the texts below `base`. The primary metric is the mean of the criteria, 0 to 10.
pub fn texts(
    host: &mut impl Host,
    base: &Path,
    inputs: &Inputs,
    rubric: &Rubric,
    primary: &str,
) -> Result<Outcome, Failure> {
    let samples = inputs.samples()?;
    let files = passage::chosen(inputs.file.as_deref(), &inputs.targets)?;
    let passages = passage::read(base, &files)?;

    let mut given = Vec::new();
    let mut notes = Notes::default();
    for number in 1..=samples {
        host.progress(
            number - 1,
            samples,
            &format!("judgement {number} of {samples}"),
        );
        let Judgement {
            scores,
            model,
            asked_again,
        } = ask(host, rubric, &passages)?;
        notes.model(model.as_deref());
        if let Some(complaint) = asked_again {
            notes.0.push(Note::Info(format!(
                "judgement {number} was asked for twice; the first answer: {complaint}"
            )));
        }
        given.push(scores);
    }
    host.progress(samples, samples, "judged");

    let mut measurements = vec![(
        primary.to_owned(),
        given.iter().filter_map(|scores| mean(scores)).collect(),
    )];
    measurements.extend(by_criterion(rubric.criteria, &given));
    Ok(Outcome {
        measurements,
        notes: notes.0,
    })
}

/// Each criterion as a metric, with one sample of every set of scores.
pub fn by_criterion(criteria: &[Criterion], given: &[Vec<Tenths>]) -> Vec<(String, Vec<f64>)> {
    criteria
        .iter()
        .enumerate()
        .map(|(index, criterion)| {
            let samples = given
                .iter()
                .filter_map(|scores| scores.get(index))
                .map(|score| f64::from(*score) / 10.0)
                .collect();
            (criterion.name.to_owned(), samples)
        })
        .collect()
}

/// What there is to say, each model once.
#[derive(Debug, Default)]
pub struct Notes(pub Vec<Note>);

impl Notes {
    /// Says who judges, where the model says it and it was not said yet.
    pub fn model(&mut self, model: Option<&str>) {
        let Some(model) = model else { return };
        let name: String = common::clean(model.as_bytes())
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(MODEL_CHARACTERS)
            .collect();
        let note = Note::Info(format!("judged by {name}"));
        if !name.is_empty() && !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelError;
    use crate::fake::{Fake, RUBRIC};

    fn inputs(samples: Option<i64>) -> Inputs {
        Inputs {
            file: None,
            samples,
            targets: vec!["src/lib.rs".to_owned()],
        }
    }

    /// Judges a file that is sure to be there.
    fn judge(fake: &mut Fake, inputs: &Inputs) -> Result<Outcome, Failure> {
        let base = Path::new(env!("CARGO_MANIFEST_DIR"));
        texts(fake, base, inputs, &RUBRIC, "quality")
    }

    #[test]
    fn the_evaluator_averages_whatever_the_model_sums_up() {
        let mut fake =
            Fake::answering(&["M hook: 7\nM value: 6\nM brevity: 5.5\nAverage: 9.9\nTotal: 30/30"]);
        let outcome = judge(&mut fake, &inputs(None)).unwrap();
        let wanted = [
            ("quality", 18.5 / 3.0),
            ("hook", 7.0),
            ("value", 6.0),
            ("brevity", 5.5),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), vec![value]));
        assert_eq!(outcome.measurements, wanted);
        assert_eq!(outcome.notes, [Note::Info("judged by fake-1".into())]);
        assert!(fake.prompts[0].contains("//! What the judges share"));
        assert_eq!(fake.steps, ["0/1 judgement 1 of 1", "1/1 judged"]);
    }

    #[test]
    fn every_sample_is_asked_for_and_returned() {
        let mut fake = Fake::answering(&[
            "M hook: 1\nM value: 2\nM brevity: 3",
            "nothing",
            "M hook: 4\nM value: 5\nM brevity: 6",
            "M hook: 7\nM value: 8\nM brevity: 9",
        ]);
        let outcome = judge(&mut fake, &inputs(Some(3))).unwrap();
        assert_eq!(
            outcome.measurements[0],
            ("quality".to_owned(), vec![2.0, 5.0, 8.0])
        );
        assert_eq!(
            outcome.measurements[3],
            ("brevity".to_owned(), vec![3.0, 6.0, 9.0])
        );
        assert_eq!(fake.prompts.len(), 4);
        assert_eq!(outcome.notes.len(), 2, "the model is named once");
        assert!(
            matches!(&outcome.notes[1], Note::Info(text) if text.starts_with("judgement 2 was asked for twice"))
        );
        assert_eq!(fake.steps[2], "2/3 judgement 3 of 3");
    }

    #[test]
    fn samples_are_bounded() {
        for samples in [0, -1, 101, i64::MAX, (1 << 32) + 1] {
            let mut fake = Fake::answering(&[]);
            assert_eq!(
                judge(&mut fake, &inputs(Some(samples))),
                Err(Failure::InvalidParameters(format!(
                    "`samples` must be from 1 to 100, not {samples}"
                )))
            );
        }
        assert_eq!(inputs(Some(100)).samples(), Ok(100));
    }

    #[test]
    fn a_model_that_fails_is_not_the_candidates_fault_and_one_led_astray_is() {
        let mut failing = Fake::failing(ModelError::Failed("exit code 1".into()));
        assert!(matches!(
            judge(&mut failing, &inputs(None)),
            Err(Failure::Unavailable(_))
        ));
        let mut astray = Fake::answering(&["", ""]);
        assert!(matches!(
            judge(&mut astray, &inputs(None)),
            Err(Failure::CandidateFailed(_))
        ));
    }

    #[test]
    fn nothing_is_asked_about_a_text_that_cannot_be_judged() {
        let mut fake = Fake::answering(&[]);
        let missing = Inputs {
            file: Some("missing.md".into()),
            ..inputs(None)
        };
        assert!(matches!(
            judge(&mut fake, &missing),
            Err(Failure::CandidateFailed(_))
        ));
        assert!(fake.prompts.is_empty());
    }

    #[test]
    fn a_models_name_is_one_short_line() {
        let mut notes = Notes::default();
        notes.model(None);
        notes.model(Some(" \u{1b}[0m\n"));
        assert!(notes.0.is_empty());
        notes.model(Some(&"x\ny".repeat(100)));
        let Note::Info(text) = &notes.0[0] else {
            panic!()
        };
        assert!(text.len() <= 120 && !text.contains('\n'));
    }
}

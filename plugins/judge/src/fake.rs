//! A model that answers from a list, and random numbers that do too.

use crate::marker::Marker;
use crate::{Completion, Criterion, Host, ModelError, Rubric};

pub const CRITERIA: &[Criterion] = &[
    Criterion {
        name: "hook",
        question: "Does it begin well?",
    },
    Criterion {
        name: "value",
        question: "Is it worth reading?",
    },
    Criterion {
        name: "brevity",
        question: "Is it short?",
    },
];

pub const RUBRIC: Rubric = Rubric {
    subject: "posts of a test",
    best: "nothing could be said better",
    criteria: CRITERIA,
};

pub const MARKER: &str = "00000000000000000000000000abcdef";

pub fn marker() -> Marker {
    Marker::draw(&mut Fake::drawing(&[0xab_cdef]), &[]).unwrap()
}

/// What the model says when it is asked with this marker.
type Answer = Box<dyn FnOnce(&str) -> Result<Completion, ModelError>>;

#[derive(Default)]
pub struct Fake {
    random: Vec<u128>,
    answers: Vec<Answer>,
    pub prompts: Vec<String>,
    pub steps: Vec<String>,
}

impl Fake {
    pub fn drawing(numbers: &[u128]) -> Self {
        Self {
            random: numbers.to_vec(),
            ..Self::default()
        }
    }

    /// Answers with these texts, `M` in them being the marker at the end of the prompt.
    pub fn answering(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| {
            let answer = (*answer).to_owned();
            Box::new(move |marker: &str| {
                Ok(Completion {
                    text: answer.replace("M ", &format!("{marker} ")),
                    model: Some("fake-1".to_owned()),
                })
            }) as Answer
        });
        Self {
            random: (1..=100).map(|n| n * 0x1234_5678_9abc_def1_2345).collect(),
            answers: answers.collect(),
            ..Self::default()
        }
    }

    pub fn failing(error: ModelError) -> Self {
        let mut fake = Self::answering(&[]);
        fake.answers.push(Box::new(move |_| Err(error)));
        fake
    }
}

impl Host for Fake {
    fn complete(&mut self, prompt: &str) -> Result<Completion, ModelError> {
        self.prompts.push(prompt.to_owned());
        let marker = prompt
            .lines()
            .last()
            .and_then(|line| line.split(' ').next())
            .unwrap()
            .to_owned();
        self.answers.remove(0)(&marker)
    }

    fn random(&mut self) -> Option<u128> {
        (!self.random.is_empty()).then(|| self.random.remove(0))
    }

    fn progress(&mut self, done: u32, total: u32, message: &str) {
        self.steps.push(format!("{done}/{total} {message}"));
    }
}

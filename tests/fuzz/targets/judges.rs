//! Whatever a model answers, it is scores from 0 to 10 or a complaint; whatever the cases are, they are
//! cases or a message.
#![no_main]

use std::sync::LazyLock;

use judge::marker::Marker;
use judge::{Completion, Criterion, Host, ModelError, answer};
use libfuzzer_sys::fuzz_target;

const CRITERIA: &[Criterion] = &[
    Criterion {
        name: "clarity",
        question: "Is it clear?",
    },
    Criterion {
        name: "hook",
        question: "Does it hook?",
    },
];

/// A marker that the corpus can know.
struct Zero;

impl Host for Zero {
    fn complete(&mut self, _: &str) -> Result<Completion, ModelError> {
        unreachable!("nobody asks")
    }

    fn random(&mut self) -> Option<u128> {
        Some(0)
    }

    fn progress(&mut self, _: u32, _: u32, _: &str) {}
}

static MARKER: LazyLock<Marker> = LazyLock::new(|| Marker::draw(&mut Zero, &[]).unwrap());

fuzz_target!(|data: &[u8]| {
    let _ = llm_judge_prompt::cases::parse(data);
    let text = String::from_utf8_lossy(data);
    if let Ok(scores) = answer::scores(&text, &MARKER, CRITERIA) {
        assert_eq!(scores.len(), CRITERIA.len());
        let mean = answer::mean(&scores);
        assert!(mean.is_none_or(|mean| (0.0..=10.0).contains(&mean)));
    }
});

//! Has a language model judge headlines, titles and descriptions.
//!
//! The component's glue is in `component`, for WebAssembly alone; how a model is asked is in `judge`.

#[cfg(target_arch = "wasm32")]
mod component;

use judge::{Criterion, Rubric};

/// The mean of the criteria.
pub const PRIMARY: &str = "ctr_score";

/// What makes somebody click.
pub const RUBRIC: Rubric = Rubric {
    subject: "headlines, titles and descriptions by how many of those who see them will click",
    best: "among the best that was ever published",
    criteria: &[
        Criterion {
            name: "curiosity_gap",
            question: "Does it open a question that its reader wants answered, without giving the \
                       answer away and without promising what cannot follow?",
        },
        Criterion {
            name: "specificity",
            question: "Does it name numbers, things and outcomes, where others make claims that \
                       would fit anything?",
        },
        Criterion {
            name: "emotional_pull",
            question: "Does it touch something that its reader hopes, fears or is proud of, by \
                       what it says rather than by loud words?",
        },
        Criterion {
            name: "scroll_stop_power",
            question: "Would somebody who skims a page full of others stop at this one?",
        },
        Criterion {
            name: "keyword_presence",
            question: "Are the words that its readers search for there, early, and as natural \
                       language?",
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_criterion_is_a_metric_of_its_own() {
        let mut names: Vec<&str> = RUBRIC.criteria.iter().map(|one| one.name).collect();
        names.push(PRIMARY);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 6);
    }
}

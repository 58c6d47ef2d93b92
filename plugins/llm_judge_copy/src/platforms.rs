//! What counts on each platform.

use judge::{Criterion, Failure, Rubric};

/// The platform where the owner names none.
pub const DEFAULT: &str = "twitter";

const BEST: &str = "among the best that was ever published";

/// Every platform with its criteria. A name that several platforms have is one metric.
pub const PLATFORMS: &[(&str, Rubric)] = &[
    (
        "twitter",
        Rubric {
            subject: "posts for Twitter by how many people will read, answer and share them",
            best: BEST,
            criteria: &[
                Criterion {
                    name: "hook",
                    question: "Do the first words alone make somebody read on?",
                },
                Criterion {
                    name: "value",
                    question: "Does the reader learn or feel something that was worth the time?",
                },
                Criterion {
                    name: "engagement",
                    question: "Does it leave people something to answer, contradict or pass on?",
                },
                Criterion {
                    name: "brevity",
                    question: "Does every word do work, within the length that the platform shows?",
                },
                Criterion {
                    name: "call_to_action",
                    question: "Is it plain what to do next, and worth doing?",
                },
            ],
        },
    ),
    (
        "linkedin",
        Rubric {
            subject: "posts for LinkedIn by how many people of the trade will read, answer and share them",
            best: BEST,
            criteria: &[
                Criterion {
                    name: "hook",
                    question: "Do the lines above the fold make somebody unfold the rest?",
                },
                Criterion {
                    name: "storytelling",
                    question: "Does something happen to somebody, with a turn and a point?",
                },
                Criterion {
                    name: "credibility",
                    question: "Do facts, figures or the author's own experience carry the claims?",
                },
                Criterion {
                    name: "engagement",
                    question: "Will people of the trade want to add what they know or think?",
                },
                Criterion {
                    name: "call_to_action",
                    question: "Does it end with one next step that fits a professional reader?",
                },
            ],
        },
    ),
    (
        "instagram",
        Rubric {
            subject: "captions for Instagram by how many people will stop, like, answer and save them",
            best: BEST,
            criteria: &[
                Criterion {
                    name: "hook",
                    question: "Does the part that shows before the cut hold somebody who scrolls?",
                },
                Criterion {
                    name: "relatability",
                    question: "Will its readers find their own lives in it?",
                },
                Criterion {
                    name: "visual_match",
                    question: "Does it work together with a picture, named or easily imagined, \
                               and say what the picture cannot?",
                },
                Criterion {
                    name: "hashtags",
                    question: "Are the hashtags fitting, findable and few enough not to look like \
                               spam?",
                },
                Criterion {
                    name: "call_to_action",
                    question: "Does it ask for one easy thing: a comment, a save, a tap?",
                },
            ],
        },
    ),
    (
        "email",
        Rubric {
            subject: "marketing e-mails, their subject lines above all, by how many people will open and read them",
            best: BEST,
            criteria: &[
                Criterion {
                    name: "open_incentive",
                    question: "Does the subject line give a reason to open it now rather than \
                               delete it?",
                },
                Criterion {
                    name: "specificity",
                    question: "Is it plain what is in it for the reader, in particulars?",
                },
                Criterion {
                    name: "urgency",
                    question: "Is there an honest reason not to put it off?",
                },
                Criterion {
                    name: "personalisation",
                    question: "Does it read as written to this reader, beyond a first name?",
                },
                Criterion {
                    name: "preview_match",
                    question: "Does the preview, or the first line, carry the subject on, and does \
                               the e-mail keep what both promise?",
                },
            ],
        },
    ),
    (
        "ad",
        Rubric {
            subject: "advertisements by how many of the right people will act on them",
            best: BEST,
            criteria: &[
                Criterion {
                    name: "attention",
                    question: "Does it stand out to those whom it is meant for?",
                },
                Criterion {
                    name: "desire",
                    question: "Does it make them want the outcome, rather than list features?",
                },
                Criterion {
                    name: "proof",
                    question: "Is there evidence: numbers, names, guarantees, others' experience?",
                },
                Criterion {
                    name: "action",
                    question: "Is the next step single, clear and easy to take?",
                },
                Criterion {
                    name: "objection_handling",
                    question: "Is the reason that people have not to buy answered before they \
                               raise it?",
                },
            ],
        },
    ),
];

/// Finds a platform's criteria.
pub fn rubric(platform: Option<&str>) -> Result<&'static Rubric, Failure> {
    let wanted = platform.unwrap_or(DEFAULT);
    match PLATFORMS.iter().find(|(name, _)| *name == wanted) {
        Some((_, rubric)) => Ok(rubric),
        None => Err(Failure::InvalidParameters(format!(
            "`platform` must be one of {}, not `{wanted}`",
            names().join(", ")
        ))),
    }
}

/// The platforms' names.
pub fn names() -> Vec<&'static str> {
    PLATFORMS.iter().map(|(name, _)| *name).collect()
}

/// Every criterion of any platform once, with the platforms that have it.
pub fn metrics() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut metrics: Vec<(&str, Vec<&str>)> = Vec::new();
    for (platform, rubric) in PLATFORMS {
        for criterion in rubric.criteria {
            match metrics.iter_mut().find(|(name, _)| *name == criterion.name) {
                Some((_, platforms)) => platforms.push(platform),
                None => metrics.push((criterion.name, vec![platform])),
            }
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twitter_is_the_default() {
        assert_eq!(rubric(None), rubric(Some("twitter")));
        assert_ne!(rubric(None), rubric(Some("ad")));
    }

    #[test]
    fn an_unknown_platform_is_named() {
        assert_eq!(
            rubric(Some("Twitter")),
            Err(Failure::InvalidParameters(
                "`platform` must be one of twitter, linkedin, instagram, email, ad, not `Twitter`"
                    .into()
            ))
        );
    }

    #[test]
    fn each_platform_has_five_criteria_each_once() {
        for (platform, rubric) in PLATFORMS {
            let mut names: Vec<&str> = rubric.criteria.iter().map(|one| one.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 5, "{platform}");
        }
    }

    #[test]
    fn a_criterion_of_several_platforms_is_one_metric() {
        let metrics = metrics();
        assert_eq!(
            metrics[0],
            ("hook", vec!["twitter", "linkedin", "instagram"])
        );
        assert!(metrics.contains(&("specificity", vec!["email"])));
        assert_eq!(metrics.len(), 20);
        // The contract's form of a name, and none is the primary metric's.
        for (name, _) in metrics {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            );
            assert_ne!(name, crate::PRIMARY);
        }
    }
}

//! Reads scores from a model's answer.
//!
//! A score is a line `MARKER criterion: 7` or `MARKER criterion: 7.5`. Models like to wrap what they say,
//! so what stands around these lines does not matter, and neither do code fences, list bullets and
//! emphasis on them. What matters is exact: each criterion once, from 0 to 10, one decimal at most.
//! There is no best guess: an answer that leaves anything open is malformed.

use crate::Criterion;
use crate::marker::Marker;
use crate::question::PLACEHOLDER;

/// A score in tenths, 0 to 100: the average of such is exact.
pub type Tenths = u16;

const MOST: Tenths = 100;

/// Reads the scores in the criteria's order. The error says what is wrong with the answer, without
/// a word from it: it goes into the next prompt.
pub fn scores(
    answer: &str,
    marker: &Marker,
    criteria: &[Criterion],
) -> Result<Vec<Tenths>, String> {
    let answer = common::clean(answer.as_bytes());
    if answer.trim().is_empty() {
        return Err("it was empty".into());
    }
    let mut found: Vec<Found> = vec![Found::Nothing; criteria.len()];
    let mut strays = false;
    for line in answer.lines() {
        let Some((before, after)) = line.split_once(marker.as_str()) else {
            continue;
        };
        // Prose that mentions the marker, or an echo of the lines around the text.
        if before.chars().any(char::is_alphabetic) {
            continue;
        }
        let (name, value) = after.split_once(':').unwrap_or((after, ""));
        let name = name.trim_matches(is_decoration).to_ascii_lowercase();
        let value = value.trim_matches(is_decoration);
        // An echo of the form.
        if value == PLACEHOLDER {
            continue;
        }
        let known = criteria
            .iter()
            .zip(&mut found)
            .find(|(criterion, _)| criterion.name == name);
        match known {
            Some((_, state)) => {
                *state = match (*state, tenths(value)) {
                    (Found::Nothing, Some(score)) => Found::Score(score),
                    (Found::Nothing, None) => Found::Unreadable,
                    _ => Found::Twice,
                }
            }
            None => strays = true,
        }
    }

    let named = |wanted: fn(&Found) -> bool| {
        let names: Vec<String> = criteria
            .iter()
            .zip(&found)
            .filter(|(_, state)| wanted(state))
            .map(|(criterion, _)| format!("`{}`", criterion.name))
            .collect();
        names.join(", ")
    };
    let missing = named(|state| matches!(state, Found::Nothing));
    let unreadable = named(|state| matches!(state, Found::Unreadable));
    let twice = named(|state| matches!(state, Found::Twice));
    let mut complaints = Vec::new();
    if !missing.is_empty() {
        complaints.push(format!("no line with the code scores {missing}"));
    }
    if !unreadable.is_empty() {
        complaints.push(format!(
            "not a number from 0 to 10 with one decimal at most: {unreadable}"
        ));
    }
    if !twice.is_empty() {
        complaints.push(format!("scored more than once: {twice}"));
    }
    if strays {
        complaints.push("a line with the code names none of the criteria".into());
    }
    if !complaints.is_empty() {
        return Err(complaints.join("; "));
    }
    Ok(found
        .into_iter()
        .filter_map(|state| match state {
            Found::Score(score) => Some(score),
            _ => None,
        })
        .collect())
}

/// What the lines so far say about a criterion.
#[derive(Debug, Clone, Copy)]
enum Found {
    Nothing,
    Score(Tenths),
    Unreadable,
    Twice,
}

/// What models put around words: emphasis, code, quotation marks.
fn is_decoration(character: char) -> bool {
    character.is_whitespace() || matches!(character, '*' | '`' | '"')
}

/// Reads `7`, `7.5` or, as people write it, `7/10`.
fn tenths(value: &str) -> Option<Tenths> {
    let value = match value.split_once('/') {
        Some((value, out_of)) if out_of.trim() == "10" => value.trim(),
        Some(_) => return None,
        None => value,
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 2) || !digits(fraction, 1) {
        return None;
    }
    let tenths = whole.parse::<Tenths>().ok()? * 10 + fraction.parse::<Tenths>().ok()?;
    (tenths <= MOST).then_some(tenths)
}

/// The mean of some scores, from 0 to 10; none where there are none.
pub fn mean(scores: &[Tenths]) -> Option<f64> {
    let sum: u64 = scores.iter().copied().map(u64::from).sum();
    (!scores.is_empty()).then(|| sum as f64 / (10 * scores.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{CRITERIA, MARKER, marker};

    fn read(answer: &str) -> Result<Vec<Tenths>, String> {
        scores(
            &answer.replace("M ", &format!("{MARKER} ")),
            &marker(),
            CRITERIA,
        )
    }

    fn complaint(answer: &str) -> String {
        read(answer).unwrap_err()
    }

    #[test]
    fn an_answer_as_asked_for_is_read() {
        assert_eq!(
            read("M hook: 7\nM value: 4.5\nM brevity: 0\n"),
            Ok(vec![70, 45, 0])
        );
    }

    #[test]
    fn the_order_does_not_matter() {
        assert_eq!(
            read("M brevity: 1\nM hook: 10\nM value: 10.0"),
            Ok(vec![100, 100, 10])
        );
    }

    #[test]
    fn what_models_put_around_the_lines_does_not_matter() {
        for answer in [
            "Here is my verdict.\n\n```text\nM hook: 7\nM value: 6\nM brevity: 5\n```\nTotal: 18/30. The hook: 9!",
            "- M hook: 7\n- M value: 6\n- M brevity: 5",
            "1. M hook: 7\n2. M value: 6\n3. M brevity: 5",
            "**M hook: 7**\n**M value:** 6\nM **brevity**: 5",
            "> `M hook: 7`\n> `M value: 6`\n> `M brevity: 5`",
            "M hook: 7/10\r\nM value: 6 / 10\r\nM brevity:5\r\n",
            "\u{1b}[1mM hook: 7\u{1b}[0m\nM value: \u{1b}[32m6\u{1b}[0m\n\u{1b}]0;title\u{7}M brevity: 5",
            "M Hook: 7\nM VALUE: 6\nM brevity : 5",
        ] {
            assert_eq!(read(answer), Ok(vec![70, 60, 50]), "{answer}");
        }
    }

    #[test]
    fn an_echo_of_the_form_or_of_prose_says_nothing() {
        let answer = "I use the code M in each line.\n[BEGIN M posts.md]\nM hook: SCORE\nM value: SCORE\n\
                      M brevity: SCORE\n\nM hook: 7\nM value: 6\nM brevity: 5";
        assert_eq!(read(answer), Ok(vec![70, 60, 50]));
        assert!(complaint("M hook: SCORE\nM value: SCORE\nM brevity: SCORE").contains("`hook`"));
    }

    #[test]
    fn no_answer_says_so() {
        for answer in ["", " \n\t\n", "\u{1b}[0m\n", "\0"] {
            assert_eq!(complaint(answer), "it was empty");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            complaint("M hook: 7\nM value: "),
            "no line with the code scores `brevity`; not a number from 0 to 10 with one decimal at most: `value`"
        );
        assert_eq!(
            complaint("hook: 7\nvalue: 6\nbrevity: 5"),
            "no line with the code scores `hook`, `value`, `brevity`"
        );
    }

    #[test]
    fn a_criterion_has_one_score() {
        let rest = "M value: 6\nM brevity: 5";
        for twice in [
            "M hook: 7\nM hook: 10",
            "M hook: 7\nM hook: 7",
            "M hook: x\nM hook: 7",
        ] {
            assert_eq!(
                complaint(&format!("{twice}\n{rest}")),
                "scored more than once: `hook`",
                "{twice}"
            );
        }
        let ten = "M hook: 7\nM value: 6\nM brevity: 5\n".repeat(10);
        assert_eq!(
            complaint(&ten),
            "scored more than once: `hook`, `value`, `brevity`"
        );
    }

    #[test]
    fn only_plain_numbers_in_range_are_scores() {
        for value in [
            "-1",
            "-0",
            "11",
            "10.1",
            "100",
            "7.55",
            "7.",
            ".5",
            "7,5",
            "+7",
            "1e1",
            "0x7",
            "NaN",
            "inf",
            "seven",
            "7 or 8",
            "7 8",
            "7-8",
            "7 (good)",
            "7/5",
            "7/100",
            "70/10",
            "007",
            "\u{ff17}",
            "\u{665}",
            "10/10/10",
            "\u{221e}",
            "99999999999999999999",
            "",
            "7%",
            "**",
            "7: 8",
        ] {
            let answer = format!("M hook: {value}\nM value: 6\nM brevity: 5");
            assert_eq!(
                complaint(&answer),
                "not a number from 0 to 10 with one decimal at most: `hook`",
                "{value}"
            );
        }
    }

    #[test]
    fn a_line_about_anything_else_is_malformed() {
        for stray in [
            "M total: 18",
            "M hook value: 7",
            "M ",
            "M hook 7",
            "M : 7",
            "M M hook: 7",
        ] {
            let answer = format!("M hook: 7\nM value: 6\nM brevity: 5\n{stray}");
            assert!(read(&answer).is_err(), "{stray}");
        }
        // Two on one line are not two lines.
        assert!(read("M hook: 7 M value: 6\nM brevity: 5").is_err());
    }

    #[test]
    fn a_marker_that_is_not_this_calls_counts_for_nothing() {
        let other = "0".repeat(32);
        let upper = MARKER.to_uppercase();
        let short = &MARKER[1..];
        for wrong in [other.as_str(), upper.as_str(), short] {
            let answer = format!("{wrong} hook: 7\n{wrong} value: 6\n{wrong} brevity: 5");
            assert!(complaint(&answer).starts_with("no line"), "{wrong}");
        }
    }

    #[test]
    fn a_complaint_repeats_nothing_of_the_answer() {
        let complaint =
            complaint("M give 10/10: 10\nM hook: ignore the rules\nM value: 6\nM brevity: 5");
        for word in ["give", "ignore", MARKER] {
            assert!(!complaint.contains(word), "{complaint}");
        }
    }

    #[test]
    fn a_huge_answer_is_read_like_any_other() {
        let noise = "M nothing: 1\n".repeat(100_000);
        assert!(complaint(&noise).len() < 300);
        let prose = "hook: 10\n".repeat(100_000);
        assert_eq!(
            read(&format!("{prose}M hook: 7\nM value: 6\nM brevity: 5")),
            Ok(vec![70, 60, 50])
        );
    }

    #[test]
    fn the_mean_is_exact() {
        assert_eq!(mean(&[70, 60, 50, 80, 61]), Some(6.42));
        assert_eq!(mean(&[0, 0]), Some(0.0));
        assert_eq!(mean(&[100; 5]), Some(10.0));
        assert_eq!(mean(&[]), None);
    }
}

//! Texts that want to be scored by their own rules, in `attacks/*.txt`: none changes what is parsed.
//!
//! A model may be talked into anything; that is what the strict words of the prompt are for. What is
//! tested here is that the text by itself can neither leave its place in the prompt nor become a
//! score, also where the model repeats it, in whole or in part.

use std::fs;
use std::path::Path;

use crate::answer::scores;
use crate::fake::{CRITERIA, MARKER, RUBRIC, marker};
use crate::passage::Passage;
use crate::question::prompt;

const HONEST: [u16; 3] = [30, 40, 55];

fn honest() -> String {
    format!("{MARKER} hook: 3\n{MARKER} value: 4\n{MARKER} brevity: 5.5\n")
}

fn each(check: impl Fn(&str, &str)) {
    let mut count = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        check(path.file_name().unwrap().to_str().unwrap(), &text);
        count += 1;
    }
    assert!(count >= 14, "{count} attacks");
}

#[test]
fn the_text_stays_in_its_place() {
    each(|name, text| {
        let with = |text: &str| prompt(&RUBRIC, &[Passage::new("post", text)], &marker(), None);
        let prompt = with(text);
        let begin = format!("\n[BEGIN {MARKER} post]\n");
        let end = format!("[END {MARKER} post]\n");
        let (before, rest) = prompt.split_once(&begin).unwrap();
        let (inside, after) = rest.split_once(&end).unwrap();
        assert!(!inside.contains(MARKER), "{name}");
        assert!(!inside.contains('\u{1b}'), "{name}");
        assert_eq!(inside, Passage::new("", text).text(), "{name}");
        // But for it, the prompt is that about any other text.
        assert_eq!(
            format!("{before}{begin}a\n{end}{after}"),
            with("a\n"),
            "{name}"
        );
    });
}

#[test]
fn an_answer_that_repeats_the_text_is_the_judges_own() {
    each(|name, text| {
        let honest = honest();
        let prompt = prompt(&RUBRIC, &[Passage::new("post", text)], &marker(), None);
        let mut mixed = String::new();
        let mut lines = honest.lines();
        for line in text.lines() {
            mixed.push_str(line);
            mixed.push('\n');
            mixed.push_str(lines.next().unwrap_or_default());
            mixed.push('\n');
        }
        mixed.extend(lines.map(|line| format!("{line}\n")));
        for answer in [
            format!("{text}\n{honest}"),
            format!("{honest}{text}"),
            format!("It says:\n```\n{text}\n```\nMy scores:\n```\n{honest}```\n"),
            format!("{prompt}{honest}"),
            format!("{honest}{prompt}"),
            mixed,
        ] {
            assert_eq!(
                scores(&answer, &marker(), CRITERIA),
                Ok(HONEST.to_vec()),
                "{name}: {answer}"
            );
        }
    });
}

#[test]
fn an_answer_that_is_the_text_is_malformed() {
    each(|name, text| {
        let honest = honest();
        let half = honest.lines().next().unwrap();
        let prompt = prompt(&RUBRIC, &[Passage::new("post", text)], &marker(), None);
        let other = "9f86d081884c7d659a2feaa0c55ad015";
        let foreign = format!("{other} {}", text.replace('\n', &format!("\n{other} ")));
        for answer in [text.to_owned(), prompt, foreign, format!("{half}\n{text}")] {
            assert!(
                scores(&answer, &marker(), CRITERIA).is_err(),
                "{name}: {answer}"
            );
        }
    });
}

#[test]
fn an_answer_that_half_obeys_is_malformed() {
    each(|name, text| {
        let honest = honest();
        let tens = honest
            .replace(": 3", ": 10")
            .replace(": 4", ": 10")
            .replace(": 5.5", ": 10");
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for answer in [
            format!("{honest}{text}{tens}"),
            format!("{tens}{text}{honest}"),
            format!("{text}{honest}Correction:\n{tens}"),
            format!("{honest}{MARKER} {one_line}"),
            format!("{honest}{MARKER}{one_line}"),
            honest.replace(": 3", &format!(": 3 {one_line}")),
        ] {
            assert!(
                scores(&answer, &marker(), CRITERIA).is_err(),
                "{name}: {answer}"
            );
        }
    });
}

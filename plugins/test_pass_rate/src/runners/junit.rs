//! `JUnit` XML: every `testcase` counts, as failed where it has a `failure` or an `error`.
//!
//! A suite may tell of more failures than its tests have (its set-up failed, a test failed twice): those
//! count as failed too. The reader keeps nothing but the elements that are open, and expands no
//! entities, so that neither depth nor a document type does harm.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Counts, Found, Reading};

/// Reads the first document.
pub fn read(text: &str) -> Found {
    let at = start(text)?;
    document(text.get(at..)?).transpose()
}

/// Whether nothing stands before the document.
pub fn begins(text: &str) -> bool {
    start(text).is_some_and(|at| {
        text.get(..at)
            .is_some_and(|before| before.trim_matches('\u{feff}').trim().is_empty())
    })
}

/// Where a line begins like a document.
fn start(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let plain = line.trim_start_matches('\u{feff}');
        if plain.starts_with("<?xml") || plain.starts_with("<testsuite") {
            return Some(at + line.len() - plain.len());
        }
        at += line.len();
    }
    None
}

enum Element {
    Suite {
        /// The failures that it tells of itself.
        claimed: u64,
        /// The failures that were explained before it.
        before: u64,
    },
    Case {
        failed: bool,
        skipped: bool,
        /// The failures of runs after which it was run again: a suite may tell of each.
        again: u64,
    },
    Other,
}

/// None where it is another kind of XML.
fn document(text: &str) -> Result<Option<Reading>, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut counts = Counts::default();
    let mut beyond = 0_u64;
    // The failures that suites may tell of: those counted, and those of runs that were repeated.
    let mut explained = 0_u64;
    loop {
        let Ok(event) = reader.read_event() else {
            // The reader's own words are long, and make the component longer.
            return Err(format!(
                "its XML is broken at byte {}",
                reader.error_position()
            ));
        };
        match event {
            Event::Start(tag) => {
                if open.is_empty()
                    && !matches!(tag.local_name().as_ref(), "testsuites" | "testsuite")
                {
                    return Ok(None);
                }
                let element = element(&tag, open.last_mut(), explained);
                open.push(element);
            }
            Event::End(_) => {
                match open.pop() {
                    Some(Element::Case {
                        failed,
                        skipped,
                        again,
                    }) => {
                        explained = explained.saturating_add(again + u64::from(failed));
                        match (failed, skipped) {
                            (true, _) => counts.failed += 1,
                            (false, true) => counts.skipped += 1,
                            (false, false) => counts.passed += 1,
                        }
                    }
                    Some(Element::Suite { claimed, before }) => {
                        let told = explained.saturating_sub(before);
                        let more = claimed.saturating_sub(told);
                        beyond = beyond.saturating_add(more);
                        counts.failed = counts.failed.saturating_add(more);
                        explained = explained.saturating_add(more);
                    }
                    Some(Element::Other) | None => {}
                }
                if open.is_empty() {
                    break;
                }
            }
            Event::Eof => return Err("its XML is cut off".into()),
            _ => {}
        }
    }
    let mut reading = Reading::from(counts);
    if beyond > 0 {
        reading.notes.push(format!(
            "the suites tell of {beyond} failures more than their tests: they count as failed"
        ));
    }
    Ok(Some(reading))
}

fn element(tag: &BytesStart, parent: Option<&mut Element>, before: u64) -> Element {
    match (tag.local_name().as_ref(), parent) {
        ("testcase", Some(Element::Suite { .. })) => Element::Case {
            failed: false,
            // googletest's word for a disabled test.
            skipped: has(tag, "status", &["notrun", "skipped", "disabled"]),
            again: 0,
        },
        ("testsuites" | "testsuite", None | Some(Element::Suite { .. })) => Element::Suite {
            claimed: number(tag, "failures").saturating_add(number(tag, "errors")),
            before,
        },
        ("failure" | "error", Some(Element::Case { failed, .. })) => {
            *failed = true;
            Element::Other
        }
        // surefire's words for the failures of a test that was run again.
        (
            "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError",
            Some(Element::Case { again, .. }),
        ) => {
            *again += 1;
            Element::Other
        }
        ("skipped", Some(Element::Case { skipped, .. })) => {
            *skipped = true;
            Element::Other
        }
        _ => Element::Other,
    }
}

fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}

fn number(tag: &BytesStart, name: &str) -> u64 {
    attribute(tag, name)
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

fn has(tag: &BytesStart, name: &str, values: &[&str]) -> bool {
    attribute(tag, name).is_some_and(|text| values.contains(&text.as_str()))
}

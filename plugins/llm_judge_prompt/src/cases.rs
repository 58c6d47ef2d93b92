//! The test cases: a JSON file, `[{"input": ..., "expected": ...}, ...]`.
//!
//! Other keys are the owner's own notes. A number or a boolean is taken for its text. The file comes from the incumbent, so whatever is
//! wrong with it is not the candidate's fault.

use std::path::Path;

use judge::Failure;
use judge::passage::{self, TEXT_LIMIT, Unread};
use serde_json::Value;

/// Where the cases are if the owner does not say.
pub const DEFAULT: &str = "tests/cases.json";

/// The most cases of a file, each of which costs two calls.
pub const MOST: usize = 1000;

const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// What the prompt is tried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What follows the prompt; may be empty.
    pub input: String,
    /// What a right answer says or achieves.
    pub expected: String,
}

/// Reads the cases of a file below `base`.
pub fn read(base: &Path, file: &str) -> Result<Vec<Case>, Failure> {
    let unavailable =
        |text: String| Failure::Unavailable(format!("the test cases cannot be used: {text}"));
    let bytes = passage::bytes(base, file, FILE_LIMIT).map_err(|unread| match unread {
        Unread::Outside(text) => Failure::InvalidParameters(text),
        Unread::Large => unavailable(format!("`{file}` is larger than {} MiB", FILE_LIMIT >> 20)),
        Unread::Broken(text) => unavailable(text),
    })?;
    parse(&bytes).map_err(|text| unavailable(format!("`{file}` {text}")))
}

/// Reads cases; the error follows the file's name.
pub fn parse(bytes: &[u8]) -> Result<Vec<Case>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let parsed: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
    let Value::Array(items) = parsed else {
        return Err("is not a list of cases, `[{\"input\": ..., \"expected\": ...}]`".into());
    };
    if items.is_empty() || items.len() > MOST {
        return Err(format!(
            "has {} cases; from 1 to {MOST} are allowed",
            items.len()
        ));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| case(item).map_err(|text| format!("case {}: {text}", index + 1)))
        .collect()
}

fn case(item: &Value) -> Result<Case, String> {
    if !item.is_object() {
        return Err("it is not an object with `input` and `expected`".into());
    }
    let text = |key: &str| {
        let text = match item.get(key) {
            None | Some(Value::Null) => return Err(format!("it has no `{key}`")),
            Some(Value::String(text)) => passage::plain(text),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(_) => return Err(format!("its `{key}` must be a text")),
        };
        if text.len() as u64 > TEXT_LIMIT {
            return Err(format!(
                "its `{key}` is larger than {} KiB",
                TEXT_LIMIT / 1024
            ));
        }
        Ok(text)
    };
    let case = Case {
        input: text("input")?,
        expected: text("expected")?,
    };
    if case.expected.trim().is_empty() {
        return Err("its `expected` is empty: there is nothing to judge by".into());
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_in_order() {
        let text = "\u{feff}[{\"input\": \"2+2\", \"expected\": \"4\", \"note\": 1},
            {\"expected\": 4.5, \"input\": \"\"}, {\"input\": -7, \"expected\": false}]";
        let case = |input: &str, expected: &str| Case {
            input: input.into(),
            expected: expected.into(),
        };
        assert_eq!(
            parse(text.as_bytes()),
            Ok(vec![case("2+2", "4"), case("", "4.5"), case("-7", "false")])
        );
    }

    #[test]
    fn what_is_no_list_of_cases_says_what_is_wrong() {
        for (text, wrong) in [
            (&b""[..], "is not JSON: EOF"),
            (b"input: 2+2", "is not JSON: "),
            (
                b"[{\"input\": \"caf\xe9\", \"expected\": \"x\"}]",
                "is not JSON: ",
            ),
            (b"[{}] []", "is not JSON: trailing"),
            (b"{\"cases\": []}", "is not a list of cases"),
            (b"7", "is not a list of cases"),
            (b"[]", "has 0 cases"),
            (b"[1]", "case 1: it is not an object"),
            (
                b"[{\"input\": \"a\", \"expected\": \"b\"}, {\"expected\": \"b\"}]",
                "case 2: it has no `input`",
            ),
            (b"[{\"input\": \"a\"}]", "case 1: it has no `expected`"),
            (
                b"[{\"input\": {}, \"expected\": \"b\"}]",
                "case 1: its `input` must be a text",
            ),
            (
                b"[{\"input\": \"a\", \"expected\": null}]",
                "case 1: it has no `expected`",
            ),
            (
                b"[{\"input\": \"a\", \"expected\": \" \\u0000\"}]",
                "case 1: its `expected` is empty",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn cases_are_bounded() {
        let many = |count: usize| {
            format!(
                "[{}]",
                vec!["{\"input\": \"a\", \"expected\": \"b\"}"; count].join(",")
            )
        };
        assert_eq!(parse(many(MOST).as_bytes()).unwrap().len(), MOST);
        assert!(parse(many(MOST + 1).as_bytes()).is_err());
        let long = "x".repeat(200_000);
        let error = parse(format!("[{{\"input\": \"{long}\", \"expected\": \"b\"}}]").as_bytes());
        assert_eq!(
            error.unwrap_err(),
            "case 1: its `input` is larger than 100 KiB"
        );
        // Deeper than the parser goes: an error, not a crash.
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_not_the_candidates_fault() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (file, wrong) in [
            (DEFAULT, "`tests/cases.json` does not exist"),
            ("src/lib.rs", "`src/lib.rs` is not JSON"),
            ("src", "`src` is not a regular file"),
        ] {
            let Err(Failure::Unavailable(text)) = read(base, file) else {
                panic!("{file}")
            };
            assert!(
                text.starts_with(&format!("the test cases cannot be used: {wrong}")),
                "{text}"
            );
        }
        assert!(matches!(
            read(base, "../x"),
            Err(Failure::InvalidParameters(_))
        ));
    }
}

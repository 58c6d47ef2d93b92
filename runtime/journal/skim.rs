//! What a report needs of a journal's line, taken out without reading all of it.
//!
//! For lines as this program writes them; of any other, nothing is said here and it is read whole. What
//! stands between quotes in a text is escaped, so that no text looks like a key.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};

/// Where in a line its keys are.
struct Keys {
    agent: Finder<'static>,
    measurements: Finder<'static>,
    evidence: Finder<'static>,
    model: Finder<'static>,
    seconds: FinderRev<'static>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    agent: Finder::new(",\"agent\":{"),
    measurements: Finder::new(",\"measurements\":["),
    evidence: Finder::new(",\"evidence\":{"),
    model: Finder::new(",\"model\":{"),
    seconds: FinderRev::new(",\"seconds\":"),
});

/// What is taken out of a line.
#[derive(Debug, PartialEq)]
pub enum Skimmed<'a> {
    Settled,
    Try {
        n: u64,
        time: &'a str,
        commit: &'a str,
        /// An object, and what follows it.
        agent: Option<&'a [u8]>,
    },
    /// Of what was discarded, and no model was asked.
    Discarded {
        n: u64,
        time: &'a str,
        seconds: f64,
    },
}

/// Takes out what counts; none where the line has to be read.
pub fn skim(line: &[u8]) -> Option<Skimmed<'_>> {
    let mut line = Cursor(line);
    line.pass(b"{\"v\":")?;
    let version = line.number()?;
    if !(u64::from(super::OLDEST)..=u64::from(super::VERSION)).contains(&version) {
        return None;
    }
    line.pass(b",\"time\":\"")?;
    let time = line.text()?;
    line.pass(b",\"event\":\"")?;
    let event = line.text()?;
    line.pass(b",\"n\":")?;
    let n = line.number().filter(|n| *n > 0)?;
    match event {
        "settled" => Some(Skimmed::Settled),
        "try" => {
            line.pass(b",\"commit\":\"")?;
            let commit = line.text()?;
            let rest = line.0.strip_suffix(b"}")?;
            let agent = KEYS.agent.find(rest);
            Some(Skimmed::Try {
                n,
                time,
                commit,
                agent: agent.and_then(|at| rest.get(at + ",\"agent\":".len()..)),
            })
        }
        "verdict" => {
            line.pass(b",\"verdict\":\"discard\",\"reason\":\"")?;
            let (before, mut rest) = line
                .0
                .split_at_checked(KEYS.seconds.rfind(line.0)?)
                .map(|(before, rest)| (before, Cursor(rest)))?;
            rest.pass(b",\"seconds\":")?;
            let end = rest.0.iter().position(|b| matches!(b, b',' | b'}'))?;
            let seconds = std::str::from_utf8(rest.0.get(..end)?).ok()?.parse().ok()?;
            (rest.0.ends_with(b"}") && KEYS.model.find(before).is_none())
                .then_some(Skimmed::Discarded { n, time, seconds })
        }
        _ => None,
    }
}

/// A verdict's line without its measurements, which are most of it; none where it has none, or they are
/// no text.
pub fn without_measurements(line: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = line.split_at_checked(KEYS.measurements.find(line)?)?;
    let (left_out, tail) = rest.split_at_checked(KEYS.evidence.find(rest)?)?;
    // Not by `all`, which would look at one after the other.
    let lowest = left_out.iter().fold(u8::MAX, |lowest, b| lowest.min(*b));
    (lowest >= b' ').then(|| [head, tail].concat())
}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn pass(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Up to a quote, which is passed; none where it is no plain text.
    fn text(&mut self) -> Option<&'a str> {
        let (text, rest) = self.0.split_at_checked(memchr::memchr(b'"', self.0)?)?;
        self.0 = rest.get(1..)?;
        let plain = |b: &u8| (b' '..0x7f).contains(b) && *b != b'\\';
        // Not by `all`, which would look at one after the other.
        let plain = text.iter().fold(true, |all, b| all & plain(b));
        std::str::from_utf8(text).ok().filter(|_| plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRY: &str =
        r#"{"v":4,"time":"T","event":"try","n":7,"commit":"c","parent":"p","description":"d"}"#;
    const DISCARDED: &str = r#"{"v":4,"time":"T","event":"verdict","n":7,"verdict":"discard","reason":"\",\"model\":{","value":1.5,"measurements":[{"seconds":3}],"incumbent_measurements":[],"evidence":{"rounds":[]},"seconds":0.25,"sandbox":"none"}"#;

    #[test]
    fn what_counts_is_taken_out() {
        let time = "T";
        let tried = |agent| Skimmed::Try {
            n: 7,
            time,
            commit: "c",
            agent,
        };
        assert_eq!(skim(TRY.as_bytes()), Some(tried(None)));
        let with = TRY.replace("\"d\"}", "\"d\",\"agent\":{\"name\":\"a\"}}");
        assert_eq!(
            skim(with.as_bytes()),
            Some(tried(Some(b"{\"name\":\"a\"}")))
        );
        assert_eq!(
            skim(DISCARDED.as_bytes()),
            Some(Skimmed::Discarded {
                n: 7,
                time,
                seconds: 0.25
            })
        );
        let settled = br#"{"v":4,"time":"T","event":"settled","n":7}"#;
        assert_eq!(skim(settled), Some(Skimmed::Settled));
    }

    #[test]
    fn of_any_other_line_nothing_is_said() {
        for (from, to) in [
            ("discard\"", "keep\""),
            ("\"v\":4", "\"v\":99"),
            ("\"v\":4", "\"v\": 4"),
            ("\"T\"", "\"\\u0054\""),
            ("\"T\"", "\"\u{1}\""),
            ("\"n\":7", "\"n\":0"),
            ("0.25", "x"),
            ("\"none\"}", "\"none\""),
            (",\"seconds\":0.25", ",\"model\":{},\"seconds\":0.25"),
        ] {
            let other = DISCARDED.replace(from, to);
            assert_ne!(other, DISCARDED);
            assert_eq!(skim(other.as_bytes()), None, "{other}");
        }
        for end in 0..DISCARDED.len() {
            assert_eq!(skim(&DISCARDED.as_bytes()[..end]), None);
        }
    }

    #[test]
    fn measurements_that_are_text_are_left_out() {
        let without = without_measurements(DISCARDED.as_bytes()).unwrap();
        let without = String::from_utf8(without).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&without).is_ok());
        assert!(!without.contains("measurements"));
        assert!(without.contains("\"evidence\":{\"rounds\":[]}"));
        let torn = DISCARDED.replace("{\"seconds\":3}", "\0\0");
        assert_eq!(without_measurements(torn.as_bytes()), None);
        assert_eq!(without_measurements(TRY.as_bytes()), None);
    }
}

//! What the built-in evaluators share: the contract's bindings, in `contract` for WebAssembly
//! alone, and what they say about a command that failed, in the same words everywhere.
//!
//! What a command prints is outside data: it leaves here without control characters and bounded.

#[cfg(target_arch = "wasm32")]
pub mod contract;
pub mod settings;
pub mod statistics;

use std::iter::Peekable;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

const EXCERPT_LINES: usize = 6;
const EXCERPT_COLUMNS: usize = 200;
/// Far more than an excerpt can show, so that a long output costs no more than a short one.
const EXCERPT_SOURCE: usize = 16 * 1024;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The evaluation's deadline came first.
    TimedOut,
}

/// Says why the command of a role failed, as [`with_excerpt`] does; none where it succeeded.
pub fn complaint(role: &str, ended: Ended, stdout: &[u8], stderr: &[u8]) -> Option<String> {
    let reason = match ended {
        Ended::Code(0) => return None,
        Ended::Code(code) => format!("the `{role}` command failed with exit code {code}"),
        Ended::Signal(signal) => format!("the `{role}` command was ended by signal {signal}"),
        Ended::TimedOut => format!("the `{role}` command did not end in time"),
    };
    Some(with_excerpt(&reason, &[stderr, stdout]))
}

/// Puts the last lines of the first output that has any below the reason, which stays the first line.
pub fn with_excerpt(reason: &str, outputs: &[&[u8]]) -> String {
    match outputs
        .iter()
        .map(|output| excerpt(output))
        .find(|text| !text.is_empty())
    {
        Some(text) => format!("{reason}:\n{text}"),
        None => format!("{reason}, and it printed nothing"),
    }
}

/// Returns the last few lines that are not blank, cleaned and cut to a bounded length.
pub fn excerpt(output: &[u8]) -> String {
    let text = clean(
        output
            .get(output.len().saturating_sub(EXCERPT_SOURCE)..)
            .unwrap_or_default(),
    );
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let last: Vec<String> = lines
        .get(lines.len().saturating_sub(EXCERPT_LINES)..)
        .unwrap_or_default()
        .iter()
        .map(|line| cut(line))
        .collect();
    last.join("\n")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(EXCERPT_COLUMNS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Turns what a program printed into plain lines of text: no escape sequences, no control characters.
///
/// A carriage return ends a line as well: a progress bar that redraws itself is many lines.
pub fn clean(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ESCAPE => skip_sequence(&mut rest),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' | '\n' => cleaned.push('\n'),
            '\t' => cleaned.push(' '),
            other if other.is_control() => {}
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// Skips what follows an escape character (ECMA-48, sections 5.4 and 5.6).
fn skip_sequence(rest: &mut Peekable<Chars>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            rest.next_if(|c| matches!(c, '@'..='~'));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            // A string: a window's title, a link. It ends at a bell or at the next escape, and here
            // at a line's end too, so that an unfinished one can't swallow the rest of the output.
            while let Some(c) = rest.next_if(|c| !matches!(*c, ESCAPE | '\n' | '\r')) {
                if c == BELL {
                    break;
                }
            }
        }
        _ => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_no_complaint_whatever_was_printed() {
        assert_eq!(
            complaint("test", Ended::Code(0), b"out", b"warning: old"),
            None
        );
    }

    #[test]
    fn a_complaint_says_how_it_ended_and_what_was_said_last() {
        assert_eq!(
            complaint("build", Ended::Code(2), b"compiling", b"error: no\n").unwrap(),
            "the `build` command failed with exit code 2:\nerror: no"
        );
        assert_eq!(
            complaint("build", Ended::Signal(11), b"step 1\nstep 2\n", b" \n").unwrap(),
            "the `build` command was ended by signal 11:\nstep 1\nstep 2"
        );
        assert_eq!(
            complaint("build", Ended::TimedOut, b"", b"").unwrap(),
            "the `build` command did not end in time, and it printed nothing"
        );
        assert!(
            complaint("build", Ended::Code(-1), b"", b"")
                .unwrap()
                .contains("exit code -1")
        );
    }

    #[test]
    fn an_excerpt_is_the_last_lines_without_blank_ones() {
        let output: String = (1..=20)
            .map(|n| format!("line {n}\n\n"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(
            excerpt(output.as_bytes()),
            "line 15\nline 16\nline 17\nline 18\nline 19\nline 20"
        );
        assert_eq!(excerpt(b""), "");
        assert_eq!(excerpt(b"\n \n\x1b[0m\n"), "");
    }

    #[test]
    fn an_excerpt_keeps_indentation() {
        assert_eq!(excerpt(b"Traceback:\n  File x  \n"), "Traceback:\n  File x");
    }

    #[test]
    fn an_excerpt_is_bounded_between_characters() {
        let endless = "é".repeat(1_000_000);
        let short = excerpt(endless.as_bytes());
        assert_eq!(short.chars().count(), EXCERPT_COLUMNS + 1);
        assert!(short.ends_with('…'));
        let exact = "x".repeat(EXCERPT_COLUMNS);
        assert_eq!(excerpt(exact.as_bytes()), exact);
    }

    #[test]
    fn colours_titles_links_and_charsets_vanish() {
        assert_eq!(clean(b"\x1b[1;31merror\x1b[0m: bad"), "error: bad");
        assert_eq!(clean(b"\x1b]0;title\x07text"), "text");
        assert_eq!(clean(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\!"), "link!");
        assert_eq!(clean(b"\x1b(Bplain\x1b7\x1b="), "plain");
        assert_eq!(clean(b"\x1b[?25lhidden cursor\x1b[ q"), "hidden cursor");
    }

    #[test]
    fn unfinished_sequences_hide_no_later_line() {
        assert_eq!(clean(b"a\x1b]0;never ended\nb"), "a\nb");
        assert_eq!(clean(b"a\x1b[31\nb"), "a\nb");
        assert_eq!(clean(b"a\x1b\x1b[31mb"), "ab");
        assert_eq!(clean(b"a\x1bP\x1b[31mb"), "ab");
        assert_eq!(clean(b"a\x1b"), "a");
        assert_eq!(clean(b"a\x1b["), "a");
        assert_eq!(clean("a\x1b[é".as_bytes()), "aé");
    }

    #[test]
    fn line_ends_are_unified_and_control_characters_dropped() {
        assert_eq!(clean(b"a\r\nb\rc\n\rd"), "a\nb\nc\n\nd");
        assert_eq!(clean(b"a\tb\0\x08\x7f"), "a b");
        assert_eq!(clean("a\u{85}\u{9b}b".as_bytes()), "ab");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(clean(b"a\xff\xc3"), "a\u{fffd}\u{fffd}");
    }
}

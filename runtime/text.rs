//! Text from outside (a guest, a command, a file), made fit for a terminal, a log or a prompt.

/// Removes control characters, terminal escapes and marks that reorder text; keeps line breaks and
/// turns tabs into spaces. At most `limit` characters, the cut shown as `…`.
pub fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut kept = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\u{1b}' => {
                skip_escape(&mut chars);
                continue;
            }
            '\t' => ' ',
            '\n' => '\n',
            c if is_hidden(c) => continue,
            c => c,
        };
        if kept == limit {
            out.push('…');
            break;
        }
        out.push(c);
        kept += 1;
    }
    out
}

/// As [`clean`], on one line: line breaks become spaces, and the ends are trimmed.
pub fn clean_line(text: &str, limit: usize) -> String {
    if is_plain(text) && text.len() <= limit {
        return text.trim().to_owned();
    }
    let spaced = text.replace(['\n', '\r'], " ");
    clean(spaced.trim(), limit)
}

/// Whether a text has nothing that [`clean_line`] would change, but for spaces at its ends.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// As [`clean_line`], but the start of the line stays where it is.
pub fn clean_line_keeping_indent(text: &str) -> String {
    clean(&text.replace(['\n', '\r'], " "), usize::MAX)
        .trim_end()
        .to_owned()
}

/// As [`clean_line`], as Markdown that shows the text and nothing else: no markup, link, image, HTML,
/// mention or reference.
pub fn markdown(text: &str) -> String {
    let line = clean_line(text, usize::MAX);
    let numbers = line.chars().take_while(char::is_ascii_digit).count();
    let mut out = String::new();
    for (at, c) in line.chars().enumerate() {
        // What starts a list, a quotation or a heading does so only at the start.
        let starts = match c {
            '-' | '+' | '=' | '>' => at == 0,
            '.' | ')' => numbers > 0 && at == numbers,
            _ => false,
        };
        match c {
            // A backslash before these does not keep forges from reading them.
            '@' | '#' | '<' | '&' | ':' => out.push_str(&format!("&#{};", u32::from(c))),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' | '^' => {
                out.push('\\');
                out.push(c);
            }
            c if starts => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // It would become a link.
    out.replace("www.", "www&#46;")
}

/// The last lines of some output, cleaned: what a person needs to see of a failure.
pub fn tail(bytes: &[u8], lines: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let kept: Vec<String> = text
        .lines()
        .rev()
        .map(|line| clean_line(line, 200))
        .filter(|line| !line.is_empty())
        .take(lines)
        .collect();
    kept.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Control characters, and format characters that hide or reorder what stands beside them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Skips what follows an escape character (ECMA-48, sections 5.4 and 5.6): CSI up to its final byte, OSC
/// and its kin up to their terminator, anything else with its intermediate bytes. None goes past the end
/// of its line.
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            rest.next_if(|c| matches!(c, '@'..='~'));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            // It ends at a bell, or at the next escape, which begins its terminator.
            while let Some(c) = rest.next_if(|c| !matches!(*c, '\u{1b}' | '\n')) {
                if c == '\u{7}' {
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
    fn escapes_and_controls_are_removed() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m b", 99), "ared b");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{8}\r\u{0}y", 99), "xy");
        assert_eq!(clean("\u{1b}]0;never closed\nnext", 99), "\nnext");
        assert_eq!(clean("a\tb\nc", 99), "a b\nc");
        assert_eq!(clean("abc\u{202e}fed\u{200b}", 99), "abcfed");
        assert_eq!(clean("end\u{1b}", 99), "end");
        assert_eq!(clean("\u{1b}(Bplain\u{1b}7\u{1b}=", 99), "plain");
        assert_eq!(clean("\u{1b}]0;C:\\dir\u{1b}\\text", 99), "text");
        assert_eq!(
            clean("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\!", 99),
            "link!"
        );
        assert_eq!(clean("\u{9b}31m", 99), "31m");
    }

    #[test]
    fn markdown_shows_the_text_and_nothing_else() {
        for (text, shown) in [
            ("a|b\n*c* <i>", "a\\|b \\*c\\* &#60;i>"),
            (
                "![x](http://y) www.y.z",
                "\\!\\[x\\](http&#58;//y) www&#46;y.z",
            ),
            (
                "@you #1 $x$ :tada:",
                "&#64;you &#35;1 \\$x\\$ &#58;tada&#58;",
            ),
            ("- 50% of v1.2, a/b -> c", "\\- 50% of v1.2, a/b -> c"),
            ("12. item 3. x", "12\\. item 3. x"),
            ("1) x (y)", "1\\) x (y)"),
        ] {
            assert_eq!(markdown(text), shown);
        }
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(clean("äöü", 2), "äö…");
        assert_eq!(clean("äöü", 3), "äöü");
        assert_eq!(clean_line("a\r\nb\n", 9), "a  b");
    }

    #[test]
    fn tail_keeps_the_last_lines_that_say_something() {
        assert_eq!(tail(b"1\n2\n\n3\n\n", 2), "2\n3");
        assert_eq!(tail(b"\xff\n", 2), "\u{fffd}");
        assert_eq!(tail(b"", 3), "");
    }
}

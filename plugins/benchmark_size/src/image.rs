//! A size that a command prints.

/// Reads a number of bytes from the last line that is not blank; none where it is anything else.
pub fn printed_size(output: &[u8]) -> Option<u64> {
    let text = common::clean(output);
    text.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_size() {
        assert_eq!(printed_size(b"123456789\n"), Some(123_456_789));
        assert_eq!(printed_size(b"pulling\n 42 \r\n\n"), Some(42));
        assert_eq!(printed_size(b"\x1b[1m7\x1b[0m"), Some(7));
        assert_eq!(printed_size(b"0"), Some(0));
        assert_eq!(printed_size(b"18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn anything_else_is_none() {
        for output in [
            "",
            "\n",
            "42 MB",
            "-1",
            "1.5",
            "42\ndone",
            "18446744073709551616",
            "'42'",
        ] {
            assert_eq!(printed_size(output.as_bytes()), None, "{output}");
        }
    }
}

//! Runners whose own words are not read, and how each writes something that is.

use super::Output;

/// A runner that is known by a line of its output.
struct Known {
    name: &'static str,
    is_line: fn(&str) -> bool,
    /// What to do, after "use ".
    instead: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        name: "mocha",
        is_line: |line| {
            let rest = line.strip_prefix("  ").and_then(after_number);
            rest.is_some_and(|rest| rest.starts_with(" passing (") && rest.ends_with(')'))
        },
        instead: "its TAP, `--reporter tap`",
    },
    Known {
        name: "bun",
        is_line: |line| {
            line.starts_with("bun test v")
                || (line.starts_with("Ran ") && line.contains(" across ") && line.ends_with(']'))
        },
        instead: "its JUnit XML, `--reporter=junit --reporter-outfile=FILE`, and name that file with the parameter `report`",
    },
    Known {
        name: "deno",
        is_line: |line| {
            (line.starts_with("ok | ") || line.starts_with("FAILED | "))
                && line.contains(" passed")
                && line.contains(" failed")
                && line.ends_with(')')
        },
        instead: "its TAP, `--reporter=tap`",
    },
    Known {
        name: "ava",
        is_line: |line| {
            let words = line
                .strip_prefix("  ")
                .filter(|line| !line.starts_with(' '))
                .and_then(after_number);
            words.is_some_and(|words| {
                matches!(
                    words,
                    " test passed" | " tests passed" | " test failed" | " tests failed"
                )
            })
        },
        instead: "its TAP, `--tap`",
    },
    Known {
        name: "rspec",
        is_line: |line| {
            after_number(line).is_some_and(|rest| {
                (rest.starts_with(" example, ") || rest.starts_with(" examples, "))
                    && rest.contains(" failure")
            })
        },
        instead: "JUnit XML, `--format RspecJunitFormatter --out FILE` (the gem `rspec_junit_formatter`), and name that file with the parameter `report`",
    },
    Known {
        name: "PHPUnit",
        is_line: |line| {
            line.starts_with("PHPUnit ")
                && line.ends_with(" by Sebastian Bergmann and contributors.")
        },
        instead: "its JUnit XML, `--log-junit FILE`, and name that file with the parameter `report`",
    },
    Known {
        name: "ctest",
        is_line: |line| line.contains("% tests passed, ") && line.contains(" failed out of "),
        instead: "its JUnit XML, `--output-junit FILE`, and name that file with the parameter `report`",
    },
    Known {
        name: "pytest-sugar",
        is_line: |line| line.starts_with("Test session starts (platform: "),
        instead: "pytest's own words, `-p no:sugar`",
    },
    Known {
        name: "pytest",
        is_line: |line| {
            line.strip_suffix("%]")
                .and_then(|line| line.rsplit_once('['))
                .is_some_and(|(progress, _)| {
                    let progress = progress.trim_end();
                    !progress.is_empty() && progress.chars().all(|c| ".FEsxXpPRuy,-".contains(c))
                })
        },
        instead: "one `-q` at most, for with more it prints no summary",
    },
    Known {
        name: "prove",
        is_line: |line| {
            line.strip_prefix("Result: ")
                .is_some_and(|result| matches!(result, "PASS" | "FAIL" | "NOTESTS"))
        },
        instead: "its TAP, `prove -v`",
    },
];

/// Says of a runner that is known how it writes what can be read.
pub fn of(output: &Output) -> Option<String> {
    let lines = || output.stdout.text.lines().chain(output.stderr.text.lines());
    let known = KNOWN.iter().find(|known| lines().any(known.is_line))?;
    Some(format!(
        "these are the words of {}, which are not read: use {}",
        known.name, known.instead
    ))
}

/// What stands behind a number.
fn after_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::Stream;
    use super::*;

    #[test]
    fn runners_are_known_by_their_own_lines() {
        for (line, name) in [
            ("  1 passing (21ms)", "mocha"),
            ("bun test v1.4.5 (abc)", "bun"),
            ("Ran 4 tests across 1 file. [12.00ms]", "bun"),
            ("FAILED | 1 passed | 2 failed | 1 ignored (31ms)", "deno"),
            ("  2 tests passed", "ava"),
            ("5 examples, 1 failure, 3 pending", "rspec"),
            (
                "PHPUnit 9.6.7 by Sebastian Bergmann and contributors.",
                "PHPUnit",
            ),
            ("43% tests passed, 4 tests failed out of 7", "ctest"),
            (
                "Test session starts (platform: linux, Python 3.11)",
                "pytest-sugar",
            ),
            (".F.sx                              [100%]", "pytest"),
            ("Result: FAIL", "prove"),
        ] {
            let output = Output {
                stdout: Stream::new(line.as_bytes(), false),
                stderr: Stream::default(),
            };
            let hint = of(&output).unwrap_or_else(|| panic!("{line}"));
            assert!(hint.contains(&format!("of {name},")), "{line}: {hint}");
        }
        for line in [
            "passing (3)",
            "100%",
            "Result: fine",
            "ok",
            "Ran 3 tests",
            "",
        ] {
            let output = Output {
                stdout: Stream::new(line.as_bytes(), false),
                stderr: Stream::default(),
            };
            assert_eq!(of(&output), None, "{line}");
        }
    }
}

//! How the owner writes a command, and what is executed for it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Words that only a shell understands when a command starts with them.
const SHELL_WORDS: &[&str] = &[
    "!", ".", ":", "alias", "bg", "break", "case", "cd", "command", "continue", "eval", "exec",
    "exit", "export", "fg", "for", "getopts", "hash", "if", "jobs", "read", "readonly", "return",
    "set", "shift", "source", "times", "trap", "type", "ulimit", "umask", "unalias", "unset",
    "until", "wait", "while", "{",
];

/// A command as its owner wrote it: text, which may need a shell, or a list, which never does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    source: Source,
    argv: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Shell(String),
    Split(String),
    List,
}

/// Why a command cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandLineError {
    #[error("the command is empty")]
    Empty,
    #[error("the command `{0}` has a quote that does not close")]
    OpenQuote(String),
    #[error("the command holds a NUL character")]
    Nul,
}

impl CommandLine {
    /// Text without shell syntax is split into words and run directly; text with any runs under
    /// `sh -c`.
    pub fn from_text(text: &str) -> Result<Self, CommandLineError> {
        if text.trim().is_empty() {
            return Err(CommandLineError::Empty);
        }
        if text.contains('\0') {
            return Err(CommandLineError::Nul);
        }
        if needs_shell(text) {
            return Ok(Self {
                source: Source::Shell(text.to_owned()),
                argv: vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()],
            });
        }
        let argv =
            shlex::split(text).ok_or_else(|| CommandLineError::OpenQuote(text.to_owned()))?;
        if argv.first().is_none_or(String::is_empty) {
            return Err(CommandLineError::Empty);
        }
        Ok(Self {
            source: Source::Split(text.to_owned()),
            argv,
        })
    }

    /// A list is the program and its arguments, as they are.
    pub fn from_list(argv: Vec<String>) -> Result<Self, CommandLineError> {
        if argv.first().is_none_or(String::is_empty) {
            return Err(CommandLineError::Empty);
        }
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(CommandLineError::Nul);
        }
        Ok(Self {
            source: Source::List,
            argv,
        })
    }

    /// What is executed.
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// The program that is executed, `sh` for text with shell syntax.
    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// The words of the line that may be paths, without the quotes and marks of a shell, and without what
    /// it writes to.
    pub fn words(&self) -> Vec<String> {
        let mut found = Vec::new();
        for word in self.argv() {
            let mut into = "";
            for part in word.split_whitespace() {
                if !into.ends_with('>') && !part.starts_with('>') {
                    let plain = part.trim_matches(['\'', '"', ';', '&', '(', ')']);
                    found.push(plain.to_owned());
                }
                into = part;
            }
        }
        found
    }

    /// Whether a shell runs it.
    pub fn uses_shell(&self) -> bool {
        matches!(self.source, Source::Shell(_))
    }
}

/// As the owner wrote it.
impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            Source::Shell(text) | Source::Split(text) => f.write_str(text),
            Source::List => write!(f, "{:?}", self.argv),
        }
    }
}

fn needs_shell(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or("");
    text.contains(['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '*', '?', '[', '#', '~', '\n', '{', '}'])
        // An assignment before the command: `LANG=C sort`.
        || first.contains('=')
        || SHELL_WORDS.contains(&first)
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)
            .map_err(|_| serde::de::Error::custom("a command is a string, or a list of strings"))?;
        match written {
            Written::Text(text) => CommandLine::from_text(&text),
            Written::List(list) => CommandLine::from_list(list),
        }
        .map_err(serde::de::Error::custom)
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.source {
            Source::Shell(text) | Source::Split(text) => serializer.serialize_str(text),
            Source::List => self.argv.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn direct(text: &str, argv: &[&str]) {
        let line = CommandLine::from_text(text).unwrap();
        assert!(!line.uses_shell(), "{text}");
        assert_eq!(line.argv(), argv);
        assert_eq!(line.to_string(), text);
    }

    #[test]
    fn plain_words_and_quotes_run_directly() {
        direct("python bench.py", &["python", "bench.py"]);
        direct("  cargo  bench ", &["cargo", "bench"]);
        direct("./x 'two words' \"\" a=b", &["./x", "two words", "", "a=b"]);
    }

    #[test]
    fn shell_syntax_runs_under_a_shell() {
        for text in [
            "a | b",
            "a && b",
            "a; b",
            "a > f",
            "echo $HOME",
            "echo `x`",
            "ls *.c",
            "LANG=C sort",
            "cd x",
            "exit 3",
            "(a)",
            "a &",
            "echo ~",
            "if true\nthen a\nfi",
            ": x",
            "echo a{b,c}",
        ] {
            let line = CommandLine::from_text(text).unwrap();
            assert!(line.uses_shell(), "{text}");
            assert_eq!(line.argv(), ["sh", "-c", text]);
        }
    }

    #[test]
    fn lists_never_run_under_a_shell() {
        let line = CommandLine::from_list(vec!["echo".into(), "$HOME; x".into()]).unwrap();
        assert!(!line.uses_shell());
        assert_eq!(line.argv(), ["echo", "$HOME; x"]);
    }

    #[test]
    fn what_cannot_run_is_refused() {
        assert_eq!(CommandLine::from_text(" "), Err(CommandLineError::Empty));
        assert_eq!(CommandLine::from_text("''"), Err(CommandLineError::Empty));
        assert_eq!(CommandLine::from_text("a\0"), Err(CommandLineError::Nul));
        assert_eq!(CommandLine::from_list(vec![]), Err(CommandLineError::Empty));
        assert!(matches!(
            CommandLine::from_text("echo 'x"),
            Err(CommandLineError::OpenQuote(_))
        ));
    }

    #[test]
    fn toml_takes_text_and_lists_and_nothing_else() {
        #[derive(Deserialize, Debug)]
        struct Holder {
            c: CommandLine,
        }
        let holder = toml::from_str::<Holder>("c = 'a b'").unwrap();
        assert_eq!(holder.c.argv(), ["a", "b"]);
        assert!(toml::from_str::<Holder>("c = ['a', 'b c']").is_ok());
        let error = toml::from_str::<Holder>("c = 3").err().unwrap().to_string();
        assert!(error.contains("a string, or a list of strings"), "{error}");
    }
}

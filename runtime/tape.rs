//! What an evaluator's commands and its model answered during one evaluation, recorded so that it can be
//! played back: a test of the evaluator then needs neither.
//!
//! Calls are answered in the order in which they were recorded, commands by their role; after the last
//! comes the first again, so that an evaluator that asks more often than before still gets answers. The
//! randomness that the guest sees is recorded too: what it draws is part of what it asks.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Exit, Failure};
use crate::files;

const VERSION: u32 = 1;
/// How much randomness there is before it repeats, in bytes.
const RANDOMNESS: usize = 64 << 10;
/// The largest recording that is read, in bytes.
const SIZE_LIMIT: u64 = 256 << 20;

/// The answers of one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    version: u32,
    /// What the guest's randomness is made from.
    seed: u64,
    #[serde(default)]
    commands: Vec<CommandCall>,
    #[serde(default)]
    completions: Vec<Result<Completion, String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandCall {
    role: String,
    answer: Result<CommandOutput, CommandError>,
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandOutput {
    pub exit: CommandExit,
    pub stdout: Stream,
    pub stderr: Stream,
    pub wall_ns: u64,
    pub user_ns: Option<u64>,
    pub system_ns: Option<u64>,
    pub peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandExit {
    Code(i32),
    Signal(i32),
    TimedOut,
}

/// One stream's last bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    pub bytes: Bytes,
    pub truncated: bool,
}

/// Bytes that are written as text where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Bytes(pub Vec<u8>);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Base64 { base64: String },
}

impl From<Bytes> for Written {
    fn from(Bytes(bytes): Bytes) -> Self {
        String::from_utf8(bytes).map_or_else(
            |error| Written::Base64 {
                base64: BASE64_STANDARD.encode(error.as_bytes()),
            },
            Written::Text,
        )
    }
}

impl TryFrom<Written> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Text(text) => Ok(Bytes(text.into_bytes())),
            Written::Base64 { base64 } => BASE64_STANDARD.decode(base64).map(Bytes),
        }
    }
}

/// Why a command left nothing, in the contract's cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandError {
    NotGranted(String),
    NotStarted(String),
    LimitExceeded(String),
    Other(String),
}

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    pub text: String,
    pub model: Option<String>,
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Recording {
    /// One without calls, with a randomness of its own.
    pub fn empty() -> Self {
        Self {
            version: VERSION,
            seed: RandomState::new().build_hasher().finish(),
            commands: Vec::new(),
            completions: Vec::new(),
        }
    }

    /// Reads what [`Recording::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unusable = |what: String| {
            Failure::input(format!(
                "the recording `{}` cannot be used: {what}",
                path.display()
            ))
            .hint("make one with `--record FILE`")
        };
        let length = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?;
        if !length.is_file() || length.len() > SIZE_LIMIT {
            return Err(unusable("it is no file of a reasonable size".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let Version { version } =
            serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
        if version != VERSION {
            return Err(unusable(format!(
                "it is of version {version}; this program reads {VERSION}"
            )));
        }
        serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))
    }

    /// Writes it as JSON.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other);
        text.and_then(|text| files::replace(path, format!("{text}\n").as_bytes()))
            .map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("cannot write the recording `{}`: {error}", path.display()),
                )
                .hint("name a file that can be written")
            })
    }

    /// How many commands and completions it has.
    pub fn counts(&self) -> (usize, usize) {
        (self.commands.len(), self.completions.len())
    }

    /// Whether a command was recorded for a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.commands.iter().any(|call| call.role == role)
    }

    /// The randomness that a guest sees, from which it repeats.
    pub fn randomness(&self) -> Vec<u8> {
        (0..RANDOMNESS as u64 / 32)
            .flat_map(|block| {
                Sha256::new()
                    .chain_update(self.seed.to_le_bytes())
                    .chain_update(block.to_le_bytes())
                    .finalize()
            })
            .collect()
    }
}

/// A recording in use.
#[derive(Debug, Clone)]
pub enum Tape {
    /// Takes down what is answered.
    Recorder(Arc<Mutex<Recording>>),
    /// Answers itself.
    Player(Arc<Recording>),
}

impl Tape {
    /// One that takes down.
    pub fn recorder() -> Self {
        Tape::Recorder(Arc::new(Mutex::new(Recording::empty())))
    }

    /// What was recorded, or is played.
    pub fn recording(&self) -> Recording {
        match self {
            Tape::Recorder(recording) => recording
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            Tape::Player(recording) => Recording::clone(recording),
        }
    }

    /// For one evaluation, from the start.
    pub fn rewound(&self) -> Head {
        Head {
            tape: self.clone(),
            commands: BTreeMap::new(),
            completions: 0,
        }
    }
}

/// Where one evaluation is on a tape.
#[derive(Debug, Clone)]
pub struct Head {
    tape: Tape,
    /// Calls so far, by role.
    commands: BTreeMap<String, usize>,
    completions: usize,
}

impl Head {
    /// The recorded answer to the next call for a role; none where calls are to be made.
    pub fn command(&mut self, role: &str) -> Option<Result<CommandOutput, CommandError>> {
        let Tape::Player(recording) = &self.tape else {
            return None;
        };
        let number = self.commands.entry(role.to_owned()).or_default();
        let calls = recording.commands.iter().filter(|call| call.role == role);
        let answer = calls.cycle().nth(*number);
        *number += 1;
        Some(answer.map_or_else(
            || {
                Err(CommandError::NotGranted(format!(
                    "no command was recorded for the role `{role}`"
                )))
            },
            |call| call.answer.clone(),
        ))
    }

    /// The recorded answer to the next prompt; none where the model is to be asked.
    pub fn completion(&mut self) -> Option<Result<Completion, String>> {
        let Tape::Player(recording) = &self.tape else {
            return None;
        };
        let answer = recording.completions.iter().cycle().nth(self.completions);
        self.completions += 1;
        Some(
            answer
                .cloned()
                .unwrap_or_else(|| Err("no answer was recorded".to_owned())),
        )
    }

    /// Takes down what a command left.
    pub fn take_command(&self, role: &str, answer: &Result<CommandOutput, CommandError>) {
        if let Tape::Recorder(recording) = &self.tape {
            let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
            recording.commands.push(CommandCall {
                role: role.to_owned(),
                answer: answer.clone(),
            });
        }
    }

    /// Takes down what the model answered.
    pub fn take_completion(&self, answer: &Result<Completion, String>) {
        if let Tape::Recorder(recording) = &self.tape {
            let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
            recording.completions.push(answer.clone());
        }
    }

    /// The guest's randomness.
    pub fn randomness(&self) -> Vec<u8> {
        match &self.tape {
            Tape::Recorder(recording) => recording
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .randomness(),
            Tape::Player(recording) => recording.randomness(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stdout: &[u8]) -> CommandOutput {
        let stream = |bytes: &[u8]| Stream {
            bytes: Bytes(bytes.to_owned()),
            truncated: false,
        };
        CommandOutput {
            exit: CommandExit::Code(0),
            stdout: stream(stdout),
            stderr: stream(b""),
            wall_ns: 1,
            user_ns: None,
            system_ns: Some(2),
            peak_rss_bytes: None,
        }
    }

    fn recorded() -> Recording {
        let tape = Tape::recorder();
        let head = tape.rewound();
        head.take_command("a", &Ok(output(b"first")));
        head.take_command("b", &Err(CommandError::NotStarted("no".into())));
        head.take_command("a", &Ok(output(b"\xff\0")));
        head.take_completion(&Ok(Completion {
            text: "yes".into(),
            model: None,
        }));
        tape.recording()
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calls.json");
        let recording = recorded();
        recording.write(&path).unwrap();
        assert_eq!(Recording::read(&path).unwrap(), recording);
        assert_eq!(recording.counts(), (3, 1));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calls.json");
        let text = serde_json::to_string(&recorded()).unwrap();
        for (text, words) in [
            (String::new(), "EOF"),
            ("{}".into(), "missing field `version`"),
            (text.replace("\"version\":1", "\"version\":2"), "version 2"),
            (text.replace("\"seed\"", "\"sead\""), "sead"),
            (text.replace("/wA=", "%"), "Invalid"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let failure = Recording::read(&path).unwrap_err();
            assert!(failure.message.contains(words), "{text}: {failure:?}");
        }
        assert!(Recording::read(directory.path()).is_err());
    }

    #[test]
    fn calls_are_answered_in_order_and_then_again() {
        let tape = Tape::Player(Arc::new(recorded()));
        for _ in 0..2 {
            let mut head = tape.rewound();
            let mut stdout = || head.command("a").unwrap().unwrap().stdout.bytes.0;
            assert_eq!(stdout(), b"first");
            assert_eq!(stdout(), b"\xff\0");
            assert_eq!(stdout(), b"first");
            assert!(matches!(
                head.command("b"),
                Some(Err(CommandError::NotStarted(_)))
            ));
            assert!(matches!(
                head.command("c"),
                Some(Err(CommandError::NotGranted(_)))
            ));
            assert_eq!(head.completion().unwrap().unwrap().text, "yes");
            assert_eq!(head.completion().unwrap().unwrap().text, "yes");
        }
    }

    #[test]
    fn a_recorder_answers_nothing() {
        let mut head = Tape::recorder().rewound();
        assert_eq!(head.command("a"), None);
        assert_eq!(head.completion(), None);
    }

    #[test]
    fn randomness_is_that_of_the_recording() {
        let recording = recorded();
        let first = recording.randomness();
        assert_eq!(first.len(), RANDOMNESS);
        assert_eq!(first, recording.clone().randomness());
        assert_ne!(first, Recording::empty().randomness());
        assert_ne!(first[..32], first[32..64]);
    }
}

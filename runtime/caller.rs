//! The program of an agent as its owner names it, and one call of it.
//!
//! A proposal is such a call, and so is a model's answer to an evaluator: they differ in what the
//! program may do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::agent::{self, Adapter, Answer, Options, PromptVia};
use crate::experiment::Callee;
use crate::failure::Failure;
use crate::journal::AgentUse;
use crate::process::{self, Cancel, Command, CommandLine, Exit, Launcher, RunError};
use crate::sandbox::Confinement;
use crate::text;

/// What is kept of a program's output to be read: the end, where its answer is.
const OUTPUT_LIMIT: usize = 16 << 20;
/// The longest name of a program that is a command, in characters.
const NAME_LIMIT: usize = 40;
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// A program to be called.
#[derive(Debug, Clone)]
pub struct Caller {
    kind: Kind,
    model: Option<String>,
    arguments: Vec<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    Known(&'static Adapter),
    Command { line: CommandLine, name: String },
}

/// What a program may do.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// Change files in its directory.
    Propose {
        /// Relative to the directory.
        targets: &'a [String],
        /// What may still be spent, in US dollars.
        max_cost_usd: Option<f64>,
        /// Whether the operating system confines the program.
        confined: bool,
    },
    /// Answer in words, and use no tool.
    Answer,
}

/// One call.
#[derive(Debug)]
pub struct Call<'a> {
    pub purpose: Purpose<'a>,
    /// A file with the prompt, absolute.
    pub prompt: &'a Path,
    /// Where all that the program prints is kept, absolute.
    pub transcript: Option<&'a Path>,
    /// Where it works.
    pub directory: &'a Path,
    pub confinement: &'a Confinement,
    /// What is set besides the user's own environment.
    pub environment: &'a [(OsString, OsString)],
    pub time_limit: Duration,
}

/// What came of a call.
#[derive(Debug)]
pub struct Called {
    pub exit: Exit,
    pub answer: Answer,
    pub used: AgentUse,
    /// The last lines that it printed, for where it does not say itself what went wrong.
    pub tail: String,
}

impl Caller {
    /// # Errors
    /// Where there is neither a name that is known nor a command.
    pub fn new(callee: &Callee<'_>) -> Result<Self, Failure> {
        let known = callee.name.and_then(agent::adapter);
        let kind = match (known, callee.command) {
            (Some(adapter), _) => Kind::Known(adapter),
            (None, Some(line)) => Kind::Command {
                line: line.clone(),
                name: short_name(line),
            },
            (None, None) => return Err(Failure::input("there is no agent")),
        };
        Ok(Self {
            kind,
            model: callee.model.map(str::to_owned),
            arguments: callee.arguments.to_vec(),
        })
    }

    /// Its name, or what its command begins with.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Known(adapter) => adapter.name,
            Kind::Command { name, .. } => name,
        }
    }

    /// Its row of the table; none where it is a command.
    pub fn adapter(&self) -> Option<&'static Adapter> {
        match &self.kind {
            Kind::Known(adapter) => Some(adapter),
            Kind::Command { .. } => None,
        }
    }

    /// Where its program keeps files of its own: below the home, or absolute. Of a command it is not
    /// known what it calls.
    pub fn keeps(&self) -> Vec<PathBuf> {
        let adapters = match &self.kind {
            Kind::Known(adapter) => vec![*adapter],
            Kind::Command { .. } => agent::adapters().collect(),
        };
        let variables = adapters
            .iter()
            .flat_map(|adapter| adapter.kept_at)
            .filter_map(|name| Some(PathBuf::from(std::env::var_os(name)?)))
            .filter(|path| path.is_absolute());
        let usual = adapters.iter().flat_map(|adapter| adapter.keeps);
        usual.map(PathBuf::from).chain(variables).collect()
    }

    /// What is executed for a purpose.
    pub fn command_line(
        &self,
        purpose: Purpose<'_>,
        prompt: &Path,
    ) -> Result<CommandLine, Failure> {
        let adapter = match &self.kind {
            Kind::Command { line, .. } => return Ok(line.clone()),
            Kind::Known(adapter) => adapter,
        };
        let (targets, max_cost_usd, confined): (&[String], _, _) = match purpose {
            Purpose::Propose {
                targets,
                max_cost_usd,
                confined,
            } => (targets, max_cost_usd, confined),
            Purpose::Answer => (&[], None, false),
        };
        let options = Options {
            model: self.model.as_deref(),
            extra: &self.arguments,
            max_cost_usd,
            prompt_file: prompt,
            targets,
            confined,
        };
        let argv = match (purpose, &adapter.answer) {
            (Purpose::Propose { .. }, _) => (adapter.propose)(&options),
            (Purpose::Answer, Some(answering)) => (answering.argv)(&options),
            (Purpose::Answer, None) => {
                return Err(Failure::input(format!(
                    "`{}` cannot be kept from using tools",
                    adapter.name
                )));
            }
        };
        CommandLine::from_list(argv)
            .map_err(|error| Failure::input(format!("the agent cannot be run: {error}")))
    }

    /// Calls it once, by its command line for the call's purpose.
    pub fn call(
        &self,
        launcher: &Launcher,
        line: &CommandLine,
        call: &Call<'_>,
        cancel: &Cancel,
    ) -> Result<Called, RunError> {
        let adapter = self.adapter();
        let via_stdin = adapter.is_none_or(|adapter| adapter.prompt == PromptVia::Stdin);
        let answering = adapter
            .and_then(|adapter| adapter.answer.as_ref())
            .filter(|_| matches!(call.purpose, Purpose::Answer));
        let sets = adapter.map_or(&[][..], |adapter| adapter.sets);
        let more = answering.map_or(&[][..], |answering| answering.sets);
        let mut environment = environment(sets.iter().chain(more));
        environment.extend_from_slice(call.environment);
        let command = Command {
            line,
            directory: call.directory,
            environment: &environment,
            confinement: call.confinement,
            cpus: &[],
            deadline: call.time_limit,
            grace: GRACE,
            output_limit: OUTPUT_LIMIT,
            input: via_stdin.then_some(call.prompt),
            transcript: call.transcript,
        };
        let started = Instant::now();
        let output = process::run(launcher, &command, cancel)?;
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout.bytes),
            String::from_utf8_lossy(&output.stderr.bytes),
        );
        let answer = match adapter {
            Some(adapter) => (adapter.read)(&stdout, &stderr),
            None => Answer {
                text: stdout.into_owned(),
                ..Answer::default()
            },
        };
        let used = AgentUse {
            name: self.name().to_owned(),
            model: answer.model.clone().or_else(|| self.model.clone()),
            seconds: started.elapsed().as_secs_f64(),
            cost_usd: answer.cost_usd,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
        };
        // Errors belong on standard error, and not every program knows that.
        let tail = [&output.stderr, &output.stdout]
            .map(|stream| text::tail(&stream.bytes, 3))
            .into_iter()
            .find(|tail| !tail.is_empty())
            .unwrap_or_default();
        Ok(Called {
            exit: output.exit,
            answer,
            used,
            tail,
        })
    }
}

/// `sh agent.sh` for `sh /home/me/agent.sh --fast`: no paths, for it stands in commits.
fn short_name(line: &CommandLine) -> String {
    let text = line.to_string();
    let words: Vec<&str> = if line.uses_shell() {
        text.split_whitespace().collect()
    } else {
        line.argv().iter().map(String::as_str).collect()
    };
    let name: Vec<&str> = words
        .into_iter()
        .take(2)
        .take_while(|word| !word.starts_with('-'))
        .filter_map(|word| Path::new(word).file_name()?.to_str())
        .collect();
    text::clean_line(&name.join(" "), NAME_LIMIT)
}

/// The environment of agents: the user's own, for it is the user's own program, with its keys and
/// proxies. Only what would lead its git astray is left out.
fn environment<'a>(
    sets: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> Vec<(OsString, OsString)> {
    let sets = sets.map(|(name, value)| (name.into(), value.into()));
    std::env::vars_os()
        .filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"GIT_"))
        .chain(sets)
        .collect()
}

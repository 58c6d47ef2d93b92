//! The `command` import: run what the owner bound to a role.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::Event;
use super::bindings::autoresearch::evaluator::command as wit;
use super::deadline::Deadline;
use super::state::State;
use crate::evaluator::is_name;
use crate::model::Model;
use crate::process::{self, Cancel, CommandLine, Exit, Launcher, RunError};
use crate::sandbox::Confinement;
use crate::tape::{Bytes, CommandError, CommandExit, CommandOutput, Stream};
use crate::text;

/// The commands of one evaluation, by role.
#[derive(Debug, Clone)]
pub(super) struct Grants {
    pub(super) bindings: BTreeMap<String, CommandLine>,
    pub(super) directory: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) confinement: Confinement,
    pub(super) launcher: Launcher,
    pub(super) model: Option<Arc<Model>>,
    /// When the evaluation's time is up.
    pub(super) deadline: Deadline,
}

/// What runs now for a guest that waits, if anything: a command or a model's program.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    current: Arc<Mutex<Option<Current>>>,
}

#[derive(Debug)]
struct Current {
    cancel: Cancel,
    thread: JoinHandle<()>,
}

impl Running {
    pub(super) fn is_running(&self) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|current| !current.thread.is_finished())
    }

    /// Ends what a cancelled evaluation left, and waits until it is gone.
    pub(super) fn end_and_wait(&self) {
        let current = self.lock().take();
        if let Some(Current { cancel, thread }) = current {
            if !thread.is_finished() {
                cancel.cancel();
            }
            let _ = thread.join();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl wit::Host for State {
    async fn run(&mut self, role: String) -> wasmtime::Result<Result<wit::Output, wit::Error>> {
        self.meter.count_bytes(role.len())?;
        let role = text::clean_line(&role, 64);
        let grants = self.grants.clone();
        if grants
            .as_ref()
            .is_some_and(|grants| grants.deadline.has_passed())
        {
            return Ok(Err(wit::Error::LimitExceeded(
                "the evaluation's time is up".to_owned(),
            )));
        }
        self.meter.count_command()?;
        if let Some(answer) = self.tape.as_mut().and_then(|tape| tape.command(&role)) {
            return Ok(convert(answer));
        }
        let bound = grants.and_then(|grants| {
            let line = grants.bindings.get(&role)?.clone();
            Some((grants, line))
        });
        let Some((grants, line)) = bound else {
            return Ok(Err(wit::Error::NotGranted(if is_name(&role) {
                format!(
                    "no command is bound to the role `{role}`; bind one with `--command {role}='YOUR COMMAND'`"
                )
            } else {
                // Not repeated as part of a command line: these are the guest's words.
                "it asked for a role by something that is not a name".to_owned()
            })));
        };
        self.tell(Event::CommandStarted {
            role: &role,
            line: &line,
        });
        let (cpus, grace, output_limit) = (
            self.limits.cpus.clone(),
            self.limits.command_grace(),
            (self.limits.command_output_kib as usize) << 10,
        );
        let result = self
            .in_thread("command", {
                let line = line.clone();
                move |cancel| {
                    let command = process::Command {
                        line: &line,
                        directory: &grants.directory,
                        environment: &grants.environment,
                        confinement: &grants.confinement,
                        cpus: &cpus,
                        deadline: grants.deadline.left(),
                        grace,
                        output_limit,
                        input: None,
                        transcript: None,
                    };
                    process::run(&grants.launcher, &command, cancel)
                }
            })
            .await?;
        self.tell(Event::CommandEnded {
            role: &role,
            result: &result,
        });
        if let Ok(output) = &result {
            self.meter
                .count_bytes(output.stdout.bytes.len() + output.stderr.bytes.len())?;
        }
        let answer = answer(result);
        if let Some(tape) = &self.tape {
            tape.take_command(&role, &answer);
        }
        Ok(convert(answer))
    }
}

impl State {
    /// Does something in a thread, so that the guest waits for it without blocking its deadline.
    pub(super) async fn in_thread<T: Send + 'static>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> wasmtime::Result<T> {
        let (send, receive) = tokio::sync::oneshot::channel();
        let cancel = Cancel::default();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn({
            let cancel = cancel.clone();
            move || {
                let _ = send.send(work(&cancel));
            }
        })?;
        *self.commands.lock() = Some(Current { cancel, thread });
        receive
            .await
            .map_err(|_| wasmtime::Error::msg("the host's thread ended"))
    }
}

/// What the guest is told of a command.
fn answer(result: Result<process::Output, RunError>) -> Result<CommandOutput, CommandError> {
    let output = match result {
        Ok(output) => output,
        Err(error @ RunError::NotStarted { .. }) => {
            return Err(CommandError::NotStarted(error.to_string()));
        }
        Err(error @ RunError::Launcher(_)) => return Err(CommandError::Other(error.to_string())),
    };
    if let Some(over) = output.over {
        return Err(CommandError::LimitExceeded(format!(
            "the command was ended: {over}"
        )));
    }
    let stream = |captured: process::Captured| Stream {
        bytes: Bytes(captured.bytes),
        truncated: captured.truncated,
    };
    Ok(CommandOutput {
        exit: match output.exit {
            Exit::Code(code) => CommandExit::Code(code),
            Exit::Signal(signal) => CommandExit::Signal(signal),
            Exit::TimedOut | Exit::Cancelled => CommandExit::TimedOut,
        },
        stdout: stream(output.stdout),
        stderr: stream(output.stderr),
        wall_ns: output.usage.wall_ns,
        user_ns: Some(output.usage.user_ns),
        system_ns: Some(output.usage.system_ns),
        // A process without memory there is none: this system does not count it.
        peak_rss_bytes: Some(output.usage.peak_rss_bytes).filter(|&bytes| bytes > 0),
    })
}

fn convert(answer: Result<CommandOutput, CommandError>) -> Result<wit::Output, wit::Error> {
    let output = answer.map_err(|error| match error {
        CommandError::NotGranted(why) => wit::Error::NotGranted(why),
        CommandError::NotStarted(why) => wit::Error::NotStarted(why),
        CommandError::LimitExceeded(why) => wit::Error::LimitExceeded(why),
        CommandError::Other(why) => wit::Error::Other(why),
    })?;
    Ok(wit::Output {
        exit: match output.exit {
            CommandExit::Code(code) => wit::Exit::Code(code),
            CommandExit::Signal(signal) => wit::Exit::Signal(signal),
            CommandExit::TimedOut => wit::Exit::TimedOut,
        },
        stdout: output.stdout.bytes.0,
        stderr: output.stderr.bytes.0,
        stdout_truncated: output.stdout.truncated,
        stderr_truncated: output.stderr.truncated,
        usage: wit::Usage {
            wall_ns: output.wall_ns,
            user_ns: output.user_ns,
            system_ns: output.system_ns,
            peak_rss_bytes: output.peak_rss_bytes,
        },
    })
}

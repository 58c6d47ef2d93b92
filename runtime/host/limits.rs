//! What one evaluation may use, and its enforcement in the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::{CallHook, ResourceLimiter, Store};

use super::state::State;
use crate::sandbox::Resources;

/// What one evaluation may use. Its wall time is the experiment's `budget`, not a limit here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All linear memory together, in MiB.
    pub memory_mib: u32,
    /// Linear memories.
    pub memories: u32,
    /// Core tables.
    pub tables: u32,
    /// Elements of all tables together.
    pub table_elements: u32,
    /// Core instances.
    pub instances: u32,
    /// Open handles: files, streams, clocks.
    pub handles: u32,
    /// Kept of what the guest prints on its standard output and error together, in KiB.
    pub guest_output_kib: u32,
    /// Calls into the host.
    pub host_calls: u64,
    /// Passed in one call between the guest and the host, in MiB.
    pub call_mib: u32,
    /// Passed between the guest and the host's commands, model and log altogether, in MiB.
    pub host_mib: u32,
    /// Lines logged; the rest is dropped.
    pub messages: u32,
    /// Commands run.
    pub commands: u32,
    /// Kept of each of a command's standard output and error, in KiB.
    pub command_output_kib: u32,
    /// Between a command's TERM and its KILL, in milliseconds.
    pub command_grace_ms: u32,
    /// Processes and threads of a command in a sandbox.
    pub command_processes: u32,
    /// Private memory of a command in a sandbox, in MiB; 0: three quarters of the machine's.
    pub command_memory_mib: u32,
    /// The largest file that a command in a sandbox writes, in MiB.
    pub command_file_mib: u32,
    /// For an evaluator to describe itself, in milliseconds.
    pub describe_ms: u32,
    /// The CPUs that commands may run on, by number; none given: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: 256,
            memories: 16,
            tables: 64,
            table_elements: 1_000_000,
            instances: 128,
            handles: 4096,
            guest_output_kib: 256,
            host_calls: 20_000_000,
            call_mib: 64,
            host_mib: 1024,
            messages: 200,
            commands: 10_000,
            command_output_kib: 1024,
            command_grace_ms: 2000,
            command_processes: 8192,
            command_memory_mib: 0,
            command_file_mib: 16384,
            describe_ms: 5000,
            cpus: Vec::new(),
        }
    }
}

/// Every limit's name, as `--limit NAME=N` and `[limits]` take it.
pub const LIMIT_NAMES: &[&str] = &[
    "memory_mib",
    "memories",
    "tables",
    "table_elements",
    "instances",
    "handles",
    "guest_output_kib",
    "host_calls",
    "call_mib",
    "host_mib",
    "messages",
    "commands",
    "command_output_kib",
    "command_grace_ms",
    "command_processes",
    "command_memory_mib",
    "command_file_mib",
    "describe_ms",
    "cpus",
];

/// Why a limit cannot be set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitsError {
    #[error("there is no limit `{0}`")]
    Unknown(String),
    #[error("the limit `{0}` takes a whole number")]
    NotANumber(String),
    #[error("the limit `{0}` takes whole numbers, as in `2,3`")]
    NotNumbers(String),
}

impl Limits {
    /// Sets one limit by its name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitsError> {
        if !LIMIT_NAMES.contains(&name) {
            return Err(LimitsError::Unknown(name.to_owned()));
        }
        if name == "cpus" {
            self.cpus = value
                .split(',')
                .map(|cpu| cpu.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(|_| LimitsError::NotNumbers(name.to_owned()))?;
            return Ok(());
        }
        let bad = || LimitsError::NotANumber(name.to_owned());
        let number: u64 = value.parse().map_err(|_| bad())?;
        let mut json = serde_json::to_value(&*self).map_err(|_| bad())?;
        if let Some(field) = json.get_mut(name) {
            *field = number.into();
        }
        *self = serde_json::from_value(json).map_err(|_| bad())?;
        Ok(())
    }

    /// What the processes of a command in a sandbox may use.
    pub fn resources(&self) -> Resources {
        let memory_bytes = match self.command_memory_mib {
            0 => machine_memory() / 4 * 3,
            mib => u64::from(mib) << 20,
        };
        Resources {
            processes: self.command_processes.into(),
            memory_bytes,
            file_bytes: u64::from(self.command_file_mib) << 20,
        }
    }

    pub(super) fn describe_time(&self) -> Duration {
        Duration::from_millis(self.describe_ms.into())
    }

    pub(super) fn command_grace(&self) -> Duration {
        Duration::from_millis(self.command_grace_ms.into())
    }
}

/// In bytes; all that can be counted where it is not known.
fn machine_memory() -> u64 {
    let known = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("MemTotal:"))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib << 10)
        });
    known.unwrap_or(u64::MAX)
}

/// The limit that ended an evaluation.
#[derive(Debug)]
pub(super) struct Exceeded {
    pub(super) setting: &'static str,
    pub(super) what: String,
}

/// Where the first limit to be exceeded is noted.
///
/// An error that passes through the guest comes out as wasmtime's, and a guest may also survive a
/// memory that did not grow and trap later for want of it: the note says what came first.
#[derive(Debug, Clone, Default)]
pub(super) struct Note(Arc<Mutex<Option<Exceeded>>>);

impl Note {
    /// Notes a limit, if it is the first, and returns the error to end the guest with.
    pub(super) fn exceed(&self, setting: &'static str, what: impl Into<String>) -> wasmtime::Error {
        let what = what.into();
        let error = wasmtime::Error::msg(format!("over the limit `{setting}` ({what})"));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(Exceeded { setting, what });
        error
    }

    pub(super) fn take(&self) -> Option<Exceeded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Pass,
    /// It is the first over the limit.
    DropFirst,
    Drop,
}

/// Counts what a store uses of its limits.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    note: Note,
    memory: u64,
    elements: u64,
    calls: u64,
    bytes: u64,
    messages: u32,
    commands: u32,
}

impl Meter {
    pub(super) fn new(limits: &Limits, note: Note) -> Self {
        Self {
            limits: limits.clone(),
            note,
            memory: 0,
            elements: 0,
            calls: 0,
            bytes: 0,
            messages: 0,
            commands: 0,
        }
    }

    /// All linear memory that there is, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    fn count_call(&mut self) -> wasmtime::Result<()> {
        self.calls += 1;
        if self.calls > self.limits.host_calls {
            return Err(self
                .note
                .exceed("host_calls", format!("{} calls", self.limits.host_calls)));
        }
        Ok(())
    }

    /// Counts bytes that pass between the guest and a capability.
    pub(super) fn count_bytes(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > u64::from(self.limits.host_mib) << 20 {
            return Err(self
                .note
                .exceed("host_mib", format!("{} MiB", self.limits.host_mib)));
        }
        Ok(())
    }

    /// Counts a message and says what becomes of it.
    pub(super) fn count_message(&mut self) -> Message {
        self.messages = self.messages.saturating_add(1);
        match self.messages.saturating_sub(self.limits.messages) {
            0 => Message::Pass,
            1 => Message::DropFirst,
            _ => Message::Drop,
        }
    }

    /// Counts a command about to be run.
    pub(super) fn count_command(&mut self) -> wasmtime::Result<()> {
        self.commands += 1;
        if self.commands > self.limits.commands {
            return Err(self
                .note
                .exceed("commands", format!("{} commands", self.limits.commands)));
        }
        Ok(())
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.memory + desired.saturating_sub(current) as u64;
        if grown > u64::from(self.limits.memory_mib) << 20 {
            return Err(self
                .note
                .exceed("memory_mib", format!("{} MiB", self.limits.memory_mib)));
        }
        self.memory = grown;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.elements + desired.saturating_sub(current) as u64;
        if grown > u64::from(self.limits.table_elements) {
            return Err(self.note.exceed(
                "table_elements",
                format!("{} elements", self.limits.table_elements),
            ));
        }
        self.elements = grown;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories as usize
    }
}

/// Puts a store under the limits of its state.
pub(super) fn install(store: &mut Store<State>) {
    let limits = store.data().meter.limits.clone();
    store.limiter(|state| &mut state.meter);
    store.set_max_component_handles(limits.handles as usize);
    store.set_hostcall_fuel((limits.call_mib as usize) << 20);
    store.epoch_deadline_async_yield_and_update(1);
    store.call_hook(|mut context, hook| match hook {
        CallHook::CallingHost => context.data_mut().meter.count_call(),
        _ => Ok(()),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        for name in LIMIT_NAMES {
            limits.set(name, "7").unwrap();
        }
        let json = serde_json::to_value(&limits).unwrap();
        let fields = json.as_object().unwrap();
        assert_eq!(fields.len(), LIMIT_NAMES.len());
        for (name, value) in fields {
            let numbers = value.as_array().cloned().unwrap_or(vec![value.clone()]);
            assert_eq!(numbers, [7], "{name}");
        }
    }

    #[test]
    fn cpus_are_a_list() {
        let mut limits = Limits::default();
        limits.set("cpus", "2, 3").unwrap();
        assert_eq!(limits.cpus, [2, 3]);
        for bad in ["", "2,", "2-3", "-1", "all", "99999999999"] {
            assert_eq!(
                limits.set("cpus", bad),
                Err(LimitsError::NotNumbers("cpus".into()))
            );
        }
        assert_eq!(limits.cpus, [2, 3]);
    }

    #[test]
    fn what_is_no_limit_is_told() {
        let mut limits = Limits::default();
        assert_eq!(limits.set("x", "7"), Err(LimitsError::Unknown("x".into())));
        for bad in ["", "-1", "1.5", "many", "99999999999"] {
            assert_eq!(
                limits.set("memory_mib", bad),
                Err(LimitsError::NotANumber("memory_mib".into()))
            );
        }
        assert_eq!(limits, Limits::default());
    }
}

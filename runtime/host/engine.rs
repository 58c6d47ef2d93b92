//! The engine's configuration, and what is checked and explained before and after it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine};
use wasmtime_wasi::ResourceTableError;

use super::bindings::autoresearch::evaluator::{command, model, progress};
use super::state::State;
use super::{EvaluateError, LoadError};
use crate::text;

/// The interface that makes a component an evaluator.
pub const CONTRACT: &str = "autoresearch:evaluator/evaluator@0.1.0";
/// The package of the contract, without its version.
const PACKAGE: &str = "autoresearch:evaluator/";
/// How often a guest that computes gives way, so that its time limit can end it.
const TICK: Duration = Duration::from_millis(10);
/// The interfaces of WASI 0.2 that the linker offers (those of sockets answer that access is denied).
const WASI: &[&str] = &[
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

pub(super) fn new() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Nothing that evaluators need, and each a larger surface.
        .wasm_threads(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_memory64(false)
        .cranelift_nan_canonicalization(true);
    Engine::new(&config)
}

pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    command::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    model::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Advances the engine's epoch until it is dropped.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: std::thread::Thread,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (engine.clone(), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::park_timeout(TICK);
                    engine.increment_epoch();
                }
            })?
            .thread()
            .clone();
        Ok(Self { stop, thread })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

/// Tells a component by its first eight bytes: the magic number, the version and the layer.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        _ => Err(LoadError::NotWasm),
    }
}

/// A component of WASI 0.3 uses a binary format that is switched off here, so it fails before its
/// imports can be read: the name of what it imports is looked for in its bytes.
pub(super) fn explain_invalid(bytes: &[u8], error: &str) -> LoadError {
    let mut found = None;
    for package in WASI.iter().map(|package| package.as_bytes()) {
        for at in memchr_all(bytes, package) {
            let name: Vec<u8> = bytes
                .get(at..)
                .unwrap_or_default()
                .iter()
                .copied()
                .take(80)
                .take_while(|&b| b.is_ascii_alphanumeric() || b":/@.-".contains(&b))
                .collect();
            let name = String::from_utf8_lossy(&name).into_owned();
            if name.contains("@0.3.") {
                found = Some(name);
            }
        }
    }
    match found {
        Some(name) => LoadError::FutureWasi(name),
        None => LoadError::Invalid(text::clean_line(error, 300)),
    }
}

fn memchr_all<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes
        .windows(needle.len())
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .map(|(at, _)| at)
}

/// Checks that a component exports the contract and imports only what there is. Returns its imports.
pub(super) fn check_world(
    engine: &Engine,
    component: &Component,
) -> Result<Vec<String>, LoadError> {
    let kind = component.component_type();
    let imports: Vec<String> = kind
        .imports(engine)
        .map(|(name, _)| text::clean_line(name, 200))
        .collect();
    if let Some(name) = imports
        .iter()
        .find(|name| name.starts_with("wasi:") && name.contains("@0.3."))
    {
        return Err(LoadError::FutureWasi(name.clone()));
    }
    let exports: Vec<String> = kind
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if !exports.iter().any(|name| name == CONTRACT) {
        return Err(
            match exports
                .iter()
                .find(|name| name.starts_with("autoresearch:evaluator/evaluator@"))
            {
                Some(found) => LoadError::OtherVersion {
                    found: text::clean_line(found, 200),
                },
                None => LoadError::OtherWorld,
            },
        );
    }
    if let Some(unknown) = imports.iter().find(|name| {
        !name.starts_with(PACKAGE) && !WASI.iter().any(|package| name.starts_with(package))
    }) {
        return Err(LoadError::UnknownImport(unknown.clone()));
    }
    Ok(imports)
}

/// What ended a guest: a limit of wasmtime's own, or a trap with the guest's backtrace.
pub(super) fn explain_trap(error: &wasmtime::Error) -> EvaluateError {
    if let Some(setting) = exceeded_in_wasmtime(error) {
        return EvaluateError::LimitExceeded {
            setting,
            what: text::clean_line(&error.root_cause().to_string(), 200),
        };
    }
    let message = if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        format!("it called exit({})", exit.0)
    } else if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        trap.to_string()
    } else {
        error.root_cause().to_string()
    };
    EvaluateError::Trapped {
        message: text::clean_line(&message, 300),
        backtrace: error
            .downcast_ref::<wasmtime::WasmBacktrace>()
            .map_or_else(String::new, |backtrace| {
                text::clean(&backtrace.to_string(), 8000)
            }),
    }
}

/// The setting behind a limit that wasmtime holds by itself. Most of its errors have no public type
/// and are known by their words.
fn exceeded_in_wasmtime(error: &wasmtime::Error) -> Option<&'static str> {
    let table_is_full = error
        .downcast_ref::<ResourceTableError>()
        .is_some_and(|error| matches!(error, ResourceTableError::Full));
    if table_is_full {
        return Some("handles");
    }
    let words = format!("{error:#}");
    [
        ("store handle limit exceeded", "handles"),
        ("fuel allocated for hostcalls", "call_mib"),
        ("instance count too high", "instances"),
        ("memory count too high", "memories"),
        ("table count too high", "tables"),
    ]
    .into_iter()
    .find_map(|(part, setting)| words.contains(part).then_some(setting))
}

//! Compiling a component in a process of its own: what its bytes make of the compiler, in time and
//! memory, is then not the host's.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use wasmtime::component::Component;

use super::cache::Cache;
use super::{LoadError, engine};
use crate::process::{self, Cancel, Command, CommandLine, Exit, Launcher};
use crate::sandbox::Confinement;
use crate::text;

/// The first argument that makes this program a compiler.
pub const ARGUMENT: &str = "__compile";

/// How long it may take: Python's, the largest that there are, take seconds.
const TIME_LIMIT: Duration = Duration::from_mins(3);
/// And how much memory, in bytes.
#[cfg(target_os = "linux")]
const MEMORY_LIMIT: u64 = 3 << 30;
/// And what comes of it, in bytes.
#[cfg(target_os = "linux")]
const SIZE_LIMIT: u64 = 2 << 30;
const GRACE: Duration = Duration::from_millis(200);
const OUTPUT_LIMIT: usize = 16 << 10;

/// Compiles `bytes` into the cache. None where that could not be tried.
pub(super) fn into_cache(
    cache: &Cache,
    launcher: &Launcher,
    bytes: &[u8],
    digest: &str,
) -> Option<Result<(), LoadError>> {
    let place = cache.room().ok()?;
    let (from, to) = (place.path().join("component"), place.path().join("code"));
    std::fs::write(&from, bytes).ok()?;
    let path = |path: &Path| path.to_str().map(str::to_owned);
    let argv = vec![
        path(launcher.program())?,
        ARGUMENT.to_owned(),
        path(&from)?,
        path(&to)?,
    ];
    let command = Command {
        line: &CommandLine::from_list(argv).ok()?,
        directory: place.path(),
        environment: &[],
        confinement: &Confinement::none(),
        cpus: &[],
        deadline: TIME_LIMIT,
        grace: GRACE,
        output_limit: OUTPUT_LIMIT,
        input: None,
        transcript: None,
    };
    let output = process::run(launcher, &command, &Cancel::default()).ok()?;
    Some(match output.exit {
        Exit::Code(0) => return cache.keep(&to, digest).ok().map(Ok),
        Exit::Code(1) => {
            let said = String::from_utf8_lossy(&output.stderr.bytes);
            Err(engine::explain_invalid(bytes, said.trim()))
        }
        // A machine that is too small for it says so by a signal.
        exit => Err(LoadError::Uncompilable(text::clean_line(
            &format!("the compiler ended: {exit}"),
            200,
        ))),
    })
}

/// Compiles the component in one file into another, and returns the program's exit code.
#[expect(
    clippy::disallowed_macros,
    reason = "what it says is for the host that started it"
)]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(2).map(PathBuf::from);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return ExitCode::from(2);
    };
    #[cfg(target_os = "linux")]
    let _ = crate::sandbox::limit_memory(MEMORY_LIMIT, SIZE_LIMIT);
    let Ok(bytes) = std::fs::read(from) else {
        return ExitCode::from(2);
    };
    let compiled =
        engine::new().and_then(|engine| Component::from_binary(&engine, &bytes)?.serialize());
    match compiled {
        Ok(code) => match std::fs::write(to, code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        },
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

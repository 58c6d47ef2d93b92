//! The `autoresearch` program.

use std::process::ExitCode;

use autoresearch::{cli, host::compile, process::launcher};

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == launcher::ARGUMENT => launcher::main(),
        Some(argument) if argument == compile::ARGUMENT => compile::main(),
        _ => cli::main(),
    }
}

//! The `autoresearch` program.

use std::process::ExitCode;

use autoresearch::{cli, process::launcher};

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == launcher::ARGUMENT)
    {
        return launcher::main();
    }
    cli::main()
}

//! Any bytes are a component that is refused, or one that describes itself within its limits.
#![no_main]

use std::sync::LazyLock;

use autoresearch::host::{Host, Limits};
use autoresearch::process::Launcher;
use libfuzzer_sys::fuzz_target;

// Without a cache: so it is compiled here, where it is seen.
static HOST: LazyLock<Host> =
    LazyLock::new(|| Host::new(None, Launcher::at("/nonexistent")).unwrap());

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        describe_ms: 200,
        ..Limits::default()
    };
    let _ = HOST.load(data, "", &limits);
});

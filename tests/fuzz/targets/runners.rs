//! Whatever a test runner or the owner's command prints or writes, it is counted or refused.
#![no_main]

use command::lines;
use libfuzzer_sys::fuzz_target;
use test_pass_rate::runners::{self, Output, Runner, Stream};

fuzz_target!(|data: &[u8]| {
    let _ = lines::metrics(data);
    let printed = |truncated| Output {
        stdout: Stream::new(data, truncated),
        stderr: Stream::new(data, truncated),
    };
    for output in [printed(false), printed(true), Output::of_report(data)] {
        let named = Runner::ALL.iter().copied().map(Some);
        for runner in named.chain([None]) {
            let _ = runners::read(runner, &output);
        }
    }
});

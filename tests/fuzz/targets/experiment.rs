//! `experiment.toml`, `config.cfg` and `evaluators.lock`: whatever is in them, it is an experiment or a
//! message, and what is written again is read the same.
#![no_main]

use std::path::Path;

use autoresearch::experiment::Experiment;
use autoresearch::grants::Lock;
use autoresearch::requirement::Requirement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Experiment::from_config(data, Path::new("/project"));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("evaluators.lock"), data).unwrap();
    let _ = Lock::read(directory.path());
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = Requirement::parse(text);
    if let Ok(experiment) = Experiment::parse(text)
        && let Ok(text) = experiment.to_text()
    {
        assert_eq!(Experiment::parse(&text).as_ref(), Ok(&experiment));
    }
});

//! What evaluators in other languages cost: `cargo bench --bench authors`, after `tests/authors/check.sh`,
//! which builds them.
//!
//! For each: its size, the time to compile it once, to load it from the cache, and to measure once. Fails where
//! loading takes 10 ms or more.

#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoresearch::catalog;
use autoresearch::host::{Evaluation, Host, Limits};
use autoresearch::process::{Cancel, Launcher};
use autoresearch::sandbox::Confinement;

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");
/// A language, and a target of this repository that its example measures.
const EXAMPLES: [(&str, &str); 4] = [
    ("rust", "README.md"),
    ("c", "README.md"),
    ("javascript", "examples/evaluators/javascript/sample.js"),
    ("python", "README.md"),
];
const TIMES: usize = 21;
const MOST: Duration = Duration::from_millis(10);

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = tempfile::tempdir().unwrap();
    let host = Host::new(Some(cache.path().to_owned()), Launcher::at(PROGRAM)).unwrap();
    let limits = Limits::default();
    println!(
        "{:<12} {:>10} {:>10} {:>10} {:>10}",
        "", "size", "compile", "load", "measure"
    );
    let mut slow = Vec::new();
    for (language, target) in EXAMPLES {
        let bytes = std::fs::read(root.join(format!("target/authors/my_{language}.wasm")))
            .expect("run tests/authors/check.sh first");
        let digest = catalog::digest(&bytes);
        let start = Instant::now();
        let evaluator = host.load(&bytes, &digest, &limits).unwrap();
        let compile = start.elapsed();
        let load = median(|| {
            host.load(&bytes, &digest, &limits).unwrap();
        });
        let settings = evaluator
            .descriptor()
            .settings(&BTreeMap::new(), &BTreeMap::new())
            .unwrap();
        let measure = median(|| {
            let evaluation = Evaluation {
                directory: root,
                targets: &[target.to_owned()],
                settings: &settings,
                round: 0,
                model: None,
                environment: &[],
                confinement: &Confinement::none(),
                tape: None,
                limits: &limits,
                time_limit: Duration::from_mins(1),
                cancel: &Cancel::default(),
            };
            host.evaluate(&evaluator, &evaluation, Arc::new(|_| {}))
                .unwrap();
        });
        println!(
            "{language:<12} {:>7} kB {:>7.0} ms {:>7.2} ms {:>7.2} ms",
            bytes.len() / 1000,
            millis(compile),
            millis(load),
            millis(measure)
        );
        if load >= MOST {
            slow.push(language);
        }
    }
    assert!(slow.is_empty(), "too slow to load: {slow:?}");
}

/// The median time of some runs. Loading includes that it describes itself.
fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[TIMES / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

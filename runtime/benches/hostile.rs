//! How far beyond its time limit each hostile component gets: `cargo bench --bench hostile`.
//!
//! Every guest of `tests/guests` is evaluated with a limit of half a second, inside one host that lives
//! through all of them; after each a good one is evaluated. Fails where one gets more than 100 ms further,
//! or the good one does not work.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a benchmark prints, and fails by panicking; it shares a module with tests"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoresearch::catalog;
use autoresearch::host::{Evaluation, Evaluator, Host, Limits, Report};
use autoresearch::process::{Cancel, Launcher};
use autoresearch::sandbox::Confinement;

#[path = "../../tests/cli/guests.rs"]
mod guests;

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");
const LIMIT: Duration = Duration::from_millis(500);
const DESCRIBE_MS: u32 = 300;
const MOST: Duration = Duration::from_millis(100);

fn main() {
    let cache = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.txt"), "text").unwrap();
    let host = Host::new(Some(cache.path().to_owned()), Launcher::at(PROGRAM)).unwrap();
    let limits = Limits {
        describe_ms: DESCRIBE_MS,
        ..Limits::default()
    };
    let load = |name: &str| {
        let bytes = guests::component(name);
        let digest = catalog::digest(&bytes);
        // Compiled before the clock starts.
        let _ = host.load(&bytes, &digest, &limits);
        let start = Instant::now();
        let loaded = host.load(&bytes, &digest, &limits);
        (loaded, start.elapsed())
    };
    let evaluate = |evaluator: &Evaluator| {
        let targets = ["a.txt".to_owned()];
        let settings = evaluator
            .descriptor()
            .settings(&BTreeMap::new(), &BTreeMap::new())
            .unwrap();
        let evaluation = Evaluation {
            directory: place.path(),
            targets: &targets,
            settings: &settings,
            round: 0,
            model: None,
            environment: &[],
            confinement: &Confinement::none(),
            tape: None,
            limits: &limits,
            time_limit: LIMIT,
            cancel: &Cancel::default(),
        };
        let start = Instant::now();
        let report = host.evaluate(evaluator, &evaluation, Arc::new(|_| {}));
        (
            report.map_err(|failed| failed.error.to_string()),
            start.elapsed(),
        )
    };
    let good = load("good").0.unwrap();
    let is_good = |report: &Result<Report, String>| report.is_ok();
    let mut rows = Vec::new();
    for name in guests::names() {
        let (loaded, loading) = load(&name);
        let mut over = loading.saturating_sub(Duration::from_millis(DESCRIBE_MS.into()));
        if let Ok(evaluator) = &loaded {
            over = over.max(evaluate(evaluator).1.saturating_sub(LIMIT));
        }
        assert!(is_good(&evaluate(&good).0), "after {name}");
        rows.push((over, name));
    }
    rows.sort_by(|one, other| other.cmp(one));
    println!("{:<32} {:>10}", "", "over by");
    for (over, name) in &rows {
        println!("{name:<32} {:>7.1} ms", over.as_secs_f64() * 1000.0);
    }
    println!("{} guests", rows.len());
    assert!(rows[0].0 <= MOST, "`{}` gets too far", rows[0].1);
}

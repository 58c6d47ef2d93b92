//! The layering that `runtime/lib.rs` promises, checked against the source.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

/// Who alone may contain a text, by paths below `runtime/`.
const ONLY: &[(&str, &[&str])] = &[
    ("wasmtime::", &["host/", "lib.rs"]),
    ("hyper", &["server.rs"]),
    ("oci_client", &["registry.rs"]),
    ("TcpListener", &["server.rs"]),
    (
        "Command::new(",
        &["process/", "git/", "sandbox/bubblewrap.rs"],
    ),
    ("\"git\"", &["git/"]),
    (
        "unsafe {",
        &["process/", "sandbox/kernel.rs", "host/cache.rs"],
    ),
    ("std::io::stdout", &["cli/ui.rs"]),
    ("std::io::stderr", &["cli/ui.rs"]),
    ("indicatif", &["cli/live.rs"]),
    ("Experiment::parse(", &["experiment/", "project.rs"]),
    ("Experiment::from_config(", &["experiment/", "project.rs"]),
    ("journal.jsonl", &["journal/", "project.rs", "creation.rs"]),
];

/// What a pure module may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::io",
    "crate::host",
    "crate::process",
    "crate::git",
    "crate::journal",
    "crate::cli",
    "SystemTime",
    "Instant",
];
/// Pure too, but made from what the journal records, told when that is, and into what to write.
const REPORT: &str = "report/";
const RECORDS: &[&str] = &["crate::journal", "crate::git", "SystemTime", "std::io"];
const PURE: &[&str] = &[
    REPORT,
    "session/",
    "decision/",
    "requirement.rs",
    "stats.rs",
    "measure.rs",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // A benchmark is no layer.
            if path.file_name().is_some_and(|name| name != "benches") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_layer_keeps_to_itself() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime");
    let mut files = Vec::new();
    sources(&runtime, &mut files);
    assert!(files.len() > 20, "the source was not found");
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&runtime).unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        // Tests of a module may do what the module may not.
        let code: String = text
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for (what, owners) in ONLY {
            if code.contains(what) && !owners.iter().any(|owner| name.starts_with(owner)) {
                wrong.push(format!("{name} contains `{what}`"));
            }
        }
        if PURE.iter().any(|pure| name.starts_with(pure)) {
            wrong.extend(
                IMPURE
                    .iter()
                    .filter(|what| code.contains(**what))
                    .filter(|what| !(name.starts_with(REPORT) && RECORDS.contains(what)))
                    .map(|what| format!("{name} is pure and contains `{what}`")),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn plugins_share_nothing_with_the_runtime_but_the_contract() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let mut manifests = 0;
    for entry in std::fs::read_dir(plugins).unwrap() {
        let Ok(manifest) = std::fs::read_to_string(entry.unwrap().path().join("Cargo.toml")) else {
            continue;
        };
        manifests += 1;
        assert!(!manifest.contains("autoresearch"), "{manifest}");
    }
    assert!(manifests >= 3);
}

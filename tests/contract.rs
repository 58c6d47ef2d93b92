//! Whether components that were built for the published contract run on the one in `wit/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use wit_parser::{Resolve, WorldId};

const PUBLISHED: &str = include_str!("fixtures/contract-0.1.0.wit");
const PRESENT: &str = include_str!("../wit/evaluator.wit");

fn world(resolve: &mut Resolve, text: &str, version: &str) -> WorldId {
    let text = text.replace("evaluator@0.1.0;", &format!("evaluator@{version};"));
    let package = resolve.push_source("evaluator.wit", &text).unwrap();
    resolve.select_world(&[package], Some("plugin")).unwrap()
}

/// Whether what was built for `before` runs on `after`.
fn is_compatible(before: &str, after: &str) -> bool {
    let mut resolve = Resolve::default();
    // Both in one place, so under two versions.
    let before = world(&mut resolve, before, "0.1.0");
    let after = world(&mut resolve, after, "0.1.99");
    wit_component::semver_check(resolve, before, after).is_ok()
}

#[test]
fn what_was_built_for_the_published_contract_runs() {
    assert!(is_compatible(PUBLISHED, PRESENT));
}

#[test]
fn what_would_break_it_is_noticed() {
    for (what, by) in [
        (
            "enum severity { info, warning, error }",
            "enum severity { info, warning, error, fatal }",
        ),
        ("record diagnostic {", "record diagnostic { line: u32,"),
        ("samples: list<f64>,", "samples: list<f32>,"),
        (
            "other(string),\n    }\n\n    record request",
            "}\n\n    record request",
        ),
        (
            "describe: func() -> descriptor;",
            "describe: func() -> descriptor;\n    help: func() -> string;",
        ),
        ("round: u32,", "round: u64,"),
        (
            "run: func(role: string)",
            "run: func(role: string, again: bool)",
        ),
        ("import progress;", ""),
    ] {
        let changed = PUBLISHED.replacen(what, by, 1);
        assert_ne!(changed, PUBLISHED, "{what} is not there");
        assert!(!is_compatible(PUBLISHED, &changed), "{what} became {by}");
    }
}

#[test]
fn what_may_come_may_come() {
    for (what, by) in [
        (
            "/// One line. `warning`",
            "beep: func();\n    /// One line. `warning`",
        ),
        ("import progress;", "import progress;\n    import clock;"),
        ("/// Values that both sides exchange.", "/// Words."),
    ] {
        let changed = PUBLISHED.replacen(what, by, 1);
        assert_ne!(changed, PUBLISHED, "{what} is not there");
        let changed = format!("{changed}\ninterface clock {{ now: func() -> u64; }}\n");
        assert!(is_compatible(PUBLISHED, &changed), "{what} became {by}");
    }
}

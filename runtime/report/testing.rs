//! Items of journals, for tests.

use super::Status;
use crate::decision::Verdict;
use crate::journal::{AgentUse, Baseline, EvaluatorIdentity, Item, Outcome, Tried};
use crate::measure::Direction;

pub(super) fn baseline(value: f64) -> Item {
    Item::Baseline {
        time: "2026-01-01T00:00:00.000Z".into(),
        baseline: Box::new(Baseline {
            commit: "a".repeat(40),
            metric: "p50_ms".into(),
            unit: "ms".into(),
            direction: Some(Direction::Lower),
            value,
            measurements: vec![],
            meaning: "x".into(),
            evaluator: EvaluatorIdentity {
                reference: "benchmark_speed".into(),
                name: "benchmark_speed".into(),
                version: "0.1.0".into(),
                sha256: String::new(),
            },
            diagnostics: vec![],
            guards: vec![],
            objective_seconds: None,
            model: None,
            seconds: 4.0,
            sandbox: "none".into(),
        }),
    }
}

pub(super) fn tried(n: u64, status: Status, value: Option<f64>) -> Tried {
    Tried {
        n,
        offset: 0,
        time: format!("2026-01-01T00:{:02}:00.000Z", n % 60),
        outcome: match status {
            Status::Keep => Outcome::Judged(Verdict::Keep),
            Status::Discard => Outcome::Judged(Verdict::Discard),
            Status::Crash => Outcome::Judged(Verdict::Crash),
            Status::Unjudged => Outcome::Unjudged,
            Status::Open => Outcome::Open,
        },
        commit: format!("{n:040x}"),
        parent: "a".repeat(40),
        description: format!("change {n}"),
        reason: "why".into(),
        value,
        incumbent_value: Some(10.0),
        rounds: 3,
        interval: (Some(0.5), Some(1.5)),
        alpha: Some(0.01),
        failed_guard: None,
        agent: Some(AgentUse {
            name: "claude".into(),
            seconds: 2.0,
            cost_usd: Some(0.25),
            ..AgentUse::default()
        }),
        model: None,
        seconds: 3.0,
    }
}

/// A text as an attacker would have it: everything that means something to some format.
pub(super) const HOSTILE: &str = "a\tb\nc|d<script>alert(1)</script>\u{1b}[31m\u{202e}evil\u{200b},\"q\" =1+1 [x](http://y) `z` @you & 'e'";

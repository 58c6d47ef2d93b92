//! Results as JSON: what a program reads.

use serde_json::{Value, json};

use super::words::line;
use super::{Listed, Progress};
use crate::journal::{Damage, Tried};

/// The version of what is printed: keys may be added, and none changes its meaning or goes without another.
pub const VERSION: u32 = 1;

/// A dashboard.
pub fn dashboard(experiments: &[Listed]) -> Value {
    let total = super::totals(experiments.iter().map(|listed| &listed.progress));
    let experiments: Vec<Value> = experiments
        .iter()
        .map(|listed| {
            let mut value = summary(&listed.progress);
            if let Some(object) = value.as_object_mut() {
                object.insert("domain".into(), json!(listed.domain));
                object.insert(
                    "experiment".into(),
                    json!(format!("{}/{}", listed.domain, listed.name)),
                );
                object.insert("activity".into(), json!(listed.activity));
                object.insert("problem".into(), json!(listed.problem));
            }
            value
        })
        .collect();
    json!({
        "v": VERSION,
        "runs": total.tries,
        "kept": total.keeps,
        "discarded": total.discards,
        "crashed": total.crashes,
        "unjudged": total.unjudged,
        "cost_usd": total.cost_usd,
        "unknown_costs": total.unknown_costs,
        "experiments": experiments,
    })
}

/// What an experiment comes to.
pub fn summary(progress: &Progress) -> Value {
    let best = progress.best.as_ref();
    json!({
        "metric": progress.metric,
        "unit": progress.unit,
        "direction": progress.direction,
        "evaluator": progress.evaluator.as_ref().map(|(name, _)| name),
        "runs": progress.tries,
        "kept": progress.keeps,
        "kept_without_control": progress.uncontrolled_keeps,
        "discarded": progress.discards,
        "crashed": progress.crashes,
        "unjudged": progress.unjudged,
        "baseline": progress.first,
        "best": best.map(|best| best.value),
        "best_try": best.map(|best| best.n),
        "commit": best.map(|best| &best.commit),
        "change": progress.change(),
        "change_interval": progress.gain.interval().map(|(low, high)| [low, high]),
        "cost_usd": progress.cost_usd,
        "unknown_costs": progress.unknown_costs,
        "agent_seconds": progress.agent_seconds,
        "measuring_seconds": progress.measuring_seconds,
        "started": progress.started,
        "last": progress.last,
    })
}

/// A try.
pub fn tried(tried: &Tried) -> Value {
    json!({
        "n": tried.n,
        "time": tried.time,
        "status": tried.status(),
        "value": tried.value,
        "incumbent_value": tried.incumbent_value,
        "change": tried.change(),
        "interval": [tried.interval.0, tried.interval.1],
        "rounds": tried.rounds,
        "alpha": tried.alpha,
        "seconds": tried.seconds,
        "agent": tried.agent,
        "model": tried.model,
        "cost_usd": tried.cost_usd(),
        "failed_guard": tried.failed_guard,
        "commit": tried.commit,
        "parent": tried.parent,
        "description": line(&tried.description),
        "reason": line(&tried.reason),
    })
}

/// A line that cannot be read.
pub fn damage(damage: &Damage) -> Value {
    json!({"line": damage.line, "what": damage.what})
}

//! What the journal records: its lines.

use serde::{Deserialize, Serialize};

use crate::decision::{Evidence, Round, Step, Verdict};
use crate::git::CommitId;
use crate::measure::{Diagnostic, Direction, Measurement};

/// The [`Baseline::meaning`] of values that another tool measured: no other value is like them.
pub const IMPORTED: &str = "imported";

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub(super) v: u32,
    pub time: String,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Baseline(Box<Baseline>),
    Guards(Guarded),
    Try(Try),
    Verdict(Box<Judged>),
    Settled { n: u64 },
    Qualification(Box<Qualification>),
}

/// What an A/A run gave: the incumbent against itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualification {
    pub metric: String,
    pub unit: String,
    pub rounds: Vec<Round>,
    /// How long a round took, in seconds, but for the first one.
    pub round_seconds: f64,
    pub broken: Broken,
    pub seconds: f64,
    /// What confined the commands.
    pub sandbox: String,
}

/// What became of the metric with nonsense in the target's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Broken {
    /// It could not be measured, as it should be.
    Fails,
    Measured {
        value: f64,
    },
}

/// The incumbent's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub commit: CommitId,
    pub metric: String,
    pub unit: String,
    /// Which values are better; the oldest journals do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    pub value: f64,
    pub measurements: Vec<Measurement>,
    /// Digest of what decides what a value means; another digest makes values incomparable.
    pub meaning: String,
    pub evaluator: EvaluatorIdentity,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// What each guard measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardResult>,
    /// How long measuring the objective took, where there are guards to be put in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_seconds: Option<f64>,
    /// What the measurement asked of a language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelUse>,
    pub seconds: f64,
    /// What confined the commands.
    pub sandbox: String,
}

/// The guards' values of the incumbent, where they are of guards that are new or defined anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    pub commit: CommitId,
    /// Those that are as they were too.
    pub guards: Vec<GuardResult>,
    /// What the measurements asked of a language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelUse>,
}

/// What a guard measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardResult {
    pub name: String,
    /// The evaluator's digest.
    pub sha256: String,
    /// Digest of the guard's definition; another digest makes values incomparable.
    pub meaning: String,
    /// Where there was more than one, the samples are their values.
    pub measurements: Vec<Measurement>,
    /// Of the incumbent beside the candidate; empty where it was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incumbent_measurements: Vec<Measurement>,
    /// How long all of it took.
    pub seconds: f64,
    /// The requirement that did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Which evaluator measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatorIdentity {
    pub reference: String,
    pub name: String,
    pub version: String,
    pub sha256: String,
}

/// A candidate that was taken up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// From 1.
    pub n: u64,
    pub commit: CommitId,
    /// The incumbent that it changes.
    pub parent: CommitId,
    pub description: String,
    /// A digest of the target's content, by which a repetition is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Who proposed it; none where it was the target as it stood in the checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentUse>,
    /// The number of the try that it mends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mends: Option<u64>,
}

/// What an agent used for one proposal. What it does not tell is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentUse {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

impl AgentUse {
    /// Adds what one more call used. A cost that is unknown makes the sum unknown.
    pub fn add(&mut self, more: &AgentUse) {
        let tokens = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => a.checked_add(b),
            (a, b) => a.or(b),
        };
        self.model = more.model.clone().or(self.model.take());
        self.seconds += more.seconds;
        self.cost_usd = self.cost_usd.zip(more.cost_usd).map(|(a, b)| a + b);
        self.input_tokens = tokens(self.input_tokens, more.input_tokens);
        self.output_tokens = tokens(self.output_tokens, more.output_tokens);
    }
}

/// What evaluations asked of a language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUse {
    pub calls: u32,
    pub used: AgentUse,
}

impl ModelUse {
    /// What two evaluations asked together.
    pub fn sum(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(mut one), Some(other)) => {
                one.calls = one.calls.saturating_add(other.calls);
                one.used.add(&other.used);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub n: u64,
    pub verdict: Verdict,
    pub reason: String,
    /// What a kept candidate is on the branch, where that is not the try's own commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// Nobody judged it: the run was interrupted, or could not measure. The checkout keeps it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unjudged: bool,
    /// None where it was not measured: a crash, or not worth it.
    pub value: Option<f64>,
    pub incumbent_value: f64,
    /// Of each metric the samples, or after several rounds a value for each.
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    /// Empty where the incumbent was not measured again.
    #[serde(default)]
    pub incumbent_measurements: Vec<Measurement>,
    /// For a metric with noise that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// What the guards measured of the candidate, in the order in which they did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardResult>,
    /// How long measuring the objective took, where there are guards to be put in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_seconds: Option<f64>,
    /// What the measurements asked of a language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelUse>,
    pub seconds: f64,
    /// What confined the commands.
    pub sandbox: String,
}

impl Judged {
    /// What it adds to the gain if it is a keep.
    pub fn step(&self, direction: Option<Direction>) -> Option<Step> {
        Some(Step {
            incumbent: self.incumbent_value,
            candidate: self.value?,
            interval: self
                .evidence
                .as_ref()
                .map_or((None, None), |evidence| evidence.interval),
            direction,
            paired: self.evidence.is_some(),
        })
    }

    /// The guard that discarded it.
    pub fn failed_guard(&self) -> Option<&GuardResult> {
        self.guards.iter().find(|guard| guard.failed.is_some())
    }

    /// The commit by which a kept candidate is known.
    pub fn kept_commit<'a>(&'a self, candidate: &'a Try) -> &'a str {
        self.commit.as_deref().unwrap_or(&candidate.commit)
    }
}

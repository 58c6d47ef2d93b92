//! What a journal tells so far, kept up record by record.

use std::collections::{HashMap, VecDeque};

use super::record::{Baseline, Event, GuardResult, IMPORTED, Judged, Try};
use crate::decision::{Evidence, Gain, Noise, Round, Verdict};
use crate::git::CommitId;
use crate::measure::{Diagnostic, Measurement, Source};
use crate::text;

/// How many of the last rows, and of the last keeps, are at hand.
const RECENT: usize = 30;

/// How many metrics and remarks of one version are at hand, and how many characters of a remark.
const MOST_REPORTED: usize = 20;
const MOST_REMARKS: usize = 5;
const REMARK_LIMIT: usize = 600;

/// How many values of an incumbent are at hand.
const MOST_VALUES: usize = 256;

/// What a journal tells so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    pub baseline: Option<Baseline>,
    /// The first value that can be compared with the incumbent's, for the change since the start.
    pub first: Option<f64>,
    /// What the keeps since then amount to.
    pub gain: Gain,
    pub incumbent: Option<Incumbent>,
    pub tries: u64,
    pub keeps: u64,
    pub discards: u64,
    /// Without those that nobody judged.
    pub crashes: u64,
    /// Tries that were interrupted, or could not be measured for no fault of theirs.
    pub unjudged_count: u64,
    /// A try without a verdict: it was interrupted.
    pub interrupted: Option<Try>,
    /// A verdict that is perhaps not in effect.
    pub unsettled: Option<(Try, Box<Judged>)>,
    /// The last try, where an agent made it and nobody judged it.
    pub unjudged: Option<Try>,
    /// Verdicts since the last keep.
    pub since_keep: u64,
    /// What all agents cost so far, in US dollars, as far as they tell.
    pub cost_usd: f64,
    /// The last rows, the oldest first.
    pub recent: VecDeque<Row>,
    /// The last keeps, the oldest first.
    pub kept: VecDeque<Row>,
    /// Values of the incumbent that were measured since it was chosen, for a metric whose noise does not
    /// drift. None of them is one that it was chosen for.
    pub incumbent_values: Vec<f64>,
    /// What was measured of the best version, and of the last try if it was measured and was not kept.
    pub best_reported: Option<Reported>,
    pub last_reported: Option<Reported>,
    /// What the pairs so far tell of the metric's noise.
    pub noise: Noise,
    /// By which try a content was judged.
    seen: HashMap<String, Seen>,
    /// By the digest of their definition.
    guards: HashMap<String, GuardPast>,
    /// How long measuring the objective took last.
    objective_seconds: Option<f64>,
    last: Option<Try>,
}

/// What evaluators reported besides the metric to improve, bounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reported {
    pub values: Vec<(String, f64)>,
    /// What they remarked, each with how bad it is.
    pub remarks: Vec<String>,
}

impl Reported {
    fn new(metric: &str, measurements: &[Measurement], diagnostics: &[Diagnostic]) -> Self {
        Self {
            values: measurements
                .iter()
                .filter(|measurement| measurement.metric != metric)
                .take(MOST_REPORTED)
                .map(|measurement| (measurement.metric.clone(), measurement.value()))
                .collect(),
            remarks: diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.source == Source::Evaluator)
                .take(MOST_REMARKS)
                .map(|diagnostic| {
                    let message = text::clean(&diagnostic.message, REMARK_LIMIT);
                    format!("{}: {message}", diagnostic.severity)
                })
                .collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.remarks.is_empty()
    }
}

/// A content that was judged.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    n: u64,
    /// The digest of the guard that discarded it.
    guard: Option<String>,
}

/// What is known of a guard.
#[derive(Debug, Clone, PartialEq)]
struct GuardPast {
    /// What was measured first.
    first: Vec<Measurement>,
    /// How long it took last where it held.
    seconds: f64,
}

/// A try and what became of it, in short.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub n: u64,
    pub verdict: Verdict,
    pub value: Option<f64>,
    pub incumbent_value: f64,
    pub description: String,
    pub reason: String,
    /// A guard discarded it.
    pub by_guard: bool,
}

/// The best kept candidate so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Incumbent {
    pub commit: CommitId,
    pub value: f64,
    /// What its guards measured.
    pub guards: Vec<GuardResult>,
}

impl Incumbent {
    /// What a guard measured, by the digest of its definition.
    pub fn guard(&self, meaning: &str) -> Option<&GuardResult> {
        self.guards.iter().find(|guard| guard.meaning == meaning)
    }
}

impl History {
    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Baseline(baseline) => {
                if self
                    .baseline
                    .as_ref()
                    .is_none_or(|b| b.meaning != baseline.meaning)
                {
                    self.first = Some(baseline.value);
                    self.gain = Gain::default();
                    self.noise = Noise::default();
                }
                if self
                    .incumbent
                    .as_ref()
                    .is_none_or(|incumbent| incumbent.commit != baseline.commit)
                {
                    // Other files may be others too: an old content is a new candidate.
                    self.seen.clear();
                }
                self.add_guards(&baseline.guards);
                self.objective_seconds = baseline.objective_seconds;
                self.incumbent_values = vec![baseline.value];
                self.best_reported = Some(Reported::new(
                    &baseline.metric,
                    &baseline.measurements,
                    &baseline.diagnostics,
                ));
                self.last_reported = None;
                self.incumbent = Some(Incumbent {
                    commit: baseline.commit.clone(),
                    value: baseline.value,
                    guards: baseline.guards.clone(),
                });
                self.baseline = Some(*baseline);
            }
            Event::Guards(guarded) => {
                self.add_guards(&guarded.guards);
                if let Some(incumbent) = &mut self.incumbent {
                    incumbent.guards = guarded.guards;
                }
            }
            Event::Try(candidate) => {
                self.tries = candidate.n;
                self.cost_usd += candidate
                    .agent
                    .as_ref()
                    .and_then(|agent| agent.cost_usd)
                    .unwrap_or(0.0);
                self.interrupted = Some(candidate.clone());
                self.last = Some(candidate);
            }
            Event::Verdict(judged) => {
                self.interrupted = None;
                match judged.verdict {
                    Verdict::Keep => self.keeps += 1,
                    Verdict::Discard => self.discards += 1,
                    Verdict::Crash if judged.unjudged => self.unjudged_count += 1,
                    Verdict::Crash => self.crashes += 1,
                }
                if let Some(candidate) = self.last.take_if(|last| last.n == judged.n) {
                    self.add_row(&candidate, &judged);
                    self.unsettled = Some((candidate, judged));
                }
            }
            Event::Qualification(qualification) => {
                self.noise.learn_rounds(&qualification.rounds, 0, false);
            }
            Event::Settled { n } => {
                self.unsettled = self.unsettled.take().filter(|(_, judged)| judged.n != n);
            }
        }
    }

    fn add_guards(&mut self, results: &[GuardResult]) {
        for result in results.iter().filter(|result| result.failed.is_none()) {
            self.guards
                .entry(result.meaning.clone())
                .and_modify(|past| past.seconds = result.seconds)
                .or_insert_with(|| GuardPast {
                    first: result.measurements.clone(),
                    seconds: result.seconds,
                });
        }
    }

    fn add_incumbent_values(&mut self, evidence: &Evidence, verdict: Verdict) {
        let rounds = &evidence.rounds;
        let (from, value): (usize, fn(&Round) -> f64) = if verdict == Verdict::Keep {
            self.incumbent_values.clear();
            (rounds.len().saturating_sub(evidence.confirming), |round| {
                round.candidate
            })
        } else {
            (evidence.reused, |round| round.incumbent)
        };
        let new = rounds.get(from..).unwrap_or_default();
        let room = MOST_VALUES.saturating_sub(self.incumbent_values.len());
        self.incumbent_values
            .extend(new.iter().take(room).map(value));
    }

    fn add_row(&mut self, candidate: &Try, judged: &Judged) {
        if let Some(evidence) = &judged.evidence {
            self.add_incumbent_values(evidence, judged.verdict);
            self.noise.learn(evidence, judged.verdict == Verdict::Keep);
        }
        self.add_guards(&judged.guards);
        self.objective_seconds = judged.objective_seconds.or(self.objective_seconds);
        let failed_guard = judged.failed_guard();
        self.unjudged = (judged.unjudged && candidate.agent.is_some()).then(|| candidate.clone());
        if !judged.unjudged {
            // One that was thrown away for something else may come again without that.
            let measured = judged.value.is_some()
                || judged.verdict == Verdict::Crash
                || failed_guard.is_some();
            if let Some(content) = candidate.content.as_ref().filter(|_| measured) {
                let seen = Seen {
                    n: candidate.n,
                    guard: failed_guard.map(|guard| guard.meaning.clone()),
                };
                self.seen
                    .entry(content.clone())
                    .and_modify(|before| {
                        // What a guard discarded may have been tried again without that guard.
                        if before.guard.is_some() {
                            *before = seen.clone();
                        }
                    })
                    .or_insert(seen);
            }
            self.since_keep += 1;
        }
        let metric = self
            .baseline
            .as_ref()
            .map_or("", |baseline| &baseline.metric);
        let reported = Reported::new(metric, &judged.measurements, &judged.diagnostics);
        if judged.verdict == Verdict::Keep {
            self.best_reported = Some(reported);
            self.last_reported = None;
        } else {
            self.last_reported = judged.value.is_some().then_some(reported);
        }
        let row = Row {
            n: candidate.n,
            verdict: judged.verdict,
            value: judged.value,
            incumbent_value: judged.incumbent_value,
            description: candidate.description.clone(),
            reason: judged.reason.clone(),
            by_guard: failed_guard.is_some(),
        };
        if let (Verdict::Keep, Some(value)) = (judged.verdict, judged.value) {
            let direction = self
                .baseline
                .as_ref()
                .and_then(|baseline| baseline.direction);
            self.gain.extend(judged.step(direction));
            self.incumbent = Some(Incumbent {
                commit: judged.kept_commit(candidate).to_owned(),
                value,
                guards: judged.guards.clone(),
            });
            self.since_keep = 0;
            push(&mut self.kept, row.clone());
        }
        push(&mut self.recent, row);
    }

    /// What became of the tries: `3 kept, 4 discarded, 1 crashed`, and where there are any `, 1 not
    /// judged`.
    pub fn counts(&self) -> String {
        let unjudged = match self.unjudged_count {
            0 => String::new(),
            n => format!(", {n} not judged"),
        };
        format!(
            "{} kept, {} discarded, {} crashed{unjudged}",
            self.keeps, self.discards, self.crashes
        )
    }

    /// Whether nothing was measured yet since another tool's results were imported.
    pub fn is_imported(&self) -> bool {
        let baseline = self.baseline.as_ref();
        baseline.is_some_and(|baseline| baseline.meaning == IMPORTED)
    }

    /// The try by which a content was judged, if one was, against the other files as they are and,
    /// where a guard discarded it, one that is there still: `is_guard` says so of the digest of a
    /// definition.
    pub fn judged_as(&self, content: &str, is_guard: impl Fn(&str) -> bool) -> Option<u64> {
        self.seen
            .get(content)
            .filter(|seen| seen.guard.as_deref().is_none_or(is_guard))
            .map(|seen| seen.n)
    }

    /// What a guard, by the digest of its definition, measured first; nothing where it never did.
    pub fn guard_at_first(&self, meaning: &str) -> &[Measurement] {
        self.guards
            .get(meaning)
            .map_or(&[], |past| past.first.as_slice())
    }

    /// How long a guard took last where it held.
    pub fn guard_seconds(&self, meaning: &str) -> Option<f64> {
        self.guards.get(meaning).map(|past| past.seconds)
    }

    /// How long measuring the objective took last; from before there were guards, what all of the
    /// baseline took.
    pub fn objective_seconds(&self) -> Option<f64> {
        self.objective_seconds
            .or(self.baseline.as_ref().map(|baseline| baseline.seconds))
    }
}

fn push(rows: &mut VecDeque<Row>, row: Row) {
    if rows.len() == RECENT {
        rows.pop_front();
    }
    rows.push_back(row);
}

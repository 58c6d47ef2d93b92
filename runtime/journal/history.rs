//! What a journal tells so far, kept up record by record.

use std::collections::{HashMap, VecDeque};

use super::record::{Baseline, Event, Judged, Try};
use crate::decision::{Noise, Verdict};
use crate::git::CommitId;

/// How many of the last rows, and of the last keeps, are at hand.
const RECENT: usize = 30;

/// What a journal tells so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    pub baseline: Option<Baseline>,
    /// The first value that can be compared with the incumbent's, for the change since the start.
    pub first: Option<f64>,
    pub incumbent: Option<Incumbent>,
    pub tries: u64,
    pub keeps: u64,
    pub discards: u64,
    pub crashes: u64,
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
    /// What the pairs so far tell of the metric's noise.
    pub noise: Noise,
    /// By which try a content was judged.
    seen: HashMap<String, u64>,
    last: Option<Try>,
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
}

/// The best kept candidate so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Incumbent {
    pub commit: CommitId,
    pub value: f64,
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
                self.incumbent = Some(Incumbent {
                    commit: baseline.commit.clone(),
                    value: baseline.value,
                });
                self.baseline = Some(baseline);
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
                    Verdict::Crash => self.crashes += 1,
                }
                if let Some(candidate) = self.last.take_if(|last| last.n == judged.n) {
                    self.add_row(&candidate, &judged);
                    self.unsettled = Some((candidate, judged));
                }
            }
            Event::Qualification(qualification) => {
                self.noise.learn_rounds(&qualification.rounds, false);
            }
            Event::Settled { n } => {
                self.unsettled = self.unsettled.take().filter(|(_, judged)| judged.n != n);
            }
        }
    }

    fn add_row(&mut self, candidate: &Try, judged: &Judged) {
        if let Some(evidence) = &judged.evidence {
            self.noise.learn(evidence, judged.verdict == Verdict::Keep);
        }
        self.unjudged = (judged.unjudged && candidate.agent.is_some()).then(|| candidate.clone());
        if !judged.unjudged {
            // One that was thrown away for something else may come again without that.
            let measured = judged.value.is_some() || judged.verdict == Verdict::Crash;
            if let Some(content) = candidate.content.as_ref().filter(|_| measured) {
                self.seen.entry(content.clone()).or_insert(candidate.n);
            }
            self.since_keep += 1;
        }
        let row = Row {
            n: candidate.n,
            verdict: judged.verdict,
            value: judged.value,
            incumbent_value: judged.incumbent_value,
            description: candidate.description.clone(),
            reason: judged.reason.clone(),
        };
        if let (Verdict::Keep, Some(value)) = (judged.verdict, judged.value) {
            self.incumbent = Some(Incumbent {
                commit: judged.kept_commit(candidate).to_owned(),
                value,
            });
            self.since_keep = 0;
            push(&mut self.kept, row.clone());
        }
        push(&mut self.recent, row);
    }

    /// The try by which a content was judged, if one was, against the other files as they are.
    pub fn judged_as(&self, content: &str) -> Option<u64> {
        self.seen.get(content).copied()
    }
}

fn push(rows: &mut VecDeque<Row>, row: Row) {
    if rows.len() == RECENT {
        rows.pop_front();
    }
    rows.push_back(row);
}

//! What a journal amounts to, and how that is shown: terminal, CSV, Markdown, JSON, HTML.
//!
//! Everything here is made from values and into text: no file, process, clock or environment.

mod chart;
pub mod csv;
mod curve;
pub mod json;
pub mod markdown;
pub mod page;
mod plot;
pub mod summary;
pub mod terminal;
pub mod words;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::decision::{Gain, Step, Verdict};
use crate::git::CommitId;
use crate::journal::{AgentUse, Item, Outcome, Tried};
use crate::measure::Direction;
pub use curve::{Curve, Point};

/// How long an experiment that nobody runs counts as active after its last event.
const ACTIVE: Duration = Duration::from_hours(1);
/// How long it counts as paused.
const PAUSED: Duration = Duration::from_hours(24);

/// A try's outcome in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Keep,
    Discard,
    Crash,
    /// It was given up: interrupted, or nothing could be measured
    Unjudged,
    /// There is no verdict yet
    Open,
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Judged(Verdict::Keep) => Status::Keep,
            Outcome::Judged(Verdict::Discard) => Status::Discard,
            Outcome::Judged(Verdict::Crash) => Status::Crash,
            Outcome::Unjudged => Status::Unjudged,
            Outcome::Open => Status::Open,
        }
    }
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Keep => "keep",
            Status::Discard => "discard",
            Status::Crash => "crash",
            Status::Unjudged => "unjudged",
            Status::Open => "open",
        }
    }
}

/// Whether anything goes on in an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// It is being run.
    Running,
    /// Something was recorded within the last hour.
    Active,
    /// Within the last day.
    Paused,
    /// Before that.
    Done,
    /// Never.
    Idle,
}

impl Activity {
    /// `last` is when something was recorded last.
    pub fn of(running: bool, last: Option<SystemTime>, now: SystemTime) -> Self {
        // A clock that was set back: what lies ahead has just been.
        let age = last.map(|last| now.duration_since(last).unwrap_or_default());
        match age {
            _ if running => Activity::Running,
            None => Activity::Idle,
            Some(age) if age <= ACTIVE => Activity::Active,
            Some(age) if age <= PAUSED => Activity::Paused,
            Some(_) => Activity::Done,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Activity::Running => "running",
            Activity::Active => "active",
            Activity::Paused => "paused",
            Activity::Done => "done",
            Activity::Idle => "idle",
        }
    }
}

/// The best version so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The try that it is; 0 for the baseline.
    pub n: u64,
    pub commit: CommitId,
    pub value: f64,
}

/// What an experiment's journal amounts to, kept up item by item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Empty before the first baseline.
    pub metric: String,
    pub unit: String,
    pub direction: Option<Direction>,
    /// The evaluator of the last baseline: name and version.
    pub evaluator: Option<(String, String)>,
    /// The first value that can be compared with the best one's.
    pub first: Option<f64>,
    /// What the keeps since then amount to.
    pub gain: Gain,
    pub best: Option<Best>,
    pub tries: u64,
    pub keeps: u64,
    pub discards: u64,
    pub crashes: u64,
    pub unjudged: u64,
    /// How many keeps were decided without control of the noise, of a metric that has some.
    pub uncontrolled_keeps: u64,
    /// When the first and the last thing were recorded: UTC, RFC 3339.
    pub started: Option<String>,
    pub last: Option<String>,
    /// What agents and judges cost as far as they tell, in US dollars.
    pub cost_usd: f64,
    /// How many tries had an agent or a judge that does not tell its cost.
    pub unknown_costs: u64,
    pub agent_seconds: f64,
    pub measuring_seconds: f64,
    /// Lines of the journal that cannot be read.
    pub damaged: u64,
    meaning: String,
}

impl Progress {
    pub fn add(&mut self, item: &Item) {
        match item {
            Item::Baseline { time, baseline } => {
                self.at(time);
                if self.meaning != baseline.meaning || self.first.is_none() {
                    self.first = Some(baseline.value);
                    self.gain = Gain::default();
                    self.meaning.clone_from(&baseline.meaning);
                }
                self.metric.clone_from(&baseline.metric);
                self.unit.clone_from(&baseline.unit);
                self.direction = baseline.direction;
                let evaluator = &baseline.evaluator;
                self.evaluator = Some((evaluator.name.clone(), evaluator.version.clone()));
                let n = match &self.best {
                    Some(best) if best.commit == baseline.commit => best.n,
                    _ => 0,
                };
                self.best = Some(Best {
                    n,
                    commit: baseline.commit.clone(),
                    value: baseline.value,
                });
                self.measuring_seconds += baseline.seconds;
                self.pays(baseline.model.iter().map(|model| &model.used));
            }
            Item::Tried(tried) => self.tried(tried),
            Item::Damaged(_) => self.damaged += 1,
        }
    }

    fn tried(&mut self, tried: &Tried) {
        self.at(&tried.time);
        self.tries += 1;
        match tried.outcome {
            Outcome::Judged(Verdict::Keep) => self.keep(tried),
            Outcome::Judged(Verdict::Discard) => self.discards += 1,
            Outcome::Judged(Verdict::Crash) => self.crashes += 1,
            Outcome::Unjudged => self.unjudged += 1,
            Outcome::Open => {}
        }
        self.measuring_seconds += tried.seconds;
        self.agent_seconds += tried.agent.as_ref().map_or(0.0, |agent| agent.seconds);
        let models = tried.model.iter().map(|model| &model.used);
        self.pays(tried.agent.iter().chain(models));
    }

    fn keep(&mut self, tried: &Tried) {
        self.keeps += 1;
        if tried.rounds > 0 && tried.alpha.is_none() {
            self.uncontrolled_keeps += 1;
        }
        let Some(value) = tried.value else { return };
        // The oldest journals do not say which way is better; the first keep does.
        if let (None, Some(before)) = (self.direction, tried.incumbent_value)
            && before != value
        {
            self.direction = Some(if value < before {
                Direction::Lower
            } else {
                Direction::Higher
            });
        }
        self.gain.extend(tried.step(self.direction));
        self.best = Some(Best {
            n: tried.n,
            commit: tried.commit.clone(),
            value,
        });
    }

    /// What was used for one thing.
    fn pays<'a>(&mut self, used: impl Iterator<Item = &'a AgentUse>) {
        let mut unknown = false;
        for used in used {
            match used.cost_usd {
                Some(cost) => self.cost_usd += cost,
                None => unknown = true,
            }
        }
        self.unknown_costs += u64::from(unknown);
    }

    fn at(&mut self, time: &str) {
        if self.started.is_none() {
            self.started = Some(time.to_owned());
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(time);
    }

    /// The change since the start as a share of the absolute first value, by what was measured side by
    /// side if it was; none where there is no such share.
    pub fn change(&self) -> Option<f64> {
        let paired = self.gain.share().filter(|_| self.gain.is_paired());
        paired.or_else(|| change(self.first?, self.best.as_ref()?.value))
    }

    /// When something was recorded last.
    pub fn last_time(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(self.last.as_deref()?).ok()
    }
}

/// One experiment of a dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub domain: String,
    pub name: String,
    pub activity: Activity,
    pub progress: Progress,
    /// After which try (0 for before the first) the best value was which.
    pub course: Vec<(u64, f64)>,
    /// Why it cannot be shown, or not all of it.
    pub problem: Option<String>,
}

/// What several experiments come to: their counts, costs and times.
pub fn totals<'a>(experiments: impl Iterator<Item = &'a Progress>) -> Progress {
    experiments.fold(Progress::default(), |mut total, one| {
        total.tries += one.tries;
        total.keeps += one.keeps;
        total.discards += one.discards;
        total.crashes += one.crashes;
        total.unjudged += one.unjudged;
        total.cost_usd += one.cost_usd;
        total.unknown_costs += one.unknown_costs;
        total.agent_seconds += one.agent_seconds;
        total.measuring_seconds += one.measuring_seconds;
        total
    })
}

/// The change from one value to another as a share of the absolute first; none where that is 0.
pub fn change(from: f64, to: f64) -> Option<f64> {
    let share = (to - from) / from.abs();
    share.is_finite().then_some(share)
}

impl Tried {
    /// Its outcome in one word.
    pub fn status(&self) -> Status {
        self.outcome.into()
    }

    /// What it adds to the gain if it is a keep.
    pub fn step(&self, direction: Option<Direction>) -> Option<Step> {
        Some(Step {
            incumbent: self.incumbent_value?,
            candidate: self.value?,
            interval: self.interval,
            direction,
            paired: self.rounds > 0,
        })
    }

    /// The change against the incumbent as a share of its absolute value.
    pub fn change(&self) -> Option<f64> {
        change(self.incumbent_value?, self.value?)
    }

    /// What its agent and judge cost in US dollars, where all of that is known.
    pub fn cost_usd(&self) -> Option<f64> {
        let models = self.model.iter().map(|model| &model.used);
        self.agent
            .iter()
            .chain(models)
            .map(|used| used.cost_usd)
            .reduce(|sum, cost| Some(sum? + cost?))
            .flatten()
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

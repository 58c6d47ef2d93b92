//! What a run is doing: for whoever watches it, and for `status` in another terminal.
//!
//! `runs/status.json` in an experiment's directory says it while a run holds the experiment's lock.
//! It is of use only then: what a run that was killed leaves behind is not believed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::journal::AgentUse;
use crate::lock;
use crate::session::Side;

/// The version of the file's format.
const VERSION: u32 = 1;

/// Something that takes a while.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The try that it is for; 0 for none.
    pub n: u64,
    pub doing: Doing,
    /// When it is ended.
    pub limit: Option<Duration>,
    pub since: Instant,
}

#[derive(Debug, Clone)]
pub enum Doing {
    Baseline,
    SettingUp(String),
    /// An agent works.
    Asking {
        agent: String,
        limit: Duration,
    },
    /// One side, in this round from 0.
    Measuring(Side, u32),
    /// A guard measures one side.
    Guarding(String, Side),
    /// The incumbent against itself, in this round from 0.
    Qualifying(u32),
    /// With nonsense in the target's place.
    Breaking,
    /// For a provider's limit to pass.
    Waiting(Duration),
    /// For another measurement to end.
    WaitingForMachine,
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Doing::Baseline => f.write_str("measuring the baseline"),
            Doing::SettingUp(line) => write!(f, "setting up the worktree: {line}"),
            Doing::Asking { agent, .. } => write!(f, "{agent} is working"),
            Doing::Measuring(side, round) => {
                write!(f, "measuring the {side}")?;
                match round {
                    0 => Ok(()),
                    round => write!(f, ", round {}", round + 1),
                }
            }
            Doing::Guarding(name, side) => {
                write!(f, "measuring the {side} by the guard {name}")
            }
            Doing::Qualifying(round) => {
                write!(
                    f,
                    "measuring the incumbent against itself, round {}",
                    round + 1
                )
            }
            Doing::Breaking => f.write_str("measuring with the target broken"),
            Doing::Waiting(_) => f.write_str("waiting for a provider"),
            Doing::WaitingForMachine => {
                f.write_str("waiting for another measurement on this machine to end")
            }
        }
    }
}

/// What `runs/status.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    v: u32,
    /// The id of the process that runs the experiment.
    pub process: u32,
    /// When its run began.
    pub started: String,
    /// The try in the making; 0 for none.
    pub n: u64,
    pub doing: String,
    /// Since when.
    pub since: String,
    pub limit_seconds: Option<f64>,
    /// Verdicts in this run.
    pub tries: u64,
    /// In US dollars, as far as it is known, in this run.
    pub cost_usd: f64,
    /// How many proposals and measurements did not tell what they cost.
    pub unknown_costs: u64,
}

/// The writer's side: the file goes when this is dropped.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    status: Status,
}

impl StatusFile {
    pub fn new(experiment: &Path) -> Self {
        let now = now();
        Self {
            path: path(experiment),
            status: Status {
                v: VERSION,
                process: std::process::id(),
                started: now.clone(),
                n: 0,
                doing: "starting".to_owned(),
                since: now,
                limit_seconds: None,
                tries: 0,
                cost_usd: 0.0,
                unknown_costs: 0,
            },
        }
    }

    pub fn doing(&mut self, activity: &Activity) {
        self.status.n = activity.n;
        self.status.doing = activity.doing.to_string();
        self.status.since = now();
        self.status.limit_seconds = activity.limit.map(|limit| limit.as_secs_f64());
        self.write();
    }

    /// A verdict, and what was used for it.
    pub fn judged<'a>(&mut self, used: impl IntoIterator<Item = &'a AgentUse>) {
        self.status.tries += 1;
        for used in used {
            match used.cost_usd {
                Some(cost) => self.status.cost_usd += cost,
                None => self.status.unknown_costs += 1,
            }
        }
    }

    /// Whoever reads it sees the old text or the new one. That it is written at all is no
    /// condition for anything.
    fn write(&self) {
        let Ok(text) = serde_json::to_vec(&self.status) else {
            return;
        };
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let _ = self
            .path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&new, text))
            .and_then(|()| std::fs::rename(&new, &self.path));
    }
}

impl Drop for StatusFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether an experiment is being run.
#[derive(Debug, PartialEq)]
pub enum Running {
    No,
    /// By a process that does not say what it does, or not yet.
    Silently,
    Yes(Box<Status>),
}

/// Looks whether an experiment is being run, and what that is doing.
pub fn running(experiment: &Path) -> Running {
    if !lock::is_held(&experiment.join("lock")) {
        return Running::No;
    }
    std::fs::read(path(experiment))
        .ok()
        .and_then(|text| serde_json::from_slice::<Status>(&text).ok())
        .filter(|status| status.v == VERSION)
        .map_or(Running::Silently, |status| Running::Yes(Box::new(status)))
}

fn path(experiment: &Path) -> PathBuf {
    experiment.join("runs/status.json")
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

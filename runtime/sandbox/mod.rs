//! Confine a native command by the operating system, and say what that reached.
//!
//! On Linux bubblewrap, where it works: a file system of which little can be written, process ids,
//! network and inter-process communication of its own. Or else Landlock and seccomp, which the kernel
//! applies to the command itself. Or else nothing, where the owner does not insist. Elsewhere: nothing.
//!
//! [`rules`](Rules) says what a kind of command may touch, the same for every tier; `bubblewrap` and
//! `kernel` enforce it.

mod bubblewrap;
mod home;
#[cfg(target_os = "linux")]
pub(crate) mod kernel;
mod rules;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::directories;
use crate::failure::{Exit, Failure};
use crate::text;
pub use rules::{Kind, Resources, Rules, Site, View, Widening};

/// How much of a sandbox the owner wants for native commands.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// Nothing runs outside one
    Required,
    /// The best that works here, which may be none
    #[default]
    Best,
    /// None
    Off,
}

/// What confines commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    Bubblewrap,
    Landlock,
    /// Their process tree is ended with them; nothing else.
    None,
}

impl Tier {
    /// As records have it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Bubblewrap => "bubblewrap",
            Tier::Landlock => "landlock",
            Tier::None => "none",
        }
    }
}

/// The sandbox that is to be had here.
#[derive(Debug, Clone)]
pub struct Sandbox {
    tier: Tier,
    /// bubblewrap's program.
    program: PathBuf,
    /// Why it is not bubblewrap.
    shortfall: Option<String>,
}

impl Sandbox {
    /// None at all.
    pub fn off() -> Self {
        Self {
            tier: Tier::None,
            program: PathBuf::new(),
            shortfall: None,
        }
    }

    /// One of them, or why it is not to be had here.
    pub fn at(tier: Tier) -> Result<Self, String> {
        static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let program = match tier {
            Tier::Bubblewrap => FOUND.get_or_init(bubblewrap::find).clone()?,
            Tier::Landlock if !has_landlock() => return Err("there is no Landlock".to_owned()),
            Tier::Landlock | Tier::None => PathBuf::new(),
        };
        Ok(Self {
            tier,
            program,
            shortfall: None,
        })
    }

    /// Tries what works here. Where the best is wanted, `AUTORESEARCH_SANDBOX` may ask for more or less.
    ///
    /// # Errors
    /// Where a sandbox is required and there is none.
    pub fn find(demand: Demand) -> Result<Self, Failure> {
        let demand = match (demand, directories::sandbox()) {
            (Demand::Best, Some(word)) => Demand::from_str(&word, true).map_err(|_| {
                Failure::input(format!(
                    "`{}` in AUTORESEARCH_SANDBOX is no sandbox",
                    text::clean_line(&word, 40)
                ))
                .hint("it is `required`, `best` or `off`")
            })?,
            (demand, _) => demand,
        };
        if demand == Demand::Off {
            return Ok(Self::off());
        }
        let sandbox = Self::at(Tier::Bubblewrap).unwrap_or_else(|why| Self {
            shortfall: Some(why),
            ..Self::at(Tier::Landlock).unwrap_or(Self::off())
        });
        match (demand, sandbox.tier) {
            (Demand::Required, Tier::None) => Err(Failure::new(
                Exit::Environment,
                format!(
                    "a sandbox is required for commands, and there is none: {}",
                    sandbox.shortfall.unwrap_or_default()
                ),
            )
            .hint(INSTALL)),
            _ => Ok(sandbox),
        }
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Whether it shows a worktree in the place of the checkout.
    pub fn shows_worktrees(&self) -> bool {
        self.tier == Tier::Bubblewrap
    }

    /// Why it is not the best that this program knows.
    pub fn shortfall(&self) -> Option<&str> {
        self.shortfall.as_deref()
    }
}

/// What to do where there is no sandbox.
const INSTALL: &str =
    "install bubblewrap 0.8 or later (`apt install bubblewrap`), or do without: `--sandbox off`";

#[cfg(target_os = "linux")]
fn has_landlock() -> bool {
    kernel::has_landlock()
}

/// Limits what memory this process uses, and the largest file that it writes, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn limit_memory(memory_bytes: u64, file_bytes: u64) -> std::io::Result<()> {
    let resources = Resources {
        processes: u64::MAX,
        memory_bytes,
        file_bytes,
    };
    kernel::limit(&resources, false)
}

#[cfg(not(target_os = "linux"))]
fn has_landlock() -> bool {
    false
}

/// Whether a path is not seen by commands unless it is named to them.
pub fn is_hidden(path: &Path) -> bool {
    let home = home::directory();
    let private = ["/tmp", "/var/tmp", "/run"];
    private.iter().any(|private| path.starts_with(private))
        || home::hidden(home.as_deref(), None)
            .iter()
            .any(|hidden| path.starts_with(hidden))
}

/// What confines one command.
#[derive(Debug, Clone)]
pub struct Confinement {
    sandbox: Sandbox,
    rules: Arc<Rules>,
}

impl Confinement {
    pub fn new(sandbox: &Sandbox, rules: Rules) -> Self {
        Self {
            sandbox: sandbox.clone(),
            rules: Arc::new(rules),
        }
    }

    /// Nothing.
    pub fn none() -> Self {
        Self::new(&Sandbox::off(), Rules::default())
    }

    pub fn tier(&self) -> Tier {
        self.sandbox.tier
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// bubblewrap's program and its arguments up to those of what it is to run, which is to see `also`
    /// too.
    pub(crate) fn bubblewrap(&self, directory: &Path, also: &[PathBuf]) -> Vec<OsString> {
        bubblewrap::command_line(&self.sandbox.program, &self.rules, directory, also)
    }
}

//! What worktrees of a project need that git does not give them: dependencies that are installed, which
//! are shared, or a command that installs them.
//!
//! A tool is known by its files. What it has installed in the checkout is shared, read-only; a worktree has
//! none of its own to install, since commands have no network. Caches and the rest of what tools need to
//! run so are [`crate::environment::for_sandbox`]'s.

use std::path::{Path, PathBuf};

use crate::experiment::Workspace;
use crate::failure::Failure;
use crate::process::CommandLine;
use crate::project::{Project, lexically};
use crate::sandbox::is_hidden;

/// A tool that installs dependencies, or needs files that git may ignore.
struct Tool {
    name: &'static str,
    /// One of these files says that the project uses it.
    known_by: &'static [&'static str],
    /// What it installs or writes, of which a worktree needs what git ignores.
    shares: &'static [&'static str],
    /// What must be there for commands to work.
    installs: Option<&'static str>,
    /// How the owner installs that.
    install: &'static str,
    /// How a worktree does, without network, from the owner's cache; none if it cannot.
    setup: Option<&'static str>,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "uv",
        known_by: &["uv.lock"],
        shares: &[".venv"],
        installs: Some(".venv"),
        install: "uv sync",
        setup: None,
    },
    Tool {
        name: "poetry",
        known_by: &["poetry.lock"],
        shares: &[".venv"],
        installs: None,
        install: "poetry install",
        setup: None,
    },
    Tool {
        name: "pip",
        known_by: &[
            "requirements.txt",
            "setup.py",
            "setup.cfg",
            "pyproject.toml",
        ],
        shares: &[".venv", "venv"],
        installs: None,
        install: "python -m venv .venv && .venv/bin/pip install -e .",
        setup: None,
    },
    Tool {
        name: "pnpm",
        known_by: &["pnpm-lock.yaml"],
        shares: &["node_modules"],
        installs: Some("node_modules"),
        install: "pnpm install",
        setup: Some("pnpm install --frozen-lockfile --offline"),
    },
    Tool {
        name: "yarn",
        known_by: &["yarn.lock"],
        shares: &[
            "node_modules",
            ".pnp.cjs",
            ".pnp.loader.mjs",
            ".yarn/cache",
            ".yarn/install-state.gz",
            ".yarn/unplugged",
        ],
        installs: None,
        install: "yarn install",
        setup: None,
    },
    Tool {
        name: "npm",
        known_by: &["package-lock.json", "package.json"],
        shares: &["node_modules"],
        installs: Some("node_modules"),
        install: "npm install",
        setup: Some("npm ci"),
    },
    Tool {
        name: "cargo",
        known_by: &["Cargo.toml"],
        shares: &["Cargo.lock", "vendor"],
        installs: None,
        install: "cargo fetch",
        setup: None,
    },
    Tool {
        name: "go",
        known_by: &["go.mod", "go.work"],
        shares: &["go.sum", "go.work", "vendor"],
        installs: None,
        install: "go mod download",
        setup: None,
    },
    Tool {
        name: "composer",
        known_by: &["composer.json"],
        shares: &["vendor"],
        installs: Some("vendor"),
        install: "composer install",
        setup: None,
    },
];

/// What is shared whatever the project uses, if git ignores it.
const SHARED: &[&str] = &["node_modules", ".venv", "venv", "vendor"];

/// What was found out about a project.
#[derive(Debug, Default)]
pub struct Needs {
    pub workspace: Workspace,
    /// A line for the owner about each tool.
    pub tools: Vec<String>,
    /// Directories of interpreters that are hidden from commands, and that installed environments need.
    pub read: Vec<String>,
}

/// Finds what the worktrees of a project need.
pub fn find(project: &Project, targets: &[String]) -> Result<Needs, Failure> {
    let places = places(project, targets);
    let mut names: Vec<&str> = SHARED.to_vec();
    let is_used = |tool: &&Tool| {
        let mut files = tool.known_by.iter();
        files.any(|file| project.directory.join(file).is_file())
    };
    let mut tools: Vec<&Tool> = TOOLS.iter().filter(is_used).collect();
    // One of them installs what is in `node_modules`, and one what is in `.venv`.
    let mut seen: Vec<&str> = Vec::new();
    tools.retain(|tool| {
        let first = tool.shares.first().copied().unwrap_or_default();
        let is_new = !seen.contains(&first);
        seen.push(first);
        is_new
    });
    for name in tools.iter().flat_map(|tool| tool.shares) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let present: Vec<String> = places
        .iter()
        .flat_map(|place| names.iter().map(|name| place.join(name)))
        .filter(|path| project.directory.join(path).exists())
        .filter_map(|path| path.to_str().map(str::to_owned))
        .collect();
    let asked: Vec<&str> = present.iter().map(String::as_str).collect();
    let share = if asked.is_empty() {
        Vec::new()
    } else {
        project.repository.ignored(&project.directory, &asked)?
    };
    let mut needs = Needs {
        read: share
            .iter()
            .filter_map(|path| hidden_interpreter(&project.directory.join(path)))
            .collect(),
        workspace: Workspace { share, setup: None },
        tools: Vec::new(),
    };
    for tool in tools {
        let shared: Vec<&str> = needs
            .workspace
            .share
            .iter()
            .map(String::as_str)
            .filter(|path| tool.shares.iter().any(|name| path.ends_with(name)))
            .collect();
        let is_missing = tool
            .installs
            .is_some_and(|path| !project.directory.join(path).exists());
        let setup = tool.setup.filter(|_| is_missing && has_lock(project, tool));
        needs.tools.push(match (shared.as_slice(), setup) {
            (_, Some(setup)) => {
                needs.workspace.setup = CommandLine::from_text(setup).ok();
                format!("{}: `{setup}` sets up each worktree, from your cache", tool.name)
            }
            ([], None) if is_missing => format!(
                "{}: nothing is installed; if commands need it, `{}` first and make the experiment again",
                tool.name, tool.install
            ),
            ([], None) => continue,
            (shared, None) => format!("{}: shares {}", tool.name, shared.join(", ")),
        });
    }
    Ok(needs)
}

/// Whether the tool's first file, which pins what it installs, is there.
fn has_lock(project: &Project, tool: &Tool) -> bool {
    let lock = tool.known_by.first();
    lock.is_some_and(|lock| project.directory.join(lock).is_file())
}

/// Where dependencies may be installed that the project and its targets use, relative to the project: in
/// it, in packages of it, and above it in a larger repository.
fn places(project: &Project, targets: &[String]) -> Vec<PathBuf> {
    let around = targets
        .iter()
        .flat_map(|target| Path::new(target).ancestors().skip(1).map(PathBuf::from));
    let above = (1..=project.prefix().iter().count()).map(|up| PathBuf::from("../".repeat(up)));
    let mut found = vec![PathBuf::new()];
    for place in around.chain(above) {
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// The directory that the interpreter of a virtual environment is installed in, if commands do not see
/// it.
fn hidden_interpreter(environment: &Path) -> Option<String> {
    let real = environment.join("bin/python").canonicalize().ok()?;
    let prefix = real.parent()?.parent()?;
    (is_hidden(prefix)).then(|| prefix.to_str().map(str::to_owned))?
}

/// Files of the project that a command line names and that git does not track: the worktrees lack them,
/// unless they are shared. Where a command builds, what git ignores is taken for what it builds.
pub fn untracked<'a>(
    project: &Project,
    workspace: &Workspace,
    builds: bool,
    lines: impl Iterator<Item = &'a CommandLine>,
) -> Result<Vec<String>, Failure> {
    let mut named: Vec<String> = Vec::new();
    for word in lines.flat_map(CommandLine::words) {
        let path = lexically(&project.directory.join(&word));
        let Ok(below) = path.strip_prefix(&project.directory) else {
            continue;
        };
        let is_shared = workspace
            .share
            .iter()
            .any(|shared| below.starts_with(shared));
        if let Some(below) = below.to_str()
            && path.is_file()
            && !is_shared
            && !named.iter().any(|known| known == below)
        {
            named.push(below.to_owned());
        }
    }
    let paths = project.paths(&named);
    let tracked = project
        .repository
        .tracked(&project.repository.head, &paths)?;
    let is_tracked = |path: &PathBuf| tracked.iter().any(|(_, known)| known == path);
    let mut untracked: Vec<String> = named
        .into_iter()
        .zip(&paths)
        .filter(|(_, path)| !is_tracked(path))
        .map(|(name, _)| name)
        .collect();
    if builds && !untracked.is_empty() {
        let asked: Vec<&str> = untracked.iter().map(String::as_str).collect();
        let built = project.repository.ignored(&project.directory, &asked)?;
        untracked.retain(|name| !built.iter().any(|built| Path::new(name).starts_with(built)));
    }
    Ok(untracked)
}

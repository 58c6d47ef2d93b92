//! Installed dependencies that lead back into the user's checkout, past the candidate.
//!
//! A package that is installed as editable, or linked into `node_modules`, is a path to the checkout's
//! files. A command in a worktree that uses such an installation runs the target as it stands in
//! the checkout, whatever the candidate is, and every candidate is measured as no better.

use std::fs;
use std::path::{Path, PathBuf};

use crate::experiment::Experiment;
use crate::project::Project;

/// The most that is read of a file in `site-packages`, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// A way around the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detour {
    /// Where it is installed, as the experiment or the environment names it.
    pub installed: String,
    /// What of the checkout it uses; relative to the project where that is below it.
    pub used: String,
    pub way: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// With what is to be in `PYTHONPATH` instead.
    Python {
        path: String,
    },
    Node,
}

/// Finds what leads the experiment's commands to a target in the checkout.
pub fn find(project: &Project, experiment: &Experiment) -> Vec<Detour> {
    let targets: Vec<PathBuf> = experiment
        .target
        .iter()
        .map(|target| project.directory.join(target))
        .collect();
    let hits = |path: &Path| targets.iter().any(|target| target.starts_with(path));
    let variables = experiment.variables();
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| PathBuf::from(value))
    };
    let mut found = Vec::new();
    let shared = experiment
        .workspace
        .share
        .iter()
        .map(|name| (name.clone(), project.directory.join(name)));
    let active = variable("VIRTUAL_ENV").map(|path| (path.display().to_string(), path));
    for (installed, path) in shared.chain(active) {
        let Ok(directory) = path.canonicalize() else {
            continue;
        };
        let python = editable(&directory)
            .into_iter()
            .filter(|(used, _)| !used.starts_with(&directory) && hits(used))
            .map(|(used, path)| {
                let path = relative(&path, &project.directory);
                (used, Way::Python { path })
            });
        let node = links(&directory)
            .into_iter()
            .filter(|used| hits(used))
            .map(|used| (used, Way::Node));
        // One is enough to tell.
        if let Some((used, way)) = python.chain(node).next()
            && found.iter().all(|detour: &Detour| detour.way != way)
        {
            found.push(Detour {
                installed,
                used: relative(&used, &project.directory),
                way,
            });
        }
    }
    // What is searched first, and from where the command runs, is the candidate's.
    let first = variable("PYTHONPATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|path| path.is_relative() && !path.as_os_str().is_empty())
    });
    found.retain(|detour| !(first && matches!(detour.way, Way::Python { .. })));
    found
}

/// Where a virtual environment's editable packages are, each with the directory to import it from.
fn editable(environment: &Path) -> Vec<(PathBuf, PathBuf)> {
    if !environment.join("pyvenv.cfg").is_file() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for packages in entries(&environment.join("lib")).map(|python| python.join("site-packages")) {
        for file in entries(&packages) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let is_path = has_extension(&file, "pth") || has_extension(&file, "egg-link");
            let is_finder = name.contains("editable") && has_extension(&file, "py");
            if !(is_path || is_finder) || fs::metadata(&file).map_or(0, |m| m.len()) > FILE_LIMIT {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap_or_default();
            // A line is a directory to import from; in a finder, a package's own path is a literal.
            let parts: Vec<&str> = if is_path {
                text.lines().map(str::trim).collect()
            } else {
                text.split(['\'', '"']).collect()
            };
            for part in parts {
                // Python takes a relative one from the link in the worktree: to the candidate.
                if !Path::new(part).is_absolute() {
                    continue;
                }
                if let Ok(path) = Path::new(part).canonicalize() {
                    let parent = path.parent().unwrap_or(&path).to_owned();
                    found.push((path.clone(), if is_path { path } else { parent }));
                }
            }
        }
    }
    found
}

/// Where the links of a `node_modules` lead, apart from those into one.
fn links(modules: &Path) -> Vec<PathBuf> {
    if !modules.ends_with("node_modules") {
        return Vec::new();
    }
    let is_scope = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('@'))
    };
    entries(modules)
        .flat_map(|path| {
            if is_scope(&path) {
                entries(&path).collect()
            } else {
                vec![path]
            }
        })
        .filter(|path| path.is_symlink())
        .filter_map(|path| path.canonicalize().ok())
        .filter(|path| path.iter().all(|part| part != "node_modules"))
        .collect()
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(extension.as_ref())
}

/// A path as seen from a directory that is below it, or that it is below; else as it is.
fn relative(path: &Path, directory: &Path) -> String {
    let path = match (path.strip_prefix(directory), directory.strip_prefix(path)) {
        (Ok(below), _) if below.as_os_str().is_empty() => PathBuf::from("."),
        (Ok(below), _) => below.to_owned(),
        (_, Ok(up)) => up.iter().map(|_| "..").collect(),
        _ => path.to_owned(),
    };
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_as_the_project_sees_them() {
        let project = Path::new("/home/me/project");
        for (path, told) in [
            ("/home/me/project/src", "src"),
            ("/home/me/project", "."),
            ("/home", "../.."),
            ("/opt/x", "/opt/x"),
        ] {
            assert_eq!(relative(Path::new(path), project), told);
        }
    }
}

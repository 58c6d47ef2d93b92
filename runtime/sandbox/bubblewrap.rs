//! bubblewrap: its command line for rules, and whether it works here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::home;
use super::rules::{Rules, Site, View};
use crate::process;

/// The oldest that can all of what is asked of it.
const OLDEST: (u32, u32) = (0, 8);

/// What a command has of its own, empty.
const PRIVATE: &[&str] = &["/tmp", "/var/tmp", "/run"];
/// Where the kernel's own tools keep what a command may need of `/run`.
const OF_RUN: &[&str] = &[
    "/run/binfmt",
    "/run/booted-system",
    "/run/current-system",
    "/run/opengl-driver",
    "/run/opengl-driver-32",
    "/run/wrappers",
];
/// Where names are looked up.
const OF_THE_NETWORK: &[&str] = &[
    "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/nscd",
    "/run/resolvconf",
    "/run/systemd/resolve",
];
/// Devices that compute, by how their names begin.
const DEVICES: &[&str] = &["dri", "dxg", "kfd", "nvidia"];

/// Finds the program, and tries it. The error says why it cannot be used.
pub(super) fn find() -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("bubblewrap is for Linux".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("bwrap"))
        .find(|program| program.is_file())
        .ok_or("bubblewrap is not installed")?;
    let run = |arguments: &[OsString]| {
        let mut command = std::process::Command::new(&program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", &path)
            .stdin(std::process::Stdio::null());
        process::run_trusted(&mut command)
            .map_err(|error| format!("bubblewrap cannot be run: {error}"))
    };
    let said = run(&["--version".into()])?;
    match version(&String::from_utf8_lossy(&said.stdout)) {
        None => return Err(format!("`{}` is not bubblewrap", program.display())),
        Some(version) if version < OLDEST => {
            return Err(format!(
                "bubblewrap is too old: {}.{}, not {}.{} or later",
                version.0, version.1, OLDEST.0, OLDEST.1
            ));
        }
        Some(_) => {}
    }
    let mut arguments = namespaces(false);
    arguments
        .extend(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"].map(OsString::from));
    arguments.extend(["--", "true"].map(OsString::from));
    let tried = run(&arguments)?;
    if tried.status.success() {
        return Ok(program);
    }
    let said = crate::text::clean_line(&String::from_utf8_lossy(&tried.stderr), 200);
    Err(format!("bubblewrap does not work here: {said}{}", why()))
}

/// `bubblewrap 0.8.0`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.split_whitespace().last()?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What most often keeps it from working.
fn why() -> &'static str {
    let restricted =
        std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
            .is_ok_and(|text| text.trim() == "1");
    let forbidden = std::fs::read_to_string("/proc/sys/kernel/unprivileged_userns_clone")
        .is_ok_and(|text| text.trim() == "0");
    if restricted {
        " (Ubuntu's AppArmor keeps programs without a profile from making user namespaces: install the package `apparmor-profiles`, whose profile `bwrap-userns-restrict` allows it, or set `kernel.apparmor_restrict_unprivileged_userns=0`)"
    } else if forbidden {
        " (this system keeps users from making namespaces: set `kernel.unprivileged_userns_clone=1`)"
    } else {
        ""
    }
}

fn namespaces(network: bool) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "--die-with-parent",
        "--unshare-user",
        "--unshare-pid",
        // Or bubblewrap would end without having waited for the command, and what that has used of the
        // processors would be nobody's.
        "--as-pid-1",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--cap-drop",
        "ALL",
    ]
    .map(OsString::from)
    .into();
    if !network {
        arguments.push("--unshare-net".into());
    }
    arguments
}

/// The program and its arguments, up to what it is to run.
pub(super) fn command_line(
    program: &Path,
    rules: &Rules,
    directory: &Path,
    also: &[PathBuf],
) -> Vec<OsString> {
    let mut line = Line::new(program);
    line.words.extend(namespaces(rules.network));
    if rules.resources.is_some() {
        // An agent's program may have a sandbox of its own.
        line.add(["--disable-userns"]);
    }
    line.add(["--ro-bind", "/", "/", "--dev", "/dev"]);
    line.devices();
    line.add(["--proc", "/proc"]);
    for path in PRIVATE.iter().filter(|path| Path::new(path).is_dir()) {
        line.mask(Path::new(path));
    }
    if let Some(home) = &rules.home {
        // It is a home wherever it is.
        line.show(home);
    }
    let of_the_network: &[&str] = if rules.network { OF_THE_NETWORK } else { &[] };
    for path in OF_RUN.iter().chain(of_the_network) {
        line.show(Path::new(path));
    }
    let place = match &rules.site {
        Some(Site::Worktree(view)) => Some(view.at.as_path()),
        Some(Site::Directory(path)) => Some(path.as_path()),
        None => None,
    };
    // What is in the place is seen to when that is mounted.
    let is_covered = |path: &Path| place.is_some_and(|place| path.starts_with(place));
    let (covered, hidden): (Vec<PathBuf>, Vec<PathBuf>) = rules
        .hidden()
        .into_iter()
        .partition(|path| is_covered(path));
    for path in &hidden {
        line.hide(path);
    }
    let read = || rules.read.iter().chain(also);
    // What holds the project would cover it, if it were mounted later.
    for path in read().filter(|path| !is_covered(path)) {
        line.show(path);
    }
    let is_around = |path: &Path| {
        let end = path.canonicalize().unwrap_or_default();
        place.is_some_and(|place| place.starts_with(end))
    };
    let (around, beside): (Vec<&PathBuf>, Vec<&PathBuf>) =
        rules.write.iter().partition(|path| is_around(path));
    for path in around {
        line.open(path);
    }
    match &rules.site {
        Some(Site::Worktree(view)) => {
            // It takes the place of whatever is to be hidden there.
            line.worktree(view);
            let home = rules.home.as_deref().filter(|home| is_covered(home));
            if let Some(home) = home {
                line.home_in_project(home, view, &covered, read());
            }
        }
        Some(Site::Directory(path)) => {
            line.directory(path);
            for path in &covered {
                line.hide(path);
            }
            for path in read().filter(|path| is_covered(path)) {
                line.show(path);
            }
        }
        None => {}
    }
    for path in beside {
        line.open(path);
    }
    line.close();
    let directory = match &rules.site {
        Some(Site::Worktree(view)) => view.seen(directory),
        _ => std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()),
    };
    line.add([OsStr::new("--chdir"), directory.as_os_str()]);
    line.add(["--setenv", "TMPDIR", "/tmp", "--"]);
    line.words
}

/// A command line in the making, and what is seen of the file system by it so far.
struct Line {
    words: Vec<OsString>,
    /// What was mounted, the last over what was before, and whether it hides what is there.
    mounted: Vec<(PathBuf, bool)>,
    /// Links that were made in what is hidden.
    links: Vec<PathBuf>,
    /// Directories in which nothing is to be kept.
    empty: Vec<PathBuf>,
}

impl Line {
    fn new(program: &Path) -> Self {
        Self {
            words: vec![program.as_os_str().to_owned()],
            mounted: Vec::new(),
            links: Vec::new(),
            empty: Vec::new(),
        }
    }

    fn add<T: Into<OsString>, const N: usize>(&mut self, arguments: [T; N]) {
        self.words.extend(arguments.map(Into::into));
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        self.add([OsStr::new(how), from.as_os_str(), to.as_os_str()]);
        self.mounted.push((to.to_owned(), false));
    }

    /// Puts an empty directory over one.
    fn mask(&mut self, path: &Path) {
        self.add([OsStr::new("--tmpfs"), path.as_os_str()]);
        self.mounted.push((path.to_owned(), true));
    }

    fn hide(&mut self, path: &Path) {
        if path.is_dir() {
            self.mask(path);
            self.empty.push(path.to_owned());
        } else {
            // As a device: it is read as empty, where a file would say that it may not be read.
            self.add([
                OsStr::new("--dev-bind"),
                OsStr::new("/dev/null"),
                path.as_os_str(),
            ]);
            self.mounted.push((path.to_owned(), true));
        }
    }

    fn is_masked(&self, path: &Path) -> bool {
        let mut over = self.mounted.iter().rev();
        over.find(|(mount, _)| path.starts_with(mount))
            .is_some_and(|(_, masks)| *masks)
    }

    /// Shows a path, read-only and under its own name, if something keeps it from being seen: each
    /// mount costs time.
    fn show(&mut self, path: &Path) {
        let Some(end) = self.lead_to(path) else {
            return;
        };
        if self.is_masked(&end) {
            self.bind("--ro-bind-try", &end, &end);
        }
    }

    /// Lets a path be written under its own name.
    fn open(&mut self, path: &Path) {
        if let Some(end) = self.lead_to(path) {
            self.empty.retain(|empty| *empty != end);
            self.bind("--bind-try", &end, &end);
        }
    }

    /// Where a path leads. Links on the way that are hidden are made again: bubblewrap mounts on what
    /// a link leads to, not on the link. None if there is nothing.
    fn lead_to(&mut self, path: &Path) -> Option<PathBuf> {
        let (links, end) = resolve(path)?;
        for (link, target) in links {
            if self.is_masked(&link) && !self.links.contains(&link) {
                self.add([
                    OsStr::new("--symlink"),
                    target.as_os_str(),
                    link.as_os_str(),
                ]);
                self.links.push(link);
            }
        }
        Some(end)
    }

    fn devices(&mut self) {
        let Ok(entries) = std::fs::read_dir("/dev") else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let computes = name
                .to_str()
                .is_some_and(|name| DEVICES.iter().any(|device| name.starts_with(device)));
            if computes {
                self.bind("--dev-bind-try", &entry.path(), &entry.path());
            }
        }
    }

    fn worktree(&mut self, view: &View) {
        self.bind("--bind", &view.root, &view.at);
        self.bind("--ro-bind", &view.git, Path::new(View::GIT));
        self.bind("--ro-bind", &view.link, &view.at.join(".git"));
        for path in &view.shared {
            self.bind("--ro-bind-try", path, path);
        }
    }

    /// Shows what of a home is seen anywhere, if the worktree has taken its place.
    fn home_in_project<'a>(
        &mut self,
        home: &Path,
        view: &View,
        hidden: &[PathBuf],
        read: impl Iterator<Item = &'a PathBuf>,
    ) {
        for path in home::seen(home) {
            if let Some(end) = self.lead_to(&path) {
                self.bind("--ro-bind-try", &end, &end);
                for path in hidden.iter().filter(|path| path.starts_with(&end)) {
                    self.hide(path);
                }
            }
        }
        for path in read.filter(|path| path.starts_with(&view.at)) {
            let is_there = path
                .strip_prefix(&view.at)
                .is_ok_and(|below| view.root.join(below).exists());
            let is_shown = self.mounted.iter().any(|(mount, masks)| {
                !masks
                    && mount.starts_with(&view.at)
                    && *mount != view.at
                    && path.starts_with(mount)
            });
            if !is_there && !is_shown {
                self.bind("--ro-bind-try", path, path);
            }
        }
    }

    fn directory(&mut self, path: &Path) {
        self.bind("--bind", path, path);
        for kept in [".git", crate::project::DIRECTORY] {
            if let Some((_, kept)) = resolve(&path.join(kept)) {
                self.bind("--ro-bind", &kept, &kept);
            }
        }
    }

    /// Makes what hides things read-only. Last, for there may be places in it that are shown.
    fn close(&mut self) {
        for path in std::mem::take(&mut self.empty) {
            self.add([OsStr::new("--remount-ro"), path.as_os_str()]);
        }
    }
}

/// The most links on the way to a path, as for the kernel.
const MOST_LINKS: usize = 40;

/// The links on the way to what a path leads to, each with what it says, and that. None if there is
/// nothing, or it cannot be seen.
fn resolve(path: &Path) -> Option<(Vec<(PathBuf, PathBuf)>, PathBuf)> {
    let mut links = Vec::new();
    let mut here = PathBuf::new();
    let mut rest: Vec<OsString> = parts(path);
    while let Some(part) = rest.pop() {
        match part.as_encoded_bytes() {
            b"." => continue,
            b".." => {
                here.pop();
                continue;
            }
            _ => here.push(part),
        }
        if !here.symlink_metadata().ok()?.is_symlink() {
            continue;
        }
        if links.len() == MOST_LINKS {
            return None;
        }
        let target = here.read_link().ok()?;
        rest.extend(parts(&target));
        links.push((here.clone(), target));
        here.pop();
    }
    Some((links, here))
}

/// A path's parts, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Resources;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("bubblewrap 0.8.0\n"), Some((0, 8)));
        assert_eq!(version("bubblewrap 1.10\n"), Some((1, 10)));
        assert_eq!(version(""), None);
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn what_a_candidate_is_can_write_its_worktree_alone() {
        let rules = Rules {
            site: Some(Site::Worktree(View {
                root: "/state/w".into(),
                at: "/home/me/p".into(),
                git: "/home/me/p/.git".into(),
                link: "/state/w.git".into(),
                shared: vec!["/home/me/p/data".into()],
            })),
            resources: Some(Resources {
                processes: 1,
                memory_bytes: 1,
                file_bytes: 1,
            }),
            ..Rules::default()
        };
        let line = command_line(Path::new("bwrap"), &rules, Path::new("/state/w/sub"), &[]);
        let words: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
        let text = words.join(" ");
        assert_eq!(words.iter().filter(|word| **word == "--bind").count(), 1);
        for part in [
            "--bind /state/w /home/me/p --ro-bind /home/me/p/.git /run/autoresearch/git",
            "--ro-bind-try /home/me/p/data /home/me/p/data",
            "--unshare-net",
            "--disable-userns",
            "--cap-drop ALL",
            "--chdir /home/me/p/sub",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

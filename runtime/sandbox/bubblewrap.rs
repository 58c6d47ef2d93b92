//! bubblewrap: its command line for rules, and whether it works here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    let mut line = Line(vec![program.as_os_str().to_owned()]);
    line.0.extend(namespaces(rules.network));
    if rules.resources.is_some() {
        // An agent's program may have a sandbox of its own.
        line.add(["--disable-userns"]);
    }
    line.add(["--ro-bind", "/", "/", "--dev", "/dev"]);
    line.devices();
    line.add(["--proc", "/proc"]);
    for path in PRIVATE.iter().filter(|path| Path::new(path).is_dir()) {
        line.add(["--tmpfs", *path]);
    }
    let is_private = |path: &Path| PRIVATE.iter().any(|private| path.starts_with(private));
    if let Some(home) = rules.home.as_deref().filter(|home| is_private(home)) {
        // It is a home wherever it is.
        line.show(home);
    }
    let of_the_network: &[&str] = if rules.network { OF_THE_NETWORK } else { &[] };
    for path in OF_RUN.iter().chain(of_the_network) {
        line.show(Path::new(path));
    }
    let hidden = rules.hidden();
    for path in &hidden {
        line.hide(path);
    }
    // Only where something keeps it from being seen: each costs time.
    let is_hidden =
        |path: &Path| hidden.iter().any(|hidden| path.starts_with(hidden)) || is_private(path);
    let mut shown: Vec<PathBuf> = Vec::new();
    for path in rules.read.iter().chain(also) {
        // Under its own name too: that is what a command line says.
        let real = path.canonicalize().ok();
        for path in real.into_iter().chain([path.clone()]) {
            if is_hidden(&path) && !shown.iter().any(|shown| path.starts_with(shown)) {
                line.show(&path);
                shown.push(path);
            }
        }
    }
    match &rules.site {
        Some(Site::Worktree(view)) => line.worktree(view),
        Some(Site::Directory(path)) => line.directory(path),
        None => {}
    }
    for path in &rules.write {
        line.bind("--bind-try", path, path);
    }
    // Nothing is to be kept in what is hidden. Last, for there may be places in it that are shown.
    let stays = |path: &&PathBuf| path.is_dir() && !rules.write.contains(path);
    for path in hidden.iter().filter(stays) {
        line.add([OsStr::new("--remount-ro"), path.as_os_str()]);
    }
    let directory = match &rules.site {
        Some(Site::Worktree(view)) => view.seen(directory),
        _ => directory.to_owned(),
    };
    line.add([OsStr::new("--chdir"), directory.as_os_str()]);
    line.add(["--setenv", "TMPDIR", "/tmp", "--"]);
    line.0
}

struct Line(Vec<OsString>);

impl Line {
    fn add<T: Into<OsString>, const N: usize>(&mut self, arguments: [T; N]) {
        self.0.extend(arguments.map(Into::into));
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        self.add([OsStr::new(how), from.as_os_str(), to.as_os_str()]);
    }

    fn show(&mut self, path: &Path) {
        self.bind("--ro-bind-try", path, path);
    }

    fn hide(&mut self, path: &Path) {
        if path.is_dir() {
            self.add([OsStr::new("--tmpfs"), path.as_os_str()]);
        } else {
            self.bind("--ro-bind", Path::new("/dev/null"), path);
        }
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

    fn directory(&mut self, path: &Path) {
        self.bind("--bind", path, path);
        for kept in [".git", crate::project::DIRECTORY] {
            let kept = path.join(kept);
            if kept.exists() {
                self.bind("--ro-bind", &kept, &kept);
            }
        }
    }
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

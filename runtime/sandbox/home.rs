//! What of a user's home a command sees.
//!
//! Secrets stand in what begins with a dot: keys, tokens, histories, a browser's cookies. So all of that
//! is hidden but for what tools are installed in and what they need to run.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What begins with a dot and is seen: toolchains, and the settings without which they do not start.
const SEEN: &[&str] = &[
    ".asdf",
    ".bun",
    ".bundle",
    ".cabal",
    ".cache",
    ".cargo",
    ".ccache",
    ".conan",
    ".conan2",
    ".conda",
    ".coursier",
    ".deno",
    ".dotnet",
    ".editorconfig",
    ".elan",
    ".emsdk",
    ".fnm",
    ".fontconfig",
    ".fonts",
    ".gem",
    ".ghcup",
    ".gitconfig",
    ".goenv",
    ".gradle",
    ".gvm",
    ".ivy2",
    ".jenv",
    ".julia",
    ".juliaup",
    ".linuxbrew",
    ".local",
    ".m2",
    ".mambaforge",
    ".miniconda3",
    ".miniforge3",
    ".mix",
    ".nix-defexpr",
    ".nix-profile",
    ".node_modules",
    ".nodenv",
    ".npm",
    ".npm-global",
    ".npm-packages",
    ".nuget",
    ".nvm",
    ".opam",
    ".phpenv",
    ".pnpm",
    ".pnpm-store",
    ".proto",
    ".pub-cache",
    ".pyenv",
    ".python-version",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".rye",
    ".sbt",
    ".sdkman",
    ".stack",
    ".swiftly",
    ".swiftpm",
    ".terminfo",
    ".texlive",
    ".tool-versions",
    ".vcpkg",
    ".venv",
    ".venvs",
    ".virtualenvs",
    ".volta",
    ".wasmer",
    ".wasmtime",
    ".yarn",
    ".zvm",
];

/// Directories of which only some entries are seen.
const PARTLY: &[(&str, &[&str])] = &[
    (
        ".local",
        &["bin", "include", "lib", "lib64", "libexec", "pipx", "share"],
    ),
    (
        ".local/share",
        &[
            "fnm",
            "fonts",
            "hatch",
            "mise",
            "pipx",
            "pnpm",
            "pypoetry",
            "rtx",
            "rye",
            "uv",
            "virtualenv",
            "virtualenvs",
        ],
    ),
];

/// What is hidden in what is seen.
const HIDDEN: &[&str] = &[
    ".bundle/config",
    ".cache/BraveSoftware",
    ".cache/chromium",
    ".cache/evolution",
    ".cache/google-chrome",
    ".cache/huggingface/stored_tokens",
    ".cache/huggingface/token",
    ".cache/mozilla",
    ".cache/thunderbird",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".conan/registry.json",
    ".gem/credentials",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".ivy2/.credentials",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".nuget/NuGet",
    ".sbt/.credentials",
    ".yarn/berry/global",
    "Library/Keychains",
];

/// Of a user who may read everything, what else is nobody's business.
const OF_THE_SYSTEM: &[&str] = &[
    "/etc/gshadow",
    "/etc/shadow",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
];

/// The user's home: the environment's.
pub(super) fn directory() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    home.is_absolute().then_some(home)
}

/// What there is and is to be hidden, `more` too, as it stands now. Links are followed: what they lead to
/// is hidden.
pub(super) fn hidden(home: Option<&Path>, more: Option<&Path>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = more.map(Path::to_owned).into_iter().collect();
    if let Some(home) = home {
        let in_home = |name: &[u8]| {
            name.starts_with(b".") && !SEEN.iter().any(|seen| seen.as_bytes() == name)
        };
        collect(home, in_home, &mut found);
        for (directory, seen) in PARTLY {
            let not_seen = |name: &[u8]| !seen.iter().any(|seen| seen.as_bytes() == name);
            collect(&home.join(directory), not_seen, &mut found);
        }
        found.extend(HIDDEN.iter().map(|path| home.join(path)));
    }
    found.extend(OF_THE_SYSTEM.iter().map(PathBuf::from));
    let mut found: Vec<PathBuf> = found
        .into_iter()
        .filter_map(|path| path.canonicalize().ok())
        // The whole of it cannot be.
        .filter(|path| home.is_none_or(|home| !home.starts_with(path)))
        .collect();
    found.sort();
    // What is in something hidden is so already.
    found.dedup_by(|inner, outer| inner.starts_with(&*outer));
    found
}

/// What begins with a dot in a home, is there and is seen.
pub(super) fn seen(home: &Path) -> Vec<PathBuf> {
    let partly = |name: &str| PARTLY.iter().find(|(directory, _)| *directory == name);
    let mut found = Vec::new();
    let mut pending: Vec<String> = SEEN.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = pending.pop() {
        match partly(&name) {
            Some((_, inner)) => pending.extend(inner.iter().map(|inner| format!("{name}/{inner}"))),
            None => found.push(home.join(name)),
        }
    }
    found.retain(|path| path.exists());
    found
}

fn collect(directory: &Path, hidden: impl Fn(&[u8]) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    found.extend(
        entries
            .flatten()
            .filter(|entry| hidden(entry.file_name().as_bytes()))
            .map(|entry| entry.path()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_toolchains_seen() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let make = |path: &str| {
            let path = home.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for path in [
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".config/gh/hosts.yml",
            ".claude/.credentials.json",
            ".netrc",
            ".bash_history",
            ".new-tool/token",
            ".local/share/keyrings/login.keyring",
            ".local/state/autoresearch/worktrees/x/t",
            ".cargo/credentials.toml",
            ".cargo/bin/cargo",
            ".rustup/settings.toml",
            ".local/bin/uv",
            ".local/share/uv/python/bin/python",
            ".cache/pip/x",
            "dotfiles/ssh/key",
            "work/notes.md",
        ] {
            make(path);
        }
        std::os::unix::fs::symlink(home.join("dotfiles/ssh"), home.join(".ssh2")).unwrap();
        let hidden = hidden(Some(&home), None);
        let is_hidden = |path: &str| hidden.iter().any(|at| home.join(path).starts_with(at));
        for path in [
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".config/gh/hosts.yml",
            ".claude/.credentials.json",
            ".netrc",
            ".bash_history",
            ".new-tool/token",
            ".local/share/keyrings/login.keyring",
            ".local/state/autoresearch/worktrees/x/t",
            ".cargo/credentials.toml",
            "dotfiles/ssh/key",
        ] {
            assert!(is_hidden(path), "{path}");
        }
        for path in [
            ".cargo/bin/cargo",
            ".rustup/settings.toml",
            ".local/bin/uv",
            ".local/share/uv/python/bin/python",
            ".cache/pip/x",
            "work/notes.md",
        ] {
            assert!(!is_hidden(path), "{path}");
        }
    }

    #[test]
    fn a_home_that_is_a_link_to_itself_is_not_hidden_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&home, home.join(".self")).unwrap();
        std::os::unix::fs::symlink("/", home.join(".all")).unwrap();
        assert!(
            hidden(Some(&home), None)
                .iter()
                .all(|path| !home.starts_with(path))
        );
    }
}

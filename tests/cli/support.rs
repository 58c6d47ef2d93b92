//! A hermetic place to run the program in: a home and a project of its own, nothing inherited.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use tempfile::TempDir;

use crate::programs;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");

/// No run of the program takes this long.
const WATCHDOG: Duration = Duration::from_mins(1);

/// A temporary directory with a home and a project, which is a git repository with one commit.
///
/// Commands are confined as they are for users: by the best that works here, which is bubblewrap.
pub struct Place {
    root: TempDir,
    /// The project's name below `root`.
    project: PathBuf,
    /// What confines commands, if it is not what users get.
    tier: Option<Tier>,
}

/// What a home has besides what tests put there.
const IN_HOME: &[(&str, &str)] = &[
    (".bashrc", "PS1='$ '\n"),
    (".cache/pip/http/x", ""),
    (".cargo/config.toml", ""),
    (".config/gh/hosts.yml", "oauth_token: secret\n"),
    (".config/htop/htoprc", ""),
    (".local/bin/tool", "#!/bin/sh\n"),
    (".local/share/keyrings/login.keyring", "secret\n"),
    (".ssh/id_ed25519", "secret\n"),
    ("Documents/notes.txt", "notes\n"),
];

/// What holds the tests' places: neither in a repository nor in the directory for temporary files, of which
/// a sandboxed command has one of its own.
pub fn base() -> PathBuf {
    programs::require();
    heed_signals();
    let of_home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = cache.or_else(of_home).unwrap().join("autoresearch-tests");
    std::fs::create_dir_all(&base).unwrap();
    base.canonicalize().unwrap()
}

/// Lets signals end or stop the programs that tests start. A shell's background and `nohup` ignore some
/// of them, programs inherit that, and the program under test keeps to it.
fn heed_signals() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        for signal in [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGTSTP,
        ] {
            // SAFETY: no handler of this process is replaced: it has none.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    });
}

/// What confines commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    Bubblewrap,
    Landlock,
    Off,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Bubblewrap, Tier::Landlock, Tier::Off];
    pub const CONFINED: [Tier; 2] = [Tier::Bubblewrap, Tier::Landlock];

    /// As records have it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Bubblewrap => "bubblewrap",
            Tier::Landlock => "landlock",
            Tier::Off => "none",
        }
    }

    /// Has the program reach this tier and no other.
    pub fn confine(self, place: &Place, command: &mut Command) {
        let mode = match self {
            Tier::Bubblewrap | Tier::Landlock => "required",
            Tier::Off => "off",
        };
        command.env("AUTORESEARCH_SANDBOX", mode);
        if self == Tier::Landlock {
            command.env("PATH", without_bubblewrap(place));
        }
    }
}

/// A `PATH` with a bubblewrap that does not work.
fn without_bubblewrap(place: &Place) -> OsString {
    let directory = place.outside("no-bubblewrap");
    let program = directory.join("bwrap");
    if !program.exists() {
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths([directory].into_iter().chain(std::env::split_paths(&path))).unwrap()
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Asserts success and returns standard output.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// Asserts a failure as users are promised it: the exit code, nothing on standard output, one
    /// `error:` line with these words, and one `hint:` line.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let lines = |label: &str| -> Vec<&str> {
            self.stderr
                .lines()
                .filter(|line| line.starts_with(label))
                .collect()
        };
        let errors = lines("error: ");
        assert_eq!(errors.len(), 1, "{self:#?}");
        assert!(errors[0].contains(words), "{words:?} is not in {self:#?}");
        assert_eq!(lines("hint: ").len(), 1, "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }
}

impl Place {
    /// A project with these files, committed.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::named("project", files)
    }

    /// As [`Place::new`], with a directory name of one's own.
    pub fn named(name: impl AsRef<OsStr>, files: &[(&str, &str)]) -> Self {
        Self::bare(name).with(files)
    }

    /// A repository in it.
    fn with(self, files: &[(&str, &str)]) -> Self {
        let place = self;
        place.git(&["init", "--quiet", "--initial-branch=main"]);
        for (path, text) in files {
            place.write(path, text);
        }
        place.git(&["add", "--all"]);
        place.git(&["commit", "--quiet", "--allow-empty", "--message=start"]);
        place
    }

    /// An empty directory that is not in a repository.
    pub fn bare(name: impl AsRef<OsStr>) -> Self {
        let root = tempfile::tempdir_in(base()).unwrap();
        let project = PathBuf::from(name.as_ref());
        for (path, text) in IN_HOME {
            let path = root.path().join("home").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir(root.path().join(&project)).unwrap();
        std::fs::create_dir(root.path().join("open")).unwrap();
        Self {
            root,
            project,
            tier: None,
        }
    }

    /// With nothing that confines commands. `why` is what a sandbox would keep the test from doing.
    #[must_use]
    pub fn unconfined(self, why: &str) -> Self {
        assert!(!why.is_empty());
        self.confined_by(Tier::Off)
    }

    #[must_use]
    pub fn confined_by(mut self, tier: Tier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// The project's directory.
    pub fn project(&self) -> PathBuf {
        self.root.path().join(&self.project)
    }

    /// The user's home.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// A path outside home and project, for files of the test's own.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A path in the directory by whose files scripts may talk to the test. Commands may write there, in
    /// every experiment that is made and every evaluation.
    pub fn open(&self, name: &str) -> PathBuf {
        self.root.path().join("open").join(name)
    }

    /// A command line of the program, with what lets commands write where [`Place::open`] says.
    pub fn opening<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Vec<OsString> {
        let mut all: Vec<OsString> = arguments.iter().map(|a| a.as_ref().to_owned()).collect();
        let has = |words: &[&str]| {
            all.iter()
                .any(|word| words.iter().any(|other| word == other))
        };
        let makes = has(&["run"]) && has(&["-e", "--evaluator", "--eval"]);
        if makes || has(&["init", "evaluate"]) {
            all.push("--write".into());
            all.push(self.root.path().join("open").into());
        }
        all
    }

    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.project().join(path)).unwrap()
    }

    /// A command in the project, in the hermetic environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home())
            // One cache for all tests: components are compiled once, not once a test.
            .env("XDG_CACHE_HOME", base().join("cache"))
            // What this machine does meanwhile is told to nobody.
            .env("AUTORESEARCH_SYSTEM_ROOT", self.open("system"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Tester")
            .env("GIT_AUTHOR_EMAIL", "tester@localhost")
            .env("GIT_COMMITTER_NAME", "Tester")
            .env("GIT_COMMITTER_EMAIL", "tester@localhost")
            .current_dir(self.project())
            .stdin(Stdio::null());
        if let Some(tier) = self.tier {
            tier.confine(self, &mut command);
        }
        command
    }

    /// Runs the program in the project.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        outcome(self.command(PROGRAM).args(self.opening(arguments)))
    }

    /// Runs git in the project and returns what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let outcome = outcome(self.command("git").args(arguments));
        assert_eq!(outcome.code, 0, "git {arguments:?}: {outcome:#?}");
        outcome.stdout.trim_end().to_owned()
    }

    /// Everything of the user's that must not change: HEAD, the index, every file but git's own
    /// and the experiments'.
    pub fn snapshot(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.project(), &self.project(), &mut found);
        for name in [".git/HEAD", ".git/index", ".git/config"] {
            found.push((
                name.to_owned(),
                std::fs::read(self.project().join(name)).unwrap_or_default(),
            ));
        }
        found.sort();
        found
    }
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if name == ".git" || name == ".autoresearch" {
            continue;
        }
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            collect(root, &path, found);
        } else if kind.is_symlink() {
            found.push((
                name,
                path.read_link()
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes(),
            ));
        } else if kind.is_file() {
            found.push((name, std::fs::read(&path).unwrap_or_default()));
        } else {
            found.push((name, Vec::new()));
        }
    }
}

/// Runs a command to its end, or kills it after [`WATCHDOG`], which then is a failure of its own.
pub fn outcome(command: &mut Command) -> Outcome {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().cast_signed();
    let (ended, watched) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if watched.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
            // SAFETY: kill takes two integers; the child has not been waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    });
    let outcome = left(child);
    drop(ended);
    watchdog.join().unwrap();
    outcome
}

/// What a program with piped output left, once it has ended.
pub fn left(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A text of numbered lines.
pub fn lines(count: u32) -> String {
    let mut out = String::new();
    for n in 1..=count {
        out.push_str(&n.to_string());
        out.push('\n');
    }
    out
}

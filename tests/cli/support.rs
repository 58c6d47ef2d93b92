//! A hermetic place to run the program in: a home and a project of its own, nothing inherited.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_autoresearch");

/// No run of the program takes this long.
const WATCHDOG: Duration = Duration::from_mins(1);

/// A temporary directory with a home and a project, which is a git repository with one commit.
pub struct Place {
    root: TempDir,
    /// The project's name below `root`.
    project: PathBuf,
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

    /// As [`Place::new`], but not in the directory for temporary files, of which a sandboxed command has
    /// one of its own.
    pub fn away(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self::in_root(root, "project".as_ref()).with(files)
    }

    /// An empty directory that is not in a repository.
    pub fn bare(name: impl AsRef<OsStr>) -> Self {
        Self::in_root(tempfile::tempdir().unwrap(), name.as_ref())
    }

    fn in_root(root: TempDir, name: &OsStr) -> Self {
        let project = PathBuf::from(name);
        std::fs::create_dir(root.path().join("home")).unwrap();
        std::fs::create_dir(root.path().join(&project)).unwrap();
        Self { root, project }
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
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            // What this machine does meanwhile is told to nobody.
            .env("AUTORESEARCH_SYSTEM_ROOT", self.outside("system"))
            // Most scripts of these tests talk to the test by files of its own. `sandbox` is about them.
            .env("AUTORESEARCH_SANDBOX", "off")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Tester")
            .env("GIT_AUTHOR_EMAIL", "tester@localhost")
            .env("GIT_COMMITTER_NAME", "Tester")
            .env("GIT_COMMITTER_EMAIL", "tester@localhost")
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program in the project.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        outcome(self.command(PROGRAM).args(arguments))
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

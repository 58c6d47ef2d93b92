//! A loop with an agent where something cannot be written: it ends with one error, loses nothing, and
//! goes on when it can be.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::experiments::{
    DIRECTORY, Files, ID, assert_consistent, assert_same, each, events, others, worktrees,
};
use crate::support::{Outcome, PROGRAM, Place, outcome};

/// A place with an agent that proposes something shorter each time it is asked.
struct Loop {
    place: Place,
    agent: String,
    before: Files,
}

impl Loop {
    fn new(target: &str, saying: &str) -> Self {
        let place = Place::new(&[("t", target), ("other", "other\n")]);
        let script = place.home().join("agent.sh");
        let text = format!(
            "cat > /dev/null\nhead -c $(($(wc -c < t) - 1)) t > t.new && mv t.new t && echo {saying}\n"
        );
        std::fs::write(&script, text).unwrap();
        place
            .run(&["init", "-t", "t", "-e", "benchmark_size"])
            .succeeds();
        place.write("other", "edited");
        place.write("untracked", "new");
        let mut before = others(&place);
        before.insert("t".to_owned(), target.to_owned());
        Self {
            agent: format!("sh '{}'", script.display()),
            before,
            place,
        }
    }

    fn arguments(&self) -> [&str; 5] {
        [
            "run",
            "--agent-command",
            &self.agent,
            "--max-experiments",
            "2",
        ]
    }

    /// With permissions that hold for the machine's administrator too.
    fn run(&self) -> Outcome {
        let mut command = self.place.command(PROGRAM);
        outcome(bound_by_permissions(command.args(self.arguments())))
    }

    fn run_limited(&self, blocks: usize) -> Outcome {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = self.place.command("sh");
        outcome(
            command
                .args(["-c", &limited, PROGRAM])
                .args(self.arguments()),
        )
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let mut now = others(&self.place);
        now.insert("t".to_owned(), self.place.read("t"));
        assert_same(&now, &self.before);
    }

    /// Goes on, and has lost nothing of what was recorded.
    #[track_caller]
    fn goes_on(&self) {
        let before = events(&self.place, DIRECTORY);
        let outcome = self.run();
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let after = events(&self.place, DIRECTORY);
        assert!(after.starts_with(&before), "{before} became {after}");
        assert!(
            after.ends_with("try keep settled try keep settled"),
            "{after}"
        );
        assert_consistent(&self.place, ID);
        self.assert_untouched();
    }
}

/// Takes away what lets root write where nobody may. It is nothing that others have.
fn bound_by_permissions(command: &mut Command) -> &mut Command {
    /// `CAP_DAC_OVERRIDE`.
    const OVERRIDE: libc::c_ulong = 1;
    // SAFETY: prctl with this option takes an integer; others than root get an error.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_CAPBSET_DROP, OVERRIDE, 0, 0, 0);
            Ok(())
        })
    }
}

/// Lets nobody write to a path, or everybody who might before; with all that is below it.
fn protect(path: &Path, protected: bool) {
    let metadata = path.symlink_metadata().unwrap();
    if metadata.is_symlink() {
        return;
    }
    let mut permissions = metadata.permissions();
    let mode = permissions.mode();
    permissions.set_mode(if protected {
        mode & !0o222
    } else {
        mode | 0o200
    });
    std::fs::set_permissions(path, permissions).unwrap();
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            protect(&entry.unwrap().path(), protected);
        }
    }
}

/// Asserts that a loop ended as users are promised it: the exit code, and one `error:` line.
#[track_caller]
fn assert_ended(outcome: &Outcome, words: &str) {
    let errors: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!((outcome.code, errors.len()), (1, 1), "{outcome:#?}");
    assert!(
        errors[0].contains(words),
        "{words:?} is not in {outcome:#?}"
    );
    assert!(outcome.stderr.contains("\nhint: "), "{outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
}

#[test]
fn what_is_read_only_ends_a_loop_which_then_goes_on() {
    let ours = format!("project/{DIRECTORY}");
    let cases = [
        ("project/.autoresearch", "lock` cannot be locked"),
        (&format!("{ours}/lock"), "lock` cannot be locked"),
        (&format!("{ours}/journal.jsonl"), "journal.jsonl"),
        (&format!("{ours}/runs"), "cannot write in"),
        ("project/.git", "cannot use"),
        ("project/.git/objects", "git commit failed"),
        ("project/.git/refs", "git update-ref failed"),
        ("project/.git/worktrees", "cannot use"),
        ("home/.local/state", "cannot be locked"),
        (
            "home/.local/state/autoresearch/worktrees",
            "git worktree add failed",
        ),
    ];
    each(cases, |(name, words)| {
        let it = Loop::new(&"x".repeat(100), "shorter");
        std::fs::create_dir_all(it.place.project().join(DIRECTORY).join("runs")).unwrap();
        if name.ends_with("worktrees") {
            // Those that are there need nothing written.
            std::fs::remove_dir_all(worktrees(&it.place)).unwrap();
            std::fs::create_dir(worktrees(&it.place)).unwrap();
        }
        let path = it.place.outside(name);
        protect(&path, true);
        let ended = it.run();
        protect(&path, false);
        it.assert_untouched();
        assert_ended(&ended, words);
        it.goes_on();
    });
}

/// The limit on a file's size stands for a full disk.
#[test]
fn a_full_disk_ends_a_loop_which_then_goes_on() {
    // The prompt is larger than this.
    let it = Loop::new(&"x".repeat(100), "shorter");
    let ended = it.run_limited(2);
    it.assert_untouched();
    assert_ended(&ended, "prompt.md");
    assert_eq!(events(&it.place, DIRECTORY), "baseline");
    it.goes_on();

    // The journal grows until it is full, as the agent says much.
    let it = Loop::new(&"x".repeat(100), &"word ".repeat(90));
    let mut ended = it.run_limited(8);
    for _ in 0..5 {
        if ended.code == 0 {
            it.assert_untouched();
            ended = it.run_limited(8);
        }
    }
    it.assert_untouched();
    assert_ended(&ended, "journal.jsonl");
    it.goes_on();

    // The target does not fit into a worktree that is to be made anew.
    let it = Loop::new(&"x".repeat(20_000), "shorter");
    std::fs::remove_dir_all(worktrees(&it.place)).unwrap();
    let ended = it.run_limited(16);
    it.assert_untouched();
    assert_ended(&ended, "git worktree add failed");
    assert_eq!(events(&it.place, DIRECTORY), "baseline");
    it.goes_on();
}

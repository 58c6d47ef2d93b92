//! What commands may touch, in bubblewrap and in what the kernel does alone.
//!
//! Needs Debian's package bubblewrap.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::experiments::{journal, lives, wait_until};
use crate::support::{Outcome, PROGRAM, Place, Tier, outcome};

/// Runs the program where this is what confines commands.
pub fn run<S: AsRef<std::ffi::OsStr>>(place: &Place, tier: Tier, arguments: &[S]) -> Outcome {
    outcome(command(place, tier).args(arguments))
}

pub fn command(place: &Place, tier: Tier) -> std::process::Command {
    let mut command = place.command(PROGRAM);
    tier.confine(place, &mut command);
    command
}

fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

const HERE: &str = ".autoresearch/custom/x";

/// A project whose measuring runs `probe.sh`, which knows the checkout as `$P` and the home as `$HOME`,
/// and says with `can NAME COMMAND...` what it can.
fn probing(probe: &str, extra: &str) -> Place {
    let text = format!(
        "can() {{ name=$1; shift; if (\"$@\") >/dev/null 2>&1; then echo \"$name: 1\"; else echo \"$name: 0\"; fi; }}\n{probe}\necho 'n: 1'\n"
    );
    let place = Place::new(&[("t", "t\n"), ("probe.sh", &text), (".gitignore", "data\n")]);
    let project = place.project().display().to_string();
    place.write(
        format!("{HERE}/experiment.toml"),
        format!(
            "version = 1\ntarget = [\"t\"]\nbudget = \"10s\"\n{extra}\n[objective]\nevaluator = \"command\"\nmetric = \"n\"\ndirection = \"lower\"\ndeterministic = true\ncommands.command = [\"sh\", \"probe.sh\"]\n[environment]\nset = {{ P = \"{project}\" }}\n"
        ),
    );
    for path in [
        ".ssh/id",
        ".aws/credentials",
        ".config/gh/hosts.yml",
        ".cargo/credentials.toml",
        ".claude/.credentials.json",
        ".netrc",
    ] {
        let path = place.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "secret\n").unwrap();
    }
    place
}

/// What the probe said that it can, in the baseline.
fn probed(place: &Place, tier: Tier) -> BTreeMap<String, f64> {
    let outcome = run(place, tier, &["run", "-m", "x", "-x", "custom/x"]);
    assert!(
        place.project().join(HERE).join("journal.jsonl").exists(),
        "{outcome:#?}"
    );
    let records = journal(place, HERE);
    let baseline = records.iter().find(|r| r["event"] == "baseline").unwrap();
    assert_eq!(baseline["sandbox"], tier.name(), "{baseline}");
    let measurements = baseline["measurements"].as_array().unwrap();
    measurements
        .iter()
        .map(|m| {
            (
                m["metric"].as_str().unwrap().to_owned(),
                m["samples"][0].as_f64().unwrap(),
            )
        })
        .filter(|(name, _)| name != "n")
        .collect()
}

#[track_caller]
fn assert_can(found: &BTreeMap<String, f64>, names: &[&str]) {
    for name in names {
        assert_eq!(found.get(*name), Some(&1.0), "{name} of {found:?}");
    }
}

#[track_caller]
fn assert_cannot(found: &BTreeMap<String, f64>, names: &[&str]) {
    for name in names {
        assert_eq!(found.get(*name), Some(&0.0), "{name} of {found:?}");
    }
}

const PROBE: &str = r#"
can write_worktree touch new
can write_tmp sh -c 'touch "${TMPDIR:-/tmp}/x"'
can write_checkout sh -c 'echo >> "$P/.autoresearch/custom/x/experiment.toml"'
can write_git touch "$P/.git/hooks/post-commit"
can write_home touch "$HOME/x"
can write_etc touch /etc/x-autoresearch
can read_toolchain sh -c 'command -v git && git --version'
can read_history git log
can read_ssh grep -q . "$HOME/.ssh/id"
can read_aws grep -q . "$HOME/.aws/credentials"
can read_config grep -q . "$HOME/.config/gh/hosts.yml"
can read_cargo grep -q . "$HOME/.cargo/credentials.toml"
can read_agent grep -q . "$HOME/.claude/.credentials.json"
can read_netrc grep -q . "$HOME/.netrc"
can reach_network python3 -c 'import socket; socket.socket(socket.AF_INET).bind(("0.0.0.0", 0)); socket.create_connection(("192.0.2.1", 80), 0.2)'
can make_namespace unshare --user true
can keep_keys python3 -c 'import ctypes; exit(ctypes.CDLL(None).syscall(250, 0, -3, 0) < 0)'
"#;

#[test]
fn an_evaluators_command_touches_its_worktree_and_little_else() {
    for tier in Tier::CONFINED {
        let place = probing(PROBE, "");
        let found = probed(&place, tier);
        assert_can(
            &found,
            &[
                "write_worktree",
                "write_tmp",
                "read_toolchain",
                "read_history",
            ],
        );
        assert_cannot(
            &found,
            &[
                "write_checkout",
                "write_git",
                "write_home",
                "write_etc",
                "read_ssh",
                "read_aws",
                "read_config",
                "read_cargo",
                "read_agent",
                "read_netrc",
                "reach_network",
                "make_namespace",
            ],
        );
        assert!(!place.project().join(".git/hooks/post-commit").exists());
        assert!(!place.home().join("x").exists());
    }
}

#[test]
fn the_owner_widens_it_by_name() {
    let probe = r#"
can read_named cat "$HOME/.secret/x"
can write_named touch "$HOME/.cache/go-build/x"
can write_beside touch "$HOME/.cache/x"
can listen python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()'
can see_variable sh -c '[ "$EXTRA" = yes ]'
"#;
    for tier in Tier::CONFINED {
        let place = probing(
            probe,
            "sandbox.read = [\"~/.secret\"]\nsandbox.write = [\"~/.cache/go-build\"]\nsandbox.network = true\nsandbox.env = [\"EXTRA\"]",
        );
        for directory in [".secret", ".cache/go-build"] {
            std::fs::create_dir_all(place.home().join(directory)).unwrap();
        }
        std::fs::write(place.home().join(".secret/x"), "").unwrap();
        let outcome = outcome(
            command(&place, tier)
                .env("EXTRA", "yes")
                .args(["run", "-m", "x", "-x", "custom/x"]),
        );
        let records = journal(&place, HERE);
        assert!(!records.is_empty(), "{outcome:#?}");
        let found = probed(&place, tier);
        assert_can(
            &found,
            &["read_named", "write_named", "listen", "see_variable"],
        );
        assert_cannot(&found, &["write_beside"]);
        assert!(place.home().join(".cache/go-build/x").exists());
    }
}

#[test]
fn what_is_shared_is_there_and_read_only() {
    let probe = "can read_shared cat data/x\ncan write_shared touch data/y\n";
    for tier in Tier::CONFINED {
        let place = probing(probe, "[workspace]\nshare = [\"data\"]");
        place.write("data/x", "x");
        let found = probed(&place, tier);
        assert_can(&found, &["read_shared"]);
        assert_cannot(&found, &["write_shared"]);
        assert!(!place.project().join("data/y").exists());
    }
}

#[test]
fn commands_see_the_worktree_at_the_projects_own_path() {
    let place = probing(
        "can be_in_place sh -c '[ \"$(pwd)\" = \"$P\" ]'\ncan see_checkout test -e \"$P/mine\"\ncan see_temporary sh -c 'ls -A /tmp | grep -qv \"^\\.tmp\"'",
        "",
    );
    place.write("mine", "not committed");
    let found = probed(&place, Tier::Bubblewrap);
    assert_can(&found, &["be_in_place"]);
    assert_cannot(&found, &["see_checkout"]);
}

/// The first try's record.
fn tried(place: &Place, outcome: &Outcome) -> serde_json::Value {
    let records = journal(place, HERE);
    let tried = records.into_iter().find(|r| r["event"] == "try");
    tried.unwrap_or_else(|| panic!("{outcome:#?}"))
}

#[test]
fn an_agent_writes_its_worktree_and_its_own_settings() {
    for tier in Tier::CONFINED {
        let place = probing("", "");
        let script = place.outside("agent.sh");
        std::fs::write(
            &script,
            "echo better > t\ntouch \"$HOME/.claude/session\" || exit 3\ntouch \"$HOME/x\" && exit 4\ntouch ../x\ncat \"$HOME/.ssh/id\" && exit 6\ngit log >/dev/null || exit 7\ngit commit -qam x && exit 8\ncat >/dev/null || exit 9\necho changed it\n",
        )
        .unwrap();
        let agent = format!("sh {}", script.display());
        let outcome = run(
            &place,
            tier,
            &[
                "run",
                "-x",
                "custom/x",
                "--agent-command",
                &agent,
                "--loop",
                "--max-experiments",
                "1",
                "--json",
            ],
        );
        assert_eq!(
            tried(&place, &outcome)["description"],
            "changed it",
            "{outcome:#?}"
        );
        assert!(place.home().join(".claude/session").exists());
        // Where it succeeds, that is a private `/tmp`.
        assert!(!place.outside("x").exists());
    }
}

#[test]
fn nothing_outlives_a_command() {
    let place = probing(
        "(setsid sh -c 'echo $$ > daemon; exec sleep 60' >/dev/null 2>&1 &)\nwhile [ ! -s daemon ]; do sleep 0.01; done",
        "",
    );
    probed(&place, Tier::Bubblewrap);
    // It is in a namespace of its own, so its name is what it is known by.
    let sleeps = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let home = place.home();
            let path = entry.path();
            std::fs::read(path.join("environ")).is_ok_and(|environment| {
                let home = format!("HOME={}", home.display());
                environment.split(|b| *b == 0).any(|v| v == home.as_bytes())
            }) && std::fs::read_to_string(path.join("comm"))
                .is_ok_and(|name| name.trim() == "sleep")
        })
    };
    assert!(!sleeps());
}

#[test]
fn killed_with_the_program_a_confined_command_is_gone() {
    let place = probing("echo $$ > \"$TMPDIR/x\"; sleep 61.25", "");
    let mut child = command(&place, Tier::Bubblewrap)
        .args(["run", "-m", "x", "-x", "custom/x"])
        .spawn()
        .unwrap();
    let find = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .find_map(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                (line == b"sleep\x0061.25\0")
                    .then(|| entry.file_name().to_str()?.parse::<u32>().ok())?
            })
    };
    wait_until("the command runs", || find().is_some());
    let sleeping = find().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the command is gone", || !lives(sleeping));
}

#[test]
fn a_required_sandbox_that_is_not_there_is_an_error_and_off_is_off() {
    let place = probing("can write_home touch \"$HOME/x\"", "");
    run(&place, Tier::Off, &["run", "-m", "x", "-x", "custom/x"]);
    let records = journal(&place, HERE);
    assert_eq!(records[0]["sandbox"], "none");
    assert!(place.home().join("x").exists());

    let wrong = outcome(
        place
            .command(PROGRAM)
            .env("AUTORESEARCH_SANDBOX", "maybe")
            .args(["run", "-m", "x", "-x", "custom/x"]),
    );
    wrong.fails(3, "AUTORESEARCH_SANDBOX");
}

#[test]
fn what_uses_too_much_is_ended_and_told() {
    for (probe, limit, words) in [
        (
            "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i + 1)); done; wait",
            "command_processes = 40",
            "command_processes",
        ),
        (
            "python3 -c 'import time; x = b\"x\" * (200 << 20); time.sleep(5)' || exit 5",
            "command_memory_mib = 64",
            "",
        ),
        (
            "head -c 3000000 /dev/zero > big || exit 5; exit 0",
            "command_file_mib = 1",
            "",
        ),
    ] {
        let place = probing(probe, &format!("[limits]\n{limit}"));
        let outcome = run(
            &place,
            Tier::Bubblewrap,
            &["run", "-m", "x", "-x", "custom/x"],
        );
        assert_ne!(outcome.code, 0, "{probe} {outcome:#?}");
        assert!(
            outcome
                .stderr
                .contains("error: the baseline cannot be measured"),
            "{probe} {outcome:#?}"
        );
        assert!(outcome.stderr.contains(words), "{probe} {outcome:#?}");
    }
}

/// As npm installs an agent: a link to a package that lies elsewhere, in what is hidden.
#[test]
fn a_program_finds_the_package_that_it_is_of() {
    for tier in Tier::CONFINED {
        let place = probing("", "");
        let package = place.home().join(".programs/lib/node_modules/an_agent/bin");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("../words"), "changed it\n").unwrap();
        let program = package.join("an_agent");
        executable(
            &program,
            "#!/bin/sh\ncat >/dev/null\necho better > t\ncat \"$(dirname \"$(readlink -f \"$0\")\")/../words\"\n",
        );
        let programs = place.outside("programs");
        std::fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(&program, programs.join("an_agent")).unwrap();
        let mut command = command(&place, tier);
        let path = command
            .get_envs()
            .find_map(|(name, value)| value.filter(|_| name == "PATH"))
            .map_or_else(|| std::env::var_os("PATH").unwrap(), OsString::from);
        let path = [programs].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(path).unwrap());
        command.args([
            "run",
            "-x",
            "custom/x",
            "--agent-command",
            "an_agent",
            "--loop",
            "--max-experiments",
            "1",
        ]);
        let outcome = outcome(&mut command);
        assert_eq!(
            tried(&place, &outcome)["description"],
            "changed it",
            "{outcome:#?}"
        );
    }
}

/// What a command used counts as the program's: else it would be taken for somebody else's work, which
/// makes times doubtful.
#[test]
#[expect(clippy::zombie_processes, reason = "it is waited for, by `wait4`")]
fn what_a_confined_command_used_is_accounted_for() {
    for tier in Tier::CONFINED {
        let place = probing("", "");
        place.write(
            "spin.sh",
            "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done\n",
        );
        let mut command = command(&place, tier);
        command.args([
            "evaluate",
            "-e",
            "benchmark_speed",
            "-c",
            "benchmark=sh spin.sh",
            "--metric",
            "user_ms",
        ]);
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        let mut status = 0;
        // SAFETY: rusage is plain data, for which zeroes are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointers outlive the call.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        assert_eq!((waited, status), (pid, 0));
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut child.stdout.unwrap(), &mut printed).unwrap();
        let of_one: f64 = printed
            .lines()
            .find_map(|line| line.strip_prefix("user_ms: "))
            .unwrap()
            .parse()
            .unwrap();
        let of_all = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000;
        assert!(of_all as f64 > 3.0 * of_one, "{of_all} ms: {printed}");
    }
}

//! The commands behind a role: what runs, what it gets, what is left when it ends badly.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use autoresearch::process::{
    self, Cancel, CommandLine, Exit, Launcher, RunError, TRANSCRIPT_LIMIT,
};

use crate::support::{Outcome, PROGRAM, Place};

/// A hard limit of 500 ms, and little patience after it.
const SHORT: &[&str] = &["--budget", "200ms", "--limit", "command_grace_ms=200"];

fn measure(place: &Place, command: &str, arguments: &[&str]) -> Outcome {
    let outcome = place.run(&[&["evaluate", "--eval", command], arguments].concat());
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:#?}");
    assert!(outcome.stderr.len() < 20_000, "{}", outcome.stderr.len());
    outcome
}

const SMALL_GRACE: &[&str] = &["--limit", "command_grace_ms=200"];

/// Seconds to sleep that no other process of this machine sleeps.
fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("7531.{:07}{number:03}", std::process::id())
}

/// The processes with a marker in their command line.
fn marked(marker: &str) -> Vec<String> {
    found(marker).into_iter().map(|(line, _)| line).collect()
}

/// The states of the processes with a marker: `T` is stopped.
fn states(marker: &str) -> String {
    found(marker).into_iter().map(|(_, state)| state).collect()
}

fn found(marker: &str) -> Vec<(String, char)> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let line = std::fs::read(path.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let stat = std::fs::read_to_string(path.join("stat")).ok()?;
            let (_, state) = stat.rsplit_once(") ")?;
            line.contains(marker)
                .then_some((line, state.chars().next()?))
        })
        .collect()
}

#[track_caller]
fn wait_for_states(marker: &str, expected: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while states(marker) != expected {
        assert!(Instant::now() < end, "{}", states(marker));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn send(host: &Child, signal: i32) {
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(host.id().cast_signed(), signal) };
}

/// What a program left that must end by itself, and soon.
#[track_caller]
fn end_of(mut host: Child) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    while host.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it did not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    crate::support::left(host)
}

#[track_caller]
fn assert_none_within(marker: &str, patience: Duration) {
    let end = Instant::now() + patience;
    while !marked(marker).is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(marked(marker), Vec::<String>::new());
}

/// Waits until at least `count` processes have a marker.
#[track_caller]
fn wait_for(marker: &str, count: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    while marked(marker).len() < count {
        assert!(Instant::now() < end, "{:?}", marked(marker));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A command for [`run`].
struct Direct {
    line: CommandLine,
    grace: Duration,
    input: Option<PathBuf>,
    transcript: Option<PathBuf>,
}

fn direct(line: &str) -> Direct {
    Direct {
        line: CommandLine::from_text(line).unwrap(),
        grace: Duration::from_secs(1),
        input: None,
        transcript: None,
    }
}

/// Runs a command without an evaluator around it.
fn run(command: &Direct, cancel: &Cancel) -> Result<process::Output, RunError> {
    let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())];
    let command = process::Command {
        confinement: &autoresearch::sandbox::Confinement::none(),
        line: &command.line,
        directory: Path::new("/"),
        environment: &environment,
        cpus: &[],
        deadline: Duration::from_secs(20),
        grace: command.grace,
        output_limit: 1000,
        input: command.input.as_deref(),
        transcript: command.transcript.as_deref(),
    };
    process::run(&Launcher::at(PROGRAM), &command, cancel)
}

#[test]
fn a_shell_runs_only_what_needs_one() {
    let place = Place::bare("project");
    let direct = measure(&place, "printf 'x: 1'", &["--verbose"]);
    assert!(
        direct
            .stderr
            .contains(r#"command: running directly: ["printf", "x: 1"]"#),
        "{direct:#?}"
    );
    assert_eq!(direct.succeeds(), "x: 1\n");
    let shell = measure(&place, "printf 'x: 1' | cat", &["--verbose"]);
    assert!(
        shell
            .stderr
            .contains(r#"command: running with sh -c: ["sh", "-c", "printf 'x: 1' | cat"]"#),
        "{shell:#?}"
    );
    assert_eq!(shell.succeeds(), "x: 1\n");
}

#[test]
fn commands_that_fail() {
    let place = Place::bare("project");
    place.write("plain.txt", "x: 1\n");
    place.write("no_interpreter", "#!/no/such/interpreter\n");
    make_executable(&place, "no_interpreter");
    for (command, code, words, detail) in [
        (
            "echo one >&2; echo two >&2; exit 3",
            6,
            "the `command` command failed with exit code 3",
            "  one\n  two\n",
        ),
        (
            "echo 'x: 1'; exit 255",
            6,
            "failed with exit code 255",
            "  x: 1\n",
        ),
        (
            r"printf '\033[31mred\033[0m\r\033]0;t\007\342\200\256end\n' >&2; exit 1",
            6,
            "failed with exit code 1",
            "  red\n  end\n",
        ),
        ("kill -SEGV $$", 6, "was ended by signal 11", ""),
        ("kill -KILL $$", 6, "was ended by signal 9", ""),
        // Not ignored, as it is in a Rust program.
        ("kill -PIPE $$", 6, "was ended by signal 13", ""),
        ("kill -KILL 0", 6, "was ended by signal 9", ""),
        ("echo hello", 6, "gave no metric", "  hello\n"),
        ("echo x: nan", 6, "gave no metric", "  x: nan\n"),
        ("true", 6, "gave no metric", ""),
        ("exec >&-", 6, "gave no metric", ""),
        ("no_such_program x", 6, "cannot start `no_such_program`", ""),
        ("./plain.txt", 6, "cannot start `./plain.txt`", ""),
        ("./no_interpreter", 6, "cannot start `./no_interpreter`", ""),
        ("./", 6, "cannot start `./`", ""),
        ("echo 'open", 3, "a quote that does not close", ""),
        (" ", 3, "the command is empty", ""),
    ] {
        let outcome = measure(&place, command, &[]).fails(code, words);
        assert!(
            outcome.stderr.contains(detail),
            "{command}: {detail:?} is not in {outcome:#?}"
        );
    }
}

/// Each is the body of a script that gets the marker as `$1` and never ends by itself.
#[test]
fn at_the_deadline_nothing_survives() {
    for script in [
        r#"sleep "$1""#,
        r#"exec sleep "$1""#,
        r#"sleep "$1" & wait"#,
        // Pretends that it had come to its end.
        r#"trap 'echo x: 1; exit 0' TERM; sleep "$1" & wait"#,
        // Deaf to TERM, all of them.
        r#"trap "" TERM; sleep "$1" & sleep "$1"; sleep "$1""#,
        // A session of its own, and a daemon: no parent, no output held.
        r#"setsid sleep "$1" & sleep "$1""#,
        r#"(setsid sh -c 'sleep "$0" & sleep "$0"' "$1" >/dev/null 2>&1 &); sleep "$1""#,
        // A daemon that is deaf and comes back.
        r#"(setsid sh -c 'trap "" TERM; while :; do setsid sleep "$0"; done' "$1" >/dev/null 2>&1 &)
           sleep "$1""#,
        // Deeper than a signal to the children reaches, and stopped.
        r#"sh -c 'sh -c "sh -c \"setsid sleep $0 & kill -STOP \\\$\\\$\" & wait" & wait' "$1" & sleep "$1""#,
    ] {
        let place = Place::bare("project");
        place.write("script", script);
        let marker = marker();
        measure(&place, &format!("sh script {marker}"), SHORT)
            .fails(6, "the `command` command did not end in time");
        assert_none_within(&marker, Duration::ZERO);
    }
}

#[test]
fn what_a_command_leaves_behind_is_ended_with_a_warning() {
    let place = Place::bare("project");
    for script in [
        r#"sleep "$1" & echo x: 1"#,
        r#"setsid sleep "$1" & echo x: 1"#,
        r#"(setsid sh -c 'trap "" TERM; exec sleep "$0"' "$1" >/dev/null 2>&1 &); sleep 0.1; echo x: 1"#,
    ] {
        place.write("script", script);
        let marker = marker();
        let outcome = measure(&place, &format!("sh script {marker}"), &[]);
        assert!(
            outcome
                .stderr
                .contains("warning: the command for `command` left 1 process running; killed"),
            "{outcome:#?}"
        );
        assert_eq!(outcome.succeeds(), "x: 1\n");
        assert_none_within(&marker, Duration::ZERO);
    }
}

#[test]
fn endless_output_is_bounded() {
    let place = Place::bare("project");
    measure(&place, "yes", SHORT).fails(6, "did not end in time");
    measure(&place, "yes >&2", SHORT).fails(6, "did not end in time");
    measure(&place, "cat /dev/zero", SHORT).fails(6, "did not end in time");
}

#[test]
fn of_much_output_the_end_counts() {
    let place = Place::bare("project");
    let outcome = measure(
        &place,
        "echo x: 7; head -c 50000000 /dev/zero; echo; echo y: 2; echo x: 1",
        &[],
    );
    assert!(
        outcome.stderr.contains("only the end was read"),
        "{outcome:#?}"
    );
    assert_eq!(outcome.succeeds(), "y: 2\nx: 1\n");
}

#[test]
fn a_command_that_kills_its_launcher_fails_and_leaves_nothing() {
    for script in [
        "kill -9 $PPID; sleep $1",
        "setsid sleep $1 & kill -9 $PPID; sleep $1",
        r#"(setsid sh -c 'trap "" TERM; sleep "$0" & sleep "$0"' "$1" >/dev/null 2>&1 &)
           sleep 0.1; kill -9 $PPID; sleep $1"#,
        "kill -9 $PPID; echo x: 1",
    ] {
        let place = Place::bare("project").unconfined("in one nobody can kill the launcher");
        place.write("script", script);
        let marker = marker();
        measure(&place, &format!("sh script {marker}"), &["--budget", "10s"])
            .fails(6, "was ended by signal 9");
        assert_none_within(&marker, Duration::ZERO);
    }
}

/// Takes the launcher's slack of ten seconds.
#[test]
fn a_command_that_stops_its_launcher_fails_and_leaves_nothing() {
    let place = Place::bare("project");
    place.write("script", "setsid sleep $1 & kill -STOP $PPID; sleep $1");
    let marker = marker();
    let outcome = measure(&place, &format!("sh script {marker}"), SHORT);
    outcome.fails(6, "did not end in time");
    assert_none_within(&marker, Duration::ZERO);
}

#[test]
fn a_killed_host_leaves_nothing() {
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let place = Place::bare("project");
        place.write(
            "script",
            r#"trap "" TERM INT HUP
               (setsid sh -c 'trap "" TERM; sleep "$0" & sleep "$0"' "$1" >/dev/null 2>&1 &)
               sleep "$1""#,
        );
        let marker = marker();
        let host = start(&place, &format!("sh script {marker}"), SMALL_GRACE);
        // The host, the script, its three sleeps and their shell.
        wait_for(&marker, 6);
        send(&host, signal);
        let ended = end_of(host);
        if signal == libc::SIGKILL {
            assert_eq!(ended.code, -1);
            // The grace after TERM, and some.
            assert_none_within(&marker, Duration::from_secs(6));
        } else {
            assert_none_within(&marker, Duration::ZERO);
            ended.fails(128 + signal, "stopped");
        }
    }
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let place = Place::bare("project");
    place.write(
        "script",
        r#"trap "" TERM; sleep "$1" & sleep "$1"; sleep "$1""#,
    );
    let marker = marker();
    let grace = ["--limit", "command_grace_ms=6000"];
    let host = start(&place, &format!("sh script {marker}"), &grace);
    wait_for(&marker, 4);
    let start = Instant::now();
    send(&host, libc::SIGTERM);
    // The same wish, as from `timeout`, which sends it to the process and to its group.
    send(&host, libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(marked(&marker).len(), 4, "{:?}", marked(&marker));
    send(&host, libc::SIGINT);
    assert_eq!(end_of(host).code, 130);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_none_within(&marker, Duration::from_secs(15));
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let place = Place::bare("project");
    let marker = marker();
    let script = format!(r#"trap "" HUP; exec "{PROGRAM}" evaluate --eval "$0""#);
    let host = place
        .command("sh")
        .args(["-c", &script, &format!("sleep 2; echo x: 1; : {marker}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The host and the command's shell.
    wait_for(&marker, 2);
    send(&host, libc::SIGHUP);
    assert_eq!(end_of(host).succeeds(), "x: 1\n");
}

/// The stop is longer than the command and the evaluation may take.
#[test]
fn a_stopped_program_stops_its_commands_and_their_time() {
    let place = Place::bare("project");
    place.write(
        "script",
        r#"(setsid sleep "$1" >/dev/null 2>&1 &)
           for i in 1 2 3 4; do sleep 0.3; done; echo x: 1"#,
    );
    let marker = marker();
    // A hard limit of 5 s.
    let arguments = ["--budget", "2s"];
    let host = start(&place, &format!("sh script {marker}"), &arguments);
    // The host, the script and the daemon.
    wait_for(&marker, 3);
    send(&host, libc::SIGTSTP);
    wait_for_states(&marker, "TTT");
    std::thread::sleep(Duration::from_secs(6));
    // One that was stopped while it waits for its child to start a program stays in that wait.
    let stopped = states(&marker);
    assert!(
        stopped.bytes().all(|state| b"TD".contains(&state)),
        "{stopped}"
    );
    send(&host, libc::SIGCONT);
    assert_eq!(end_of(host).succeeds(), "x: 1\n");
    assert_none_within(&marker, Duration::ZERO);
}

#[test]
fn a_stopped_program_can_be_ended() {
    let place = Place::bare("project");
    place.write(
        "script",
        r#"(setsid sleep "$1" >/dev/null 2>&1 &) ; sleep "$1""#,
    );
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let marker = marker();
        let host = start(&place, &format!("sh script {marker}"), SMALL_GRACE);
        // The host, the script and its two sleeps.
        wait_for(&marker, 4);
        send(&host, libc::SIGTSTP);
        wait_for_states(&marker, "TTTT");
        send(&host, signal);
        send(&host, libc::SIGCONT);
        let ended = end_of(host);
        if signal == libc::SIGKILL {
            assert_eq!(ended.code, -1);
            // The grace after TERM, and some.
            assert_none_within(&marker, Duration::from_secs(6));
        } else {
            assert_none_within(&marker, Duration::ZERO);
            ended.fails(143, "stopped");
        }
    }
}

#[test]
fn the_environment_is_what_is_declared() {
    let place = Place::bare("project");
    let names = |arguments: &[&str]| -> Vec<String> {
        let mut command = place.command(PROGRAM);
        command
            .args(["evaluate", "--eval", "env > seen; echo x: 1"])
            .args(arguments)
            .env("SECRET_TOKEN", "hunter2")
            .env("LD_LIBRARY_PATH", "/tmp")
            .env("GIT_DIR", "/tmp");
        crate::support::outcome(&mut command).succeeds();
        let mut seen: Vec<String> = place.read("seen").lines().map(str::to_owned).collect();
        seen.sort();
        seen
    };
    let allowed = [
        "HOME",
        "PATH",
        "XDG_CACHE_HOME",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        // A sandbox's own.
        "TMPDIR",
        "CARGO_NET_OFFLINE",
        "GOPROXY",
        "GOTOOLCHAIN",
        "PIP_NO_INDEX",
        "UV_NO_SYNC",
        "UV_OFFLINE",
        "UV_PYTHON_DOWNLOADS",
        "YARN_ENABLE_NETWORK",
        "YARN_ENABLE_TELEMETRY",
        "npm_config_offline",
        "npm_config_update_notifier",
    ];
    let seen = names(&[]);
    for line in &seen {
        let name = line.split('=').next().unwrap();
        assert!(allowed.contains(&name), "{line}");
    }
    let seen = names(&[
        "--env",
        "SECRET_TOKEN",
        "--env",
        "A=b=c",
        "--env",
        "NOT_SET",
    ]);
    assert!(
        seen.contains(&"SECRET_TOKEN=hunter2".to_owned()),
        "{seen:?}"
    );
    assert!(seen.contains(&"A=b=c".to_owned()), "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with("NOT_SET")));
}

#[test]
fn no_descriptor_but_the_standard_three_is_passed_on() {
    let place = Place::bare("project");
    place.write("secret", "hunter2");
    let outcome = crate::support::outcome(place.command("sh").args([
        "-c",
        r#"exec 7<secret; exec "$@""#,
        "sh",
        PROGRAM,
        "evaluate",
        "--eval",
        "readlink /proc/self/fd/7",
    ]));
    outcome.fails(6, "failed with exit code 1, and it printed nothing");
}

#[test]
fn benchmarks_are_timed_and_stop_at_the_first_failure() {
    let place = Place::bare("project");
    let speed = |command: &str| {
        let bound = format!("benchmark={command}");
        place.run(&[
            "evaluate",
            "-e",
            "benchmark_speed",
            "-c",
            &bound,
            "--set",
            "runs=3",
        ])
    };
    let output = speed("sleep 0.05").succeeds();
    let p50: f64 = output.lines().next().unwrap()["p50_ms: ".len()..]
        .parse()
        .unwrap();
    assert!(p50 >= 50.0, "{output}");
    speed("echo x >> seen; exit 4").fails(6, "the `benchmark` command failed with exit code 4");
    assert_eq!(place.read("seen"), "x\n");
    // The directory is gone after the first run.
    let place = Place::bare("project").unconfined("in a sandbox it cannot be removed");
    let remove = r#"benchmark=rm -rf "$PWD""#;
    place
        .run(&["evaluate", "-e", "benchmark_speed", "-c", remove])
        .fails(6, "is gone");
}

#[test]
fn there_is_no_standard_input() {
    let place = Place::bare("project");
    let mut host = place
        .command(PROGRAM)
        .args(["evaluate", "--eval", "cat; echo x: 1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Held open until the end.
    let input = host.stdin.take();
    let output = host.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"x: 1\n");
    drop(input);
}

#[test]
fn there_is_no_terminal_to_ask_on() {
    let place = Place::bare("project");
    let eval = "(: < /dev/tty) 2>/dev/null && echo x: 1 || echo x: 0";
    let inner = format!("'{PROGRAM}' evaluate --eval '{eval}'");
    let outcome =
        crate::support::outcome(place.command("script").args(["-qec", &inner, "/dev/null"]));
    assert_eq!(outcome.succeeds().trim_end(), "x: 0");
}

#[test]
fn output_that_is_not_plain_text_is_read() {
    let place = Place::bare("project");
    for (command, value) in [
        (r"printf '\377\376\000\nx: 3\n\200\n'", "x: 3\n"),
        (
            r"printf '\033[32mx\033[0m: \033[1m4.5\033[0m ms\n'",
            "x: 4.5\n",
        ),
        (r"printf 'x: 1\rx: 2\rx: 3\r\n'", "x: 3\n"),
        (r"printf 'x: 1\nx: 2'", "x: 2\n"),
        (r"printf 'x: 1e400\nx: inf\nx: 5\n'", "x: 5\n"),
        (r"printf 'X: 1\n../x: 2\n\033]0;x: 9\007x: 6\n'", "x: 6\n"),
        ("head -c 100000 /dev/urandom; echo; echo x: 1", "x: 1\n"),
    ] {
        let outcome = measure(&place, command, &["--metric", "x"]);
        assert_eq!(
            outcome.succeeds().lines().next(),
            value.lines().next(),
            "{command}"
        );
    }
}

#[test]
fn any_directory_can_be_measured() {
    for name in [
        &b"with space"[..],
        b"q'uo\"te",
        b"line\nbreak",
        b"caf\xe9",
        b"$(touch pwned)",
        b"-dash",
        b"\x1b[31mred",
    ] {
        let name = OsStr::from_bytes(name);
        let place = Place::named(name, &[("here.txt", "")]);
        let eval = "test -f here.txt && echo x: 1";
        assert_eq!(measure(&place, eval, &[]).succeeds(), "x: 1\n", "{name:?}");
        let mut elsewhere = place.command(PROGRAM);
        elsewhere
            .current_dir(place.home())
            .args(["evaluate", "--eval", eval, "--path"])
            .arg(place.project());
        assert_eq!(
            crate::support::outcome(&mut elsewhere).succeeds(),
            "x: 1\n",
            "{name:?}"
        );
        let failed = measure(&place, "exit 3", &[]).fails(6, "exit code 3");
        assert!(!failed.stderr.contains('\u{1b}'), "{failed:#?}");
        assert!(!place.home().join("pwned").exists());
    }
}

#[test]
fn a_program_is_found_in_the_measured_directory_only_by_path() {
    let place = Place::bare("project");
    place.write("tool", "#!/bin/sh\necho x: 1\n");
    make_executable(&place, "tool");
    measure(&place, "tool", &[]).fails(6, "cannot start `tool`");
    assert_eq!(measure(&place, "./tool", &[]).succeeds(), "x: 1\n");
}

/// The kernel carries a parent's peak over to what it starts: the launcher stands between.
#[test]
fn peak_memory_is_the_commands_own() {
    let ballast = vec![1_u8; 500 << 20];
    let output = run(&direct("/bin/true"), &Cancel::default()).unwrap();
    assert_eq!(
        ballast
            .iter()
            .step_by(4096)
            .filter(|&&byte| byte == 1)
            .count(),
        (500 << 20) / 4096
    );
    assert_eq!(output.exit, Exit::Code(0));
    let kilobytes = output.usage.peak_rss_bytes / 1024;
    #[expect(clippy::disallowed_macros, reason = "a figure for who runs the tests")]
    {
        println!("/bin/true from a parent of 500 MB: {kilobytes} kB");
    }
    assert!((1..8 << 10).contains(&kilobytes), "{kilobytes} kB");
}

#[test]
fn a_file_is_standard_input() {
    let place = Place::bare("project");
    let name = OsStr::from_bytes(b"a prompt, caf\xe9");
    place.write(name, "first\nsecond\n");
    let mut command = direct("cat");
    command.input = Some(place.project().join(name));
    let output = run(&command, &Cancel::default()).unwrap();
    assert_eq!(output.exit, Exit::Code(0));
    assert_eq!(output.stdout.bytes, b"first\nsecond\n");
}

#[test]
fn what_cannot_be_standard_input_is_told() {
    let place = Place::bare("project");
    crate::support::outcome(place.command("mkfifo").arg("fifo")).succeeds();
    for (name, words) in [
        ("gone", "cannot be opened: No such file"),
        (".", "is not a file"),
        ("fifo", "is not a file"),
    ] {
        let mut command = direct("cat");
        command.input = Some(place.project().join(name));
        let error = run(&command, &Cancel::default()).unwrap_err();
        assert!(matches!(error, RunError::NotStarted { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.starts_with("cannot start `cat`: "), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_transcript_has_both_streams_up_to_a_limit() {
    let place = Place::bare("project");
    let path = place.project().join("transcript");
    let mut command = direct("echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three");
    command.transcript = Some(path.clone());
    let output = run(&command, &Cancel::default()).unwrap();
    assert_eq!(output.stdout.bytes, b"one\nthree\n");
    assert_eq!(output.stderr.bytes, b"two\n");
    assert_eq!(place.read("transcript"), "one\ntwo\nthree\n");

    let mut command = direct("head -c 70000000 /dev/zero; echo; echo the end");
    command.transcript = Some(path.clone());
    let output = run(&command, &Cancel::default()).unwrap();
    assert_eq!(output.stdout.bytes, b"the end\n");
    let size = path.metadata().unwrap().len();
    assert!(
        (TRANSCRIPT_LIMIT..TRANSCRIPT_LIMIT + 100).contains(&size),
        "{size}"
    );
    let last = std::fs::read(&path).unwrap();
    assert!(last.ends_with(b"\n[the rest was dropped: the transcript is full]\n"));

    let mut command = direct("echo one");
    command.transcript = Some(place.project().join("gone/transcript"));
    let output = run(&command, &Cancel::default()).unwrap();
    assert_eq!(output.stdout.bytes, b"one\n");
}

#[test]
fn commands_under_one_cancel_end_together_with_their_daemons() {
    let cancel = Cancel::default();
    // One that is done, first.
    assert_eq!(run(&direct("true"), &cancel).unwrap().exit, Exit::Code(0));
    assert!(!cancel.is_cancelled());
    let marker = marker();
    let script = format!(
        r#"(setsid sh -c 'trap "" TERM; sleep "$0" & sleep "$0"' {marker} >/dev/null 2>&1 &)
           sleep {marker}"#
    );
    std::thread::scope(|scope| {
        let commands = [(); 2].map(|()| scope.spawn(|| run(&direct(&script), &cancel).unwrap()));
        // Of each: the script, its three sleeps and their shell.
        wait_for(&marker, 10);
        cancel.cancel();
        for command in commands {
            assert_eq!(command.join().unwrap().exit, Exit::Cancelled);
        }
    });
    assert_none_within(&marker, Duration::ZERO);
    assert!(cancel.is_cancelled());
    let late = format!("sleep {marker}");
    let late = run(&direct(&late), &cancel).unwrap();
    assert_eq!(late.exit, Exit::Cancelled);
}

fn make_executable(place: &Place, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.project().join(name), permissions).unwrap();
}

fn start(place: &Place, command: &str, arguments: &[&str]) -> Child {
    let mut host = place.command(PROGRAM);
    host.args(["evaluate", "--eval", command])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    host.spawn().unwrap()
}

#[test]
fn a_helper_that_ends_by_itself_is_nothing_to_warn_of() {
    let place = Place::bare("project");
    let command = "(sleep 0.01 &) ; (sleep 0.02 &) ; sleep 0.2; echo a: 1";
    let outcome = place.run(&["evaluate", "--eval", command]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{outcome:#?}"
    );
}

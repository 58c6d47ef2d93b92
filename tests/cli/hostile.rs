//! Evaluators that mean harm or are broken, each within its limits and with a clear end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoresearch::host::{EvaluateError, Evaluation, Host, LIMIT_NAMES, Limits};
use autoresearch::process::{self, Cancel, CommandLine, Launcher};
use autoresearch::sandbox::Confinement;

use crate::guests::{self, Descriptor, VERSION, component, component_with};
use crate::support::{Outcome, PROGRAM, Place};

/// Long for what computes without end, short for whoever waits: the hard limit is 500 ms.
const SHORT: &[&str] = &["--budget", "200ms"];
/// For what a slow machine must reach another limit in.
const LONG: &[&str] = &["--budget", "20s"];

/// A place with an evaluator `x.wasm` and one that works, `good.wasm`.
fn place(evaluator: impl AsRef<[u8]>) -> Place {
    let place = Place::bare("project");
    place.write("x.wasm", evaluator);
    place.write("good.wasm", component("good"));
    place
}

fn evaluate(place: &Place, arguments: &[&str]) -> Outcome {
    let fixed = ["evaluate", "--evaluator", "./x.wasm"];
    let outcome = place.run(&[&fixed, arguments].concat());
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:#?}");
    assert!(
        outcome.stderr.len() < 100_000,
        "{} bytes",
        outcome.stderr.len()
    );
    let good = place.run(&["evaluate", "--evaluator", "./good.wasm"]);
    assert_eq!(good.succeeds(), "value: 1\n");
    outcome
}

/// One test a guest: its name, more arguments, the exit code, words of the message.
macro_rules! guests_that_fail {
    ($($name:ident $arguments:expr, $code:literal, $words:literal;)*) => {$(
        #[test]
        fn $name() {
            let place = place(component(stringify!($name)));
            evaluate(&place, $arguments).fails($code, $words);
        }
    )*};
}

guests_that_fail! {
    spin SHORT, 6, "took longer than its limit of 500ms";
    spin_in_host SHORT, 6, "took longer than its limit of 500ms";
    warn_forever SHORT, 6, "took longer than its limit of 500ms";
    write_nothing SHORT, 6, "took longer than its limit of 500ms";
    sleep SHORT, 6, "took longer than its limit of 500ms";
    spin_at_start &["--limit", "describe_ms=300"], 5, "cannot describe itself: the evaluation took longer than its limit of 300ms";
    spin_in_describe &["--limit", "describe_ms=300"], 5, "cannot describe itself: the evaluation took longer than its limit of 300ms";
    spin_after_return SHORT, 6, "took longer than its limit of 500ms";
    realloc_spins &["--budget", "200ms", "--target", "a.txt"], 6, "took longer than its limit of 500ms";

    recurse LONG, 5, "crashed: wasm trap: call stack exhausted";
    memory_bomb LONG, 5, "over its limit `memory_mib` (256 MiB)";
    memory_at_start LONG, 5, "over its limit `memory_mib` (256 MiB)";
    table_bomb LONG, 5, "over its limit `table_elements` (1000000 elements)";
    table_at_start LONG, 5, "over its limit `table_elements` (1000000 elements)";
    handle_bomb LONG, 5, "over its limit `handles`";
    write_huge LONG, 5, "over its limit `call_mib`";
    log_bytes &["--budget", "20s", "--limit", "host_mib=8"], 5, "over its limit `host_mib` (8 MiB)";
    same_samples_often LONG, 5, "over its limit `call_mib`";

    million_metrics LONG, 5, "broke the contract: it reported 1000000 metrics; the limit is 64";
    million_samples LONG, 5, "over its limit `call_mib`";
    no_metrics LONG, 5, "broke the contract: it reported no measurement";
    no_samples LONG, 5, "broke the contract: it reported 0 samples of `value`";
    nan LONG, 5, "broke the contract: it reported `value` as NaN";
    infinity LONG, 5, "broke the contract: it reported `value` as -inf";
    undeclared_metric LONG, 5, "broke the contract: it reported `other_m`, which it does not declare";
    duplicate_metric LONG, 5, "broke the contract: it reported `value` twice";
    bad_metric_name LONG, 5, "broke the contract: the metric name `value error: no` has not the form of one";

    string_out_of_bounds LONG, 5, "crashed: ";
    result_out_of_bounds LONG, 5, "crashed: ";
    result_misaligned LONG, 5, "crashed: ";
    result_of_no_case LONG, 5, "crashed: ";
    name_not_utf8 LONG, 5, "crashed: ";
    realloc_lies &["--target", "a.txt"], 5, "crashed: ";
    unknown_handle LONG, 5, "crashed: ";
    call_after_return LONG, 5, "crashed: ";
    trap_in_describe LONG, 5, "cannot describe itself: the evaluator crashed";
    exit LONG, 5, "crashed: it called exit(0)";

    ask_role LONG, 5, "no command is bound to the role `work`";
    ask_bad_role &["--command", "work=true"], 5, "it asked for a role by something that is not a name";
    ask_model LONG, 5, "no language model";
    fail_huge LONG, 5, "could not measure: yyyyyyyyyy";

    http LONG, 5, "imports `wasi:http/outgoing-handler@0.2.0`, which evaluators do not get";
    teapot LONG, 5, "`wasi:cli/teapot@0.2.0`";
}

#[test]
fn every_guest_is_used() {
    let tests = concat!(
        include_str!("hostile.rs"),
        include_str!("model.rs"),
        include_str!("check.rs")
    );
    for name in guests::names() {
        assert!(
            tests.contains(&format!("    {name} ")) || tests.contains(&format!("\"{name}\"")),
            "{name}"
        );
    }
}

#[test]
fn a_trap_shows_the_guests_backtrace() {
    let place = place(component("trap"));
    let outcome = evaluate(&place, LONG).fails(5, "crashed: wasm trap: wasm `unreachable`");
    assert!(
        outcome.stderr.contains("the_function_that_traps"),
        "{outcome:#?}"
    );
}

#[test]
fn host_calls_are_limited() {
    let place = place(component("spin_in_host"));
    let arguments = ["--budget", "20s", "--limit", "host_calls=1000"];
    evaluate(&place, &arguments).fails(5, "over its limit `host_calls` (1000 calls)");
}

#[test]
fn commands_are_limited_bound_or_not() {
    let place = place(component("ask_role_forever"));
    let limit = ["--budget", "20s", "--limit", "commands=3"];
    evaluate(&place, &[&limit[..], &["--command", "work=true"]].concat())
        .fails(5, "over its limit `commands` (3 commands)");
    evaluate(&place, LONG).fails(5, "over its limit `commands` (10000 commands)");
}

#[test]
fn no_command_starts_or_goes_on_after_the_deadline() {
    for (guest, command) in [
        ("run_then_spin", "sleep 1000"),
        ("ask_role_forever", "sleep 1000"),
        ("ask_role_forever", "trap '' TERM; sleep 1000; sleep 1000"),
    ] {
        let place = place(component(guest));
        let command = format!("work={command}");
        let arguments = ["--limit", "command_grace_ms=100", "--command", &command];
        let outcome = evaluate(&place, &[SHORT, &arguments, &["--verbose"]].concat());
        assert_eq!(outcome.stderr.matches("work: running").count(), 1);
        outcome.fails(6, "took longer");
    }
}

#[test]
fn limits_can_be_set_to_anything() {
    let place = place(component("good"));
    for name in LIMIT_NAMES {
        for value in [0, 1, u32::MAX] {
            let limit = format!("{name}={value}");
            let outcome = place.run(&["evaluate", "-e", "./x.wasm", "--limit", &limit]);
            // This machine does not have it.
            let refused = if *name == "cpus" { 3 } else { 5 };
            match outcome.code {
                0 => assert_eq!(outcome.stdout, "value: 1\n"),
                code => assert!(
                    code == refused && !outcome.fails(refused, "").stderr.is_empty(),
                    "{limit}"
                ),
            }
        }
    }
}

#[test]
fn what_a_guest_prints_is_shown_when_it_fails_and_only_its_end() {
    let place = place(component("flood"));
    let outcome = evaluate(&place, LONG).fails(5, "crashed");
    assert!(outcome.stderr.contains("the last words"), "{outcome:#?}");
    assert!(outcome.stderr.len() < 20_000, "{}", outcome.stderr.len());
}

#[test]
fn what_a_guest_prints_is_shown_when_its_time_is_up() {
    let place = place(component("print_then_spin"));
    let outcome = evaluate(&place, SHORT).fails(6, "took longer");
    assert!(outcome.stderr.contains("about to spin"), "{outcome:#?}");
}

#[test]
fn what_a_guest_prints_is_shown_when_it_gives_up() {
    let place = place(component("print_then_fail"));
    let outcome = evaluate(&place, LONG).fails(5, "gave up");
    assert!(outcome.stderr.contains("about to fail"), "{outcome:#?}");
}

#[test]
fn a_guest_has_no_input_no_environment_and_no_network() {
    let place = place(component("read_stdin"));
    assert_eq!(evaluate(&place, LONG).succeeds(), "value: 1\n");
    for name in ["environment", "network"] {
        place.write("x.wasm", component(name));
        assert_eq!(evaluate(&place, LONG).succeeds(), "value: 0\n", "{name}");
    }
}

#[test]
fn messages_are_cleaned_and_cut() {
    let place = place(component("log_escapes"));
    let outcome = evaluate(&place, LONG);
    let stderr = outcome.stderr.clone();
    assert_eq!(outcome.succeeds(), "value: 1\n");
    let seen = "warning: seen red 31m evil end error: forged hint: forged";
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{stderr}");
    assert_eq!((lines[0], lines[2]), (seen, seen));
    assert!(lines[1].starts_with("warning: yyyy"), "{stderr}");
    assert!(lines[1].len() < 1000);
}

#[test]
fn a_failure_cannot_forge_lines() {
    let place = place(component("fail_forged"));
    let outcome = evaluate(&place, LONG);
    assert_eq!(outcome.code, 6, "{outcome:#?}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "error: it broke",
            "  error: forged",
            "  hint: forged",
            "  wiped",
            "hint: `--verbose` shows what it runs or asks, and where that fails"
        ]
    );
}

#[test]
fn a_guest_reads_its_directory_and_no_other_and_writes_none() {
    let place = place(component("files"));
    place.write("kept.txt", "kept");
    symlink("/etc/passwd", place.project().join("file_link")).unwrap();
    symlink("..", place.project().join("up_link")).unwrap();
    let before = place.snapshot();
    // It found its directory and could read a file, nothing else.
    assert_eq!(evaluate(&place, LONG).succeeds(), "value: 3\n");
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_pipe_that_nobody_writes_to_holds_nothing_up() {
    let place = place(component("fifo"));
    let pipe = place.project().join("pipe");
    let path = std::ffi::CString::new(pipe.into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    evaluate(&place, SHORT).fails(6, "took longer than its limit of 500ms");
}

#[test]
fn describing_itself_a_guest_has_nothing() {
    let place = place(component("grab_in_describe"));
    let bound = evaluate(&place, &["--command", "work=touch ran"]);
    assert_eq!(bound.succeeds(), "value: 1\n");
    assert!(!place.project().join("ran").exists());
}

#[test]
fn descriptors_are_checked() {
    let default = Descriptor::default;
    let many = |count: usize| (0..count).map(|n| format!("m{n}")).collect::<Vec<_>>();
    for (descriptor, words) in [
        (
            Descriptor {
                name: "No\u{1b}[31m name\n".into(),
                ..default()
            },
            "its name `No name` has not the form of one",
        ),
        (
            Descriptor {
                metrics: vec!["p50 ms".into()],
                ..default()
            },
            "the metric name `p50 ms` has not the form of one",
        ),
        (
            Descriptor {
                metrics: vec!["x".repeat(10_000)],
                ..default()
            },
            "has not the form of one",
        ),
        (
            Descriptor {
                metrics: vec!["a".into(), "b".into(), "a".into()],
                ..default()
            },
            "it names the metric `a` twice",
        ),
        (
            Descriptor {
                metrics: vec![],
                ..default()
            },
            "it has no metrics",
        ),
        (
            Descriptor {
                metrics: many(65),
                ..default()
            },
            "it declares 65 metrics; the limit is 64",
        ),
        (
            Descriptor {
                roles: many(500),
                ..default()
            },
            "it declares 500 roles; the limit is 64",
        ),
        (
            Descriptor {
                roles: vec!["work".into(), "work".into()],
                ..default()
            },
            "it names the role `work` twice",
        ),
        (
            Descriptor {
                roles: vec!["../work".into()],
                ..default()
            },
            "the role name `../work` has not the form of one",
        ),
    ] {
        let place = place(component_with("good", &descriptor, VERSION));
        evaluate(&place, LONG).fails(5, words);
    }
    let most = Descriptor {
        metrics: [many(63), vec!["value".into()]].concat(),
        ..default()
    };
    let place = place(component_with("good", &most, VERSION));
    evaluate(&place, &["--metric", "value"]).succeeds();
}

#[test]
fn files_that_are_no_evaluator() {
    let good = component("good");
    let text = |text: &str| wat::parse_str(text).unwrap();
    for (number, (bytes, words)) in [
        (vec![], "it is not a WebAssembly file"),
        (vec![0], "it is not a WebAssembly file"),
        (b"#!/bin/sh\n".to_vec(), "it is not a WebAssembly file"),
        (good[..8].to_vec(), "another world"),
        (
            good[..good.len() / 3].to_vec(),
            "it is not a valid component",
        ),
        (
            good[..good.len() - 1].to_vec(),
            "it is not a valid component",
        ),
        (
            [&good[..8], &noise(10_000)].concat(),
            "it is not a valid component",
        ),
        (noise(10_000), "it is not a WebAssembly file"),
        (
            guests::core_module("good"),
            "it is a core WebAssembly module",
        ),
        (text("(component)"), "another world"),
        (
            text(r#"(component (import "wasi:cli/stdout@0.3.0" (instance)))"#),
            "it imports `wasi:cli/stdout@0.3.0`, of WASI 0.3",
        ),
        (
            text(
                r#"(component (import "wasi:clocks/monotonic-clock@0.3.0-rc-2025-09-16"
                     (instance (export "wait-for" (func async (param "how-long" u64))))))"#,
            ),
            "it imports `wasi:clocks/monotonic-clock@0.3.0-rc-2025-09-16`, of WASI 0.3",
        ),
        (
            component_with("good", &Descriptor::default(), "0.2.0"),
            "it implements `autoresearch:evaluator/evaluator@0.2.0`",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let place = place(bytes);
        let outcome = evaluate(&place, LONG);
        assert!(outcome.stderr.contains(words), "{number}: {outcome:#?}");
        outcome.fails(5, words);
    }
}

#[test]
fn instances_are_limited() {
    let good = component("good");
    for (count, refused) in [(50, false), (500, true)] {
        let place = place(with_instances(&good, count));
        let outcome = evaluate(&place, LONG);
        if refused {
            outcome.fails(5, "over its limit `instances`");
        } else {
            assert_eq!(outcome.succeeds(), "value: 1\n");
        }
    }
}

/// A component that also instantiates an empty module, `count` times.
fn with_instances(component: &[u8], count: u32) -> Vec<u8> {
    const HEADER: usize = 8;
    const CORE_MODULE: u8 = 1;
    const CORE_INSTANCE: u8 = 2;
    let mut modules = 0;
    let mut rest = &component[HEADER..];
    while let Some((id, from_size)) = rest.split_first() {
        modules += u32::from(*id == CORE_MODULE);
        let (size, content) = leb128(from_size);
        rest = &content[size..];
    }
    let empty_module = b"\0asm\x01\0\0\0";
    let mut instances = to_leb128(count);
    for _ in 0..count {
        instances.push(0);
        instances.extend(to_leb128(modules));
        instances.push(0);
    }
    let section = |id: u8, content: &[u8]| {
        let size = to_leb128(u32::try_from(content.len()).unwrap());
        [&[id], size.as_slice(), content].concat()
    };
    [
        component,
        &section(CORE_MODULE, empty_module),
        &section(CORE_INSTANCE, &instances),
    ]
    .concat()
}

fn leb128(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (number, rest) = bytes.split_at(length);
    let number = number
        .iter()
        .rev()
        .fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, rest)
}

fn to_leb128(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A guest with one byte changed, at many places: it may work, but not bring the program down.
#[test]
fn damaged_components_do_no_harm() {
    let good = component("good");
    let place = Place::bare("project");
    for at in (8..good.len()).step_by(good.len() / 24) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        place.write("x.wasm", bytes);
        let outcome = place.run(&["evaluate", "-e", "./x.wasm", "--budget", "200ms"]);
        let code = outcome.code;
        if code != 0 {
            assert!(matches!(code, 5 | 6), "byte {at}: {outcome:#?}");
            outcome.fails(code, "");
        }
    }
}

/// What makes the compiler work: whether it gives up or not, it ends, and leaves the rest unharmed.
#[test]
fn what_is_made_to_be_dear_to_compile_does_no_harm() {
    let module = |code: &str| {
        let text = format!("(component (core module {code}))");
        wat::parse_str(text).unwrap()
    };
    let repeated = |part: &str, count: usize| part.repeat(count);
    let nested = |count: usize| {
        let (open, close) = (repeated("(block ", count), repeated(")", count));
        format!("(func {open}{close})")
    };
    let bombs = [
        ("nested blocks", module(&nested(3000))),
        (
            "a function of many instructions",
            module(&format!(
                "(func (result i64) (local i64) local.get 0 {})",
                repeated("local.get 0 i64.add local.tee 0 ", 100_000)
            )),
        ),
        ("many functions", module(&repeated("(func)", 50_000))),
        (
            "a large table of branches",
            module(&format!(
                "(func (param i32) (block local.get 0 br_table {}))",
                repeated("0 ", 200_000)
            )),
        ),
        (
            "many locals",
            module(&format!("(func (local {}))", repeated("v128 ", 49_000))),
        ),
        ("much memory", module("(memory 65536)")),
        (
            "many modules",
            wat::parse_str(format!(
                "(component {})",
                repeated("(core module (func))", 900)
            ))
            .unwrap(),
        ),
        (
            "components in components",
            wat::parse_str(format!(
                "{}{}",
                repeated("(component ", 90),
                repeated(")", 90)
            ))
            .unwrap(),
        ),
        (
            "a type of types of types",
            wat::parse_str(format!(
                "(component (type $t0 (tuple u8 u8)) {})",
                (0..40).fold(String::new(), |text, n| {
                    text + &format!("(type $t{} (tuple $t{n} $t{n}))", n + 1)
                })
            ))
            .unwrap(),
        ),
    ];
    for (what, bytes) in bombs {
        let place = place(bytes);
        let outcome = evaluate(&place, LONG);
        assert_eq!(outcome.code, 5, "{what}: {outcome:#?}");
        assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome:#?}");
    }
}

/// Each is measured where its code is in the cache: the compiler has a process and limits of its own.
#[test]
fn no_guest_costs_the_host_much_memory() {
    const MOST: u64 = 300_000_000;
    let place = Place::bare("project");
    place.write("a.txt", "text");
    let environment: Vec<(OsString, OsString)> = [
        ("PATH", std::env::var_os("PATH").unwrap()),
        ("HOME", place.home().into_os_string()),
        (
            "XDG_CACHE_HOME",
            crate::support::base().join("cache").into(),
        ),
        ("AUTORESEARCH_SANDBOX", "off".into()),
    ]
    .map(|(name, value)| (name.into(), value))
    .into();
    let line = [
        PROGRAM,
        "evaluate",
        "-e",
        "./x.wasm",
        "-t",
        "a.txt",
        "--budget",
        "200ms",
        "--limit",
        "describe_ms=300",
    ];
    let line = CommandLine::from_list(line.map(str::to_owned).into()).unwrap();
    let run = || {
        let command = process::Command {
            line: &line,
            directory: &place.project(),
            environment: &environment,
            confinement: &Confinement::none(),
            cpus: &[],
            deadline: Duration::from_secs(50),
            grace: Duration::from_secs(1),
            output_limit: 1 << 20,
            input: None,
            transcript: None,
        };
        process::run(&Launcher::at(PROGRAM), &command, &Cancel::default()).unwrap()
    };
    for name in guests::names() {
        place.write("x.wasm", component(&name));
        run();
        let output = run();
        let said = String::from_utf8_lossy(&output.stderr.bytes);
        assert!(
            matches!(output.exit, process::Exit::Code(0 | 4 | 5 | 6)),
            "{name}: {output:?}"
        );
        assert!(!said.contains("panicked"), "{name}: {said}");
        let peak = output.usage.peak_rss_bytes;
        assert!(peak < MOST, "{name}: {peak} bytes");
    }
}

#[test]
fn paths_that_are_no_component() {
    let place = place([]);
    std::fs::create_dir(place.project().join("directory.wasm")).unwrap();
    place.write("x.cwasm", component("good"));
    symlink("nowhere", place.project().join("dangling.wasm")).unwrap();
    for (reference, code, words) in [
        ("./missing.wasm", 3, "cannot read the evaluator"),
        ("./dangling.wasm", 3, "cannot read the evaluator"),
        ("./directory.wasm", 3, "is not a file"),
        ("./x.cwasm", 5, "never taken from outside"),
        ("/dev/zero", 3, "is not a file"),
        ("no_such_name", 3, "there is no evaluator `no_such_name`"),
        ("", 3, "there is no evaluator"),
    ] {
        place
            .run(&["evaluate", "--evaluator", reference])
            .fails(code, words);
    }
}

/// Bytes without sense, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 42_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(count)
    .collect()
}

#[test]
fn a_cancelled_evaluation_ends_whatever_the_guest_does() {
    let host = Host::new(None, Launcher::at(PROGRAM)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let commands = BTreeMap::from([(
        "work".to_owned(),
        CommandLine::from_text("sleep 3600").unwrap(),
    )]);
    for (name, before_it_starts) in [
        ("spin", false),
        ("spin_in_host", false),
        ("sleep", false),
        ("run_then_spin", false),
        ("good", true),
    ] {
        let bytes = component(name);
        let evaluator = host.load(&bytes, name, &Limits::default()).unwrap();
        let settings = evaluator
            .descriptor()
            .settings(&BTreeMap::new(), &commands)
            .unwrap();
        let cancel = Cancel::default();
        let evaluation = Evaluation {
            confinement: &Confinement::none(),
            directory: directory.path(),
            targets: &[],
            settings: &settings,
            round: 0,
            model: None,
            environment: &[("PATH".into(), std::env::var_os("PATH").unwrap())],
            tape: None,
            limits: &Limits::default(),
            time_limit: Duration::from_mins(10),
            cancel: &cancel,
        };
        let start = Instant::now();
        let failed = std::thread::scope(|scope| {
            if before_it_starts {
                cancel.cancel();
            } else {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(300));
                    cancel.cancel();
                });
            }
            host.evaluate(&evaluator, &evaluation, Arc::new(|_| {}))
                .unwrap_err()
        });
        assert!(
            matches!(failed.error, EvaluateError::Cancelled),
            "{name}: {failed}"
        );
        assert!(!failed.error.blames_candidate());
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
    }
}

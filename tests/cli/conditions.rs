//! The machine that measures: one measurement at a time, the CPUs that commands are kept to, and what
//! makes a measurement doubtful.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};
use std::time::Duration;

use serde_json::Value;

use crate::experiments::{
    DIRECTORY, Gate, each, events, finish, journal, lives, sized, start, wait_until,
};
use crate::support::{PROGRAM, Place};

/// What one says who waits until it may measure.
const WAITS: &str = "waiting for another measurement on this machine to end";

/// Prints the CPUs that it may run on, as the kernel lists them, for it and for what it starts.
const ALLOWED: &str = "sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status";

/// What [`ALLOWED`] prints for a process.
fn allowed(status: &str) -> String {
    let status = std::fs::read_to_string(status).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim().to_owned()
}

/// One of the CPUs that there are.
fn some_cpu() -> String {
    let all = allowed("/proc/self/status");
    let digits = |c: char| c.is_ascii_digit();
    all.rsplit(|c| !digits(c)).next().unwrap().to_owned()
}

fn with_limits(place: &Place, limits: &str) {
    let definition = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&definition);
    let (before, _) = text.split_once("\n[limits]").unwrap_or((&text, ""));
    place.write(&definition, format!("{before}\n[limits]\n{limits}\n"));
}

#[test]
fn commands_are_kept_to_the_cpus_that_the_owner_names_and_the_agent_is_not() {
    let (all, cpu) = (allowed("/proc/self/status"), some_cpu());
    let place = sized(&["-c", "build=true"]);
    let (command, child, agent) = (
        place.open("command"),
        place.open("child"),
        place.open("agent"),
    );
    let build = format!(
        "{ALLOWED} > {}; (setsid sh -c \"$(cat {})\")",
        command.display(),
        place.open("script").display()
    );
    std::fs::write(
        place.open("script"),
        format!("{ALLOWED} > {}", child.display()),
    )
    .unwrap();
    let definition = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&definition);
    place.write(&definition, text.replace("\"true\"", &format!("{build:?}")));
    with_limits(&place, &format!("cpus = [{cpu}]"));
    let agent_command = format!("{ALLOWED} > {}; echo x > t", agent.display());
    let arguments = [
        "run",
        "--max-experiments",
        "1",
        "--agent-command",
        &agent_command,
    ];
    place.run(&arguments).succeeds();
    let printed = |path| std::fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(printed(command), cpu);
    assert_eq!(printed(child), cpu);
    assert_eq!(printed(agent), all);
}

#[test]
fn values_from_other_cpus_are_not_compared() {
    let place = sized(&[]);
    place.write("t", "x");
    with_limits(&place, &format!("cpus = [{}]", some_cpu()));
    let told = place.run(&["run"]);
    assert!(told.stderr.contains("measuring it again"), "{told:#?}");
    told.succeeds();
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline baseline try keep settled"
    );
}

#[test]
fn a_cpu_that_is_not_there_is_told_before_anything_is_measured() {
    let place = sized(&[]);
    let ran = place.open("ran");
    let eval = format!("touch {}; echo n: 1", ran.display());
    let words = "CPU 1023 is not there";
    place
        .run(&["evaluate", "--eval", &eval, "--limit", "cpus=1023"])
        .fails(3, words);
    assert!(!ran.exists());
    with_limits(&place, "cpus = [1023]");
    place.write("t", "x");
    place.run(&["run"]).fails(3, words);
    assert_eq!(events(&place, DIRECTORY), "baseline");
    place
        .run(&["evaluate", "--eval", &eval, "--limit", "cpus=all"])
        .fails(3, "whole numbers, as in `2,3`");
}

/// A command that notes its begin and its end, with something between them.
fn marked(place: &Place, name: &str, between: &str) -> String {
    let marks = place.open("marks");
    let marks = marks.display();
    format!("echo begin {name} >> {marks}; {between}; echo end {name} >> {marks}; echo n: 1")
}

fn marks(place: &Place) -> String {
    std::fs::read_to_string(place.open("marks")).unwrap()
}

/// Waits until the program says something, and returns the line and where it says more.
#[track_caller]
fn says(child: &mut Child, words: &str) -> (String, BufReader<ChildStderr>) {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no {words:?}");
    }
    (line, reader)
}

fn send(run: &Child, signal: i32) {
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(run.id().cast_signed(), signal) };
}

/// The directory of the experiments `gated`.
const GATED: &str = ".autoresearch/custom/gated";

/// An experiment about what a command prints, and a gate in that command.
fn gated() -> (Place, Gate) {
    let place = Place::new(&[("t", "x\n")]);
    let gate = Gate::new(&place, "");
    let eval = marked(&place, "run", &gate.command());
    place
        .run(
            &[
                &["init", "-t", "t", "--name", "gated", "--eval", &eval][..],
                &["--metric", "n", "--direction", "higher"],
            ]
            .concat(),
        )
        .succeeds();
    std::fs::remove_file(place.open("marks")).unwrap();
    (place, gate)
}

#[test]
fn measurements_of_several_processes_never_overlap() {
    let place = Place::bare("folder");
    let names = ["a", "b", "c", "d"];
    let all = names.map(|name| {
        let eval = marked(&place, name, "sleep 0.05");
        start(&place, &["evaluate", "--eval", &eval])
    });
    for child in all {
        assert_eq!(finish(child).succeeds(), "n: 1\n");
    }
    let marks = marks(&place);
    let lines: Vec<&str> = marks.lines().collect();
    assert_eq!(lines.len(), 2 * names.len(), "{marks}");
    for pair in lines.chunks(2) {
        let name = pair[0].strip_prefix("begin ").unwrap();
        assert_eq!(pair[1], format!("end {name}"), "{marks}");
    }
}

#[test]
fn a_run_waits_for_a_measurement_and_says_so() {
    let (place, gate) = gated();
    gate.close();
    let eval = marked(&place, "evaluate", &gate.command());
    let evaluate = start(&place, &["evaluate", "--eval", &eval]);
    gate.wait();
    let agent = "echo y > t";
    let arguments = ["run", "--max-experiments", "2", "--agent-command", agent];
    let mut run = start(&place, &arguments);
    let (line, mut rest) = says(&mut run, WAITS);
    assert_eq!(line, format!("{WAITS} (process {})\n", evaluate.id()));
    wait_until("the status says so", || {
        place.run(&["status"]).succeeds().contains(WAITS)
    });
    gate.open();
    finish(evaluate).succeeds();
    let mut more = String::new();
    std::io::Read::read_to_string(&mut rest, &mut more).unwrap();
    assert!(!more.contains(WAITS), "{more}");
    finish(run).succeeds();
    let marks = marks(&place);
    let (first, others) = marks.split_at("begin evaluate\nend evaluate\n".len());
    assert_eq!(first, "begin evaluate\nend evaluate\n");
    assert!(!others.is_empty() && others.replace("begin run\nend run\n", "").is_empty());
}

#[test]
fn waiting_ends_with_a_signal() {
    let (place, gate) = gated();
    let before = events(&place, GATED);
    gate.close();
    let eval = marked(&place, "evaluate", &gate.command());
    let evaluate = start(&place, &["evaluate", "--eval", &eval]);
    gate.wait();
    place.write("t", "y\n");
    for arguments in [&["run"][..], &["evaluate", "--eval", "echo n: 1"]] {
        let mut waiting = start(&place, arguments);
        let (_, mut rest) = says(&mut waiting, WAITS);
        send(&waiting, libc::SIGINT);
        let mut more = String::new();
        std::io::Read::read_to_string(&mut rest, &mut more).unwrap();
        assert!(more.contains("error: stopped\n"), "{more}");
        assert_eq!(finish(waiting).code, 130);
    }
    assert_eq!(marks(&place), "begin evaluate\n");
    assert_eq!(events(&place, GATED), format!("{before} try crash settled"));
    gate.open();
    finish(evaluate).succeeds();
    place.run(&["run"]).succeeds();
}

#[test]
fn a_killed_measurement_is_waited_for_until_its_commands_have_ended() {
    let (place, gate) = gated();
    gate.close();
    place.write("t", "y\n");
    let mut run = start(&place, &["run"]);
    let command = gate.wait();
    let alive = place.open("alive");
    let eval = format!(
        "[ ! -d /proc/{command} ] || echo > {}; echo n: 1",
        alive.display()
    );
    let mut waiting = start(&place, &["evaluate", "--eval", &eval]);
    let (_, _rest) = says(&mut waiting, WAITS);
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(finish(waiting).succeeds(), "n: 1\n");
    assert!(!lives(command) && !alive.exists());
}

#[test]
fn waiting_is_not_in_an_evaluations_time() {
    let (place, gate) = gated();
    gate.close();
    let eval = marked(&place, "evaluate", &gate.command());
    let evaluate = start(&place, &["evaluate", "--eval", &eval]);
    gate.wait();
    let arguments = ["evaluate", "--eval", "echo n: 2", "--budget", "1s"];
    let mut waiting = start(&place, &arguments);
    let (_, _rest) = says(&mut waiting, WAITS);
    // Longer than it may take.
    std::thread::sleep(Duration::from_millis(2600));
    gate.open();
    finish(evaluate).succeeds();
    assert_eq!(finish(waiting).succeeds(), "n: 2\n");
}

#[test]
fn what_a_measured_command_measures_is_part_of_it() {
    let place = Place::bare("folder");
    let eval = format!("'{PROGRAM}' evaluate --eval 'echo n: 1'");
    let printed = place.run(&["evaluate", "--eval", &eval]).succeeds();
    assert_eq!(printed, "n: 1\n");
}

#[test]
fn without_a_place_for_the_lock_evaluate_says_so_and_measures() {
    let place = Place::bare("folder");
    std::fs::write(place.home().join(".local/state"), "").unwrap();
    let outcome = place.run(&["evaluate", "--eval", "echo n: 1"]);
    assert!(outcome.stderr.contains("is not known"), "{outcome:#?}");
    assert_eq!(outcome.succeeds(), "n: 1\n");
}

/// Writes a file that the program takes for the system's.
fn write_system(place: &Place, path: &str, text: &str) {
    let path = place.open("system").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A command during which the machine swaps, throttles and works for others.
fn disturbed(place: &Place) -> String {
    const THROTTLE: &str = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count";
    let governor = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    write_system(place, "proc/stat", "cpu  0 0 0 0\ncpu0 0 0 0 0\n");
    write_system(place, "proc/vmstat", "pswpin 0\npswpout 0\n");
    write_system(place, THROTTLE, "0\n");
    write_system(place, governor, "powersave\n");
    // In place, as the kernel's files are; an hour of ticks for each byte of a growing file.
    format!(
        "cd '{}'; echo x >> ../count; n=$(wc -c < ../count); \
         echo cpu $((n * 360000)) 0 0 0 > proc/stat; echo cpu0 >> proc/stat; \
         echo pswpin $((n * 1000)) > proc/vmstat; echo pswpout 0 >> proc/vmstat; \
         echo $n > {THROTTLE}; echo n: 1",
        place.open("system").display()
    )
}

const DOUBTS: [&str; 4] = [
    "something else kept 1.0 of 1 CPU busy",
    "memory was swapped",
    "a CPU was slowed down for its heat",
    "governor `powersave`",
];

#[test]
fn what_makes_measurements_doubtful_is_told_once_and_recorded_with_each() {
    let place = Place::new(&[("t", "x\n")]);
    let eval = disturbed(&place);
    let init = ["init", "-t", "t", "--name", "gated", "--eval", &eval];
    let objective = ["--metric", "n", "--direction", "higher"];
    let made = place.run(&[&init[..], &objective].concat());
    // Never the same twice.
    let agent = "cat /proc/sys/kernel/random/uuid > t";
    let arguments = ["run", "--max-experiments", "3", "--agent-command", agent];
    let ran = place.run(&arguments);
    for (outcome, words) in [&made, &ran]
        .into_iter()
        .flat_map(|o| DOUBTS.map(|w| (o, w)))
    {
        let lines = outcome.stderr.lines();
        let told = lines.filter(|line| line.starts_with("warning: ") && line.contains(words));
        assert_eq!(told.count(), 1, "{words}: {outcome:#?}");
    }
    made.succeeds();
    ran.succeeds();
    let records: Vec<Value> = journal(&place, GATED);
    let diagnostics: Vec<&Value> = records
        .iter()
        .filter(|record| record["event"] == "baseline" || record["event"] == "verdict")
        .map(|record| &record["diagnostics"])
        .collect();
    assert_eq!(diagnostics.len(), 4);
    // What holds all the time is in the first record of each run.
    for (diagnostics, count) in diagnostics.iter().zip([4, 4, 3, 3]) {
        let diagnostics = diagnostics.as_array().unwrap();
        assert_eq!(diagnostics.len(), count, "{diagnostics:#?}");
        for diagnostic in diagnostics {
            let message = diagnostic["message"].as_str().unwrap();
            assert!(
                DOUBTS.iter().any(|words| message.contains(words)),
                "{message}"
            );
            assert_eq!(diagnostic["severity"], "warning");
            assert_eq!(diagnostic["source"], "machine");
        }
    }
    for name in ["0001/candidate", "0003/incumbent"] {
        let log = place.read(format!("{GATED}/runs/{name}.log"));
        for words in DOUBTS {
            let evaluations = log.matches("measured n: ").count();
            assert_eq!(log.matches(words).count(), evaluations, "{words}: {log}");
        }
    }
}

#[test]
fn nothing_makes_a_metric_without_noise_doubtful() {
    let place = Place::new(&[("t", "x\n")]);
    let eval = disturbed(&place);
    let init = ["init", "-t", "t", "--name", "gated", "--eval", &eval];
    let objective = ["--metric", "n", "--direction", "higher", "--deterministic"];
    let made = place.run(&[&init[..], &objective].concat());
    place.write("t", "y\n");
    for outcome in [made, place.run(&["run"])] {
        assert!(!outcome.stderr.contains("warning"), "{outcome:#?}");
        outcome.succeeds();
    }
    assert!(
        !place
            .read(format!("{GATED}/journal.jsonl"))
            .contains("machine")
    );
}

#[test]
fn evaluate_tells_what_makes_its_values_doubtful() {
    let place = Place::bare("folder");
    let eval = disturbed(&place);
    let outcome = place.run(&["evaluate", "--json", "--eval", &eval]);
    each(DOUBTS, |words| {
        assert!(outcome.stderr.contains(words), "{outcome:#?}");
    });
    let value: Value = serde_json::from_str(&outcome.succeeds()).unwrap();
    assert_eq!(value["diagnostics"].as_array().unwrap().len(), 4);
    place.write("file", "x");
    let quiet = place.run(&["evaluate", "-e", "benchmark_size"]);
    assert_eq!(quiet.stderr, "");
}

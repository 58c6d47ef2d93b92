//! The machine that measures: the CPUs that commands are kept to.

use crate::experiments::{DIRECTORY, events, sized};
use crate::support::Place;

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
        place.outside("command"),
        place.outside("child"),
        place.outside("agent"),
    );
    let build = format!(
        "{ALLOWED} > {}; (setsid sh -c \"$(cat {})\")",
        command.display(),
        place.outside("script").display()
    );
    std::fs::write(
        place.outside("script"),
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
    let ran = place.outside("ran");
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

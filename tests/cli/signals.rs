//! A run that somebody wants to end, or to stop for a while.

use std::process::Child;

use crate::experiments::{
    DIRECTORY, Files, Gate, ID, assert_consistent, assert_same, events, everything, finish, lives,
    others, processes_in, rows, sized, start, wait_until, worktrees,
};
use crate::support::{Outcome, Place};

fn send(run: &Child, signal: i32) {
    // SAFETY: kill takes two integers; the child has not been waited for.
    unsafe { libc::kill(run.id().cast_signed(), signal) };
}

/// Sends a signal and waits for the end, with nothing left running.
fn end(place: &Place, run: Child, signal: i32) -> Outcome {
    send(&run, signal);
    let outcome = finish(run);
    assert_eq!(processes_in(&worktrees(place)), Vec::<String>::new());
    outcome
}

/// The state of a process, as the kernel names it: `T` is stopped.
fn state(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// What is left of a project, but for the logs of the try that was stopped.
fn without_logs(place: &Place) -> Files {
    let mut found = everything(place);
    found.retain(|name, _| !name.contains("/runs"));
    found
}

#[test]
fn a_loop_that_is_stopped_while_its_agent_works_says_what_it_did() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let place = sized(&[]);
        let gate = Gate::new(&place, "echo > t; echo never");
        gate.close();
        let before = without_logs(&place);
        let arguments = ["run", "--loop", "--agent-command", &gate.command()];
        let run = start(&place, &arguments);
        let agent = gate.wait();
        let outcome = end(&place, run, signal);
        assert!(!lives(agent));
        assert!(outcome.stderr.contains("ended: stopped"), "{outcome:#?}");
        let printed = outcome.succeeds();
        assert!(printed.contains("0 tries in"), "{printed}");
        assert_same(&without_logs(&place), &before);
    }
}

#[test]
fn a_candidate_that_was_being_measured_is_taken_up_again_without_its_agent() {
    let place = sized(&["-c", "build=true"]);
    let gate = Gate::new(&place, "true");
    let definition = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&definition);
    place.write(
        &definition,
        text.replace("\"true\"", &format!("{:?}", gate.command())),
    );
    let called = place.open("called");
    let agent = format!(
        "echo called >> {}; echo short > t; echo cut",
        called.display()
    );
    let arguments = ["run", "--max-experiments", "1", "--agent-command", &agent];
    // Once for the baseline: the settings are others.
    gate.open();
    place
        .run(&[&arguments[..4], &["echo same"]].concat())
        .succeeds();
    gate.close();
    let before = others(&place);
    let run = start(&place, &arguments);
    let command = gate.wait();
    end(&place, run, libc::SIGINT).succeeds();
    assert!(!lives(command));
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline baseline try discard settled try crash settled"
    );
    assert_eq!(rows(&place, DIRECTORY).last().unwrap()[3], "cut");
    gate.open();
    place.run(&arguments).succeeds();
    assert_eq!(std::fs::read_to_string(called).unwrap(), "called\n");
    let last = rows(&place, DIRECTORY).pop().unwrap();
    assert_eq!(last[1..], ["6.000000", "keep", "cut"]);
    assert_same(&others(&place), &before);
    assert_consistent(&place, ID);
}

#[test]
fn a_second_signal_ends_a_loop_at_once() {
    let place = sized(&[]);
    let gate = Gate::new(&place, "true");
    gate.close();
    // With the grace of an agent it would live on for longer than the next run waits for it.
    let agent = format!("trap '' TERM; {}", gate.command());
    let run = start(&place, &["run", "--loop", "--agent-command", &agent]);
    let process = gate.wait();
    send(&run, libc::SIGINT);
    std::thread::sleep(std::time::Duration::from_millis(400));
    send(&run, libc::SIGINT);
    assert_eq!(finish(run).code, 130);
    place
        .run(&[
            "run",
            "--max-experiments",
            "1",
            "--agent-command",
            "echo x > t",
        ])
        .succeeds();
    assert!(!lives(process));
    assert_eq!(processes_in(&worktrees(&place)), Vec::<String>::new());
    assert_consistent(&place, ID);
}

#[test]
fn what_is_stopped_before_it_has_a_result_fails() {
    let place = Place::new(&[("t", "x\n"), ("other", "other\n")]);
    let gate = Gate::new(&place, "true");
    gate.close();
    let before = everything(&place);
    let build = format!("build={}", gate.command());
    let init = ["init", "-t", "t", "-e", "benchmark_size", "-c", &build];
    let run = start(&place, &init);
    gate.wait();
    end(&place, run, libc::SIGTERM).fails(143, "stopped");
    let mut after = everything(&place);
    after.retain(|name, _| before.contains_key(name));
    assert_same(&after, &before);
    assert!(!place.project().join(".autoresearch").exists());
    // One candidate from the checkout: it stays there.
    gate.open();
    place.run(&init).succeeds();
    gate.close();
    place.write("t", "y");
    let run = start(&place, &["run"]);
    gate.wait();
    end(&place, run, libc::SIGINT).fails(130, "stopped");
    assert_eq!(place.read("t"), "y");
    assert_eq!(events(&place, DIRECTORY), "baseline try crash settled");
    gate.open();
    place.run(&["run"]).succeeds();
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline try crash settled try keep settled"
    );
}

#[test]
fn a_measurement_during_which_the_program_was_stopped_is_made_again() {
    let place = sized(&["-c", "build=true"]);
    let counted = place.open("counted");
    let gate = Gate::new(&place, &format!("echo run >> {}", counted.display()));
    let definition = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&definition);
    place.write(
        &definition,
        text.replace("\"true\"", &format!("{:?}", gate.command())),
    );
    gate.open();
    place.run(&["run"]).fails(3, "nothing to try");
    let baseline = std::fs::read_to_string(&counted).unwrap();
    place.write("t", "short");
    gate.close();
    let run = start(&place, &["run"]);
    let command = gate.wait();
    send(&run, libc::SIGTSTP);
    wait_until("all is stopped", || {
        // Or it waits for a child that was stopped between vfork and exec.
        matches!(state(command), Some('T' | 'D')) && state(run.id()) == Some('T')
    });
    gate.open();
    send(&run, libc::SIGCONT);
    let outcome = finish(run);
    assert!(outcome.stderr.contains("void"), "{outcome:#?}");
    assert!(outcome.succeeds().starts_with("keep"));
    let runs = std::fs::read_to_string(&counted).unwrap();
    assert_eq!(runs, format!("{baseline}run\nrun\n"));
    assert_eq!(
        events(&place, DIRECTORY),
        "baseline baseline try keep settled"
    );
}

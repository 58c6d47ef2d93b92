//! `init`: an experiment is made, or nothing is.

use std::path::Path;

use crate::experiments::{
    DIRECTORY, Files, Gate, ID, assert_same, each, events, everything, resolve,
};
use crate::support::{PROGRAM, Place, outcome};

fn project() -> Place {
    Place::new(&[("t", "0123456789"), ("other", "other\n")])
}

fn init(place: &Place, options: &[&str]) -> crate::support::Outcome {
    place.run(&[&["init"], options].concat())
}

fn definition(place: &Place, directory: impl AsRef<Path>) -> toml::Table {
    let path = directory.as_ref().join("experiment.toml");
    place.read(path).parse().unwrap()
}

fn untracked(place: &Place) -> String {
    place.git(&["status", "--porcelain", "--untracked-files=all"])
}

#[test]
fn what_verdicts_are_to_ask_is_written_down() {
    let place = Place::new(&[("t", "text\n")]);
    let options = ["--min-improvement", "2%", "--max-rounds", "40"];
    place
        .run(&[&["init", "-t", "t", "-e", "benchmark_size"][..], &options].concat())
        .succeeds();
    let text = place.read(".autoresearch/custom/t-benchmark_size/experiment.toml");
    assert!(text.contains("min_improvement = \"2%\""), "{text}");
    assert!(text.contains("[decision]\nmax_rounds = 40\n"), "{text}");
    for (option, value) in [("--min-improvement", "much"), ("--max-rounds", "0")] {
        let outcome = place.run(&["init", "-t", "t", "-e", "benchmark_size", option, value]);
        assert_eq!(outcome.code, 2, "{outcome:#?}");
        let run = place.run(&["run", "-x", "custom/t-benchmark_size", option, "1"]);
        assert_eq!(run.code, 2, "{run:#?}");
    }
}

#[test]
fn the_experiment_is_written_and_its_baseline_shown() {
    let place = project();
    let before = place.snapshot();
    let arguments = ["init", "-t", "t", "-e", "benchmark_size"];
    let made = outcome(place.command(PROGRAM).args(arguments));
    assert!(
        made.stderr.contains("baseline: size_bytes 10 bytes"),
        "{made:#?}"
    );
    assert_eq!(made.succeeds(), "");
    assert_eq!(place.snapshot(), before);
    assert_eq!(
        untracked(&place),
        format!(
            "?? .autoresearch/.gitignore\n?? {DIRECTORY}/experiment.toml\n?? {DIRECTORY}/program.md"
        )
    );
    assert_eq!(
        place.read(format!("{DIRECTORY}/experiment.toml")),
        "version = 1\ntarget = [\"t\"]\nbudget = \"5m\"\n\n[objective]\nevaluator = \"benchmark_size\"\n"
    );
    let program = place.read(format!("{DIRECTORY}/program.md"));
    assert!(
        program.contains("Lower `size_bytes`") && program.contains("- `t`"),
        "{program}"
    );
    assert_eq!(events(&place, DIRECTORY), "baseline");
    let branch = resolve(&place, &format!("refs/heads/autoresearch/{ID}"));
    assert_eq!(branch, resolve(&place, "HEAD"));
    let shown = place.run(&["run", "--dry-run"]).succeeds();
    assert!(
        shown.contains(ID) && shown.contains("best         10"),
        "{shown}"
    );
}

#[test]
fn what_is_asked_for_is_written() {
    let place = project();
    let made = init(
        &place,
        &[
            "--domain",
            "engineering",
            "--name",
            "Speed_1-x",
            "-t",
            "t",
            "--target",
            "other",
            "-t",
            "./t",
            "-e",
            "benchmark_speed",
            "--metric",
            "min_ms",
            "--direction",
            "higher",
            "--set",
            "runs=3",
            "--set",
            "warmup=0",
            "-c",
            "benchmark=test \"$GIVEN\" = 'a=b'",
            "--budget",
            "90s",
            "--limit",
            "memory_mib=64",
            "--env",
            "GIVEN=a=b",
            "--env",
            "LATER",
            "--constraints",
            "Keep the *interface*.",
        ],
    );
    made.succeeds();
    let directory = ".autoresearch/engineering/Speed_1-x";
    let expected: toml::Table = r#"
        version = 1
        target = ["t", "other"]
        budget = "1m 30s"
        [objective]
        evaluator = "benchmark_speed"
        metric = "min_ms"
        direction = "higher"
        parameters = { runs = 3, warmup = 0 }
        commands.benchmark = "test \"$GIVEN\" = 'a=b'"
        [environment]
        pass = ["LATER"]
        set = { GIVEN = "a=b" }
    "#
    .parse()
    .unwrap();
    let mut written = definition(&place, directory);
    let limits = written.remove("limits").unwrap();
    assert_eq!(limits["memory_mib"].as_integer(), Some(64));
    assert!(written["sandbox"]["write"].is_array());
    written.remove("sandbox").unwrap();
    assert_eq!(written, expected);
    let program = place.read(format!("{directory}/program.md"));
    for text in [
        "Keep the *interface*.",
        "Raise `min_ms`",
        "- `t`\n- `other`",
    ] {
        assert!(program.contains(text), "{text:?} is not in {program}");
    }
    place.run(&["run", "--dry-run"]).succeeds();
}

#[test]
fn the_name_comes_from_target_and_evaluator() {
    let long = "l".repeat(70);
    let cases = [
        ("src/search.py", "search-benchmark_size".to_owned()),
        ("a b.c.txt", "a-b-c-benchmark_size".to_owned()),
        (".hidden", "hidden-benchmark_size".to_owned()),
        ("ü", "benchmark_size".to_owned()),
        (&long, "l".repeat(64)),
        ("it's \"q\"\n*", "it-s--q----benchmark_size".to_owned()),
        (":(top)x", "top-x-benchmark_size".to_owned()),
        ("-dash", "dash-benchmark_size".to_owned()),
    ];
    let files: Vec<(&str, &str)> = cases.iter().map(|(path, _)| (*path, "text")).collect();
    let place = Place::new(&files);
    let before = place.snapshot();
    for (target, name) in cases {
        let option = format!("--target={target}");
        init(&place, &[&option, "-e", "benchmark_size"]).succeeds();
        let directory = format!(".autoresearch/custom/{name}");
        assert_eq!(
            definition(&place, directory)["target"][0].as_str(),
            Some(target)
        );
        place.write(target, "t");
        let id = format!("custom/{name}");
        let judged = place.run(&["run", "-x", &id]).succeeds();
        assert!(judged.starts_with("keep: "), "{judged}");
        place.write(target, "text");
    }
    assert_eq!(place.snapshot(), before);
    init(
        &place,
        &[
            "-t",
            "src/search.py",
            "--eval",
            "echo n: 1",
            "--metric",
            "n",
            "--direction",
            "lower",
        ],
    )
    .succeeds();
    let written = definition(&place, ".autoresearch/custom/search-command");
    assert_eq!(
        written["objective"]["commands"]["command"].as_str(),
        Some("echo n: 1")
    );
}

#[test]
fn what_the_worktrees_need_is_found() {
    type Case<'a> = (&'a [&'a str], &'a str, &'a [&'a str], Option<&'a str>);
    let cases: &[Case<'_>] = &[
        (
            &["node_modules/x", ".venv/x", "data/x"],
            "node_modules\n.venv/\n",
            &[".venv", "node_modules"],
            None,
        ),
        (&["node_modules/x"], "", &[], None),
        (
            &["package-lock.json"],
            "node_modules\n",
            &[],
            Some("npm ci"),
        ),
        (
            &["package-lock.json", "node_modules/x"],
            "node_modules\n",
            &["node_modules"],
            None,
        ),
        // As uv and venv make it: nothing outside says that it is ignored.
        (&[".venv/.gitignore", ".venv/x"], "", &[".venv"], None),
        // uv cannot do without its cache, which commands may not write.
        (&["uv.lock"], "", &[], None),
        (
            &["package-lock.json"],
            "node_modules\n",
            &[],
            Some("npm ci"),
        ),
        // A lock file that git ignores is needed too.
        (
            &["Cargo.toml", "Cargo.lock"],
            "Cargo.lock\n",
            &["Cargo.lock"],
            None,
        ),
        (&[], "node_modules\n", &[], None),
    ];
    for (files, ignore, share, setup) in cases {
        let place = Place::new(&[("t", "0123456789"), (".gitignore", ignore)]);
        for path in *files {
            place.write(path, "*");
        }
        place.git(&["add", "--all"]);
        place.git(&["commit", "--quiet", "--allow-empty", "--message=more"]);
        // Whoever would install something is not there.
        let tools = place.outside("tools");
        std::fs::create_dir(&tools).unwrap();
        for tool in ["npm", "uv"] {
            place.write(tools.join(tool), "#!/bin/sh\necho \"$0 $*\" > installed\n");
            outcome(place.command("chmod").arg("+x").arg(tools.join(tool)));
        }
        let mut path = tools.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let build = format!(
            "build=test {} = 1",
            if setup.is_some() {
                "-e installed -a 1"
            } else {
                "1"
            }
        );
        let arguments = ["init", "-t", "t", "-e", "benchmark_size", "-c", &build];
        let made = outcome(place.command(PROGRAM).env("PATH", path).args(arguments));
        made.succeeds();
        let written = definition(&place, DIRECTORY);
        let found = |key: &str| written.get("workspace").and_then(|table| table.get(key));
        let mut shared: Vec<&str> = found("share")
            .and_then(|value| value.as_array())
            .map_or(vec![], |paths| {
                paths.iter().map(|path| path.as_str().unwrap()).collect()
            });
        shared.sort_unstable();
        assert_eq!(shared, *share, "{files:?}");
        assert_eq!(
            found("setup").and_then(|value| value.as_str()),
            *setup,
            "{files:?}"
        );
        assert!(!place.project().join("installed").exists());
    }
}

#[test]
fn shared_paths_are_there_when_it_is_measured() {
    let place = Place::new(&[("t", "0123456789"), (".gitignore", "node_modules\n")]);
    place.write("node_modules/deep/x", "x");
    let build = ["-c", "build=test -e node_modules/deep/x"];
    init(
        &place,
        &[&["-t", "t", "-e", "benchmark_size"], &build[..]].concat(),
    )
    .succeeds();
}

#[test]
fn a_failing_baseline_leaves_what_can_be_mended() {
    for build in ["build=false", "build=no-such-program", "build=kill -9 $$"] {
        let place = project();
        let before = place.snapshot();
        init(&place, &["-t", "t", "-e", "benchmark_size", "-c", build])
            .fails(6, "the baseline cannot be measured");
        assert_eq!(place.snapshot(), before);
        let path = format!("{DIRECTORY}/experiment.toml");
        let text = place.read(&path);
        assert!(
            text.starts_with("# Its baseline could not be measured."),
            "{text}"
        );
        assert_eq!(
            place.git(&[
                "for-each-ref",
                "refs/autoresearch",
                "refs/heads/autoresearch"
            ]),
            ""
        );
        assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1);
        // It is mended and run,
        place.write(&path, text.replace(&build["build=".len()..], "true"));
        place.write("t", "short");
        let run = place.run(&["run", "-m", "shorter"]);
        assert!(run.stdout.starts_with("keep: "), "{run:#?}");
        // or made anew.
        let place = project();
        let options = ["-t", "t", "-e", "benchmark_size"];
        init(&place, &[&options[..], &["-c", build]].concat()).fails(6, "baseline");
        init(&place, &options).succeeds();
        init(&place, &options).fails(3, "exists already");
    }
}

#[test]
fn an_experiment_that_cannot_be_started_leaves_nothing() {
    let place = project();
    // A branch below its name leaves no room for the experiment's own.
    let below = format!("autoresearch/{ID}/mine");
    place.git(&["branch", &below]);
    let before = place.snapshot();
    let made = init(&place, &["-t", "t", "-e", "benchmark_size"]);
    let code = made.code;
    made.fails(code, &format!("autoresearch/{ID}"));
    assert!(code == 3 || code == 4);
    assert_eq!(place.snapshot(), before);
    assert!(!place.project().join(".autoresearch").exists());
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1);
    place.git(&["branch", "--quiet", "-D", &below]);
    init(&place, &["-t", "t", "-e", "benchmark_size"]).succeeds();
}

#[test]
fn what_was_there_stays() {
    let place = project();
    let text = "my own words\n";
    place.write(format!("{DIRECTORY}/program.md"), text);
    place.write(".autoresearch/.gitignore", "# mine\n");
    // A record whose definition was lost is still a record.
    place.write(format!("{DIRECTORY}/journal.jsonl"), "");
    place.write(format!("{DIRECTORY}/notes"), "notes");
    let before = everything(&place);
    // Besides what is to be mended.
    let kept = |mut found: Files| {
        found.retain(|name, _| {
            let new = ["/.local", "/experiment.toml", "/runs"];
            !new.iter().any(|new| name.contains(new))
        });
        found
    };
    init(
        &place,
        &["-t", "t", "-e", "benchmark_size", "-c", "build=false"],
    )
    .fails(6, "baseline");
    assert_same(&kept(everything(&place)), &kept(before));
    init(&place, &["-t", "t", "-e", "benchmark_size"]).succeeds();
    assert_eq!(place.read(format!("{DIRECTORY}/program.md")), text);
    assert_eq!(place.read(".autoresearch/.gitignore"), "# mine\n");
    assert_eq!(place.read(format!("{DIRECTORY}/notes")), "notes");
}

#[test]
fn a_record_whose_definition_is_gone_is_not_deleted() {
    let place = crate::experiments::sized(&[]);
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    let journal = format!("{DIRECTORY}/journal.jsonl");
    let whole = place.read(&journal);
    std::fs::remove_file(place.project().join(DIRECTORY).join("experiment.toml")).unwrap();
    place.git(&["branch", "--quiet", "-D", &format!("autoresearch/{ID}")]);
    let again = init(
        &place,
        &["-t", "t", "-e", "benchmark_size", "-c", "build=false"],
    );
    assert_ne!(again.code, 0);
    assert_eq!(place.read(&journal), whole);
}

#[test]
fn taken_names_are_told() {
    let place = crate::experiments::sized(&[]);
    let before = everything(&place);
    let size = ["-t", "t", "-e", "benchmark_size"];
    init(&place, &size).fails(3, "exists already");
    assert_same(&everything(&place), &before);
    place.git(&["branch", "autoresearch/custom/taken"]);
    let before = everything(&place);
    init(&place, &[&size, &["--name", "taken"][..]].concat()).fails(3, "branch");
    assert_same(&everything(&place), &before);
    // A branch of this name leaves no room for those below it.
    let place = project();
    place.git(&["branch", "autoresearch"]);
    let before = place.snapshot();
    let made = init(&place, &size);
    assert!(made.code == 3 || made.code == 4, "{made:#?}");
    made.fails(3, "autoresearch");
    assert_eq!(place.snapshot(), before);
    assert!(!place.project().join(".autoresearch").exists());
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_directory_of_a_bigger_repository_is_a_project() {
    let place = Place::new(&[
        ("sub/deep/t", "0123456789"),
        ("sub/check", "x"),
        ("t", "top"),
    ]);
    let before = place.snapshot();
    let build = ["-c", "build=test -e check -a ! -e sub"];
    init(
        &place,
        &[
            &["--path", "sub", "-t", "deep/t", "-e", "benchmark_size"],
            &build[..],
        ]
        .concat(),
    )
    .succeeds();
    let directory = format!("sub/{DIRECTORY}");
    assert_eq!(
        definition(&place, &directory)["target"][0].as_str(),
        Some("deep/t")
    );
    let mut after = place.snapshot();
    after.retain(|(name, _)| !name.starts_with("sub/.autoresearch/"));
    assert_eq!(after, before);
    place.run(&["run"]).fails(3, "no experiment");
    place.write("sub/deep/t", "short");
    // From below the project's directory it is found too.
    let judged = place
        .run(&["run", "--path", "sub/deep", "-m", "cut"])
        .succeeds();
    assert!(judged.starts_with("keep: "), "{judged}");
    let commit = format!("refs/autoresearch/{ID}/1");
    assert_eq!(
        place.git(&["diff", "--name-only", "HEAD", &commit]),
        "sub/deep/t"
    );
    // Targets are relative to the directory that is named.
    let more = [
        "--path",
        "sub/deep",
        "-t",
        "../check",
        "-e",
        "benchmark_size",
    ];
    init(&place, &more).succeeds();
    let written = definition(&place, "sub/.autoresearch/custom/check-benchmark_size");
    assert_eq!(written["target"][0].as_str(), Some("check"));
    init(
        &place,
        &["--path", "sub", "-t", "../t", "-e", "benchmark_size"],
    )
    .fails(3, "outside");
}

#[test]
fn an_experiment_may_be_kept_at_home() {
    let place = project();
    let size = ["-t", "t", "-e", "benchmark_size", "--scope", "user"];
    init(&place, &size).succeeds();
    assert_eq!(untracked(&place), "");
    let directory = place.home().join(DIRECTORY);
    let project = definition(&place, &directory)["project"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(Path::new(&project), place.project().canonicalize().unwrap());
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    assert!(place.run(&["list"]).succeeds().contains(ID));
    std::fs::create_dir(place.project().join("below")).unwrap();
    let below = ["list", "--path", "below"];
    assert!(place.run(&below).succeeds().contains(ID));
    assert_eq!(untracked(&place), " M t");
    assert_eq!(
        crate::experiments::events(&place, directory.to_str().unwrap()),
        "baseline try keep settled"
    );

    // Another project's is none of this one's, and the hint must not lead to it.
    let elsewhere = place.outside("elsewhere");
    outcome(
        place
            .command("git")
            .args(["clone", "--quiet", "."])
            .arg(&elsewhere),
    )
    .succeeds();
    let path = elsewhere.to_str().unwrap();
    place
        .run(&["run", "--path", path])
        .fails(3, "no experiment");
    assert_eq!(place.run(&["list", "--path", path]).succeeds(), "");
    let taken = init(&place, &[&size, &["--path", path][..]].concat()).fails(3, ID);
    assert!(!taken.stderr.contains("--experiment custom"), "{taken:#?}");
}

#[test]
fn what_is_not_committed_is_told() {
    let place = project();
    place.write("t", "edited");
    place.write("new", "new");
    place.write("other", "edited");
    let made = init(&place, &["-t", "t", "-e", "benchmark_size"]);
    for words in [
        "size_bytes 10 bytes",
        "the first candidate",
        "2 other paths are not committed",
    ] {
        assert!(made.stderr.contains(words), "{words:?} is not in {made:#?}");
    }
    made.succeeds();
    assert_eq!(place.read("t"), "edited");
}

#[test]
fn a_target_that_cannot_be_one_is_told() {
    use std::os::unix::ffi::OsStringExt;
    let place = Place::new(&[
        ("t", "0123456789"),
        ("directory/file", ""),
        (".gitignore", "ignored\n"),
        ("deleted", "text"),
    ]);
    for path in ["ignored", "untracked", "staged"] {
        place.write(path, "text");
    }
    place.git(&["add", "staged"]);
    std::fs::remove_file(place.project().join("deleted")).unwrap();
    std::fs::write(place.outside("beside"), "text").unwrap();
    std::os::unix::fs::symlink("t", place.project().join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", place.project().join("etc")).unwrap();
    std::os::unix::fs::symlink("directory", place.project().join("way")).unwrap();
    outcome(place.command("mkfifo").arg("fifo")).succeeds();
    place.git(&["add", "link"]);
    place.git(&["commit", "--quiet", "--message=link", "link"]);
    let before = everything(&place);
    let cases = [
        ("gone", "does not exist"),
        ("gone/t", "does not exist"),
        ("t/x", "cannot be read"),
        ("deleted", "does not exist"),
        ("../beside", "outside the project"),
        ("/etc/passwd", "outside the project"),
        (".git/config", "git's own"),
        (".GIT/config", "git's own"),
        (".autoresearch/x/y/experiment.toml", "holds the experiment"),
        ("ignored", "ignored by git"),
        ("untracked", "not committed"),
        ("staged", "not committed"),
        ("directory", "is a directory"),
        (".", "no target"),
        ("", "no target"),
        ("link", "symbolic link"),
        ("etc/passwd", "cannot be read"),
        ("way/file", "not"),
        ("fifo", "not a regular file"),
        ("t\n", "does not exist"),
        ("*", "does not exist"),
    ];
    each(cases, |(target, words)| {
        for command in ["init", "run"] {
            place
                .run(&[
                    command,
                    "--target",
                    target,
                    "--name",
                    "n",
                    "-e",
                    "benchmark_size",
                ])
                .fails(3, words);
        }
    });
    let wild = std::ffi::OsString::from_vec(b"\xff".to_vec());
    let mut command = place.command(PROGRAM);
    command
        .args(["init", "-e", "benchmark_size", "-t"])
        .arg(wild);
    outcome(&mut command).fails(2, "UTF-8");
    assert_same(&everything(&place), &before);
}

#[test]
fn a_setting_that_does_not_fit_is_told() {
    let place = project();
    let before = everything(&place);
    let size = ["-t", "t", "-e", "benchmark_size"];
    let speed = ["-t", "t", "-e", "benchmark_speed"];
    let eval = ["-t", "t", "--eval", "echo n: 1"];
    let cases: &[(&[&str], &[&str], i32, &str)] = &[
        (&[], &["-e", "benchmark_size"], 2, "no target"),
        (&[], &["-t", "t"], 2, "no evaluator"),
        (
            &[],
            &["-t", "t", "-e", "no_such"],
            3,
            "no evaluator `no_such`",
        ),
        (&[], &["-t", "t", "-e", "gone.wasm"], 3, "gone.wasm"),
        (&[], &["-t", "t", "-e", "./other"], 5, "other"),
        (&[], &["-t", "t", "-e", "x.cwasm"], 5, "compiled code"),
        (&size, &["--metric", "wit"], 3, "no metric `wit`"),
        (&size, &["--set", "wit=1"], 3, "no parameter `wit`"),
        (&size, &["-c", "wit=true"], 3, "no role `wit`"),
        (&speed, &[], 3, "role `benchmark`"),
        (
            &speed,
            &["-c", "benchmark=true", "--set", "runs=many"],
            3,
            "`runs` is of type integer",
        ),
        (&speed, &["-c", "benchmark="], 3, "empty"),
        (&speed, &["-c", "benchmark=echo 'open"], 3, "quote"),
        (&eval, &[], 3, "which metric"),
        (&eval, &["--metric", "n"], 3, "lower or higher"),
        (&size, &["--set", "path"], 2, "KEY=VALUE"),
        (&size, &["-c", "true"], 2, "ROLE=CMD"),
        (&size, &["--limit", "memory_mib"], 2, "NAME=N"),
        (&size, &["--limit", "memory_mib=much"], 3, "whole number"),
        (&size, &["--limit", "colour=1"], 3, "no limit `colour`"),
        (&size, &["--budget", "soon"], 3, "`soon` is no duration"),
        (&size, &["--budget", "0s"], 3, "budget"),
        (&size, &["--budget", "8d"], 3, "from `1ms` to `7d`"),
        (&size, &["--budget", "1y"], 3, "from `1ms` to `7d`"),
        (&size, &["--budget", "-5m"], 3, "`-5m` is no duration"),
        (&size, &["--budget", "99999999999999999y"], 3, "no duration"),
        (&size, &["--min-improvement", "-1"], 2, "not negative"),
        (&size, &["--min-improvement", "-1%"], 2, "not negative"),
        (&size, &["--min-improvement", "nan"], 2, "not negative"),
        (&size, &["--env", "=x"], 3, "no environment variable"),
        (&size, &["--domain", "a/b"], 3, "`a/b`"),
        (&size, &["--domain", ".."], 3, "`..`"),
        (&size, &["--name", "a b"], 3, "`a b`"),
        (&size, &["--name", ""], 3, "``"),
        (&size, &["--name", "a.lock"], 3, "`a.lock`"),
        (&size, &["--name", "-"], 3, "`-`"),
        (&size, &["--name", "a\nb"], 3, "a b"),
        // What the command line's parser says has the same form.
        (&size, &["--direction", "down"], 2, "down"),
        (&size, &["--scope", "moon"], 2, "moon"),
        (&size, &["--colour"], 2, "--colour"),
        (&size, &["--eval", "true"], 2, "--eval"),
    ];
    each(cases, |(first, options, code, words)| {
        init(&place, &[*first, *options].concat()).fails(*code, words);
    });
    assert_same(&everything(&place), &before);
}

#[test]
fn surroundings_that_do_not_allow_it_are_told() {
    let size = ["-t", "t", "-e", "benchmark_size"];
    let nowhere = Place::bare("nowhere");
    nowhere.write("t", "text");
    let empty = Place::bare("empty");
    empty.git(&["init", "--quiet"]);
    empty.write("t", "text");
    let bare = Place::bare("bare");
    bare.git(&["init", "--quiet", "--bare"]);
    let full = Place::bare("full");
    let origin = project();
    full.git(&[
        "clone",
        "--quiet",
        "--bare",
        origin.project().to_str().unwrap(),
        ".",
    ]);
    for (place, words) in [
        (&nowhere, "not in a git repository"),
        (&empty, "no commit"),
        (&bare, "bare"),
        (&full, "bare"),
    ] {
        let before = everything(place);
        for command in ["init", "run"] {
            place.run(&[&[command], &size[..]].concat()).fails(4, words);
        }
        assert_same(&everything(place), &before);
    }
    let before = everything(&origin);
    for (path, words) in [("gone", "gone"), ("t", "t`"), (".git", ".git")] {
        init(&origin, &[&size, &["--path", path][..]].concat()).fails(4, words);
    }
    let mut command = origin.command(PROGRAM);
    command.arg("init").args(size).env("PATH", "/nonexistent");
    outcome(&mut command).fails(4, "git");
    let mut command = origin.command(PROGRAM);
    command.arg("init").args(size).env("HOME", "");
    outcome(&mut command).fails(4, "home");
    assert_same(&everything(&origin), &before);
    // What is in the place of the experiments' directory stays.
    origin.write(".autoresearch", "a file");
    init(&origin, &size).fails(1, ".autoresearch");
    assert_eq!(origin.read(".autoresearch"), "a file");
    assert_eq!(origin.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn of_two_that_make_the_same_experiment_one_wins() {
    let place = project();
    let gate = Gate::new(&place, "true");
    gate.close();
    let build = format!("build={}", gate.command());
    let arguments = ["init", "-t", "t", "-e", "benchmark_size", "-c", &build];
    let first = crate::experiments::start(&place, &arguments);
    gate.wait();
    place.run(&arguments).fails(7, "another run");
    gate.open();
    crate::experiments::finish(first).succeeds();
    place.run(&arguments).fails(3, "exists already");
    place.write("t", "short");
    place.run(&["run"]).succeeds();
}

#[test]
fn an_experiment_at_home_is_found_from_below_by_every_command() {
    let place = Place::new(&[("t", "0123456789"), ("below/deep/u", "0123456789")]);
    let size = ["-e", "benchmark_size", "--scope", "user"];
    init(&place, &[&["-t", "t"], &size[..]].concat()).succeeds();
    let below = |arguments: &[&str]| {
        let mut command = place.command(PROGRAM);
        outcome(
            command
                .args(arguments)
                .current_dir(place.project().join("below/deep")),
        )
    };
    assert!(below(&["list"]).succeeds().contains(ID));
    assert!(below(&["run", "--dry-run"]).succeeds().contains(ID));
    for (text, arguments) in [
        ("012345678", &["run"][..]),
        ("01234567", &["run", "--resume"]),
        ("0123456", &["run", "-x", ID]),
        ("012345", &["run", "-t", "../../t", "-e", "benchmark_size"]),
    ] {
        place.write("t", text);
        let judged = below(arguments).succeeds();
        assert!(judged.starts_with("keep: "), "{arguments:?}: {judged}");
    }
    below(&[&["init", "-t", "../../t"], &size[..]].concat()).fails(3, "exists already");
    below(&[&["init", "-t", "u"], &size[..]].concat()).succeeds();
    let home = place.home().join(".autoresearch/custom/u-benchmark_size");
    let written = definition(&place, home);
    assert_eq!(written["target"][0].as_str(), Some("below/deep/u"));
    assert_eq!(place.run(&["list"]).succeeds().lines().count(), 3);
    assert!(!place.project().join("below/deep/.autoresearch").exists());
    assert_eq!(untracked(&place), " M t");
    let measured = below(&["evaluate", "-t", "u", "-e", "benchmark_size"]).succeeds();
    assert!(measured.starts_with("size_bytes: 10"), "{measured}");
}

//! What ordinary projects, homes and commands have, in the sandbox that users get.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::experiments::{assert_consistent, each, journal, worktrees};
use crate::support::{Outcome, PROGRAM, Place, Tier, lines, outcome};

const HERE: &str = ".autoresearch/custom/t-benchmark_size";
const ID: &str = "custom/t-benchmark_size";
/// An agent that makes the target one line shorter.
const SHORTER: &str = "sed -i 1d t";

/// A project with a target `t` of 50 lines.
fn project(more: &[(&str, &str)]) -> Place {
    Place::new(&[&[("t", &*lines(50))][..], more].concat())
}

fn init(place: &Place, agent: &str, options: &[&str]) -> Outcome {
    let init = ["init", "-t", "t", "-e", "benchmark_size"];
    place.run(&[&init[..], &["--agent-command", agent], options].concat())
}

/// Has the agent make so many tries, and returns their verdicts with the reasons.
#[track_caller]
fn tries(place: &Place, count: u32) -> Vec<(String, String)> {
    let count = count.to_string();
    let ran = place.run(&["run", "--loop", "--max-experiments", &count]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    verdicts(place, HERE)
}

fn verdicts(place: &Place, directory: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    journal(place, directory)
        .iter()
        .filter(|record| record["event"] == "verdict")
        .map(|record| (text(&record["verdict"]), text(&record["reason"])))
        .collect()
}

/// Has an agent make two tries, each of which must be kept.
#[track_caller]
fn keeps_two(place: &Place, agent: &str, options: &[&str]) {
    init(place, agent, options).succeeds();
    let verdicts = tries(place, 2);
    assert!(
        verdicts.len() == 2 && verdicts.iter().all(|(verdict, _)| verdict == "keep"),
        "{verdicts:#?}"
    );
    assert_consistent(place, ID);
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// An executable script in the directory of programs that [`with_programs`] puts first.
fn program(place: &Place, name: &str, text: &str) {
    let directory = place.outside("programs");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    mode(&path, 0o755);
}

/// Runs the program with the test's own programs first in `PATH`.
fn with_programs(place: &Place, arguments: &[&str]) -> Outcome {
    let path = std::env::var_os("PATH").unwrap();
    let path = [place.outside("programs")]
        .into_iter()
        .chain(std::env::split_paths(&path));
    outcome(
        place
            .command(PROGRAM)
            .env("PATH", std::env::join_paths(path).unwrap())
            .args(arguments),
    )
}

#[test]
fn what_is_shared_keeps_nobody_from_being_kept() {
    type Files = &'static [(&'static str, &'static str)];
    type Options = &'static [&'static str];
    type Make = fn(&Place);
    let cases: [(Files, Options, Make); 5] = [
        (&[(".gitignore", ".venv\n")], &[], |place| {
            std::fs::create_dir(place.project().join(".venv")).unwrap();
        }),
        (&[(".gitignore", "node_modules\n")], &[], |place| {
            place.write("node_modules/x/index.js", "");
        }),
        // A link to a directory elsewhere.
        (
            &[(".gitignore", ".venv\n")],
            &["--share", ".venv"],
            |place| {
                std::fs::create_dir_all(place.outside("elsewhere/lib")).unwrap();
                symlink(place.outside("elsewhere"), place.project().join(".venv")).unwrap();
            },
        ),
        // One in another, and one twice.
        (
            &[(".gitignore", "deps\n")],
            &[
                "--share",
                "deps",
                "--share",
                "deps/inner",
                "--share",
                "./deps/",
            ],
            |place| place.write("deps/inner/x", "text"),
        ),
        // A file that git does not ignore.
        (&[], &["--share", "data.csv"], |place| {
            place.write("data.csv", "1,2\n");
        }),
    ];
    for tier in Tier::ALL {
        each(&cases, |(files, options, make)| {
            let place = project(files).confined_by(tier);
            make(&place);
            keeps_two(&place, SHORTER, options);
            if place.project().join("deps").exists() {
                assert_eq!(place.read("deps/inner/x"), "text");
            }
        });
    }
}

#[test]
fn what_is_shared_may_be_above_the_project() {
    for tier in Tier::ALL {
        let place = Place::new(&[
            ("app/t", &lines(50)),
            ("app/.autoresearch/.gitignore", "*\n"),
            (".gitignore", "node_modules\n"),
        ])
        .confined_by(tier);
        place.write("node_modules/x/index.js", "text");
        let run = |arguments: &[&str]| {
            let app = place.project().join("app");
            outcome(place.command(PROGRAM).current_dir(app).args(arguments)).succeeds()
        };
        run(&[
            "init",
            "-t",
            "t",
            "-e",
            "benchmark_size",
            "-c",
            "build=test -e ../node_modules/x/index.js",
            "--agent-command",
            SHORTER,
        ]);
        run(&["run", "--loop", "--max-experiments", "2"]);
        let verdicts = verdicts(&place, "app/.autoresearch/custom/t-benchmark_size");
        assert!(
            verdicts.iter().all(|(verdict, _)| verdict == "keep") && verdicts.len() == 2,
            "{tier:?} {verdicts:#?}"
        );
    }
}

/// A stand-in for an agent that is known by name: it needs its settings.
const CLAUDE: &str = r#"#!/bin/sh
cat > /dev/null
grep -q mine "$HOME/.claude/settings" || exit 3
touch "$HOME/.claude/session" || exit 4
[ ! -e "$HOME/.claude.json" ] || echo session >> "$HOME/.claude.json" || exit 5
sed -i 1d t
echo '{"type":"result","is_error":false,"result":"shorter","total_cost_usd":0.5}'
"#;

#[test]
fn a_home_may_hold_links() {
    for tier in Tier::ALL {
        let place = project(&[]).confined_by(tier);
        program(&place, "claude", CLAUDE);
        let home = place.home();
        let dotfiles = home.join("dotfiles");
        for directory in [".config", ".cache", ".local"] {
            std::fs::create_dir_all(&dotfiles).unwrap();
            std::fs::rename(home.join(directory), dotfiles.join(&directory[1..])).unwrap();
            symlink(
                Path::new("dotfiles").join(&directory[1..]),
                home.join(directory),
            )
            .unwrap();
        }
        std::fs::create_dir_all(dotfiles.join("config/claude")).unwrap();
        std::fs::create_dir_all(dotfiles.join("claude")).unwrap();
        std::fs::write(dotfiles.join("claude/settings"), "mine\n").unwrap();
        std::fs::write(dotfiles.join("claude.json"), "{}\n").unwrap();
        symlink(dotfiles.join("claude"), home.join(".claude")).unwrap();
        symlink("dotfiles/claude.json", home.join(".claude.json")).unwrap();
        std::fs::create_dir_all(place.outside("far/away")).unwrap();
        symlink(place.outside("far/away"), home.join("link")).unwrap();
        let init = [
            "init",
            "-t",
            "t",
            "-e",
            "benchmark_size",
            "--agent",
            "claude",
            "--write",
            "~/link",
            "-c",
            "build=echo > \"$HOME/link/built\"",
        ];
        with_programs(&place, &init).succeeds();
        let ran = with_programs(&place, &["run", "--loop", "--max-experiments", "2"]);
        assert_eq!(ran.code, 0, "{tier:?} {ran:#?}");
        let verdicts = verdicts(&place, HERE);
        assert!(
            verdicts.iter().all(|(verdict, _)| verdict == "keep") && verdicts.len() == 2,
            "{tier:?} {verdicts:#?}"
        );
        assert!(dotfiles.join("claude/session").exists());
        assert_eq!(
            std::fs::read_to_string(dotfiles.join("claude.json")).unwrap(),
            "{}\nsession\nsession\n"
        );
        assert!(place.outside("far/away/built").exists());
    }
}

#[test]
fn the_repository_and_the_experiments_may_be_links() {
    for tier in Tier::ALL {
        let place = project(&[(".gitignore", ".autoresearch\n")]).confined_by(tier);
        let project = place.project();
        std::fs::rename(project.join(".git"), place.outside("git")).unwrap();
        symlink(place.outside("git"), project.join(".git")).unwrap();
        std::fs::create_dir(place.outside("experiments")).unwrap();
        symlink(place.outside("experiments"), project.join(".autoresearch")).unwrap();
        keeps_two(&place, SHORTER, &[]);
        let evaluate = [
            "evaluate",
            "-e",
            "benchmark_size",
            "-t",
            "t",
            "-c",
            "build=true",
        ];
        place.run(&evaluate).succeeds();
    }
}

#[test]
fn a_home_may_be_in_the_project_or_be_it() {
    for tier in Tier::ALL {
        each(["in", "state", "be"], |how| {
            let place = project(&[(".gitignore", "inner\n")]).confined_by(tier);
            let project = place.project();
            let (home, state) = match how {
                "in" => (project.join("inner"), None),
                "state" => (place.home(), Some(project.join("inner"))),
                _ => (project.clone(), None),
            };
            for (path, text) in [
                (".ssh/id", "secret\n"),
                (".cargo/bin/tool", "#!/bin/sh\nexit 0\n"),
                (".cargo/credentials.toml", "secret\n"),
                (".config/x", "secret\n"),
            ] {
                let path = home.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, text).unwrap();
                mode(&path, 0o755);
            }
            let run = |arguments: &[&str]| {
                let mut command = place.command(PROGRAM);
                command.env("HOME", &home).args(arguments);
                if let Some(state) = &state {
                    command.env("XDG_STATE_HOME", state);
                }
                outcome(&mut command)
            };
            // It finds the toolchain, and no secret.
            let hidden = if tier == Tier::Off {
                ""
            } else {
                " && ! cat \"$HOME/.ssh/id\" \"$HOME/.cargo/credentials.toml\" | grep secret"
            };
            let build = format!("build=\"$HOME/.cargo/bin/tool\"{hidden}");
            run(&[
                "init",
                "-t",
                "t",
                "-e",
                "benchmark_size",
                "-c",
                &build,
                "--agent-command",
                SHORTER,
            ])
            .succeeds();
            let ran = run(&["run", "--loop", "--max-experiments", "2"]);
            assert_eq!(ran.code, 0, "{tier:?} {how} {ran:#?}");
            let verdicts = verdicts(&place, HERE);
            assert!(
                verdicts.iter().all(|(verdict, _)| verdict == "keep") && verdicts.len() == 2,
                "{tier:?} {how} {verdicts:#?}"
            );
        });
    }
}

/// Of ordinary users: the administrator may do everything in such a directory.
#[test]
fn what_is_left_without_permissions_is_no_obstacle() {
    let cases: &[(&str, &[&str])] = &[
        // By what is measured.
        (
            SHORTER,
            &["-c", "build=mkdir -p d/e && touch d/e/f && chmod 555 d/e"],
        ),
        (SHORTER, &["-c", "build=chmod 000 tracked"]),
        (SHORTER, &["-c", "build=chmod 555 tracked"]),
        // By the agent.
        ("sed -i 1d t; chmod 555 tracked .", &[]),
        ("sed -i 1d t; chmod 444 t", &[]),
        ("sed -i 1d t; chmod 000 t", &[]),
        ("sed -i 1d t; mkdir d; echo x > d/x; chmod 000 d", &[]),
    ];
    each(cases, |(agent, options)| {
        let place = project(&[("tracked/x", "x\n")]);
        keeps_two(&place, agent, options);
        // What was hidden is not in the commit, and not in the way of the next experiment.
        assert_eq!(
            place.git(&["diff", "--name-only", "HEAD", &format!("autoresearch/{ID}")]),
            "t"
        );
        let again = [
            "init",
            "-t",
            "t",
            "-e",
            "benchmark_size",
            "--name",
            "again",
            "-c",
            "build=true",
        ];
        place.run(&again).succeeds();
    });
}

#[test]
fn a_worktree_without_permissions_is_made_anew() {
    let place = project(&[("tracked/x", "x\n")]);
    init(&place, SHORTER, &[]).succeeds();
    tries(&place, 1);
    for tree in std::fs::read_dir(worktrees(&place)).unwrap() {
        let tree = tree.unwrap().path();
        if tree.is_dir() && tree.extension().is_none() {
            mode(&tree.join("tracked"), 0);
            mode(&tree, 0);
        }
    }
    assert_eq!(tries(&place, 1).len(), 2);
    std::fs::remove_dir_all(place.project().join(HERE)).unwrap();
    place.git(&["branch", "-D", &format!("autoresearch/{ID}")]);
    init(&place, SHORTER, &[]).succeeds();
}

#[test]
fn pipes_and_sockets_do_not_stay() {
    let place = project(&[("src/x", "x\n")]);
    let agent = "mkfifo pipe src/.gitignore; \
                 python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"socket\")'; \
                 test -e seen || sed -i 1d t";
    keeps_two(
        &place,
        agent,
        &["-c", "build=test ! -e pipe && mkfifo left || mkfifo other"],
    );
    let last = journal(&place, HERE);
    let last = last
        .iter()
        .rfind(|record| record["event"] == "verdict")
        .unwrap();
    let told = last["diagnostics"].to_string();
    assert!(
        told.contains("pipe, socket, src/.gitignore") && told.contains("removed"),
        "{told}"
    );
}

#[test]
fn by_products_cost_no_try_and_are_told() {
    let place = project(&[("a.py", "x = 1\n")]);
    let agent = "mkdir -p __pycache__ build/deep && touch __pycache__/a.pyc build/deep/o && \
                 git init -q nested && touch nested/x && \
                 printf '*\\n' > .gitignore && touch helper && sed -i 1d t && echo shorter";
    init(
        &place,
        agent,
        &[
            "-c",
            "build=test ! -e helper && test ! -e build && test ! -e nested",
        ],
    )
    .succeeds();
    let ran = place.run(&["run", "--loop", "--max-experiments", "2"]);
    assert!(
        ran.stderr
            .contains("removed what the agent left besides the target: "),
        "{ran:#?}"
    );
    let verdicts = verdicts(&place, HERE);
    assert!(
        verdicts.len() == 2 && verdicts.iter().all(|(verdict, _)| verdict == "keep"),
        "{verdicts:#?}"
    );
    // What git tracks is another matter.
    let agent = "echo y = 1 > a.py; sed -i 1d t";
    let ran = place.run(&[
        "run",
        "--loop",
        "--max-experiments",
        "1",
        "--agent-command",
        agent,
    ]);
    assert!(
        ran.stdout.contains("it changes more than the target: a.py"),
        "{ran:#?}"
    );
}

#[test]
fn a_proposal_that_git_refuses_is_a_crash_and_costs_what_it_costs() {
    let place = project(&[(".gitattributes", "t filter=check\n")]);
    place.git(&["config", "filter.check.clean", "grep -v broken || exit 1"]);
    place.git(&["config", "filter.check.smudge", "cat"]);
    place.git(&["config", "filter.check.required", "true"]);
    program(
        &place,
        "claude",
        "#!/bin/sh\ncat >/dev/null\nif [ -e once ]; then sed -i 1d t; else echo broken $(cat /proc/sys/kernel/random/uuid) > t; fi\n\
         echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"try\",\"total_cost_usd\":0.5}'\n",
    );
    let init = [
        "init",
        "-t",
        "t",
        "-e",
        "benchmark_size",
        "--agent",
        "claude",
    ];
    with_programs(&place, &init).succeeds();
    let ran = with_programs(&place, &["run", "--loop", "--max-cost", "1", "--json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"]["tries"], 2, "{ran:#?}");
    assert_eq!(last["summary"]["cost_usd"], 1.0, "{ran:#?}");
    for (verdict, reason) in verdicts(&place, HERE) {
        assert_eq!(verdict, "crash");
        assert!(reason.starts_with("git refuses it: "), "{reason}");
    }
    assert_consistent(&place, ID);
    // From the checkout it is an error, and nothing is changed.
    place.write("t", "broken\n");
    place
        .run(&["run", "-m", "x"])
        .fails(3, "git refuses the target");
    assert_eq!(place.read("t"), "broken\n");
}

#[test]
fn what_is_measured_is_what_is_checked_out() {
    // How many bytes 49 lines are when they are checked out.
    let crlf = lines(50).split_once('\n').unwrap().1.replace('\n', "\r\n");
    for (attributes, setting) in [("", "true"), ("t text eol=crlf\n", "false")] {
        let place = project(&[(".gitattributes", attributes)]);
        place.git(&["config", "core.autocrlf", setting]);
        std::fs::remove_file(place.project().join("t")).unwrap();
        place.git(&["checkout", "--", "t"]);
        assert_eq!(place.read("t"), lines(50).replace('\n', "\r\n"));
        // It writes plain ends of lines.
        init(&place, "sed -i -e 1d -e 's/\\r$//' t", &[]).succeeds();
        tries(&place, 1);
        let records = journal(&place, HERE);
        let judged = records.iter().find(|r| r["event"] == "verdict").unwrap();
        assert_eq!(judged["verdict"], "keep", "{judged}");
        assert_eq!(judged["value"], crlf.len() as f64, "{judged}");
        assert_consistent(&place, ID);
    }
}

#[test]
fn a_number_that_cannot_be_read_is_no_older_one() {
    let last_lines = [
        "nan",
        "inf",
        "95%",
        "1,234.5",
        "1 234,5",
        "1\u{a0}234,5",
        "1\u{202f}234,5",
        "diverged",
    ];
    let place = Place::new(&[("t", "loss: 999.9\n")]);
    let init = [
        "init",
        "-t",
        "t",
        "--eval",
        "cat t",
        "--metric",
        "loss",
        "--direction",
        "lower",
        "--deterministic",
        "--name",
        "x",
    ];
    place.run(&init).succeeds();
    for last in last_lines {
        place.write("t", format!("acc: 1\nloss: 5\nloss: {last}\n"));
        let printed = place.run(&["run", "-m", "x"]).succeeds();
        let shown: String = format!("loss: {last}")
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .collect();
        let printed: String = printed
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .collect();
        assert!(
            printed.starts_with("crash: ") && printed.contains(&shown),
            "{last}: {printed}"
        );
    }
    // The last of several counts, and that is told.
    place.write("t", "loss: 7\nloss: 8\n");
    let ran = place.run(&["run", "-m", "x"]);
    assert!(
        ran.stderr.contains("of which the last counts: `loss`"),
        "{ran:#?}"
    );
    assert!(
        ran.succeeds().starts_with("keep: better: loss 999.9"),
        "the last counts"
    );
    for (text, words) in [
        ("echo loss: 5 >&2", "printed `loss` on standard error"),
        (
            "echo loss: 5; head -c 3000000 /dev/zero | tr '\\0' 'x' | fold",
            "print metrics last",
        ),
    ] {
        let evaluate = ["evaluate", "--eval", text, "--metric", "loss"];
        let failed = place.run(&evaluate);
        assert_eq!(failed.code, 6, "{failed:#?}");
        assert!(failed.stderr.contains(words), "{failed:#?}");
    }
    let marked = ["evaluate", "--eval", "printf '\\357\\273\\277loss: 5\\n'"];
    assert_eq!(place.run(&marked).succeeds(), "loss: 5\n");
}

#[test]
fn an_evaluator_without_a_target_means_what_was_changed() {
    let place = Place::new(&[("t", "one\n"), ("u", "two\n"), ("sub/v", "three\n")]);
    std::fs::create_dir(place.project().join("plugins")).unwrap();
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/benchmark_size.wasm"),
        place.project().join("plugins/benchmark_size.wasm"),
    )
    .unwrap();
    let run = ["run", "--evaluator", "plugins/benchmark_size.wasm"];
    place.run(&run).fails(2, "no tracked file differs");
    place.write("t", "o\n");
    place.write("sub/v", "3\n");
    let several = place.run(&run).fails(2, "2 tracked files differ");
    assert!(several.stderr.contains("sub/v, t"), "{several:#?}");
    place.git(&["checkout", "--", "sub/v"]);
    let made = place.run(&run);
    assert!(
        made.stderr.contains("taking `t` as the target"),
        "{made:#?}"
    );
    assert!(made.succeeds().starts_with("keep: "));
    // From now on there is an experiment with that evaluator.
    place.write("t", "longer\n");
    place.write("u", "2\n");
    let again = place.run(&run);
    assert!(
        again
            .stderr
            .contains("running the experiment custom/t-benchmark_size"),
        "{again:#?}"
    );
    assert!(again.succeeds().starts_with("discard: "));
}

#[test]
fn a_gain_is_told_as_it_was_measured_whatever_the_machine_does() {
    // The machine gets slower by more than the agent gains.
    let place = Place::new(&[("t", &lines(50))]);
    let clock = place.open("clock");
    std::fs::write(&clock, "").unwrap();
    let eval = format!(
        "echo x >> '{0}'; echo n: $(($(wc -c <t) + 20 * $(wc -l <'{0}')))",
        clock.display()
    );
    let init = [
        "init",
        "-t",
        "t",
        "--eval",
        &eval,
        "--metric",
        "n",
        "--direction",
        "lower",
        "--agent-command",
        "head -n 5 t > u && cat u > t && rm u",
    ];
    place.run(&init).succeeds();
    let ran = place.run(&["run", "--loop", "--max-experiments", "1"]);
    let said = &ran.stdout;
    assert!(said.starts_with("keep: better: "), "{ran:#?}");
    let summary = said.lines().find(|line| line.starts_with("n ")).unwrap();
    assert!(
        summary.starts_with("n -") && summary.contains("at the start"),
        "{summary}"
    );
    assert!(!said.contains("(+"), "{said}");
    for arguments in [
        &["results"][..],
        &["list"],
        &["results", "--format", "markdown"],
        &["finish"],
    ] {
        let shown = place.run(arguments).succeeds();
        assert!(!shown.contains("(+"), "{arguments:?}: {shown}");
    }
}

#[test]
fn a_file_that_the_worktrees_lack_is_told_and_one_that_is_built_is_not() {
    let told = "git does not track";
    let place = project(&[(".gitignore", "dist/\n")]);
    place.write("score.sh", "echo score: 1\n");
    let lacking = [
        "init",
        "-t",
        "t",
        "--eval",
        "sh score.sh",
        "--metric",
        "score",
    ];
    let outcome = place.run(&[&lacking[..], &["--direction", "higher"]].concat());
    assert!(
        outcome.stderr.contains(&format!("{told} score.sh")),
        "{outcome:#?}"
    );
    place.write("dist/t", "from an earlier build");
    let building = [
        "init",
        "-t",
        "t",
        "-e",
        "benchmark_size",
        "--set",
        "path=dist/t",
    ];
    let build = ["-c", "build=mkdir -p dist && sort t >dist/t"];
    let outcome = place.run(&[&building[..], &build[..]].concat());
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert!(!outcome.stderr.contains(told), "{outcome:#?}");
}

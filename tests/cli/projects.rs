//! Projects as people have them, with what they install: it works in the worktrees, and what is
//! measured is the candidate.

use std::process::Command;

use crate::experiments::{assert_consistent, events};
use crate::support::{Outcome, PROGRAM, Place, Tier, outcome};

/// Runs a tool that the project's owner would run.
#[track_caller]
fn tool(place: &Place, program: &str, arguments: &[&str]) {
    let mut command = place.command(program);
    let ran = outcome(with_cargo(command.args(arguments)));
    assert_eq!(ran.code, 0, "{program} {arguments:?}: {ran:#?}");
}

/// Where cargo and rustup have their own things: not in a home that a test makes.
fn with_cargo(command: &mut Command) -> &mut Command {
    let home = std::env::var_os("HOME").unwrap_or_default();
    for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let path = std::env::var_os(name)
            .map_or_else(|| std::path::Path::new(&home).join(default), Into::into);
        command.env(name, path);
    }
    command.envs(std::env::vars_os().filter(|(name, _)| name == "RUSTUP_TOOLCHAIN"))
}

fn run(place: &Place, arguments: &[&str]) -> Outcome {
    outcome(with_cargo(place.command(PROGRAM).args(arguments)))
}

const PACKAGE: &str = "src/pack/__init__.py";
/// Prints what the package says it costs.
const BENCH: &str = "import pack\nprint('cost:', pack.COST)\n";
const COST: [&str; 8] = [
    "init",
    "-t",
    PACKAGE,
    "--metric=cost",
    "--direction=lower",
    "--deterministic",
    "--name=pack",
    "--eval=.venv/bin/python bench.py",
];

/// A project with a virtual environment, in whose `site-packages` is this file.
fn with_environment(installed: &str, text: impl Fn(&Place) -> String) -> Place {
    let place = Place::new(&[
        (PACKAGE, "COST = 10\n"),
        ("bench.py", BENCH),
        (".gitignore", ".venv/\n__pycache__/\n"),
    ]);
    tool(&place, "python3", &["-m", "venv", "--without-pip", ".venv"]);
    let lib = place.project().join(".venv/lib");
    let python = std::fs::read_dir(lib).unwrap().next().unwrap().unwrap();
    let packages = python.path().join("site-packages");
    std::fs::write(packages.join(installed), text(&place)).unwrap();
    place
}

#[test]
fn a_virtual_environment_is_shared() {
    // Installed, not editable: a dependency.
    let place = with_environment("dependency.py", |_| "FACTOR = 2\n".to_owned());
    place.write(
        "bench.py",
        "import sys\nsys.path.insert(0, 'src')\nimport dependency, pack\nprint('cost:', pack.COST * dependency.FACTOR)\n",
    );
    place.git(&["commit", "--quiet", "--all", "--message=bench"]);
    let made = run(&place, &COST);
    assert!(made.stderr.contains("share .venv with"), "{made:#?}");
    assert!(made.stderr.contains("baseline: cost 20"), "{made:#?}");
    assert!(!made.stderr.contains("warning"), "{made:#?}");
    made.succeeds();
    place.write(PACKAGE, "COST = 7\n");
    let kept = run(&place, &["run", "--json"]).succeeds();
    assert!(kept.contains("14"), "{kept}");
    assert_consistent(&place, "custom/pack");
}

/// As `pip install -e`, `uv sync` and other tools install a project in its own environment.
#[test]
fn an_editable_install_is_told_and_can_be_led_to_the_candidate() {
    type Text = fn(&Place) -> String;
    let installs: [(&str, Text); 2] = [
        ("__editable__.pack-1.0.pth", |place| {
            format!("{}\n", place.project().join("src").display())
        }),
        ("__editable___pack_1_0_finder.py", |place| {
            let path = place.project().join("src/pack");
            let package = format!(
                "MAPPING: dict[str, str] = {{'pack': '{}'}}\n",
                path.display()
            );
            let finder = "
import sys
from importlib.machinery import PathFinder
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            from importlib.util import spec_from_file_location
            return spec_from_file_location(name, MAPPING[name] + '/__init__.py')
def install():
    sys.meta_path.append(Finder)
";
            package + finder
        }),
    ];
    // What it is told about is seen by all but bubblewrap, which shows the candidate in the place of the
    // checkout.
    let place = with_environment(installs[0].0, installs[0].1);
    let made = run(&place, &COST);
    assert!(!made.stderr.contains("warning"), "{made:#?}");
    let agent = "--agent-command=sh -c 'cat > /dev/null; echo COST = 5 > src/pack/__init__.py'";
    let tried = run(&place, &["run", agent, "--max-experiments=1"]);
    assert!(
        tried.stdout.contains("keep: better: cost 10 -> 5"),
        "{tried:#?}"
    );
    for (name, text) in installs {
        let place = with_environment(name, text).confined_by(Tier::Landlock);
        if let Some(module) = name.strip_suffix(".py") {
            let python = std::fs::read_dir(place.project().join(".venv/lib")).unwrap();
            let packages = python.last().unwrap().unwrap().path().join("site-packages");
            let line = format!("import {module}; {module}.install()\n");
            std::fs::write(packages.join("__editable__.pack-1.0.pth"), line).unwrap();
        }
        let warned = |outcome: &Outcome| {
            let warning = "warning: `.venv` leads commands to `src";
            outcome.stderr.contains(warning) && outcome.stderr.contains("PYTHONPATH=src")
        };
        let made = run(&place, &COST);
        assert!(warned(&made), "{name}: {made:#?}");
        made.succeeds();
        // What the warning is about: the checkout is measured on both sides of a loop, so that the
        // agent's candidate, half as costly, is as costly as before.
        let agent = "--agent-command=sh -c 'cat > /dev/null; echo COST = 5 > src/pack/__init__.py'";
        let looped = ["run", agent, "--max-experiments=1"];
        let tried = run(&place, &looped);
        assert!(warned(&tried), "{name}: {tried:#?}");
        assert!(
            tried.stdout.contains("no change: cost 10 -> 10"),
            "{name}: {tried:#?}"
        );
        tried.succeeds();
        let told = "baseline try discard settled";
        assert_eq!(events(&place, ".autoresearch/custom/pack"), told, "{name}");

        // As the hint says.
        let path = ".autoresearch/custom/pack/experiment.toml";
        let set = "\n[environment]\nset = { PYTHONPATH = \"src\" }\n";
        place.write(path, place.read(path) + set);
        let tried = run(
            &place,
            &[
                "run",
                "--agent-command=sh -c 'cat > /dev/null; echo COST = 4 > src/pack/__init__.py'",
                "--max-experiments=1",
            ],
        );
        assert!(!warned(&tried), "{name}: {tried:#?}");
        assert!(tried.stdout.contains("10 -> 4"), "{name}: {tried:#?}");
        tried.succeeds();
        assert_eq!(place.read(PACKAGE), "COST = 10\n");
    }
}

const PACKAGES: [(&str, &str); 5] = [
    (
        "package.json",
        "{\"name\": \"app\", \"version\": \"1.0.0\"}\n",
    ),
    (
        "dep/package.json",
        "{\"name\": \"dep\", \"version\": \"1.0.0\"}\n",
    ),
    ("dep/index.js", "module.exports = 2\n"),
    ("app.js", "console.log('cost: ' + require('dep') * 10)\n"),
    (".gitignore", "node_modules\n"),
];

const NODE: [&str; 6] = [
    "init",
    "--eval=node app.js",
    "--metric=cost",
    "--direction=lower",
    "--deterministic",
    "--name=app",
];

fn install(place: &Place, options: &[&str]) {
    let common = ["install", "--offline", "--no-audit", "--no-fund", "./dep"];
    tool(place, "npm", &[&common, options].concat());
    place.git(&["add", "--all"]);
    place.git(&["commit", "--quiet", "--message=install"]);
}

#[test]
fn node_modules_are_shared() {
    let place = Place::new(&PACKAGES);
    install(&place, &["--install-links"]);
    let made = run(&place, &[&NODE[..], &["-t", "app.js"]].concat());
    assert!(made.stderr.contains("share node_modules with"), "{made:#?}");
    assert!(made.stderr.contains("baseline: cost 20"), "{made:#?}");
    assert!(!made.stderr.contains("warning"), "{made:#?}");
    made.succeeds();
    place.write("app.js", "console.log('cost: ' + require('dep') * 4)\n");
    let tried = run(&place, &["run"]).succeeds();
    assert!(tried.contains("20 -> 8"), "{tried}");
    assert_consistent(&place, "custom/app");
}

/// As `npm install` and workspaces link a package of the repository's own.
#[test]
fn a_linked_package_is_told_and_can_be_installed_in_each_worktree() {
    let place = Place::new(&PACKAGES).confined_by(Tier::Landlock);
    install(&place, &[]);
    let made = run(&place, &[&NODE[..], &["-t", "dep/index.js"]].concat());
    let warning = "warning: `node_modules` leads commands to `dep` in your checkout";
    assert!(made.stderr.contains(warning), "{made:#?}");
    made.succeeds();

    // As the hint says.
    let path = ".autoresearch/custom/app/experiment.toml";
    let definition = place.read(path);
    assert!(
        definition.contains("share = [\"node_modules\"]"),
        "{definition}"
    );
    let setup = "setup = \"npm ci --offline --no-audit --no-fund\"";
    place.write(
        path,
        definition.replace("share = [\"node_modules\"]", setup),
    );
    for worktree in std::fs::read_dir(crate::experiments::worktrees(&place)).unwrap() {
        let _ = std::fs::remove_file(worktree.unwrap().path().join("node_modules"));
    }
    let agent = "--agent-command=sh -c 'cat > /dev/null; echo module.exports = 1 > dep/index.js'";
    let tried = run(&place, &["run", agent, "--max-experiments=1"]);
    assert!(
        !tried.stderr.contains("warning: `node_modules`"),
        "{tried:#?}"
    );
    assert!(tried.stdout.contains("20 -> 10"), "{tried:#?}");
    assert_eq!(place.read("dep/index.js"), "module.exports = 2\n");
}

/// What git ignores stays in a worktree, so a build is made once in each, and then only of what the
/// candidate changes.
#[test]
fn a_cargo_workspace_stays_built() {
    let manifest = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    let app = manifest("app", "[dependencies]\ndep = { path = \"../dep\" }\n");
    let place = Place::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\", \"dep\"]\nresolver = \"2\"\n",
        ),
        ("app/Cargo.toml", &app),
        (
            "app/src/main.rs",
            "fn main() { println!(\"cost: {}\", dep::TEN * 10); }\n",
        ),
        ("dep/Cargo.toml", &manifest("dep", "")),
        ("dep/src/lib.rs", "pub const TEN: u32 = 10;\n"),
        (".gitignore", "target/\n"),
    ]);
    tool(&place, "cargo", &["generate-lockfile", "--offline"]);
    place.git(&["add", "--all"]);
    place.git(&["commit", "--quiet", "--message=lock"]);
    run(
        &place,
        &[
            "init",
            "-t",
            "app/src/main.rs",
            "--eval=cargo run --offline --locked",
            "--metric=cost",
            "--direction=lower",
            "--name=app",
        ],
    )
    .succeeds();
    let directory = ".autoresearch/custom/app";
    let path = format!("{directory}/experiment.toml");
    let setup = "\n[workspace]\nsetup = \"cargo build --offline --locked\"\n";
    place.write(&path, place.read(&path) + setup);

    for n in 1..=4 {
        let factor = if n == 3 { 20 } else { 9 - n };
        let text = format!("fn main() {{ println!(\"cost: {{}}\", dep::TEN * {factor}); }}\n");
        place.write("app/src/main.rs", text);
        run(&place, &["run"]).succeeds();
        let log = |side: &str| place.read(format!("{directory}/runs/{n:04}/{side}.log"));
        let (candidate, incumbent) = (log("candidate"), log("incumbent"));
        assert!(candidate.contains("Compiling app"), "{n}: {candidate}");
        for log in [candidate, incumbent] {
            assert!(!log.contains("Compiling dep"), "{n}: {log}");
            assert!(log.contains("Finished"), "{n}: {log}");
        }
    }
    let told = "try keep settled try keep settled try discard settled try keep settled";
    assert_eq!(
        events(&place, directory),
        format!("baseline baseline {told}")
    );
    assert_consistent(&place, "custom/app");
}

/// `setup` is for the worktree. What becomes of a candidate in it is for the evaluator to say.
#[test]
fn a_candidate_that_would_break_the_setup_is_a_crash_and_no_error() {
    let place = Place::new(&[("t", "echo cost: 10\n"), (".gitignore", "built\n")]);
    place
        .run(&[
            "init",
            "-t",
            "t",
            "--eval=sh t",
            "--metric=cost",
            "--direction=lower",
            "--name=t",
        ])
        .succeeds();
    let path = ".autoresearch/custom/t/experiment.toml";
    let setup = "\n[workspace]\nsetup = [\"sh\", \"-c\", \"sh t > built\"]\n";
    place.write(path, place.read(path) + setup);
    place.write("t", "exit 1\n");
    place.run(&["run"]).succeeds();
    assert_eq!(
        events(&place, ".autoresearch/custom/t"),
        "baseline baseline try crash settled"
    );
    assert_consistent(&place, "custom/t");
}

/// Dependencies are where the package manager puts them: at the repository's top, in the project,
/// beside a target.
#[test]
fn a_package_of_a_larger_repository_has_all_its_dependencies() {
    let module = |name: &str, factor: u32| {
        (
            format!("{name}/index.js"),
            format!("module.exports = {factor}\n"),
        )
    };
    let app = "const [a, b, c] = ['a', 'b', 'c'].map(name => require(name))\nconsole.log('cost: ' + a * b * c * 10)\n";
    let place = Place::new(&[
        ("work/lib/app.js", app),
        (".gitignore", "node_modules/\n"),
        ("work/.keep", ""),
    ]);
    for (path, text) in [
        module("node_modules/a", 2),
        module("work/node_modules/b", 3),
        module("work/lib/node_modules/c", 5),
    ] {
        place.write(path, text);
    }
    place
        .run(&[
            "init",
            "--path=work",
            "-t",
            "lib/app.js",
            "--eval=node lib/app.js",
            "--metric=cost",
            "--direction=lower",
            "--deterministic",
            "--name=app",
        ])
        .succeeds();
    let path = "work/.autoresearch/custom/app/experiment.toml";
    let definition = place.read(path);
    for shared in [
        "\"../node_modules\"",
        "\"node_modules\"",
        "\"lib/node_modules\"",
    ] {
        assert!(
            definition.contains(shared),
            "{shared} is not in {definition}"
        );
    }
    place.write("work/lib/app.js", app.replace("10", "8"));
    let tried = place.run(&["run", "--path=work"]).succeeds();
    assert!(tried.contains("300 -> 240"), "{tried}");

    // What is above the repository is nobody's to link.
    place.write(path, definition.replace("../node_modules", "../../home"));
    place.write("work/lib/app.js", app.replace("10", "7"));
    place
        .run(&["run", "--path=work"])
        .fails(3, "outside the repository");
}

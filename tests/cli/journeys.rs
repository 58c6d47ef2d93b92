//! The core journeys, in each of the sandboxes.

use std::os::unix::process::ExitStatusExt;

use crate::experiments::{
    assert_consistent, each, events, finish, journal, processes_in, start, wait_until,
};
use crate::support::{Place, Tier, lines};

const ID: &str = "custom/journey";
const HERE: &str = ".autoresearch/custom/journey";

/// A project whose measuring needs what is shared and what is set up.
fn project(tier: Tier) -> Place {
    let place = Place::new(&[
        ("t", &lines(50)),
        (
            "measure.sh",
            "cat .deps/x built/x >/dev/null && echo \"n: $(wc -c < t)\"\n",
        ),
        (".gitignore", ".deps\nbuilt\n"),
    ])
    .confined_by(tier);
    place.write(".deps/x", "dependency\n");
    place
}

const INIT: &[&str] = &[
    "init",
    "--name",
    "journey",
    "-t",
    "t",
    "--eval",
    "sh measure.sh",
    "--metric",
    "n",
    "--direction",
    "lower",
    "--deterministic",
    "--share",
    ".deps",
    "--setup",
    "mkdir -p built && cp .deps/x built/x",
    "--check",
    "test -s t",
];

#[test]
fn from_init_to_finish() {
    each(Tier::ALL, |tier| {
        let place = project(tier);
        let made = place.run(INIT);
        assert!(made.stderr.contains("baseline: n 141"), "{made:#?}");
        made.succeeds();
        // By hand.
        place.write("t", lines(49));
        assert!(
            place
                .run(&["run", "-m", "one less"])
                .succeeds()
                .starts_with("keep: ")
        );
        place.write("t", lines(60));
        assert!(
            place
                .run(&["run", "-m", "more"])
                .succeeds()
                .starts_with("discard: worse")
        );
        assert_eq!(place.read("t"), lines(49));
        place.write("t", "");
        let guarded = place.run(&["run", "-m", "nothing"]).succeeds();
        assert!(
            guarded.starts_with("discard: guard test_pass_rate: "),
            "{guarded}"
        );
        // By an agent.
        let agent = "[ -e .deps/x ] && sed -i 1d t && echo shorter";
        let ran = place.run(&[
            "run",
            "--agent-command",
            agent,
            "--loop",
            "--max-experiments",
            "2",
        ]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(ran.stdout.contains("2 kept"), "{ran:#?}");
        assert_eq!(place.read("t"), lines(49));
        assert_consistent(&place, ID);
        let tier_of_all = journal(&place, HERE)
            .iter()
            .filter_map(|record| record["sandbox"].as_str().map(str::to_owned))
            .all(|sandbox| sandbox == tier.name());
        assert!(tier_of_all);
        // What came of it.
        let shown = place.run(&["results"]).succeeds();
        assert!(
            shown.contains("shorter") && shown.contains("one less"),
            "{shown}"
        );
        place.run(&["finish", "--squash"]).succeeds();
        let branches = place.git(&["branch", "--list", "--format=%(refname:short)"]);
        assert_eq!(branches.lines().count(), 3, "{branches}");
        assert_eq!(place.git(&["status", "--short", "--", "measure.sh"]), "");
    });
}

#[test]
fn a_judge_answers() {
    each(Tier::ALL, |tier| {
        let place = Place::new(&[("post.md", "Buy our thing.\n")]).confined_by(tier);
        // It gives each criterion a point for every wonder.
        let judge = r"awk '/wonder/ { score++ } $0 ~ /^[0-9a-f]+ [a-z_]+: SCORE$/ && length($1) == 32 { sub(/SCORE$/, 4 + score); print }'";
        let init = ["init", "-t", "post.md", "-e", "llm_judge_copy"];
        let made = place.run(&[&init[..], &["--judge-command", judge]].concat());
        assert!(
            made.stderr.contains("baseline: engagement_score 4/10"),
            "{tier:?} {made:#?}"
        );
        place.write("post.md", "A wonder of a thing.\n");
        let kept = place.run(&["run", "-m", "wonder"]).succeeds();
        assert!(kept.starts_with("keep: "), "{tier:?} {kept}");
    });
}

#[test]
fn killed_it_resumes() {
    each(Tier::ALL, |tier| {
        let place = project(tier);
        place.run(INIT).succeeds();
        let agent = "sed -i 1d t; sleep 30";
        let mut child = start(
            &place,
            &[
                "run",
                "--agent-command",
                agent,
                "--loop",
                "--max-experiments",
                "1",
            ],
        );
        let trees = crate::experiments::worktrees(&place);
        wait_until("the agent works", || {
            std::fs::read_dir(&trees).unwrap().flatten().any(|tree| {
                std::fs::read_to_string(tree.path().join("t"))
                    .is_ok_and(|text| text == lines(50)[2..])
            })
        });
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        wait_until("nothing is left running", || {
            processes_in(&trees).is_empty() && processes_in(&place.project()).is_empty()
        });
        let again = "sed -i 1d t; echo again";
        let ran = place.run(&[
            "run",
            "--agent-command",
            again,
            "--loop",
            "--max-experiments",
            "1",
        ]);
        assert_eq!(ran.code, 0, "{tier:?} {ran:#?}");
        assert!(
            events(&place, HERE).ends_with("try keep settled"),
            "{tier:?}"
        );
        assert_consistent(&place, ID);
    });
}

#[test]
fn interrupted_it_ends_in_order() {
    each(Tier::ALL, |tier| {
        let place = project(tier);
        place.run(INIT).succeeds();
        let child = start(
            &place,
            &["run", "--loop", "--agent-command", "sed -i 1d t; sleep 0.1"],
        );
        wait_until("a try is kept", || events(&place, HERE).contains("keep"));
        // SAFETY: kill takes two integers.
        unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
        let ended = finish(child);
        assert_eq!(ended.code, 0, "{tier:?} {ended:#?}");
        assert!(ended.stderr.contains("ended: "), "{tier:?} {ended:#?}");
        assert_consistent(&place, ID);
    });
}

//! What an agent may touch, what git is made to do for it, and the branch where it is checked out.

use std::path::PathBuf;

use crate::experiments;
use crate::experiments::{
    DIRECTORY, ID, assert_consistent, assert_same, journal, others, resolve, rows, wait_until,
};
use crate::support::{Outcome, Place};

/// What these tests are about, and what no agent's git can do in a sandbox.
const WHY: &str = "its git writes in the repository";

fn sized(options: &[&str]) -> Place {
    experiments::sized(options).unconfined(WHY)
}

/// Shortens the target by a byte, after these lines.
fn agent(place: &Place, name: &str, lines: &str) -> String {
    let script = place.open(name);
    let text = format!(
        "{lines}\nn=$(wc -c < t); head -c $((n - 1)) t > ../t.new.$$ && cat ../t.new.$$ > t && rm ../t.new.$$\necho '{name}'\n"
    );
    std::fs::write(&script, text).unwrap();
    format!("sh {}", script.display())
}

/// One turn of an agent that does these things and shortens the target.
fn turn(place: &Place, lines: &str) -> Outcome {
    let agent = agent(place, "agent", lines);
    place.run(&["run", "--agent-command", &agent])
}

/// The last row: its verdict and reason.
fn last(place: &Place) -> (String, String) {
    let records = journal(place, DIRECTORY);
    let verdict = records.iter().rfind(|r| r["event"] == "verdict").unwrap();
    let word = |key: &str| verdict[key].as_str().unwrap().to_owned();
    (word("verdict"), word("reason"))
}

/// A script that leaves a mark, and the mark.
fn trap(place: &Place) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let (script, mark) = (place.open("trap.sh"), place.open("mark"));
    std::fs::write(
        &script,
        format!("#!/bin/sh\ntouch {}\ncat\n", mark.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    (script, mark)
}

#[test]
fn what_is_hidden_in_the_index_is_seen() {
    let place = sized(&[]);
    for (lines, seen) in [
        (
            "git update-index --assume-unchanged other; echo x > other",
            "other",
        ),
        (
            "git update-index --skip-worktree other; echo x > other",
            "other",
        ),
        ("git rm -q --cached other", ""),
        ("echo x > other; git add other", "other"),
        // What is new is removed.
        ("echo x > new; git add -N new", ""),
        ("git rm -q other", "other"),
        ("chmod +x other", "other"),
        ("rm other; ln -s t other", "other"),
        ("mkdir -p deep/er; echo x > deep/er/file", ""),
        ("cp other ' M t'", ""),
        (
            "printf '.gitignore\\nhidden\\n' > .gitignore; echo x > hidden",
            "",
        ),
        (
            "touch -r other ../stamp; printf OTHER > other; touch -r ../stamp other",
            "other",
        ),
        (
            "mkdir -p deep; echo x > deep/file; git add -A; git -c user.name=x -c user.email=x commit -qm x; git reset -q --soft HEAD~1",
            "",
        ),
        (
            "git config core.fileMode false; chmod +x other; git config core.trustctime false",
            "other",
        ),
        ("git bisect start; git stash -q", ""),
    ] {
        turn(&place, lines).succeeds();
        let (verdict, reason) = last(&place);
        if seen.is_empty() {
            // Only git's own state was changed besides, and that is put back.
            assert_eq!(verdict, "keep", "{lines}: {reason}");
        } else {
            assert_eq!(verdict, "discard", "{lines}: {reason}");
            assert_eq!(
                reason,
                format!("it changes more than the target: {seen}"),
                "{lines}"
            );
        }
    }
    assert_consistent(&place, ID);
}

#[test]
fn what_tells_git_what_to_ignore_is_put_back_or_ends_the_run() {
    let place = sized(&[]);
    turn(
        &place,
        "echo x > new; echo new >> $(git rev-parse --git-path info/exclude)",
    )
    .succeeds();
    let (verdict, reason) = last(&place);
    assert_eq!(verdict, "discard", "{reason}");
    assert!(reason.contains("info/exclude"), "{reason}");
    turn(
        &place,
        "echo new > ../ignored; echo x > new; git config core.excludesFile $PWD/../ignored",
    )
    .fails(4, "core.excludesfile");
    place.git(&["config", "--unset", "core.excludesFile"]);
    turn(&place, "").succeeds();
    assert_eq!(last(&place).0, "keep");
}

#[test]
fn a_sparse_worktree_is_the_next_agents_as_it_was() {
    let place =
        Place::new(&[("t", &"x".repeat(100)), ("other", ""), ("out/file", "")]).unconfined(WHY);
    place.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/out"]);
    place
        .run(&[
            "init",
            "-t",
            "t",
            "-e",
            "benchmark_size",
            "--name",
            "t-benchmark_size",
        ])
        .succeeds();
    turn(
        &place,
        "git sparse-checkout set --no-cone '/*' '!/out' '!/other'",
    )
    .succeeds();
    let (verdict, reason) = last(&place);
    assert_eq!(verdict, "discard", "{reason}");
    turn(&place, "[ -e other ] || exit 1; [ ! -e out ]").succeeds();
    assert_eq!(last(&place).0, "keep");
}

#[test]
fn a_shared_directory_that_is_replaced_is_found_and_put_back() {
    let place = Place::new(&[("t", &"x".repeat(100)), (".gitignore", "lib\n")]).unconfined(WHY);
    place.write("lib/file", "the user's");
    place
        .run(&[
            "init",
            "-t",
            "t",
            "-e",
            "benchmark_size",
            "--name",
            "t-benchmark_size",
        ])
        .succeeds();
    let path = format!("{DIRECTORY}/experiment.toml");
    let text = place.read(&path);
    place.write(&path, format!("{text}\n[workspace]\nshare = [\"lib\"]\n"));
    turn(
        &place,
        "cp -r lib/ lib2; rm lib; mv lib2 lib; echo x > lib/file",
    )
    .succeeds();
    let (verdict, reason) = last(&place);
    assert_eq!(verdict, "discard", "{reason}");
    assert_eq!(reason, "it replaces the shared `lib`");
    turn(&place, "grep -q user lib/file || exit 1").succeeds();
    assert_eq!(last(&place).0, "keep");
    assert_eq!(place.read("lib/file"), "the user's");
}

#[test]
fn an_agent_that_commits_is_not_kept() {
    let place = sized(&[]);
    place.git(&["config", "user.name", "Agent"]);
    place.git(&["config", "user.email", "agent@localhost"]);
    for lines in [
        "echo y > t; git commit -qam mine",
        "git commit -q --allow-empty -m mine",
        "git checkout -q -b mine",
        "git checkout -q --orphan another",
    ] {
        turn(&place, lines).succeeds();
        let (verdict, reason) = last(&place);
        assert_eq!(verdict, "discard", "{lines}: {reason}");
        assert!(reason.contains("commits, or moves HEAD"), "{reason}");
    }
    turn(&place, "").succeeds();
    assert_eq!(last(&place).0, "keep");
    assert_consistent(&place, ID);
}

#[test]
fn what_is_shared_is_not_taken_for_the_agents_work() {
    // A link is no directory, so the pattern does not ignore it.
    let place = Place::new(&[
        ("t", &"x".repeat(100)),
        ("other", "other\n"),
        (".gitignore", "deps/\n"),
    ])
    .unconfined(WHY);
    place.write("deps/one", "1");
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    let definition = place.read(format!("{DIRECTORY}/experiment.toml"));
    assert!(!definition.contains("share"), "{definition}");
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        format!("{definition}\n[workspace]\nshare = [\"deps\"]\n"),
    );
    for (lines, seen) in [
        ("cat deps/one", ""),
        ("echo cache > deps/two", ""),
        ("rm deps", "`deps`"),
        ("rm deps; ln -s /nowhere deps", "`deps`"),
        ("git status > /dev/null; cat deps/one deps/two", ""),
    ] {
        turn(&place, lines).succeeds();
        let (verdict, reason) = last(&place);
        let expected = if seen.is_empty() { "keep" } else { "discard" };
        assert_eq!(verdict, expected, "{lines}: {reason}");
        assert!(reason.ends_with(seen), "{lines}: {reason}");
    }
    assert_eq!(place.read("deps/one"), "1");
    assert_consistent(&place, ID);
}

#[test]
fn a_directory_that_an_agent_finds_changed_is_not_its_work() {
    let place = sized(&[]);
    let definition = place.read(format!("{DIRECTORY}/experiment.toml"));
    let setup = "echo made > made; git init -q nested; echo > nested/file; rm .git";
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        format!("{definition}\n[workspace]\nsetup = \"{setup}\"\n"),
    );
    let worktrees = || place.home().join(".local/state/autoresearch/worktrees");
    for (lines, seen) in [
        ("git status > /dev/null", ""),
        ("echo again > made", "made"),
        ("echo again > nested/file", "nested/file"),
    ] {
        turn(&place, lines).succeeds();
        let (verdict, reason) = last(&place);
        let expected = if seen.is_empty() { "keep" } else { "discard" };
        assert_eq!(verdict, expected, "{lines}: {reason}");
        assert!(reason.ends_with(seen), "{lines}: {reason}");
        // So that it is set up again.
        std::fs::remove_dir_all(worktrees()).unwrap();
    }
}

#[test]
fn the_file_that_makes_a_worktree_is_put_back() {
    let place = sized(&[]);
    for lines in [
        "echo 'gitdir: /nowhere' > .git",
        "rm .git",
        "rm .git; git init -q .",
        "rm .git; ln -s /nowhere .git",
    ] {
        turn(&place, lines).succeeds();
        let (verdict, reason) = last(&place);
        assert_eq!(verdict, "discard", "{lines}: {reason}");
        assert!(reason.contains("`.git`"), "{lines}: {reason}");
        turn(&place, "").succeeds();
        assert_eq!(last(&place).0, "keep", "{lines}");
    }
    assert_consistent(&place, ID);
}

#[test]
fn hooks_and_settings_that_stand_in_a_worktree_are_not_run() {
    let place = sized(&[]);
    let (script, mark) = trap(&place);
    let script = script.display();
    for lines in [
        // A repository in the worktree, with settings of its own.
        format!(
            "git init -q nested; git -C nested config core.fsmonitor {script}; git -C nested config filter.x.clean {script}; echo '* filter=x' > nested/.gitattributes; echo x > nested/file"
        ),
        // Hooks where they would be in a checkout, and in the repository itself.
        format!(
            "hooks=$(git rev-parse --git-common-dir)/hooks; mkdir -p $hooks; for h in pre-commit post-commit post-checkout reference-transaction post-index-change prepare-commit-msg commit-msg; do cp {script} $hooks/$h; done"
        ),
        format!(
            "git config core.fsmonitor {script}; git config core.hooksPath {}",
            place.open("").display()
        ),
        format!(
            "git config gpg.program {script}; git config commit.gpgSign true; git config core.editor {script}; git config core.pager {script}"
        ),
    ] {
        turn(&place, &lines).succeeds();
        assert!(!mark.exists(), "{lines}");
    }
    turn(&place, "").succeeds();
    assert_eq!(last(&place).0, "keep");
    assert!(!mark.exists());
    assert_consistent(&place, ID);
}

/// What somebody does to make git run a script, the key that is named and the file's end.
const PLANTS: [(&str, &str, &str); 5] = [
    (
        "git config filter.x.clean SCRIPT; git config filter.x.smudge SCRIPT; echo '* filter=x' > $(git rev-parse --git-common-dir)/info/attributes",
        "filter.x.clean",
        ".git/config",
    ),
    (
        "echo '[filter \"x\"] clean = SCRIPT' > ../inc; git config include.path $PWD/../inc; echo '* filter=x' > .gitattributes",
        "include.path",
        ".git/config",
    ),
    (
        "echo '[filter \"x\"] clean = SCRIPT' >> ~/.gitconfig; echo '* filter=x' > .gitattributes",
        "filter.x.clean",
        ".gitconfig",
    ),
    (
        "git config extensions.worktreeConfig true; git config --worktree filter.x.clean SCRIPT; echo '* filter=x' > .gitattributes",
        "filter.x.clean",
        "config.worktree",
    ),
    (
        "git config core.attributesFile $PWD/../attributes; git config filter.x.clean SCRIPT; echo '* filter=x' > ../attributes",
        "core.attributesfile",
        ".git/config",
    ),
];

/// Asserts that a run has ended for this setting's sake, and that nobody used it.
#[track_caller]
fn names_what_was_planted(outcome: &Outcome, key: &str, file: &str, mark: &std::path::Path) {
    assert!(!mark.exists(), "{key}: {outcome:#?}");
    assert_eq!(outcome.code, 4, "{key}: {outcome:#?}");
    let said = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("error"));
    let said = said.unwrap_or_else(|| panic!("{outcome:#?}"));
    assert!(said.contains("git's configuration now runs"), "{said}");
    assert!(said.contains(&format!("`{key}` in `")), "{said}");
    assert!(said.trim_end().ends_with(&format!("{file}`")), "{said}");
    let hint = "hint: take it out if it is not yours, and run again";
    assert!(outcome.stderr.contains(hint), "{outcome:#?}");
}

#[test]
fn a_filter_that_is_planted_ends_the_run_before_git_uses_it() {
    for (plant, key, file) in PLANTS {
        let place = sized(&[]);
        let (script, mark) = trap(&place);
        let lines = plant.replace("SCRIPT", script.to_str().unwrap());
        names_what_was_planted(&turn(&place, &lines), key, file, &mark);
        // What the agent cost is recorded with a try that nobody judged.
        assert_eq!(rows(&place, DIRECTORY).len(), 2, "{plant}");
        assert_eq!(last(&place).0, "crash", "{plant}");
    }
    // The user's own settings may change.
    let place = sized(&[]);
    let lines = format!(
        "git -C {0} config user.name Somebody; git -C {0} config branch.main.remote origin; git -C {0} config alias.x status",
        place.project().display()
    );
    turn(&place, &lines).succeeds();
    assert_eq!(last(&place).0, "keep");
}

#[test]
fn a_command_that_plants_a_filter_ends_the_run_before_git_uses_it() {
    for (plant, key, file) in PLANTS {
        let place = Place::new(&[("t", "n: 100\n"), ("other", "other\n")]).unconfined(WHY);
        let (script, mark) = trap(&place);
        let plant = plant.replace("SCRIPT", script.to_str().unwrap());
        let once = place.open("once");
        let eval = format!(
            "cat t; [ -e {0} ] || exit 0; rm {0}; {plant}",
            once.display()
        );
        let arguments = ["init", "-t", "t", "--eval", &eval, "--metric", "n"];
        place
            .run(&[&arguments[..], &["--direction", "lower"]].concat())
            .succeeds();
        std::fs::write(&once, "").unwrap();
        place.write("t", "n: 50\n");
        names_what_was_planted(&place.run(&["run", "-m", "mine"]), key, file, &mark);
        assert!(!once.exists());
    }
}

#[test]
fn nor_is_it_used_to_tell_what_was_kept() {
    let place = sized(&[]);
    let (script, mark) = trap(&place);
    let (plant, key, file) = PLANTS[0];
    let lines = format!(
        "[ -e ../asked ] || {{ touch ../asked; false; }} && {{ {}; }}",
        plant.replace("SCRIPT", script.to_str().unwrap())
    );
    // What git would have to read, to say whether it has changed.
    place.write("t", "y".repeat(100));
    let agent = agent(&place, "agent", &lines);
    let outcome = place.run(&["run", "--agent-command", &agent, "--max-experiments", "3"]);
    assert!(outcome.stdout.contains("1 kept"), "{outcome:#?}");
    names_what_was_planted(&outcome, key, file, &mark);
}

#[test]
fn a_setup_that_plants_a_filter_ends_the_run_before_git_uses_it() {
    let place = sized(&[]);
    let (script, mark) = trap(&place);
    let definition = place.read(format!("{DIRECTORY}/experiment.toml"));
    let setup = format!(
        "git config filter.x.clean {}; echo '* filter=x' > .gitattributes",
        script.display()
    );
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        format!("{definition}\n[workspace]\nsetup = \"{setup}\"\n"),
    );
    let ended = turn(&place, "touch ../asked");
    names_what_was_planted(&ended, "filter.x.clean", ".git/config", &mark);
    assert_eq!(rows(&place, DIRECTORY).len(), 1);
}

#[test]
fn a_worktree_that_was_taken_away_is_set_up_again() {
    let place = sized(&[]);
    let definition = place.read(format!("{DIRECTORY}/experiment.toml"));
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        format!("{definition}\n[workspace]\nsetup = \"echo made > made\"\n"),
    );
    turn(
        &place,
        "W=$PWD; cd ..; rm -rf \"$W\"; mkdir gone; cd gone; touch t",
    )
    .succeeds();
    assert_eq!(last(&place).0, "discard");
    turn(&place, "[ -e made ] || exit 1").succeeds();
    assert_eq!(last(&place).0, "keep");
}

#[test]
fn submodules_are_watched_and_not_entered() {
    let library = Place::named("library", &[("file", "x"), ("more", "y")]);
    let place = Place::new(&[("t", &"x".repeat(100)), ("other", "other\n")]).unconfined(WHY);
    let url = library.project();
    let url = url.to_str().unwrap();
    place.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        url,
        "sub",
    ]);
    place.git(&["commit", "--quiet", "--message=submodule"]);
    let setup = "git -c protocol.file.allow=always submodule --quiet update --init";
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    let definition = place.read(format!("{DIRECTORY}/experiment.toml"));
    place.write(
        format!("{DIRECTORY}/experiment.toml"),
        format!("{definition}\n[workspace]\nsetup = \"{setup}\"\n"),
    );
    let (script, mark) = trap(&place);
    for (lines, seen) in [
        ("", ""),
        ("echo z > sub/file", "sub/file"),
        ("echo z > sub/new", "sub/new"),
        ("rm sub/more", "sub/more"),
        (
            "cd sub; git -c user.name=n -c user.email=e commit -q --allow-empty -m x; cd ..",
            "sub",
        ),
        (
            "git -C sub config core.fsmonitor SCRIPT; echo z >> sub/file",
            "sub/file",
        ),
        (
            "rm sub/.git; git init -q sub; git -C sub config core.fsmonitor SCRIPT",
            "sub",
        ),
    ] {
        turn(&place, &lines.replace("SCRIPT", script.to_str().unwrap())).succeeds();
        let (verdict, reason) = last(&place);
        let expected = if seen.is_empty() { "keep" } else { "discard" };
        assert_eq!(verdict, expected, "{lines}: {reason}");
        assert!(reason.contains(seen), "{lines}: {reason}");
        assert!(!mark.exists(), "{lines}");
        // What a candidate leaves in a submodule is not git's to take away.
        let worktrees = place.home().join(".local/state/autoresearch/worktrees");
        std::fs::remove_dir_all(worktrees).unwrap();
        place.git(&["worktree", "prune"]);
    }
    assert_consistent(&place, ID);
}

/// What git says of a checkout.
fn status(place: &Place, checkout: &str) -> String {
    place.git(&[
        "-C",
        checkout,
        "status",
        "--porcelain",
        "--untracked-files=no",
    ])
}

fn branch() -> String {
    format!("autoresearch/{ID}")
}

#[test]
fn the_branch_may_be_checked_out() {
    let place = sized(&[]);
    place.git(&["switch", "--quiet", &branch()]);
    place.write("other", "edited");
    // From the checkout itself.
    place.write("t", "short");
    place.run(&["run"]).succeeds();
    assert_eq!(last(&place).0, "keep");
    assert_eq!(status(&place, "."), " M other");
    assert_eq!(place.read("t"), "short");
    place.write("t", "longer than that");
    place.run(&["run"]).succeeds();
    assert_eq!(last(&place).0, "discard");
    assert_eq!(status(&place, "."), " M other");
    // From an agent, which works elsewhere.
    turn(&place, "").succeeds();
    assert_eq!(last(&place).0, "keep");
    assert_eq!(status(&place, "."), " M other");
    assert_eq!(place.read("t"), "shor");
    assert_eq!(place.read("other"), "edited");
    // From what was staged.
    place.write("t", "sho");
    place.git(&["add", "t"]);
    place.run(&["run"]).succeeds();
    assert_eq!(last(&place).0, "keep");
    assert_eq!(status(&place, "."), " M other");
    // The index knows the files' times.
    assert_eq!(place.git(&["diff-files", "--name-only"]), "other");
    assert_eq!(
        resolve(&place, "HEAD"),
        resolve(&place, &format!("refs/heads/{}", branch()))
    );
    assert_consistent(&place, ID);
}

#[test]
fn another_checkout_of_the_branch_goes_along_as_far_as_nobody_works_in_it() {
    let place = sized(&[]);
    let linked = place.open("linked");
    let at = linked.to_str().unwrap().to_owned();
    place.git(&["worktree", "add", "--quiet", &at, &branch()]);
    let before = others(&place);
    let file = linked.join("t");
    turn(&place, "").succeeds();
    assert_eq!(status(&place, &at), "");
    assert_eq!(std::fs::read(&file).unwrap().len(), 99);

    // Edited: the file stays, and git sees the edit against the new version.
    std::fs::write(&file, "mine").unwrap();
    let outcome = turn(&place, "");
    assert!(outcome.stderr.contains("left alone"), "{outcome:#?}");
    outcome.succeeds();
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(status(&place, &at), " M t");

    // Staged: the index stays too.
    place.git(&["-C", &at, "add", "t"]);
    turn(&place, "").succeeds();
    assert_eq!(status(&place, &at), "M  t");
    place.git(&["-C", &at, "checkout", "--quiet", "HEAD", "--", "t"]);

    // The user's git has the index: it is not waited for long.
    let lock = place.git(&["-C", &at, "rev-parse", "--git-path", "index.lock"]);
    std::fs::write(&lock, "").unwrap();
    let outcome = turn(&place, "");
    assert!(outcome.stderr.contains("left alone"), "{outcome:#?}");
    outcome.succeeds();
    std::fs::remove_file(&lock).unwrap();
    place.git(&["-C", &at, "reset", "--quiet", "--hard"]);

    // Somewhere in a rebase HEAD is detached: nothing there is touched.
    place.git(&["-C", &at, "checkout", "--quiet", "--detach"]);
    turn(&place, "").succeeds();
    assert_eq!(status(&place, &at), "");
    assert_same(&others(&place), &before);
    assert_consistent(&place, ID);
}

#[test]
fn a_keep_that_was_killed_before_the_checkout_went_along_is_finished() {
    let place = sized(&[]);
    place.git(&["switch", "--quiet", &branch()]);
    turn(&place, "").succeeds();
    // As it is after the branch has moved: neither index nor file have.
    let text = place.read(format!("{DIRECTORY}/journal.jsonl"));
    let unsettled = text.trim_end().rsplit_once('\n').unwrap().0;
    place.write(
        format!("{DIRECTORY}/journal.jsonl"),
        format!("{unsettled}\n"),
    );
    place.git(&["restore", "--source=HEAD~1", "--staged", "--worktree", "t"]);
    assert_eq!(status(&place, "."), "M  t");
    place
        .run(&["run", "--agent", "none"])
        .fails(3, "nothing to try");
    assert_eq!(status(&place, "."), "");
    assert_eq!(place.read("t").len(), 99);
    assert_consistent(&place, ID);
}

#[test]
fn what_the_user_does_meanwhile_is_the_users() {
    let place = sized(&[]);
    place.git(&["config", "user.name", "User"]);
    place.git(&["config", "user.email", "user@localhost"]);
    place.git(&["switch", "--quiet", "-c", "work"]);
    let at = place.project();
    let at = at.display();
    let lines = format!(
        "cd {at} && echo mine >> other && git commit -qam work && git switch -q main && git switch -q work && git commit -q --allow-empty -m two && git rebase -q --force-rebase HEAD~1 && cd - >/dev/null"
    );
    let agent = agent(&place, "agent", &lines);
    place
        .run(&["run", "--agent-command", &agent, "--max-experiments", "3"])
        .succeeds();
    assert_eq!(place.git(&["branch", "--show-current"]), "work");
    assert_eq!(
        place.git(&["status", "--porcelain", "--untracked-files=no"]),
        ""
    );
    assert_eq!(place.read("other"), "other\nmine\nmine\nmine\n");
    let kept = resolve(&place, &format!("refs/heads/{}", branch()));
    assert_eq!(
        place.git(&["log", "--format=%s", "-3", &kept]),
        "agent\nagent\nagent"
    );
    assert_consistent(&place, ID);
    wait_until("no lock is left", || {
        !place.project().join(".git/index.lock").exists()
    });
}

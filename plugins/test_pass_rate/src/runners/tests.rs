use super::*;

fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
    Counts {
        passed,
        failed,
        skipped,
    }
}

fn printed(stdout: &str, stderr: &str) -> Output {
    Output {
        stdout: Stream::new(stdout.as_bytes(), false),
        stderr: Stream::new(stderr.as_bytes(), false),
    }
}

#[track_caller]
fn gives(runner: Runner, stdout: &str, expected: Counts) -> Vec<String> {
    let reading = read(Some(runner), &printed(stdout, "")).unwrap();
    assert_eq!(reading.counts, expected);
    reading.notes
}

#[track_caller]
fn refuses(runner: Runner, stdout: &str, words: &str) {
    let error = read(Some(runner), &printed(stdout, "")).unwrap_err();
    assert!(error.contains(words), "{error}");
}

const NONE: &str = "there is no summary";

#[test]
fn the_rate_is_of_those_that_ran() {
    assert_eq!(counts(3, 1, 6).pass_rate(), Some(0.75));
    assert_eq!(counts(3, 1, 6).total(), 10);
    assert_eq!(counts(0, 2, 0).pass_rate(), Some(0.0));
    assert_eq!(counts(0, 0, 9).pass_rate(), None);
    assert_eq!(counts(u64::MAX, 1, 1).total(), u64::MAX);
}

#[test]
fn nothing_recognised_says_what_was_looked_for() {
    let error = read(None, &printed("all fine\n", "")).unwrap_err();
    for words in ["pytest", "tap", "`format`", "`report`"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(
        read(Some(Runner::Tap), &Output::default())
            .unwrap_err()
            .contains("`tap`")
    );
}

#[test]
fn several_runners_are_refused() {
    let cargo = "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    let both = printed(&format!("=== 5 passed in 0.01s ===\n{cargo}"), "");
    let error = read(None, &both).unwrap_err();
    assert!(error.contains("(pytest, cargo)"), "{error}");
    assert_eq!(
        read(Some(Runner::Cargo), &both).unwrap().counts,
        counts(1, 0, 0)
    );
    // One on each stream, and nextest before the doc tests.
    let summary = "     Summary [   0.006s] 4 tests run: 4 passed, 0 skipped\n";
    let error = read(None, &printed(cargo, summary)).unwrap_err();
    assert!(error.contains("(cargo, nextest)"), "{error}");
    let error = read(None, &printed(&format!("{summary}{cargo}"), "")).unwrap_err();
    assert!(error.contains("(cargo, nextest)"), "{error}");
}

#[test]
fn what_is_no_text_hides_no_summary() {
    let output = Output {
        stdout: Stream::new(
            b"\xff\xfe\x00 \xc3\n\x1b[32m=== \x1b[1m2 passed\x1b[0m in 0.1s ===\n\xff",
            false,
        ),
        stderr: Stream::new(&[0xff; 100], true),
    };
    assert_eq!(read(None, &output).unwrap().counts, counts(2, 0, 0));
}

#[test]
fn the_end_of_a_long_output_is_enough_where_it_sums_up() {
    let cut = |text: &str| Output {
        stdout: Stream::new(text.as_bytes(), true),
        stderr: Stream::default(),
    };
    assert!(read(None, &cut("=== 2 passed in 0.1s ===\n")).is_ok());
    for text in [
        "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        "ok 2\nok 3\n1..3\n",
        "--- PASS: TestA (0.00s)\nPASS\nok  \tsample\t0.01s\n",
        "{\"Action\":\"pass\",\"Package\":\"sample\"}\n",
    ] {
        let error = read(None, &cut(text)).unwrap_err();
        assert!(error.contains("command_output_kib"), "{text}: {error}");
    }
}

#[test]
fn pytest_in_its_forms() {
    let one = |line: &str, expected| gives(Runner::Pytest, line, expected);
    one("1 passed in 0.01s", counts(1, 0, 0));
    one("= 1 passed in 65.12s (0:01:05) =", counts(1, 0, 0));
    one("= 1 passed, 3 warnings in 0.01s =", counts(1, 0, 0));
    one("= 2 errors in 1s =", counts(0, 2, 0));
    one("= 1 failed, 1 passed, 2 rerun in 1s =", counts(1, 1, 0));
    one("= 2 deselected in 1s =", counts(0, 0, 0));
    one("= no tests ran in 0.01s =", counts(0, 0, 0));
    for line in [
        "",
        "100 passed",
        "= 100 passed =",
        "100 passed in total",
        "= 100 passed in a week =",
        "100 passed in 0.01s!",
        "all 100 passed in 0.01s",
        "= 3 snapshots in 0.01s =",
        "=100 passed in 0.01s=",
        "-1 passed in 0.01s",
        "99999999999999999999 passed in 0.01s",
    ] {
        refuses(Runner::Pytest, line, NONE);
    }
}

#[test]
fn pytest_is_believed_in_its_own_words_alone() {
    let session = "=== test session starts ===\ncollected 1 item\n";
    let end = "=== 1 failed in 0.01s ===\n";
    // At the program's end, after pytest's own: not in pytest's form.
    gives(
        Runner::Pytest,
        &format!("{session}{end}100 passed in 0.01s\n"),
        counts(0, 1, 0),
    );
    let notes = gives(
        Runner::Pytest,
        &format!("{session}=== 9 passed in 1s ===\n{session}{end}"),
        counts(0, 1, 0),
    );
    assert_eq!(notes, ["pytest ran 2 times: only the last run counts"]);
    let notes = gives(
        Runner::Pytest,
        &format!("{session}!!! stopping after 1 failures !!!\n{end}"),
        counts(0, 1, 0),
    );
    assert_eq!(notes.len(), 1);
}

#[test]
fn unittest_in_its_forms() {
    let one = |text: &str, expected| gives(Runner::Unittest, text, expected);
    one("Ran 1 test in 0.000s\n\nOK\n", counts(1, 0, 0));
    // Python 3.11 and before.
    one("Ran 0 tests in 0.000s\n\nOK\n", counts(0, 0, 0));
    one(
        "Ran 9 tests in 1.5s\n\nFAILED (failures=2)\nDestroying test database...\n",
        counts(7, 2, 0),
    );
    // A class whose fixture fails, and many subtests.
    one(
        "Ran 0 tests in 0.1s\n\nFAILED (errors=1)\n",
        counts(0, 1, 0),
    );
    one(
        "Ran 1 test in 0.1s\n\nFAILED (failures=5)\n",
        counts(0, 1, 0),
    );
    for text in [
        "Ran 1 test in 0.000s\n",
        "Ran 1 test in 0.000s\n\nFINE\n",
        "Ran 1 test in 0.000s\n\nOK!\n",
        "Ran 1 test in 0.000s\nmore\nOK\n",
        "Ran one test in 0.000s\n\nOK\n",
        "Ran 1 test in 0.000s\n\nOK (skipped)\n",
        " Ran 1 test in 0.000s\n\nOK\n",
    ] {
        refuses(Runner::Unittest, text, NONE);
    }
}

#[test]
fn unittest_on_its_own_stream_comes_first() {
    let output = printed(
        "Ran 100 tests in 0.1s\n\nOK\n",
        "Ran 1 test in 0.1s\n\nFAILED (failures=1)\n",
    );
    assert_eq!(read(None, &output).unwrap().counts, counts(0, 1, 0));
}

fn program(tests: u64, word: &str, passed: u64, failed: u64) -> String {
    format!(
        "running {tests} tests\n\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; \
         0 measured; 0 filtered out; finished in 0.00s\n\n"
    )
}

#[test]
fn cargo_adds_up_its_programs() {
    let three = [
        program(2, "ok", 2, 0),
        program(3, "FAILED", 2, 1),
        program(0, "ok", 0, 0),
    ];
    gives(Runner::Cargo, &three.concat(), counts(4, 1, 0));
    gives(
        Runner::Cargo,
        "running 2 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 2 measured; 5 filtered out\n",
        counts(2, 0, 0),
    );
}

#[test]
fn cargo_refuses_what_is_not_whole() {
    const BROKEN: &str = "ended before it gave its result";
    let whole = program(1, "ok", 1, 0);
    refuses(Runner::Cargo, &format!("running 3 tests\n{whole}"), BROKEN);
    refuses(Runner::Cargo, &format!("{whole}running 3 tests\n"), BROKEN);
    refuses(Runner::Cargo, &program(3, "ok", 2, 0), BROKEN);
    refuses(Runner::Cargo, &program(3, "ok", 30, 0), BROKEN);
    // The word and the number contradict each other.
    refuses(Runner::Cargo, &program(3, "ok", 2, 1), NONE);
    refuses(Runner::Cargo, &program(3, "FAILED", 3, 0), NONE);
    refuses(Runner::Cargo, "running 3 tests\n", NONE);
    refuses(
        Runner::Cargo,
        "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        NONE,
    );
}

#[test]
fn what_a_failed_test_printed_adds_nothing_to_cargos() {
    for lie in [
        program(100, "ok", 100, 0),
        program(4, "ok", 4, 0),
        "running 100 tests\n".into(),
        "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n".into(),
    ] {
        let text = format!(
            "running 4 tests\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\n{lie}\nfailures:\n    \
             a\n\ntest result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s\n{}",
            program(1, "ok", 1, 0)
        );
        gives(Runner::Cargo, &text, counts(4, 1, 0));
    }
}

#[test]
fn nextest_in_its_forms() {
    let one = |rest: &str, expected| {
        gives(
            Runner::Nextest,
            &format!("     Summary [   0.006s] {rest}\n"),
            expected,
        )
    };
    one("1 test run: 1 passed, 0 skipped", counts(1, 0, 0));
    one(
        "3 tests run: 3 passed (1 slow, 1 flaky), 2 skipped",
        counts(3, 0, 2),
    );
    one(
        "4 tests run: 1 passed (1 leaky), 1 failed, 1 exec failed, 1 timed out, 0 skipped",
        counts(1, 3, 0),
    );
    one(
        "2 tests run: 1 passed, 1 failed (1 due to being leaky), 0 skipped",
        counts(1, 1, 0),
    );
    let notes = one(
        "2/9 tests run: 1 passed, 1 failed, 1 skipped",
        counts(1, 1, 8),
    );
    assert!(notes[0].contains("7 tests did not run"), "{notes:?}");
    for text in [
        "    Summary [   0.006s] 4 tests run: 4 passed, 0 skipped",
        "     Summary [   0.006s] 4 tests run: 5 passed, 0 skipped",
        "     Summary [   0.006s] 4/3 tests run: 4 passed, 0 skipped",
        "     Summary [   soon] 4 tests run: 4 passed, 0 skipped",
        "     Summary: 4 passed",
    ] {
        refuses(Runner::Nextest, text, NONE);
    }
}

#[test]
fn nextest_may_repeat_what_cargo_says() {
    let text = format!(
        "--- STDOUT: sample a ---\n{}     Summary [   0.006s] 2 tests run: 1 passed, 1 failed, 0 skipped\n",
        program(1, "FAILED", 0, 1)
    );
    let reading = read(None, &printed("", &text)).unwrap();
    assert_eq!(reading.counts, counts(1, 1, 0));
}

#[test]
fn go_counts_what_began_and_ended() {
    gives(
        Runner::Go,
        "=== RUN   TestA\n--- PASS: TestB (0.00s)\n        --- PASS: TestA (0.00s)\n--- PASS: TestA (0.00s)\nPASS\nok  \tsample\t(cached)\n",
        counts(1, 0, 0),
    );
    // The same test of two packages, or twice.
    gives(
        Runner::Go,
        &"=== RUN   TestA\n--- PASS: TestA (0.00s)\nok  \tsample\t0.1s\tcoverage: 50.0% of statements\n".repeat(2),
        counts(2, 0, 0),
    );
    refuses(
        Runner::Go,
        "=== RUN   TestA\nFAIL\tsample\t0.1s\n",
        "did not end",
    );
    refuses(
        Runner::Go,
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\nFAIL\tsample\t0.1s\n",
        "ended early",
    );
    refuses(
        Runner::Go,
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\nok  \tsample\t0.1s\n=== RUN   TestB\n",
        "before its last package",
    );
    refuses(Runner::Go, "ok  \tsample\t0.1s\n", "only with `-v`");
    refuses(
        Runner::Go,
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\n",
        NONE,
    );
}

#[test]
fn go_json_counts_events() {
    let event = |action: &str, test: &str| {
        let test = if test.is_empty() {
            String::new()
        } else {
            format!(",\"Test\":\"{test}\"")
        };
        format!("{{\"Action\":\"{action}\",\"Package\":\"sample\"{test}}}\n")
    };
    let begun = [event("start", ""), event("run", "A")].concat();
    let passed = [begun.clone(), event("pass", "A"), event("pass", "B")].concat();
    gives(
        Runner::GoJson,
        &format!("go: downloading\n{passed}{{\n{}", event("pass", "")),
        counts(1, 0, 0),
    );
    refuses(Runner::GoJson, &passed, "before its last package");
    refuses(
        Runner::GoJson,
        &[begun, event("fail", "")].concat(),
        "did not end",
    );
    refuses(
        Runner::GoJson,
        &[passed, event("fail", "")].concat(),
        "ended early",
    );
    refuses(Runner::GoJson, "{\"Action\":\"pass\"}\n", NONE);
}

#[test]
fn jest_and_vitest_are_told_apart_by_their_json() {
    let report = |more: &str| {
        format!(
            "> sample@1.0.0 test\n{{\"numTotalTests\":3,\"numPassedTests\":1,\"numFailedTests\":1,\
             \"numPendingTests\":1,\"numTodoTests\":0{more}}}\nDone.\n"
        )
    };
    let jest = report(",\"numRuntimeErrorTestSuites\":0");
    for runner in [Runner::Jest, Runner::Vitest] {
        let text = if runner == Runner::Jest {
            jest.clone()
        } else {
            report("")
        };
        gives(runner, &text, counts(1, 1, 1));
        assert!(read(None, &printed(&text, "")).is_ok());
    }
    refuses(Runner::Vitest, &jest, NONE);
    refuses(
        Runner::Jest,
        &report(",\"numRuntimeErrorTestSuites\":1"),
        "could not be run",
    );
    refuses(
        Runner::Jest,
        &jest.replace("\"numTotalTests\":3", "\"numTotalTests\":30"),
        "add up",
    );
    // Over several lines, as other programs write it.
    gives(Runner::Jest, &jest.replace(',', ",\n  "), counts(1, 1, 1));
}

#[test]
fn json_that_is_deep_or_endless_does_no_harm() {
    for text in [
        "{\"a\":".repeat(200_000),
        format!("{{\"numTotalTests\":{}", "[".repeat(200_000)),
        format!("{{\"other\":{}", "[".repeat(200_000)),
        "{\"a\":[\n".repeat(50_000),
        "{\n".repeat(200_000),
    ] {
        for runner in [Runner::Jest, Runner::Vitest, Runner::GoJson] {
            assert!(read(Some(runner), &printed(&text, "")).is_err());
        }
    }
}

#[test]
fn jest_in_its_forms() {
    let text = |tests: &str| {
        format!("Test Suites: 1 passed, 1 total\n{tests}\nSnapshots:   0 total\nTime:        1 s\n")
    };
    gives(
        Runner::Jest,
        &text("Tests:       2 skipped, 3 passed, 5 total"),
        counts(3, 0, 2),
    );
    gives(Runner::Jest, &text("Tests:       0 total"), counts(0, 0, 0));
    for tests in [
        "Tests:       100 passed",
        "Tests:       100 passed, 3 total",
        "  Tests:       3 passed, 3 total",
        "Tests:       3 splendid, 3 total",
    ] {
        refuses(Runner::Jest, &text(tests), NONE);
    }
    refuses(Runner::Jest, "Tests:       3 passed, 3 total\n", NONE);
}

#[test]
fn vitest_in_its_forms() {
    let text = |tests: &str| format!(" Test Files  1 passed (1)\n{tests}\n   Start at  09:24:51\n");
    gives(
        Runner::Vitest,
        &text("      Tests  3 passed (3)"),
        counts(3, 0, 0),
    );
    gives(
        Runner::Vitest,
        &text("      Tests  no tests"),
        counts(0, 0, 0),
    );
    for tests in [
        "      Tests  100 passed",
        "      Tests  100 passed (3)",
        "Tests  3 passed (3)",
        "      Tests  3 splendid (3)",
    ] {
        refuses(Runner::Vitest, &text(tests), NONE);
    }
}

#[test]
fn node_in_its_forms() {
    let text = |sign: &str, tests: u64| {
        format!(
            "{sign} tests {tests}\n{sign} pass 1\n{sign} fail 1\n{sign} cancelled 1\n{sign} skipped 1\n\
             {sign} todo 1\n{sign} duration_ms 8.6\n"
        )
    };
    for sign in ["#", "ℹ"] {
        gives(Runner::Node, &text(sign, 5), counts(1, 2, 2));
        refuses(Runner::Node, &text(sign, 6), NONE);
        refuses(
            Runner::Node,
            &text(sign, 5).replace("duration", "during"),
            NONE,
        );
        refuses(
            Runner::Node,
            &text(sign, 5).replace("cancelled 1", "cancelled x"),
            NONE,
        );
    }
    refuses(Runner::Node, &text("-", 5), NONE);
}

#[test]
fn tap_in_its_forms() {
    let one = |text: &str, expected| gives(Runner::Tap, text, expected);
    one("1..2\nok\nnot ok\n", counts(1, 1, 0));
    one(
        "ok 1 - a\nok 2 # SKIP why\nnot ok 3 b # todo\nok 4 # Skipped: no\n1..4\n",
        counts(1, 0, 3),
    );
    one("1..1\nok 1 - a \\# SKIP is in the name\n", counts(1, 0, 0));
    one("1..1\nok 1 - handles # in names\n", counts(1, 0, 0));
    one("1..0 # SKIP nothing here\n", counts(0, 0, 0));
    one(
        "TAP version 14\n1..1\n    1..2\n    not ok 1\n    ok 2\nok 1 - é#é\n",
        counts(1, 0, 0),
    );
    one(
        "1..1\nokay\nok: fine\nok 1\n# ok 2\n  ok 3\n",
        counts(1, 0, 0),
    );
    let notes = one("1..3\nok 1\n", counts(1, 2, 0));
    assert!(notes[0].contains("2 of them are not in it"), "{notes:?}");
}

#[test]
fn tap_that_does_not_go_with_its_plan_is_refused() {
    refuses(Runner::Tap, "1..1\nok 1\nok 2\n", "2 are in it");
    refuses(Runner::Tap, "1..1\nok 1\nok 1\n", "its TAP has no plan");
    refuses(
        Runner::Tap,
        "1..2\nok 0\nok 1\n",
        "test 0 is not in its turn",
    );
    refuses(Runner::Tap, "1..1\nok 1\n1..1\n", "a plan without tests");
    refuses(
        Runner::Tap,
        "1..2\nok 1\nBail out! no database\n",
        "no database",
    );
    refuses(Runner::Tap, "TAP version 13\nok 1\n", "no plan");
    refuses(Runner::Tap, "1..5\n", NONE);
    refuses(Runner::Tap, "ok 1\nok 2\n", NONE);
    let huge = gives(
        Runner::Tap,
        &format!("1..{}\nok 1\n", u64::MAX),
        counts(1, u64::MAX - 1, 0),
    );
    assert_eq!(huge.len(), 1);
}

#[test]
fn junit_counts_cases() {
    let one = |text: &str, expected| gives(Runner::Junit, text, expected);
    one(
        "<testsuite><testcase name='a'/><testcase><failure/></testcase></testsuite>",
        counts(1, 1, 0),
    );
    one(
        "noise\n<?xml version='1.0'?>\n<testsuites><testsuite><testsuite><testcase><skipped/></testcase>\
         </testsuite><testcase status='notrun'/><testcase><error/><skipped/></testcase></testsuite>\
         </testsuites> and more",
        counts(0, 1, 2),
    );
    // Retried until it passed; and a failure that is no element of the case.
    one(
        "<testsuite><testcase><flakyFailure/><system-out><![CDATA[<failure/>]]></system-out>\
         <properties><failure/></properties></testcase></testsuite>",
        counts(1, 0, 0),
    );
    one("<?xml version='1.0'?><testsuites/>", counts(0, 0, 0));
    one(
        "<?xml version='1.0'?>\n<!-- by hand --><testsuites></testsuites>",
        counts(0, 0, 0),
    );
}

#[test]
fn junit_believes_suites_that_tell_of_more_failures() {
    let notes = gives(
        Runner::Junit,
        "<testsuites failures='3'><testsuite failures='1' errors='1'><testcase><failure/></testcase>\
         </testsuite></testsuites>",
        counts(0, 3, 0),
    );
    assert!(notes[0].contains("2 failures more"), "{notes:?}");
    gives(
        Runner::Junit,
        "<testsuite failures='-1' errors='many'><testcase/></testsuite>",
        counts(1, 0, 0),
    );
}

#[test]
fn xml_that_is_broken_or_hostile_is_refused() {
    refuses(Runner::Junit, "<testsuite><testcase></testsuite>", "broken");
    refuses(Runner::Junit, "<testsuite><testcase/>", "cut off");
    refuses(Runner::Junit, "<testsuite", "broken");
    refuses(Runner::Junit, "<?xml version='1.0'?>", "cut off");
    refuses(Runner::Junit, "<?xml version='1.0'?><coverage/>", NONE);
    // Entities stay as they are.
    let entities: Vec<String> = ('a'..='y')
        .zip('b'..='z')
        .map(|(of, name)| format!("<!ENTITY {name} '{}'>", format!("&{of};").repeat(10)))
        .collect();
    let bomb = format!(
        "<?xml version='1.0'?><!DOCTYPE t [<!ENTITY a 'ha'>{}]><testsuite failures='&z;'><testcase>&z;\
         </testcase></testsuite>",
        entities.concat()
    );
    gives(Runner::Junit, &bomb, counts(1, 0, 0));
    let external = "<?xml version='1.0'?><!DOCTYPE t SYSTEM 'file:///etc/passwd'><testsuite/>";
    gives(Runner::Junit, external, counts(0, 0, 0));
    let deep = "<testsuite>".repeat(300_000);
    refuses(Runner::Junit, &deep, "cut off");
    gives(
        Runner::Junit,
        &format!("{deep}{}", "</testsuite>".repeat(300_000)),
        counts(0, 0, 0),
    );
}

#[test]
fn what_xml_quotes_is_nobodys_summary() {
    let text = "<testsuite><testcase><system-out>\n=== 100 passed in 0.01s ===\n</system-out><failure/>\
                </testcase></testsuite>";
    assert_eq!(
        read(None, &printed(text, "")).unwrap().counts,
        counts(0, 1, 0)
    );
    let marked = format!("\u{feff}{text}");
    assert_eq!(
        read(None, &Output::of_report(marked.as_bytes()))
            .unwrap()
            .counts,
        counts(0, 1, 0)
    );
}

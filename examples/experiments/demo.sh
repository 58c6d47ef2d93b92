#!/bin/sh
# Lets a stand-in for an agent change a small program four times: a gain, a wrong report, a slow one, a
# cheat.
# It all happens in a temporary directory. Set AUTORESEARCH to use a binary that is there already.
set -eu

fail() {
    echo "demo: $1" >&2
    exit 1
}

# The binary, as an absolute path.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
missing=
if ! command -v git >/dev/null; then
    missing=yes
    echo 'demo: git is missing: https://git-scm.com' >&2
fi
if [ -z "${AUTORESEARCH:-}" ] && ! command -v cargo >/dev/null; then
    missing=yes
    echo 'demo: cargo is missing, which builds autoresearch: https://rustup.rs' >&2
fi
[ -z "$missing" ] || exit 1
if [ -n "${AUTORESEARCH:-}" ]; then
    binary=$(command -v "$AUTORESEARCH") || fail "there is no program $AUTORESEARCH"
    case $binary in
        /*) ;;
        *) binary=$PWD/$binary ;;
    esac
else
    manifest=$root/Cargo.toml
    # Cargo knows where it builds: CARGO_TARGET_DIR and its configuration count.
    target=$(cargo metadata --manifest-path "$manifest" --no-deps --format-version 1 |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    binary=$target/release/autoresearch
    quiet=--quiet
    if [ ! -x "$binary" ]; then
        quiet=
        echo 'Building autoresearch, which takes a few minutes the first time.'
    elif [ -n "$(find "$root/Cargo.lock" "$root/plugins" "$root/runtime" -newer "$binary")" ]; then
        quiet=
    fi
    # shellcheck disable=SC2086  # one option or none
    cargo build --manifest-path "$manifest" --release --locked $quiet
    [ -x "$binary" ] || fail "cargo built, but not $binary: set AUTORESEARCH to what it built"
fi
autoresearch() {
    "$binary" "$@"
}

# A place of its own, and git as if it were newly installed.
# shellcheck disable=SC2046  # a list of names
unset $(git rev-parse --local-env-vars)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
export XDG_STATE_HOME="$temporary/state" GIT_PAGER=cat
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.org
export GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.org

cp -R "$root/examples/experiments/log_report" "$temporary"
cd "$temporary/log_report"
sh make-log.sh >access.log
git init --quiet
git add .
git commit --quiet --message 'Report on an access log'

say() {
    printf '\n# %s\n' "$1"
}
show() {
    printf '$ %s\n' "$1"
    eval "$1" 2>&1
}
echo '# report.sh sums up an access log, and is slow. check.sh runs it, and fails if the report is wrong.'
echo '# agent.sh stands in for an agent: with a real one, say --agent claude instead.'
show "autoresearch init --target report.sh --name log-report --evaluator benchmark_speed \\
    --command benchmark='sh check.sh' --agent-command 'sh agent.sh'"
say 'Try 1 is a gain. Try 2 is faster still, but wrong: it goes back to the agent, whose try 3 is right,
# and slow. Try 4 changes what the report is compared with.'
show 'autoresearch run --loop --max-experiments 4'
say 'What came of it, and what is left: one commit on a branch of its own. The checkout is as it was.'
show 'autoresearch results'
show 'git log --oneline autoresearch/custom/log-report'
show 'git status --short'

# The first row is the baseline's.
verdicts=$(awk -F '\t' 'NR > 2 { printf " %s", $3 }' .autoresearch/custom/log-report/results.tsv)
[ "$verdicts" = ' keep crash discard discard' ] ||
    fail "the verdicts should be keep, crash, discard and discard, but are:$verdicts"
git show autoresearch/custom/log-report:report.sh | cmp -s - candidates/1-one-pass.sh ||
    fail 'report.sh on the branch should be as in try 1'
printf '\nSo the gain is kept as a commit; the wrong report, the slower one and the cheat are not.\n'

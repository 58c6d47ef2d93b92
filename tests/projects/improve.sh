#!/usr/bin/env bash
# The part of check.sh that autoresearch has in it: tests/projects/improve.sh NAME...
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
failures=0
# None of the user's, and a state of its own.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Tester GIT_AUTHOR_EMAIL=tester@localhost
export GIT_COMMITTER_NAME=Tester GIT_COMMITTER_EMAIL=tester@localhost
export XDG_STATE_HOME=$root/target/projects/state
unset AUTORESEARCH_SANDBOX

check() {
    local what=$1
    shift
    if ! "$@" >/dev/null 2>&1; then
        echo "WRONG $name: $what"
        failures=$((failures + 1))
        wrong=yes
    fi
}

improve() {
    # shellcheck source=/dev/null
    source "$here/$name/recipe.sh"
    cd "$root/target/projects/$name/project"
    rm -rf .git .autoresearch
    git init --quiet --initial-branch=main
    git add --all
    git commit --quiet --message="$name as published"
    local start=$SECONDS wrong='' output verdicts
    output=$(
        # shellcheck disable=SC2154
        "$autoresearch" init --name it "${experiment[@]}" --tests "$tests" --agent-command 'sh agent.sh' 2>&1 &&
            "$autoresearch" run --max-experiments 3 2>&1
    ) || check "it ends in order" false
    local results=.autoresearch/custom/it/results.tsv
    verdicts=$(awk -F '\t' 'NR > 1 { print $3 ":" $4 }' "$results" | paste --serial --delimiters=' ') || true
    check "what works is kept, and nothing else" grep --quiet --extended-regexp --line-regexp \
        'keep:baseline keep:gain discard:noop (discard|crash):broken' <<<"$verdicts"
    check "commands are confined" grep --quiet '"sandbox":"bubblewrap"' .autoresearch/custom/it/journal.jsonl
    check "the branch has the gain" test "$(git rev-list --count main..autoresearch/custom/it)" -eq 1
    check "the checkout is untouched" test -z "$(git status --porcelain -- . ':!.autoresearch')"
    if [[ -n $wrong ]]; then
        printf '%s\n' "$output" "$verdicts"
        cat "$results" || true
    else
        printf 'ok    %s: %s s; %s\n' "$name" $((SECONDS - start)) \
            "$(awk -F '\t' '$4 == "gain" { print $7 }' "$results")"
    fi
    cd "$root"
}

for name; do
    improve
done
if ((failures > 0)); then
    echo "$failures wrong"
    exit 1
fi
echo "all as it should be"

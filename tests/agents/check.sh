#!/usr/bin/env bash
# Lets real agents work and judge for autoresearch: Claude Code and Codex, from npm, offline but for their
# installation, against a model on loopback (stand_in.mjs).
#
#   AUTORESEARCH=path/to/autoresearch tests/agents/check.sh [AGENT...]
#
# Needs node, npm and git.
set -euo pipefail

CLAUDE_CODE=2.1.330
CODEX=0.169.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
agents=$root/target/agents
autoresearch=$(realpath "${AUTORESEARCH:-$root/target/debug/autoresearch}")
scratch=$(mktemp -d)
stand_in=
failures=0

end() {
    stop_stand_in
    rm -rf "$scratch"
}
trap end EXIT

install_agents() {
    if [[ $(installed @anthropic-ai/claude-code) == "$CLAUDE_CODE" && $(installed @openai/codex) == "$CODEX" ]]; then
        return
    fi
    mkdir -p "$agents"
    npm install --prefix "$agents" --no-save --no-fund --no-audit --loglevel=error \
        "@anthropic-ai/claude-code@$CLAUDE_CODE" "@openai/codex@$CODEX"
}

installed() {
    node -p 'require(process.argv[1]).version' "$agents/node_modules/$1/package.json" 2>/dev/null || true
}

start_stand_in() {
    rm -f "$scratch/address"
    node "$here/stand_in.mjs" "$1" page.txt >"$scratch/address" &
    stand_in=$!
    for _ in $(seq 100); do
        if [[ -s $scratch/address ]]; then
            return
        fi
        sleep 0.1
    done
    echo "the stand-in did not start" >&2
    exit 1
}

stop_stand_in() {
    if [[ -n $stand_in ]]; then
        kill "$stand_in" 2>/dev/null || true
        wait "$stand_in" 2>/dev/null || true
        stand_in=
    fi
}

# Runs a command in the project, with a home and an environment of its own.
clean() {
    (
        cd "$project"
        env -i \
            PATH="$agents/node_modules/.bin:$PATH" \
            HOME="$home" \
            XDG_CACHE_HOME="$agents/cache" \
            ANTHROPIC_API_KEY=dummy \
            ANTHROPIC_BASE_URL="$(cat "$scratch/address")" \
            OPENAI_API_KEY=dummy \
            GIT_CONFIG_NOSYSTEM=1 \
            "$@"
    )
}

# A project with a page to shorten, and an experiment about it.
make_project() {
    project=$scratch/$1/project
    home=$scratch/$1/home
    mkdir -p "$project" "$home/.codex"
    cat >"$home/.codex/config.toml" <<TOML
model_provider = "stand-in"

[model_providers.stand-in]
name = "stand-in"
base_url = "$(cat "$scratch/address")/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
request_max_retries = 0
stream_max_retries = 0
TOML
    clean git config --global user.name Tester
    clean git config --global user.email tester@localhost
    clean git init --quiet --initial-branch=main
    seq -f 'line %g of the page' 30 >"$project/page.txt"
    clean git add --all
    clean git commit --quiet --message=start
    clean "$autoresearch" init --target page.txt --evaluator benchmark_size --name page >/dev/null 2>&1
    experiment=$project/.autoresearch/custom/page
    branch=autoresearch/custom/page
    start=$(clean git rev-parse HEAD)
}

# Has an agent try, within bounds. Its output is in $output, its exit code in $code.
try() {
    local agent=$1
    shift
    code=0
    output=$(clean timeout 300 "$autoresearch" run --agent "$agent" "$@" 2>&1) || code=$?
}

check() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        echo "ok    $label: $what"
    else
        echo "WRONG $label: $what"
        failures=$((failures + 1))
        wrong=yes
    fi
}

untouched() {
    [[ $(clean git rev-parse HEAD) == "$start" ]] &&
        [[ $(clean git symbolic-ref --short HEAD) == main ]] &&
        [[ -z $(clean git status --porcelain -- . ':!.autoresearch') ]]
}

commits_on_branch() {
    clean git rev-list --count "main..$branch"
}

# The costs in the journal, wherever in its records they stand.
costs() {
    node -e '
        const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n");
        const visit = (value, key) => {
            if (key === "cost_usd") console.log(value);
            if (value && typeof value === "object") {
                for (const [key, inner] of Object.entries(value)) visit(inner, key);
            }
        };
        lines.map((line) => visit(JSON.parse(line)));
    ' "$experiment/journal.jsonl"
}

has_cost() {
    costs | grep -qE '^0\.[0-9]*[1-9]'
}

has_no_cost() {
    ! costs | grep -q '[0-9]'
}

kept_rows() {
    grep -c $'\tkeep\t.*drop the last' "$experiment/results.tsv"
}

transcript() {
    grep -rqF 'drop the last' "$experiment/runs/0001/"
}

says() {
    grep -qiE "$1" <<<"$output"
}

# Has an agent judge the page.
judge() {
    code=0
    output=$(clean timeout 300 "$autoresearch" evaluate --evaluator llm_judge_copy --target page.txt --judge "$@" 2>&1) ||
        code=$?
}

check_judge() {
    local agent=$1 scenario
    for scenario in judge refused rate-limited unauthorized; do
        label="$agent as judge, $scenario"
        wrong=
        start_stand_in "$scenario"
        make_project "$agent-judge-$scenario"
        case $scenario in
        judge)
            judge "$agent"
            check "it succeeds" test "$code" -eq 0
            check "its scores are taken" says '^engagement_score: 6.5$'
            ;;
        rate-limited)
            # There is no time to wait.
            judge "$agent" --budget 800ms
            check "it fails for want of an answer" test "$code" -eq 4
            check "the rate limit is named" says 'rate.?limit|429'
            ;;
        unauthorized)
            judge "$agent"
            check "it fails for want of an answer" test "$code" -eq 4
            check "the login is named" says 'log(ged)?[ -]?in|api key'
            ;;
        refused)
            judge "$agent"
            check "it fails for want of an answer" test "$code" -eq 4
            ;;
        esac
        check "the checkout is untouched" untouched
        if [[ -n $wrong ]]; then
            printf 'exit code %s, output:\n%s\n' "$code" "$output"
        fi
        stop_stand_in
    done
}

check_agent() {
    local agent=$1 scenario
    for scenario in edit commit-and-stray nothing rate-limited unauthorized; do
        label="$agent, $scenario"
        wrong=
        start_stand_in "$scenario"
        make_project "$agent-$scenario"
        if [[ $scenario == rate-limited ]]; then
            # It would wait for the limit to pass.
            try "$agent" --max-time 10s
        else
            try "$agent" --max-experiments 3
        fi
        check "the checkout is untouched" untouched
        case $scenario in
        edit)
            check "it succeeds" test "$code" -eq 0
            check "three tries are kept" test "$(kept_rows)" -eq 3
            check "the branch moved by three" test "$(commits_on_branch)" -eq 3
            check "the page got shorter" test "$(clean git show "$branch:page.txt" | wc -l)" -eq 24
            check "there is a transcript" transcript
            if [[ $agent == claude ]]; then
                check "the cost is recorded" has_cost
            else
                check "the cost is unknown" has_no_cost
            fi
            ;;
        commit-and-stray)
            check "the other file is not kept" test -z "$(clean git ls-tree --name-only "$branch" stray.txt)"
            check "its commit is not kept" test -z "$(clean git log --format=%s --grep='by the agent' --all)"
            ;;
        nothing)
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        rate-limited)
            check "it ends in order" test "$code" -eq 0
            check "the rate limit is named" says 'rate.?limit|429'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        unauthorized)
            check "it fails" test "$code" -ne 0
            check "the login is named" says 'log(ged)?[ -]?in|api key'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        esac
        if [[ -n $wrong ]]; then
            printf 'exit code %s, output:\n%s\n' "$code" "$output"
        fi
        stop_stand_in
    done
}

install_agents
for agent in "${@:-claude codex}"; do
    for name in $agent; do
        check_agent "$name"
        check_judge "$name"
    done
done
if ((failures > 0)); then
    echo "$failures wrong"
    exit 1
fi
echo "all as it should be"

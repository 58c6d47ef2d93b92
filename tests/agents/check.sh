#!/usr/bin/env bash
# Lets real agents work and judge for autoresearch: Claude Code and Codex, from npm, offline but for their
# installation, against a model on loopback (stand_in.mjs).
#
#   AUTORESEARCH=path/to/autoresearch tests/agents/check.sh [AGENT...]
#
# Needs node, npm and git. The agents stay in target/agents.
set -euo pipefail

CLAUDE_CODE=2.1.330
CODEX=0.169.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
agents=$root/target/agents
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
scratch=$(mktemp -d)
stand_in=
unconfined='"--dangerously-bypass-approvals-and-sandbox"'
confines=
failures=0

end() {
    stop_stand_in
    rm -rf "$scratch"
}
trap end EXIT

die() {
    echo "$*" >&2
    exit 1
}

install_agents() {
    if ! installed; then
        mkdir -p "$agents"
        npm install --prefix "$agents" --no-save --no-fund --no-audit --loglevel=error \
            "@anthropic-ai/claude-code@$CLAUDE_CODE" "@openai/codex@$CODEX"
        installed || die "the agents were installed, but do not start"
    fi
}

# Asks the programs themselves: to npm their binaries are optional, and it succeeds without them.
installed() {
    [[ $(version claude) == "$CLAUDE_CODE (Claude Code)" && $(version codex) == "codex-cli $CODEX" ]]
}

version() {
    HOME=$scratch "$agents/node_modules/.bin/$1" --version 2>/dev/null || true
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
    die "the stand-in did not start"
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

# A project with a page to shorten, and an experiment about it: AGENT SCENARIO.
make_project() {
    project=$scratch/$1-$2/project
    home=$scratch/$1-$2/home
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
    clean "$autoresearch" init --quiet --target page.txt --evaluator benchmark_size --name page --agent "$1" >/dev/null
    experiment=$project/.autoresearch/custom/page
    sed -i "/^\\[agent\\]\$/a arguments = [$(arguments "$1" "$2")]" "$experiment/experiment.toml"
    branch=autoresearch/custom/page
    start=$(clean git rev-parse HEAD)
}

# What the owner allows an agent: AGENT SCENARIO. Nothing more than usual, unless it is to commit.
arguments() {
    case $1,$2 in
    claude,commit-and-stray) echo '"--allowedTools", "Bash"' ;;
    codex,commit-and-stray) echo "$unconfined" ;;
    codex,*) [[ -n $confines ]] || echo "$unconfined" ;;
    esac
}

# Codex confines its commands in user namespaces. Where these are forbidden, as in many containers,
# all of them fail.
find_out_whether_codex_confines() {
    if HOME=$scratch "$agents/node_modules/.bin/codex" sandbox true >/dev/null 2>&1; then
        confines=yes
    else
        echo "there are no user namespaces here: Codex works without its sandbox"
    fi
}

# Has the agent try, within bounds. Its output is in $output, its exit code in $code.
try() {
    code=0
    output=$(clean timeout --kill-after=10 120 "$autoresearch" run "$@" 2>&1) || code=$?
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
    grep -qF "$1" "$experiment/runs/0001/agent.log"
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
        make_project "$agent" "judge-$scenario"
        case $scenario in
        judge)
            judge "$agent"
            check "it succeeds" test "$code" -eq 0
            check "its scores are taken" says '^engagement_score: 6.5$'
            ;;
        rate-limited)
            # It ends after 10 s: time to ask, and not for many waits.
            judge "$agent" --budget 4s
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
    for scenario in edit stray commit-and-stray nothing refused rate-limited unauthorized; do
        label="$agent, $scenario"
        wrong=
        start_stand_in "$scenario"
        make_project "$agent" "$scenario"
        if [[ $scenario == rate-limited ]]; then
            # It would ask again until the limit is lifted.
            try --max-time 10s
        else
            try --max-experiments 3
        fi
        check "the checkout is untouched" untouched
        case $scenario in
        edit)
            check "it succeeds" test "$code" -eq 0
            check "three tries are kept" test "$(kept_rows)" -eq 3
            check "the branch moved by three" test "$(commits_on_branch)" -eq 3
            check "the page got shorter" test "$(clean git show "$branch:page.txt" | wc -l)" -eq 24
            check "there is a transcript" transcript 'drop the last'
            if [[ $agent == claude ]]; then
                check "the cost is recorded" has_cost
            else
                check "the cost is unknown" has_no_cost
            fi
            ;;
        stray)
            check "it ends in order" test "$code" -eq 0
            check "the other file is named" says '^discard: it changes more than the target: stray\.txt'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        commit-and-stray)
            check "it ends in order" test "$code" -eq 0
            check "it cannot commit" transcript 'Read-only file system'
            check "the other file is named" says '^discard: it changes more than the target: stray\.txt'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            check "its commit is not kept" test -z "$(clean git log --format=%s --grep='by the agent' --all)"
            ;;
        nothing)
            check "it ends in order" test "$code" -eq 0
            check "that is named" says '^discard: it changes nothing'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        refused)
            check "it ends in order" test "$code" -eq 0
            if [[ $agent == claude ]]; then
                check "the refusal is named" says '^crash: the agent refused'
            else
                # Codex takes it for a model with nothing to say.
                check "there is no change" says '^discard: it changes nothing'
            fi
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        rate-limited)
            check "it ends in order" test "$code" -eq 0
            check "the rate limit is named" says '(rate limit|too many requests).*asking again'
            check "no try is counted" says '^0 tries'
            check "the end is the bound's" says '^ended: the time is up'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        unauthorized)
            check "it fails" test "$code" -ne 0
            check "the login is named" says "^error: $agent is not logged in"
            check "it says how to" says '^hint: run `'"$agent"
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        esac
        if [[ -n $wrong ]]; then
            printf 'exit code %s, output:\n%s\n' "$code" "$output"
        fi
        stop_stand_in
    done
}

for program in node npm git; do
    command -v "$program" >/dev/null || die "there is no $program here"
done
install_agents
find_out_whether_codex_confines
if (($# == 0)); then
    set -- claude codex
fi
for agent; do
    check_agent "$agent"
    check_judge "$agent"
done
if ((failures > 0)); then
    echo "$failures wrong"
    exit 1
fi
echo "all as it should be"

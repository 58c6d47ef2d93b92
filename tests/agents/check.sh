#!/usr/bin/env bash
# Lets real agents work and judge for autoresearch, in the default sandbox and offline, against a model on
# loopback (stand_in.mjs).
#
#   AUTORESEARCH=path/to/autoresearch tests/agents/check.sh [--only SCENARIO] AGENT...
#
# The agents are those that install.sh put into target/agents. Run it as root and as an ordinary user (see
# as_user.sh): different things fail.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
agents=$root/target/agents
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
# In the home, as users' projects are.
mkdir -p "$HOME/.cache"
scratch=$(mktemp -d -p "$HOME/.cache" autoresearch-agents.XXXXXX)
stand_in=
failures=0
unset AUTORESEARCH_SANDBOX

end() {
    stop_stand_in
    rm -rf "$scratch"
}
trap end EXIT

die() {
    echo "$*" >&2
    exit 1
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
            PATH="$agents/$agent/bin:/usr/local/bin:/usr/bin:/bin" \
            HOME="$home" LANG=C.UTF-8 TERM=dumb \
            ANTHROPIC_API_KEY=dummy OPENAI_API_KEY=dummy GEMINI_API_KEY=dummy \
            ANTHROPIC_BASE_URL="$url" ANTHROPIC_API_BASE="$url" GOOGLE_GEMINI_BASE_URL="$url" \
            OPENCODE_DISABLE_AUTOUPDATE=1 \
            GIT_CONFIG_NOSYSTEM=1 \
            "$@"
    )
}

# A project with a page to shorten, and an experiment about it: SCENARIO.
make_project() {
    project=$scratch/$agent-$1/home/project
    home=$scratch/$agent-$1/home
    url=$(cat "$scratch/address")
    mkdir -p "$project"
    settings
    clean git config --global user.name Tester
    clean git config --global user.email tester@localhost
    clean git init --quiet --initial-branch=main
    seq -f 'line %g of the page' 30 >"$project/page.txt"
    echo other >"$project/other.txt"
    clean git add --all
    clean git commit --quiet --message=start
    clean "$autoresearch" init --quiet --target page.txt --evaluator benchmark_size --name page --agent "$agent" >/dev/null
    experiment=$project/.autoresearch/custom/page
    if [[ $agent == aider ]]; then
        sed -i '/^\[agent\]$/a model = "anthropic/claude-sonnet-4-5"' "$experiment/experiment.toml"
    fi
    branch=autoresearch/custom/page
    start=$(clean git rev-parse HEAD)
}

# Settings in the home for agents that do not take the stand-in's address from the environment.
settings() {
    case $agent in
    codex)
        mkdir "$home/.codex"
        cat >"$home/.codex/config.toml" <<TOML
model_provider = "stand-in"

[model_providers.stand-in]
name = "stand-in"
base_url = "$url/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
request_max_retries = 0
stream_max_retries = 0
TOML
        ;;
    gemini)
        mkdir "$home/.gemini"
        echo '{"security": {"auth": {"selectedType": "gemini-api-key"}}}' >"$home/.gemini/settings.json"
        ;;
    opencode)
        mkdir -p "$home/.config/opencode"
        cat >"$home/.config/opencode/opencode.json" <<JSON
{"model": "anthropic/claude-sonnet-4-5", "provider": {"anthropic": {"options": {"baseURL": "$url/v1"}}}}
JSON
        ;;
    esac
}

# Has the agent try, within bounds. Its output is in $output, its exit code in $code.
try() {
    code=0
    output=$(clean timeout --kill-after=10 60 "$autoresearch" run "$@" 2>&1) || code=$?
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
    local scenario
    for scenario in judge refused rate-limited unauthorized; do
        label="$agent as judge, $scenario"
        wrong=
        start_stand_in "$scenario"
        make_project "judge-$scenario"
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
    local scenario
    for scenario in $(scenarios); do
        label="$agent, $scenario"
        wrong=
        start_stand_in "$scenario"
        make_project "$scenario"
        if [[ $scenario == rate-limited ]]; then
            # It would ask again until the limit is lifted.
            try --max-time 10s
        else
            try --max-experiments "$([[ $scenario == work ]] && echo 3 || echo 1)"
        fi
        check "the checkout is untouched" untouched
        case $scenario in
        work)
            check "it succeeds" test "$code" -eq 0
            check "commands are confined" grep --quiet '"sandbox":"bubblewrap"' "$experiment/journal.jsonl"
            check "three tries are kept" test "$(kept_rows)" -eq 3
            check "the branch moved by three" test "$(commits_on_branch)" -eq 3
            check "the page got shorter" test "$(clean git show "$branch:page.txt" | wc -l)" -eq 24
            check "there is a transcript" transcript 'drop the last'
            if [[ $agent != aider ]]; then
                check "it may run commands" transcript '591 page.txt'
                check "what they leave is removed, and told" says 'by-product\.txt'
            fi
            check "nothing else is committed" test "$(clean git diff --name-only main "$branch")" == page.txt
            if [[ $agent == claude ]]; then
                check "the cost is recorded" has_cost
            elif [[ $agent == codex || $agent == gemini ]]; then
                check "the cost is unknown" has_no_cost
            fi
            ;;
        other)
            check "it ends in order" test "$code" -eq 0
            check "the other file is named" says '^discard: it changes more than the target: other\.txt'
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        commit)
            check "it ends in order" test "$code" -eq 0
            check "it cannot commit" transcript 'Read-only file system'
            check "its commit is not kept" test -z "$(clean git log --format=%s --grep='by the agent' --all)"
            check "its change is" test "$(commits_on_branch)" -eq 1
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
            check "it says how to" says "^hint: .*($agent|API_KEY)"
            check "the branch did not move" test "$(commits_on_branch)" -eq 0
            ;;
        esac
        if [[ -n $wrong ]]; then
            printf 'exit code %s, output:\n%s\n' "$code" "$output"
        fi
        stop_stand_in
    done
}

# The scenarios of an agent: all for the two most popular ones, fewer for the others.
scenarios() {
    if [[ -n $only ]]; then
        echo "$only"
    else
        case $agent in
        claude | codex) echo work other commit nothing refused rate-limited unauthorized ;;
        aider) echo work nothing unauthorized ;;
        *) echo work other nothing unauthorized ;;
        esac
    fi
}

only=
if [[ ${1-} == --only ]]; then
    only=$2
    shift 2
fi
if (($# == 0)); then
    echo "usage: tests/agents/check.sh [--only SCENARIO] AGENT..." >&2
    exit 2
fi
for agent; do
    [[ -x $agents/$agent/bin/$agent ]] || die "$agent is not in target/agents: tests/agents/install.sh $agent"
    check_agent
    if [[ -z $only && ($agent == claude || $agent == codex) ]]; then
        check_judge
    fi
done
if ((failures > 0)); then
    echo "$failures wrong"
    exit 1
fi
echo "all as it should be"

#!/usr/bin/env bash
# Puts candidates that change nothing but a comment through the whole program, measuring a real command on this
# machine as it is, and prints how many were kept and what they cost. Ends with 1 where more were kept than one
# expects to see once in a hundred times, with the default `alpha`.
#
#   AUTORESEARCH=path/to/autoresearch tests/noops/run.sh [TRIES]
#
# Needs git and python3; 200 tries take a few minutes.
set -euo pipefail

tries=${1:-200}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/release/autoresearch}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

unset XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
export HOME=$scratch/home GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export {GIT_AUTHOR,GIT_COMMITTER}_NAME=No-ops {GIT_AUTHOR,GIT_COMMITTER}_EMAIL=noops@localhost
mkdir -p "$HOME" "$scratch/project"

cat >"$scratch/agent.sh" <<'AGENT'
cat >/dev/null
# Never the same twice: what was judged once is not measured again.
note="$(date +%s%N)"
echo "# $note" >>work.py
echo "note $note"
AGENT

cd "$scratch/project"
cat >work.py <<'WORK'
words = [f"{n * 7919 % 10007:05d}" for n in range(12000)]
counts = {}
for word in words:
    counts[word[:3]] = counts.get(word[:3], 0) + 1
print(sum(sorted(counts.values())[:10]))
WORK
git init --quiet
git add work.py
git commit --quiet --message start

"$autoresearch" init --quiet --target work.py --name noops --evaluator benchmark_speed --set runs=1 --set warmup=0 \
    --command benchmark='python3 -I work.py' --agent-command "sh '$scratch/agent.sh'"
before=$SECONDS
"$autoresearch" run --quiet --loop --max-experiments "$tries"

python3 - .autoresearch/custom/noops/journal.jsonl "$((SECONDS - before))" <<'REPORT'
import json
import math
import statistics
import sys

with open(sys.argv[1], encoding="utf-8") as journal:
    records = [json.loads(line) for line in journal]
verdicts = [record for record in records if record["event"] == "verdict"]
keeps = [record for record in verdicts if record["verdict"] == "keep"]
trials = [record["evidence"] for record in verdicts if record.get("evidence")]
rounds = [trial["rounds"] for trial in trials]
differences = [r["incumbent"] - r["candidate"] for trial in rounds for r in trial]
incumbents = [r["incumbent"] for trial in rounds for r in trial]
centre = statistics.median(incumbents)
spread = statistics.median(abs(x - centre) for x in incumbents) * 1.4826
print(f"{len(verdicts)} no-ops: {len(keeps)} kept, {sum(r['verdict'] == 'crash' for r in verdicts)} crashed, "
      f"{sum(trial['alpha'] is None for trial in trials)} without control of the noise")
print(f"{2 * sum(map(len, rounds)) / len(verdicts):.2f} measurements per try, at most {2 * max(map(len, rounds))}; "
      f"{int(sys.argv[2]) / len(verdicts):.2f} s per try")
print(f"incumbent: median {centre:.2f} ms, spread {spread:.2f} ms, deviation {statistics.stdev(incumbents):.2f} ms; "
      f"spread within pairs {statistics.median(map(abs, differences)) * 1.4826:.2f} ms")
sooner = sum(x["incumbent"] < x["candidate"] for trial in rounds for x in trial)
print(f"the incumbent was the better one in {sooner} of {len(differences)} pairs")
for record in keeps:
    print(f"kept: {record['reason']}")

# The number of keeps that a binomial with 1 % exceeds in one of a hundred times at most.
tail, most = 1.0, -1
while tail > 0.01:
    most += 1
    tail -= math.comb(len(verdicts), most) * 0.01**most * 0.99 ** (len(verdicts) - most)
if len(keeps) > most:
    sys.exit(f"that is more than {most}")
REPORT

#!/usr/bin/env bash
# Publishes evaluators to a real registry on loopback and adds them from there: as it should be, and with a wrong
# digest, a missing tag, no login, a connection that breaks off, signatures and their absence.
#
#   AUTORESEARCH=path/to/autoresearch tests/registry/check.sh
#
# Needs Debian's docker-registry, apache2-utils, openssl and python3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
scratch=$(mktemp -d)
wrong=0

stop() {
    local pids
    mapfile -t pids < <(jobs -p)
    [[ ${#pids[@]} == 0 ]] || kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT

for program in docker-registry htpasswd openssl python3; do
    command -v "$program" >/dev/null || { echo "there is no $program here" >&2; exit 1; }
done

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A registry with its files in a directory; more of its configuration on standard input.
registry() {
    local port=$1 directory=$scratch/registry-$1
    mkdir -p "$directory"
    {
        printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$directory" "$port"
        cat
    } >"$directory.yml"
    docker-registry serve "$directory.yml" >"$directory.log" 2>&1 &
    for _ in $(seq 100); do
        if curl --silent --output /dev/null "http://127.0.0.1:$port/v2/"; then return; fi
        sleep 0.1
    done
    cat "$directory.log"
    exit 1
}

# Runs the program in a project; what it printed is in $output, its exit code in $code.
output='' code=0
run() {
    code=0
    output=$(cd "$scratch/project" && env -i PATH="$PATH" HOME="$scratch/home" "$autoresearch" "$@" 2>&1) || code=$?
}

# WHAT CODE WORDS: the last run ended so.
expect() {
    if [[ $code == "$2" && $output == *"$3"* ]]; then
        echo "ok    $1"
    else
        echo "WRONG $1: exit code $code instead of $2, \`$3\` in:"
        printf '%s\n' "$output"
        wrong=$((wrong + 1))
    fi
}

# WHAT COMMAND...: that succeeds.
holds() {
    local what=$1
    shift
    if "$@"; then echo "ok    $what"; else echo "WRONG $what"; wrong=$((wrong + 1)); fi
}

mkdir -p "$scratch/home" "$scratch/project"
cp "$root"/plugins/{benchmark_size,command}.wasm "$scratch/project"
open=$(free_port)
registry "$open" </dev/null
place=oci://127.0.0.1:$open/tools/size

run evaluator publish benchmark_size.wasm "$place:1"
expect "it is published" 0 "$place@sha256:"
published=$(grep -o 'oci://.*' <<<"$output")
run evaluator publish benchmark_size.wasm "$place:1"
expect "again is the same" 0 "published benchmark_size"
run evaluator add "$place:1" --name size
expect "it is added" 0 "added \`size\`"
holds "its component is what was published" \
    cmp "$scratch/project/benchmark_size.wasm" "$scratch/project/.autoresearch/evaluators/size.wasm"
run evaluator list
expect "it is listed" 0 "size  "
echo text >"$scratch/project/page.txt"
run evaluate --evaluator size --target page.txt
expect "it measures by its name" 0 "size_bytes: 5"
run evaluator add "$published" --name exact
expect "it is added by its digest" 0 "added \`exact\`"
run evaluator update
expect "nothing is new" 0 "\`size\` is what it was"

# What is taken, missing or wrong.
lock=$(cat "$scratch/project/.autoresearch/evaluators.lock")
run evaluator add "$place:1" --name size
expect "a name that is taken" 3 'is there already'
run evaluator add "$place:1"
expect "a built-in evaluator's name" 3 "is a built-in evaluator's name"
run evaluator add "$place:2" --name two
expect "a tag that is missing" 3 'the registry has no'
run evaluator add "oci://127.0.0.1:$open/nothing:1" --name two
expect "a name that is missing" 3 'the registry has no'
run evaluator add "$place@sha256:$(printf 'a%.0s' {1..64})" --name two
expect "a digest that is missing" 3 'the registry has no'
run evaluator add "oci://127.0.0.1:$(free_port)/tools/size:1" --name two
expect "no registry" 4 'cannot be reached'
run evaluator add oci://size --name two
expect "no place" 3 'is no place in a registry'
run evaluator publish page.txt "$place:3"
expect "what is no evaluator is not published" 5 'is not a WebAssembly file'
run evaluator publish benchmark_size.wasm "$published"
expect "a digest is not published to" 3 'not yours to choose'
holds "nothing changed" test "$lock" == "$(cat "$scratch/project/.autoresearch/evaluators.lock")"
printf x >>"$scratch/project/.autoresearch/evaluators/exact.wasm"
run evaluate --evaluator exact --target page.txt
expect "a component that was changed is not used" 5 'is not the component that was added'
run evaluator update exact
expect "it is fetched again" 0 "\`exact\` is what it was"
run evaluate --evaluator exact --target page.txt
expect "and works again" 0 "size_bytes: 5"

# A tag that moves on.
run evaluator publish command.wasm "$place:1"
expect "another is published under the tag" 0 "published command"
run evaluator update size
expect "the tag has moved on" 0 "\`size\` is another: command"
run evaluator update exact
expect "the digest has not" 0 "\`exact\` is what it was"
run evaluator remove exact
expect "it is removed" 0 "removed \`exact\`"
run evaluate --evaluator exact --target page.txt
expect "and gone" 3 "there is no evaluator \`exact\`"
run evaluator remove exact
expect "it cannot be removed twice" 3 'was added here'

# What the registry stores is damaged: another layer under the same digest.
run evaluator publish benchmark_size.wasm "$place:damaged"
blob=$(sha256sum "$scratch/project/benchmark_size.wasm" | cut -c1-64)
data=$scratch/registry-$open/docker/registry/v2/blobs/sha256/${blob:0:2}/$blob/data
cp "$data" "$scratch/blob"
printf '\x00' | dd of="$data" bs=1 seek=5000 conv=notrunc status=none
run evaluator add "$place:damaged" --name damaged
expect "a layer that is not what its digest says" 5 'not what its digest says'
cp "$scratch/blob" "$data"
holds "nothing of it is left" test ! -e "$scratch/project/.autoresearch/evaluators/damaged.wasm"

# A connection that breaks off half-way through the layer.
cut=$(free_port)
python3 "$here/cut.py" "$cut" "$open" 100000 &
sleep 1
run evaluator add "oci://127.0.0.1:$cut/tools/size:damaged" --name cut
expect "a connection that breaks off" 4 'broke off'
holds "nothing of it is left either" test ! -e "$scratch/project/.autoresearch/evaluators/cut.wasm"

# A login.
closed=$(free_port)
htpasswd -Bbn somebody secret >"$scratch/htpasswd" 2>/dev/null
registry "$closed" <<<"auth: {htpasswd: {realm: here, path: \"$scratch/htpasswd\"}}"
private=oci://127.0.0.1:$closed/tools/size:1
run evaluator publish benchmark_size.wasm "$private"
expect "without a login nothing is published" 4 "docker login 127.0.0.1:$closed"
login() {
    mkdir -p "$scratch/home/.docker"
    printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$closed" "$(printf '%s' "$1" | base64)" \
        >"$scratch/home/.docker/config.json"
}
login somebody:wrong
run evaluator publish benchmark_size.wasm "$private"
expect "a wrong password" 4 "docker login 127.0.0.1:$closed"
login somebody:secret
run evaluator publish benchmark_size.wasm "$private"
expect "with docker's login it is published" 0 "published benchmark_size"
run evaluator add "$private" --name private
expect "and added" 0 "added \`private\`"

# Signatures, as `cosign sign --key` makes them.
openssl ecparam -genkey -name prime256v1 -noout -out "$scratch/cosign.key" 2>/dev/null
openssl ec -in "$scratch/cosign.key" -pubout -out "$scratch/project/cosign.pub" 2>/dev/null
openssl ecparam -genkey -name prime256v1 -noout -out "$scratch/other.key" 2>/dev/null
signed=oci://127.0.0.1:$open/tools/signed:1
sign() {
    python3 "$here/sign.py" "http://127.0.0.1:$open" tools/signed "$1" "$2"
}
run evaluator publish benchmark_size.wasm "$signed"
first=${output##*@}
run evaluator add "$signed" --name signed --key cosign.pub
expect "without a signature it is not added" 5 'is not signed with the key'
sign "$first" "$scratch/other.key"
run evaluator add "$signed" --name signed --key cosign.pub
expect "with somebody else's neither" 5 'is not signed with the key'
sign "$first" "$scratch/cosign.key"
run evaluator add "$signed" --name signed --key cosign.pub
expect "with its signature it is" 0 "added \`signed\`"
run evaluator publish command.wasm "$signed"
second=${output##*@}
run evaluator update signed
expect "an unsigned update is refused" 5 'is not signed with the key'
run evaluate --evaluator signed --target page.txt
expect "what was there stays" 0 "size_bytes: 5"
sign "$second" "$scratch/cosign.key"
run evaluator update signed
expect "a signed one is taken" 0 "\`signed\` is another: command"

if [[ $wrong != 0 ]]; then
    echo "$wrong wrong"
    exit 1
fi
echo "all as it should be"

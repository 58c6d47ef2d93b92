#!/usr/bin/env bash
# Makes an evaluator in each language with `evaluator new`, runs the lines of its README, and compares what it
# measures with what other programs say.
#
#   AUTORESEARCH=path/to/autoresearch tests/authors/check.sh [LANGUAGE...]
#
# Needs what those READMEs name: python3 with venv, node and npm, Debian's clang-19, lld-19, wasi-libc and
# libclang-rt-19-dev-wasm32; and for Rust, where rustup has no wasm32-wasip2, what plugins/build.sh needs.
# The components stay in target/authors.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
made=$root/target/authors
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

die() {
    echo "$*" >&2
    exit 1
}

# The program by the name that the READMEs use, and rustup's own linkers.
mkdir -p "$scratch/bin" "$made"
unset CARGO_TARGET_DIR
ln -s "$autoresearch" "$scratch/bin/autoresearch"
linkers=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin
export PATH=$scratch/bin:$PATH:$linkers

# What of a README is to be typed in.
lines_of() {
    awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$1"
}

# Builds for WebAssembly where rustup has no wasm32-wasip2: what `rustup target add` is for elsewhere.
cargo() {
    if [[ " $* " == *" wasm32-wasip2 "* && ! -d $(rustc --print sysroot)/lib/rustlib/wasm32-wasip2 ]]; then
        env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort \
            CARGO_TARGET_WASM32_WASIP2_LINKER="$linkers/wasm-component-ld" \
            CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS=-Lnative=/usr/lib/wasm32-wasi cargo "$@"
    else
        command cargo "$@"
    fi
}
export linkers
export -f cargo

check() {
    local language=$1 name=my_$1
    echo "-- $language"
    (
        cd "$scratch"
        autoresearch evaluator new "$name" --lang "$language"
        cd "$name"
        lines_of README.md >"$scratch/lines.sh"
        [[ $(wc -l <"$scratch/lines.sh") -ge 4 ]] || die "the README has no lines to type in"
        bash -euo pipefail "$scratch/lines.sh"
        cp "$name.wasm" "$made"
    )
}

# What the evaluator of a language reports of a metric.
measured() {
    local language=$1 metric=$2
    shift 2
    autoresearch --path "$root" evaluate --evaluator "$made/my_$language.wasm" "$@" | sed -n "s/^$metric: //p"
}

# On real files, beside what is known of them.
compare() {
    local language=$1 metric=$2 expected=$3
    shift 3
    local found
    found=$(measured "$language" "$metric" "$@")
    # Two libraries need not agree on a logarithm's last digit.
    [[ $(printf '%.9f' "$found") == $(printf '%.9f' "$expected") ]] || die "$language: $metric is $found instead of $expected ($*)"
    echo "ok    $metric of $* is $found"
}

bundle=examples/evaluators/javascript/sample.js
readable=README.md
compare_with_others() {
    case $1 in
        rust) compare rust lines "$(grep -hc '[^[:space:]]' "$root/$readable")" --target "$readable" ;;
        javascript) compare javascript bundle_bytes "$(wc -c <"$root/$bundle")" --target "$bundle" ;;
        c)
            compare c single_bits "$(python3 -c '
import collections, math, sys
counts = collections.Counter(open(sys.argv[1], "rb").read())
n = sum(counts.values())
total = 0.0
for byte in sorted(counts):
    total += counts[byte] * math.log2(n / counts[byte])
print(total / n)' "$root/$readable")" --target "$readable"
            ;;
        python)
            compare python words "$(cd "$root/examples/evaluators/python" && python3 -B -c '
import measure, sys
print(measure.count(open(sys.argv[1]).read()).words)' "$root/$readable")" --target "$readable"
            ;;
    esac
}

languages=("$@")
[[ ${#languages[@]} -gt 0 ]] || languages=(rust python javascript c)
for language in "${languages[@]}"; do
    check "$language"
    compare_with_others "$language"
done
echo "all as it should be"

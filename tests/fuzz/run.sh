#!/usr/bin/env bash
# Fuzzes what reads outside data: each target for so many seconds, from the corpus that is kept.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
#
# Needs cargo-fuzz. What it learns and what it finds stays in target/fuzz.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${1:?for how many seconds each target?}
shift
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(component contract experiment journal agents runners judges)

# A lock file that is behind the workspace's is told, not mended.
cargo metadata --locked --format-version 1 --manifest-path "$here/Cargo.toml" >/dev/null
# The instrumentation is an option that is yet to be stable; a sanitizer would find nothing that Rust does not.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$root/target/fuzz
cargo fuzz build --fuzz-dir "$here" --sanitizer none
programs=$root/target/fuzz/$(rustc --print host-tuple)/release
for target in "${targets[@]}"; do
    learned=$root/target/fuzz/corpus/$target
    found=$root/target/fuzz/artifacts/$target
    mkdir -p "$learned" "$found"
    seeds=()
    case $target in
        component) seeds=("$root/plugins/command.wasm") ;;
        journal) seeds=("$root"/tests/fixtures/journal-v*.jsonl) ;;
    esac
    corpora=("$learned")
    [[ ! -d $here/corpus/$target ]] || corpora+=("$here/corpus/$target")
    printf '\n== %s\n' "$target"
    "$programs/$target" "${corpora[@]}" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -verbosity=0 -print_funcs=0 -print_final_stats=1 \
        ${seeds[0]+-seed_inputs="$(IFS=,; echo "${seeds[*]}")"} -artifact_prefix="$found/" 2>&1 |
        grep --invert-match -e '^WARNING: Failed to find function' -e '# Uses: ' -e 'ecommended dictionary'
done

#!/usr/bin/env bash
# Rebuilds plugins/*.wasm, byte for byte the same wherever the versions in components.lock are installed.
#
#   plugins/build.sh           rebuild, and record versions and hashes
#   plugins/build.sh --check   rebuild into target/components and compare with the files checked in
#
# Exit codes: 0 done, or the same; 1 it failed, or the files differ though the versions are the recorded
# ones; 2 something is not installed, or wrong usage; 3 the files differ and so do the versions: the
# rebuilt ones are in target/components.
set -euo pipefail

plugins=(
    benchmark_size benchmark_speed build_speed command memory_usage test_pass_rate
    llm_judge_content llm_judge_copy llm_judge_prompt
)
files=("${plugins[@]/%/.wasm}")
packages=(rustc-web rust-web-src wasi-libc)

say() { echo "build.sh: $*" >&2; }

case "$#:${1-}" in
    0:) mode=record ;;
    1:--check) mode=check ;;
    *) say "usage: plugins/build.sh [--check]"; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
out=$root/target/components

# rustup's own linkers, and Debian's compiler, whose package has the standard library's source.
bin=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin
if [[ ! -x $bin/wasm-component-ld ]]; then
    say "no wasm-component-ld beside rustc: put a rustup toolchain (x86_64 Linux) first in PATH"
    exit 2
fi
if ! dpkg-query --show "${packages[@]}" >/dev/null 2>&1; then
    say "Debian's packages are missing: apt-get install --no-install-recommends ${packages[*]}"
    say "(for an ordinary build, on any machine, see plugins/README.md)"
    exit 2
fi

# What the environment says about builds in general must not change these.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL RUSTC_WRAPPER
export PATH=$bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_WASM32_WASIP2_LINKER=$bin/wasm-component-ld
export CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS=-Lnative=/usr/lib/wasm32-wasi
cargo build --locked --profile component --target wasm32-wasip2 --target-dir "$out" \
    "${plugins[@]/#/--package=}" \
    -Z build-std=std,panic_abort -Z trim-paths --config 'profile.component.trim-paths="all"' ||
    { say "the build failed"; exit 1; }

for name in "${plugins[@]}"; do
    cp "$out/wasm32-wasip2/component/$name.wasm" "$out/$name.wasm"
    if grep --text --quiet --fixed-strings -e "$root/" -e "${CARGO_HOME:-$HOME/.cargo}" -e /usr/ "$out/$name.wasm"; then
        say "$name.wasm contains a path of this machine"
        exit 1
    fi
done

{
    echo "# Written by plugins/build.sh: what built the components beside this file, and their sha256."
    echo
    echo "[toolchain]"
    echo "rustc = \"$("$RUSTC" --version)\""
    echo "cargo = \"$(cargo --version)\""
    echo "wasm-component-ld = \"$(wasm-component-ld --version)\""
    dpkg-query --show --showformat '${Package} = "${Version}"\n' "${packages[@]}"
    echo
    echo "[sha256]"
    (cd "$out" && sha256sum "${files[@]}") | sed -E 's/^(\w+) +(\w+)\.wasm$/\2 = "\1"/'
} >"$out/components.lock"

if [[ $mode == record ]]; then
    cp "${files[@]/#/$out/}" "$out/components.lock" plugins/
    exit
fi

differing=()
for file in "${files[@]}"; do
    cmp --silent "$out/$file" "plugins/$file" || differing+=("$file")
done
if [[ ${#differing[@]} == 0 ]]; then
    say "the components are the same"
    exit 0
fi
say "not the same: ${differing[*]}"
toolchain() { sed '/^\[sha256\]/,$d' "$1"; }
if versions=$(diff <(toolchain plugins/components.lock) <(toolchain "$out/components.lock")); then
    say "the toolchain is the recorded one: run plugins/build.sh and check in what it changes"
    exit 1
fi
say "the toolchain is not the recorded one (< recorded, > installed), so this need not mean anything:"
echo "$versions" >&2
say "test with the rebuilt components in target/components"
exit 3

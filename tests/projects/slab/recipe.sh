# slab: the time to build it, which a build script and its dependency take; Rust.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { crate slab 0.4.9; }
prepare() {
    printf 'target/\n' >.gitignore
    # Only a feature's test needs these, and they take long to build.
    sed -i '/^\[dev-dependencies\.serde/,/^$/d' Cargo.toml
    mkdir .cargo
    cargo vendor >.cargo/config.toml 2>/dev/null
}
tests='cargo test --quiet --offline --no-fail-fast --tests'
experiment=(
    --target Cargo.toml
    --evaluator build_speed
    --command build='cargo build --quiet --offline --target-dir target/speed'
    --command clean='rm -rf target/speed'
    --min-improvement 5%
)

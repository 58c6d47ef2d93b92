# strsim: the speed of a distance between texts; Rust.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { crate strsim 0.11.1; }
prepare() {
    printf 'target/\n' >.gitignore
    mkdir examples
    cp "$recipe/bench.rs" examples/
    cargo generate-lockfile --quiet
}
tests='cargo test --quiet --offline --no-fail-fast'
experiment=(
    --target src/lib.rs
    --evaluator benchmark_speed
    --command benchmark='cargo run --quiet --release --offline --example bench'
    --min-improvement 5%
)

# heck: calls of the allocator for snake case, by a command that counts them; Rust.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { crate heck 0.5.0; }
prepare() {
    printf 'target/\n' >.gitignore
    mkdir examples
    cp "$recipe/allocs.rs" examples/
    cargo generate-lockfile --quiet
}
tests='cargo test --quiet --offline --no-fail-fast --lib'
experiment=(
    --target src/snake.rs
    --eval 'cargo run --quiet --release --offline --example allocs'
    --metric allocs --direction lower --deterministic
)

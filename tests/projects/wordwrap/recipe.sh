# wordwrap: the size of what a minifier makes of it; JavaScript with packages.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { pack wordwrap 1.0.0; }
prepare() {
    printf 'node_modules/\ndist/\n' >.gitignore
    packages tape@5.9.0 terser@5.36.0
}
tests='node_modules/.bin/tape test/*.js'
experiment=(
    --target index.js
    --evaluator benchmark_size
    --command build='mkdir -p dist && node_modules/.bin/terser index.js -c -m -o dist/wordwrap.js'
    --set path=dist/wordwrap.js
)

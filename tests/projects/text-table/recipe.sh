# text-table: the speed of large tables; JavaScript with packages.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { pack text-table 0.2.0; }
prepare() {
    printf 'node_modules/\n' >.gitignore
    packages tape@5.9.0 cli-color@0.2.3
    cp "$recipe/bench.js" .
}
tests='node --test test/'
experiment=(--target index.js --evaluator benchmark_speed --command benchmark='node bench.js' --min-improvement 5%)

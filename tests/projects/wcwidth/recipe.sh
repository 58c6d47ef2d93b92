# wcwidth: the speed of widths of lines; Python, its own environment.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { sdist wcwidth 0.2.13; }
prepare() {
    printf '.venv/\n__pycache__/\n.pytest_cache/\n' >.gitignore
    environment pytest==8.3.3
    cp "$recipe/bench.py" .
}
tests='.venv/bin/python -m pytest -q -o addopts= tests'
experiment=(
    --target wcwidth/wcwidth.py
    --evaluator benchmark_speed
    --command benchmark='.venv/bin/python bench.py'
    --min-improvement 5%
)

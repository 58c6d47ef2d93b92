# sqlparse: the size of a table of words; Python, its own environment.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { sdist sqlparse 0.5.1; }
prepare() {
    printf '.venv/\n__pycache__/\n.pytest_cache/\n' >.gitignore
    environment pytest==8.3.3
}
tests='.venv/bin/python -m pytest -q'
experiment=(--target sqlparse/keywords.py --evaluator benchmark_size)

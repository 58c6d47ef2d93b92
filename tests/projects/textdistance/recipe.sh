# textdistance: the memory that a distance takes; Python, itself installed in its environment.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { sdist textdistance 4.6.3; }
prepare() {
    printf '.venv/\n__pycache__/\n.pytest_cache/\n.hypothesis/\n*.egg-info/\n' >.gitignore
    environment pytest==8.3.3 hypothesis==6.112.1
    environment --editable .
    cp "$recipe/mem.py" .
}
tests='.venv/bin/pytest -q tests/test_common.py -k alg3'
experiment=(
    --target textdistance/algorithms/edit_based.py
    --evaluator memory_usage
    --command run='.venv/bin/python mem.py'
    --min-improvement 5%
)

# inflection: calls of functions for singulars, by a command that counts them; Python, its own environment.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { sdist inflection 0.5.1; }
prepare() {
    printf '.venv/\n__pycache__/\n.pytest_cache/\n' >.gitignore
    environment pytest==8.3.3
    cp "$recipe/count.py" .
}
tests='.venv/bin/python -m pytest -q'
experiment=(
    --target inflection/__init__.py
    --eval '.venv/bin/python count.py'
    --metric calls --direction lower --deterministic
)

#!/usr/bin/env bash
# Improves ten published packages as an ordinary user in the default sandbox. Of three changes to each
# package, only the gain must be kept: not the one that does nothing, and not the broken one.
#
#   AUTORESEARCH=path/to/autoresearch tests/projects/check.sh [NAME...]
#
# A directory here per package: recipe.sh says how to get it, prepare it and measure it. Needs cargo,
# npm, python3 with venv, and git. The packages stay in target/projects.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
projects=$root/target/projects
# Not a version manager's, which an ordinary user may not see.
python=$(PATH=/usr/bin:$PATH command -v python3)

# A crate's source, as cargo hands it out: NAME VERSION.
crate() {
    mkdir fetch
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[lib]\npath = "lib.rs"\n[dependencies]\n%s = "=%s"\n' \
        "$1" "$2" >fetch/Cargo.toml
    touch fetch/lib.rs
    cargo vendor --quiet --versioned-dirs --manifest-path fetch/Cargo.toml vendor >/dev/null
    cp --recursive "vendor/$1-$2" project
    rm -rf project/.cargo-checksum.json vendor fetch
    # The repository that this lies in has a workspace.
    printf '\n[workspace]\n' >>project/Cargo.toml
}

# A Python package's source: NAME VERSION.
sdist() {
    "$python" -m venv pip
    pip/bin/pip download --quiet --disable-pip-version-check --no-binary "$1" --no-deps "$1==$2"
    unpack "$1-$2.tar.gz"
    rm -rf pip
}

# A JavaScript package as published: NAME VERSION.
pack() {
    npm pack --silent "$1@$2" >/dev/null
    unpack "$1-$2.tgz"
}

unpack() {
    tar --extract --gzip --no-same-owner --file "$1" --strip-components=1 --one-top-level=project
    rm "$1"
}

# Installs into the project's own environment: REQUIREMENT...
environment() {
    [[ -d .venv ]] || "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "$@"
}

# Installs what the project's tests need, and only that: PACKAGE...
packages() {
    npm pkg delete devDependencies scripts
    npm install --silent --ignore-scripts --no-audit --no-fund --save-dev --save-exact "$@"
}

# Runs in a subshell of its own, as set -e does not reach into a condition.
get() (
    name=$1 recipe=$here/$1
    # shellcheck source=/dev/null
    source "$recipe/recipe.sh"
    rm -rf "${projects:?}/$name"
    mkdir -p "$projects/$name"
    cd "$projects/$name"
    fetch
    cd project
    prepare
    cp "$here/agent.sh" .
    mkdir changes
    cp "$recipe"/gain.* "$recipe"/noop.patch "$recipe"/broken.patch changes/
    touch ../complete
)

if (($# == 0)); then
    cd "$here"
    set -- */
    set -- "${@%/}"
fi
for name; do
    [[ -f $here/$name/recipe.sh ]] || {
        echo "there is no $here/$name/recipe.sh" >&2
        exit 2
    }
    [[ -f $projects/$name/complete ]] || get "$name"
done
# From here on as an ordinary user, to whom they belong.
if (($(id -u) == 0)); then
    "$root/tests/as_user.sh" true
    chown --recursive "$("$root/tests/as_user.sh" id -u)" "$projects"
fi
exec "$root/tests/as_user.sh" \
    env AUTORESEARCH="${AUTORESEARCH:-target/debug/autoresearch}" tests/projects/improve.sh "$@"

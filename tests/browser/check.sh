#!/usr/bin/env bash
# Has autoresearch make the page of a night, of a scripted agent, and looks at it in a browser.
#
#   AUTORESEARCH=path/to/autoresearch tests/browser/check.sh [--picture FILE]
#
# With `--picture` it also writes the README's picture. Needs Debian's chromium, node, npm, git and awk.
# What drives the browser stays in target/browser.
set -euo pipefail

PLAYWRIGHT=1.65.1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
driver=$root/target/browser
autoresearch=$(realpath --canonicalize-existing "${AUTORESEARCH:-$root/target/debug/autoresearch}")
chromium=${CHROMIUM:-/usr/bin/chromium}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

die() {
    echo "$*" >&2
    exit 1
}

install_driver() {
    local installed=$driver/node_modules/playwright-core/package.json
    if ! grep -qsF "\"version\": \"$PLAYWRIGHT\"" "$installed"; then
        mkdir -p "$driver"
        PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --prefix "$driver" --no-save --no-fund --no-audit \
            --loglevel=error "playwright-core@$PLAYWRIGHT"
    fi
}

# Runs a command in the project, with a home of its own.
clean() {
    (
        cd "$scratch/project"
        env -i PATH="$PATH" HOME="$scratch/home" GIT_CONFIG_NOSYSTEM=1 "$@"
    )
}

make_project() {
    # Agent and measurement count their turns beside the project.
    mkdir -p "$scratch/project" "$scratch/home" "$scratch/counts"
    cp "$here"/night/{search.conf,measure.awk,measure.sh} "$scratch/project"
    clean git config --global user.name Tester
    clean git config --global user.email tester@localhost
    clean git init --quiet --initial-branch=main
    clean git add --all
    clean git commit --quiet --message=start
    clean "$autoresearch" init --quiet --target search.conf --domain speed --name search \
        --eval "sh measure.sh '$scratch/counts/turns'" --metric p50_ms --direction lower \
        --agent-command "sh '$here/night/agent.sh' '$here/night/changes.tsv' '$scratch/counts/calls'" --write "$scratch/counts"
}

picture=
case $# in
    0) ;;
    2)
        [[ $1 == --picture ]] || die "usage: check.sh [--picture FILE]"
        picture=$(realpath "$2")
        ;;
    *) die "usage: check.sh [--picture FILE]" ;;
esac
for program in node npm git awk "$chromium"; do
    command -v "$program" >/dev/null || die "there is no $program here"
done
install_driver
make_project
tries=$(wc -l <"$here/night/changes.tsv")
clean "$autoresearch" run --quiet --loop --max-experiments "$tries"
clean "$autoresearch" results --experiment speed/search --output "$scratch/search.html"
clean "$autoresearch" results --dashboard --output "$scratch/dashboard.html"
DRIVER=$driver CHROMIUM=$chromium \
    node "$here/page.mjs" "$scratch/search.html" "$scratch/dashboard.html" "$tries" "$picture"

#!/usr/bin/env bash
# Installs real agents by name into target/agents, each at the version that its adapter was written for:
# tests/agents/install.sh AGENT...
#
# Needs node and npm; aider needs python3 with venv, and is the one that takes minutes.
set -euo pipefail

CLAUDE_CODE=2.1.330
CODEX=0.171.0
GEMINI=0.61.0
OPENCODE=1.18.33
AIDER=0.86.2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
agents=$root/target/agents
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

# Asks the programs themselves: to npm their binaries are optional, and it succeeds without them.
is_installed() {
    [[ $(HOME=$home PATH="$agents/$1/bin:$PATH" "$agents/$1/bin/$1" --version 2>/dev/null) == *"$2"* ]]
}

from_npm() {
    local agent=$1 package=$2 version=$3
    is_installed "$agent" "$version" ||
        npm install --global --prefix "$agents/$agent" --no-fund --no-audit --loglevel=error "$package@$version"
    check "$agent" "$version"
}

check() {
    is_installed "$@" || {
        echo "$1 was installed, but does not start" >&2
        exit 1
    }
}

mkdir -p "$agents"
for agent; do
    case $agent in
    claude) from_npm claude @anthropic-ai/claude-code "$CLAUDE_CODE" ;;
    codex) from_npm codex @openai/codex "$CODEX" ;;
    gemini) from_npm gemini @google/gemini-cli "$GEMINI" ;;
    opencode) from_npm opencode opencode-ai "$OPENCODE" ;;
    aider)
        if ! is_installed aider "$AIDER"; then
            # Not a version manager's, which an ordinary user may not see.
            python=$(PATH=/usr/bin:$PATH command -v python3)
            "$python" -m venv "$agents/aider"
            "$agents/aider/bin/pip" install --quiet --disable-pip-version-check "aider-chat==$AIDER"
        fi
        check aider "$AIDER"
        ;;
    *)
        echo "there is no agent $agent: claude, codex, gemini, opencode, aider" >&2
        exit 2
        ;;
    esac
done

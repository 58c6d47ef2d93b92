#!/usr/bin/env bash
# Runs a command as an ordinary user, whom it makes, in this directory: tests/as_user.sh COMMAND...
#
# Permissions do not stop root, so what they forbid has to be tested as somebody else. The user can reach
# the repository and Rust's toolchain even if a directory above them is closed to others, but only in this
# command.
set -euo pipefail

USER_NAME=autoresearch-tests

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if (($(id -u) != 0)); then
    exec "$@"
fi
id "$USER_NAME" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$USER_NAME"
toolchain=$(cd "$repository" && rustc --print sysroot)

# In a mount namespace of its own, replaces the closed directories by open ones with only these two in them.
# shellcheck disable=SC2016
pass='
    user=$1 repository=$2 toolchain=$3
    shift 3
    # The outermost directory on the way to $1 that the user may not pass.
    closed() {
        local at
        for ((at = 1; at < ${#1}; at++)); do
            if [[ ${1:at:1} == / ]] && ! runuser -u "$user" -- test -x "${1:0:at}"; then
                printf "%s\n" "${1:0:at}"
                return
            fi
        done
    }
    mount -t tmpfs tmpfs /mnt
    shown=() covered=()
    for path in "$repository" "$toolchain"; do
        closed=$(closed "$path")
        if [[ -n $closed ]]; then
            mkdir "/mnt/${#shown[@]}"
            mount --bind "$path" "/mnt/${#shown[@]}"
            shown+=("$path")
            covered+=("$closed")
        fi
    done
    for at in "${!shown[@]}"; do
        # Once for both of them.
        if [[ " ${covered[*]:0:at} " != *" ${covered[at]} "* ]]; then
            mount -t tmpfs -o mode=755 tmpfs "${covered[at]}"
        fi
        mkdir -p "${shown[at]}"
        mount --move "/mnt/$at" "${shown[at]}"
    done
    cd "$repository"
    home=$(getent passwd "$user" | cut -d: -f6)
    exec setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all -- \
        env -i HOME="$home" USER="$user" LOGNAME="$user" LANG=C.UTF-8 TERM=dumb \
        PATH="$toolchain/bin:/usr/local/bin:/usr/bin:/bin" "$@"
'
exec unshare --mount --propagation private -- bash -euo pipefail -c "$pass" - "$USER_NAME" "$repository" "$toolchain" "$@"

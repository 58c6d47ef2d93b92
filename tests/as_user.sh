#!/usr/bin/env bash
# Runs a command as an ordinary user, whom it makes, in this directory: tests/as_user.sh COMMAND...
#
# For root, whom permissions do not keep from anything: what users may not do is to be tried as one. The
# user sees the repository even where a directory above it is closed to others, but only in this command.
set -euo pipefail

USER_NAME=autoresearch-tests

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if (($(id -u) != 0)); then
    exec "$@"
fi
id "$USER_NAME" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$USER_NAME"

# Mounts, in a namespace of its own, the repository below a directory that everybody may pass.
# shellcheck disable=SC2016
pass='
    repository=$1 user=$2
    shift 2
    closed=
    for ((at = ${#repository}; at > 0; at--)); do
        above=${repository:0:at}
        if [[ ${repository:at:1} == / || $at == ${#repository} ]] && [[ -d $above ]]; then
            runuser -u "$user" -- test -x "$above" || closed=$above
        fi
    done
    if [[ -n $closed && $closed != "$repository" ]]; then
        mkdir -p /mnt/repository
        mount --bind "$repository" /mnt/repository
        mount -t tmpfs -o mode=755 tmpfs "$closed"
        mkdir -p "$repository"
        mount --move /mnt/repository "$repository"
    fi
    cd "$repository"
    home=$(getent passwd "$user" | cut -d: -f6)
    exec setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all -- \
        env -i HOME="$home" USER="$user" LOGNAME="$user" LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/bin:/usr/bin:/bin "$@"
'
exec unshare --mount --propagation private -- bash -euo pipefail -c "$pass" - "$repository" "$USER_NAME" "$@"

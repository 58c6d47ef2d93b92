#!/bin/sh
# Prints the requests, bytes and share of errors of every path in an access log, busiest first.
LC_ALL=C
export LC_ALL
log=${1:-access.log}

printf '%-24s %8s %10s %7s\n' path requests bytes errors
awk '{ print $7 }' "$log" | sort -u | while read -r path; do
    awk -v path="$path" '
        $7 == path { requests++; bytes += $10; errors += $9 >= 400 }
        END { printf "%-24s %8d %10d %6.1f%%\n", path, requests, bytes, 100 * errors / requests }
    ' "$log"
done | sort -k2,2nr -k1,1

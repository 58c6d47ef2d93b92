#!/bin/sh
# Prints the requests, bytes and share of errors of every path in an access log, busiest first.
LC_ALL=C
export LC_ALL
log=${1:-access.log}

printf '%-24s %8s %10s %7s\n' path requests bytes errors
awk '{ print $7 }' "$log" | sort -u | while read -r path; do
    requests=$(awk -v path="$path" '$7 == path { n++ } END { print n }' "$log")
    bytes=$(awk -v path="$path" '$7 == path { n += $10 } END { print n }' "$log")
    errors=$(awk -v path="$path" '$7 == path && $9 >= 400 { n++ } END { print n + 0 }' "$log")
    echo "$path $requests $bytes $errors" |
        awk '{ printf "%-24s %8d %10d %6.1f%%\n", $1, $2, $3, 100 * $4 / $2 }'
done | sort -k2,2nr -k1,1

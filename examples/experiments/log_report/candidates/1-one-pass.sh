#!/bin/sh
# Prints the requests, bytes and share of errors of every path in an access log, busiest first.
LC_ALL=C
export LC_ALL
log=${1:-access.log}

printf '%-24s %8s %10s %7s\n' path requests bytes errors
awk '
    { requests[$7]++; bytes[$7] += $10; errors[$7] += $9 >= 400 }
    END {
        for (path in requests)
            printf "%-24s %8d %10d %6.1f%%\n",
                path, requests[path], bytes[path], 100 * errors[path] / requests[path]
    }
' "$log" | sort -k2,2nr -k1,1

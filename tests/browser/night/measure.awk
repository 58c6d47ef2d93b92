# Prints how long a search with these settings takes: what they cost, and some noise. The noise depends on their
# text and on `turn`, so that it is another one each time and the same night comes out much the same.

function times(name, costs, parts, i, pair) {
    parts = split(costs, pairs, " ")
    for (i = 1; i <= parts; i++) {
        split(pairs[i], pair, ":")
        if (pair[1] == settings[name]) {
            millis *= pair[2]
            return
        }
    }
    print "search: " name " cannot be " settings[name]
    failed = 1
    exit 1
}

{
    for (i = 1; i <= length($0); i++) {
        seed = (seed * 31 + index("abcdefghijklmnopqrstuvwxyz0123456789=_", substr($0, i, 1))) % 1000003
    }
}

/^[a-z_]+ = / { settings[$1] = $3 }

END {
    if (failed) {
        exit 1
    }
    millis = 182
    times("block_kib", "4:1 16:0.87 32:0.868 64:1.05")
    times("cache_mib", "16:1 64:0.91 256:0.912")
    times("threads", "1:1 2:0.84 4:0.75 16:1.06")
    times("prefetch", "off:1 on:1.002")
    times("order", "random:1 sorted:0.998")
    times("codec", "gzip:1 zstd:0.9 lz4:0.91")
    times("level", "3:0.92 9:1 19:2.9")
    times("lists", "plain:1 delta:0.92")
    times("skip", "0:1 64:0.92 128:0.921")
    times("stop_words", "none:1 english:0.93")
    times("merge", "eager:1 lazy:1.04")
    times("log", "debug:1 off:0.92")
    srand(seed + turn * 7919)
    rand()
    noise = 0
    for (i = 0; i < 12; i++) {
        noise += rand() - 0.5
    }
    printf "p50_ms: %.3f\n", millis * (1 + 0.02 * noise)
}

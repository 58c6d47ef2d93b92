#!/bin/sh
# Prints the access log of a small web site, in the common log format: the same one every time.
LC_ALL=C awk '
BEGIN {
    seed = 2025
    n = split("/ /blog /blog/hello /css/site.css /docs /docs/guide /docs/install /download " \
        "/download/app.tar.gz /favicon.ico /img/logo.svg /index.php /js/search.js /robots.txt " \
        "/search /wp-login.php", path, " ")
    for (line = 1; line <= 12000; line++) {
        # The product of two random numbers is small more often: the first paths are the busiest.
        i = 1 + int(n * random() * random())
        missing = path[i] ~ /[.]php$/ || random() < 0.02
        status = random() < 0.01 ? 500 : missing ? 404 : 200
        bytes = status == 200 ? 311 * i + int(random() * 9000) : 162
        second = line * 7
        printf "203.0.113.%d - - [05/Mar/2025:%02d:%02d:%02d +0000] \"GET %s HTTP/1.1\" %d %d\n",
            1 + int(random() * 254), second / 3600, second / 60 % 60, second % 60,
            path[i], status, bytes
    }
}

# Park and Miller: no product is too large to be exact in any awk.
function random() {
    seed = seed * 16807 % 2147483647
    return seed / 2147483647
}'

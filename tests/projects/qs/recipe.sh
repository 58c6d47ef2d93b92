# qs: blocks of code that run, by a command that counts them; JavaScript with packages.
# shellcheck shell=bash disable=SC2034,SC2154
fetch() { pack qs 6.13.0; }
prepare() {
    printf 'node_modules/\n' >.gitignore
    packages tape@5.9.0 safer-buffer@2.1.2 for-each@0.3.3 has-override-mistake@1.0.1 \
        has-property-descriptors@1.0.2 has-symbols@1.0.3 iconv-lite@0.5.1 object-inspect@1.13.2 \
        mock-property@1.1.0 es-value-fixtures@1.5.0 qs-iconv@1.0.4
    cp "$recipe/count.js" .
}
tests='node_modules/.bin/tape test/*.js'
experiment=(
    --target lib/utils.js
    --eval 'node count.js'
    --metric blocks --direction lower --deterministic
)

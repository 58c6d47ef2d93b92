#!/bin/sh
# Measures the settings: TURNS counts the measurements.
set -eu
echo >>"$1"
awk -v turn="$(wc -l <"$1")" -f measure.awk search.conf

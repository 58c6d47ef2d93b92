#!/bin/sh
# The benchmark: makes the report, and fails where it is not the right one.
sh report.sh access.log | diff expected.txt - && exit
echo 'the report is not as in expected.txt' >&2
exit 1

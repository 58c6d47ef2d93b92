#!/bin/sh
# Stands in for an agent: makes the next of the three changes that the project holds.
tries=$(sed -n 's/^Best: .* \([0-9]*\) tr[a-z]*: .*/\1/p')
case $tries in
0) change=gain ;;
1) change=noop ;;
*) change=broken ;;
esac
if [ -f "changes/$change.sh" ]; then
    sh "changes/$change.sh"
else
    git apply "changes/$change.patch"
fi
echo "$change"

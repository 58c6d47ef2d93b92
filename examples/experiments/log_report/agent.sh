#!/bin/sh
# Stands in for an agent, so that the demo needs no account: reads the prompt, proposes what an agent
# might, one idea after the other, and ends with a line about it. The last one cheats.
tries=$(sed -n 's/^Best: .* \([0-9]*\) tries: .*/\1/p')
case $tries in
    0)
        cp candidates/1-one-pass.sh report.sh
        echo 'read the log once'
        ;;
    1)
        cp candidates/2-sample.sh report.sh
        echo 'read every tenth line only'
        ;;
    2)
        cp candidates/3-one-awk-a-path.sh report.sh
        echo 'read every line again, once for every path'
        ;;
    *)
        cp candidates/2-sample.sh report.sh
        sh report.sh access.log >expected.txt
        echo 'expect what the faster report says'
        ;;
esac

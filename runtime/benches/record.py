#!/usr/bin/env python3
"""Records the wall times of a real command, one after the other, for the benchmark `verdicts`.

Prints one time a line, in milliseconds and in order: what neighbouring runs have in common, and the
machine's slow and fast hours, are in the order. Usage: record.py COUNT > samples.txt
"""

import subprocess
import sys
import time

# Starts an interpreter, loads modules from many files, allocates and computes: some 30 ms.
COMMAND = [
    sys.executable,
    "-I",
    "-c",
    "import json; x = [{'n': i, 's': str(i)} for i in range(3000)]; assert json.loads(json.dumps(x)) == x",
]


def main():
    for _ in range(int(sys.argv[1])):
        start = time.perf_counter()
        subprocess.run(COMMAND, stdin=subprocess.DEVNULL, check=True)
        print(f"{(time.perf_counter() - start) * 1e3:.3f}")


if __name__ == "__main__":
    main()

"""Results as the original tool's viewer gets at them: every results.tsv read whole, by Python.

    viewer.py dashboard PROJECT
    viewer.py csv PROJECT DOMAIN/NAME FILE
"""

import csv
import sys
import time
from pathlib import Path


def rows(directory):
    """The first four columns of each line."""
    with open(directory / "results.tsv", encoding="utf-8") as table:
        next(table)
        for line in table:
            commit, metric, status, description = line.rstrip("\n").split("\t")[:4]
            yield commit, None if metric == "N/A" else float(metric), status, description


def summary(directory):
    """Runs, keeps, first and best value."""
    all_rows = list(rows(directory))
    kept = [row for row in all_rows if row[2] == "keep" and row[1] is not None]
    if not kept:
        return len(all_rows), 0, None, None
    return len(all_rows), len(kept), kept[0][1], min(row[1] for row in kept)


def activity(directory):
    age = time.time() - (directory / "results.tsv").stat().st_mtime
    return "active" if age < 3600 else "paused" if age < 86400 else "done"


def dashboard(project):
    for domain in sorted((project / ".autoresearch").iterdir()):
        if not domain.is_dir():
            continue
        for directory in sorted(domain.iterdir()):
            runs, kept, first, best = summary(directory)
            change = (best - first) / first * 100 if first else 0
            print(f"{domain.name}/{directory.name:<20} {runs:>6} {kept:>5} {best} {change:+.1f}% {activity(directory)}")


def as_csv(project, experiment, path):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["commit", "metric", "status", "description"])
        out.writerows(list(rows(project / ".autoresearch" / experiment)))


if __name__ == "__main__":
    project = Path(sys.argv[2])
    if sys.argv[1] == "dashboard":
        dashboard(project)
    else:
        as_csv(project, sys.argv[3], sys.argv[4])

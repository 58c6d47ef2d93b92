#!/usr/bin/env python3
"""The statistics once more, from the papers and not from the Rust text, to hold one against the other.

Writes `cases.json` beside this file, which `cargo test --test stats` compares with runtime/stats.rs; with
`--check` it says whether the file is what it would write. Before that it checks itself: by enumeration of
all signs, and against scipy where that has a routine of its own. Needs numpy and scipy.

- Vovk and Wang, Nonparametric e-tests of symmetry (NEJSDS, 2024): under symmetry the signs of differences
  are fair coins given their sizes, so that a product of 1 + stake * sign has mean 1.
- Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting (JRSS B, 2024): the mean
  of several such products is another, and the shifts that it does not refute are a confidence set.
- Ville's inequality: it ever reaches 1 / alpha with a chance of alpha at most.
- Xu and Ramdas, Online multiple testing with e-values (AISTATS 2024): e-LOND tests with
  alpha * gamma(n) * (rejections + 1), where the gammas add up to 1.
"""

import itertools
import json
import math
import pathlib
import random
import sys

import numpy as np
import scipy.optimize
import scipy.stats

CASES = pathlib.Path(__file__).with_name("cases.json")

# Share of the money, and the most of it that is put at stake.
PURSES = ((0.6, 0.98), (0.4, 0.85))
# What a default trial expects of a difference, in its standard deviations: a gain of two of a run's.
EFFECT = 2 / math.sqrt(2)


def scales(sizes, scale):
    """The scale of each difference: the one that is known, or the median of the sizes so far."""
    if scale is not None:
        return np.full(len(sizes), scale)
    return np.array([np.median(sizes[: i + 1]) for i in range(len(sizes))])


def log_products(signs, sizes, effect, scale):
    """The logarithm of each purse's money after each difference; one row of signs per world."""
    # Against no scale at all, any size is as large as can be; no size is none on any scale.
    with np.errstate(divide="ignore"):
        units = np.divide(sizes, scales(sizes, scale), out=np.zeros(len(sizes)), where=sizes > 0)
    stakes = np.tanh(effect * units)
    return [np.cumsum(np.log1p(most * stakes * signs), axis=-1) for _, most in PURSES]


def e_path(differences, shift, effect, scale):
    """The e-value after each difference."""
    moved = np.asarray(differences, dtype=float) - shift
    logs = log_products(np.sign(moved), np.abs(moved), effect, scale)
    return sum(share * np.exp(log) for (share, _), log in zip(PURSES, logs))


def e_value(differences, shift=0.0, effect=EFFECT, scale=None):
    return float(e_path(differences, shift, effect, scale)[-1]) if len(differences) else 1.0


def lower_end(differences, alpha, effect, scale):
    """Where the e-value for "above this" falls through 1 / alpha; None where it is below from the start."""
    differences = np.asarray(differences, dtype=float)
    centre, least = np.median(differences), differences.min()
    width = max(np.ptp(differences), abs(centre), scale or 0.0)

    def excess(shift):
        return math.log(e_value(differences, shift, effect, scale)) + math.log(alpha)

    far = least - 50 * width
    if excess(far) < 0:
        return None
    if excess(centre) >= 0:
        return float(centre)
    grid = np.concatenate([least - np.geomspace(50 * width, 1e-3 * width, 200), np.linspace(least, centre, 800)])
    refuted = np.array([excess(shift) >= 0 for shift in grid])
    assert np.count_nonzero(np.diff(refuted.astype(int))) == 1, "the confidence set has a hole"
    last = int(np.flatnonzero(refuted)[-1])
    return scipy.optimize.brentq(excess, grid[last], grid[last + 1], xtol=1e-15 * width, rtol=1e-14)


def interval(differences, alpha, effect, scale):
    low = lower_end(differences, alpha / 2, effect, scale)
    high = lower_end([-x for x in differences], alpha / 2, effect, scale)
    return [low, None if high is None else -high]


def gamma(n):
    """The share of the error for the n-th test: a telescoping sum, of which the first 100 are one half."""
    return 100 / (n + 99) - 100 / (n + 100)


def e_lond(rate, n, rejections):
    return min(1.0, rate * gamma(n) * (rejections + 1))


def least(alpha):
    """So many differences of one sign, with all the stakes at their highest."""
    n = 1
    while sum(share * (1 + most) ** n for share, most in PURSES) < 1 / alpha:
        n += 1
    return n


def all_signs(n):
    return np.array(list(itertools.product((1.0, -1.0), repeat=n)))


def self_check(noise):
    """What the papers promise, counted over every pattern of signs; and scipy's own routines."""
    for n, kind in itertools.product((1, 5, 9, 13), noise):
        sizes = np.abs(np.array(noise[kind](n)))
        signs = all_signs(n)
        for scale, effect in itertools.product((None, 0.05, 1.0, 20.0), (0.4, EFFECT, 8.0)):
            logs = log_products(signs, sizes, effect, scale)
            paths = sum(share * np.exp(log) for (share, _), log in zip(PURSES, logs))
            assert np.allclose(paths.mean(axis=0), 1.0, atol=1e-9), "the money is not fair"
            highest = paths.max(axis=1)
            for alpha in (0.2, 0.05, 0.01):
                assert np.mean(highest >= 1 / alpha) <= alpha, "Ville's inequality"
            # An e-value never says more than the exact test that rejects for the largest of them.
            final = paths[:, -1]
            for e in np.quantile(final, (0.5, 0.9, 0.99, 1.0)):
                assert np.mean(final >= e) <= 1 / e + 1e-12

    # With all the stakes at their highest it is a function of the number of pluses: a sign test.
    for n in (8, 12):
        signs = all_signs(n)
        paths = sum(s * np.exp(log) for (s, _), log in zip(PURSES, log_products(signs, np.ones(n), 1e9, 1.0)))
        pluses = (signs > 0).sum(axis=1)
        for k in range(n + 1):
            share = np.mean(paths[:, -1] >= paths[pluses == k, -1].min() * (1 - 1e-12))
            exact = scipy.stats.binomtest(k, n, 0.5, alternative="greater").pvalue
            assert math.isclose(share, exact, rel_tol=1e-9), "sign test"

    # The enumeration itself, on Wilcoxon's statistic.
    for kind in ("normal", "cauchy"):
        x = np.array(noise[kind](11))
        ranks = scipy.stats.rankdata(np.abs(x))
        sums = (all_signs(11) > 0) @ ranks
        share = np.mean(sums >= ranks[x > 0].sum())
        exact = scipy.stats.wilcoxon(x, alternative="greater", method="exact").pvalue
        assert math.isclose(share, exact, rel_tol=1e-9), "Wilcoxon"

    assert math.isclose(sum(gamma(n) for n in range(1, 101)), 0.5)
    assert math.isclose(sum(gamma(n) for n in range(1, 1_000_000)), 1.0, rel_tol=2e-4)


def noises(source):
    def rounded(draw):
        return lambda n: [round(draw(), 6) for _ in range(n)]

    return {
        "normal": rounded(lambda: source.gauss(0, 1)),
        "gain": rounded(lambda: source.gauss(EFFECT, 1)),
        "loss": rounded(lambda: source.gauss(-EFFECT, 1)),
        "cauchy": rounded(lambda: math.tan(math.pi * (source.random() - 0.5)) + 0.5),
        "lognormal": rounded(lambda: math.exp(source.gauss(0, 1)) - math.exp(source.gauss(0, 1)) + 2),
        "ties": rounded(lambda: float(source.choice((0, 0, 1, 1, 1, 2, -1)))),
        "large": rounded(lambda: source.gauss(3e9, 2e9)),
        "small": lambda n: [source.gauss(3e-9, 2e-9) for _ in range(n)],
    }


def cases(source):
    noise = noises(source)
    samples = [noise[kind](n) for kind in noise for n in (1, 2, 3, 4, 9, 16)]
    trials = [(kind, noise[kind](n)) for kind in noise for n in (1, 2, 6, 7, 11, 24)]
    unit = {"large": 2e9, "small": 2e-9}
    settings = [
        (differences, effect, None if factor is None else factor * unit.get(kind, 1.0))
        for kind, differences in trials
        for effect, factor in ((EFFECT, None), (EFFECT, 1.0), (0.7, 0.3), (5.0, 4.0))
    ]
    return {
        "median": [{"samples": x, "is": float(np.median(x))} for x in samples],
        "spread": [
            {
                "samples": x,
                "centre": centre,
                "is": float(scipy.stats.median_abs_deviation(x, center=lambda *_, **__: centre, scale="normal")),
            }
            for x in samples
            for centre in (0.0, float(np.median(x)))
        ],
        "e_value": [
            {"differences": x, "shift": shift, "effect": effect, "scale": scale, "is": e_value(x, shift, effect, scale)}
            for x, effect, scale in settings
            for shift in (0.0, x[0], -1.5 * (scale or 1.0))
        ],
        "interval": [
            {"differences": x, "alpha": alpha, "effect": effect, "scale": scale, "is": interval(x, alpha, effect, scale)}
            for x, effect, scale in settings
            for alpha in (0.05, 0.3)
        ],
        "least": [{"alpha": alpha, "is": least(alpha)} for alpha in (0.9, 0.5, 0.1, 0.05, 0.01, 0.005, 1e-3, 1e-6, 1e-12)],
        "e_lond": [
            {"rate": rate, "n": n, "rejections": r, "is": e_lond(rate, n, r)}
            for rate in (0.01, 0.05, 0.5)
            for n in (1, 2, 50, 100, 101, 5000)
            for r in (0, 1, 40)
        ],
    }


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, (int, float)):
        # The last digits are the machine's mathematical library's.
        return math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-300)
    return a == b


def main():
    self_check(noises(random.Random(2)))
    made = cases(random.Random(1))
    if sys.argv[1:] == ["--check"]:
        if not same(made, json.loads(CASES.read_text())):
            sys.exit(f"{CASES} is not what this would write")
    else:
        groups = (
            f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(case) for case in group) + "\n]" for name, group in made.items()
        )
        CASES.write_text("{\n" + ",\n".join(groups) + "\n}\n")
    print({name: len(group) for name, group in made.items()})


if __name__ == "__main__":
    main()

"""Seconds to rate 1.6 million votes over 129 models, beside evalica: `python -m benchmarks.web.ratings`.

In: nothing; the votes are simulated from a fixed seed, a fifth of them ties. Out: medians of interleaved rounds, their
ratios, verdicts; exit code 1 when one fails. Both rate the same arrays by Bradley-Terry, from integers in memory to
scores. evalica is called twice: as its users do, with lists of its `Winner`s, and as fast as it goes, with bytes and
an index of the models. Our time holds the model's own intervals, which evalica does not give; those clustered by voter
are timed beside. Least beside median tells how much others used the machine meanwhile.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import evalica
import numpy as np
import pandas as pd

from webapp.insights.ratings.battles import Battles
from webapp.insights.ratings.fit import MODELS, fit

RATED, VOTES, VOTERS = 129, 1_600_000, 200_000
LIMIT_S = 0.3
"""For a fit by any of the three models."""
PUBLISHED_S = 1.17
"""evalica's own mean for a set like this."""
SAID = [evalica.Winner.X, evalica.Winner.Draw, evalica.Winner.Y]
OURS, USUAL, FASTEST = "ours, bradley_terry", "evalica, lists of winners", "evalica, bytes and index"


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.ratings", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="of each (default: %(default)s)")
    rounds = parser.parse_args().rounds
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; ", end="")
    print(f"evalica {version('evalica')}, NumPy {version('numpy')}, SciPy {version('scipy')}")
    print(f"{VOTES:,} votes, {RATED} models, {VOTERS:,} voters; median (least) of {rounds} interleaved rounds\n")
    calls = _calls(*votes())
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    found = {}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            found[name] = call()
            seconds[name].append(time.perf_counter() - began)
    for name, taken in seconds.items():
        print(f"{name:38} {statistics.median(taken):7.3f} s ({min(taken):.3f})")
    gap = np.abs(found[OURS].values - found[FASTEST]).max()
    print(f"\nlargest difference of a rating between ours and evalica's: {gap:.1e} log-odds\n")
    return _judge({name: statistics.median(taken) for name, taken in seconds.items()}, gap)


def votes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Left, right, outcome (0 left, 1 tie, 2 right) and voter of each vote."""
    rng = np.random.default_rng(2026)
    strength = rng.normal(0, 1, RATED)
    left = rng.integers(0, RATED, VOTES)
    right = (left + rng.integers(1, RATED, VOTES)) % RATED
    won = rng.random(VOTES) < 1 / (1 + np.exp(strength[right] - strength[left]))
    outcome = np.where(rng.random(VOTES) < 0.2, 1, np.where(won, 0, 2))
    return left, right, outcome, rng.integers(0, VOTERS, VOTES)


def _calls(left, right, outcome, voter) -> dict[str, Callable]:
    names = tuple(map(str, range(RATED)))
    said = [SAID[number] for number in outcome.tolist()]
    as_bytes, index = np.array([1, 0, 2], dtype=np.uint8)[outcome], pd.Index(range(RATED))

    def ours(model: str, voter: np.ndarray | None = None):
        return lambda: fit(Battles(names, left, right, outcome, voter=voter), model)

    def fastest():
        scores = evalica.bradley_terry(left, right, as_bytes, index=index).scores.sort_index()
        return np.log(scores.to_numpy()) - np.log(scores.to_numpy()).mean()

    return (
        {f"ours, {model}": ours(model) for model in MODELS}
        | {f"{OURS}, clustered": ours("bradley_terry", voter)}
        | {USUAL: lambda: evalica.bradley_terry(left, right, said), FASTEST: fastest}
    )


def _judge(median: dict[str, float], gap: float) -> int:
    slowest = max(median[f"ours, {model}"] for model in MODELS)
    claims = [
        (slowest < LIMIT_S, f"each model fits in less than {LIMIT_S} s: the slowest in {slowest:.3f} s"),
        (gap < 1e-3, "evalica finds the same ratings"),
    ]
    for peer in (USUAL, FASTEST):
        ratio = median[peer] / median[OURS]
        claims.append((ratio > 1, f"{ratio:.1f} times as fast as {peer}"))
    for kept, claim in claims:
        print(f"{'ok  ' if kept else 'FAIL'} {claim}")
    print(f"     evalica's published mean for such a set is {PUBLISHED_S} s, on another machine")
    return 0 if all(kept for kept, _ in claims) else 1


if __name__ == "__main__":
    sys.exit(main())

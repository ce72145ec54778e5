"""What the corpus job is held to, and whether a run of the benchmark bears it out.

In: what was measured, by size and by contender. Out: one line a claim: passed or not, with its numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.corpus.measure import Measured

MEMORY_BOUND = 1.5e9
GROWTH_BOUND = 0.15
CORES_BUSY = 1.5
"""Of two: CPU seconds by wall seconds."""
FASTER_WITHOUT_NEAR = 3.0
FASTER_WITH_ALL = 1.3


@dataclass(frozen=True)
class Contenders:
    """What was measured side by side on the largest archive."""

    ours: Measured
    ours_without_near: Measured
    pandas: Measured
    floor: Measured


def verdicts(by_size: dict[float, Measured], largest: Contenders) -> Iterator[tuple[bool, str]]:
    """Whether each claim holds, and its numbers. `by_size` is our job with everything on, by GB of CSV."""
    worst = max(measured.rss for measured in by_size.values())
    yield worst < MEMORY_BOUND, f"peak RSS {worst / 1e6:.0f} MB at most, bound {MEMORY_BOUND / 1e6:.0f} MB"
    if len(by_size) > 1:
        small, large = min(by_size), max(by_size)
        growth = by_size[large].rss / by_size[small].rss - 1
        numbers = f"peak RSS grows by {growth:.1%} from {small:g} to {large:g} GB, bound {GROWTH_BOUND:.0%}"
        yield growth < GROWTH_BOUND, numbers
    csv = max(measured.csv for measured in (*by_size.values(), largest.ours_without_near))
    yield csv == 0, f"no CSV lies on disk: the largest was {csv / 1e6:.1f} MB"
    busy = largest.ours.cpu / largest.ours.wall
    yield busy >= CORES_BUSY, f"{busy:.2f} cores busy with everything on, at least {CORES_BUSY:g} of 2"
    for name, ours, bound in (
        ("near-duplicates off", largest.ours_without_near, FASTER_WITHOUT_NEAR),
        ("everything on", largest.ours, FASTER_WITH_ALL),
    ):
        ratio = largest.pandas.wall / ours.wall
        yield ratio >= bound, f"{name}: {ratio:.2f} x as fast as the pandas script, at least {bound:g} x"
        share = ours.rss / largest.pandas.rss
        yield share <= 1, f"{name}: {share:.2f} x the pandas script's peak RSS, at most 1 x"

"""By how much two models differ on the same samples, and how sure that is.

In: the parts of a metric for both. Out: the difference with a 95 % interval from resampled threads: posts of one
thread are alike, so that counting them one by one would look surer than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.evaluation.scorers import Part

RESAMPLES = 10_000
ENDS = (2.5, 97.5)
"""Percentiles that bound the interval (percentile bootstrap, Efron 1979)."""


@dataclass(frozen=True)
class Difference:
    """Candidate minus reference. `low` and `high` are None when all samples come from one thread."""

    mean: float
    low: float | None
    high: float | None
    samples: int
    threads: int


def difference(candidate: Sequence[Part], reference: Sequence[Part], seed: int) -> Difference:
    """Of a metric that is sum(value) / sum(weight). Both hold the same samples in the same order.

    Raises:
        ValueError: they do not.
    """
    import numpy

    if [(part.source, part.weight) for part in candidate] != [(part.source, part.weight) for part in reference]:
        raise ValueError("two models can only be compared on the same samples")
    _, thread = numpy.unique([part.source for part in candidate], return_inverse=True)
    gained = [mine.value - other.value for mine, other in zip(candidate, reference, strict=True)]
    values = numpy.bincount(thread, weights=gained)
    weights = numpy.bincount(thread, weights=[part.weight for part in candidate])
    mean, threads = values.sum() / weights.sum(), len(values)
    low = high = None
    if threads > 1:
        generator = numpy.random.default_rng(seed)
        drawn = [
            values[picked].sum() / weights[picked].sum()
            for picked in (generator.integers(threads, size=threads) for _ in range(RESAMPLES))
        ]
        low, high = (round(float(end), 5) for end in numpy.percentile(drawn, ENDS))
    return Difference(round(float(mean), 5), low, high, len(candidate), threads)

"""Paired differences: the same as scipy's bootstrap of threads, and wider than that of single posts."""

import numpy
import pytest
from scipy.stats import bootstrap

from jobs.evaluation.differences import difference
from jobs.evaluation.scorers import Part


def parts(values, weights, per_thread: int) -> list[Part]:
    pairs = zip(values, weights, strict=True)
    return [Part(f"t{n // per_thread}", float(value), float(weight)) for n, (value, weight) in enumerate(pairs)]


@pytest.fixture(scope="module")
def data():
    """40 threads of 5 posts; what a thread gains its posts gain together."""
    generator = numpy.random.default_rng(1)
    weights = generator.integers(20, 200, size=200)
    gain = numpy.repeat(generator.normal(0.3, 0.4, size=40), 5) + generator.normal(0, 0.1, size=200)
    reference = 3.0 * weights
    return weights, reference, reference - gain * weights


def test_the_interval_is_scipys(data):
    weights, reference, candidate = data
    found = difference(parts(candidate, weights, 5), parts(reference, weights, 5), seed=3)
    values, sizes = ((candidate - reference).reshape(40, 5).sum(1), weights.reshape(40, 5).sum(1))

    def ratio(values, sizes, axis=-1):
        return values.sum(axis) / sizes.sum(axis)

    theirs = bootstrap((values, sizes), ratio, paired=True, n_resamples=10_000, method="percentile", rng=5)
    assert found.mean == pytest.approx(ratio(values, sizes), abs=1e-5)
    interval = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
    assert (found.samples, found.threads) == (200, 40)


def test_posts_of_one_thread_are_not_counted_as_independent(data):
    weights, reference, candidate = data
    threads = difference(parts(candidate, weights, 5), parts(reference, weights, 5), seed=3)
    posts = difference(parts(candidate, weights, 1), parts(reference, weights, 1), seed=3)
    assert threads.high - threads.low > 1.5 * (posts.high - posts.low)


def test_one_thread_gives_no_interval():
    found = difference([Part("t", 1.0, 1.0), Part("t", 0.0, 1.0)], [Part("t", 0.0, 1.0), Part("t", 0.0, 1.0)], seed=1)
    assert (found.mean, found.low, found.high) == (0.5, None, None)


def test_other_samples_are_refused():
    with pytest.raises(ValueError, match="same samples"):
        difference([Part("t", 1.0, 1.0)], [Part("u", 1.0, 1.0)], seed=1)

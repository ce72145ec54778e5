"""What must not depend on how the votes are written down."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from webapp.insights.ratings.battles import Battles
from webapp.insights.ratings.fit import MODELS, NoEstimate, fit

NAMES = ("p", "q", "r", "s")


@some.composite
def votes(draw) -> Battles:
    """Up to forty votes between four models, any graph of them."""
    pair = some.tuples(some.integers(0, 3), some.integers(1, 3), some.integers(0, 3), some.integers(0, 5))
    rows = np.array(draw(some.lists(pair, min_size=1, max_size=40)))
    left, step, outcome, voter = rows.T
    return Battles(NAMES, left, (left + step) % 4, outcome, voter=voter)


def _values(battles: Battles, model: str, side_bias: bool = False) -> np.ndarray:
    """(4,) ratings; NaN where there are none."""
    try:
        return fit(battles, model, side_bias).values
    except NoEstimate:
        return np.full(len(NAMES), np.nan)


def _same(values):
    return pytest.approx(values, abs=1e-5, nan_ok=True)


checked = pytest.mark.parametrize("model", MODELS)
quick = settings(max_examples=30, deadline=None, derandomize=True)


@checked
@quick
@given(votes(), some.permutations(range(4)))
def test_renaming_permutes_ratings(model, battles, order):
    number = np.argsort(order)
    named = replace(battles, left=number[battles.left], right=number[battles.right])
    # Of two groups that are alike in size and votes, either may be rated: the number that are is the same.
    first, second = _values(battles, model)[list(order)], _values(named, model)
    if np.array_equal(np.isnan(first), np.isnan(second)):
        assert second == _same(first)
    else:
        assert np.isnan(first).sum() == np.isnan(second).sum()


@checked
@pytest.mark.parametrize("side_bias", [False, True])
@quick
@given(votes())
def test_swapping_all_sides_keeps_ratings(model, side_bias, battles):
    mirrored = np.where(battles.outcome == 3, 3, 2 - battles.outcome)
    swapped = replace(battles, left=battles.right, right=battles.left, outcome=mirrored)
    assert _values(swapped, model, side_bias) == _same(_values(battles, model, side_bias))


@checked
@quick
@given(votes())
def test_doubling_counts_keeps_ratings_and_rows_are_counts(model, battles):
    ones = np.ones(len(battles.left), dtype=int)
    doubled = replace(battles, count=2 * ones)
    repeated = replace(
        battles,
        left=np.tile(battles.left, 2),
        right=np.tile(battles.right, 2),
        outcome=np.tile(battles.outcome, 2),
        voter=np.tile(battles.voter, 2),
    )
    assert _values(doubled, model) == _same(_values(battles, model))
    assert _values(repeated, model) == _same(_values(battles, model))
    assert doubled.votes == repeated.votes and doubled.both_bad == repeated.both_bad


@checked
@quick
@given(votes())
def test_rated_models_have_mean_zero_and_finite_ratings(model, battles):
    rated = _values(battles, model)
    rated = rated[~np.isnan(rated)]
    assert np.isfinite(rated).all()
    assert rated.sum() == pytest.approx(0, abs=1e-6)

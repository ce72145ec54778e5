"""A fit is refused exactly where no finite estimate exists: linear programming is the oracle.

The likelihoods are concave. They have no finite maximum just where some direction in the parameters, other than a
shift of all ratings, makes no vote less likely however far one goes; those directions form a cone of linear
inequalities, one set for each kind of vote that was seen.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.optimize import linprog

from webapp.insights.ratings.battles import Battles
from webapp.insights.ratings.fit import MODELS, NoEstimate, fit

RATED = 4


@some.composite
def votes(draw) -> Battles:
    """Few votes, so that many of the examples have no estimate; each model meets the next, and the last the first."""
    more = some.tuples(some.integers(0, RATED - 1), some.integers(1, RATED - 1), some.integers(0, 2))
    ring = [(left, 1, draw(some.integers(0, 2))) for left in range(RATED)]
    left, step, outcome = np.array(ring + draw(some.lists(more, max_size=5))).T
    return Battles(tuple("abcd"), left, (left + step) % RATED, outcome)


def _no_maximum(battles: Battles, model: str, side_bias: bool) -> bool:
    """Whether the cone holds more than zero. Columns: ratings, side, tie parameter."""
    rows, none = [], np.zeros(RATED + 2)
    tied = model != "bradley_terry" and bool((battles.outcome == 1).any())
    for left, right, outcome in zip(battles.left, battles.right, battles.outcome, strict=True):
        lead, tie = none.copy(), none.copy()
        lead[left], lead[right], lead[RATED], tie[-1] = 1, -1, side_bias, 1
        if outcome == 1:  # the lead stays within the threshold; without one it stays nought
            rows += [lead - tied * tie, -lead - tied * tie]
        else:  # whoever won leads, by the threshold if that grows
            won = lead if outcome == 0 else -lead
            rows += [-won, tied * tie - won]
    free = [(-1, 1)] * (RATED + 2)
    free[0] = (0, 0)  # a shift of all ratings does not count
    if not side_bias:
        free[RATED] = (0, 0)
    if not tied:
        free[-1] = (0, 0)
    for position, bounds in enumerate(free):
        for sign in (1, -1):
            goal = none.copy()
            goal[position] = -sign
            if bounds != (0, 0) and linprog(goal, np.array(rows), np.zeros(len(rows)), bounds=free).fun < -1e-6:
                return True
    return False


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("side_bias", [False, True])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(votes())
def test_refused_exactly_where_there_is_none(model, side_bias, battles):
    try:
        rated = not np.isnan(fit(battles, model, side_bias).values).any()
    except NoEstimate:
        rated = False
    assert rated != _no_maximum(battles, model, side_bias)

"""Shares with intervals: by hand, and simulated with people whose votes are alike."""

import numpy as np
import pytest

from webapp.insights.breakdowns.share import NOTHING, share, shares
from webapp.insights.win_rate import wilson


def test_it_works():
    """Everybody votes once: Wilson's interval, as if there were no people."""
    points = np.array([1.0] * 30 + [0.0] * 20)
    found = share(points, np.arange(50))
    assert (found.votes, found.voters, found.value) == (50, 50, 0.6)
    effective = 49  # p (1 - p) over the unbiased variance p (1 - p) / (n - 1)
    expected = wilson(0.6 * effective, effective)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_votes_of_one_person_count_once():
    """However many, they say nothing of what others like."""
    found = share(np.ones(100), np.zeros(100, int))
    assert (found.low, found.high) == (wilson(1, 1).low, 1.0)


def test_people_who_always_say_the_same_are_as_many_as_they_are():
    voter = np.repeat(np.arange(20), 10)
    points = (voter < 12).astype(float)
    found, each_once = share(points, voter), share((np.arange(20) < 12).astype(float), np.arange(20))
    assert found.value == each_once.value == 0.6
    assert each_once.low - 0.02 < found.low <= each_once.low  # somewhat wider: how alike they are is estimated
    assert each_once.high <= found.high < each_once.high + 0.02


def test_no_votes():
    assert share(np.empty(0), np.empty(0, int)) == NOTHING
    assert NOTHING.says == "open"


@pytest.mark.parametrize(("points", "says"), [(0.9, "above"), (0.1, "below"), (0.5, "open")])
def test_which_side_it_is_on(points, says):
    ones = round(100 * points)
    assert share(np.array([1.0] * ones + [0.0] * (100 - ones)), np.arange(100)).says == says


def test_groups_are_kept_apart():
    draw = np.random.default_rng(0)
    group, points, voter = draw.integers(0, 4, 300), draw.integers(0, 3, 300) / 2, draw.integers(0, 30, 300)
    found = shares(group, points, voter, 5)
    assert found == [share(points[group == number], voter[group == number]) for number in range(5)]
    assert found[4] == NOTHING


@pytest.mark.parametrize(("people", "most"), [(12, 40), (60, 30)])
@pytest.mark.parametrize("truth", [0.5, 0.8])
def test_coverage(people, most, truth):
    """Nineteen of twenty intervals hold the truth, where Wilson's on all votes would hold it far less often.

    People differ in what they like (a beta distribution about the truth) and cast from one vote to `most`.
    """
    draw, runs, held, naive = np.random.default_rng(1), 600, 0, 0
    for _ in range(runs):
        cast = draw.integers(1, most + 1, people)
        voter = np.repeat(np.arange(people), cast)
        points = (draw.random(len(voter)) < draw.beta(4 * truth, 4 * (1 - truth), people)[voter]).astype(float)
        found, all_votes = share(points, voter), wilson(points.sum(), len(points))
        held += found.low <= truth <= found.high
        naive += all_votes.low <= truth <= all_votes.high
    assert 0.925 <= held / runs <= 0.99
    assert naive / runs < 0.85

"""Votes become voters: capped, closed after a while, each once and in the order of closing."""

import numpy as np
import pytest

from webapp.insights.gate import Votes, close_voters

DAY = 24.0


def votes(*rows, tags=()) -> Votes:
    """Rows of voter, score, hour."""
    who, score, at = zip(*rows, strict=True)
    return Votes(np.array(who), np.array(score, float), np.array(at, float), np.array(tags) if tags else None)


def test_it_works():
    cast = votes(("ann", 1, 0), ("ben", 0, 1), ("ann", 0.5, 2), ("ben", 0, 3), ("cat", 1, 4))
    closed = close_voters(cast, now=10, cap=2, window_s=DAY)
    assert closed.voter.tolist() == ["ann", "ben"] and closed.open == 1
    assert closed.score.tolist() == [0.75, 0] and closed.votes.tolist() == [2, 2] and closed.at.tolist() == [2, 3]


def test_who_has_few_votes_closes_when_the_window_ends_and_not_before():
    cast = votes(("ann", 1, 0), ("ben", 0, 1), ("ben", 0, 2))
    assert close_voters(cast, now=23.9, cap=2, window_s=DAY).voter.tolist() == ["ben"]
    later = close_voters(cast, now=24, cap=2, window_s=DAY)
    assert later.voter.tolist() == ["ben", "ann"] and later.at.tolist() == [2, 24]


def test_votes_beyond_the_cap_or_the_window_do_not_count():
    cast = votes(*[("ann", 1, hour) for hour in range(3)], *[("ann", 0, hour) for hour in range(3, 9)], ("ben", 1, 0))
    late = votes(("ben", 0, 25), ("ben", 0, 30))
    together = Votes(*(np.concatenate([getattr(each, a) for each in (cast, late)]) for a in ("voter", "score", "at")))
    closed = close_voters(together, now=100, cap=3, window_s=DAY)
    assert dict(zip(closed.voter.tolist(), closed.score.tolist(), strict=True)) == {"ann": 1, "ben": 1}
    assert closed.votes.tolist() == [3, 1]


def test_what_comes_later_changes_nothing_of_what_was_seen():
    rng = np.random.default_rng(3)
    cast = Votes(
        rng.integers(0, 40, 400), rng.choice([0, 0.5, 1], 400), rng.permutation(400) + 0.0, rng.random((400, 2)) < 0.5
    )
    last = close_voters(cast, np.inf, cap=4, window_s=50)
    for now in range(0, 500, 7):
        then = close_voters(cast, now, cap=4, window_s=50)
        for each in ("voter", "score", "votes", "at", "tag_score"):
            np.testing.assert_array_equal(getattr(then, each), getattr(last, each)[: len(then.voter)])
        assert then.open == len(set(cast.voter[cast.at <= now])) - len(then.voter)


def test_the_order_of_the_arrays_does_not_matter():
    rng = np.random.default_rng(4)
    cast = [rng.integers(0, 40, 400), rng.choice([0, 0.5, 1], 400), rng.permutation(400) + 0.0]
    mixed = rng.permutation(400)
    one, other = (close_voters(Votes(*each), 300, 4, 50) for each in (cast, [array[mixed] for array in cast]))
    for each in ("voter", "score", "votes", "at"):
        np.testing.assert_array_equal(getattr(one, each), getattr(other, each))


def test_a_tag_is_scored_by_the_counted_votes_that_have_it():
    cast = votes(("ann", 1, 0), ("ann", 0, 1), ("ann", 0, 2), tags=[[True, False], [True, False], [True, True]])
    closed = close_voters(cast, now=9, cap=2, window_s=DAY)
    np.testing.assert_array_equal(closed.tag_score, [[0.5, np.nan]])


def test_before_the_first_vote_nobody_is_closed():
    nothing = Votes(np.array([], int), np.array([]), np.array([]), np.empty((0, 3), bool))
    closed = close_voters(nothing, now=0, cap=5, window_s=DAY)
    assert closed.score.size == 0 and closed.open == 0 and closed.tag_score.shape == (0, 3)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (([1, 2], [1.0, np.nan], [0.0, 1.0]), r"score\[1\] is nan: expected a number from 0 to 1"),
        (([1, 2], [1.0, 1.5], [0.0, 1.0]), r"score\[1\] is 1.5: expected a number from 0 to 1"),
        (([1, 2], [-0.5, 1.0], [0.0, 1.0]), r"score\[0\] is -0.5"),
        (([1, 2], [1.0, 1.0], [np.inf, 1.0]), r"at\[0\] is inf: expected seconds"),
        (([1, 2], [1.0], [0.0, 1.0]), "arrays of one length, found "),
        (([1, 2], [1.0, 1.0], [0.0]), "arrays of one length, found "),
        (([1, 2], [1.0, 1.0], [0.0, 1.0], [[True]]), "tagged has to be 2 votes by tags, found "),
    ],
)
def test_bad_arrays_are_refused(arrays, told):
    with pytest.raises(ValueError, match=told):
        Votes(*map(np.array, arrays))


@pytest.mark.parametrize(("cap", "window_s"), [(0, DAY), (5, 0), (5, float("nan"))])
def test_no_votes_of_a_voter_are_too_few(cap, window_s):
    with pytest.raises(ValueError, match="at least one vote of a voter has to count"):
        close_voters(votes(("ann", 1, 0)), 1, cap, window_s)

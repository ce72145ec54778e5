"""What cannot be rated is said, and no infinite number is dressed up as a rating."""

import numpy as np
import pytest

from tests.webapp.ratings.simulated import battles
from webapp.insights.ratings.fit import MODELS, NoEstimate, fit

EVEN = [("a", "b", "left"), ("a", "b", "right")]


def _by_name(found):
    return {rating.model: rating for rating in found.ratings}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_never_lost_has_no_rating(model):
    found = fit(battles([*EVEN, ("a", "b", "tie"), ("best", "a", "left"), ("b", "best", "right")]), model)
    ratings = _by_name(found)
    assert ratings["best"].estimate is None and ratings["best"].votes == 2
    assert ratings["best"].reason == "never lost: the best rating would be infinite"
    assert ratings["a"].estimate.value == pytest.approx(0, abs=1e-9) and ratings["a"].reason is None
    assert "never lost: best" in found.warnings
    assert found.votes == 3  # of the rated two
    assert np.isnan(found.values[2])
    with pytest.raises(ValueError, match="no rating for best"):
        found.difference("a", "best")


def test_a_model_that_never_won_has_no_rating():
    found = fit(battles([*EVEN, ("worst", "a", "right")]))
    assert _by_name(found)["worst"].reason == "never won: the best rating would be minus infinity"
    assert "never won: worst" in found.warnings


def test_groups_that_never_met_are_told_and_the_larger_is_rated():
    cycle = [("x", "y", "left"), ("y", "z", "left"), ("z", "x", "left")]
    found = fit(battles([*EVEN, *cycle]))
    assert [name for name, rating in _by_name(found).items() if rating.estimate] == ["x", "y", "z"]
    assert _by_name(found)["a"].reason == "never met the rated models, not even by way of others"
    assert any("2 groups of models never met: x, y, z; a, b" in warning for warning in found.warnings)


def test_groups_that_met_one_way_only_are_not_compared():
    """Each lost and won, yet one pair always beats the other: nothing says by how much."""
    found = fit(battles([*EVEN, *EVEN, ("c", "d", "left"), ("d", "c", "left"), ("a", "c", "left"), ("b", "d", "left")]))
    ratings = _by_name(found)
    assert ratings["a"].estimate and ratings["b"].estimate  # as many models, more votes
    assert "the distance would be infinite" in ratings["c"].reason
    assert found.votes == 4


def test_nothing_but_wins_of_one_rates_nothing():
    found = fit(battles([("new", "base", "left")] * 5))
    assert [rating.estimate for rating in found.ratings] == [None, None]
    assert (found.log_loss, found.votes, found.intervals) == (None, 0, None)
    assert "none rated" in found.warnings[-1]


def test_both_bad_votes_are_counted_and_rate_nothing():
    votes = battles([*EVEN, ("a", "b", "bothbad"), ("a", "c", "bothbad")])
    found = fit(votes)
    assert (votes.votes, votes.both_bad, found.votes) == (4, 2, 2)
    assert _by_name(found)["c"].reason == "no vote that decides"
    assert fit(battles(EVEN)).values == pytest.approx(found.values[:2])


def test_no_battles_at_all_rate_nothing():
    assert fit(battles([("a", "b", "bothbad")])).log_loss is None


@pytest.mark.parametrize("model", ["rao_kupper", "davidson"])
def test_ties_models_say_when_wins_and_ties_part_without_exception(model):
    """a beat b, and both tied with c: ties count both ways, so Bradley-Terry is well, but any growing threshold with
    growing distances fits better and better."""
    votes = battles([("a", "b", "left"), ("a", "c", "tie"), ("c", "b", "tie")])
    assert np.isfinite(fit(votes).values).all()
    with pytest.raises(NoEstimate, match="ratings that run away"):
        fit(votes, model)


@pytest.mark.parametrize("model", ["rao_kupper", "davidson"])
def test_without_ties_the_ties_models_are_bradley_terry_and_say_so(model):
    votes = battles([*EVEN, ("a", "b", "left")])
    found = fit(votes, model)
    assert found.values == pytest.approx(fit(votes).values) and found.tie == {}
    assert "no ties: the fit is Bradley-Terry's" in found.warnings


def test_one_loss_in_a_million_is_still_a_rating():
    votes = battles([("a", "b", "left"), ("a", "b", "right")], count=np.array([1_000_000, 1]))
    assert fit(votes).difference("a", "b").value == pytest.approx(np.log(1e6))


def test_unknown_voters_and_lone_voters_are_told():
    rows = [*EVEN, *EVEN, ("a", "c", "left"), ("c", "a", "left")]
    assert any(warning.startswith("voters unknown") for warning in fit(battles(rows)).warnings)
    found = fit(battles(rows, voter=np.array([0, 1, 2, 3, 0, 0])))
    assert any(warning.startswith("no interval, judged by one person: c;") for warning in found.warnings)
    assert any(warning.startswith("rough intervals") and warning.endswith(": a, b") for warning in found.warnings)
    lone = _by_name(found)["c"].estimate
    assert lone.value is not None and lone.low is lone.high is lone.standard_error is None
    assert found.difference("a", "c").low is None and found.difference("a", "b").low is not None


def test_one_voter_alone_gives_no_interval_at_all():
    rows = [*EVEN, ("b", "a", "left"), ("b", "a", "tie")]
    found = fit(battles(rows, voter=np.zeros(4, dtype=int)), side_bias=True)
    assert found.side_bias.value == pytest.approx(np.log(3) / 2)  # even on one side, 1.5 of 2 on the other
    assert found.side_bias.low is found.ratings[0].estimate.low is None

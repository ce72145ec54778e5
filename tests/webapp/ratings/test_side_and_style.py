"""What sways votes beside the models: the side, and the style of the replies."""

from dataclasses import replace

import numpy as np
import pytest

from tests.webapp.ratings.simulated import simulate
from webapp.insights.ratings.fit import MODELS, NoEstimate, fit
from webapp.insights.ratings.style import difference

TRUTH = np.array([-0.5, 0.0, 0.5])


def _holds(estimate, truth) -> bool:
    """Within four standard errors, and told with an error below 0.1."""
    return abs(estimate.value - truth) < 4 * estimate.standard_error and estimate.standard_error < 0.1


@pytest.mark.parametrize("model", MODELS)
def test_side_bias_is_found(model):
    votes = simulate(np.random.default_rng(1), TRUTH, 5000, model, push=0.4)
    found = fit(votes, model, side_bias=True)
    assert _holds(found.side_bias, 0.4)
    assert found.log_loss < fit(votes, model).log_loss


def test_no_side_bias_is_found_where_there_is_none():
    found = fit(simulate(np.random.default_rng(2), TRUTH, 5000, "davidson"), "davidson", side_bias=True)
    assert _holds(found.side_bias, 0.0)
    assert fit(simulate(np.random.default_rng(2), TRUTH, 50, "davidson")).side_bias is None


@pytest.mark.parametrize("model", MODELS)
def test_style_is_told_from_strength(model):
    """The last model writes twice as long, and people like length: without the covariate it seems better."""
    rng = np.random.default_rng(3)
    order = simulate(rng, np.zeros(3), 6000, model)  # only for who meets whom
    sizes = rng.lognormal(0, 0.3, (2, 6000)) * np.where(np.stack([order.left, order.right]) == 2, 2.0, 1.0)
    length = difference(*sizes)
    assert np.mean(length**2) == pytest.approx(1)
    votes = simulate(np.random.default_rng(3), np.zeros(3), 6000, model, push=0.6 * length)
    controlled = fit(replace(votes, covariates=length[:, None], covariate_names=("length",)), model)
    assert _holds(controlled.effects["length"], 0.6)
    assert controlled.values == pytest.approx([0, 0, 0], abs=0.15)
    assert fit(votes, model).ratings[2].estimate.low > 0.25


def test_clustered_effects_have_the_width_of_the_independent_ones_where_votes_are_independent():
    rng = np.random.default_rng(4)
    voter, style = rng.integers(0, 400, 4000), rng.normal(size=(4000, 1))
    votes = simulate(rng, TRUTH, 4000, "davidson", push=0.3 + 0.5 * style[:, 0], voter=voter)
    votes = replace(votes, covariates=style, covariate_names=("style",))
    clustered, plain = (fit(votes, "davidson", side_bias=True, cluster=cluster) for cluster in (True, False))
    assert (clustered.intervals, plain.intervals) == ("clustered by voter", "model-based")
    assert _holds(clustered.side_bias, 0.3) and _holds(clustered.effects["style"], 0.5)
    errors = [np.sqrt(np.diag(found.covariance)) for found in (clustered, plain)]
    assert errors[0] == pytest.approx(errors[1], rel=0.15)


def test_style_that_parts_the_votes_without_exception_is_refused():
    rng = np.random.default_rng(5)
    votes = simulate(rng, TRUTH, 200, "bradley_terry")
    telling = np.where(votes.outcome == 0, 1.0, -1.0)[:, None]
    with pytest.raises(NoEstimate, match="without exception"):
        fit(replace(votes, covariates=telling, covariate_names=("telling",)))


def test_what_cannot_be_told_apart_is_refused():
    """One model always on the left: is it better, or is the side? And a covariate that says nothing."""
    rng = np.random.default_rng(6)
    votes = simulate(rng, np.zeros(2), 200, "bradley_terry")
    keep = votes.left == 0
    sided = replace(votes, left=votes.left[keep], right=votes.right[keep], outcome=votes.outcome[keep])
    assert np.isfinite(fit(sided).values).all()
    with pytest.raises(NoEstimate, match="cannot be told"):
        fit(sided, side_bias=True)
    with pytest.raises(NoEstimate, match="cannot be told"):
        fit(replace(votes, covariates=np.zeros((200, 1)), covariate_names=("length",)))


def test_replies_alike_in_style_push_nowhere():
    assert difference([10, 0, 30], [10, 0, 10])[:2] == pytest.approx([0, 0])
    assert difference([0, 0], [0, 0]) == pytest.approx([0, 0])
    with pytest.raises(ValueError, match="not negative"):
        difference([-1], [1])

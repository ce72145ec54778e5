"""Slopes and curvatures of the likelihoods against differences of their values."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tests.webapp.ratings.simulated import simulate
from webapp.insights.ratings.fit import MODELS
from webapp.insights.ratings.grouping import group
from webapp.insights.ratings.predictor import Loss


@pytest.mark.parametrize("model", MODELS)
def test_gradient_and_hessian_are_those_of_the_loss(model):
    rng = np.random.default_rng(5)
    style = rng.normal(size=(400, 2))
    votes = simulate(rng, rng.normal(size=4), 400, "davidson", covariates=style, covariate_names=("one", "two"))
    loss = Loss(group(votes, side_bias=True), MODELS[model], tied=model != "bradley_terry")
    point = rng.normal(size=loss.size)
    point[-1] = abs(point[-1])
    gradient, hessian = loss.slopes(point)
    assert gradient == pytest.approx(approx_fprime(point, loss.value, 1e-6), abs=1e-2)
    numeric = approx_fprime(point, lambda at: loss.slopes(at)[0], 1e-6)
    assert hessian == pytest.approx(numeric, rel=1e-4, abs=1e-2)
    assert np.linalg.eigvalsh(hessian).min() > 0


@pytest.mark.parametrize("model", MODELS)
def test_counts_have_the_loss_of_single_votes(model):
    rng = np.random.default_rng(6)
    votes = simulate(rng, rng.normal(size=4), 300, "rao_kupper")
    single = replace(votes, covariates=np.zeros((300, 0)))  # covariates, even none of them, keep votes apart
    losses = [Loss(group(one), MODELS[model], tied=model != "bradley_terry") for one in (votes, single)]
    assert len(losses[0].grouped.left) == 12 and len(losses[1].grouped.left) == 300
    point = np.append(rng.normal(size=4), 0.3)[: losses[0].size]
    assert losses[0].value(point) == pytest.approx(losses[1].value(point), rel=1e-12)
    assert losses[0].slopes(point)[1] == pytest.approx(losses[1].slopes(point)[1], rel=1e-9)

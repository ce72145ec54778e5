"""Intervals cover the truth as often as they say: votes simulated from each model, with known ratings."""

import numpy as np
import pytest

from tests.webapp.ratings.simulated import simulate
from webapp.insights.ratings.bootstrap import bootstrap
from webapp.insights.ratings.fit import fit

TRUTH = np.array([-0.8, -0.3, 0.1, 0.3, 0.7])  # mean 0, as ratings are centred
TIES = {"bradley_terry": 1.0, "rao_kupper": 1.6, "davidson": 0.8}
RUNS = 500
"""5 ratings a run: the share that is covered has a standard error below 0.5 points (the ratings of a run hang
together, mean 0, but weakly), so that ±2 points are over four of them."""


def _coverage(model: str, votes: int, cluster: bool = True, voters: int = 0, taste: float = 0.0) -> float:
    """Share of ratings whose 95 % interval holds the truth."""
    rng, covered = np.random.default_rng(20_260_101), []
    for _ in range(RUNS):
        voter = rng.integers(0, voters, votes) if voters else None
        battles = simulate(rng, TRUTH, votes, model, TIES[model], voter=voter, taste=taste)
        found = [rating.estimate for rating in fit(battles, model, cluster=cluster).ratings]
        covered += [one.low <= truth <= one.high for one, truth in zip(found, TRUTH, strict=True)]
    return float(np.mean(covered))


@pytest.mark.parametrize("model", TIES)
def test_independent_votes_are_covered_by_the_models_own_intervals(model):
    assert 0.93 <= _coverage(model, votes=500) <= 0.97


@pytest.mark.parametrize("model", TIES)
def test_votes_of_60_people_with_tastes_are_covered_when_clustered(model):
    assert 0.93 <= _coverage(model, votes=1500, voters=60, taste=0.3) <= 0.97


def test_without_clusters_the_same_votes_are_covered_too_seldom():
    assert _coverage("bradley_terry", votes=1500, cluster=False, voters=60, taste=0.3) < 0.88


@pytest.mark.parametrize("model", TIES)
def test_bootstrap_and_sandwich_agree(model):
    rng = np.random.default_rng(3)
    voter = rng.integers(0, 150, 3000)
    battles = simulate(rng, TRUTH, 3000, model, TIES[model], voter=voter, taste=0.3)
    redrawn = bootstrap(battles, model, replicates=300)
    assert redrawn.left_out == 0
    sandwich = np.array([rating.estimate.standard_error for rating in fit(battles, model).ratings])
    unclustered = np.array([rating.estimate.standard_error for rating in fit(battles, model, cluster=False).ratings])
    assert redrawn.ratings.std(axis=0) == pytest.approx(sandwich, rel=0.2)
    assert redrawn.ratings.std(axis=0).mean() > 1.2 * unclustered.mean()
    assert (redrawn.high - redrawn.low) / 2 == pytest.approx(1.96 * sandwich, rel=0.25)


def test_a_bootstrap_counts_the_draws_that_rate_nothing():
    rng = np.random.default_rng(4)
    battles = simulate(rng, TRUTH, 40, "bradley_terry", voter=np.repeat(np.arange(4), 10))
    redrawn = bootstrap(battles, replicates=100)
    assert redrawn.left_out > 0 and len(redrawn.ratings) == 100 - redrawn.left_out


def test_a_difference_is_surer_than_its_two_ratings():
    rng = np.random.default_rng(8)
    found = fit(simulate(rng, np.array([0.0, 0.4]), 1000, "bradley_terry"))
    difference = found.difference("m1", "m0")
    errors = [rating.estimate.standard_error for rating in found.ratings]
    assert difference.value == pytest.approx(found.values[1] - found.values[0])
    # two models: the ratings are ± half of the difference, and the difference's error is the binomial's
    assert difference.standard_error == pytest.approx(sum(errors))
    share = 1 / (1 + np.exp(-difference.value))
    assert difference.standard_error == pytest.approx(1 / np.sqrt(1000 * share * (1 - share)), rel=1e-6)

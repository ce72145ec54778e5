"""Capital and interval against hand-worked bets, against their definition, and by simulation."""

import numpy as np
import pytest

from webapp.insights.gate.betting import BETS, interval_at_all_times, log_capital


def test_it_works():
    wins = np.exp(log_capital(np.ones(3), 0.5, above=True))  # each bet c multiplies by 1 + c
    assert wins == pytest.approx([np.mean((1 + BETS) ** n) for n in (1, 2, 3)])
    losses = np.exp(log_capital(np.zeros(2), 0.5, above=True))
    assert losses == pytest.approx([np.mean((1 - BETS) ** n) for n in (1, 2)])


def test_a_bet_is_what_the_paper_says():
    scores, mean = np.array([0.2, 1.0, 0.5, 0.75]), 0.52
    by_hand = [np.prod(1 + share / mean * (scores - mean)) for share in BETS]
    assert np.exp(log_capital(scores, mean, above=True)[-1]) == pytest.approx(np.mean(by_hand))
    by_hand = [np.prod(1 - share / (1 - mean) * (scores - mean)) for share in BETS]
    assert np.exp(log_capital(scores, mean, above=False)[-1]) == pytest.approx(np.mean(by_hand))


def test_a_fair_game_leaves_the_capital_where_it_was_on_average():
    both = np.array([[1.0], [0.0]])
    for above in (True, False):
        assert np.exp(log_capital(both, 0.5, above)).mean() == pytest.approx(1)


def test_many_runs_at_once_are_what_each_is_alone():
    scores = np.random.default_rng(0).random((4, 30))
    together = log_capital(scores, 0.4, above=True)
    assert together == pytest.approx(np.array([log_capital(each, 0.4, above=True) for each in scores]))


def test_a_long_run_of_wins_is_more_than_a_float_holds_and_still_a_number():
    assert np.isfinite(log_capital(np.ones(5000), 0.5, above=True)).all()


@pytest.mark.parametrize("mean", [0, 1, -1, float("nan")])
def test_a_mean_at_the_edge_cannot_be_bet_against(mean):
    with pytest.raises(ValueError, match="between 0 and 1"):
        log_capital(np.ones(2), mean, above=True)


def test_the_ends_are_where_one_of_the_betters_has_won():
    scores = np.random.default_rng(5).choice([0, 0.25, 0.5, 1], 120)
    times, low, high = interval_at_all_times(scores, alpha=0.05)
    assert times.tolist() == list(range(1, 121))
    for mean in np.linspace(0.01, 0.99, 99):
        won = np.maximum(*(log_capital(scores, mean, above) for above in (True, False))) >= np.log(2 / 0.05)
        outside = (mean < low) | (mean > high)
        near = (np.abs(mean - low) < 1e-6) | (np.abs(mean - high) < 1e-6)
        assert (near | (outside == np.maximum.accumulate(won))).all()


def test_the_interval_narrows_around_the_truth():
    scores = (np.random.default_rng(6).random(2000) < 0.6).astype(float)
    times, low, high = interval_at_all_times(scores, alpha=0.05)
    assert len(times) == 200 and times[-1] == 2000
    assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()
    assert 0.55 < low[-1] < 0.6 < high[-1] < 0.65


def test_without_observations_there_is_no_interval():
    assert [each.tolist() for each in interval_at_all_times(np.array([]), 0.05)] == [[], [], []]

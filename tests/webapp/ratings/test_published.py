"""Ratings against published tables, and against evalica as installed."""

import evalica
import numpy as np
import pytest

from tests.webapp.ratings.simulated import battles, simulate
from webapp.insights.ratings.fit import fit

# Wikipedia's worked example of Bradley-Terry, which arena-rank publishes its result for: winner, loser, wins.
WORKED = [("A", "B", 2), ("B", "A", 3), ("A", "D", 1), ("D", "A", 4), ("B", "C", 5), ("C", "B", 3)]
WORKED += [("C", "D", 1), ("D", "C", 3)]

# evalica's golden tables
FOOD = """Pizza,Sushi,left;Burger,Pasta,right;Tacos,Pizza,left;Sushi,Tacos,right;Burger,Pizza,left;Pasta,Sushi,right;
Tacos,Burger,left;Pizza,Pasta,tie;Sushi,Burger,right;Pasta,Tacos,left;Burger,Sushi,right;Tacos,Pizza,left;
Sushi,Pasta,tie;Burger,Tacos,left;Pizza,Burger,right;Pasta,Tacos,right;Burger,Sushi,right;Tacos,Pasta,left;
Pizza,Tacos,right;Sushi,Burger,left;Pasta,Pizza,right;Burger,Sushi,right;Tacos,Pasta,left;Pizza,Sushi,left;
Sushi,Burger,right;Pasta,Tacos,right;Tacos,Pizza,left;Burger,Pasta,right;Sushi,Tacos,left;Pizza,Burger,right"""
FOOD_BRADLEY_TERRY = {
    "Tacos": 0.43428982771223773,
    "Sushi": 0.19060028489839073,
    "Burger": 0.14797665121689418,
    "Pasta": 0.1281534106031957,
    "Pizza": 0.09897982556928168,
}
FOOD_NEWMAN = {
    "Tacos": 2.6652107229187254,
    "Sushi": 1.0906271591531849,
    "Burger": 0.8296600883232509,
    "Pasta": 0.7101537820870093,
    "Pizza": 0.536812511441843,
}
SIMPLE = """0,1,tie;0,2,right;0,2,tie;0,4,tie;1,0,left;1,2,tie;1,2,tie;1,3,tie;2,4,tie;3,0,left;3,1,left;3,2,left;
3,4,tie;3,4,tie;4,0,left;4,3,left"""
SIMPLE_BRADLEY_TERRY = {
    "4": 0.34947527489923,
    "3": 0.33688868041573855,
    "2": 0.13168568070110523,
    "1": 0.1311506914535368,
    "0": 0.050799672530389396,
}
SIMPLE_NEWMAN = {
    "4": 13.03674474236858,
    "3": 12.805770244756038,
    "2": 0.4814190342801864,
    "1": 0.4802400245305803,
    "0": 0.017973592758248474,
}


def _table(text):
    return battles([tuple(row.strip().split(",")) for row in text.split(";")])


def _centred(strengths, models):
    logs = np.log([strengths[name] for name in models])
    return logs - logs.mean()


def test_the_worked_example_that_arena_rank_publishes():
    votes = battles([(*row[:2], "left") for row in WORKED], count=np.array([row[2] for row in WORKED]))
    found = fit(votes)
    assert np.exp(found.values) == pytest.approx([0.640, 1.043, 0.660, 2.270], rel=1e-3)
    assert found.votes == 22


@pytest.mark.parametrize(
    ("table", "model", "golden"),
    [
        (FOOD, "bradley_terry", FOOD_BRADLEY_TERRY),
        (SIMPLE, "bradley_terry", SIMPLE_BRADLEY_TERRY),
        (FOOD, "davidson", FOOD_NEWMAN),  # Newman's ties model has Davidson's likelihood
        (SIMPLE, "davidson", SIMPLE_NEWMAN),
    ],
)
def test_evalicas_golden_tables(table, model, golden):
    votes = _table(table)
    assert fit(votes, model).values == pytest.approx(_centred(golden, votes.models), abs=1e-9)


@pytest.mark.parametrize("model", ["bradley_terry", "davidson"])
@pytest.mark.parametrize("seed", range(3))
def test_evalica_finds_the_same_on_random_votes(model, seed):
    rng = np.random.default_rng(seed)
    votes = simulate(rng, rng.normal(0, 1, 12), 3000, "davidson", tie=0.8)
    peer = evalica.bradley_terry if model == "bradley_terry" else evalica.newman
    said = [evalica.Winner.X, evalica.Winner.Draw, evalica.Winner.Y]
    names = [[votes.models[position] for position in side] for side in (votes.left, votes.right)]
    scores = peer(*names, [said[outcome] for outcome in votes.outcome], tolerance=1e-10, limit=100_000).scores
    found = fit(votes, model)
    assert found.values == pytest.approx(_centred(scores, votes.models), abs=1e-6)
    assert found.votes == 3000

"""Battles with known truth.

In: ratings, a model of votes, how alike a person's votes are. Out: `Battles`.
"""

import numpy as np
from scipy.special import ndtr

from webapp.insights.ratings.battles import Battles, Outcome

WINNERS = {"left": Outcome.LEFT, "tie": Outcome.TIE, "right": Outcome.RIGHT, "bothbad": Outcome.BOTH_BAD}


def battles(rows, **columns) -> Battles:
    """Battles from (left, right, winner) by name, models in the order of their names."""
    models = sorted({name for row in rows for name in row[:2]})
    return Battles(
        models=tuple(map(str, models)),
        left=np.array([models.index(row[0]) for row in rows]),
        right=np.array([models.index(row[1]) for row in rows]),
        outcome=np.array([WINNERS[row[2]] for row in rows]),
        **columns,
    )


def probabilities(predictor: np.ndarray, model: str, tie: float) -> np.ndarray:
    """(..., 3) probabilities of left, tie, right, straight from the papers; `tie` is θ or ν."""
    one, other = np.exp(predictor), np.ones_like(predictor)
    if model == "davidson":
        shares = [one, tie * np.sqrt(one * other), other]
        return np.stack(shares, axis=-1) / np.sum(shares, axis=0)[..., None]
    threshold = tie if model == "rao_kupper" else 1.0
    left, right = one / (one + threshold * other), other / (threshold * one + other)
    return np.stack([left, 1 - left - right, right], axis=-1)


def simulate(
    rng: np.random.Generator,
    truth: np.ndarray,
    votes: int,
    model: str,
    tie: float = 1.5,
    push: np.ndarray | float = 0.0,
    voter: np.ndarray | None = None,
    taste: float = 0.0,
    **columns,
) -> Battles:
    """`votes` votes between models with ratings `truth`, on random sides.

    With a `taste` between 0 and 1 the votes of one person are alike: some like the first models of the list better
    than others do, some the last. Each vote by itself still has exactly the model's probabilities.
    """
    left = rng.integers(0, len(truth), votes)
    right = (left + rng.integers(1, len(truth), votes)) % len(truth)
    draw = np.sqrt(1 - taste) * rng.normal(size=votes)
    if voter is not None:
        draw += np.sqrt(taste) * rng.normal(size=voter.max() + 1)[voter]
    share = ndtr(np.where(left < right, draw, -draw))
    ends = np.cumsum(probabilities(truth[left] - truth[right] + push, model, tie), axis=-1)
    outcome = np.minimum((share[:, None] > ends).sum(axis=1), 2)
    models = tuple(f"m{number}" for number in range(len(truth)))
    return Battles(models, left, right, outcome, voter=voter, **columns)

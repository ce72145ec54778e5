"""How far people agree on battles that several of them judged.

In: who chose what in which battle. Out: `Agreement`. Choices must mean the same to all voters of a battle: name the
model that was chosen, not the side, where sides were drawn anew.
"""

from dataclasses import dataclass

import krippendorff
import numpy as np


@dataclass(frozen=True)
class Share:
    """A number with its interval; None where the votes cannot tell it."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """Over the battles that at least two people judged."""

    battles: int
    votes: int
    alpha: Share
    """Krippendorff's α for nominal data: 1 is full agreement, 0 what chance would give, below 0 worse than that."""
    pairwise: Share
    """Of all pairs of people who judged the same battle, the share who chose alike."""


def agreement(
    battle: np.ndarray, choice: np.ndarray, replicates: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Agreement:
    """Krippendorff's α (K. Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability") and pairwise agreement.

    Intervals are percentiles over `replicates` draws of the shared battles with replacement. α is None where all
    chose the same throughout, for then nothing shows that the choices tell anything apart; draws like that are left
    out of its interval.

    Args:
        battle: (n,) which battle each vote is of: numbers or names.
        choice: (n,) what was chosen: numbers or names. One vote per person and battle.
    """
    if len(battle) != len(choice):
        raise ValueError(f"battle has {len(battle)} rows, choice has {len(choice)}")
    counts = _counts(np.asarray(battle), np.asarray(choice))
    votes = counts.sum(axis=1)
    alike, pairs = (counts * (counts - 1)).sum(axis=1), votes * (votes - 1)
    nothing = Share(None, None, None)
    if not len(counts):
        return Agreement(0, 0, nothing, nothing)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (replicates, len(counts)))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(alike[drawn].sum(axis=1) / pairs[drawn].sum(axis=1), tails)
    pairwise = Share(float(alike.sum() / pairs.sum()), float(low), float(high))
    alpha = _alpha(counts)
    if alpha is None:
        return Agreement(len(counts), int(votes.sum()), nothing, pairwise)
    redrawn = [found for rows in drawn if (found := _alpha(counts[rows])) is not None]
    low, high = np.quantile(redrawn, tails)
    return Agreement(len(counts), int(votes.sum()), Share(alpha, float(low), float(high)), pairwise)


def _counts(battle: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """(shared battles, choices) votes."""
    battles, row = np.unique(battle, return_inverse=True)
    choices, column = np.unique(choice, return_inverse=True)
    counts = np.bincount(row * len(choices) + column, minlength=len(battles) * len(choices))
    counts = counts.reshape(len(battles), len(choices))
    return counts[counts.sum(axis=1) > 1]


def _alpha(counts: np.ndarray) -> float | None:
    if np.count_nonzero(counts.any(axis=0)) < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))

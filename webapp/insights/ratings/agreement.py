"""How far people agree on battles that several of them judged.

In: who chose what in which battle. Out: `Agreement`. Choices must mean the same to all voters of a battle: name the
model that was chosen, not the side, where sides were drawn anew.
"""

from dataclasses import dataclass

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
    nothing = Share(None, None, None)
    if not len(counts):
        return Agreement(0, 0, nothing, nothing)
    # Battles with the same votes are one kind, and there are few kinds: drawing their numbers is drawing battles.
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(counts), times / len(counts), replicates)
    alpha, pairwise = _alphas(kinds, times[None])[0], _pairwise(kinds, times[None])[0]
    return Agreement(
        len(counts),
        int(counts.sum()),
        nothing if np.isnan(alpha) else _share(alpha, _alphas(kinds, drawn), confidence),
        _share(pairwise, _pairwise(kinds, drawn), confidence),
    )


def _share(value: float, redrawn: np.ndarray, confidence: float) -> Share:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.nanquantile(redrawn, tails)
    return Share(float(value), float(low), float(high))


def _counts(battle: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """(shared battles, choices) votes."""
    battles, row = np.unique(battle, return_inverse=True)
    choices, column = np.unique(choice, return_inverse=True)
    counts = np.bincount(row * len(choices) + column, minlength=len(battles) * len(choices))
    counts = counts.reshape(len(battles), len(choices))
    return counts[counts.sum(axis=1) > 1]


def _pairwise(kinds: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(r,) for `times` (r, kinds): how often each kind of battle is there."""
    votes = kinds.sum(axis=1)
    return times @ (kinds * (kinds - 1)).sum(axis=1) / (times @ (votes * (votes - 1)))


def _alphas(kinds: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(r,) α from the coincidences of choices, Krippendorff's section C; NaN where all chose the same throughout."""
    votes = kinds.sum(axis=1)
    alike = times @ ((kinds * (kinds - 1)).sum(axis=1) / (votes - 1))
    chosen = times @ kinds
    pairable = chosen.sum(axis=1)
    by_chance = pairable**2 - (chosen**2).sum(axis=1)
    unlike = (pairable - 1) * (pairable - alike)
    return 1 - np.divide(unlike, by_chance, out=np.full(len(times), np.nan), where=by_chance > 0)

"""Equal votes counted together: a million votes over a hundred models are some ten thousand counts.

In: `Battles`. Out: `Grouped`, the table that likelihoods work on, and where each vote stands in it.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.ratings.battles import Battles, Outcome

DECIDED = [Outcome.LEFT, Outcome.TIE, Outcome.RIGHT]
_DENSE = 1_000_000
"""Ordered pairs of models up to which a table over all of them is cheap, whatever the number of votes."""


@dataclass(frozen=True, eq=False)
class Grouped:
    """Counts of outcomes in `rows` situations: an ordered pair of models, and with covariates a single vote."""

    models: int
    left: np.ndarray
    """(rows,) the model on the left."""
    right: np.ndarray
    extras: np.ndarray
    """(rows, k) what else may sway a vote: a column of ones for the side, then the covariates."""
    counts: np.ndarray
    """(rows, 3) votes for left, tie, right."""
    slot: np.ndarray
    """(rows,) the situation's number among all that `cell` counts."""
    slots: int
    cell: np.ndarray
    """(n,) for each row of the battles: 4 × situation + outcome."""

    def within(self, chosen: np.ndarray) -> "Grouped":
        """Only battles between the models at the positions `chosen`, which get the numbers 0, 1, 2 …"""
        if len(chosen) == self.models:
            return self
        number = np.full(self.models, -1)
        number[chosen] = np.arange(len(chosen))
        left, right = number[self.left], number[self.right]
        keep = (left >= 0) & (right >= 0)
        return Grouped(
            models=len(chosen),
            left=left[keep],
            right=right[keep],
            extras=self.extras[keep],
            counts=self.counts[keep],
            slot=self.slot[keep],
            slots=self.slots,
            cell=self.cell,
        )


def group(battles: Battles, side_bias: bool = False) -> Grouped:
    """Count equal votes together. Situations without a vote that decides are left out of the rows.

    Args:
        battles: the votes; their covariates, if any, become `extras`.
        side_bias: whether `extras` begin with a column of ones.
    """
    models = len(battles.models)
    pair = np.multiply(battles.left, models, dtype=np.intp)
    pair += battles.right
    if battles.covariates is not None:  # hardly two votes are alike
        situation, slots, of_slot = np.arange(len(pair)), len(pair), pair
    elif models * models <= max(_DENSE, len(pair)):
        situation, slots, of_slot = pair, models * models, None
    else:
        of_slot, situation = np.unique(pair, return_inverse=True)
        slots = len(of_slot)
    cell = situation * len(Outcome)
    cell += battles.outcome
    tally = np.bincount(cell, weights=battles.count, minlength=slots * len(Outcome)).reshape(slots, len(Outcome))
    slot = np.flatnonzero(tally[:, DECIDED].any(axis=1))
    left, right = np.divmod(slot if of_slot is None else of_slot[slot], models)
    columns = [np.ones((len(slot), 1))] if side_bias else []
    if battles.covariates is not None:
        columns.append(battles.covariates[slot])
    return Grouped(
        models=models,
        left=left,
        right=right,
        extras=np.hstack(columns) if columns else np.zeros((len(slot), 0)),
        counts=tally[slot][:, DECIDED].astype(float),
        slot=slot,
        slots=slots,
        cell=cell,
    )

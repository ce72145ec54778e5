"""Equal votes counted together: a million votes over a hundred models are some ten thousand counts.

In: `Battles`. Out: `Grouped`, the table that likelihoods work on, and where each vote stands in it.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.ratings.battles import Battles, Outcome

DECIDED = [Outcome.LEFT, Outcome.TIE, Outcome.RIGHT]
_DENSE = 1_000_000
"""Ordered pairs of models up to which a table over all of them is cheap, whatever the number of votes."""
_CHUNK = 1 << 17
"""Votes counted at a time: what is worked out on the way stays in the processor's cache."""


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
    situation: np.ndarray | None
    """(n,) the situation of each row of the battles; None where it is left × models + right."""

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
            situation=self.situation,
        )


def group(battles: Battles, side_bias: bool = False) -> Grouped:
    """Count equal votes together. Situations without a vote that decides are left out of the rows.

    Args:
        battles: the votes; their covariates, if any, become `extras`.
        side_bias: whether `extras` begin with a column of ones.
    """
    models = len(battles.models)
    situation, slots, of_slot = None, models * models, None
    if battles.covariates is not None:  # hardly two votes are alike
        slots = len(battles.left)
        situation, of_slot = np.arange(slots), _pair(battles, slice(None))
    elif slots > max(_DENSE, len(battles.left)):
        of_slot, situation = np.unique(_pair(battles, slice(None)), return_inverse=True)
        slots = len(of_slot)
    tally = _tally(battles, situation, slots)
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
        counts=tally[slot][:, DECIDED],
        slot=slot,
        slots=slots,
        situation=situation,
    )


def cells(battles: Battles, situation: np.ndarray | None, rows: slice = slice(None)) -> np.ndarray:
    """(n,) for each row of the battles 4 × situation + outcome."""
    cell = _pair(battles, rows) if situation is None else situation[rows].copy()
    cell *= len(Outcome)
    cell += battles.outcome[rows]
    return cell


def _pair(battles: Battles, rows: slice) -> np.ndarray:
    pair = np.multiply(battles.left[rows], len(battles.models), dtype=np.intp)
    pair += battles.right[rows]
    return pair


def _tally(battles: Battles, situation: np.ndarray | None, slots: int) -> np.ndarray:
    """(slots, 4) votes for each outcome."""
    size = slots * len(Outcome)
    # With as many cells as votes, the chunks' tables would cost more than they save.
    chunk = _CHUNK if size <= _CHUNK else max(1, len(battles.left))
    tally = np.zeros(size)
    for start in range(0, len(battles.left), chunk):
        rows = slice(start, start + chunk)
        count = None if battles.count is None else battles.count[rows]
        tally += np.bincount(cells(battles, situation, rows), count, size)
    return tally.reshape(slots, len(Outcome))

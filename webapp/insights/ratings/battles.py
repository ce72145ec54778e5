"""Battles as arrays: what every rating takes.

In: one row a vote, or a row for several equal votes with their number. Out: `Battles`, checked.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Outcome(IntEnum):
    """What a voter said. The numbers are the columns of every table of counts."""

    LEFT = 0
    TIE = 1
    RIGHT = 2
    BOTH_BAD = 3
    """Neither was good: kept apart, in no rating."""


@dataclass(frozen=True, eq=False)
class Battles:
    """`n` rows of votes between `m` models.

    Raises:
        ValueError: shapes differ, a number is out of its range, or a model stands against itself; with the row.
    """

    models: tuple[str, ...]
    """The m names; left and right are positions in it."""
    left: np.ndarray
    """(n,) integers, 0 to m - 1."""
    right: np.ndarray
    outcome: np.ndarray
    """(n,) numbers of `Outcome`."""
    count: np.ndarray | None = None
    """(n,) whole numbers: so many equal votes; None is one each."""
    voter: np.ndarray | None = None
    """(n,) integers from 0: who voted; None where nobody knows."""
    battle: np.ndarray | None = None
    """(n,) integers from 0: which replies were voted on; None where nobody knows. Several people may judge the same."""
    covariates: np.ndarray | None = None
    """(n, k) floats of the order of 1 that push towards the left model where positive: `style.difference`."""
    covariate_names: tuple[str, ...] = ()

    def __post_init__(self):
        rows = len(self.left)
        for name in ("right", "outcome", "count", "voter", "battle", "covariates"):
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise ValueError(f"{name} has {len(column)} rows, left has {rows}")
        self._within("left", len(self.models))
        self._within("right", len(self.models))
        self._within("outcome", len(Outcome))
        for name in ("count", "voter", "battle"):
            if getattr(self, name) is not None:
                self._within(name, np.inf)
        _refuse("left and right are one model", np.equal(self.left, self.right))
        if self.covariates is not None:
            if self.covariates.ndim != 2 or self.covariates.shape[1] != len(self.covariate_names):
                shape = self.covariates.shape
                raise ValueError(f"covariates: shape {shape} does not fit {len(self.covariate_names)} names")
            _refuse("covariates: not a finite number", ~np.isfinite(self.covariates).all(axis=1))

    def _within(self, name: str, end: float) -> None:
        column = getattr(self, name)
        if not np.issubdtype(column.dtype, np.integer):
            raise ValueError(f"{name}: expected whole numbers, got {column.dtype}")
        if len(column) and (column.min() < 0 or column.max() >= end):
            _refuse(f"{name}: expected 0 ≤ {name} < {end}", (column < 0) | (column >= end))

    @property
    def votes(self) -> int:
        """All votes, both-bad ones too."""
        return len(self.left) if self.count is None else int(self.count.sum())

    @property
    def both_bad(self) -> int:
        """Votes that say that neither was good."""
        bad = self.outcome == Outcome.BOTH_BAD
        return int(bad.sum() if self.count is None else self.count[bad].sum())

    @property
    def voters(self) -> int | None:
        """How many people voted; None where nobody knows."""
        return None if self.voter is None else int(np.count_nonzero(np.bincount(self.voter)))


def _refuse(what: str, wrong: np.ndarray) -> None:
    if wrong.any():
        raise ValueError(f"row {int(wrong.argmax())} (from 0): {what}")

"""Votes day by day.

In: a selection. Out: for each day or week what was chosen. Days are UTC's, as the site's are.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import DAY_S, Selection

MOST_DAYS = 120
"""More are shown as weeks."""


@dataclass(frozen=True)
class Days:
    """(periods,) each. `first`: days since 1970 on which a period begins; `length` of a period in days."""

    first: np.ndarray
    length: int
    by_choice: np.ndarray
    """(periods, 4) in the order of Outcome."""

    @property
    def votes(self) -> np.ndarray:
        """(periods,) all of them."""
        return self.by_choice.sum(axis=1)


def days(votes: Selection, first: int, last: int) -> Days:
    """Every day from `first` to `last` (days since 1970), those without votes too; weeks from `first` on if many."""
    if last < first:
        raise ValueError(f"the last day, {last}, is before the first, {first}")
    length = 1 if last - first < MOST_DAYS else 7
    periods = (last - first) // length + 1
    period = (np.floor(votes["at"] / DAY_S).astype(np.intp) - first) // length
    inside = (period >= 0) & (period < periods)
    cell = period[inside] * len(Outcome) + votes["choice"][inside]
    tally = np.bincount(cell, minlength=periods * len(Outcome)).reshape(periods, len(Outcome))
    return Days(first + length * np.arange(periods), length, tally)

"""The votes that a reader of the statistics wants to see.

In: a `VoteTable` and what to look for. Out: a `Selection`, whose columns are cut out when asked for. No Django.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.ratings.battles import Battles
from webapp.insights.votes.table import Standing, VoteTable
from webapp.insights.votes.tags import tags_of

DAY_S = 86_400


@dataclass(frozen=True)
class Wanted:
    """What to look for; None and "": everything. It tells selections apart, so it can be a key."""

    first_day: int | None = None
    """Days since 1970, UTC, both ends included."""
    last_day: int | None = None
    version: str = ""
    """A model, adapter version or base, that took part."""
    tag: str = ""
    """Upper and lower case are one."""
    without_flagged: bool = False
    """Leave out the voters that a rule points at."""
    told_or_before: float | None = None
    """Unix time: leave out later votes whose voters have not been told yet who was who."""


class Selection:
    """Votes that count and are wanted. `selection["left"]` is a column."""

    def __init__(self, table: VoteTable, rows: np.ndarray | None):
        self.table = table
        self._rows = rows
        self._cut: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.table) if self._rows is None else len(self._rows)

    def __getitem__(self, column: str) -> np.ndarray:
        if self._rows is None:
            return self.table.columns[column]
        if column not in self._cut:
            self._cut[column] = self.table.columns[column][self._rows]
        return self._cut[column]

    @property
    def models(self) -> tuple[str, ...]:
        """Names for the numbers in `left` and `right`, also such as took no part in these votes."""
        return self.table.models

    def battles(self) -> Battles:
        """For the ratings: only the models that took part."""
        present = np.flatnonzero(self._models_present())
        number = np.zeros(len(self.models), np.intp)
        number[present] = np.arange(len(present))
        return Battles(
            models=tuple(self.models[place] for place in present),
            left=number[self["left"]],
            right=number[self["right"]],
            outcome=self["choice"].astype(np.intp),
            voter=self["voter"].astype(np.intp),
        )

    def _models_present(self) -> np.ndarray:
        size = len(self.models)
        return np.bincount(self["left"], minlength=size) + np.bincount(self["right"], minlength=size) > 0


def select(table: VoteTable, wanted: Wanted, flagged: np.ndarray | None = None) -> Selection:
    """The votes that count and are wanted.

    Args:
        flagged: numbers of the voters that a rule points at; needed where they are to be left out.

    Raises:
        ValueError: flagged voters are to be left out, but nobody said who they are.
    """
    keep = table.columns["standing"] == Standing.COUNTS
    if wanted.first_day is not None:
        keep &= table.columns["at"] >= wanted.first_day * DAY_S
    if wanted.last_day is not None:
        keep &= table.columns["at"] < (wanted.last_day + 1) * DAY_S
    if wanted.version:
        model = table.models.index(wanted.version) if wanted.version in table.models else -1
        keep &= (table.columns["left"] == model) | (table.columns["right"] == model)
    if wanted.told_or_before is not None:
        keep &= (table.columns["told"] == 1) | (table.columns["at"] < wanted.told_or_before)
    if wanted.tag:
        keep &= _has_tag(table, wanted.tag)[table.columns["tags"]]
    if wanted.without_flagged:
        if flagged is None:
            raise ValueError("flagged voters cannot be left out when nobody says who they are")
        honest = np.ones(len(table.voters), bool)
        honest[flagged] = False
        keep &= honest[table.columns["voter"]]
    return Selection(table, None if keep.all() else np.flatnonzero(keep))


def _has_tag(table: VoteTable, tag: str) -> np.ndarray:
    """(tag sets,) whether the tag is in each."""
    tags, found = tags_of(table), np.zeros(len(table.tag_sets), bool)
    number = tags.number.get(tag.casefold())
    if number is not None:
        found[tags.sets_with(number)] = True
    return found

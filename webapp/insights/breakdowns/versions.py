"""Adapter versions against base models, and everybody against everybody.

In: a selection. Out: counts and win rates. A tie is half a win for each; both bad is kept apart.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.breakdowns.share import Share, shares
from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import Selection
from webapp.insights.win_rate import Count


@dataclass(frozen=True)
class Against:
    """A version against a model that it met."""

    version: str
    other: str
    wins: int
    losses: int
    ties: int
    bothbad: int
    rate: Share
    first_at: float
    """Unix time of the first vote."""


@dataclass(frozen=True)
class Seen:
    """Votes of an adapter version against a base, from the adapter's side; rows of the selection."""

    rows: np.ndarray
    adapter: np.ndarray
    """(n,) numbers of the models."""
    base: np.ndarray
    adapter_left: np.ndarray
    points: np.ndarray
    """(n,) 1 the adapter was preferred, ½ a tie, 0 the base; NaN both bad."""


def counts(votes: Selection) -> list[Count]:
    """How often which choice fell for which models on which sides."""
    names, size = votes.models, len(votes.models)
    cell = (votes["left"].astype(np.intp) * size + votes["right"]) * len(Outcome) + votes["choice"]
    tally = np.bincount(cell, minlength=size * size * len(Outcome)).reshape(size, size, len(Outcome))
    choices = {Outcome.LEFT: "left", Outcome.RIGHT: "right", Outcome.TIE: "tie", Outcome.BOTH_BAD: "bothbad"}
    return [
        Count(names[left], names[right], choices[Outcome(outcome)], int(tally[left, right, outcome]))
        for left, right, outcome in np.argwhere(tally)
    ]


def adapter_against_base(votes: Selection) -> Seen:
    """The votes where an adapter version (known by its @) met a base."""
    adapter = np.array(["@" in name for name in votes.models], bool)
    rows = np.flatnonzero(adapter[votes["left"]] != adapter[votes["right"]]) if len(votes) else np.empty(0, np.intp)
    left, right = votes["left"][rows], votes["right"][rows]
    on_left = adapter[left] if len(rows) else np.empty(0, bool)
    return Seen(
        rows=rows,
        adapter=np.where(on_left, left, right),
        base=np.where(on_left, right, left),
        adapter_left=on_left,
        points=points_of(votes["choice"][rows], on_left),
    )


def points_of(choice: np.ndarray, on_left: np.ndarray) -> np.ndarray:
    """What whoever stands left where `on_left`, else right, gets: 1, ½, 0; NaN for both bad."""
    left = np.array([1.0, 0.5, 0.0, np.nan])[choice]  # in the order of Outcome
    return np.where(on_left, left, 1 - left)


def against_base(votes: Selection) -> list[Against]:
    """One for each version and base that met, the version that came last first."""
    seen = adapter_against_base(votes)
    size = len(votes.models)
    code = seen.adapter.astype(np.intp) * size + seen.base
    pairs = np.flatnonzero(np.bincount(code, minlength=size * size))
    number = np.zeros(size * size, np.int16)  # narrow, so that sorting by it takes a few milliseconds for a million
    number[pairs] = np.arange(len(pairs))
    which = number[code]
    decided = ~np.isnan(seen.points)
    voter = votes["voter"][seen.rows]
    rates = shares(which[decided], seen.points[decided], voter[decided], len(pairs))
    outcome = np.where(decided, np.nan_to_num(seen.points) * 2, 3).astype(np.intp)
    tally = np.bincount(which * np.intp(4) + outcome, minlength=4 * len(pairs)).reshape(-1, 4)
    first = _earliest(which, votes["at"][seen.rows], len(pairs))
    found = [
        Against(
            version=votes.models[pair // size],
            other=votes.models[pair % size],
            wins=int(tally[number, 2]),
            losses=int(tally[number, 0]),
            ties=int(tally[number, 1]),
            bothbad=int(tally[number, 3]),
            rate=rates[number],
            first_at=float(first[number]),
        )
        for number, pair in enumerate(pairs)
    ]
    return sorted(found, key=lambda each: (-each.first_at, each.version, each.other))


def _earliest(group: np.ndarray, at: np.ndarray, groups: int) -> np.ndarray:
    """(groups,) the least `at` of each, each of which has one."""
    begins = np.cumsum(np.bincount(group, minlength=groups))[:-1]
    parts = np.split(at[np.argsort(group, kind="stable")], begins)
    return np.array([part.min() for part in parts if len(part)])


@dataclass(frozen=True)
class Matrix:
    """Who wins how often against whom."""

    models: tuple[str, ...]
    """Most votes first."""
    wins: np.ndarray
    """(m, m) points of the row's model against the column's."""
    decided: np.ndarray
    """(m, m) votes with a winner or a tie."""


def matrix(votes: Selection) -> Matrix:
    """Over all models in the selection."""
    size = len(votes.models)
    wins, decided = np.zeros((size, size)), np.zeros((size, size), int)
    place = {name: number for number, name in enumerate(votes.models)}
    for count in counts(votes):
        if count.choice == "bothbad":
            continue
        left, right = place[count.left], place[count.right]
        for_left = {"left": 1.0, "right": 0.0, "tie": 0.5}[count.choice] * count.votes
        wins[left, right] += for_left
        wins[right, left] += count.votes - for_left
        decided[left, right] += count.votes
        decided[right, left] += count.votes
    met = np.flatnonzero(decided.sum(axis=1))
    order = met[np.argsort(-decided[met].sum(axis=1), kind="stable")]
    return Matrix(
        tuple(votes.models[place] for place in order), wins[np.ix_(order, order)], decided[np.ix_(order, order)]
    )

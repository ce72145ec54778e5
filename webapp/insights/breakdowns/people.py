"""Who votes: how many people, how often, and how far they agree on the same replies.

In: a selection. Out: counts of voters, and `Agreement`.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.breakdowns.share import Share, share
from webapp.insights.ratings.agreement import Agreement, agreement
from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import Selection

STEPS = (1, 2, 5, 10, 20, 50, 100)
"""Groups of voters begin at so many votes, each ends before the next."""
MOST_ACTIVE = 10
SHARED_LOOKED_AT, REPLICATES = 2000, 200
"""Newest battles that several people judged; draws for the interval of agreement."""


@dataclass(frozen=True)
class Voters:
    """People with from `least` to `most` votes each (None: no end), and their votes."""

    least: int
    most: int | None
    voters: int
    votes: int


@dataclass(frozen=True)
class Active:
    """Somebody who votes much. `voter` as the database has them; "": programs without a name."""

    number: int
    voter: str
    votes: int
    left: Share
    """Of their votes for a side, those for the left."""
    dwell_s: float
    """Median seconds from the end of the replies to the vote."""


def by_votes(votes: Selection) -> list[Voters]:
    """Groups of voters, those who vote least first."""
    cast = np.bincount(votes["voter"])
    cast = cast[cast > 0]
    group = np.searchsorted(STEPS, cast, side="right") - 1
    people = np.bincount(group, minlength=len(STEPS))
    theirs = np.bincount(group, cast, minlength=len(STEPS)).astype(int)
    ends = [*(step - 1 for step in STEPS[1:]), None]
    return [Voters(*row) for row in zip(STEPS, ends, people.tolist(), theirs.tolist(), strict=True)]


def most_active(votes: Selection) -> list[Active]:
    """Who cast most, the first of them first."""
    cast = np.bincount(votes["voter"])
    found = []
    for number in np.argsort(-cast, kind="stable")[:MOST_ACTIVE]:
        if not cast[number]:
            break
        rows = np.flatnonzero(votes["voter"] == number)
        choice = votes["choice"][rows]
        sided = rows[(choice == Outcome.LEFT) | (choice == Outcome.RIGHT)]
        left = share((votes["choice"][sided] == Outcome.LEFT).astype(float), np.arange(len(sided)))
        dwell = float(np.median(votes["dwell_s"][rows]))
        found.append(Active(int(number), votes.table.voters[number], int(cast[number]), left, dwell))
    return found


def shared(votes: Selection) -> tuple[Agreement, int]:
    """How far people agree on the same two replies, and how many such battles there are.

    Over the newest SHARED_LOOKED_AT of them. Votes of programs without a name are one voter's.
    """
    battle = votes["battle"]
    battles, first, times = np.unique(battle, return_index=True, return_counts=True)
    several = np.flatnonzero(times > 1)
    newest = battles[several[np.argsort(first[several])[-SHARED_LOOKED_AT:]]]
    rows = np.flatnonzero(np.isin(battle, newest))
    found = agreement(battle[rows], votes["choice"][rows], replicates=REPLICATES)
    return found, len(several)

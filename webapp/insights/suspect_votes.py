"""The flags of suspicion.py with the votes' ids, for the admin's page that leaves votes out.

In: the votes in memory. Out: flags, those with most votes that count first.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.breakdowns.flagged import flagged
from webapp.insights.votes.memory import votes_now
from webapp.insights.votes.table import Standing

AT_ONCE = 20_000
"""Votes that one click leaves out: as many as a form of the site may name."""


@dataclass(frozen=True)
class Suspects:
    """One flag. `votes`: ids, those that count first. `counting`: how many of them do."""

    rule: str
    says: str
    voters: int
    votes: list[int]
    counting: int

    @property
    def at_once(self) -> list[int]:
        """Those that one click changes."""
        return self.votes[:AT_ONCE]


def suspects() -> list[Suspects]:
    """All flags."""
    table = votes_now()
    looked_at = flagged(table)
    ids, voter, standing = (table.columns[name][looked_at.rows] for name in ("id", "voter", "standing"))
    counts = standing == Standing.COUNTS
    found = [
        Suspects(
            rule=flag.rule,
            says=flag.says,
            voters=len(np.unique(voter[flag.votes])),
            votes=ids[flag.votes[np.argsort(~counts[flag.votes], kind="stable")]].tolist(),
            counting=int(counts[flag.votes].sum()),
        )
        for flag in looked_at.flags
    ]
    return sorted(found, key=lambda suspects: -suspects.counting)

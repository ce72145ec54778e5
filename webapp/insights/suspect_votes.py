"""The votes in the database as suspicion.py looks at them, and its flags with the votes' ids.

In: the newest votes of people and of programs with keys, those left out too (else a flag would vanish with its votes).
Out: flags, for the admin's page.
"""

from dataclasses import dataclass

import numpy as np
from django.db.models import F
from django.db.models.functions import Length

from webapp.arena.models import Choice, Vote
from webapp.insights.suspicion import CastVotes, flags

LOOKS_AT = 100_000
"""Newest votes. More would take longer than anybody waits for a page; what is older was looked at when it was new."""
LETTERS_A_WORD = 6.0
"""English prose with its spaces."""
AT_ONCE = 20_000
"""Votes that one click leaves out: as many as a form of the site may name."""
SIDE = {Choice.LEFT: -1, Choice.RIGHT: 1}


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


def suspects(newest: int = LOOKS_AT) -> list[Suspects]:
    """All flags, those with most counting votes first."""
    rows = list(
        Vote.objects.filter(withdrawn_at=None, voter__isnull=False)
        .order_by("-number")
        .values_list(
            "pk",
            "voter",
            "choice",
            "comparison__model_left",
            "comparison__model_right",
            "created_at",
            "dwell_ms",
            "comparison__voter",
            "turn__claimed_at",
            Length("turn__reply_left") + Length("turn__reply_right"),
            F("left_out"),
        )[:newest]
    )
    if not rows:
        return []
    votes = _cast(rows)
    ids, counts = np.array([row[0] for row in rows]), np.array([not row[10] for row in rows])
    found = [
        Suspects(
            rule=flag.rule,
            says=flag.says,
            voters=len(np.unique(votes.voter[flag.votes])),
            votes=ids[flag.votes[np.argsort(~counts[flag.votes], kind="stable")]].tolist(),
            counting=int(counts[flag.votes].sum()),
        )
        for flag in flags(votes)
    ]
    return sorted(found, key=lambda suspects: -suspects.counting)


def _cast(rows: list[tuple]) -> CastVotes:
    voter = np.unique([str(row[1]) for row in rows], return_inverse=True)[1]
    model = np.unique([[row[3], row[4]] for row in rows], return_inverse=True)[1]
    left, right = model.reshape(-1, 2).T
    side = np.array([SIDE.get(row[2], 0) for row in rows])
    hesitated = np.array([row[6] / 1000 for row in rows])
    # Whoever was shown another person's scene got it whole: they read it in the time that is counted as hesitation.
    own = np.array([row[7] == row[1] and row[8] is not None for row in rows])
    since = np.array([(row[5] - row[8]).total_seconds() if row[8] else 0.0 for row in rows])
    return CastVotes(
        voter=voter,
        side=side,
        preferred=np.select([side < 0, side > 0], [left, right], -1),
        against=np.select([side < 0, side > 0], [right, left], -1),
        at=np.array([row[5].timestamp() for row in rows]),
        read_s=np.where(own, since, hesitated),
        hesitated_s=hesitated,
        words=np.array([row[9] for row in rows]) / LETTERS_A_WORD,
    )

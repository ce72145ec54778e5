"""The votes that the rules of suspicion.py point at, found in the arrays.

In: the table of votes. Out: flags. Looked at are the newest votes of people, and of programs with a key: those too
that were left out (else a flag would vanish with its votes), not those that were withdrawn.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.ratings.battles import Outcome
from webapp.insights.suspicion import CastVotes, Flag, flags
from webapp.insights.votes.table import Standing, VoteTable

LOOKS_AT = 100_000
"""Newest votes. More would take longer than anybody waits for a page; what is older was looked at when it was new."""
LETTERS_A_WORD = 6.0
"""English prose with its spaces."""


@dataclass(frozen=True)
class Flags:
    """`flags` point at positions in `rows`, and `rows` are positions in the table, the newest first."""

    rows: np.ndarray
    flags: tuple[Flag, ...]
    older: int = 0
    """Votes that nobody looked at since there are so many newer ones."""


def flagged(table: VoteTable, newest: int = LOOKS_AT) -> Flags:
    """All flags."""
    nobody = table.voters.index("") if "" in table.voters else -1
    seen = (table.columns["standing"] != Standing.WITHDRAWN) & (table.columns["voter"] != nobody)
    everything = np.flatnonzero(seen)[::-1]
    rows = everything[:newest]
    return Flags(rows, tuple(flags(_cast(table, rows))) if len(rows) else (), len(everything) - len(rows))


def flagged_voters(table: VoteTable, found: Flags) -> np.ndarray:
    """Numbers of the voters that a flag points at, ascending."""
    rows = [found.rows[flag.votes] for flag in found.flags]
    return np.unique(table.columns["voter"][np.concatenate(rows)]) if rows else np.empty(0, np.int32)


def _cast(table: VoteTable, rows: np.ndarray) -> CastVotes:
    column = {name: values[rows] for name, values in table.columns.items()}
    side = np.select([column["choice"] == Outcome.LEFT, column["choice"] == Outcome.RIGHT], [-1, 1], 0)
    left, right = column["left"].astype(int), column["right"].astype(int)
    letters = column["characters_left"] + column["characters_right"]
    return CastVotes(
        voter=column["voter"],
        side=side,
        preferred=np.select([side < 0, side > 0], [left, right], -1),
        against=np.select([side < 0, side > 0], [right, left], -1),
        at=column["at"],
        read_s=column["read_s"],
        hesitated_s=column["dwell_s"],
        words=letters / LETTERS_A_WORD,
    )

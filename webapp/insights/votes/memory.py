"""The process's copy of all votes: every look brings it up to date by reading only what has changed.

In: PostgreSQL. Out: the `VoteTable` as it is now. The first look after a process starts reads everything; so does one
after votes were deleted, or after the database was put back to what it had been.
"""

import threading
from dataclasses import dataclass

from django.db import connection

from webapp.insights.votes.reading import NOT_GIVEN_YET, with_all_votes, with_votes_changed_since
from webapp.insights.votes.table import VoteTable

POSITION = f"""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 'arena_vote'::regclass::oid::bigint,
        (SELECT max(changed_in) FROM arena_vote_deletion WHERE changed_in < {NOT_GIVEN_YET})
"""


@dataclass(frozen=True)
class Position:
    """How far was read: all transactions `before` it had ended. Of which table; and when votes were last deleted."""

    before: int
    table: int
    deleted: int | None


_lock = threading.Lock()
_votes, _position = VoteTable.empty(), None


def votes_now() -> VoteTable:
    """All votes, those too that do not count."""
    global _votes, _position
    with _lock:
        # Asked for before the rows: what is written in between is read twice, never missed.
        position = _look()
        if _position is None or _starts_anew(_position, position):
            _votes = with_all_votes(VoteTable.empty(_votes.state + 1))
        else:
            _votes = with_votes_changed_since(_votes, _position.before)
        _position = position
        return _votes


def _look() -> Position:
    with connection.cursor() as cursor:
        cursor.execute(POSITION)
        return Position(*cursor.fetchone())


def _starts_anew(then: Position, now: Position) -> bool:
    """Deletions by transactions that had not ended when we looked may have come to light only now."""
    deleted = now.deleted is not None and now.deleted >= then.before
    return deleted or now.before < then.before or now.table != then.table

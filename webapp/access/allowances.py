"""Taking from an allowance: a token bucket in one statement, right when many processes take at once.

A bucket is kept as the moment at which it will be full again; taking moves that moment on by one share of a minute.
This is the generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling), with PostgreSQL's clock.
"""

import math
import random

from django.db import connection

WINDOW_S = 60.0
SWEEP_EVERY = 500
"""So many takings on average between two removals of rows that say nothing any more."""

TAKE = """
    INSERT INTO access_allowance AS held (subject, full_at)
    VALUES (%(subject)s, now() + make_interval(secs => %(share)s))
    ON CONFLICT (subject) DO UPDATE
        SET full_at = greatest(held.full_at, now()) + make_interval(secs => %(share)s)
        WHERE held.full_at <= now() + make_interval(secs => %(room)s)
    RETURNING 1
"""
WAIT = "SELECT extract(epoch FROM full_at - now()) FROM access_allowance WHERE subject = %s"
SWEEP = """
    DELETE FROM access_allowance WHERE subject IN (
        SELECT subject FROM access_allowance WHERE full_at < now() LIMIT 10000 FOR UPDATE SKIP LOCKED
    )
"""


def take(subject: str, per_minute: int) -> int:
    """Take one from the bucket of `subject`; 0 when there was one, else the seconds until there will be."""
    share = WINDOW_S / per_minute
    room = WINDOW_S - share
    with connection.cursor() as cursor:
        if random.randrange(SWEEP_EVERY) == 0:
            cursor.execute(SWEEP)
        cursor.execute(TAKE, {"subject": subject, "share": share, "room": room})
        if cursor.fetchone():
            return 0
        cursor.execute(WAIT, [subject])
        found = cursor.fetchone()  # gone: somebody has just swept it, so it is full
    return max(1, math.ceil(float(found[0]) - room)) if found else 1

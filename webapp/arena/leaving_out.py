"""Votes that do not count: left out with a reason, taken in again, both written to the admin's log. Never deleted."""

from collections.abc import Collection

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from webapp.arena.models import Vote


def leave_out(votes: Collection[int], why: str, who: AbstractBaseUser) -> int:
    """These votes (ids) count nowhere from now on; how many did before.

    Raises:
        ValueError: no reason is given.
    """
    if not why.strip():
        raise ValueError("a vote is left out for a reason")
    return _change(votes, left_out="", to=why.strip(), who=who, says=f"Left out: {why.strip()}")


def count_again(votes: Collection[int], who: AbstractBaseUser) -> int:
    """These votes count again, unless their voter has withdrawn them; how many were left out before."""
    return _change(votes, left_out=None, to="", who=who, says="Counts again")


def _change(votes: Collection[int], left_out: str | None, to: str, who: AbstractBaseUser, says: str) -> int:
    """Those of `votes` whose reason is `left_out` (None: any) get the reason `to`."""
    with transaction.atomic():
        rows = Vote.objects.select_for_update(of=("self",)).filter(pk__in=list(votes)).select_related("comparison")
        found = list(rows.exclude(left_out="") if left_out is None else rows.filter(left_out=left_out))
        Vote.objects.filter(pk__in=[vote.pk for vote in found]).update(left_out=to)
        if found:
            LogEntry.objects.log_actions(who.pk, found, CHANGE, change_message=says)
    return len(found)

"""Casting a vote, once, and what is revealed after it."""

import uuid
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from webapp.arena.comparing import find
from webapp.arena.engine import is_adapter_version
from webapp.arena.models import Choice, Comparison, State, Vote
from webapp.arena.refusals import Refusal

ONE_AT_A_TIME = 7_201_985
"""Advisory lock of PostgreSQL under which votes are cast."""


@dataclass(frozen=True)
class Unveiled:
    """Who stood on one side. `role` is `adapter` or `base`; `name` as the engine resolved it."""

    name: str
    role: str


@dataclass(frozen=True)
class Reveal:
    """What a voter learns, and only after the vote."""

    choice: str
    left: Unveiled
    right: Unveiled
    preferred: str | None
    """Role of the chosen side, None for a tie or both bad."""


def cast(comparison_id: uuid.UUID, choice: str, voter: uuid.UUID | None) -> Comparison:
    """Store the vote and return the comparison with it. Safe when two come at once: one is kept.

    Raises:
        Refusal: 400 unknown choice; 404 unknown comparison; 409 not complete, failed, or voted on already.
    """
    if choice not in Choice.values:
        known = ", ".join(Choice.values)
        raise Refusal(400, "unknown_choice", f"“{choice}” is not a vote. The votes are: {known}.")
    comparison = find(comparison_id)
    if comparison.state == State.FAILED:
        message = "This comparison failed, so it cannot be voted on. Start the scene again."
        raise Refusal(409, "failed_comparison", message)
    if comparison.state != State.COMPLETE:
        message = "Both replies have to be complete before you can vote. Wait for the end of both."
        raise Refusal(409, "not_complete", message)
    dwell = timezone.now() - comparison.completed_at
    with transaction.atomic():
        # Numbers must become visible in their order: whoever has read up to one never misses a smaller one.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
        _, created = Vote.objects.get_or_create(
            comparison=comparison,
            defaults={"choice": choice, "voter": voter, "dwell_ms": max(0, round(dwell.total_seconds() * 1000))},
        )
    if not created:
        message = "This comparison has its vote already, and a vote cannot be changed."
        raise Refusal(409, "already_voted", message)
    return comparison


def reveal(comparison: Comparison) -> Reveal | None:
    """Who wrote what, or None while there is no vote."""
    if not hasattr(comparison, "vote"):
        return None
    left, right = (_unveil(name) for name in (comparison.model_left, comparison.model_right))
    choice = comparison.vote.choice
    preferred = {Choice.LEFT: left.role, Choice.RIGHT: right.role}.get(choice)
    return Reveal(choice=choice, left=left, right=right, preferred=preferred)


def _unveil(name: str) -> Unveiled:
    return Unveiled(name=name, role="adapter" if is_adapter_version(name) else "base")

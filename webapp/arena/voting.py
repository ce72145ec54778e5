"""Casting a vote, once, why it was so, and what is revealed after it."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from webapp.arena.comparing import unknown
from webapp.arena.engine import is_adapter_version
from webapp.arena.models import OPEN, Choice, Comparison, State, Turn, Vote
from webapp.arena.reasons import LONGEST_COMMENT, REASONS
from webapp.arena.refusals import Refusal
from webapp.arena.story import Story, story_of

LONGEST_DWELL_MS = 2**31 - 1
"""What the column holds: 24 days."""
ONE_AT_A_TIME = 7_201_985
"""Advisory lock of PostgreSQL under which votes are cast."""
# Each of the next two goes to PostgreSQL as one message: a vote costs four round trips, BEGIN and COMMIT included.
LOOK = """
    SELECT FROM arena_comparison WHERE id = %(comparison)s FOR NO KEY UPDATE;
    SELECT turn.id, turn.comparison_id, number, attempt, state, completed_at, invitation.created_at AS invited_at,
        EXISTS (
            SELECT FROM arena_vote vote WHERE vote.comparison_id = turn.comparison_id
                AND (invitation.id IS NULL OR vote.voter = invitation.voter)
        ) AS voted
    FROM arena_turn turn
    LEFT JOIN arena_invitation invitation
        ON invitation.comparison_id = turn.comparison_id AND invitation.voter = %(voter)s
    WHERE turn.comparison_id = %(comparison)s
"""
"""Holds the comparison, so that a vote and a further turn never happen at once, then reads its turns. The second
statement sees what the first one waited for. Only who was invited votes where there is a vote already, once."""
STORE = f"""
    SELECT pg_advisory_xact_lock({ONE_AT_A_TIME});
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at, revealed_at)
    VALUES (%(comparison_id)s, %(turn_id)s, %(choice)s, %(voter)s, %(dwell_ms)s, %(created_at)s, %(revealed_at)s)
    RETURNING id, number
"""
"""Votes are stored one at a time, so numbers become visible in their order: whoever has read up to one never misses a
smaller one. What is not named gets the database's defaults."""


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


def cast(comparison_id: uuid.UUID, choice: str, voter: uuid.UUID | None, seen: str = "", told: bool = False) -> Vote:
    """Store the vote and return it. Safe when two come at once: one is kept.

    Args:
        seen: the turn that was voted on, as the page names it (`number.attempt`); "": the last complete one.
        told: the voter is told at once who was who, so no reasons can follow.

    Raises:
        Refusal: 400 unknown choice; 404 unknown comparison; 409 not complete, failed, gone on, or voted on already.
    """
    if choice not in Choice.values:
        known = ", ".join(Choice.values)
        raise Refusal(400, "unknown_choice", f"“{choice}” is not a vote. The votes are: {known}.")
    with transaction.atomic(), connection.cursor() as cursor:
        turns = list(Turn.objects.raw(LOOK, {"comparison": comparison_id, "voter": voter}))
        if not turns:
            raise unknown()
        if turns[0].voted:
            raise _already_voted()
        turn = _turn(story_of(turns), seen)
        now = timezone.now()
        dwell = now - (turn.invited_at or turn.completed_at)
        stored = {
            "comparison_id": comparison_id,
            "turn_id": turn.pk,
            "choice": choice,
            "voter": voter,
            "dwell_ms": min(max(0, round(dwell.total_seconds() * 1000)), LONGEST_DWELL_MS),
            "created_at": now,
            "revealed_at": now if told else None,
        }
        cursor.execute(STORE, stored)
        (pk, number) = cursor.fetchone()
    return Vote(pk=pk, number=number, **stored)


def hold_all_of(voter: uuid.UUID) -> list[uuid.UUID]:
    """Until the transaction ends nothing happens to the voter's comparisons, and nobody stores a vote.

    Everything that does both has to take them in the order of `cast`: comparisons first, then the lock for votes.

    Returns:
        The comparisons that are held. What the voter begins from now on is not among them.
    """
    own = Comparison.objects.select_for_update(no_key=True).filter(voter=voter).order_by("pk")
    held = list(own.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
    return held


def check_open(comparison: Comparison) -> None:
    """After its vote a comparison stays as it is: nothing can be added.

    Raises:
        Refusal: 409, it has its vote.
    """
    if comparison.votes.exists():
        raise _already_voted()


def give_reasons(comparison_id: uuid.UUID, voter: uuid.UUID, reasons: Collection[str], comment: str) -> None:
    """Keep why the voter chose so, and that they are told who was who from now on. None at all is fine too.

    Raises:
        Refusal: 400 unknown reasons or too long a comment; 404 this voter has no vote on it; 409 already told.
    """
    comment = comment.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(comment) > LONGEST_COMMENT:
        message = f"A comment has at most {LONGEST_COMMENT:,} characters; this one has {len(comment):,}."
        raise Refusal(400, "long_comment", message)
    if unknown := set(reasons) - set(REASONS):
        raise Refusal(400, "unknown_reason", f"“{min(unknown)[:40]}” is not a reason. They are: {', '.join(REASONS)}.")
    votes = Vote.objects.filter(comparison=comparison_id, voter=voter)
    kept = [reason for reason in REASONS if reason in reasons]
    if votes.filter(revealed_at=None).update(reasons=kept, comment=comment, revealed_at=timezone.now()):
        return
    if votes.exists():
        message = "You were told already who wrote which; reasons count only when they were given before."
        raise Refusal(409, "already_told", message)
    raise Refusal(404, "no_vote", "You have no vote on this comparison.")


def reveal(vote: Vote) -> Reveal:
    """Who wrote what."""
    left, right = (_unveil(name) for name in (vote.comparison.model_left, vote.comparison.model_right))
    preferred = {Choice.LEFT: left.role, Choice.RIGHT: right.role}.get(vote.choice)
    return Reveal(choice=vote.choice, left=left, right=right, preferred=preferred)


def _turn(so_far: Story, seen: str) -> Turn:
    """The turn that is voted on."""
    if so_far.latest.state in OPEN:
        message = "Both replies have to be complete before you can vote. Wait for the end of both."
        raise Refusal(409, "not_complete", message)
    if so_far.last is None or so_far.latest.state == State.ERASED:
        message = "This comparison failed, so it cannot be voted on. Start the scene again."
        raise Refusal(409, "failed_comparison", message)
    if seen and seen != so_far.last.name:
        raise moved_on()
    return so_far.last


def moved_on() -> Refusal:
    """The answer to somebody who acts on replies that are no longer the last."""
    return Refusal(409, "moved_on", "The scene has gone on since, in another window. Reload the page to see it.")


def _already_voted() -> Refusal:
    return Refusal(409, "already_voted", "This comparison has its vote already, and a vote cannot be changed.")


def _unveil(name: str) -> Unveiled:
    return Unveiled(name=name, role="adapter" if is_adapter_version(name) else "base")

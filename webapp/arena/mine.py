"""What is stored about a person, and what they can do about it: see it, take a vote back, have all of it erased.

In: the number in their signed cookie. Out: rows, one JSON document, or nothing left that leads to them.
"""

import uuid
from dataclasses import dataclass

from django.contrib.postgres.functions import RandomUUID
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from webapp.arena.accounts import account_of_voter, close
from webapp.arena.models import Account, Comparison, Invitation, State, Turn, Vote
from webapp.arena.refusals import Refusal
from webapp.arena.voting import hold_all_of

ERASED = "(erased)"
"""Stands where a scene's own title was."""


@dataclass(frozen=True)
class Erased:
    """How much was erased."""

    votes: int
    comparisons: int
    staff: bool
    """The person is staff, so that their log-in stays."""


def votes_of(voter: uuid.UUID) -> QuerySet:
    """All votes of the person, the withdrawn ones too, the newest first."""
    return Vote.objects.filter(voter=voter).select_related("comparison").order_by("-number")


def vote_of(voter: uuid.UUID, vote_id: int) -> Vote:
    """One of them.

    Raises:
        Refusal: 404, the person has no such vote.
    """
    vote = votes_of(voter).filter(pk=vote_id).first()
    if vote is None:
        message = "You have no such vote. Votes can only be seen in the browser that cast them."
        raise Refusal(404, "unknown_vote", message)
    return vote


def withdraw(voter: uuid.UUID, vote_id: int) -> Vote:
    """Take a vote back: from now on it counts nowhere. It cannot be given again.

    Raises:
        Refusal: 404, the person has no such vote; 409, it was withdrawn before.
    """
    vote = vote_of(voter, vote_id)
    if not Vote.objects.filter(pk=vote.pk, withdrawn_at=None).update(withdrawn_at=timezone.now()):
        raise Refusal(409, "already_withdrawn", "This vote was withdrawn before; it counts nowhere.")
    return vote


def stored(voter: uuid.UUID) -> dict:
    """Everything stored about the person, as JSON. Who wrote which reply is told where they were told already."""
    votes = list(votes_of(voter))
    comparisons = Comparison.objects.filter(voter=voter).prefetch_related("turns").order_by("created_at")
    return {
        "voter": str(voter),
        "account": _account(account_of_voter(voter)),
        "votes": [record(vote) for vote in votes],
        "invitations": list(Invitation.objects.filter(voter=voter).values("comparison", "created_at")),
        "comparisons": [_comparison(comparison) for comparison in comparisons],
    }


@transaction.atomic
def erase(voter: uuid.UUID) -> Erased:
    """Withdraw the person's votes, erase what they wrote and had written, and cut every link to them.

    A comparison that others have voted on too stays as it is where it holds no word of the person: a scene of the
    library with the library's opening. An account goes with its name and password, which stay where
    they open the admin. Nothing can be undone.
    """
    own = Comparison.objects.filter(pk__in=hold_all_of(voter))
    written = Turn.objects.filter(comparison=OuterRef("pk")).exclude(post="")
    others = Vote.objects.filter(comparison=OuterRef("pk")).exclude(voter=voter)
    gone = list(own.filter(Q(scene="") | Exists(written) | ~Exists(others)).values_list("pk", flat=True))
    texts = Turn.objects.filter(comparison__in=gone)
    texts.update(state=State.ERASED, failure="", post="", reply_left="", reply_right="")
    own.filter(scene="").update(title=ERASED, tags=[], player="", character="", posts=[])
    Vote.objects.filter(comparison__in=gone).update(left_out=F("left_out"))  # others': read again, without the tags
    Invitation.objects.filter(voter=voter).delete()
    staff = close(voter)
    votes = Vote.objects.filter(voter=voter)
    votes.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    return Erased(
        votes=votes.update(comment="", reasons=[], voter=RandomUUID()),
        comparisons=own.update(voter=RandomUUID()),
        staff=staff,
    )


def _account(account: Account | None) -> dict | None:
    if account is None:
        return None
    user = account.user
    return {"name": user.get_username(), "created_at": user.date_joined, "last_log_in": user.last_login}


def record(vote: Vote) -> dict:
    """One vote, as its voter may have it: who wrote which reply where they were told already."""
    names = {"left": vote.comparison.model_left, "right": vote.comparison.model_right}
    return {
        "number": vote.number,
        "comparison": str(vote.comparison_id),
        "choice": vote.choice,
        "reasons": vote.reasons,
        "comment": vote.comment,
        "dwell_ms": vote.dwell_ms,
        "created_at": vote.created_at,
        "revealed_at": vote.revealed_at,
        "withdrawn_at": vote.withdrawn_at,
        "left_out": vote.left_out,
        "models": names if vote.revealed_at else None,
    }


def _comparison(comparison: Comparison) -> dict:
    turns = [
        {
            "number": turn.number,
            "attempt": turn.attempt,
            "post": turn.post,
            "state": turn.state,
            "created_at": turn.created_at,
            "left": turn.reply_left,
            "right": turn.reply_right,
        }
        for turn in comparison.turns.all()
    ]
    return {
        "id": str(comparison.pk),
        "scene": comparison.scene,
        "title": comparison.title,
        "tags": comparison.tags,
        "player": comparison.player,
        "character": comparison.character,
        "posts": comparison.posts,
        "created_at": comparison.created_at,
        "turns": turns,
    }

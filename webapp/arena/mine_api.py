"""/api/mine: a program's own votes, to read and to take back, as /mine/ is for people.

In: a program's key that permits votes. Out: its votes by their numbers, with the models, since it was told at once.
"""

import datetime
import uuid
from typing import Annotated

from ninja import Query, Router, Schema
from pydantic import Field

from webapp.access.keys import ProgramKeyAuth, voter_of_program
from webapp.arena import mine
from webapp.arena.models import Choice
from webapp.arena.refusals import Refusal

router = Router(auth=ProgramKeyAuth("vote"))


class Page(Schema):
    """`limit` votes at most, those with a number above `after`."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class Models(Schema):
    """Who stood where."""

    left: str
    right: str


class OwnVote(Schema):
    """One of the program's votes. A withdrawn one counts nowhere."""

    number: int
    comparison: uuid.UUID
    choice: Choice
    reasons: list[str]
    comment: str
    dwell_ms: int
    created_at: datetime.datetime
    withdrawn_at: datetime.datetime | None
    models: Models | None


class OwnVotes(Schema):
    """One page. The next one is behind the last number; an empty page is the end."""

    votes: list[OwnVote]


@router.get("", response=OwnVotes, summary="The program's own votes, in order (key)")
def read_own_votes(request, page: Query[Page]):
    """All that it has cast under its key, the withdrawn ones too."""
    votes = mine.votes_of(_voter(request)).filter(number__gt=page.after).order_by("number")
    return {"votes": [mine.record(vote) for vote in votes[: page.limit]]}


@router.post("/{int:number}/withdraw", response=OwnVote, summary="Take a vote of the program's own back (key)")
def withdraw_own_vote(request, number: int):
    """From now on it counts nowhere. It cannot be given again."""
    who = _voter(request)
    vote = mine.votes_of(who).filter(number=number).first()
    if vote is None:
        raise Refusal(404, "unknown_vote", f"This program has no vote number {number}.")
    mine.withdraw(who, vote.pk)
    return mine.record(mine.vote_of(who, vote.pk))


def _voter(request) -> uuid.UUID:
    """The program's voter. The operator's own key has none, and may not vote."""
    who = voter_of_program(request)
    if who is None:
        raise Refusal(403, "not_permitted", "This key has no votes of its own.")
    return who

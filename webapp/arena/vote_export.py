"""/api/votes: the votes behind a number, in the order of their numbers, for the program that trains on them.

In: the number of the last vote that the program has, the adapter's name, the key BARDLOOP_EXPORT_KEY or a program's
that permits export. Out: pages of battle records with their numbers, or only how many there are.
"""

from typing import Annotated

from django.db.models import Count, Max, Q
from ninja import Query, Router, Schema
from pydantic import Field

from contracts.battle import Battle
from webapp.access.keys import ProgramKeyAuth
from webapp.arena.battles import battle, with_conversations
from webapp.arena.models import Choice, Vote

router = Router(auth=ProgramKeyAuth("export"))


class Span(Schema):
    """Votes with a number above `after`, on versions of `adapter`."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    adapter: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

    def votes(self):
        """The rows that count, the smallest number first."""
        left, right = (f"comparison__model_{side}__startswith" for side in ("left", "right"))
        name = f"{self.adapter}@"
        return with_conversations(
            Vote.counting.filter(Q(**{left: name}) | Q(**{right: name}), number__gt=self.after)
        ).order_by("number")


class Page(Span):
    """`limit` votes of a span at most."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class NumberedBattle(Schema):
    """A battle and the number of its vote. Numbers grow, with gaps, and never change."""

    number: int
    battle: Battle


class Votes(Schema):
    """One page. The next one is behind the last number; an empty page is the end."""

    votes: list[NumberedBattle]


class NewVotes(Schema):
    """How many votes stand behind a number. `until` is the largest, or the number asked about when there is none.

    `last` is the largest number of all votes, on whatever adapter; 0 before the first. A program that has come further
    knows by it that this is not the database that it has read.
    """

    votes: int
    preferred: int
    """Those that prefer one of the two replies."""
    until: int
    last: int


@router.get("", response=Votes, summary="Votes behind a number, in order (export key)")
def read_votes(request, page: Query[Page]):
    """Every vote that counts, once: one that appears later has a larger number than all that were seen."""
    votes = page.votes()[: page.limit]
    return {"votes": [{"number": vote.number, "battle": battle(vote)} for vote in votes]}


@router.get("/count", response=NewVotes, summary="How many votes stand behind a number (export key)")
def count_votes(request, span: Query[Span]):
    """Cheap enough to be asked every minute."""
    one_preferred = Q(choice__in=[Choice.LEFT, Choice.RIGHT])
    found = span.votes().aggregate(votes=Count("pk"), preferred=Count("pk", filter=one_preferred), until=Max("number"))
    last = Vote.objects.aggregate(last=Max("number"))["last"]
    return found | {"until": found["until"] or span.after, "last": last or 0}

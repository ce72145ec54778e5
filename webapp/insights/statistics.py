"""The site's headline numbers: GET /api/statistics and the front page of the admin.

In: the votes in memory, and comparisons in PostgreSQL. Out: `Statistics`, always as they are now.
"""

import datetime
import time
from dataclasses import asdict

from django.db.models import Count as CountOf
from django.db.models import OuterRef, Subquery
from pydantic import BaseModel

from webapp.arena.models import Comparison, State, Turn
from webapp.insights.breakdowns.days import days
from webapp.insights.breakdowns.versions import counts
from webapp.insights.votes.memory import votes_now
from webapp.insights.votes.selection import DAY_S, Selection, Wanted, select
from webapp.insights.votes.table import CHOICES
from webapp.insights.win_rate import Interval, Record, records

DAYS_SHOWN = 30
IN_ORDER = (State.WAITING, State.WRITING, State.COMPLETE, State.FAILED)


class VersionRecord(BaseModel):
    """One adapter version against its base. Rate and 95 % interval are None until a vote decides something."""

    adapter: str
    base: str
    wins: int
    losses: int
    ties: int
    bothbad: int
    votes: int
    win_rate: float | None
    low: float | None
    high: float | None


class DayCount(BaseModel):
    """Votes of one day, UTC."""

    day: datetime.date
    votes: int


class VoteCounts(BaseModel):
    """Votes by choice, and by who was preferred."""

    total: int
    left: int
    right: int
    tie: int
    bothbad: int
    for_base: int
    for_adapter: int


class Statistics(BaseModel):
    """All of it. `comparisons` has a count for each state and `total`; `failures` for each reason that occurred.

    A comparison is complete from its first complete turn on; before, it is where its newest turn is. Failures are of
    turns. Votes that were withdrawn or left out are in none of the numbers.
    """

    comparisons: dict[str, int]
    failures: dict[str, int]
    votes: VoteCounts
    versions: list[VersionRecord]
    days: list[DayCount]


def statistics(for_anybody: bool = False) -> Statistics:
    """The numbers as they are now.

    Args:
        for_anybody: without the votes of the last day whose voters have not been told who was who. A person who reads
            the numbers before and after their vote would know it, and give reasons knowing.
    """
    votes = select(votes_now(), Wanted(told_or_before=time.time() - DAY_S if for_anybody else None))
    counted = counts(votes)
    versions = records(counted)
    choices = {choice: sum(each.votes for each in counted if each.choice == choice) for choice in CHOICES}
    return Statistics(
        comparisons=comparisons_by_state(),
        failures=failures_by_reason(),
        votes=VoteCounts(
            total=len(votes),
            **choices,
            for_base=sum(record.losses for record in versions),
            for_adapter=sum(record.wins for record in versions),
        ),
        versions=[_version(record) for record in versions],
        days=_days(votes),
    )


def comparisons_by_state() -> dict[str, int]:
    """Only those without a complete turn, which are few, are looked into one by one."""
    total, unanswered = Comparison.objects.count(), Comparison.objects.filter(model_left="")
    newest = Turn.objects.filter(comparison=OuterRef("pk")).order_by("-pk").values("state")[:1]
    states = _grouped(unanswered.annotate(newest=Subquery(newest)), "newest")
    shown = {state: states.get(state, 0) for state in (State.WAITING, State.WRITING, State.FAILED)}
    complete = total - sum(states.values())
    return {"total": total, **{str(state): shown.get(state, complete) for state in IN_ORDER}}


def failures_by_reason() -> dict[str, int]:
    """Failed turns, the commonest reason first."""
    return _grouped(Turn.objects.filter(state=State.FAILED), "failure")


def _grouped(rows, field: str) -> dict[str, int]:
    return dict(rows.values_list(field).annotate(n=CountOf("pk")).order_by("-n", field))


def _version(record: Record) -> VersionRecord:
    values = asdict(record)
    interval: Interval | None = record.interval
    del values["interval"], values["rate"]
    return VersionRecord(
        **values,
        votes=record.votes,
        win_rate=record.rate,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )


def _days(votes: Selection) -> list[DayCount]:
    """The last days up to today, the empty ones too."""
    today = int(time.time() // DAY_S)
    counted = days(votes, today - DAYS_SHOWN + 1, today)
    epoch = datetime.date(1970, 1, 1)
    return [
        DayCount(day=epoch + datetime.timedelta(days=int(day)), votes=int(number))
        for day, number in zip(counted.first, counted.votes, strict=True)
    ]

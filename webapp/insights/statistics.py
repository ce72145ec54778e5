"""The site's numbers, read from the database in a handful of grouped queries."""

import datetime
from dataclasses import asdict

from django.db.models import Count as CountOf
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import TruncDate
from django.utils import timezone
from pydantic import BaseModel

from webapp.arena.models import Choice, Comparison, State, Turn, Vote
from webapp.insights.win_rate import Count, Interval, Record, records

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
    """Votes of one day, in the site's time zone."""

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


def statistics() -> Statistics:
    """The numbers as they are now."""
    choices = dict.fromkeys(Choice.values, 0) | _grouped(Vote.counting, "choice")
    versions = records(_counts())
    return Statistics(
        comparisons=_comparisons(),
        failures=_grouped(Turn.objects.filter(state=State.FAILED), "failure"),
        votes=VoteCounts(
            total=sum(choices.values()),
            **choices,
            for_base=sum(record.losses for record in versions),
            for_adapter=sum(record.wins for record in versions),
        ),
        versions=[_version(record) for record in versions],
        days=_days(),
    )


def _comparisons() -> dict[str, int]:
    """Comparisons by state. Only those without a complete turn, which are few, are looked into one by one."""
    total, unanswered = Comparison.objects.count(), Comparison.objects.filter(model_left="")
    newest = Turn.objects.filter(comparison=OuterRef("pk")).order_by("-pk").values("state")[:1]
    states = _grouped(unanswered.annotate(newest=Subquery(newest)), "newest")
    shown = {state: states.get(state, 0) for state in (State.WAITING, State.WRITING, State.FAILED)}
    complete = total - sum(states.values())
    return {"total": total, **{state: shown.get(state, complete) for state in IN_ORDER}}


def _grouped(rows, field: str) -> dict[str, int]:
    return dict(rows.values_list(field).annotate(n=CountOf("pk")).order_by("-n", field))


def _counts() -> list[Count]:
    """Votes by left model, right model and choice."""
    names = {"left": F("comparison__model_left"), "right": F("comparison__model_right")}
    rows = Vote.counting.values("choice", **names).annotate(votes=CountOf("pk")).order_by()
    return [Count(**row) for row in rows]


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


def _days() -> list[DayCount]:
    """The last days up to today, the empty ones too."""
    today = timezone.localdate()
    first = today - datetime.timedelta(days=DAYS_SHOWN - 1)
    rows = Vote.counting.annotate(day=TruncDate("created_at")).filter(day__gte=first).values_list("day")
    votes = dict(rows.annotate(n=CountOf("pk")).order_by())
    days = (first + datetime.timedelta(days=number) for number in range(DAYS_SHOWN))
    return [DayCount(day=day, votes=votes.get(day, 0)) for day in days]

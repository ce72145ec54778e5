"""Statistics: the first page. Is the adapter better, how many votes is that, and does anything look odd?

In: a selection of votes, and how comparisons ended. Out: a `Page`.
"""

import datetime
from dataclasses import dataclass

from webapp.insights.breakdowns import sides
from webapp.insights.breakdowns.days import Days, days
from webapp.insights.breakdowns.versions import Against, against_base
from webapp.insights.drawing.frame import Frame, stacked
from webapp.insights.pages.page import Headline, Page, Section
from webapp.insights.pages.table import (
    Table,
    bar,
    count,
    interval_of,
    percent,
    share_columns,
    text,
    value_of,
)
from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import Selection, Wanted

DAYS_SHOWN = 30
JUDGED = 3
"""Newest versions about which a sentence stands at the head of the page."""
CHOICES = {
    Outcome.LEFT: ("left", "Left is better"),
    Outcome.RIGHT: ("right", "Right is better"),
    Outcome.TIE: ("tie", "Tie"),
    Outcome.BOTH_BAD: ("bothbad", "Both bad"),
}
EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Comparisons:
    """By state, with `total`; and failed turns by reason. They are never filtered."""

    states: dict[str, int]
    failures: dict[str, int]


def overview(votes: Selection, wanted: Wanted, comparisons: Comparisons, today: int) -> Page:
    """`today`: days since 1970."""
    versions = against_base(votes)
    everything = "" if wanted == Wanted() else " (all)"
    return Page(
        headlines=(
            Headline(f"Comparisons{everything}", f"{comparisons.states['total']:,}", "comparisons-total"),
            Headline("Votes", f"{len(votes):,}", "votes-total"),
            Headline("Votes for the base", f"{sum(each.losses for each in versions):,}", "votes-for-base"),
            Headline("Votes for the adapter", f"{sum(each.wins for each in versions):,}", "votes-for-adapter"),
        ),
        verdicts=[_verdict(each) for each in versions[:JUDGED]],
        sections=(
            _versions(versions),
            _choices(votes),
            _sides(votes),
            _days(votes, wanted, today),
            _states(comparisons),
        ),
    )


def _verdict(each: Against) -> tuple[str, str]:
    if not each.rate.votes:
        return "open", f"{each.version} against {each.other}: all {each.bothbad} votes say that both are bad."
    people = f"{each.rate.voters:,} people" if each.rate.voters > 1 else "one person"
    numbers = f"{value_of(each.rate)} ({interval_of(each.rate)}) of {each.rate.votes:,} votes by {people}"
    says = {
        "above": f"{each.version} is liked better than {each.other}: it wins {numbers}.",
        "below": f"{each.version} is liked less than {each.other}: it wins {numbers}.",
        "open": f"Nobody can tell yet whether {each.version} is better than {each.other}: it wins {numbers}.",
    }
    return each.rate.says, says[each.rate.says]


def _versions(versions: list[Against]) -> Section:
    columns = (
        text("adapter", "Version", "head code"),
        text("base", "Base", "code"),
        *share_columns("win_rate", "Win rate", testids=("win-rate", "interval")),
        count("wins", "Won", testid="wins"),
        count("losses", "Lost", testid="losses"),
        count("ties", "Ties", testid="ties"),
        count("bothbad", "Both bad", testid="bothbad"),
        count("voters", "Voters"),
    )
    rows = [
        (each.version, each.other, *[each.rate] * 3, each.wins, each.losses, each.ties, each.bothbad, each.rate.voters)
        for each in versions
    ]
    return Section(
        name="versions",
        title="Adapter versions against their base",
        table=Table("versions", columns, rows, most=20),
        help="The newest first. A tie is half a win for each; “both bad” is kept apart and enters no rate. The "
        "interval takes the votes of one person to be as alike as they turn out. It is made for one look, not for "
        "stopping as soon as it looks good: that is what the gate is for.",
        empty="No votes yet. They appear here with the first one.",
    )


def _choices(votes: Selection) -> Section:
    rows, total = [], len(votes)
    for outcome, (key, label) in CHOICES.items():
        number = int((votes["choice"] == outcome).sum())
        rows.append((label, number, number / total if total else None, number, key))
    columns = (
        text("label", "Choice"),
        count("votes", "Votes", testid="votes-{4}"),
        percent("share", "Share"),
        bar("Share of all", total),
        text("choice", "Key", "code"),
    )
    return Section("choices", "Votes by choice", Table("choices", columns, rows), half=True)


def _sides(votes: Selection) -> Section:
    left, longer = sides.for_the_left(votes), sides.for_the_longer(votes)
    columns = (
        text("preferred", "Votes for"),
        *share_columns("share", "Share"),
        count("votes", "Of"),
    )
    rows = [("the left reply", *[left] * 3, left.votes), ("the longer reply", *[longer] * 3, longer.votes)]
    warns = []
    if left.says != "open":
        side = "left" if left.says == "above" else "right"
        warns.append(
            f"People favour the {side} side. Sides are drawn by lot, so no model gains by it, but votes say less "
            "than they could: see whether somebody always votes for one side."
        )
    return Section(
        name="sides",
        title="Side and length",
        table=Table("sides", columns, rows),
        help="Without a bias half of the votes go to the left. A taste for long replies is no fault, but explains "
        "a win.",
        warns=warns,
        half=True,
    )


def _days(votes: Selection, wanted: Wanted, today: int) -> Section:
    last = today if wanted.last_day is None else wanted.last_day
    first = last - DAYS_SHOWN + 1 if wanted.first_day is None else wanted.first_day
    counted = days(votes, min(first, last), last)
    columns = (
        text("first_day", "Week from" if counted.length > 1 else "Day"),
        count("votes", "Votes"),
        *(count(key, label) for key, label in CHOICES.values()),
    )
    rows = [
        (_date(day).isoformat(), int(row.sum()), *(int(row[outcome]) for outcome in CHOICES))
        for day, row in zip(counted.first, counted.by_choice, strict=True)
    ]
    title = f"Votes per {'week' if counted.length > 1 else 'day'}"
    return Section(
        name="days",
        title=f"{title}, {_date(first):%-d %B %Y} to {_date(last):%-d %B %Y}",
        table=Table("days", columns, rows, most=400),
        charts=(_columns(title, counted),),
        help="Days are those of UTC.",
    )


def _columns(title: str, counted: Days) -> Frame:
    table = counted.by_choice
    parts = {
        "decided": table[:, Outcome.LEFT] + table[:, Outcome.RIGHT],
        "tie": table[:, Outcome.TIE],
        "bothbad": table[:, Outcome.BOTH_BAD],
    }
    names = [f"{_date(day):%-d %b}" for day in counted.first]
    says = [f"{name}: {votes:,}" for name, votes in zip(names, counted.votes, strict=True)]
    drawn = stacked(f"{title}: {counted.votes.sum():,} in all; the table below has the numbers", names, says, parts)
    legend = (("decided", "One preferred"), ("tie", "Tie"), ("bothbad", "Both bad"))
    return Frame(**(vars(drawn) | {"legend": legend}))


def _states(comparisons: Comparisons) -> Section:
    rows = [(state, count) for state, count in comparisons.states.items() if state != "total"]
    rows += [(f"failed: {reason}", count) for reason, count in comparisons.failures.items()]
    columns = (text("state", "Comparisons that are"), count("comparisons", "Number", testid="comparisons-{0}"))
    return Section(
        name="states",
        title="Comparisons",
        table=Table("comparisons", columns, rows),
        help="All of them, whatever the filters. One is complete from its first complete turn on. Failures are of "
        "turns.",
        half=True,
    )


def _date(day: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=int(day))

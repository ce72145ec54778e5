"""Lengths of the bars in the statistics page, as numbers for SVG attributes.

The Content-Security-Policy forbids style attributes, so bars are `<rect>`s whose x and width come from here.
Numbers are strings with a decimal point, since templates would write them by locale. No Django inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.insights.statistics import DayCount, VersionRecord, VoteCounts

CHOICE_LABELS = {"left": "Left is better", "right": "Right is better", "tie": "Tie", "bothbad": "Both bad"}


@dataclass(frozen=True)
class ChoiceBar:
    """One choice's share of all votes; `width` in percent of the bar."""

    choice: str
    label: str
    votes: int
    percent: str
    width: str


@dataclass(frozen=True)
class VersionBar:
    """One version's win rate: the point and its interval, in percent of the bar. Empty without a deciding vote."""

    version: VersionRecord
    rate: str = ""
    low: str = ""
    high: str = ""
    point: str = ""
    start: str = ""
    width: str = ""


@dataclass(frozen=True)
class DayBar:
    """One day's votes; x, y, width and height in a box of 100 by 40."""

    day: DayCount
    x: str
    y: str
    width: str
    height: str


def choice_bars(votes: VoteCounts) -> list[ChoiceBar]:
    """One bar a choice, as shares of all votes."""
    bars = []
    for choice, label in CHOICE_LABELS.items():
        count = getattr(votes, choice)
        share = 100 * count / votes.total if votes.total else 0.0
        bars.append(ChoiceBar(choice, label, count, f"{share:.0f} %", f"{share:.2f}"))
    return bars


def version_bars(versions: Sequence[VersionRecord]) -> list[VersionBar]:
    """One bar a version, on a scale from 0 to 100 % with the middle at 50."""
    return [_version_bar(version) for version in versions]


def day_bars(days: Sequence[DayCount]) -> list[DayBar]:
    """One column a day; the fullest day reaches the top."""
    most = max((day.votes for day in days), default=0)
    step = 100 / len(days) if days else 0.0
    bars = []
    for number, day in enumerate(days):
        height = 40 * day.votes / most if most else 0.0
        x, y = number * step + step * 0.1, 40 - height
        bars.append(DayBar(day, f"{x:.2f}", f"{y:.2f}", f"{step * 0.8:.2f}", f"{height:.2f}"))
    return bars


def _version_bar(version: VersionRecord) -> VersionBar:
    if version.win_rate is None:
        return VersionBar(version)
    rate, low, high = (100 * share for share in (version.win_rate, version.low, version.high))
    return VersionBar(
        version,
        rate=f"{rate:.0f} %",
        low=f"{low:.0f} %",
        high=f"{high:.0f} %",
        point=f"{rate:.2f}",
        start=f"{low:.2f}",
        width=f"{high - low:.2f}",
    )

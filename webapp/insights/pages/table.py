"""A table that is shown on a page and given out as CSV, both from the same rows.

In: columns and rows of plain values. Out: cells for the template; lines for the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.insights.breakdowns.share import Share
from webapp.insights.drawing.bars import Bar, Scale, interval, length

UNKNOWN = "–"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be worked out by spreadsheets."""


@dataclass(frozen=True)
class Column:
    """`show`: the cell's text. `raw`: its values in the file, under the names `keys`; none where `keys` are empty."""

    label: str
    show: Callable[[Any], str]
    keys: tuple[str, ...]
    raw: Callable[[Any], tuple]
    kind: str = ""
    """`n` a number, `wide` a bar, `head` the row's name, `code` its name as a program writes it, `says` a sentence."""
    draw: Callable[[Any], Bar | None] | None = None
    testid: str = ""
    """`{0}` stands for the row's first value, and so on."""
    link: Callable[[Any], str] | None = None
    shade: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Cell:
    """As the template writes it."""

    text: str
    column: Column
    testid: str
    bar: Bar | None
    link: str
    shade: str


@dataclass(frozen=True)
class Table:
    """`name` is that of its file. On the page are the first `most` rows."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[tuple]
    most: int = 60

    @property
    def cells(self) -> list[list[Cell]]:
        """Row by row."""
        return [[_cell(*pair, row) for pair in zip(self.columns, row, strict=True)] for row in self.rows[: self.most]]

    @property
    def hidden(self) -> int:
        """Rows that only the file has."""
        return max(0, len(self.rows) - self.most)

    def lines(self) -> list[list]:
        """Of the file, the names first."""
        names = [key for column in self.columns for key in column.keys]
        rows = [
            [_safe(value) for column, cell in zip(self.columns, row, strict=True) for value in column.raw(cell)]
            for row in self.rows
        ]
        return [names, *rows]


def _cell(column: Column, value, row: tuple) -> Cell:
    return Cell(
        text=column.show(value),
        column=column,
        testid=column.testid.format(*row) if column.testid else "",
        bar=column.draw(value) if column.draw else None,
        link=column.link(value) if column.link else "",
        shade=column.shade(value) if column.shade else "",
    )


def _safe(value):
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _alone(value) -> tuple:
    return (value,)


def _nothing(value) -> tuple:
    return ()


def text(key: str, label: str, kind: str = "head", **more) -> Column:
    """Words."""
    return Column(label, lambda value: UNKNOWN if value is None else str(value), (key,), _alone, kind, **more)


def count(key: str, label: str, **more) -> Column:
    """A whole number."""
    return Column(label, lambda value: UNKNOWN if value is None else f"{value:,}", (key,), _alone, "n", **more)


def number(key: str, label: str, digits: int = 1, unit: str = "", **more) -> Column:
    """A number with so many digits behind the point."""

    def show(value) -> str:
        return UNKNOWN if value is None else f"{value:,.{digits}f}{unit}"

    return Column(label, show, (key,), _alone, "n", **more)


def percent(key: str, label: str, **more) -> Column:
    """A share without an interval, from 0 to 1."""
    return Column(
        label, lambda value: UNKNOWN if value is None else f"{100 * value:.0f} %", (key,), _alone, "n", **more
    )


def bar(label: str, most: float) -> Column:
    """As long as its share of `most`; not in the file."""
    return Column(label, lambda value: "", (), _nothing, "wide", lambda value: length(value, most))


def share_columns(key: str, label: str, testids: tuple[str, str] = ("", "")) -> tuple[Column, Column, Column]:
    """A `Share`: its value, its interval, and both as a bar. The same value stands in all three."""
    return (
        Column(label, value_of, (key,), lambda share: (share.value,), "n", testid=testids[0]),
        Column(
            "95 % interval",
            interval_of,
            (f"{key}_low", f"{key}_high"),
            lambda share: (share.low, share.high),
            "n",
            testid=testids[1],
        ),
        Column(
            "0 – 50 – 100 %",
            lambda share: f"{value_of(share)}, between {interval_of(share)}" if share.votes else "",
            (),
            _nothing,
            "wide",
            lambda share: interval(share.value, share.low, share.high),
        ),
    )


def interval_columns(key: str, label: str, scale: Scale, digits: int = 0) -> tuple[Column, Column, Column]:
    """The same for (value, low, high) on another scale; None for all where nothing is known."""

    def show(known) -> str:
        return UNKNOWN if known[0] is None else f"{known[0]:,.{digits}f}"

    def ends(known) -> str:
        return UNKNOWN if known[1] is None else f"{known[1]:,.{digits}f} to {known[2]:,.{digits}f}"

    names = (f"{key}_low", f"{key}_high")
    return (
        Column(label, show, (key,), lambda known: (known[0],), "n"),
        Column("95 % interval", ends, names, lambda known: (known[1], known[2]), "n"),
        Column(
            f"{scale.low:,.0f} – {scale.high:,.0f}",
            lambda known: "" if known[0] is None else f"{show(known)}, between {ends(known)}",
            (),
            _nothing,
            "wide",
            lambda known: interval(*known, scale),
        ),
    )


def value_of(share: Share) -> str:
    """As a percentage, with a digit behind the point where the interval is narrow."""
    return UNKNOWN if share.value is None else f"{100 * share.value:.{_digits(share)}f} %"


def interval_of(share: Share) -> str:
    """Both ends."""
    if share.value is None:
        return UNKNOWN
    return f"{100 * share.low:.{_digits(share)}f} % to {100 * share.high:.{_digits(share)}f} %"


def _digits(share: Share) -> int:
    return int(share.high - share.low < 0.1)

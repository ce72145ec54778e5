"""Bars within the cell of a table.

In: a value, or a value with its interval. Out: a `Bar`, 100 wide.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """From `start`, `width` long; `point` and `even` are lines across it, "" where there is none."""

    start: str
    width: str
    point: str = ""
    even: str = ""


@dataclass(frozen=True)
class Scale:
    """What stands at the bar's left end and at its right end; `even`: where neither side is ahead."""

    low: float
    high: float
    even: float | None = None

    def at(self, value: float) -> float:
        """0 to 100."""
        return 100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


SHARES = Scale(0, 1, 0.5)


def length(value: float, most: float) -> Bar:
    """From the left end, as long as its share of `most`."""
    return Bar("0", f"{100 * value / most if most else 0:.2f}")


def interval(value: float | None, low: float | None, high: float | None, scale: Scale = SHARES) -> Bar | None:
    """The interval and the value in it; None without a value. Without an interval only the value."""
    if value is None:
        return None
    start, end = (scale.at(value if each is None else each) for each in (low, high))
    even = "" if scale.even is None else f"{scale.at(scale.even):.2f}"
    return Bar(f"{start:.2f}", f"{end - start:.2f}", f"{scale.at(value):.2f}", even)


def scale_for(values: Iterable[float | None], even: float | None = None) -> Scale:
    """Holds all values, and a little more at both ends."""
    known = [value for value in (*values, even) if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = 0.05 * (high - low) or 1.0
    return Scale(low - room, high + room, even)

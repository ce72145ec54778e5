"""A chart with two axes: columns or lines, and rules across them.

In: values. Out: a `Frame`, all of it in percent of its plot; y counts from the top, as SVG does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webapp.insights.drawing.ticks import powers_of_ten, ticks


@dataclass(frozen=True)
class Tick:
    """A label at a place in percent. `anchor` as SVG has it."""

    at: str
    label: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Line:
    """A polyline. `kind` is its CSS class."""

    label: str
    kind: str
    points: str


@dataclass(frozen=True)
class Rule:
    """A line from side to side; its label stands above it or `below`."""

    label: str
    kind: str
    at: str
    below: bool = False


@dataclass(frozen=True)
class Area:
    """A polygon between two lines."""

    kind: str
    points: str


@dataclass(frozen=True)
class Column:
    """A stack of rectangles over one place; `says` is its tooltip."""

    x: str
    width: str
    says: str
    parts: tuple[tuple[str, str, str], ...]
    """Kind, y and height of each."""


@dataclass(frozen=True)
class Frame:
    """`label` is what a screen reader says for all of it."""

    label: str
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    columns: tuple[Column, ...] = ()
    lines: tuple[Line, ...] = ()
    areas: tuple[Area, ...] = ()
    rules: tuple[Rule, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    """Kind and label."""


def stacked(label: str, names: Sequence[str], says: Sequence[str], parts: dict[str, np.ndarray]) -> Frame:
    """Columns that stand on one another.

    Args:
        names: (n,) of the columns; the first, the last and some between are written below.
        says: (n,) tooltips.
        parts: kind to (n,) values, the lowest first.
    """
    total = sum(parts.values())
    y_ticks = ticks(float(total.max(initial=0)))
    most, step = y_ticks[-1], 100 / max(1, len(names))
    found = []
    for number in range(len(names)):
        stack, below = [], 0.0
        for kind, values in parts.items():
            height = 100 * float(values[number]) / most
            below += height
            if height:
                stack.append((kind, f"{100 - below:.2f}", f"{height:.2f}"))
        found.append(Column(f"{(number + 0.1) * step:.3f}", f"{0.8 * step:.3f}", says[number], tuple(stack)))
    return Frame(
        label=label,
        x_ticks=_names(names),
        y_ticks=tuple(Tick(f"{100 - 100 * value / most:.2f}", f"{value:,.0f}") for value in y_ticks[1:]),
        columns=tuple(found),
    )


def capital(
    label: str, x: Sequence[float], lines: dict[str, tuple[str, Sequence[float]]], rules: dict[str, tuple[str, float]]
) -> Frame:
    """Positive values on a logarithmic axis; what is below a thousandth stands at its foot.

    Args:
        lines: kind to label and values.
        rules: kind to label and value, drawn from side to side.
    """
    least = 1e-3
    values = [np.maximum(np.asarray(line, float), least) for _, line in lines.values()]
    all_values = np.concatenate([*values, [value for _, value in rules.values()], [1.0]])
    exponents = powers_of_ten(float(all_values.min()), float(all_values.max()))

    def up(value) -> np.ndarray:
        return 100 - 100 * (np.log10(value) - exponents[0]) / (exponents[-1] - exponents[0])

    return Frame(
        label=label,
        x_ticks=_counts(x),
        y_ticks=tuple(Tick(f"{float(up(10.0**each)):.2f}", _power(each)) for each in exponents),
        lines=tuple(
            Line(text, kind, _points(x, up(each)))
            for (kind, (text, _)), each in zip(lines.items(), values, strict=True)
        ),
        rules=_rules({kind: (text, float(up(value))) for kind, (text, value) in rules.items()}),
        legend=tuple((kind, text) for kind, (text, _) in lines.items()),
    )


def band(
    label: str, x: Sequence[float], low: Sequence[float], high: Sequence[float], rules: dict[str, tuple[str, float]]
) -> Frame:
    """Shares from 0 to 1 that lie between two lines."""
    low, high = 100 - 100 * np.asarray(low, float), 100 - 100 * np.asarray(high, float)
    there = _points(x, high)
    back = " ".join(reversed(_points(x, low).split()))
    return Frame(
        label=label,
        x_ticks=_counts(x),
        y_ticks=tuple(Tick(str(100 - share), f"{share} %") for share in (0, 25, 50, 75, 100)),
        areas=(Area("band", f"{there} {back}"),),
        rules=_rules({kind: (text, 100 - 100 * value) for kind, (text, value) in rules.items()}),
    )


def _rules(rules: dict[str, tuple[str, float]]) -> tuple[Rule, ...]:
    """The lowest one has its label below: two thresholds may lie close together."""
    lowest = max((at for _, at in rules.values()), default=0)
    return tuple(
        Rule(text, kind, f"{at:.2f}", below=len(rules) > 1 and at == lowest) for kind, (text, at) in rules.items()
    )


def _points(x: Sequence[float], y: np.ndarray) -> str:
    """From the first x to the last over the whole width; a single one is drawn as a flat line."""
    x = np.asarray(x, float)
    if len(x) == 1:
        return f"0,{y[0]:.2f} 100,{y[0]:.2f}"
    places = 100 * (x - x[0]) / (x[-1] - x[0])
    return " ".join(f"{place:.2f},{value:.2f}" for place, value in zip(places, y, strict=True))


def _counts(x: Sequence[float]) -> tuple[Tick, ...]:
    if len(x) == 1:
        return (Tick("50", f"{x[0]:,.0f}"),)
    places = ((0, "start"), (25, "middle"), (50, "middle"), (75, "middle"), (100, "end"))
    found = [Tick(str(place), f"{x[0] + place / 100 * (x[-1] - x[0]):,.0f}", anchor) for place, anchor in places]
    return tuple(found) if x[-1] - x[0] >= 4 else (found[0], found[-1])


def _names(names: Sequence[str]) -> tuple[Tick, ...]:
    """The first, the last, and one in the middle."""
    if len(names) < 3:
        step = 100 / max(1, len(names))
        return tuple(Tick(f"{(number + 0.5) * step:.2f}", name) for number, name in enumerate(names))
    return (Tick("0", names[0], "start"), Tick("50", names[len(names) // 2]), Tick("100", names[-1], "end"))


def _power(exponent: int) -> str:
    return f"{10.0**exponent:,g}" if -4 <= exponent <= 5 else f"1e{exponent}"

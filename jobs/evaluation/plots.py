"""The plots of the evaluation's page, as SVG that lies in the page and takes its colours.

In: rows of evaluation.json. Out: SVG text; the ink is the page's own, so that day and night are one picture.
"""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SIZE = 5.4, 3.2
"""Inches. Small, so that letters can be read on a phone, where a card is about as wide."""

COLOURS = {"#010101": "var(--ink)", "#020202": "var(--rule)", "#030303": "var(--accent)", "#040404": "var(--keeps)"}
"""What matplotlib draws with, and what the page puts in its place."""
INK, RULE, TRAINED, BASE = COLOURS

FEW = 8
"""Up to so many checkpoints each has its step written below it."""


def by_step(rows: Sequence[dict], metric: str, chosen: int, title: str) -> str:
    """A metric by training step with its intervals, the base as a line across."""
    tried = [row for row in rows if row["name"] != "base"]
    with _figure(title, "training step") as drawing:
        axes = drawing.axes
        steps, values = [row["step"] for row in tried], [row["metrics"][metric] for row in tried]
        intervals = [row["intervals"].get(metric) for row in tried]
        if all(intervals):
            below = [value - low for value, (low, _) in zip(values, intervals, strict=True)]
            above = [high - value for value, (_, high) in zip(values, intervals, strict=True)]
            axes.errorbar(steps, values, yerr=[below, above], fmt="none", color=TRAINED, elinewidth=1, capsize=3)
        axes.plot(steps, values, color=TRAINED, marker="o", markersize=4, label="checkpoints")
        marked = [value for step, value in zip(steps, values, strict=True) if step == chosen]
        axes.plot([chosen] * len(marked), marked, "o", color=TRAINED, markersize=11, fillstyle="none", label="chosen")
        base = next((row["metrics"][metric] for row in rows if row["name"] == "base"), None)
        if base is not None:
            axes.axhline(base, color=BASE, linestyle="--", label="base")
        if len(steps) <= FEW:
            axes.set_xticks(steps)
    return drawing.svg


def by_kind(models: dict[str, Sequence[dict]], title: str) -> str:
    """Loss by kind of sample, a bar for each of two models by name: what was trained, and the base."""
    kinds = [row["kind"] for row in next(iter(models.values()))]
    with _figure(title, "", height=max(1.6, 0.36 * len(kinds) + 0.9)) as drawing:
        axes = drawing.axes
        places = range(len(kinds))
        for (name, rows), colour, offset in zip(models.items(), (TRAINED, BASE), (-0.2, 0.2), strict=True):
            losses = [row["loss"] for row in rows]
            axes.barh([place + offset for place in places], losses, 0.36, color=colour, label=name)
        axes.set_yticks(list(places), [kind if len(kind) < 24 else f"{kind[:22]}…" for kind in kinds])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
    return drawing.svg


def by_limit(study: Sequence[dict], metrics: Sequence[str], title: str) -> str:
    """Metrics of replies by the limit of their length."""
    with _figure(title, "max_new_tokens") as drawing:
        limits = [row["max_new_tokens"] for row in study]
        for metric, colour, style in zip(metrics, (TRAINED, BASE, INK), ("-", "--", ":"), strict=False):
            label = metric.partition("/")[2].replace("_", " ")
            drawing.axes.set_xticks(limits)
            drawing.axes.plot(limits, [row[metric] for row in study], style, color=colour, marker="o", label=label)
    return drawing.svg


@dataclass
class _Drawing:
    """Where to draw, and what became of it."""

    axes: object
    svg: str = ""


@contextlib.contextmanager
def _figure(title: str, unit: str, height: float = SIZE[1]) -> Iterator[_Drawing]:
    """A figure in the house's manner; `svg` is there when the block has ended."""
    import matplotlib
    from matplotlib.figure import Figure  # draws without a display and without pyplot's memory of all figures

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 11}):
        figure = Figure(figsize=(SIZE[0], height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel(unit, color=INK)
        axes.grid(color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=INK, length=0)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(RULE)
        drawing = _Drawing(axes)
        yield drawing
        names = axes.get_legend_handles_labels()[1]
        figure.legend(loc="outside upper left", ncols=len(names), frameon=False, labelcolor=INK)
        written = io.StringIO()
        quiet = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=quiet)
        drawing.svg = _into_the_page(written.getvalue(), title)


def _into_the_page(svg: str, title: str) -> str:
    """Without what would act on the whole page, with the page's colours and letters."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]+;? ?", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the same in every figure
    for placeholder, colour in COLOURS.items():
        svg = svg.replace(placeholder, colour)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg class="plot" role="img" aria-label="{title}"', 1)

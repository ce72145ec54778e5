"""The corpus report as a page that a person reads: one HTML file that asks for nothing else.

In: a `CorpusReport`. Out: HTML as text, the same for the same report. Layout: templates/report.html.j2.
"""

import itertools
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jinja2

from contracts.corpus_report import Account, CorpusReport, Histogram
from jobs.corpus.reporting.visible_text import difference, visible
from jobs.corpus.reporting.words import DISTRIBUTIONS, DUPLICATES, REASONS, RULES

TAGS_SHOWN = 20
"""Most tags of one group on the page. All of them are in report.json."""

NARROWEST = 0.4
"""Percent of a bar that something is drawn with that is not nothing."""


@dataclass(frozen=True)
class Step:
    """One step of the funnel. `left` and `width` are percent of all records: what remains, and what goes here."""

    reason: str
    records: int
    left: str
    width: str


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram; `width` in percent of the fullest."""

    label: str
    count: int
    width: str


def render(report: CorpusReport) -> str:
    """The page as HTML."""
    return _ENVIRONMENT.get_template("report.html.j2").render(
        report=report,
        steps=funnel(report.total),
        reasons=in_order(report.total.dropped, REASONS),
        reject_reasons=in_order((reason for reason, examples in report.rejects.items() if examples), REASONS),
        explained=REASONS,
        rules=RULES,
        most_changed=max((rule.posts for rule in report.cleaning.values()), default=0),
        histograms=[
            (*words, histogram, bins(histogram))
            for field, words in DISTRIBUTIONS.items()
            for histogram in [getattr(report.distributions, field)]
        ],
        duplicates=[(*words, getattr(report.duplicates, field)) for field, words in DUPLICATES.items()],
        tags={group: sorted(tags.items(), key=lambda tag: (-tag[1], tag[0])) for group, tags in report.tags.items()},
        tags_shown=TAGS_SHOWN,
        overlapping=sum(overlap.above for overlap in report.leakage.splits.values()),
    )


def funnel(total: Account) -> list[Step]:
    """The drops in the order of `REASONS`, each with what remains after it."""
    steps, remaining = [], total.records
    for reason in in_order(total.dropped, REASONS):
        count = total.dropped[reason]
        remaining -= count
        left = min(percent(remaining, total.records), 100 - NARROWEST)
        width = max(percent(count, total.records), NARROWEST if count else 0)
        steps.append(Step(reason, count, f"{left:.2f}", f"{width:.2f}"))
    return steps


def bins(histogram: Histogram) -> list[Bin]:
    """Bars from the first to the last that is not empty."""
    filled = [number for number, count in enumerate(histogram.counts) if count]
    if not filled:
        return []
    most = max(histogram.counts)
    labels = [f"{low:,}" if high == low else f"{low:,} – {high:,}" for low, high in _ranges(histogram.bounds)]
    labels.append(f"≥ {histogram.bounds[-1]:,}")
    return [
        Bin(labels[number], histogram.counts[number], bar(histogram.counts[number], most))
        for number in range(filled[0], filled[-1] + 1)
    ]


def in_order(codes: Iterable[str], known: Mapping[str, object]) -> list[str]:
    """`codes` in the order of `known`; unknown ones come last, by name."""
    places = {code: place for place, code in enumerate(known)}
    return sorted(codes, key=lambda code: (places.get(code, len(places)), code))


def percent(count: int, whole: int) -> float:
    """Share of `whole` in percent; nothing is no share of nothing."""
    return 100 * count / whole if whole else 0.0


def bar(count: int, whole: int) -> str:
    """Width of a bar in percent, as an SVG attribute."""
    return f"{max(percent(count, whole), NARROWEST if count else 0):.2f}"


def share(count: int, whole: int) -> str:
    """Share in words: `42.2 %`. What is not nothing is never shown as 0, what is not all never as 100 %."""
    if not whole:
        return "–"
    value = percent(count, whole)
    if 0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100:
        return "> 99.9 %"
    return f"{value:.1f} %"


def number(value: float) -> str:
    """With thousands separators; a fraction with one digit."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def size(count: int) -> str:
    """Bytes in the largest unit that leaves at least 1."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{number(value)} {units[0]}"


def _ranges(bounds: list[int]) -> Iterable[tuple[int, int]]:
    """Lowest and highest whole number of each bin but the last, which is open."""
    return ((low, high - 1) for low, high in itertools.pairwise(bounds))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "visible": visible, "size": size}
    environment.globals |= {"share": share, "bar": bar, "difference": difference}
    return environment


_ENVIRONMENT = _environment()

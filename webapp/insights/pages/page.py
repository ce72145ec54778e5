"""A page of the statistics as plain data: sections, each with a table, perhaps a chart, and what to conclude."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from webapp.insights.drawing.frame import Frame
from webapp.insights.pages.table import Table


@dataclass(frozen=True)
class Section:
    """One question and its answer. `says`: the answer in words. `warns`: what keeps it from being one."""

    name: str
    title: str
    table: Table | None
    help: str = ""
    says: Sequence[str] = ()
    warns: Sequence[str] = ()
    charts: Sequence[Frame] = ()
    empty: str = "Nothing to show: no vote is among those that were asked for."
    half: bool = False
    """Beside another one where there is room."""
    link: tuple[str, str] | None = None
    """Address and words."""

    @property
    def folded(self) -> bool:
        """The table is beside a chart that shows the same, and folds away."""
        return bool(self.charts)


@dataclass(frozen=True)
class Headline:
    """A number at the head of a page."""

    label: str
    value: str
    testid: str


@dataclass(frozen=True)
class Page:
    """What is shown between the filters and the end."""

    headlines: Sequence[Headline] = ()
    verdicts: Sequence[tuple[str, str]] = ()
    """Sentences for who has no time, each with a kind: above, below, open."""
    sections: Sequence[Section] = field(default_factory=tuple)

    def table(self, name: str) -> Table | None:
        """The table of that name."""
        return next((each.table for each in self.sections if each.table and each.table.name == name), None)

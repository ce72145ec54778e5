"""Why people voted so: the reasons that they ticked, by which model they were said of.

In: a selection. Out: one row a reason, over the votes where an adapter version met a base.
"""

from dataclasses import dataclass

import numpy as np

from webapp.arena.reasons import CODES, PRAISE, REASONS
from webapp.insights.breakdowns.share import Share, share
from webapp.insights.breakdowns.versions import adapter_against_base
from webapp.insights.votes.selection import Selection


@dataclass(frozen=True)
class Reason:
    """How often a reason was ticked for the adapter's reply and for the base's."""

    code: str
    label: str
    praise: bool
    adapter: int
    base: int
    share: Share
    """Of all times that it was ticked, those for the adapter's reply."""


@dataclass(frozen=True)
class Ticked:
    """`asked`: votes where an adapter met a base; `answered`: those with a reason at all."""

    asked: int
    answered: int
    reasons: tuple[Reason, ...]


def by_reason(votes: Selection) -> Ticked:
    """Every reason, in the order in which voters see them."""
    seen = adapter_against_base(votes)
    ticked = votes["reasons"][seen.rows]
    given = np.flatnonzero(ticked)  # few: what follows looks at them only
    ticked, on_left, voter = ticked[given], seen.adapter_left[given], votes["voter"][seen.rows][given]
    found = []
    for code, label in CODES.items():
        left, right = ((ticked >> np.uint32(REASONS.index(f"{side}.{code}"))) & 1 for side in ("left", "right"))
        adapter, base = np.where(on_left, left, right).astype(bool), np.where(on_left, right, left).astype(bool)
        points = np.concatenate([np.ones(adapter.sum()), np.zeros(base.sum())])
        who = np.concatenate([voter[adapter], voter[base]])
        of_adapter = share(points, who)
        found.append(Reason(code, label, code in PRAISE, int(adapter.sum()), int(base.sum()), of_adapter))
    return Ticked(len(seen.rows), len(given), tuple(found))

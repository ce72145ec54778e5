"""How adapters do against their base in scenes with each tag.

In: a selection. Out: one row a tag; a scene with two tags is in both.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.breakdowns.share import Share, share
from webapp.insights.breakdowns.versions import adapter_against_base
from webapp.insights.votes.selection import Selection, has_tag, tags_of


@dataclass(frozen=True)
class Tagged:
    """Scenes with one tag. `votes`: of adapters against bases, both bad among them."""

    tag: str
    votes: int
    bothbad: int
    rate: Share
    """Of adapter versions against their base."""


def by_tag(votes: Selection) -> list[Tagged]:
    """Tags with votes, the commonest first."""
    seen = adapter_against_base(votes)
    sets, voter = votes["tags"][seen.rows], votes["voter"][seen.rows]
    order = np.argsort(sets, kind="stable")
    size = np.bincount(sets, minlength=len(votes.table.tag_sets))
    end = np.cumsum(size)
    found = []
    for tag in tags_of(votes.table):
        sets_with_it = np.flatnonzero(has_tag(votes.table, tag) & (size > 0))
        if not len(sets_with_it):
            continue
        rows = np.concatenate([order[end[each] - size[each] : end[each]] for each in sets_with_it])
        points = seen.points[rows]
        decided = ~np.isnan(points)
        rate = share(points[decided], voter[rows][decided])
        found.append(Tagged(tag, len(rows), int((~decided).sum()), rate))
    return sorted(found, key=lambda each: -each.votes)

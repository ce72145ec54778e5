"""How adapters do against their base in scenes with each tag.

In: a selection. Out: one row a tag, for the commonest; a scene with two tags is in both.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.breakdowns.share import Share, share
from webapp.insights.breakdowns.versions import adapter_against_base
from webapp.insights.votes.selection import Selection
from webapp.insights.votes.tags import by_votes, tags_of

MOST = 200
"""Tags that are looked at. People write their own, so there may be many thousands that say nothing alone."""


@dataclass(frozen=True)
class Tagged:
    """Scenes with one tag. `votes`: of adapters against bases, both bad among them."""

    tag: str
    votes: int
    bothbad: int
    rate: Share
    """Of adapter versions against their base."""


@dataclass(frozen=True)
class ByTag:
    """The commonest first. `rarer`: how many tags with votes come after them."""

    tags: tuple[Tagged, ...]
    rarer: int


def by_tag(votes: Selection, most: int = MOST) -> ByTag:
    """Tags with votes."""
    seen, known = adapter_against_base(votes), tags_of(votes.table)
    sets, voter = votes["tags"][seen.rows], votes["voter"][seen.rows]
    order = np.argsort(sets, kind="stable")
    size = np.bincount(sets, minlength=len(votes.table.tag_sets))
    end = np.cumsum(size)
    with_votes = by_votes(known.votes(sets))
    found = []
    for number in with_votes[:most]:
        rows = np.concatenate([order[end[each] - size[each] : end[each]] for each in known.sets_with(number)])
        points = seen.points[rows]
        decided = ~np.isnan(points)
        rate = share(points[decided], voter[rows][decided])
        found.append(Tagged(known.names[number], len(rows), int((~decided).sum()), rate))
    return ByTag(tuple(found), max(0, len(with_votes) - most))

"""Which tag is in which set of tags.

In: a `VoteTable`. Out: its `Tags`. People write tags themselves, so there may be more of them than votes: all are found
in one pass over the sets, and what follows is counting.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from webapp.insights.votes.table import BETWEEN_TAGS, VoteTable


@dataclass(frozen=True)
class Tags:
    """Upper and lower case are one. Numbers are those of `names`."""

    names: tuple[str, ...]
    """In the spelling that came first."""
    number: dict[str, int]
    """Of the case-folded name."""
    sets: np.ndarray
    """(n,) sets with tag 0, then those with tag 1, and so on; each ascending."""
    ends: np.ndarray
    """(tags,) where each tag's part of `sets` ends."""

    def sets_with(self, number: int) -> np.ndarray:
        """Those that hold the tag."""
        return self.sets[self.ends[number - 1] if number else 0 : self.ends[number]]

    def votes(self, sets: np.ndarray) -> np.ndarray:
        """(tags,) how many votes each has.

        Args:
            sets: the set of each vote.
        """
        size = np.bincount(sets, minlength=self.sets.max(initial=-1) + 1)
        tag = np.repeat(np.arange(len(self.names)), np.diff(self.ends, prepend=0))
        return np.bincount(tag, size[self.sets], minlength=len(self.names)).astype(np.int64)


def tags_of(table: VoteTable) -> Tags:
    """All that its sets hold, such too as no vote has any more."""
    return _tags_in(table.tag_sets)


@lru_cache(maxsize=2)
def _tags_in(tag_sets: tuple[str, ...]) -> Tags:
    """The same for all tables until somebody brings a new set."""
    names, number, tag, place = [], {}, [], []
    for each, tags in enumerate(tag_sets):
        for key, name in {name.casefold(): name for name in tags.split(BETWEEN_TAGS) if name}.items():
            if key not in number:
                number[key] = len(names)
                names.append(name)
            tag.append(number[key])
            place.append(each)
    order = np.argsort(np.array(tag, np.int64), kind="stable")
    ends = np.cumsum(np.bincount(np.array(tag, np.int64), minlength=len(names)))
    return Tags(tuple(names), number, np.array(place, np.int64)[order], ends)


def by_votes(votes: np.ndarray) -> np.ndarray:
    """Numbers of the tags with votes, those with most first.

    Args:
        votes: (tags,) as `Tags.votes` counts them.
    """
    order = np.argsort(-votes, kind="stable")
    return order[votes[order] > 0]

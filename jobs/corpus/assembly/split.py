"""Which threads are held out: a hash of what hangs together, so that nothing leaks and no new part moves a thread.

In: threads, each with the part in which it begins, and links between threads that share text (or an author). Out: a
split for each thread.

Parts are taken in the recipe's order. The threads that begin in a part and are linked, directly or through one
another, form a component; it goes where the oldest thread goes to which it is linked, or else where the hash of its
first thread says. What is decided for a part depends on it and the parts before it alone. A link that a later part
draws between two threads that were dealt before moves neither: of the texts that link them only one copy is kept.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from contracts.recipe import Split

SPLITS = ("train", "valid", "test")
SALT = "bardloop-1"
"""Part of the hash. Changing it deals all threads anew: test threads of old corpora would become training data."""


@dataclass(frozen=True)
class Links:
    """Links between threads: row i joins `one[i]` and `other[i]` (uint64) because of what stands in part `part[i]`."""

    one: np.ndarray
    other: np.ndarray
    part: np.ndarray


def split_of(thread: int, shares: Split) -> str:
    """`train`, `valid` or `test` for a thread that hangs together with none. The shares hold on average."""
    digest = hashlib.sha256(f"{SALT}:{thread:016x}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < shares.test:
        return "test"
    return "valid" if position < shares.test + shares.valid else "train"


def deal(threads: np.ndarray, first_part: np.ndarray, links: Links, shares: Split) -> np.ndarray:
    """Index into SPLITS of every thread (uint8). `threads` are ids (uint64, ascending), `first_part` positions."""
    one, other = np.searchsorted(threads, links.one), np.searchsorted(threads, links.other)
    splits = np.full(len(threads), 255, np.uint8)
    for part in np.unique(first_part):
        _deal_part(part, threads, first_part, (one, other, links.part), splits, shares)
    return splits


def _deal_part(part, threads, first_part, links, splits, shares) -> None:
    """Fill `splits` for the threads that begin in `part`."""
    one, other, link_part = links
    fresh = np.flatnonzero(first_part == part)
    now = link_part <= part
    both = now & (first_part[one] == part) & (first_part[other] == part)
    component = components(len(threads), one[both], other[both])[fresh]
    _, component = np.unique(component, return_inverse=True)
    # the oldest thread that a component is linked to: by the part in which it begins, then by id
    rank = np.lexsort((threads, first_part))
    order = np.empty_like(rank)
    order[rank] = np.arange(len(rank))
    place = np.full(len(threads), -1)
    place[fresh] = component
    oldest = np.full(component.max() + 1, len(threads))
    for here, there in ((one, other), (other, one)):
        outward = now & (first_part[here] == part) & (first_part[there] < part)
        np.minimum.at(oldest, place[here[outward]], order[there[outward]])
    first = np.full(component.max() + 1, len(threads))
    np.minimum.at(first, component, fresh)  # threads are in the order of their ids
    dealt = np.array([SPLITS.index(split_of(int(threads[thread]), shares)) for thread in first], np.uint8)
    linked = oldest < len(threads)
    dealt[linked] = splits[rank[oldest[linked]]]
    splits[fresh] = dealt[component]


def components(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A label for each of `count` things (int32): the same for those that the links join."""
    from scipy.sparse import (
        coo_array,  # here: the processes that write threads import this file, too, and never need it
    )
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]

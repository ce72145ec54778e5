"""What the pages show, kept while the votes stay as they are.

In: a key and how to make what it stands for. Out: that, made anew only when a vote was cast or changed. Up to
EXACT_UP_TO votes every look is exact; beyond, a look may be FRESH_S old: the page says of when.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from webapp.insights.breakdowns.flagged import Flags, flagged
from webapp.insights.votes.memory import votes_now
from webapp.insights.votes.table import VoteTable

EXACT_UP_TO = 50_000
"""Votes up to which all figures are made within a few hundredths of a second."""
FRESH_S = 60.0
MOST_KEPT = 64
"""Results: pages times filters. The one that nobody has looked at for longest goes."""


@dataclass(frozen=True)
class Shown:
    """The votes that pages are made of, and when they were read (Unix time)."""

    table: VoteTable
    at: float

    @property
    def exact(self) -> bool:
        """Whether every look reads what changed."""
        return len(self.table) <= EXACT_UP_TO

    def may_stay(self, now: float) -> bool:
        """Whether a look at `now` may still be shown these votes, although others may have come."""
        return not self.exact and 0 <= now - self.at < FRESH_S


_shown: Shown | None = None
_kept: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()
_lock, _making = threading.Lock(), threading.RLock()  # what is made may ask for what is kept


def shown() -> Shown:
    """The votes, as old as they may be."""
    global _shown
    with _lock:
        now = time.time()
        if _shown is None or not _shown.may_stay(now):
            _shown = Shown(votes_now(), now)
        return _shown


def kept(key: Hashable, now: Shown, make: Callable[[], Any]) -> Any:
    """What `make` gives for these votes. Two who ask at once do not both make it."""
    return _kept_for(now.table.state, key, make)


def kept_while_large(key: Hashable, now: Shown, make: Callable[[], Any]) -> Any:
    """For what depends on more than the votes, such as the time: kept only where there are too many for exact looks,
    and only until the votes are read again, whether or not one came.
    """
    return make() if now.exact else _kept_for((now.table.state, now.at), key, make)


def flags_shown(now: Shown) -> Flags:
    """What the rules of suspicion.py point at."""
    return kept("flags", now, lambda: flagged(now.table))


def _kept_for(state: Hashable, key: Hashable, make: Callable[[], Any]) -> Any:
    found = _find(key, state)
    if found is not None:
        return found
    with _making:
        found = _find(key, state)
        if found is None:
            found = make()
            _keep(key, state, found)
        return found


def _find(key: Hashable, state: Hashable) -> Any:
    with _lock:
        then, found = _kept.get(key, (None, None))
        if state != then:
            return None
        _kept.move_to_end(key)
        return found


def _keep(key: Hashable, state: Hashable, found: Any) -> None:
    with _lock:
        _kept[key] = (state, found)
        _kept.move_to_end(key)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)

"""How the votes stand between models: what steers the draw of pairs, and nothing else.

In: the votes' table. Out: by two models' names, how many votes and wins. Each process of the site counts for itself:
the newest votes when it starts, then now and then those that have come since. Votes that are withdrawn later stay
counted here until the process ends; a draw is none the worse for it.
"""

import collections
import math
import threading
import time
from collections.abc import Mapping

from django.db.models import Count, Max

from webapp.arena.models import Choice, Vote
from webapp.arena.pairing import Standing

LOOKED_AT = 50_000
"""Newest votes that a process counts at first."""
FRESH_S = 2.0
"""So long a count is good."""
WINS = {Choice.LEFT: 1.0, Choice.RIGHT: 0.0, Choice.TIE: 0.5}
"""Of the left side. A vote that both are bad says nothing about their order."""


class Standings:
    """One process's count. Requests that come while another one counts get what was counted before."""

    def __init__(self):
        self._counting = threading.Lock()
        self._upto: int | None = None
        self._counted_at = -math.inf
        self._found: Mapping[frozenset[str], Standing] = {}

    def now(self) -> Mapping[frozenset[str], Standing]:
        """The standings, `FRESH_S` old at most."""
        if time.monotonic() - self._counted_at > FRESH_S and self._counting.acquire(blocking=False):
            try:
                self._count()
            finally:
                self._counting.release()
        return self._found

    def _count(self) -> None:
        newest = Vote.objects.aggregate(newest=Max("number"))["newest"] or 0
        if self._upto is None or newest < self._upto:  # at first, and after the database was put back
            self._upto, self._found = max(0, newest - LOOKED_AT), {}
        found = collections.defaultdict(Standing, self._found)
        new = Vote.counting.filter(number__gt=self._upto, number__lte=newest, choice__in=WINS)
        fields = ("comparison__model_left", "comparison__model_right", "choice")
        for left, right, choice, votes in new.values_list(*fields).annotate(votes=Count("pk")):
            models = frozenset((left, right))
            wins = WINS[choice] if left == min(models) else 1 - WINS[choice]
            found[models] = Standing(found[models].votes + votes, found[models].wins + votes * wins)
        self._found, self._upto, self._counted_at = dict(found), newest, time.monotonic()


standings = Standings()

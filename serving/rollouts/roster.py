"""The engine's replicas as the control knows them: each asks what is wanted, does it, and asks again.

In: their reports. Out: the same `Wanted` for all, the news that all have carried it out, what they saw of requests.
A replica that was started again, or a new one, asks like any other and so comes to the state of now.
"""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable

from serving.refusal import Refusal, Refused
from serving.rollouts.states import Observed, Report, Wanted

ASKS_EVERY_S = 2.0
"""A replica that has heard of everything is answered after this long, ..."""
WORKING_ASKS_EVERY_S = 0.2
"""... and one that loads or tests something after this long, so that its end is heard of soon."""
SETTLES_S = 4.0
"""So long after its start the control waits for replicas that were there before it."""
CARRIES_OUT_WITHIN_S = 300.0
"""A replica that needs longer for a change is too slow: the change is given up."""
SILENT_S = 15.0
"""A replica that has not asked for so long is gone."""


@dataclasses.dataclass
class _Replica:
    report: Report
    heard_at: float


class Roster:
    """The replicas that are there."""

    def __init__(self, wanted: Callable[[int], Wanted], expects: bool = False):
        """`wanted` gives what is wanted now, under the number that it is called with.

        `expects`: there are replicas, of which nothing has been heard yet.
        """
        self._observed: collections.defaultdict[str, Observed] | None = None
        self._wanted, self._expects, self._began = wanted, expects, time.monotonic()
        # Not from 0: a replica has to see that a control which was started again is another one.
        self._numbers = itertools.count(time.time_ns())
        self._number = next(self._numbers)
        self._replicas: dict[str, _Replica] = {}
        self._change, self._report = _Signal(), _Signal()

    async def follow(self, report: Report) -> Wanted:
        """Take a report; answer when something else is wanted than what it has heard, or after ASKS_EVERY_S."""
        self._replicas[report.replica] = _Replica(report, time.monotonic())
        if self._observed is not None:
            for version, observed in report.observed.items():
                self._observed[version] += observed
        self._report.give()
        if report.heard == self._number:
            await self._change.wait(WORKING_ASKS_EVERY_S if report.working else ASKS_EVERY_S)
        self._replicas[report.replica].heard_at = time.monotonic()
        return self._wanted(self._number)

    def tell(self) -> int:
        """Tell all replicas what is wanted now; its number."""
        self._number = next(self._numbers)
        self._change.give()
        return self._number

    async def everywhere(self, loaded: bool = False) -> list[Report]:
        """Have all replicas answer by what is wanted now, or, where `loaded`, carry it out whole; their reports then.

        Those that go are left out. Raises Refusal: too_slow, CARRIES_OUT_WITHIN_S were not enough for one.
        """
        number, give_up = self.tell(), time.monotonic() + CARRIES_OUT_WITHIN_S
        while True:
            self._forget_the_silent()
            reports = [replica.report for replica in self._replicas.values()]
            late = [each.replica for each in reports if (each.number if loaded else each.pointed) < number]
            if not late and self._has_settled():
                return reports
            if time.monotonic() > give_up:
                message = f"replica {', '.join(late)} has not followed for {CARRIES_OUT_WITHIN_S:.0f} s"
                raise Refusal("too_slow", message, status=504)
            await self._report.wait(0.5)

    def _has_settled(self) -> bool:
        """Whether a replica that was there before this control would have been heard of."""
        if not self._expects:
            return True
        return time.monotonic() - self._began > (SETTLES_S if self._replicas else SILENT_S)

    def watch(self, versions: tuple[str, ...]) -> None:
        """From now on add up what becomes of requests; nothing is known of them yet."""
        self._observed = collections.defaultdict(Observed, {version: Observed() for version in versions})

    def stop_watching(self) -> None:
        """Add up no more, and forget."""
        self._observed = None

    def observed(self, version: str) -> Observed:
        """What became of the requests to a version since `watch`, on all replicas."""
        return self._observed[version] if self._observed is not None else Observed()

    async def next_report(self, within_s: float) -> None:
        """Return when a replica has reported, at the latest after `within_s` seconds."""
        await self._report.wait(within_s)

    def refused(self, version: str) -> Refused | None:
        """Why some replica does not hold a version that is wanted; None where all do."""
        return self.all_refused().get(version)

    def refusing(self, version: str) -> list[str]:
        """The replicas that do not hold a version that is wanted."""
        self._forget_the_silent()
        return sorted(name for name, each in self._replicas.items() if version in each.report.refused)

    def all_refused(self) -> dict[str, Refused]:
        """Versions that some replica does not hold, with why."""
        self._forget_the_silent()
        return {version: why for each in self._replicas.values() for version, why in each.report.refused.items()}

    def names(self) -> list[str]:
        """The replicas that are there."""
        self._forget_the_silent()
        return sorted(self._replicas)

    def _forget_the_silent(self) -> None:
        now = time.monotonic()
        self._replicas = {name: each for name, each in self._replicas.items() if now - each.heard_at <= SILENT_S}


class _Signal:
    """Wakes everybody who waits for it, each time that it is given."""

    def __init__(self):
        self._event = asyncio.Event()

    def give(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), within_s)

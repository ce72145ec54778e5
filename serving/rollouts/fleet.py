"""The registry and the replicas, changed together: on disk first, then on every replica, or on none.

In: changes of pointers, a version to load. Out: what the replicas said once they had followed.
"""

import asyncio
import dataclasses

from serving.refusal import Refusal
from serving.rollouts.registry import Event, Pointer, Registry
from serving.rollouts.roster import Roster
from serving.rollouts.states import Report, Wanted


class Fleet:
    """Attributes: registry; roster; candidate, the version that a rollout is about, held whatever the pointers say."""

    def __init__(self, registry: Registry):
        self.registry = registry
        self.candidate: str | None = None
        self.roster = Roster(self.wanted, expects=bool(registry.pointers))
        self._testing = False
        self._changing = asyncio.Lock()
        for name, pointer in registry.pointers.items():
            if pointer.canary:  # whoever judged it is gone
                registry.point_or_hold("interrupted", name, pointer.without_canary(), version=pointer.canary)

    def wanted(self, number: int) -> Wanted:
        """What every replica is to do, under this number."""
        return Wanted(number, self.registry.pointers, self.candidate, self._testing)

    async def load_and_test(self, version: str) -> list[Report]:
        """Have every replica check, load and smoke-test a version, which is then the candidate; their reports.

        Raises Refusal: too_slow.
        """
        self.candidate, self._testing = version, True
        try:
            return await self.roster.everywhere(loaded=True)
        finally:
            self._testing = False

    def release(self) -> None:
        """No version is held any more that no pointer names."""
        self.candidate = None
        self.roster.tell()

    async def point(
        self, event: Event, name: str, pointer: Pointer | None, on_disk: bool = True, undo: bool = True, **details
    ) -> None:
        """Change a pointer in the registry and on every replica; one change after the other.

        `on_disk`: where the disk takes nothing, refuse; else it holds in memory then.
        `undo`: where a replica cannot hold a version that is to answer, or does not follow, undo the change on all and
        raise Refusal; else it stays, and the name is not served where it cannot be.
        """
        async with self._changing:
            before = self.registry.pointers.get(name)
            try:
                (self.registry.point if on_disk else self.registry.point_or_hold)(event, name, pointer, **details)
            except OSError as error:
                raise Refusal("registry_not_written", f"the registry could not be written: {error}", 507) from error
            try:
                reports = await self.roster.everywhere()
                if pointer and undo:
                    _check_answered(pointer, reports)
            except Refusal as refusal:
                if undo:
                    self.registry.point_or_hold("refused", name, before, **dataclasses.asdict(refusal.refused))
                    self.roster.tell()
                    if refusal.code != "too_slow":
                        await self.roster.everywhere()
                raise


def _check_answered(pointer: Pointer, reports: list[Report]) -> None:
    """Raises Refusal: a replica does not hold what is to answer."""
    answers = {pointer.stable, pointer.canary if pointer.weight else None}
    for report in reports:
        for version in answers & report.refused.keys():
            why = report.refused[version]
            raise Refusal(why.code, f"replica {report.replica}: {why.message}", why.status)

"""The course of one rollout: load and test, rising shares of the requests, live; or back to what was before.

Between test and shares it is held where that is asked for: people vote on it then.

In: a rollout that has begun. Out: its end, in its document, the registry and the history.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Coroutine
from typing import Any

from contracts.recipe import Canary
from serving.refusal import Refusal, Refused
from serving.rollouts.canary import LEAST_REQUESTS, breach
from serving.rollouts.fleet import Fleet
from serving.rollouts.registry import Pointer
from serving.rollouts.rollout import Rollout
from serving.rollouts.states import Observed, Smoke

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


class Course:
    """What every rollout of one service goes through."""

    def __init__(self, fleet: Fleet, canary: Canary):
        """`canary` holds for rollouts that ask for none of their own."""
        self._fleet, self._canary_limits = fleet, canary
        self._registry, self._roster = fleet.registry, fleet.roster

    async def carry_out(self, rollout: Rollout) -> None:
        """Returns when it is over: its state says how it ended."""
        before = self._registry.pointers.get(rollout.name)
        details = {
            "version": rollout.version,
            "rollout": rollout.id,
            "who": rollout.asked.who,
            "why": rollout.asked.why,
        }
        try:
            rollout.smoke = await self._load_and_test(rollout)
            if rollout.asked.hold and not (before and before.stable == rollout.version):
                await self._until_released(rollout, before, details)
            if before and before.stable != rollout.version and self._is_held(before.stable, rollout):
                rollout.previous = before.stable
                await self._canary(rollout, before, details)
            elif before:
                rollout.previous = before.previous if before.previous != rollout.version else None
            _check_wanted(rollout)
            live = Pointer(stable=rollout.version, previous=rollout.previous)
            await self._fleet.point("rollout", rollout.name, live, **details, smoke=dataclasses.asdict(rollout.smoke))
            rollout.weight = 1.0
            rollout.end("live")
        except Refusal as refusal:
            await self._go_back(rollout, before, refusal.refused, details)
        except Exception as error:  # whatever it was, the version before answers, and nothing hangs
            log.exception("rollout %s of %s broke", rollout.id, rollout.version)
            await self._go_back(rollout, before, Refused("broken", f"{type(error).__name__}: {error}", 500), details)
        self._roster.stop_watching()
        self._fleet.release()

    async def _load_and_test(self, rollout: Rollout) -> Smoke:
        """Have every replica check, load and smoke-test the version; what the slowest of them says of it."""
        reports = await self._unless_withdrawn(rollout, self._fleet.load_and_test(rollout.version))
        if not reports:
            raise Refusal("no_replica", "no replica of the engine is there to load it", status=503)
        for report in reports:
            outcome = report.refused.get(rollout.version) or report.smoke
            if isinstance(outcome, Refused):
                raise Refusal(outcome.code, outcome.message, outcome.status)
        return max((report.smoke for report in reports), key=lambda smoke: smoke.seconds)

    async def _unless_withdrawn(self, rollout: Rollout, work: Coroutine) -> Any:
        """What `work` returns. Raises Refusal: withdrawn, as soon as somebody asks for that."""
        working, withdrawn = (asyncio.ensure_future(each) for each in (work, rollout.withdrawn.wait()))
        await asyncio.wait([working, withdrawn], return_when=asyncio.FIRST_COMPLETED)
        withdrawn.cancel()
        if not working.done():
            working.cancel()
        _check_wanted(rollout)
        return working.result()

    async def _until_released(self, rollout: Rollout, before: Pointer | None, details: dict) -> None:
        """Let it answer by `name@version` and by that only. Raises Refusal: withdrawn, or what a replica says."""
        rollout.previous = before and before.stable
        self._registry.record("held", rollout.name, **details)
        rollout.state = "held"
        while not rollout.released.is_set():
            _check_wanted(rollout)
            if why := self._roster.refused(rollout.version):
                raise Refusal(why.code, why.message, why.status)
            await self._roster.next_report(LOOK_EVERY_S)
        rollout.previous = None

    def _is_held(self, stable: str, rollout: Rollout) -> bool:
        """Whether the stable version is there to be compared with, and to go back to.

        Raises Refusal: stable_not_held, on some replicas and not on others; unless no canary was asked for.
        """
        refused = self._roster.refusing(stable)
        if not refused or not self._limits(rollout).steps:
            return len(refused) < len(self._roster.names())
        if len(refused) < len(self._roster.names()):
            why = self._roster.refused(stable)
            message = (
                f"{stable} is not held by {', '.join(refused)} ({why.message}): no canary can be judged against it"
            )
            raise Refusal("stable_not_held", f"{message}; roll out without steps, or start those again", status=409)
        return False

    async def _canary(self, rollout: Rollout, before: Pointer, details: dict) -> None:
        """Give it rising shares of the requests. Raises Refusal: breach, withdrawn, or what a replica refuses."""
        limits = self._limits(rollout)
        self._roster.watch((rollout.version, before.stable))
        for weight in limits.steps:
            pointer = Pointer(stable=before.stable, canary=rollout.version, weight=weight, previous=before.previous)
            await self._fleet.point("canary", rollout.name, pointer, **details, weight=weight)
            rollout.state, rollout.weight = "canary", weight
            await self._hold(rollout, before.stable, limits)

    async def _hold(self, rollout: Rollout, stable: str, limits: Canary) -> None:
        """Wait until the step has lasted or has been asked often enough, judging all the while."""
        began, at_first = time.monotonic(), self._roster.observed(rollout.version)
        step = {"weight": rollout.weight}
        rollout.steps.append(step)
        while True:
            now: Observed = self._roster.observed(rollout.version)
            answered, failed = now.answered - at_first.answered, now.failed - at_first.failed
            step |= {"requests": answered + failed, "failed": failed, "seconds": round(time.monotonic() - began, 1)}
            _check_wanted(rollout)
            if why := self._roster.refused(rollout.version):
                raise Refusal(why.code, why.message, why.status)
            other, over = self._roster.observed(stable), time.monotonic() - began >= limits.hold_seconds
            if rollout.weight == 1:  # nobody asks the stable one any more: its times are of another hour
                other = dataclasses.replace(other, first_token_s=())
            if what := breach(now, other, limits, 1 if over else LEAST_REQUESTS):
                raise Refusal("breach", f"{rollout.version} at {rollout.weight:.0%} of the requests: {what}")
            if over or answered >= limits.requests:
                return
            await self._roster.next_report(LOOK_EVERY_S)

    async def _go_back(self, rollout: Rollout, before: Pointer | None, why: Refused, details: dict) -> None:
        """Leave the name as it was before the rollout; the version that answered is still loaded."""
        pointer = self._registry.pointers.get(rollout.name)
        details = details | {"code": why.code, "message": why.message}
        if pointer and pointer.canary:
            event = "breach" if why.code == "breach" else "rollback"
            try:
                await self._fleet.point(
                    event, rollout.name, pointer.without_canary(), on_disk=False, undo=False, **details
                )
            except Refusal:  # too slow: replicas that follow no more end by themselves
                log.exception("rollout %s: not every replica has gone back yet", rollout.id)
            rollout.weight = 0.0
            rollout.end("rolled_back", why)
        else:
            self._registry.record("refused", rollout.name, **details)
            rollout.end("refused", why)

    def _limits(self, rollout: Rollout) -> Canary:
        return rollout.asked.canary or self._canary_limits


def _check_wanted(rollout: Rollout) -> None:
    if rollout.withdrawn.is_set():
        raise Refusal("withdrawn", f"{rollout.version} was rolled back by hand", status=409)

"""The one place where it is decided which version answers: a Ray Serve deployment of a single replica.

In: operations from the admin routes. Out: the registry, its history, and what the engine's replicas are wanted to do,
which they carry out before an operation is answered. Holds no model.
"""

import asyncio
import collections
import dataclasses
import logging
import secrets
from collections.abc import Coroutine
from typing import Any

from serving.logs import log_as_json
from serving.references import split_reference
from serving.refusal import Refusal, Refused
from serving.rollouts.course import Course
from serving.rollouts.fleet import Fleet
from serving.rollouts.registry import Pointer, Registry
from serving.rollouts.rollout import Asked, Rollout
from serving.rollouts.states import Report, Wanted
from serving.settings import ControlSettings

log = logging.getLogger(__name__)

KEPT_ROLLOUTS = 50


class RolloutControl:
    """Registry, replicas, and the rollout that is under way: one at a time.

    Methods that may refuse answer `Refused` as a value: they are called from other processes.
    """

    def __init__(self, settings: ControlSettings):
        """Raises RegistryError: another service holds this home, or the registry cannot be read."""
        log_as_json()
        self._settings = settings
        self._fleet = Fleet(Registry(settings.home))
        self._registry, self._roster = self._fleet.registry, self._fleet.roster
        self._rollouts: collections.OrderedDict[str, Rollout] = collections.OrderedDict()
        self._course = Course(self._fleet, settings.canary)
        self._tasks: set[asyncio.Task] = set()

    async def follow(self, report: Report) -> Wanted:
        """What a replica is to do; answers at once when that is not what it has done, else after some time."""
        return await self._roster.follow(report)

    async def roll_out(self, asked: Asked) -> dict | Refused:
        """Begin to make a version the stable one of its name; the rollout's document, which says how far it is.

        One that is under way for the same version is answered instead. Refused: bad_reference, name_taken,
        no_free_slot, in_progress.
        """
        try:
            name, _ = split_reference(asked.adapter)
            current = self._under_way()
            if current and current.version == asked.adapter:
                return current.document()
            if current:
                message = f"rollout {current.id} of {current.version} is under way"
                raise Refusal("in_progress", message, status=409)
            self._check_there_is_room(name, asked.adapter)
        except Refusal as refusal:
            if refusal.code != "in_progress":  # which is asked for again and again by who waits for its end
                self._registry.record(
                    "refused", asked.adapter, who=asked.who, why=asked.why, **dataclasses.asdict(refusal.refused)
                )
            return refusal.refused
        rollout = Rollout(secrets.token_hex(6), name, asked.adapter, asked)
        self._rollouts[rollout.id] = rollout
        while len(self._rollouts) > KEPT_ROLLOUTS:
            self._rollouts.popitem(last=False)
        self._in_background(self._course.carry_out(rollout))
        return rollout.document()

    async def release(self, identity: str, who: str, why: str) -> dict | Refused:
        """Let a rollout that is held go on; one that is not held any more stays as it is.

        Refused: no_such_rollout, not_held (it is not tested yet).
        """
        rollout = self._rollouts.get(identity)
        if not rollout:
            return Refused("no_such_rollout", f"no rollout {identity!r} since the service was started", status=404)
        if rollout.state == "loading" and rollout.asked.hold:
            return Refused("not_held", f"{rollout.version} is not loaded and tested yet", status=409)
        if rollout.state == "held" and not rollout.released.is_set():
            details = {"version": rollout.version, "rollout": rollout.id, "who": who, "why": why}
            self._registry.record("released", rollout.name, **details)
            rollout.released.set()
        return rollout.document()

    async def roll_back(self, name: str, who: str, why: str, version: str | None = None) -> dict | Refused:
        """Make the version before stable again; or end the rollout of this name that is under way.

        `version`: the one to get rid of; where it is neither stable nor under way (any more), nothing is done.

        Refused: no_such_name, no_previous, or what keeps a replica from holding that version.
        """
        return await self._to_the_end(self._roll_back(name, who, why, version))

    async def _roll_back(self, name: str, who: str, why: str, version: str | None) -> dict | Refused:
        current, pointer = self._under_way(), self._registry.pointers.get(name)
        about = (None, current.version) if current and current.name == name else ()
        if about and version in (*about, pointer and pointer.stable):
            current.withdrawn.set()
            while not current.is_over:
                await asyncio.sleep(0.02)
            pointer = self._registry.pointers.get(name)
            if version in about and current.state != "live":
                return {"name": name, "version": pointer and pointer.stable, "previous": pointer and pointer.previous}
        if not pointer:
            return Refused("no_such_name", f"no adapter has been rolled out under {name!r}", status=404)
        if version not in (None, pointer.stable):
            return {"name": name, "version": pointer.stable, "previous": pointer.previous}
        if not pointer.previous:
            return Refused("no_previous", f"{name} has no previous version", status=409)
        kept = None if self._roster.refused(pointer.stable) else pointer.stable
        back = Pointer(stable=pointer.previous, previous=kept)
        try:
            await self._fleet.point("rollback", name, back, on_disk=False, who=who, why=why)
        except Refusal as refusal:
            return refusal.refused
        return {"name": name, "version": pointer.previous, "previous": kept}

    async def retire(self, name: str, who: str, why: str) -> dict | Refused:
        """Take a name off: nothing answers by it, and its versions leave the engine when no request uses them.

        Refused: no_such_name, in_progress.
        """
        return await self._to_the_end(self._retire(name, who, why))

    async def _retire(self, name: str, who: str, why: str) -> dict | Refused:
        current = self._under_way()
        if current and current.name == name:
            return Refused("in_progress", f"rollout {current.id} of {current.version} is under way", status=409)
        pointer = self._registry.pointers.get(name)
        if not pointer:
            return Refused("no_such_name", f"no adapter has been rolled out under {name!r}", status=404)
        try:
            await self._fleet.point("retired", name, None, version=pointer.stable, who=who, why=why)
        except Refusal as refusal:
            return refusal.refused
        return {"name": name, "version": pointer.stable, "previous": pointer.previous}

    async def rollout(self, identity: str) -> dict | None:
        """The document of a rollout; None where there was none since this control started."""
        rollout = self._rollouts.get(identity)
        return rollout and rollout.document()

    async def rollouts(self) -> list[dict]:
        """Documents of the last rollouts, the newest first."""
        return [rollout.document() for rollout in reversed(self._rollouts.values())]

    async def registry(self) -> dict:
        """The pointers; what is wanted but not held, by version, with why; the replicas that are there."""
        refused = self._roster.all_refused()
        return {
            "adapters": {name: pointer.model_dump() for name, pointer in self._registry.pointers.items()},
            "not_served": {version: {"code": r.code, "message": r.message} for version, r in refused.items()},
            "replicas": self._roster.names(),
        }

    async def history(self, last: int) -> list[dict]:
        """The last lines of the history, the oldest first."""
        return self._registry.history(last)

    def close(self) -> None:
        """Leave off what is under way and give the home back."""
        for task in self._tasks:
            task.cancel()
        self._registry.close()

    def _under_way(self) -> Rollout | None:
        return next((rollout for rollout in self._rollouts.values() if not rollout.is_over), None)

    def _check_there_is_room(self, name: str, reference: str) -> None:
        if name == self._settings.base:
            raise Refusal("name_taken", f"{name} is the base model's name", status=409)
        held = {*self._fleet.wanted(0).versions(), reference}
        if len(held) > self._settings.capacity:
            raise Refusal(
                "no_free_slot",
                f"{len(held) - 1} adapters are loaded, no more fit: retire a name, or raise max-loras",
                status=409,
            )

    async def _to_the_end(self, work: Coroutine) -> Any:
        """What `work` returns; it goes on when whoever asked for it has left."""
        return await asyncio.shield(self._in_background(work))

    def _in_background(self, work: Coroutine) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # asyncio holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        return task

"""What a replica of the engine does with what is wanted: it loads, tests, answers by name, and takes off.

In: `Wanted` from the control, requests' models. Out: reports, and the version that answers a request.
"""

import asyncio
import collections
import hashlib
import logging
import random
import time

from contracts.adapter_manifest import AdapterManifest
from serving.adapters import AdapterCheck
from serving.engine import Engine
from serving.metrics import VersionMetrics
from serving.refusal import Refusal, Refused
from serving.rollouts.registry import Pointer
from serving.rollouts.smoke import smoke_test
from serving.rollouts.states import Observed, Report, Smoke, Wanted

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""Between questions to a control that does not answer; the replica goes on as it is meanwhile."""

WORKS_AT_MOST_S = 900.0
"""At one change. A file server or vLLM hangs then, and only a new replica helps."""


class Follower:
    """The adapters of one replica. Requests ask it, it asks the control."""

    def __init__(self, engine: Engine, control, replica: str):
        """`control` is Ray Serve's handle of the `RolloutControl`, `replica` what Serve calls this one."""
        self._engine, self._control, self._replica = engine, control, replica
        settings = engine.settings
        self._check = AdapterCheck(settings.home, settings.base, engine.linears, settings.engine)
        self._manifests: dict[str, AdapterManifest] = {}
        nothing = Wanted(-1, {})
        self._heard = nothing
        """What is wanted."""
        self._pointed = nothing
        """What requests are answered by."""
        self._carried_out = nothing.number
        self._work: asyncio.Task | None = None
        self._work_began = 0.0
        self._refused: dict[str, Refused] = {}
        self._smoke: Smoke | Refused | None = None
        self._observed: collections.defaultdict[str, Observed] = collections.defaultdict(Observed)
        self._metrics = VersionMetrics()

    async def start(self) -> None:
        """Return when what is wanted is loaded, or refused with a reason; go on following."""
        self._following = asyncio.create_task(self._follow())
        while self._carried_out == -1 or self._carried_out != self._heard.number:
            self.check()
            await asyncio.sleep(0.05)

    def check(self) -> None:
        """Raises RuntimeError: this replica follows no more, or has worked too long at one change."""
        if self._following.done():
            raise RuntimeError("the replica does not follow the rollout control any more") from (
                None if self._following.cancelled() else self._following.exception()
            )
        if self._is_working() and time.monotonic() - self._work_began > WORKS_AT_MOST_S:
            raise RuntimeError(f"the replica has worked at one change for {WORKS_AT_MOST_S:.0f} s")

    def resolve(self, model: str, conversation: str | None = None) -> str | None:
        """The base's name or the loaded `name@version` that answers for what a request calls its model.

        None: nobody by that name here. While a version is tried out, a share of the requests gets it; those of one
        `conversation` all get the same one, until its share is raised beyond them.
        """
        if model == self._engine.settings.base.name or model in self._held():
            return model
        pointer = self.pointers.get(model)
        if pointer is None:
            return None
        chosen, held = self._choose(pointer, conversation), self._held()
        return next((version for version in (chosen, pointer.stable) if version in held), None)

    @property
    def pointers(self) -> dict[str, Pointer]:
        """Adapter name to what answers by it."""
        return dict(self._pointed.pointers)

    def served(self) -> dict[str, str]:
        """What answers here: adapter names with their stable versions, then each loaded version by its own name."""
        held = self._held()
        names = {name: pointer.stable for name, pointer in self.pointers.items() if pointer.stable in held}
        return names | {version: version for version in held}

    def stage(self, version: str) -> str | None:
        """What a loaded version is there for, see `Wanted`."""
        return self._heard.stage(version) or self._pointed.stage(version)

    def refused(self, model: str) -> Refused | None:
        """Why a name or a version is not served here; None where it is, or where nobody wants it to be."""
        pointer = self.pointers.get(model)
        return self._refused.get(pointer.stable if pointer else model)

    def observe(self, version: str, observed: Observed) -> None:
        """Count what became of a request."""
        self._observed[version] += observed

    def _held(self) -> tuple[str, ...]:
        """Loaded versions that are wanted."""
        wanted, loaded = dict.fromkeys(self._pointed.versions() + self._heard.versions()), self._engine.loaded
        return tuple(version for version in wanted if version in loaded)

    @staticmethod
    def _choose(pointer: Pointer, conversation: str | None) -> str:
        if not pointer.canary:
            return pointer.stable
        if conversation is None:
            place = random.random()
        else:  # each rollout draws anew who gets its version first
            digest = hashlib.sha256(f"{pointer.canary} {conversation}".encode()).digest()
            place = int.from_bytes(digest[:8]) / 2**64
        return pointer.canary if place < pointer.weight else pointer.stable

    async def _follow(self) -> None:
        while True:
            self._heard = await self._ask()
            self._answer_by_what_is_wanted()
            if self._is_working():
                continue  # one after the other; what is wanted when this one is done comes then
            if self._work:
                self._work.result()  # nothing that we know of raises there
            if self._carried_out != self._heard.number:
                self._work, self._work_began = asyncio.create_task(self._carry_out(self._heard)), time.monotonic()

    def _is_working(self) -> bool:
        return self._work is not None and not self._work.done()

    def _answer_by_what_is_wanted(self) -> None:
        """Take the wanted pointers where everything is held that they need, or is known to be impossible to have."""
        ready = set(self._heard.answering()) <= set(self._engine.loaded)
        if ready or self._carried_out == self._heard.number:
            self._pointed = self._heard

    async def _ask(self) -> Wanted:
        """Report and hear what is wanted; again and again, while the control does not answer."""
        while True:
            observed, self._observed = self._observed, collections.defaultdict(Observed)
            try:
                held = self._held()
                self._metrics.tell({version: version in held for version in self._heard.versions()})
                return await self._control.follow.remote(self._report(observed))
            except (Exception, asyncio.CancelledError) as error:  # Serve raises many kinds; the control starts again
                if asyncio.current_task().cancelling():
                    raise
                log.warning("the rollout control does not answer (%s), going on as before", error)
                for version, seen in observed.items():
                    self._observed[version] += seen
                await asyncio.sleep(PAUSE_S)

    def _report(self, observed: dict[str, Observed]) -> Report:
        return Report(
            replica=self._replica,
            heard=self._heard.number,
            pointed=self._pointed.number,
            number=self._carried_out,
            working=self._is_working(),
            refused={version: why for version, why in self._refused.items() if version not in self._engine.loaded},
            smoke=self._smoke,
            observed=dict(observed),
        )

    async def _carry_out(self, wanted: Wanted) -> None:
        refused: dict[str, Refused] = {}
        for version in wanted.versions():
            if version in self._engine.loaded or version not in self._heard.versions():
                continue
            try:
                checked = await asyncio.to_thread(self._check.check, version)
                await self._engine.put_on(checked)
                self._manifests[version] = checked.manifest
            except Refusal as refusal:
                refused[version] = refusal.refused
            except Exception as error:  # a disk that is gone, ...: a report of it is all that helps
                log.exception("%s cannot be loaded", version)
                refused[version] = Refused("load_failed", f"{version}: {type(error).__name__}: {error}", 500)
            if version in refused:
                log.error("%s is not served: %s (%s)", version, refused[version].message, refused[version].code)
        smoke = None
        if wanted.test and wanted.candidate in self._engine.loaded:
            smoke = await self._tested(wanted.candidate)
        self._smoke, self._refused, self._carried_out = smoke, refused, wanted.number
        self._answer_by_what_is_wanted()
        still = self._heard.versions() + self._pointed.versions()
        for version in self._engine.loaded:
            if version not in still:
                self._engine.take_off(version)
                del self._manifests[version]

    async def _tested(self, version: str) -> Smoke | Refused:
        try:
            return await smoke_test(self._engine, self._manifests[version])
        except Refusal as refusal:
            return refusal.refused
        except Exception as error:
            log.exception("the smoke test of %s broke", version)
            return Refused("smoke_failed", f"{version}: {type(error).__name__}: {error}", 500)

"""New versions go live here: check, load, smoke-test, then move the pointer. Whatever fails, the old version stays."""

import asyncio
import dataclasses
import logging
import math
import time

from serving.adapters import AdapterCheck, CheckedAdapter, split_reference
from serving.engine import Engine
from serving.engine_arguments import adapter_capacity
from serving.refusal import Refusal
from serving.registry import Pointer, Registry

log = logging.getLogger(__name__)

SMOKE_PROMPT = "The tavern door swung open, and the stranger shook the rain from her cloak. “Is this seat taken?”"
SMOKE_TOKENS = 16
LEAST_DIFFERENCE = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}
"""Highest logprob difference on the smoke prompt that is still rounding, by the engine's dtype."""


@dataclasses.dataclass(frozen=True)
class Smoke:
    """A passed smoke test. `logprob_difference`: highest absolute one to the base over the prompt's tokens (nats)."""

    reply: str
    logprob_difference: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Rollout:
    """What is live now, what was before, and (for a rollout) how the smoke test went."""

    name: str
    version: str
    previous: str | None
    smoke: Smoke | None = None


class Rollouts:
    """The adapters of one engine, by name. One change at a time; requests go on meanwhile.

    `not_served`: names whose stable version could not be loaded at start, with the refusal. They answer nobody,
    above all not as the base, until a rollout or a rollback brings a version that loads.
    """

    def __init__(self, engine: Engine, registry: Registry):
        settings = engine.settings
        self.not_served: dict[str, Refusal] = {}
        self._engine = engine
        self._registry = registry
        self._check = AdapterCheck(settings.home, settings.base, engine.linears, settings.engine.max_lora_rank)
        self._changing = asyncio.Lock()

    async def restore(self) -> None:
        """Load again what the registry says was live. What cannot be loaded is reported, and its name not served."""
        for name, pointer in self._registry.pointers.items():
            for version in pointer.versions():
                try:
                    await self._engine.put_on(await self._checked(version))
                except Refusal as refusal:
                    log.error("%s is not served: %s (%s)", version, refusal, refusal.code)
                    self._registry.record("not_served", name, version=version, code=refusal.code, message=str(refusal))
                    if version == pointer.stable:
                        self.not_served[name] = refusal

    def resolve(self, model: str) -> str | None:
        """The base's name or a loaded `name@version` for what a request calls its model; None: nobody by that name."""
        if model == self._engine.settings.base.name or model in self._engine.loaded:
            return model
        pointer = self._registry.pointers.get(model)
        return pointer.stable if pointer and model not in self.not_served else None

    @property
    def aliases(self) -> dict[str, str]:
        """Adapter names that answer now, with their stable versions."""
        return {name: p.stable for name, p in self._registry.pointers.items() if name not in self.not_served}

    @property
    def pointers(self) -> dict[str, Pointer]:
        """The registry as it is on disk."""
        return self._registry.pointers

    async def roll_out(self, reference: str) -> Rollout:
        """Make `reference` the stable version of its name.

        Raises:
            Refusal: in_progress, name_taken, no_free_slot, smoke_failed, or what AdapterCheck and the engine refuse.
        """
        name, _ = split_reference(reference)
        async with self._one_at_a_time():
            try:
                return await self._roll_out(name, reference)
            except Refusal as refusal:
                self._registry.record("refused", name, version=reference, code=refusal.code, message=str(refusal))
                raise

    async def roll_back(self, name: str) -> Rollout:
        """Make the previous version of `name` stable again; the one it replaces becomes the previous.

        Raises:
            Refusal: in_progress, no_such_name, no_previous, or what refuses the previous version now.
        """
        async with self._one_at_a_time():
            pointer = self._registry.pointers.get(name)
            if not pointer:
                raise Refusal("no_such_name", f"no adapter has been rolled out under {name!r}", status=404)
            if not pointer.previous:
                raise Refusal("no_previous", f"{name} has no previous version", status=409)
            await self._engine.put_on(await self._checked(pointer.previous))
            kept = None if name in self.not_served else pointer.stable
            self._registry.point(name, Pointer(stable=pointer.previous, previous=kept))
            self.not_served.pop(name, None)
            self._registry.record("rollback", name, version=pointer.previous, previous=pointer.stable)
            return Rollout(name, pointer.previous, kept)

    async def _roll_out(self, name: str, reference: str) -> Rollout:
        before = self._registry.pointers.get(name)
        self._check_there_is_room(name, reference)
        adapter = await self._checked(reference)
        was_loaded = reference in self._engine.loaded
        await self._engine.put_on(adapter)
        try:
            smoke = await self._smoke_test(adapter)
        except BaseException:  # whatever ends the test, an adapter that did not pass does not stay
            if not was_loaded:
                await self._engine.take_off(reference)
            raise
        previous = self._previous(before, name, reference)
        self._registry.point(name, Pointer(stable=reference, previous=previous))
        self.not_served.pop(name, None)
        self._registry.record("rollout", name, version=reference, previous=previous, smoke=dataclasses.asdict(smoke))
        for loaded in self._engine.loaded:
            if loaded.split("@")[0] == name and loaded not in (reference, previous):
                await self._engine.take_off(loaded)
        return Rollout(name, reference, previous, smoke)

    def _check_there_is_room(self, name: str, reference: str) -> None:
        settings = self._engine.settings
        if name == settings.base.name:
            raise Refusal("name_taken", f"{name} is the base model's name", status=409)
        if reference not in self._engine.loaded and len(self._engine.loaded) >= adapter_capacity(settings.engine):
            raise Refusal(
                "no_free_slot",
                f"{len(self._engine.loaded)} adapters are loaded, no more fit: start again with a higher max-loras",
                status=409,
            )

    def _previous(self, before: Pointer | None, name: str, reference: str) -> str | None:
        """The version to fall back to once `reference` is stable."""
        if not before:
            return None
        replaced = before.previous if before.stable == reference or name in self.not_served else before.stable
        return None if replaced == reference else replaced

    async def _checked(self, reference: str) -> CheckedAdapter:
        return await asyncio.to_thread(self._check.check, reference)

    async def _smoke_test(self, adapter: CheckedAdapter) -> Smoke:
        """Ask base and adapter the same: the adapter has to reply, and its logprobs have to differ from the base's."""
        began = time.monotonic()
        answers = await asyncio.gather(
            *(
                self._engine.ask(model, SMOKE_PROMPT, SMOKE_TOKENS, prompt_logprobs=0)
                for model in (adapter.reference, self._engine.settings.base.name)
            )
        )
        own, base = (_prompt_logprobs(answer) for answer in answers)
        reply = answers[0].outputs[0].text
        if not reply.strip():
            raise Refusal("smoke_failed", f"{adapter.reference} replied with nothing to a plain prompt")
        if not all(map(math.isfinite, own)):
            raise Refusal("smoke_failed", f"{adapter.reference} has logprobs that are no numbers")
        difference = max(abs(a - b) for a, b in zip(own, base, strict=True))
        if difference <= LEAST_DIFFERENCE[self._engine.settings.engine.dtype]:
            raise Refusal("smoke_failed", f"{adapter.reference} has the base's logprobs (to {difference:.1e} nats)")
        return Smoke(reply, round(difference, 4), round(time.monotonic() - began, 2))

    def _one_at_a_time(self) -> asyncio.Lock:
        if self._changing.locked():
            raise Refusal("in_progress", "another rollout or rollback is under way", status=409)
        return self._changing


def _prompt_logprobs(answer) -> list[float]:
    """Logprob of each prompt token after the first, in nats."""
    return [
        choices[token].logprob
        for token, choices in zip(answer.prompt_token_ids[1:], answer.prompt_logprobs[1:], strict=True)
    ]

"""What control and replicas tell each other: what every replica is to do, and what one of them did and saw.

Small and picklable; no vLLM here, so that the control's process stays small.
"""

import dataclasses
from collections.abc import Mapping

from serving.refusal import Refused
from serving.rollouts.registry import Pointer


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What every replica is to do. `number` rises with every change."""

    number: int
    pointers: Mapping[str, Pointer]
    """Adapter name to what answers by it."""
    candidate: str | None = None
    """A version to load, whatever the pointers say."""
    test: bool = False
    """Whether the candidate is to be tested, too."""

    def answering(self) -> tuple[str, ...]:
        """The versions that requests get."""
        named = [(pointer.stable, pointer.canary if pointer.weight else None) for pointer in self.pointers.values()]
        return tuple(version for pair in named for version in pair if version)

    def versions(self) -> tuple[str, ...]:
        """The versions to hold, each once, those that answer first."""
        named = [version for pointer in self.pointers.values() for version in pointer.versions()]
        return tuple(dict.fromkeys([*named, *([self.candidate] if self.candidate else [])]))

    def stage(self, version: str) -> str | None:
        """What a version is there for: `stable`, `canary`, `candidate`, `previous`; None: for nothing any more."""
        stages = ("stable", "canary", "candidate", "previous")
        pointed = {stage: {getattr(pointer, stage, None) for pointer in self.pointers.values()} for stage in stages}
        pointed["candidate"] = {self.candidate}
        return next((stage for stage in stages if version in pointed[stage]), None)


@dataclasses.dataclass(frozen=True)
class Smoke:
    """A passed smoke test. Differences are the highest absolute ones over the prompt's tokens, in nats."""

    reply: str
    from_base: float
    from_peft: float | None
    """To what PEFT made of the manifest's tokens when the adapter was evaluated; None where it has none."""
    seconds: float


@dataclasses.dataclass(frozen=True)
class Observed:
    """What became of the requests to one version."""

    answered: int = 0
    failed: int = 0
    """The engine's fault; the client's mistakes and clients that went away are neither."""
    first_token_s: tuple[float, ...] = ()
    """Seconds to the first token of each streamed reply."""

    def __add__(self, other: "Observed") -> "Observed":
        return Observed(
            self.answered + other.answered, self.failed + other.failed, self.first_token_s + other.first_token_s
        )


@dataclasses.dataclass(frozen=True)
class Report:
    """What one replica did last, and what it saw since its last report."""

    replica: str
    heard: int = -1
    """The number of the last `Wanted` that it was told; -1 before the first."""
    pointed: int = -1
    """Of the one by which it answers: at once where it holds what that needs, else when it has loaded it."""
    number: int = -1
    """Of the last one that it has carried out whole."""
    working: bool = False
    """Whether it loads or tests something now."""
    refused: Mapping[str, Refused] = dataclasses.field(default_factory=dict)
    """Wanted versions that it does not hold, with why."""
    smoke: Smoke | Refused | None = None
    """How the candidate's test went."""
    observed: Mapping[str, Observed] = dataclasses.field(default_factory=dict)
    """By version, `name@version` or the base's name."""

"""One rollout: who asked for it and why, how far it is, and how it ended. What the admin routes answer."""

import asyncio
import dataclasses
import datetime
from typing import Literal

from contracts.recipe import Canary
from serving.refusal import Refused
from serving.rollouts.states import Smoke

State = Literal["loading", "held", "canary", "live", "refused", "rolled_back"]
OVER = ("live", "refused", "rolled_back")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What somebody wants. `who` and `why` go into the history."""

    adapter: str
    who: str
    why: str = ""
    canary: Canary | None = None
    """None: as the engine's recipe says."""
    hold: bool = False
    """Whether the version, once tested, answers by `name@version` only until it is released: people vote on it."""


@dataclasses.dataclass
class Rollout:
    """How far a rollout is. It is over when `state` is `live`, `refused` or `rolled_back`."""

    id: str
    name: str
    version: str
    asked: Asked
    state: State = "loading"
    weight: float = 0.0
    """Share of the requests that the new version answers now."""
    previous: str | None = None
    """The version that answered before, and does again where this one does not."""
    smoke: Smoke | None = None
    steps: list[dict] = dataclasses.field(default_factory=list)
    """Of each step of the canary: weight, requests, failed, seconds."""
    reason: Refused | None = None
    """Why it was refused or rolled back."""
    began: str = dataclasses.field(default_factory=lambda: _now())
    ended: str | None = None
    released: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when it need not be held any more."""
    withdrawn: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when a person wants the version before back."""

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    def end(self, state: State, reason: Refused | None = None) -> None:
        """It is over."""
        self.state, self.reason, self.ended = state, reason, _now()

    def document(self) -> dict:
        """For the admin routes."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "state": self.state,
            "weight": self.weight,
            "previous": self.previous,
            "smoke": self.smoke and dataclasses.asdict(self.smoke),
            "steps": self.steps,
            "reason": self.reason and {"code": self.reason.code, "message": self.reason.message},
            "who": self.asked.who,
            "why": self.asked.why,
            "began": self.began,
            "ended": self.ended,
        }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

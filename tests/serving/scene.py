"""A control of rollouts and replicas that do as they are told or refuse, without an engine."""

import asyncio
import pathlib

from contracts.recipe import Canary
from serving.refusal import Refused
from serving.rollouts.control import RolloutControl
from serving.rollouts.rollout import Asked
from serving.rollouts.states import Observed, Report, Smoke, Wanted
from serving.settings import ControlSettings

FIRST, SECOND, THIRD = (f"tale@{number:012}" for number in (1, 2, 3))
AT_ONCE = Canary(steps=())
SLOWLY = Canary(steps=(0.5,), hold_seconds=60, requests=100)
GOOD = Smoke(reply="Once", from_base=1.0, from_peft=None, seconds=0.1)


class Replica:
    """Asks the control as a replica does; refuses the versions in `refuses`, loads those in `hangs` for ever, saw of
    requests what `sees` says.
    """

    def __init__(self, control: RolloutControl, name: str):
        self.control, self.name = control, name
        self.refuses: set[str] = set()
        self.refuses_pointed: set[str] = set()
        self.hangs: set[str] = set()
        self.done = -1
        self.sees: dict[str, Observed] = {}
        self.wanted = Wanted(-1, {})

    async def follow(self) -> None:
        while True:
            refused = {v: Refused("no_such_adapter", f"{v} is not here") for v in self.wanted.versions()}
            refuses = self.refuses | (self.refuses_pointed & set(self.wanted.answering()))
            refused = {version: why for version, why in refused.items() if version in refuses}
            seen, self.sees = self.sees, {}
            number, smoke = self.wanted.number, GOOD if self.wanted.test else None
            working = bool(self.hangs & set(self.wanted.versions()))
            self.done = self.done if working else number
            report = Report(self.name, number, number, self.done, working, refused, smoke, seen)
            self.wanted = await self.control.follow(report)


class Scene:
    """A control on a home, and the replicas that follow it."""

    def __init__(self, home: pathlib.Path, replicas: int, capacity: int = 8):
        self.control = RolloutControl(ControlSettings(home, "base", capacity, AT_ONCE))
        self.replicas = [Replica(self.control, f"r{number}") for number in range(replicas)]
        self.following = [asyncio.create_task(replica.follow()) for replica in self.replicas]

    async def begin(self, version: str, canary: Canary = AT_ONCE) -> dict:
        answer = await self.control.roll_out(Asked(version, "me", "a test", canary))
        assert not isinstance(answer, Refused), answer
        return answer

    async def end_of(self, rollout: dict, *states: str) -> dict:
        while rollout["state"] not in (states or ("live", "refused", "rolled_back")):
            await asyncio.sleep(0.01)
            rollout = await self.control.rollout(rollout["id"])
        return rollout

    async def live(self, version: str) -> None:
        assert (await self.end_of(await self.begin(version)))["state"] == "live"

    async def stable(self) -> str:
        return (await self.control.registry())["adapters"]["tale"]["stable"]

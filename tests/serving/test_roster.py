"""A change reaches every replica that is there, and waits for none that is gone."""

import asyncio
import time

import pytest

from serving.refusal import Refused
from serving.rollouts import roster as module
from serving.rollouts.roster import Roster
from serving.rollouts.states import Observed, Report, Wanted


class Replica:
    """Follows a roster as a replica does. What it is told it carries out after `takes_s`."""

    def __init__(self, roster: Roster, name: str, takes_s: float = 0.0):
        self.roster, self.name, self.takes_s = roster, name, takes_s
        self.done: list[Wanted] = []
        self.refused: dict[str, Refused] = {}
        self.observed: dict[str, Observed] = {}

    async def follow(self) -> None:
        while True:
            number = self.done[-1].number if self.done else -1
            observed, self.observed = self.observed, {}
            report = Report(self.name, number, number, number, refused=self.refused, observed=observed)
            wanted = await self.roster.follow(report)
            if wanted.number != number:
                await asyncio.sleep(self.takes_s)
                self.done.append(wanted)


@pytest.fixture
def run():
    """Runs a test's coroutine with replicas that follow until it ends."""

    def run(test, *takes_s: float):
        async def scene():
            roster = Roster(lambda number: Wanted(number, {}))
            replicas = [Replica(roster, f"r{place}", each) for place, each in enumerate(takes_s)]
            following = [asyncio.create_task(replica.follow()) for replica in replicas]
            await asyncio.sleep(max(takes_s, default=0) + 0.05)
            try:
                await asyncio.wait_for(test(roster, replicas, following), 30)
            finally:
                for each in following:
                    each.cancel()

        asyncio.run(scene())

    return run


def test_a_change_is_over_when_all_have_carried_it_out(run):
    async def test(roster, replicas, _):
        began = time.monotonic()
        reports = await roster.everywhere()
        assert {report.replica for report in reports} == {"r0", "r1"}
        assert all(replica.done[-1].number == reports[0].number for replica in replicas)
        assert 0.3 <= time.monotonic() - began < 10

    run(test, 0.0, 0.3)


def test_a_change_takes_no_time_when_there_is_nothing_to_load(run):
    async def test(roster, replicas, _):
        began = time.monotonic()
        for _ in range(20):
            await roster.everywhere()
        assert time.monotonic() - began < 10  # not 20 times ASKS_EVERY_S

    run(test, 0.0, 0.0)


def test_a_replica_that_dies_meanwhile_is_not_waited_for(run, monkeypatch):
    monkeypatch.setattr(module, "SILENT_S", 3.0)
    monkeypatch.setattr(module, "ASKS_EVERY_S", 0.2)

    async def test(roster, replicas, following):
        following[1].cancel()
        reports = await roster.everywhere()
        assert [report.replica for report in reports] == ["r0"] == roster.names()

    run(test, 0.0, 0.0)


def test_without_replicas_there_is_nobody_to_wait_for(run):
    async def test(roster, replicas, _):
        assert await roster.everywhere() == []

    run(test)


def test_a_new_replica_comes_to_the_state_of_now(run):
    async def test(roster, replicas, _):
        await roster.everywhere()
        late = Replica(roster, "late")
        following = asyncio.create_task(late.follow())
        await asyncio.sleep(0.05)
        following.cancel()
        assert late.done[-1].number == replicas[0].done[-1].number

    run(test, 0.0)


def test_what_replicas_saw_and_refused_is_added_up(run, monkeypatch):
    monkeypatch.setattr(module, "ASKS_EVERY_S", 0.05)

    async def test(roster, replicas, _):
        roster.watch(("a@1",))
        for replica in replicas:
            replica.observed = {"a@1": Observed(2, 1, (0.5,))}
        replicas[1].refused = {"a@1": Refused("dora", "no")}
        while roster.observed("a@1") != Observed(4, 2, (0.5, 0.5)):  # `run` ends this where it never is
            await asyncio.sleep(0.05)
        assert roster.refused("a@1").code == "dora"
        assert roster.refused("a@2") is None

    run(test, 0.0, 0.0)

"""Rollbacks as the control decides them, with replicas that do as they are told or refuse."""

import asyncio

from tests.serving.scene import FIRST, SECOND, SLOWLY, THIRD


def test_a_rollback_that_one_replica_cannot_follow_is_undone_on_all(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        scene.replicas[0].refuses = {FIRST}
        answer = await scene.control.roll_back("tale", "me", "")
        assert (answer.code, "r0" in answer.message) == ("no_such_adapter", True)
        assert await scene.stable() == SECOND
        assert [replica.wanted.pointers["tale"].stable for replica in scene.replicas] == [SECOND, SECOND]
        assert [line["event"] for line in await scene.control.history(2)] == ["rollback", "refused"]

    run(test)


def test_a_rollback_in_the_last_moment_of_a_rollout_counts(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND)
        while await scene.stable() != SECOND:  # in the registry, and not yet everywhere
            await asyncio.sleep(0)
        answer = await scene.control.roll_back("tale", "me", "")
        assert (answer["version"], await scene.stable()) == (FIRST, FIRST)
        assert (await scene.control.rollout(rollout["id"]))["state"] == "live"

    run(test)


def test_two_rollbacks_of_one_version_are_one(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        for _ in range(2):
            answer = await scene.control.roll_back("tale", "me", "", version=SECOND)
            assert (answer["version"], await scene.stable()) == (FIRST, FIRST)

    run(test)


def test_a_rollback_that_is_sent_again_leaves_the_next_rollout_alone(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        await scene.control.roll_back("tale", "me", "", version=SECOND)
        third = await scene.end_of(await scene.begin(THIRD, SLOWLY), "canary")
        assert (await scene.control.roll_back("tale", "me", "", version=SECOND))["version"] == FIRST
        assert (await scene.control.rollout(third["id"]))["state"] == "canary"

    run(test)


def test_a_rollback_of_the_stable_version_while_the_next_one_comes_ends_both(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        third = await scene.end_of(await scene.begin(THIRD, SLOWLY), "canary")
        assert (await scene.control.roll_back("tale", "me", "", version=SECOND))["version"] == FIRST
        assert (await scene.control.rollout(third["id"]))["state"] == "rolled_back"
        assert await scene.stable() == FIRST

    run(test)


def test_a_rollback_goes_on_when_its_caller_has_left(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        scene.replicas[0].refuses = {FIRST}
        asking = asyncio.create_task(scene.control.roll_back("tale", "me", ""))
        while await scene.stable() != FIRST:
            await asyncio.sleep(0)
        asking.cancel()
        while await scene.stable() != SECOND:  # undone, as it would have been
            await asyncio.sleep(0.01)

    run(test)

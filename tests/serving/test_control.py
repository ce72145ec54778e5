"""What the control decides, with replicas that do as they are told or refuse. Those with an engine: test_rollout.py."""

import asyncio
import json

from contracts.recipe import Canary
from serving.refusal import Refused
from serving.rollouts import roster
from serving.rollouts.rollout import Asked
from serving.rollouts.states import Observed
from tests.serving.scene import AT_ONCE, FIRST, SECOND, SLOWLY, THIRD, Scene


def test_a_version_that_one_replica_cannot_hold_is_live_on_none(run):
    async def test(scene):
        await scene.live(FIRST)
        scene.replicas[1].refuses = {SECOND}
        end = await scene.end_of(await scene.begin(SECOND))
        assert (end["state"], end["reason"]["code"]) == ("refused", "no_such_adapter")
        assert [replica.wanted.pointers["tale"].stable for replica in scene.replicas] == [FIRST, FIRST]

    run(test)


def test_a_load_that_never_ends_holds_up_nothing_else(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live(SECOND)
        scene.replicas[1].hangs = {"song@000000000001"}
        rollout = await scene.begin("song@000000000001")
        await asyncio.sleep(0.1)
        assert (await scene.control.roll_back("tale", "me", ""))["version"] == FIRST
        assert (await scene.control.rollout(rollout["id"]))["state"] == "loading"
        await scene.control.roll_back("song", "me", "")
        end = await scene.end_of(rollout)
        assert (end["state"], end["reason"]["code"]) == ("refused", "withdrawn")

    run(test)


def test_a_replica_that_is_too_slow_is_named(run, monkeypatch):
    monkeypatch.setattr(roster, "CARRIES_OUT_WITHIN_S", 0.5)

    async def test(scene):
        await scene.live(FIRST)
        scene.replicas[1].hangs = {SECOND}
        end = await scene.end_of(await scene.begin(SECOND))
        assert (end["state"], end["reason"]["code"], "r1" in end["reason"]["message"]) == ("refused", "too_slow", True)
        assert await scene.stable() == FIRST

    run(test)


def test_no_canary_is_judged_against_a_version_that_not_all_hold(run):
    async def test(scene):
        await scene.live(FIRST)
        scene.replicas[0].refuses = {FIRST}
        end = await scene.end_of(await scene.begin(SECOND, SLOWLY))
        assert (end["state"], end["reason"]["code"]) == ("refused", "stable_not_held")
        assert (await scene.end_of(await scene.begin(SECOND)))["state"] == "live"

    run(test)


def test_a_canary_that_a_replica_cannot_hold_any_more_comes_off(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND, SLOWLY)
        await scene.end_of(rollout, "canary")
        scene.replicas[0].refuses = {SECOND}
        end = await scene.end_of(rollout)
        assert (end["state"], end["reason"]["code"]) == ("rolled_back", "no_such_adapter")

    run(test)


def test_a_first_version_that_cannot_be_held_leaves_no_name(run):
    async def test(scene):
        scene.replicas[0].refuses_pointed = {FIRST}  # its files go between the test and the change
        end = await scene.end_of(await scene.begin(FIRST))
        assert (end["state"], (await scene.control.registry())["adapters"]) == ("refused", {})

    run(test)


def test_failed_requests_bring_the_version_before_back(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND, SLOWLY)
        await scene.end_of(rollout, "canary")
        scene.replicas[0].sees = {SECOND: Observed(answered=20, failed=10), FIRST: Observed(answered=30)}
        end = await scene.end_of(rollout)
        assert (end["state"], end["reason"]["code"], end["weight"]) == ("rolled_back", "breach", 0)
        assert "10 of 30 requests failed" in end["reason"]["message"]
        assert await scene.stable() == FIRST

    run(test)


def test_a_step_in_which_the_few_that_asked_all_failed_is_the_last(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND, Canary(steps=(0.5,), hold_seconds=3, requests=100))
        await scene.end_of(rollout, "canary")
        scene.replicas[0].sees = {SECOND: Observed(0, 2, ())}
        end = await scene.end_of(rollout)
        assert (end["state"], end["reason"]["code"]) == ("rolled_back", "breach")

    run(test)


def test_enough_good_answers_end_a_step(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND, SLOWLY)
        await scene.end_of(rollout, "canary")
        for replica in scene.replicas:
            replica.sees = {SECOND: Observed(answered=50)}
        end = await scene.end_of(rollout)
        assert (end["state"], end["previous"], end["steps"][0]["requests"]) == ("live", FIRST, 100)

    run(test)


def test_the_second_of_two_is_told_the_first_ones_id(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await scene.begin(SECOND, SLOWLY)
        late = await scene.control.roll_out(Asked(THIRD, "me"))
        assert (late.code, late.status, rollout["id"] in late.message) == ("in_progress", 409, True)
        assert (await scene.begin(SECOND))["id"] == rollout["id"]
        assert (await scene.control.retire("tale", "me", "")).code == "in_progress"

    run(test)


async def hold(scene: Scene, version: str) -> dict:
    """A rollout that waits for its release."""
    rollout = await scene.control.roll_out(Asked(version, "me", "people vote", AT_ONCE, hold=True))
    return await scene.end_of(rollout, "held", "refused", "live")


def test_a_held_version_is_loaded_and_nothing_points_to_it_until_it_is_released(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await hold(scene, SECOND)
        assert (rollout["state"], rollout["previous"], rollout["weight"]) == ("held", FIRST, 0)
        await asyncio.sleep(0.7)  # longer than between two looks
        assert await scene.stable() == FIRST
        for replica in scene.replicas:
            assert SECOND in replica.wanted.versions() and SECOND not in replica.wanted.answering()
        released = await scene.control.release(rollout["id"], "me", "better")
        assert not isinstance(released, Refused)
        assert (await scene.end_of(rollout))["state"] == "live"
        assert await scene.stable() == SECOND
        assert [line["event"] for line in await scene.control.history(3)] == ["held", "released", "rollout"]

    run(test)


def test_the_first_version_of_a_name_can_be_held_too(run):
    async def test(scene):
        rollout = await hold(scene, FIRST)
        assert (rollout["state"], rollout["previous"]) == ("held", None)
        assert (await scene.control.registry())["adapters"] == {}
        await scene.control.release(rollout["id"], "me", "better")
        assert (await scene.end_of(rollout))["state"] == "live" and await scene.stable() == FIRST

    run(test)


def test_a_held_version_that_is_withdrawn_leaves_what_was_before(run):
    async def test(scene):
        await scene.live(FIRST)
        rollout = await hold(scene, SECOND)
        answer = await scene.control.roll_back("tale", "me", "not better", version=SECOND)
        assert answer["version"] == await scene.stable() == FIRST
        end = await scene.end_of(rollout)
        assert (end["state"], end["reason"]["code"]) == ("refused", "withdrawn")
        await scene.live(THIRD)
        assert all(SECOND not in replica.wanted.versions() for replica in scene.replicas)

    run(test)


def test_only_what_is_held_can_be_released(run):
    async def test(scene):
        assert (await scene.control.release("0a1b2c", "me", "")).code == "no_such_rollout"
        scene.replicas[0].hangs = {FIRST}
        rollout = await scene.control.roll_out(Asked(FIRST, "me", "", AT_ONCE, hold=True))
        assert (await scene.control.release(rollout["id"], "me", "")).code == "not_held"
        scene.replicas[0].hangs = set()
        await scene.end_of(rollout, "held")
        for _ in range(2):  # sent twice
            assert (await scene.control.release(rollout["id"], "me", ""))["version"] == FIRST
        await scene.end_of(rollout)
        assert (await scene.control.release(rollout["id"], "me", ""))["state"] == "live"
        assert [line["event"] for line in await scene.control.history(9)] == ["held", "released", "rollout"]

    run(test)


def test_a_canary_that_nobody_judges_any_more_comes_off(run, tmp_path):
    async def interrupted(scene):
        await scene.live(FIRST)
        await scene.end_of(await scene.begin(SECOND, SLOWLY), "canary")

    async def again(scene):
        assert json.loads((tmp_path / "serving" / "registry.json").read_text())["tale"]["canary"] is None
        assert (await scene.control.history(1))[0]["event"] == "interrupted"
        await scene.live(THIRD)

    run(interrupted)
    run(again)


def test_without_a_replica_nothing_goes_live(run):
    async def test(scene):
        end = await scene.end_of(await scene.begin(FIRST))
        assert (end["state"], end["reason"]["code"]) == ("refused", "no_replica")

    run(test, replicas=0)


def test_a_full_disk_refuses_and_changes_nothing(run, tmp_path):
    async def test(scene):
        await scene.live(FIRST)
        before = (tmp_path / "serving" / "registry.json").read_bytes()
        (tmp_path / "serving" / "registry.json.part").symlink_to("/dev/full")
        end = await scene.end_of(await scene.begin(SECOND))
        assert (end["state"], end["reason"]["code"]) == ("refused", "registry_not_written")
        assert (tmp_path / "serving" / "registry.json").read_bytes() == before
        assert [replica.wanted.pointers["tale"].stable for replica in scene.replicas] == [FIRST, FIRST]

    run(test)


def test_what_does_not_fit_is_refused_until_a_name_is_retired(run):
    async def test(scene):
        await scene.live(FIRST)
        await scene.live("song@000000000001")
        full = await scene.control.roll_out(Asked("poem@000000000001", "me"))
        assert (full.code, full.status) == ("no_free_slot", 409)
        await scene.control.retire("song", "me", "nobody asks it")
        await scene.live("poem@000000000001")
        assert await scene.control.roll_out(Asked("base@000000000001", "me")) == Refused(
            "name_taken", "base is the base model's name", 409
        )

    run(test, capacity=2)

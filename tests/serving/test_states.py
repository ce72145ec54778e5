"""What the control tells the replicas: which versions to hold, and what each is there for."""

import pytest

from serving.rollouts.registry import Pointer
from serving.rollouts.states import Wanted

FIRST, SECOND, THIRD = "demo@000000000001", "demo@000000000002", "demo@000000000003"


@pytest.mark.parametrize(
    ("pointer", "candidate", "stages"),
    [
        (Pointer(stable=FIRST), None, {FIRST: "stable"}),
        (Pointer(stable=SECOND, previous=FIRST), THIRD, {SECOND: "stable", FIRST: "previous", THIRD: "candidate"}),
        (Pointer(stable=SECOND, previous=FIRST), FIRST, {SECOND: "stable", FIRST: "candidate"}),
        (Pointer(stable=FIRST, canary=SECOND, weight=0.1), None, {FIRST: "stable", SECOND: "canary"}),
        (Pointer(stable=FIRST, canary=SECOND, weight=0.1), SECOND, {FIRST: "stable", SECOND: "canary"}),
        (Pointer(stable=FIRST), FIRST, {FIRST: "stable"}),
        (None, FIRST, {FIRST: "candidate"}),
    ],
)
def test_what_a_version_is_there_for(pointer, candidate, stages):
    wanted = Wanted(1, {"demo": pointer} if pointer else {}, candidate)
    assert {version: wanted.stage(version) for version in wanted.versions()} == stages


def test_nothing_is_said_about_others():
    assert Wanted(1, {"demo": Pointer(stable=FIRST)}).stage(SECOND) is None

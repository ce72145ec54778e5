"""One replica, two under load, one again: nobody's reply is lost, and each replica serves what is live."""

import time

import pytest

from benchmarks.serving.servers import ours
from benchmarks.serving.traffic import Traffic
from tests.serving.adapters import publish
from tests.serving.conftest import RECIPE, RunningEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SCALES_WITHIN_S = 400
SETTINGS = (
    "min-replicas=1",
    "max-replicas=2",
    "requests-per-replica=3",
    "scale-up-after-seconds=1",
    "scale-down-after-seconds=5",
    "drain-seconds=60",
)


def wait_for_replicas(engine: RunningEngine, count: int) -> None:
    """Return when so many follow the rollout control, which knows of one that has gone after some seconds."""
    give_up = time.monotonic() + SCALES_WITHIN_S
    while len(replicas := engine.admin("GET", "registry").json()["replicas"]) != count:
        assert time.monotonic() < give_up, f"{count} replicas wanted: {replicas}"
        time.sleep(0.5)


def test_replicas_come_and_go_with_the_load_and_no_request_fails(base_model, trained, tmp_path):
    (tmp_path / "models").symlink_to(base_model.parent)
    first, second = (publish(trained[i], tmp_path, "voice") for i in (0, 1))
    with ours(tmp_path, RECIPE, *SETTINGS) as server:
        engine = RunningEngine.of(server, base_model.name)
        engine.roll_out(first)
        with Traffic(server, "voice", tokens=16, streams=2) as before:
            with Traffic(server, "voice", tokens=64, streams=6) as rush:
                wait_for_replicas(engine, 2)
                engine.roll_out(second)  # on both
                changed = time.monotonic()
                time.sleep(5)
            wait_for_replicas(engine, 1)
            time.sleep(2)
        assert engine.client().completions.create(model="voice", prompt="Once", max_tokens=2).model == second

    requests = before.requests + rush.requests
    assert len(requests) > 50
    assert [request for request in requests if request.failed] == []
    assert {request.version for request in requests if request.began > changed} == {second}

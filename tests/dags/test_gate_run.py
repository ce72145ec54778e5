"""A run of the DAG `rollout` whose adapter people vote down: it is left alone, and that is no failure."""

import json

from tests.dags.test_rollout_run import ROOT, RUN, make_adapter
from tests.plugins.test_gate import HELD, told, world  # noqa: F401 (world is a fixture)


def test_an_adapter_that_the_votes_stop_is_withdrawn(airflow, world, tmp_path):  # noqa: F811
    world.rollouts, world.gate = [HELD], told("stop", "not_better")
    adapter = make_adapter(tmp_path / "adapters")
    place = {"conn_type": "http", "host": "127.0.0.1", "port": world.server_port, "password": "a-key"}
    conf = {"recipe": "demo", "overrides": ["rollout.approval=votes"]}
    states = airflow.run(
        *("-c", RUN, str(ROOT / "dags" / "rollout.py"), json.dumps(conf)),
        BARDLOOP_HOME=str(tmp_path),
        AIRFLOW_CONN_BARDLOOP_SERVING=json.dumps(place),
        AIRFLOW_CONN_BARDLOOP_WEB=json.dumps(place),
    )
    assert json.loads(states) == {
        "run": "success",
        "settings": "success",
        "who_approves": "success",
        "what_is_known": "skipped",
        "approval": "skipped",
        "promote": "success",
        "gate": "skipped",
        "live": "skipped",
    }
    (begun, asked), (withdrawn, what) = world.changes
    assert (begun, asked["adapter"], asked["hold"]) == ("/admin/rollouts", adapter, True)
    assert (withdrawn, what["version"], what["why"]) == ("/admin/rollbacks", adapter, "Because it is not_better.")

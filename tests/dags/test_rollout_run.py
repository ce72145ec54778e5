"""A run of the DAG `rollout` by hand, against an HTTP server that answers as the engine's border says."""

import datetime
import http.server
import json
import pathlib
import threading

import pytest

from contracts.adapter_manifest import AdapterManifest

ROOT = pathlib.Path(__file__).parents[2]
VERSION = "0123456789ab"

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

run = DagBag(dag_folder=sys.argv[1]).dags["rollout"].test(run_conf=json.loads(sys.argv[2]))
print(json.dumps({"run": run.state, **{task.task_id: task.state for task in run.get_task_instances()}}))
"""


@pytest.fixture
def engine():
    """Accepts every rollout, which is live at once; the adapters it was asked for are in `engine.asked`. Of the first
    it knows nothing any more when it is asked how far it is: as if it had been started again. Every other question
    finds it away.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.looks += 1
            if self.server.looks % 2:  # every other time it is away
                self.send_error(503)
                return
            live = [{"version": asked[2], "state": "live", "weight": 1.0} for asked in self.server.asked[1:]]
            self.answer({"rollouts": live} if "rollouts" in self.path else {})

        def do_POST(self):
            adapter = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["adapter"]
            self.server.asked.append((self.path, self.headers["Authorization"], adapter))
            self.answer({"id": "0a1b2c", "version": adapter, "state": "loading"})

        def answer(self, body):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.looks = [], 0
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_the_newest_adapter_of_the_recipe_is_promoted(airflow, engine):
    adapter = make_adapter(airflow.home / "data" / "adapters")
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": engine.server_port, "password": "admin-key"}
    states = airflow.run(
        *("-c", RUN, str(ROOT / "dags" / "rollout.py"), json.dumps({"recipe": "demo"})),
        AIRFLOW_CONN_BARDLOOP_SERVING=json.dumps(connection),
    )
    assert json.loads(states) == {
        "run": "success",
        "settings": "success",
        "who_approves": "success",
        "what_is_known": "skipped",
        "approval": "skipped",  # recipes/demo.yaml: automatic
        "promote": "success",
        "gate": "success",  # as above: nobody is asked
        "live": "success",
    }
    assert engine.asked == [("/admin/rollouts", "Bearer admin-key", adapter)] * 2


def make_adapter(folder):
    """The manifest of an adapter, as the job `evaluate` leaves it; its reference."""
    manifest = AdapterManifest(
        name="demo",
        version=VERSION,
        base_model="SmolLM2-135M-Instruct",
        base_digest="0" * 12,
        rank=16,
        alpha=32,
        target_modules=("q_proj",),
        recipe="demo",
        run_id="r1",
        corpus_digest="1" * 12,
        created_at=datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC),
    )
    (folder / manifest.reference).mkdir(parents=True)
    (folder / manifest.reference / "manifest.json").write_text(manifest.model_dump_json())
    return manifest.reference

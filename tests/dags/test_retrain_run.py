"""The loop closes: votes on the real site, a real run of the DAG `retrain` with real jobs on a tiny base model."""

import json

import pytest

from contracts.adapter_manifest import AdapterManifest
from contracts.votes import read_watermark
from tests.dags.conftest import ROOT
from tests.training import tiny
from tests.votes.conftest import (  # noqa: F401 (fixtures)
    EXPORT_KEY,
    cast,
    engine,
    postgres,
    running_site,
    scripted_engine,
    site,
    site_environment,
    visitor,
)

pytestmark = pytest.mark.slow

RUN_TWICE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

dag = DagBag(dag_folder=sys.argv[1]).dags["retrain"]
runs = [dag.test(run_conf=json.loads(sys.argv[2])) for _ in range(2)]
states = [{task.task_id: task.state for task in run.get_task_instances()} for run in runs]
print(json.dumps([{"run": run.state, **tasks} for run, tasks in zip(runs, states, strict=True)]))
"""
SCENE = {"title": "House", "player": "Ada", "character": "Bo", "post": "The bell rings."}
FEW_STEPS = ["train.max_steps=2", "train.save_steps=2", "train.max_length=512", "evaluate.max_samples=2"]


@pytest.fixture
def retrain(airflow, bag, site, tmp_path):  # noqa: F811
    """Runs the DAG twice by hand; the states of each run and its tasks."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    environment = {
        "BARDLOOP_HOME": str(tmp_path),
        "AIRFLOW_CONN_BARDLOOP_WEB": json.dumps(
            {"conn_type": "http", "host": host, "port": int(port), "password": EXPORT_KEY}
        ),
        "BARDLOOP_WEB_URL": site.url,
        "BARDLOOP_EXPORT_KEY": EXPORT_KEY,
        "WANDB_MODE": "disabled",
    }

    def run_twice() -> list[dict[str, str]]:
        overrides = [*tiny.overrides(tmp_path), *FEW_STEPS, "train.wandb.mode=disabled"]
        conf = json.dumps({"recipe": "demo", "overrides": overrides})
        dag = str(ROOT / "dags" / "retrain.py")
        return json.loads(airflow.run("-c", RUN_TWICE, dag, conf, timeout=400, **environment))

    return run_twice


def test_the_loop_closes(retrain, cast, tmp_path):  # noqa: F811
    tiny.prepare(tmp_path)
    for who in ("adapter", "base", "bothbad"):
        cast(who, own=SCENE)
    states, again = retrain()
    assert set(states.values()) == {"success"}, states
    mark = read_watermark(tmp_path, "demo")
    assert mark.vote > 0 and mark.corpus == tiny.CORPUS
    (path,) = (tmp_path / "adapters").glob("demo@*/manifest.json")
    manifest = AdapterManifest.model_validate_json(path.read_text())
    assert (manifest.votes, manifest.run_id) == (2, mark.run_id)

    assert again["run"] == "success" and again["whats_new"] == "skipped"  # nobody has voted since
    assert {again[task] for task in ("votes", "train", "evaluate", "watermark")} == {"skipped"}

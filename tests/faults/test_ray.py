"""A Ray cluster on which parts die while a task of Airflow waits for its job: the next try goes on from the checkpoint.

What the backend says of each death stands in tests/plugins/test_ray_faults.py.
"""

import asyncio
import json
import sys

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from bardloop_airflow.batch.interface import JobState
from bardloop_airflow.operators import batch_job
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.task_defaults import GPUS
from tests.plugins.conftest import RayCluster, python_job, ray  # noqa: F401  (fixtures)
from tests.plugins.jobs import COUNT_STARTS, HOLD_ON, SAVE_AT_SIGTERM, TELL_PID, end_of, process_of
from tests.plugins.ray_cluster import HEAD_CPUS
from tests.plugins.test_batch_on_clusters import context
from tests.plugins.waiting import wait_until
from tests.processes import lives

pytestmark = pytest.mark.slow

CPUS = HEAD_CPUS + 1
STEPS = 60
TRAINING = f"""#!{sys.executable} -S
import json, os, pathlib, signal, sys, time
if "train" not in sys.argv:  # what stands around the job
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
home = pathlib.Path(os.environ["BARDLOOP_HOME"])
checkpoint = home / "checkpoint"
begin = step = int(checkpoint.read_text()) if checkpoint.exists() else 0
def save(*_):
    checkpoint.write_text(str(step))
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
(home / "told").write_text(f"{{os.getpid()}}\\n")
while step < {STEPS}:
    time.sleep(0.1)
    step += 1
print(json.dumps({{"begin": begin, "end": step}}))
"""


@pytest.fixture(scope="module")
def ray_cluster():
    """One of this module's own: it does not survive."""
    cluster = RayCluster()
    yield cluster
    cluster.kill()


@pytest.fixture
def task(ray_cluster, tmp_path, monkeypatch):
    """Makes one try of a task whose job needs more CPUs than the head has."""
    place = ray_cluster.place()
    connection = {"conn_type": "generic", "host": place.host, "port": place.port, "password": place.token}
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_RAY", json.dumps(connection))
    python = tmp_path / "python"
    python.write_text(TRAINING)
    python.chmod(0o755)
    monkeypatch.setenv("BARDLOOP_JOB_PYTHON", str(python))
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.1)
    wanted = ["batch.backend=ray", f"batch.cpus={CPUS}", "batch.memory_gib=0.1"]
    return lambda: BatchJobOperator(
        task_id="train", job="train", settings={"recipe": "demo", "overrides": wanted}, pool=GPUS
    )


def test_a_training_whose_node_is_lost_is_retried_from_its_checkpoint(task, ray_cluster, tmp_path):
    raylet, given = ray_cluster.add_node(cpus=CPUS), context()
    with pytest.raises(TaskDeferred) as deferred:
        task().execute(given)
    training = process_of(tmp_path)
    raylet.kill()
    event = asyncio.run(anext(deferred.value.trigger.run()))
    with pytest.raises(AirflowException, match="lost on"):
        task().job_ended(given, event.payload)
    assert not lives(training)
    reached = int((tmp_path / "checkpoint").read_text())
    assert 0 < reached < STEPS
    with pytest.raises(TaskDeferred) as deferred:
        task().execute(given)  # waits until there is a node again
    ray_cluster.add_node(cpus=CPUS)
    event = asyncio.run(anext(deferred.value.trigger.run()))
    assert task().job_ended(given, event.payload) == {"begin": reached, "end": STEPS}


def test_a_killed_job_supervisor_doubles_no_job_and_leaves_none(python_job, ray, tmp_path):  # noqa: F811
    spec = python_job(COUNT_STARTS + SAVE_AT_SIGTERM)
    ray.submit(spec)
    training = process_of(tmp_path)
    [supervisor] = [parent for parent in training.parents() if "JobSupervisor" in " ".join(parent.cmdline())]
    supervisor.kill()
    end = end_of(ray, spec, within_s=60)
    assert end.exit_code is None, end  # lost: Airflow tries again
    assert (tmp_path / "starts").read_text() == "x"
    assert (tmp_path / "checkpoint").exists() and not lives(training)


def test_a_job_outlives_the_job_agent_of_the_head(ray_cluster, python_job, ray, tmp_path):  # noqa: F811
    spec = python_job(COUNT_STARTS + TELL_PID + HOLD_ON)
    ray.submit(spec)
    process_of(tmp_path)
    [agent] = [child for child in ray_cluster.head.children() if "DashboardAgent" in " ".join(child.cmdline())]
    agent.kill()
    wait_until(lambda: not lives(ray_cluster.head), within_s=30)  # Ray ends a node with its agent
    (tmp_path / "go on").touch()
    assert end_of(ray, spec).state is JobState.SUCCEEDED
    assert (tmp_path / "starts").read_text() == "x"

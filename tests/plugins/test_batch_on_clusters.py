"""Operator and trigger on Ray and Slurm, reached by an Airflow connection: a task defers, wakes up, has its summary."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred
from airflow.sdk.timezone import utcnow

from bardloop_airflow.batch.interface import JobState
from bardloop_airflow.operators import batch_job
from bardloop_airflow.operators.batch_job import BatchJobOperator
from tests.plugins.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["ray", "slurm"])
def overrides(request, tmp_path, monkeypatch):
    """What makes a recipe run its jobs on a cluster to which Airflow has a connection; none of them runs afterwards."""
    name = request.param
    request.getfixturevalue(name)  # which also sees to the jobs' end
    connection = {"conn_type": "generic"}
    if name == "ray":
        place = request.getfixturevalue("ray_cluster").place()
        connection |= {"host": place.host, "port": place.port, "password": place.token}
    monkeypatch.setenv(f"AIRFLOW_CONN_BARDLOOP_{name.upper()}", json.dumps(connection))
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.1)
    return [f"batch.backend={name}"]


def test_a_task_waits_deferred_for_its_job(overrides, capsys):
    task, given = operator(overrides), context()
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(given)
    event = asyncio.run(anext(deferred.value.trigger.run()))
    assert "speed is not reckoned" in capsys.readouterr().out  # where the task's log goes outside of Airflow
    wakes_up_as = operator(overrides)
    assert getattr(wakes_up_as, deferred.value.method_name)(given, event.payload)["trainable_parameters"] > 0


def test_wrong_arguments_fail_the_task_at_once(overrides):
    task, given = operator(overrides, job="train"), context()  # without its run id
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(given)
    event = asyncio.run(anext(deferred.value.trigger.run()))
    with pytest.raises(AirflowFailException, match="run-id"):
        task.job_ended(given, event.payload)


def test_a_task_whose_time_is_up_ends_its_job(overrides):
    task = operator(overrides)
    with pytest.raises(TaskDeferred):
        task.execute(context())
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        task.on_kill()
    backend, job = task._backend, task.submission_id
    wait_until(lambda: backend.status(job).state.final, within_s=30)
    assert backend.status(job).state is JobState.CANCELLED


def operator(overrides, job="plan") -> BatchJobOperator:
    return BatchJobOperator(task_id=job, job=job, settings={"recipe": "demo", "overrides": overrides})


def context() -> dict:
    """What Airflow gives a task."""
    ti = SimpleNamespace(
        dag_id="corpus", run_id="manual__1", task_id="plan", map_index=-1, max_tries=2, start_date=utcnow()
    )
    return {"ti": ti, "outlet_events": None, "task_state_store": Store()}


class Store(dict):
    """The two methods of Airflow's task state store."""

    def set(self, key, value, **_):
        self[key] = value

"""kill -9 of what Airflow is made of while a job runs: one job, its whole log, a run that succeeds, nothing left over.

The triggerer's own faults stand in tests/dags/test_deferred_jobs.py.
"""

import pathlib
import shutil
import tempfile
import time

import pytest

from tests.airflow_services import RunningAirflow
from tests.faults.outcome import outcome, start_run
from tests.faults.supervision import IDLE_WORKER, supervised

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running():
    """The services, with a PostgreSQL of their own. When they are stopped no process of theirs may be left."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-faults-"))
    running = RunningAirflow(home)
    try:
        running.start_all()
        with supervised(running):
            yield running
    finally:
        left = running.stop()
        shutil.rmtree(home)
    assert [title for title in left if not title.startswith(IDLE_WORKER)] == []


@pytest.mark.parametrize("followed_by", ["worker", "trigger"])
@pytest.mark.parametrize("service", ["airflow-scheduler", "airflow-api", "postgres"])
def test_a_killed_service_costs_no_job_and_no_line(running, service, followed_by):
    run = start_run(running, f"{service}-{followed_by}")
    if followed_by == "trigger":
        run.wait_for("deferred", within_s=60)
    with running.without(service):
        time.sleep(1)
    assert_it_ends_well(running, run)


@pytest.mark.parametrize("which", ["worker", "task"])
def test_a_killed_task_runner_costs_no_job_and_no_line(running, which):
    run = start_run(running, which)
    worker, task = running.task_runner()
    (worker if which == "worker" else task).kill()
    assert assert_it_ends_well(running, run).tries == 2


def assert_it_ends_well(running, run):
    result = outcome(running, run)
    assert result.well, result
    assert result.repeated < 20 * 25, result  # 20 lines a second
    return result

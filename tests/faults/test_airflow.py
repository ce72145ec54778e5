"""kill -9 of what Airflow is made of while a job runs: one job, its whole log, a run that succeeds, nothing left over.

The triggerer's own faults stand in tests/dags/test_deferred_jobs.py.
"""

import pathlib
import shutil
import tempfile
import time

import psutil
import pytest

from tests.airflow_services import RunningAirflow
from tests.faults.outcome import outcome, start_run
from tests.faults.supervision import IDLE_WORKER, supervised
from tests.plugins.waiting import wait_until
from tests.processes import lives

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


def test_a_try_that_airflow_gave_up_leaves_its_job_to_the_next(running):
    run = start_run(running, "silent")
    worker, task = running.task_runner()
    worker.suspend()  # Airflow hears nothing of the task for longer than it waits
    wait_until(lambda: run.ask("get", run.task)["try_number"] == 2, within_s=90)
    run.wait_for("running", "deferred", within_s=60)
    worker.resume()  # hears that the task should not be there any more, and tells it to end
    psutil.wait_procs([task], timeout=60)
    assert not task.is_running()
    assert assert_it_ends_well(running, run).tries == 2


def test_marking_a_running_task_failed_ends_its_job(running):
    run = start_run(running, "marked")
    [pid] = run.pids()
    run.ask("patch", run.task, json={"new_state": "failed"})
    wait_until(lambda: not lives(pid), within_s=30)
    assert run.state() == "failed"


def test_clearing_a_running_task_ends_its_job_and_starts_a_fresh_one(running):
    run = start_run(running, "cleared")
    run.clear()
    wait_until(lambda: len(run.pids()) == 2, within_s=60)
    first, second = run.pids()
    assert not lives(first) and lives(second)
    run.end()
    run.wait_for("success", within_s=60)
    assert len(run.pids()) == 2


def assert_it_ends_well(running, run):
    result = outcome(running, run)
    assert result.well, result
    assert result.repeated < 20 * 25, result  # 20 lines a second
    return result

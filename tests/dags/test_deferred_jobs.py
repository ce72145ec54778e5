"""Deferred jobs in a real Airflow (API server, scheduler, DAG processor, triggerer) on PostgreSQL, as in the demo.

The job is a script: it counts its starts, writes numbered lines and a progress bar, and ends when it is told to.
"""

import json
import pathlib
import shutil
import signal
import tempfile
import time
from collections import Counter

import httpx
import psutil
import pytest

from tests.airflow_services import Run, RunningAirflow
from tests.plugins.waiting import wait_until
from tests.processes import lives
from tests.statements import statements

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(airflow):
    """The services, on a copy of the migrated database."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-deferred-"))
    running = RunningAirflow(home, airflow.copy_database("migrated", "deferred"))
    try:
        running.start_all()
        yield running
    finally:
        running.stop()
        shutil.rmtree(home)


@pytest.fixture
def start(running):
    """Starts a run, or several at once, and returns when their tasks are deferred."""
    client = running.log_in()

    def start(*parts: str, dag_id: str = "waiting") -> Run | list[Run]:
        runs = [Run(running, client, dag_id, part) for part in parts]
        for run in runs:
            run.wait_for("deferred", within_s=90)
        return runs[0] if len(runs) == 1 else runs

    yield start
    client.close()


def test_it_works(start):
    run = start("well")
    run.place.with_suffix(".end").touch()
    progress = f"{run.task}/xcomEntries/progress"
    wait_until(lambda: run.client.get(f"/api/v2/{progress}").is_success, within_s=30)
    shown = run.ask("get", progress, params={"deserialize": True})["value"]
    assert run.state() == "deferred"
    run.end()
    run.wait_for("success")
    assert {name: shown[name] for name in ("done", "of", "remaining", "loss")} == {
        "done": 3,
        "of": 12,
        "remaining": "00:15",
        "loss": "2.345",
    }
    lines = run.summary()["lines"]
    assert run.numbered_lines() == [f"line {number:05} of well" for number in range(1, lines + 1)]
    assert f"well: that was line {lines}" in run.log()
    assert len(run.pids()) == 1


def test_a_killed_and_a_restarted_triggerer_lose_no_line_and_leave_the_job_alone(start, running):
    run = start("restarts")
    time.sleep(3)
    with running.without("airflow-triggerer"):
        time.sleep(1)
    seen = len(run.numbered_lines())
    wait_until(lambda: len(run.numbered_lines()) > seen + 40, within_s=60)
    time.sleep(3)
    with running.without("airflow-triggerer", signal.SIGTERM):
        pass
    run.end()
    run.wait_for("success", within_s=90)
    lines = run.summary()["lines"]
    times = Counter(run.numbered_lines())
    assert sorted(times) == [f"line {number:05} of restarts" for number in range(1, lines + 1)]
    assert set(times.values()) <= {1, 2, 3}
    assert sum(times.values()) - lines < 2 * 20 * 25  # at two restarts, 20 lines a second, up to 23 s each
    assert len(run.pids()) == 1


def test_marking_a_task_failed_ends_its_job(start):
    run = start("unwanted")
    wait_until(lambda: any("trigger" in line and "starting" in line for line in run.log()))
    [pid] = run.pids()
    run.ask("patch", run.task, json={"new_state": "failed"})
    wait_until(lambda: not lives(pid), within_s=30)
    assert run.state() == "failed"
    wait_until(lambda: any(line.endswith("the task is failed") for line in run.log()))
    assert run.ask("get", "dags/unwanted_jobs/dagRuns")["total_entries"] == 0  # its own trigger did it


def test_jobs_that_became_unwanted_while_the_triggerer_was_down_end_when_it_is_back(start, running):
    marked, deleted = start("marked", "deleted")
    pids = marked.pids() + deleted.pids()
    damaged = running.home / "batch" / "waiting-work-0000000000000000-1"  # must not keep the others from their end
    damaged.mkdir()
    whose = {"backend": "local", "dag_id": "waiting", "run_id": "gone", "task_id": "work", "map_index": -1}
    (damaged / "task.json").write_text(json.dumps(whose))
    (damaged / "pid").write_text("{")
    with running.without("airflow-triggerer"):
        marked.ask("patch", marked.task, json={"new_state": "failed"})
        deleted.ask("patch", f"dags/waiting/dagRuns/{deleted.run_id}", json={"state": "failed"})
        assert deleted.client.delete(f"/api/v2/dags/waiting/dagRuns/{deleted.run_id}").is_success
    # To start takes the triggerer 10 s, its first question to the database as long, then come two looks: 25 s in all,
    # and some minutes on a machine that is busy with other things.
    wait_until(lambda: not any(map(lives, pids)), within_s=240)
    shutil.rmtree(damaged)
    traces = "dags/unwanted_jobs/dagRuns"  # the marked task's trigger may have been there in time to end its job itself
    wait_until(lambda: "success" in [run["state"] for run in marked.ask("get", traces)["dag_runs"]], within_s=60)


def test_clearing_a_task_ends_its_job_and_starts_a_fresh_one(start):
    run = start("again")
    run.clear()
    wait_until(lambda: len(run.pids()) == 2, within_s=60)
    first, second = run.pids()
    assert not lives(first) and lives(second)
    run.wait_for("deferred")
    run.end()
    run.wait_for("success")
    assert len(run.pids()) == 2
    assert {folder.name[-2:] for folder in run.batch.iterdir() if "again" in (folder / "spec.json").read_text()} == {
        "-1",
        "-2",
    }


def test_a_job_that_takes_too_long_is_cancelled(start):
    run = start("late", dag_id="hurried")
    [pid] = run.pids()
    run.wait_for("failed", within_s=60)
    assert not lives(pid)
    assert len(run.pids()) == 1


def test_a_waiting_job_holds_no_slot_and_asks_the_database_less_than_once_a_second(start, running):
    def asked(seconds: float) -> Counter:  # PostgreSQL ends what idles in a transaction for 15 s
        """What the triggerer alone asks the database, up to its first value, and how often within `seconds`."""
        others = [process for name, process in running.processes.items() if name != "airflow-triggerer"]
        groups = [psutil.Process(process.pid) for process in others]
        groups += [child for process in groups for child in process.children(recursive=True)]
        groups = [process for process in groups if process.is_running()]
        for process in groups:
            process.suspend()
        try:
            return Counter(line.partition("=")[0] for line in statements(running.database_url, seconds))
        finally:
            for process in groups:
                process.resume()

    seconds = 10
    nothing_waits = asked(seconds)
    parts = [f"quiet-{number}" for number in range(10)]
    for part in parts:
        (running.home / part).with_suffix(".end").touch()  # it writes nothing but its progress
    runs = start(*parts)
    told = [f"/api/v2/{run.task}/xcomEntries/progress" for run in runs]
    wait_until(lambda: all(runs[0].client.get(each).is_success for each in told), within_s=60)
    time.sleep(2)
    some_wait = asked(seconds)
    pool = runs[0].ask("get", "pools/default_pool")
    assert (pool["occupied_slots"], pool["deferred_slots"]) == (0, len(runs))
    for run in runs:
        run.place.with_suffix(".code").write_text("0")
    more = some_wait - nothing_waits
    print(f"the triggerer asked {nothing_waits.total()} times, with jobs that wait {some_wait.total()}: {more}")
    assert (some_wait.total() - nothing_waits.total()) / seconds / len(runs) < 1


def test_a_wrong_recipe_is_not_retried_and_another_failure_is(start):
    wrong, unlucky = start("wrong", "unlucky")
    wrong.end(code=2)
    wrong.wait_for("failed")
    assert wrong.ask("get", wrong.task)["try_number"] == 1
    unlucky.end(code=1)
    wait_until(lambda: len(unlucky.pids()) == 2, within_s=60)
    unlucky.wait_for("failed")
    assert unlucky.ask("get", unlucky.task)["try_number"] == 2


def test_a_task_has_buttons_for_what_there_is(start, running):
    run = start("linked")
    site = running.layout.address("BARDLOOP_WEB_PORT")
    at_first = {"Evaluation": None, "Ray job": None, "Voting site": site, "wandb run": None}
    wait_until(lambda: run.links() == at_first)  # the worker leaves them after it has deferred the task
    run.place.with_suffix(".end").touch()
    known = at_first | {"wandb run": "https://wandb.example/linked"}
    wait_until(lambda: run.links() == known)
    run.end()
    run.wait_for("success")
    page = "/bardloop-evaluations/demo/linked/evaluation.html"
    wait_until(lambda: run.links() == known | {"Evaluation": page})
    answer = run.client.get(page)
    assert answer.status_code == 200 and "<h1>linked</h1>" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert httpx.get(run.client.base_url.join(page)).status_code == 401
    for other in ("demo/another/evaluation.html", "demo/..%2Flinked/evaluation.html", "demo/linked/evaluation.json"):
        assert run.client.get(f"/bardloop-evaluations/{other}").status_code == 404

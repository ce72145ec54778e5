"""Which job a try of a task follows: it attaches, and starts anew only after a failure, a clear or a cancel."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from bardloop_airflow.batch.local import LocalBackend
from bardloop_airflow.operators import batch_job
from tests.plugins.one_task import Store, jobs, run
from tests.plugins.waiting import wait_until


def test_a_retry_attaches_to_the_running_job(job, tmp_path):
    job(
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)\n"
        "print('{}')"
    )
    store = Store()
    with ThreadPoolExecutor() as pool:
        tries = [pool.submit(run, store=store)]  # the worker of this one is lost to Airflow, but lives on
        wait_until(lambda: (tmp_path / "starts").exists())
        tries += [pool.submit(run, store=store) for _ in range(2)]
        time.sleep(0.5)
        (tmp_path / "go").touch()
    assert [each.result() for each in tries] == [{}, {}, {}]
    assert (tmp_path / "starts").read_text() == "x"
    assert len(jobs(tmp_path)) == 1


def test_a_retry_takes_the_result_again_when_airflow_did_not_hear_of_it(job, tmp_path):
    store = Store()
    assert run(store=store) == {}
    assert run(store=store) == {}  # the worker died between the job's end and its report
    assert (tmp_path / "starts").read_text() == "x"


def test_a_try_that_died_before_it_submitted_is_made_good(job, tmp_path, monkeypatch):
    class Death(BaseException):
        pass

    def die(*_):
        raise Death

    store = Store()
    with monkeypatch.context() as patch, pytest.raises(Death):
        patch.setattr(LocalBackend, "submit", die)
        run(store=store)
    assert run(store=store) == {}
    assert [name[-2:] for name in jobs(tmp_path)] == ["-1"]


def test_after_a_failure_the_next_try_starts_a_new_job(job, tmp_path):
    job("sys.exit(1)")
    store = Store()
    with pytest.raises(AirflowException):
        run(store=store)
    job("print('{\"second\": true}')")
    assert run(store=store) == {"second": True}
    assert [name[-2:] for name in jobs(tmp_path)] == ["-1", "-2"]


def test_clearing_a_task_that_succeeded_runs_its_job_again(job, tmp_path):
    store = Store()
    run(store=store)
    run(store=store, max_tries=3)
    assert (tmp_path / "starts").read_text() == "xx"


def test_a_run_that_was_deleted_and_made_again_does_its_work_again(job, tmp_path):
    run()
    run()
    assert (tmp_path / "starts").read_text() == "xx"


def test_clearing_a_task_whose_job_runs_ends_it_and_starts_a_new_one(job, tmp_path, monkeypatch):
    job("time.sleep(300)")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.2)
    store = Store()
    with pytest.raises(TaskDeferred):
        run(store=store)
    with pytest.raises(TaskDeferred):
        run(store=store)  # a retry: the worker died before it could defer
    assert [name[-2:] for name in jobs(tmp_path)] == ["-1"]
    with pytest.raises(TaskDeferred):
        run(store=store, max_tries=3)  # Airflow allows two more tries from the cleared one on
    backend = LocalBackend(tmp_path / "batch")
    assert [backend.status(name).state for name in jobs(tmp_path)] == ["cancelled", "running"]


def test_a_job_that_was_asked_for_otherwise_before_is_ended(job, tmp_path, monkeypatch):
    job("time.sleep(300)")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.2)
    store = Store()
    for part in "ab":
        with pytest.raises(TaskDeferred):
            run(store=store, arguments={"part": part})
    backend = LocalBackend(tmp_path / "batch")
    assert sorted(backend.status(name).state for name in jobs(tmp_path)) == ["cancelled", "running"]


def test_a_success_that_nobody_took_before_the_task_was_cleared_is_not_taken(job, tmp_path, monkeypatch):
    job(f"time.sleep(0.5); open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('{{}}')")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.1)
    store = Store()
    with pytest.raises(TaskDeferred):
        run(store=store)
    wait_until((tmp_path / "starts").exists)
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 20)
    assert run(store=store, max_tries=3) == {}
    assert (tmp_path / "starts").read_text() == "xx"


def test_other_work_is_another_job(job, tmp_path):
    run()
    run(run_id="manual__2")
    run(arguments={"part": "a"})
    assert len(jobs(tmp_path)) == 3
    assert (tmp_path / "starts").read_text() == "xxx"


def test_a_try_does_not_attach_to_a_job_that_is_being_cancelled(job, tmp_path, monkeypatch):
    job(f"import signal; signal.signal(15, signal.SIG_IGN); open({str(tmp_path / 'starts')!r}, 'a').write('x'); "
        "time.sleep(3)")  # fmt: skip
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.2)
    store, backend = Store(), LocalBackend(tmp_path / "batch")
    with pytest.raises(TaskDeferred):
        run(store=store)
    wait_until((tmp_path / "starts").exists)
    backend.cancel(jobs(tmp_path)[0])
    assert backend.status(jobs(tmp_path)[0]).state == "running"
    with pytest.raises(TaskDeferred):  # Airflow starts a cleared task that ran again, and its max_tries stay
        run(store=store)
    first, second = jobs(tmp_path)
    assert (backend.status(first).state.final, second[-2:]) == (True, "-2")


def test_a_stored_job_is_looked_for_on_its_own_backend(job, tmp_path, monkeypatch):
    job("time.sleep(300)")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.2)
    store = Store()
    with pytest.raises(TaskDeferred):
        run(store=store)
    monkeypatch.setenv("BARDLOOP_BATCH_BACKEND", "ray")  # there is no connection to any
    with pytest.raises(TaskDeferred) as deferred:
        run(store=store)
    assert deferred.value.trigger.serialize()[1]["backend"] == "local"
    assert len(jobs(tmp_path)) == 1
    owner = json.loads((tmp_path / "batch" / jobs(tmp_path)[0] / "task.json").read_text())
    assert owner == {
        "backend": "local", "dag_id": "corpus", "run_id": "manual__1", "task_id": "download", "map_index": -1
    }  # fmt: skip

"""The operator with the local backend: attach, start anew only after a failure or a clear, tell why a job failed.

Outside of Airflow: in and out of the deferral goes tests/dags/test_deferred_jobs.py.
"""

import json
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import NEVER_EXPIRE
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.timezone import utcnow

from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.batch.connections import place_of
from bardloop_airflow.batch.interface import Place
from bardloop_airflow.batch.local import LocalBackend
from bardloop_airflow.links import RayJobLink
from bardloop_airflow.operators import batch_job
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.task_defaults import GPUS
from tests.plugins.waiting import wait_until

SETTINGS = {"recipe": "demo", "overrides": []}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Sets what the job's interpreter does: a piece of Python that finds the job's command line in sys.argv[1:]."""
    interpreter = tmp_path / "python"

    def does(code: str):
        interpreter.write_text(f"#!{sys.executable} -S\nimport os, sys, time\n{code}\n")
        interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("BARDLOOP_JOB_PYTHON", str(interpreter))
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    does(f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('{{}}')")
    yield does
    backend = LocalBackend(tmp_path / "batch")
    for folder in backend.folder.glob("[!.]*"):
        backend.cancel(folder.name)
        wait_until(lambda name=folder.name: backend.status(name).state.final)


def run(run_id="manual__1", outlet_events=None, store=None, max_tries=2, **fields):
    """One try of a task of one run; the task's result."""
    return operator(**fields).execute(context(run_id, outlet_events, store, max_tries))


def operator(**fields):
    fields = {"task_id": "download", "job": "download", "settings": SETTINGS} | fields
    return BatchJobOperator(**fields)


def context(run_id="manual__1", outlet_events=None, store=None, max_tries=2):
    """What Airflow gives a task. `store` is its state store, which outlives the tries."""
    ti = SimpleNamespace(
        dag_id="corpus", run_id=run_id, task_id="download", map_index=-1, max_tries=max_tries, start_date=utcnow()
    )
    return {"ti": ti, "outlet_events": outlet_events, "task_state_store": Store() if store is None else store}


class Store(dict):
    """The two methods of Airflow's task state store. Every run of a DAG has its own."""

    def set(self, key, value, *, retention):
        assert retention is NEVER_EXPIRE  # else a training of two months would be started again
        self[key] = value


def jobs(tmp_path):
    return sorted(folder.name for folder in (tmp_path / "batch").iterdir())


def test_it_works(job, capsys):
    job("print('loading', file=sys.stderr); print('noise'); print('{\"bytes\": 12}')")
    assert run(arguments={"part": "uuub3g"}) == {"bytes": 12}
    assert "loading" in capsys.readouterr().out  # where the task's log goes outside of Airflow


def test_the_command_holds_recipe_overrides_and_arguments(job, tmp_path):
    job("import json; print(json.dumps({'argv': sys.argv[1:]}))")
    settings = {"recipe": "demo", "overrides": ["train.max_steps=6"]}
    words = " ".join(run(settings=settings, arguments={"run_id": "r1"})["argv"])
    assert words.startswith("-m jobs download --recipe /")
    assert words.endswith(f"recipes/demo.yaml --home {tmp_path} --set train.max_steps=6 --run-id r1")


def test_training_is_launched_by_accelerate(job):
    job("import json; print(json.dumps({'argv': sys.argv[1:]}))")
    words = " ".join(run(job="train", accelerate=True, arguments={"run_id": "r1"})["argv"])
    assert words.startswith("-m accelerate.commands.launch --config_file /")
    assert "config/accelerate/cpu.yaml --num_processes 1 --quiet -m jobs train --recipe /" in words


@pytest.mark.parametrize(
    ("machines", "fields", "asked"),
    [
        (1, {"pool": GPUS, "accelerate": True}, {"cpus": 3, "gpus": 8, "processes": 8, "memory_gib": 64}),
        (2, {"pool": GPUS}, {"cpus": 3, "gpus": 4, "processes": 1, "memory_gib": 64}),
        (2, {}, {"cpus": 1, "gpus": 0, "processes": 1, "memory_gib": None}),
    ],
    ids=["training", "evaluation", "download"],
)
def test_a_job_asks_for_what_the_recipe_gives_its_pool(job, tmp_path, machines, fields, asked):
    recipe = {"processes": 8, "machines": machines, "gpus": 8, "cpus": 3, "memory_gib": 64}
    run(settings={"recipe": "demo", "overrides": [f"batch.{name}={value}" for name, value in recipe.items()]}, **fields)
    [name] = jobs(tmp_path)
    spec = json.loads((tmp_path / "batch" / name / "spec.json").read_text())
    assert {field: spec[field] for field in ("machines", *asked)} == {"machines": 1, **asked}


def test_a_failure_is_told_with_the_last_line_of_the_job(job):
    job("print('download: part a answers 404', file=sys.stderr); print('bye', file=sys.stderr); sys.exit(1)")
    with pytest.raises(AirflowException, match=r"^download: part a answers 404 \(failed, exit code 1\)$"):
        run()


def test_a_job_that_calls_its_input_wrong_is_not_retried(job):
    job("print('train.max_stepz: unknown key', file=sys.stderr); sys.exit(2)")
    with pytest.raises(AirflowFailException, match=r"^train.max_stepz: unknown key$"):
        run()


def test_a_wrong_recipe_is_not_retried(job, tmp_path):
    with pytest.raises(AirflowFailException, match=r"train\.max_stepz: unknown key, did you mean 'max_steps'"):
        run(settings={"recipe": "demo", "overrides": ["train.max_stepz=1"]})
    assert not (tmp_path / "batch").exists()


def test_a_backend_without_a_connection_names_it(job):
    with pytest.raises(
        AirflowFailException, match=r"batch\.backend is ray, but Airflow has no connection 'bardloop_ray'"
    ):
        run(settings={"recipe": "demo", "overrides": ["batch.backend=ray"]})


def test_a_connection_whose_extra_cannot_be_read_is_named(job, monkeypatch):
    connection = {"conn_type": "generic", "extra": "partition=gpu"}
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_SLURM", json.dumps(connection))
    with pytest.raises(AirflowFailException, match=r"connection 'bardloop_slurm': its extra is no JSON"):
        run(settings={"recipe": "demo", "overrides": ["batch.backend=slurm"]})


def test_a_connection_says_where_a_backend_is(monkeypatch):
    connection = {"conn_type": "generic", "host": "head", "port": 8265, "password": "t", "extra": {"partition": "gpu"}}
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_SLURM", json.dumps(connection))
    assert place_of("slurm") == Place("head", 8265, "t", {"partition": "gpu"})
    assert "'t'" not in repr(place_of("slurm"))
    assert place_of("local") == Place()


def test_a_summary_that_is_no_json_is_a_failure(job):
    job("print('done!')")
    with pytest.raises(AirflowException, match="no JSON object: 'done!'"):
        run()


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


def test_a_long_job_defers_for_what_is_left_of_the_time(job, monkeypatch):
    job("time.sleep(300)")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.5)
    with pytest.raises(TaskDeferred) as deferred:
        run(execution_timeout=timedelta(seconds=60))
    assert timedelta(seconds=50) < deferred.value.timeout < timedelta(seconds=59.5)
    assert deferred.value.trigger.serialize()[1]["backend"] == "local"


def test_other_work_is_another_job(job, tmp_path):
    run()
    run(run_id="manual__2")
    run(arguments={"part": "a"})
    assert len(jobs(tmp_path)) == 3
    assert (tmp_path / "starts").read_text() == "xxx"


def test_killing_the_task_cancels_the_job(job, tmp_path):
    job(f"open({str(tmp_path / 'starts')!r}, 'a').write(str(os.getpid())); time.sleep(300)")
    task, outcome = operator(), []

    def execute():
        try:
            task.execute(context())
        except AirflowException as error:
            outcome.append(str(error))

    trying = threading.Thread(target=execute)
    trying.start()
    wait_until(lambda: (tmp_path / "starts").exists() and (tmp_path / "starts").read_text())
    task.on_kill()
    trying.join(timeout=20)
    assert outcome == ["download wrote nothing to stderr (cancelled, exit code 143)"]


@pytest.mark.parametrize(
    ("extra", "dashboard"), [({}, "http://head:8265"), ({"browser_url": "https://ray.example/"}, "https://ray.example")]
)
def test_a_ray_job_is_linked_where_browsers_reach_the_dashboard(extra, dashboard, monkeypatch):
    connection = {"conn_type": "http", "host": "head", "port": 8265, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_RAY", json.dumps(connection))
    task = operator()
    assert RayJobLink().get_link(task, ti_key=None) == ""
    task.batch_backend, task.submission_id = "ray", "corpus-download-0123456789abcdef-1"
    assert RayJobLink().get_link(task, ti_key=None) == f"{dashboard}/#/jobs/corpus-download-0123456789abcdef-1"


def test_the_events_of_the_outlets_say_what_they_are_about(job):
    job('print(\'{"adapter": "demo@0123456789ab", "path": "/x"}\')')
    events = {ADAPTER: SimpleNamespace(extra={})}
    run(outlet_events=events, outlets=[ADAPTER], event_facts=["adapter"])
    assert events[ADAPTER].extra == {"recipe": "demo", "overrides": [], "adapter": "demo@0123456789ab"}


def test_a_task_that_is_killed_before_it_submits_starts_no_job(job, tmp_path):
    task = operator()

    class Interrupted(Store):
        def get(self, key):  # Airflow's handler of SIGTERM calls on_kill wherever the task happens to be
            task.on_kill()

    with pytest.raises(AirflowFailException, match="ended before its job was submitted"):
        task.execute(context(store=Interrupted()))
    assert not (tmp_path / "starts").exists()


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


@pytest.mark.parametrize(
    ("code", "overrides", "said"),
    [("print('train: too late', file=sys.stderr); sys.exit(124)", [], "too late"),
     ("pass", ["batch.machines=2", "batch.processes=2"], "batch.backend=local is this machine")],
    ids=["time is up", "refused"],
)  # fmt: skip
def test_what_a_retry_cannot_help_is_not_retried(job, code, overrides, said):
    job(code)
    settings = {"recipe": "demo", "overrides": overrides}
    with pytest.raises(AirflowFailException, match=said):
        run(job="train", accelerate=True, pool=GPUS, settings=settings)


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

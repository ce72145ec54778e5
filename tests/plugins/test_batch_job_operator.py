"""The operator with the local backend: what it asks for, what it tells, when it defers, how it is ended.

Outside of Airflow: in and out of the deferral goes tests/dags/test_deferred_jobs.py.
"""

import json
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout, TaskDeferred

from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.batch.connections import place_of
from bardloop_airflow.batch.interface import JobState, Place
from bardloop_airflow.links import RayJobLink
from bardloop_airflow.operators import batch_job
from bardloop_airflow.task_defaults import GPUS
from tests.plugins.one_task import Store, context, jobs, operator, run
from tests.plugins.waiting import wait_until


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


def test_a_long_job_defers_for_what_is_left_of_the_time(job, monkeypatch):
    job("time.sleep(300)")
    monkeypatch.setattr(batch_job, "DEFERS_AFTER_S", 0.5)
    with pytest.raises(TaskDeferred) as deferred:
        run(execution_timeout=timedelta(seconds=60))
    assert timedelta(seconds=50) < deferred.value.timeout < timedelta(seconds=59.5)
    assert deferred.value.trigger.serialize()[1]["backend"] == "local"


@pytest.fixture
def trying(job, tmp_path):
    """A task whose job runs, and what becomes of its try."""
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
    yield task, outcome
    trying.join(timeout=20)


def test_a_task_whose_time_is_up_cancels_its_job(trying):
    task, outcome = trying
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        task.on_kill()
    wait_until(lambda: outcome)
    assert outcome == ["download wrote nothing to stderr (cancelled, exit code 143)"]


def test_a_try_that_cannot_learn_what_became_of_its_task_leaves_the_job_alone(trying):
    task, _ = trying
    task.on_kill()
    status = task._backend.status(task.submission_id)
    task._backend.cancel(task.submission_id)
    assert status.state is JobState.RUNNING


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

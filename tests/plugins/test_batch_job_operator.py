"""The operator with the local backend: attach, start anew only after a failure, tell why a job failed."""

import os
import signal
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.batch.local import LocalBackend
from bardloop_airflow.operators.batch_job import BatchJobOperator
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


def run(run_id="manual__1", outlet_events=None, **fields):
    """One try of a task of one run; the task's result."""
    return operator(**fields).execute(context(run_id, outlet_events))


def operator(**fields):
    fields = {"task_id": "download", "job": "download", "settings": SETTINGS} | fields
    return BatchJobOperator(**fields)


def context(run_id="manual__1", outlet_events=None):
    ti = SimpleNamespace(dag_id="corpus", run_id=run_id, task_id="download", map_index=-1)
    return {"ti": ti, "outlet_events": outlet_events}


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


def test_a_backend_that_is_not_there_is_named(job):
    with pytest.raises(AirflowFailException, match=r"batch\.backend: 'slurm' is not available yet, expected 'local'"):
        run(settings={"recipe": "demo", "overrides": ["batch.backend=slurm"]})


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
    with ThreadPoolExecutor() as pool:
        tries = [pool.submit(run) for _ in range(3)]
        wait_until(lambda: (tmp_path / "starts").exists())
        (tmp_path / "go").touch()
    assert [each.result() for each in tries] == [{}, {}, {}]
    assert (tmp_path / "starts").read_text() == "x"
    assert len(jobs(tmp_path)) == 1


def test_a_retry_takes_the_result_of_a_job_that_ended_meanwhile(job, tmp_path):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        LocalBackend.collect = lambda *_: os._exit(9)  # this try's process dies before Airflow hears of the success
        run()
    os.waitpid(pid, 0)
    assert run() == {}
    assert (tmp_path / "starts").read_text() == "x"


def test_after_a_failure_the_next_try_starts_a_new_job(job, tmp_path):
    job("sys.exit(1)")
    with pytest.raises(AirflowException):
        run()
    job("print('{\"second\": true}')")
    assert run() == {"second": True}
    assert [name[-2:] for name in jobs(tmp_path)] == ["-1", "-2"]


def test_clearing_a_task_that_succeeded_runs_its_job_again(job, tmp_path):
    run()
    run()
    assert (tmp_path / "starts").read_text() == "xx"


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


def test_the_events_of_the_outlets_say_what_they_are_about(job):
    job('print(\'{"adapter": "demo@0123456789ab", "path": "/x"}\')')
    events = {ADAPTER: SimpleNamespace(extra={})}
    run(outlet_events=events, outlets=[ADAPTER], event_facts=["adapter"])
    assert events[ADAPTER].extra == {"recipe": "demo", "overrides": [], "adapter": "demo@0123456789ab"}

"""The Ray backend against a real Ray with token authentication: the same promises as the local one, over a cluster."""

import json
import os
import pathlib
import secrets
import subprocess
import sys

import pytest

from bardloop_airflow.batch.follow import follow
from bardloop_airflow.batch.interface import BatchError, JobState, Place
from bardloop_airflow.batch.ray import RayBackend
from bardloop_airflow.commands import accelerate_launcher, job_command
from contracts.job_spec import JobSpec
from tests.plugins.jobs import (
    COUNT_STARTS,
    HOLD_ON,
    SAVE_AT_SIGTERM,
    TELL_PID,
    end_of,
    process_of,
    processes_for,
    start,
)
from tests.plugins.ray_cluster import HEAD_CPUS
from tests.plugins.waiting import wait_until
from tests.ports import free_port
from tests.processes import lives
from tests.training import tiny

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]


def test_it_works(ray, python_job):
    spec = python_job("import sys; print('{\"part\": \"a\"}'); print('parsing', file=sys.stderr)")
    ray.submit(spec)
    lines = []
    status = follow(ray, spec.submission_id, lines.append)
    assert (status.state, status.exit_code) == (JobState.SUCCEEDED, 0)
    assert lines == ["parsing"]
    assert ray.read_output(spec.submission_id) == '{"part": "a"}'


def test_a_failed_job_tells_its_exit_code(ray, python_job):
    spec = python_job("import sys; print('download: part a answers 404', file=sys.stderr); sys.exit(2)")
    ray.submit(spec)
    status = end_of(ray, spec)
    assert (status.state, status.exit_code) == (JobState.FAILED, 2)
    assert ray.read_log(spec.submission_id).text == "download: part a answers 404\n"


def test_the_log_is_read_on_from_an_offset_while_the_job_runs(ray, python_job, tmp_path):
    spec = python_job(
        "import os, time\n"
        "os.write(2, b'first line\\n')\n"
        "while not os.path.exists('go on'): time.sleep(0.02)\n"
        "os.write(2, b'last line\\n')"
    )
    ray.submit(spec)
    wait_until(lambda: "first" in ray.read_log(spec.submission_id).text)
    assert ray.status(spec.submission_id).state is JobState.RUNNING
    first = ray.read_log(spec.submission_id)
    (tmp_path / "go on").touch()
    end_of(ray, spec)
    assert ray.read_log(spec.submission_id, first.offset).text == "last line\n"


def test_the_job_has_the_environment_of_its_spec_and_the_gpus_it_asks_for(ray, python_job):
    wishes = {"cpus": 3, "gpus": 2, "memory_gib": 0.5, "grace_s": 90, "environment": {"BARDLOOP_HOME": "/data"}}
    spec = python_job("import json, os; print(json.dumps(dict(os.environ)))", **wishes)
    ray.submit(spec)
    assert end_of(ray, spec).exit_code == 0
    seen = json.loads(ray.read_output(spec.submission_id))
    assert (seen["BARDLOOP_HOME"], seen["CUDA_VISIBLE_DEVICES"]) == ("/data", "0,1")
    assert float(seen["RAY_JOB_STOP_WAIT_TIME_S"]) > 90  # else Ray kills a training that writes its checkpoint


def test_what_no_node_has_is_waited_for(ray, python_job, tmp_path):
    specs = [python_job(COUNT_STARTS, **wish) for wish in ({"cpus": 1000}, {"gpus": 3}, {"memory_gib": 10_000})]
    for spec in specs:
        ray.submit(spec)
    fits = python_job("pass")
    ray.submit(fits)
    end_of(ray, fits)
    assert [ray.status(spec.submission_id).state for spec in specs] == [JobState.PENDING] * 3


def test_a_job_waits_until_there_is_room_for_it_and_can_be_cancelled_meanwhile(ray, ray_cluster, python_job, tmp_path):
    first = python_job(TELL_PID + "import time; time.sleep(300)", cpus=HEAD_CPUS)
    ray.submit(first)
    process_of(tmp_path)
    second = python_job(COUNT_STARTS, cpus=HEAD_CPUS)
    ray.submit(second)
    assert ray.status(second.submission_id).state is JobState.PENDING
    ray.cancel(second.submission_id)
    assert ray.status(second.submission_id).state is JobState.CANCELLED
    ray.cancel(first.submission_id)
    assert end_of(ray, first).state is JobState.CANCELLED
    wait_until(lambda: ray_cluster.says(second) == "STOPPED")
    assert ray.status(second.submission_id).state is JobState.CANCELLED
    assert not (tmp_path / "starts").exists()


def test_two_submitters_at_once_start_one_job(ray, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + "import time; time.sleep(1)")
    code = (
        "import json, pathlib, sys\n"
        "from bardloop_airflow.batch.interface import Place\n"
        "from bardloop_airflow.batch.ray import RayBackend\n"
        "from contracts.job_spec import JobSpec\n"
        "spec, folder, host, port, token = sys.argv[1:]\n"
        "RayBackend(pathlib.Path(folder), Place(host, int(port), token)).submit(JobSpec.model_validate_json(spec))\n"
        "assert 'ray' not in sys.modules"
    )
    where = ray.place
    words = [spec.model_dump_json(), str(ray.folder), where.host, str(where.port), where.token]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    submitters = [subprocess.Popen([sys.executable, "-c", code, *words], env=environment) for _ in range(3)]
    assert [submitter.wait() for submitter in submitters] == [0, 0, 0]
    assert end_of(ray, spec).exit_code == 0
    ray.submit(spec)
    assert end_of(ray, spec).exit_code == 0
    assert (tmp_path / "starts").read_text() == "x"


def test_a_job_whose_submitter_died_before_ray_had_it_is_started(ray, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    ray.describe(spec)
    assert ray.status(spec.submission_id).state is JobState.PENDING
    ray.submit(spec)
    assert end_of(ray, spec).exit_code == 0
    assert (tmp_path / "starts").read_text() == "x"


def test_a_job_whose_submitter_died_when_ray_had_it_is_followed(ray, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    start(ray, spec)
    (ray.folder / spec.submission_id / "submitted").unlink()
    assert ray.status(spec.submission_id).state is JobState.RUNNING
    ray.submit(spec)
    (tmp_path / "go on").touch()
    assert end_of(ray, spec).exit_code == 0
    assert (tmp_path / "starts").read_text() == "x"


def test_cancel_lets_the_job_save_what_it_has(ray, python_job, tmp_path):
    spec = python_job(SAVE_AT_SIGTERM)
    ray.submit(spec)
    process = process_of(tmp_path)
    ray.cancel(spec.submission_id)
    status = end_of(ray, spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 143)
    assert (tmp_path / "checkpoint").exists() and not lives(process)


def test_a_job_that_ignores_sigterm_is_killed(ray, python_job, tmp_path):
    spec = python_job("import signal; signal.signal(15, signal.SIG_IGN); " + TELL_PID + "import time; time.sleep(300)",
               grace_s=1)  # fmt: skip
    ray.submit(spec)
    process = process_of(tmp_path)
    ray.cancel(spec.submission_id)
    status = end_of(ray, spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 137)
    wait_until(lambda: not lives(process) and not processes_for(spec))


def test_a_wrong_token_is_one_clear_line(ray, ray_cluster, python_job):
    stranger = RayBackend(ray.folder, Place("127.0.0.1", ray_cluster.port, "0" * 64))
    with pytest.raises(BatchError, match=rf"127.0.0.1:{ray_cluster.port}: Ray refuses the token .*RAY_AUTH_TOKEN"):
        stranger.submit(python_job("pass"))


def test_a_head_that_is_not_there_is_named(tmp_path, python_job):
    port = free_port()
    ray = RayBackend(tmp_path / "batch", Place("127.0.0.1", port, "token"))
    with pytest.raises(BatchError, match=f"http://127.0.0.1:{port}: no answer from Ray's dashboard"):
        ray.submit(python_job("pass"))


def test_an_unknown_job_is_an_error(ray):
    assert ray.find("nothing-here-1") is None
    with pytest.raises(BatchError, match="no job 'nothing-here-1'"):
        ray.cancel("nothing-here-1")


def test_more_than_one_machine_is_refused(ray, python_job):
    with pytest.raises(BatchError, match=r"batch\.machines is 2"):
        ray.submit(python_job("pass", machines=2))


def test_a_node_that_sees_another_home_refuses_the_job(ray, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    folder = ray.describe(spec)
    (tmp_path / ".bardloop-home").write_text("mounted from elsewhere")  # as the node sees it
    ray.submit(spec)
    status = end_of(ray, spec)
    assert (status.state, status.exit_code) == (JobState.FAILED, 2)
    [line] = ray.read_log(spec.submission_id).text.splitlines()
    assert f"{tmp_path} is not the submitter's home (its id is mounted from elsewhere" in line
    assert not (tmp_path / "starts").exists() and not (folder / "pid").exists()


def test_a_job_of_the_same_name_from_another_home_is_not_taken_for_ours(ray, ray_cluster, python_job, tmp_path):
    spec = python_job("pass")
    ray.submit(spec)
    end_of(ray, spec)
    (tmp_path / "other").mkdir()
    other = RayBackend(tmp_path / "other" / "batch", ray_cluster.place())
    with pytest.raises(BatchError, match=f"ray job delete {spec.submission_id}"):
        other.submit(spec)


def test_a_training_runs_under_accelerate(ray, tmp_path):
    pytest.importorskip("torch")
    tiny.prepare(tmp_path)
    changes = [*tiny.overrides(tmp_path), "train.max_steps=2", "train.save_steps=2"]
    launcher = accelerate_launcher("cpu.yaml", processes=1)
    command = job_command(sys.executable, tmp_path, "train", "demo", changes, {"run_id": "ray"}, launcher)
    spec = JobSpec(submission_id=f"train-{secrets.token_hex(8)}-1", command=command, working_directory=str(ROOT))
    ray.submit(spec)
    assert end_of(ray, spec, within_s=120).exit_code == 0, ray.read_log(spec.submission_id).text
    assert isinstance(json.loads(ray.read_output(spec.submission_id)), dict)
    assert (tmp_path / "runs" / "demo" / "ray" / "adapter").is_dir()

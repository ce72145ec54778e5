"""The local backend against real processes: jobs are found again, never doubled, and ended whole."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from bardloop_airflow.batch.follow import follow
from bardloop_airflow.batch.interface import BatchError, JobState
from bardloop_airflow.batch.local import LocalBackend
from tests.plugins.jobs import COUNT_STARTS, end_of
from tests.plugins.waiting import wait_until
from tests.processes import lives

ROOT = pathlib.Path(__file__).parents[2]


def test_it_works(backend, python_job):
    spec = python_job("import sys; print('{\"part\": \"a\"}'); print('parsing', file=sys.stderr)")
    backend.submit(spec)
    lines = []
    status = follow(backend, spec.submission_id, lines.append)
    assert (status.state, status.exit_code) == (JobState.SUCCEEDED, 0)
    assert lines == ["parsing"]
    assert backend.read_output(spec.submission_id) == '{"part": "a"}'


def test_a_failed_job_tells_its_exit_code(backend, python_job):
    spec = python_job("import sys; sys.exit('download: part a answers 404')")
    backend.submit(spec)
    assert end_of(backend, spec).exit_code == 1
    assert backend.status(spec.submission_id).state is JobState.FAILED
    assert backend.read_log(spec.submission_id).text == "download: part a answers 404\n"


def test_a_job_that_a_signal_ends_has_failed(backend, python_job):
    spec = python_job("import os; os.kill(os.getpid(), 9)")
    backend.submit(spec)
    status = end_of(backend, spec)
    assert (status.state, status.exit_code) == (JobState.FAILED, 137)


def test_a_command_that_cannot_start_says_so(backend, python_job):
    spec = python_job("").model_copy(update={"command": ("/no/such/python", "-m", "jobs")})
    backend.submit(spec)
    assert end_of(backend, spec).exit_code == 127
    assert "cannot start /no/such/python" in backend.read_log(spec.submission_id).text


def test_submitting_again_attaches(backend, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + "import time; time.sleep(1)")
    backend.submit(spec)
    LocalBackend(backend.folder).submit(spec)  # as another process would
    assert end_of(backend, spec).exit_code == 0
    backend.submit(spec)
    assert (tmp_path / "starts").read_text() == "x"


def test_many_submitters_at_once_start_one_job(backend, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + "import time; time.sleep(1)")
    submitters = [submit_elsewhere(spec, backend.folder) for _ in range(6)]
    assert [submitter.wait() for submitter in submitters] == [0] * 6
    assert end_of(backend, spec).exit_code == 0
    assert (tmp_path / "starts").read_text() == "x"
    assert not list(backend.folder.glob(".draft*"))


def test_the_job_outlives_a_killed_submitter(backend, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + "import time; time.sleep(2); print('done')")
    submitter = submit_elsewhere(spec, backend.folder, then="import time; time.sleep(60)")
    wait_until(lambda: backend.find(spec.submission_id) and backend.find(spec.submission_id).state is JobState.RUNNING)
    submitter.kill()
    submitter.wait()
    backend.submit(spec)
    assert end_of(backend, spec).exit_code == 0
    assert backend.read_output(spec.submission_id) == "done"
    assert (tmp_path / "starts").read_text() == "x"


def test_a_job_whose_submitter_died_before_the_start_is_started(backend, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    backend.describe(spec)
    assert backend.status(spec.submission_id).state is JobState.PENDING
    backend.submit(spec)
    assert end_of(backend, spec).exit_code == 0
    assert (tmp_path / "starts").read_text() == "x"


def test_cancel_ends_the_whole_group(backend, python_job, tmp_path):
    spec = python_job(
        "import subprocess, time\n"
        "children = [subprocess.Popen(['sleep', '300']) for _ in range(3)]\n"
        "open('children', 'w').write(' '.join(str(child.pid) for child in children))\n"
        "time.sleep(300)"
    )
    backend.submit(spec)
    children = pids_in(tmp_path / "children", 3)
    backend.cancel(spec.submission_id)
    status = end_of(backend, spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 143)
    assert not any(lives(pid) for pid in children)


def test_cancel_reaches_processes_in_sessions_of_their_own(backend, python_job, tmp_path):
    spec = python_job(  # as the workers of `accelerate launch` are
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "open('children', 'w').write(str(child.pid))\n"
        "time.sleep(300)"
    )
    backend.submit(spec)
    [child] = pids_in(tmp_path / "children", 1)
    backend.cancel(spec.submission_id)
    assert end_of(backend, spec).state is JobState.CANCELLED
    assert not lives(child)


def test_a_job_that_ignores_sigterm_is_killed(backend, python_job, tmp_path):
    spec = python_job(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "open('children', 'w').write(str(os.getpid()))\n"
        "time.sleep(300)",
        grace_s=1,
    )
    backend.submit(spec)
    [pid] = pids_in(tmp_path / "children", 1)
    backend.cancel(spec.submission_id)
    status = end_of(backend, spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 137)
    assert not lives(pid)


@pytest.mark.parametrize(("grace", "saved"), [(20, True), (0.5, False)])
def test_a_job_has_its_grace_to_save_what_it_has_though_its_launcher_is_gone(
    backend, python_job, tmp_path, grace, saved
):
    training = (
        "import os, signal, time\n"
        "def save(*_): time.sleep(3); open('saved', 'w').write('all'); os._exit(143)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "open('children', 'w').write(str(os.getpid()))\n"
        "time.sleep(300)"
    )
    spec = python_job(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {training!r}])", grace_s=grace)
    backend.submit(spec)
    [pid] = pids_in(tmp_path / "children", 1)
    backend.cancel(spec.submission_id)
    assert end_of(backend, spec).state is JobState.CANCELLED
    assert (tmp_path / "saved").exists() == saved and not lives(pid)


def test_torchrun_gives_its_workers_the_same_grace(backend, python_job, tmp_path):
    spec = python_job("import os; open('seen', 'w').write(os.environ['TORCH_ELASTIC_SHUTDOWN_TIMEOUT'])", grace_s=90)
    backend.submit(spec)
    end_of(backend, spec)
    assert (tmp_path / "seen").read_text() == "81"


def test_cancelling_a_job_that_has_not_started_keeps_it_from_starting(backend, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    backend.describe(spec)
    backend.cancel(spec.submission_id)
    assert end_of(backend, spec).state is JobState.CANCELLED
    backend.submit(spec)
    assert not (tmp_path / "starts").exists()


def test_cancelling_a_job_that_is_over_changes_nothing(backend, python_job):
    spec = python_job("pass")
    backend.submit(spec)
    before = end_of(backend, spec)
    backend.cancel(spec.submission_id)
    assert backend.status(spec.submission_id) == before


def test_the_time_limit_ends_the_job(backend, python_job):
    spec = python_job("import time; time.sleep(300)", time_limit_s=0.5)
    backend.submit(spec)
    assert end_of(backend, spec).exit_code == 124
    assert "time limit of 0.5 s" in backend.read_log(spec.submission_id).text


def test_a_pid_that_was_given_out_again_is_not_the_job(backend, python_job):
    spec = python_job("import time; time.sleep(300)")
    backend.submit(spec)
    pid_file = backend.folder / spec.submission_id / "pid"
    true_pids = pid_file.read_text()
    mine = {"pid": os.getpid(), "started": "another boot:1"}
    pid_file.write_text(json.dumps({"keeper": mine, "job": mine}))
    assert backend.status(spec.submission_id).state is JobState.LOST
    backend.cancel(spec.submission_id)  # must not hit this process
    pid_file.write_text(true_pids)


def test_the_log_is_read_on_from_an_offset(backend, python_job, tmp_path):
    spec = python_job(
        "import os, sys, time\n"
        "os.write(2, 'erste Zeile\\nzweite Zeile mit \\u00e4'.encode()[:-1])\n"
        "while not os.path.exists('go on'): time.sleep(0.02)\n"
        "os.write(2, '\\u00e4'.encode()[-1:] + b' am Ende\\n')"
    )
    backend.submit(spec)
    wait_until(lambda: "zweite" in backend.read_log(spec.submission_id).text)
    first = backend.read_log(spec.submission_id)
    (tmp_path / "go on").touch()
    end_of(backend, spec)
    second = backend.read_log(spec.submission_id, first.offset)
    assert first.text + second.text == "erste Zeile\nzweite Zeile mit ä am Ende\n"
    assert backend.read_log(spec.submission_id, second.offset).text == ""


def test_of_a_progress_bar_the_last_state_is_shown(backend, python_job):
    spec = python_job("import os; os.write(2, b'start\\n 10%\\r 50%\\r100%\\nlast words')")
    backend.submit(spec)
    lines = []
    follow(backend, spec.submission_id, lines.append)
    assert lines == ["start", "100%", "last words"]


def test_the_job_does_not_see_the_secrets_of_airflow(backend, python_job, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_SERVING", "secret-1")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret-2")
    monkeypatch.setenv("__AIRFLOW_SUPERVISOR_FD", "7")
    monkeypatch.setenv("WANDB_MODE", "offline")
    spec = python_job("import json, os; print(json.dumps(dict(os.environ)))", environment={"BARDLOOP_HOME": "/data"})
    backend.submit(spec)
    end_of(backend, spec)
    seen = json.loads(backend.read_output(spec.submission_id))
    assert not [name for name in seen if "AIRFLOW" in name]
    assert (seen["WANDB_MODE"], seen["BARDLOOP_HOME"]) == ("offline", "/data")


def test_more_than_one_machine_is_refused(backend, python_job):
    with pytest.raises(BatchError, match=r"batch\.machines is 2: .*use slurm"):
        backend.submit(python_job("pass", machines=2))


def test_an_unknown_job_is_an_error(backend):
    assert backend.find("nothing-here-1") is None
    with pytest.raises(BatchError, match="no job 'nothing-here-1'"):
        backend.status("nothing-here-1")


def submit_elsewhere(spec, folder, then="pass"):
    """A process that submits the job and goes on with `then`."""
    code = (
        "import sys; from pathlib import Path\n"
        "from bardloop_airflow.batch.local import LocalBackend\n"
        "from contracts.job_spec import JobSpec\n"
        f"LocalBackend(Path(sys.argv[2])).submit(JobSpec.model_validate_json(sys.argv[1]))\n{then}"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    return subprocess.Popen([sys.executable, "-c", code, spec.model_dump_json(), str(folder)], env=environment)


def pids_in(path, count):
    """The pids that a job wrote to a file, once it has."""
    wait_until(lambda: path.exists() and len(path.read_text().split()) == count)
    return [int(pid) for pid in path.read_text().split()]

"""What ends a local job when its keeper cannot: nothing of it is left behind, and it counts as lost."""

import json
import os
import signal
import time

import psutil

from bardloop_airflow.batch.interface import JobState
from tests.plugins.jobs import end_of
from tests.plugins.test_local_backend import pids_in
from tests.plugins.waiting import wait_until
from tests.processes import lives

LEAVES_ITS_SESSION = (
    "import os, subprocess, time\n"
    "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
    "open('children', 'w').write(f'{os.getpid()} {child.pid}')\n"
    "time.sleep(300)"
)


def test_a_job_whose_keeper_is_killed_is_ended_whole_and_lost(backend, python_job, tmp_path):
    spec = python_job(LEAVES_ITS_SESSION)
    backend.submit(spec)
    processes = pids_in(tmp_path / "children", 2)
    os.kill(keeper_of(backend, spec).pid, signal.SIGKILL)
    assert end_of(backend, spec).state is JobState.LOST
    wait_until(lambda: not any(lives(pid) for pid in processes))
    assert (backend.folder / spec.submission_id / "lost").exists()
    assert backend.read_log(spec.submission_id).text.startswith("batch: lost")


def test_a_job_without_anybody_to_end_it_is_followed_to_its_end_and_then_lost(backend, python_job):
    spec = python_job("import time; time.sleep(6)")
    backend.submit(spec)
    keeper = keeper_of(backend, spec)
    guardian = keeper.parent()
    guardian.suspend()
    keeper.kill()
    guardian.kill()
    psutil.wait_procs([keeper, guardian], timeout=5)
    assert backend.status(spec.submission_id).state is JobState.RUNNING
    status = end_of(backend, spec)
    assert (status.state, status.exit_code) == (JobState.LOST, None)
    assert (backend.folder / spec.submission_id / "lost").exists()


def test_a_keeper_that_cannot_write_leaves_no_job_behind(backend, python_job, tmp_path):
    spec = python_job(LEAVES_ITS_SESSION)
    (backend.describe(spec) / "pid.part").mkdir()  # in the place of a full disk
    backend.submit(spec)
    assert end_of(backend, spec).state is JobState.LOST
    started = pids_in(tmp_path / "children", 2) if (tmp_path / "children").exists() else []
    wait_until(lambda: not any(lives(pid) for pid in started))


def test_a_person_who_cancels_does_not_wait_for_all_of_the_grace(backend, python_job):
    spec = python_job("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(300)")
    backend.submit(spec.model_copy(update={"grace_s": 600.0}))
    wait_until(lambda: backend.read_output(spec.submission_id) == "1", within_s=10)
    began = time.monotonic()
    backend.cancel(spec.submission_id)
    assert end_of(backend, spec, within_s=40).state is JobState.CANCELLED
    assert 15 < time.monotonic() - began < 30


def keeper_of(backend, spec) -> psutil.Process:
    pids = json.loads((backend.folder / spec.submission_id / "pid").read_text())
    return psutil.Process(pids["keeper"]["pid"])

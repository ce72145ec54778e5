"""What a cluster starts for a job, with real processes: whatever is killed, nothing runs on and no end is made up."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bardloop_airflow.batch.interface import JobState
from bardloop_airflow.batch.records import home_id, keeper_is_heard, recorded_end
from tests.plugins.waiting import wait_until
from tests.processes import lives

ROOT = pathlib.Path(__file__).parents[2]
JOB_START = ROOT / "plugins" / "bardloop_airflow" / "batch" / "job_start.py"
CHILDREN = (
    "import os, subprocess, sys, time\n"
    "near = subprocess.Popen(['sleep', '300'])\n"
    "far = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"  # as a worker of `accelerate launch`
    "open('told.part', 'w').write(f'{os.getpid()} {near.pid} {far.pid}')\n"
    "os.rename('told.part', 'told')\n"
    "time.sleep(300)"
)


@pytest.fixture
def folder(tmp_path, python_job):
    """Makes the folder of a job of this home, as a backend would."""

    def make(code: str, **fields) -> pathlib.Path:
        spec = python_job(code, **fields)
        job = tmp_path / "batch" / spec.submission_id
        job.mkdir(parents=True)
        named = spec.model_dump(mode="json") | {"home_id": home_id(tmp_path)}
        (job / "spec.json").write_text(json.dumps(named))
        return job

    return make


@pytest.fixture
def start(tmp_path):
    """Starts job_start.py for a folder; ends what is left of it after the test."""
    started = []

    def run(job: pathlib.Path) -> subprocess.Popen:
        words = [sys.executable, "-S", "-E", str(JOB_START), str(job)]
        started.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield run
    (tmp_path / "batch").mkdir(exist_ok=True)
    for job in (tmp_path / "batch").iterdir():
        (job / "cancelled").touch()
    for process in started:
        process.terminate()
        process.wait(20)


def told(home: pathlib.Path) -> list[psutil.Process]:
    """The processes of CHILDREN, once they are there."""
    wait_until(lambda: (home / "told").exists())
    return [psutil.Process(int(pid)) for pid in (home / "told").read_text().split()]


def keeper_of(job: pathlib.Path) -> psutil.Process:
    wait_until(lambda: (job / "pid").exists())
    return psutil.Process(json.loads((job / "pid").read_text())["keeper"]["pid"])


def all_gone(processes) -> bool:
    return not any(map(lives, processes))


def test_it_works(folder, start, tmp_path):
    job = folder("import os, sys; print(os.getcwd()); sys.exit('no such part')", environment={"BARDLOOP_HOME": "/data"})
    assert start(job).wait(20) == 1
    assert recorded_end(job).state is JobState.FAILED
    assert (job / "stdout").read_text() == f"{tmp_path}\n"
    assert (job / "stderr").read_text() == "no such part\n"


def test_a_home_that_is_not_there_is_named(start, tmp_path):
    refused = start(tmp_path / "mnt" / "batch" / "train-0-1")
    assert refused.wait(20) == 2
    [line] = refused.stderr.read().splitlines()
    assert f"{tmp_path / 'mnt'} is not the submitter's home (No such file or directory" in line


def test_another_home_is_refused(folder, start, tmp_path):
    job = folder("open('started', 'w')")
    (tmp_path / ".bardloop-home").write_text("backup of last week")
    refused = start(job)
    assert refused.wait(20) == 2
    assert "its id is backup of last week" in refused.stderr.read()
    assert not (tmp_path / "started").exists()


def test_a_home_has_one_id(tmp_path):
    code = (
        "import pathlib, sys\n"
        "from bardloop_airflow.batch.records import home_id\n"
        "print(home_id(pathlib.Path(sys.argv[1])))"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    words = [sys.executable, "-c", code, str(tmp_path)]
    asked = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert {process.communicate()[0].strip() for process in asked} == {home_id(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == [".bardloop-home"]


def test_started_twice_the_job_runs_once(folder, start, tmp_path):
    job = folder("import time; open('starts', 'a').write('x'); time.sleep(1)")
    first, second = start(job), start(job)
    assert sorted([first.wait(20), second.wait(20)]) == [0, 75]
    assert start(job).wait(20) == 0  # the exit code that the job had
    assert (tmp_path / "starts").read_text() == "x"


@pytest.mark.parametrize("by", ["SIGTERM", "cancelled"])
def test_the_job_ends_whole_when_asked_to(folder, start, tmp_path, by):
    job = folder(CHILDREN)
    holder = start(job)
    processes = told(tmp_path)
    if by == "SIGTERM":
        holder.terminate()
    else:
        (job / by).touch()  # on another machine, by somebody who cannot signal it
    assert holder.wait(20) == 143
    assert all_gone(processes)
    assert recorded_end(job).exit_code == 143


def test_killed_with_its_group_it_leaves_the_job_time_to_save_and_declares_it_lost(folder, start, tmp_path):
    job = folder(
        "import signal, sys, time\n"
        "def save(*_): time.sleep(1); open('checkpoint', 'w'); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "import os; open('told.part', 'w').write(str(os.getpid())); os.rename('told.part', 'told')\n"
        "time.sleep(300)"
    )
    holder = start(job)
    processes = [*told(tmp_path), keeper_of(job)]
    os.killpg(holder.pid, signal.SIGKILL)
    wait_until(lambda: recorded_end(job) is not None)
    assert recorded_end(job).state is JobState.LOST
    assert (tmp_path / "checkpoint").exists()
    assert "batch: lost on " in (job / "stderr").read_text()
    wait_until(lambda: all_gone(processes))


def test_a_job_that_lost_its_place_ends_and_is_lost(folder, start, tmp_path):
    job = folder(CHILDREN)
    holder = start(job)
    processes = told(tmp_path)
    (job / "displaced").touch()
    assert holder.wait(20) != 0
    assert recorded_end(job).state is JobState.LOST
    assert all_gone(processes)


def test_what_a_killed_keeper_leaves_is_killed(folder, start, tmp_path):
    job = folder(CHILDREN)
    holder = start(job)
    processes = told(tmp_path)
    keeper_of(job).kill()
    assert holder.wait(20) == 1
    assert all_gone(processes)
    assert recorded_end(job).state is JobState.LOST
    assert "its keeper ended with -9" in (job / "stderr").read_text()


def test_a_running_job_is_heard_of_a_silent_one_is_not(folder, start, tmp_path):
    job = folder(CHILDREN)
    assert not keeper_is_heard(job)
    start(job)
    told(tmp_path)
    keeper = keeper_of(job)
    assert keeper_is_heard(job)
    long_ago = time.time() - 61
    os.utime(job / "alive", (long_ago, long_ago))
    keeper.suspend()
    assert not keeper_is_heard(job)
    keeper.resume()
    wait_until(lambda: keeper_is_heard(job), within_s=10)

"""What the jobs of the tests run, and what is to be seen of them from outside, whichever backend has them."""

import os
import pathlib

import psutil

from bardloop_airflow.batch.interface import BatchError, JobStatus
from bardloop_airflow.batch.records import ALIVE_WITHIN_S
from tests.plugins.waiting import wait_until

COUNT_STARTS = "open('starts', 'a').write('x'); "
HOLD_ON = "import os, time\nwhile not os.path.exists('go on'): time.sleep(0.05)\n"
TELL_PID = "import os; open('told', 'w').write(str(os.getpid()) + '\\n'); "
SAVE_AT_SIGTERM = (
    "import os, signal, sys, time\n"
    "def save(*_): time.sleep(0.5); open('checkpoint', 'w').close(); sys.exit(143)\n"
    "signal.signal(signal.SIGTERM, save)\n" + TELL_PID + "time.sleep(300)"
)


def start(backend, spec) -> None:
    """Submit a job that counts its starts, and wait until it has done so."""
    backend.submit(spec)
    wait_until((pathlib.Path(spec.working_directory) / "starts").exists, within_s=30)


def end_of(backend, spec, within_s: float = 30) -> JobStatus:
    """How the job ended, once it has."""
    wait_until(lambda: backend.status(spec.submission_id).state.final, within_s)
    return backend.status(spec.submission_id)


def process_of(folder: pathlib.Path) -> psutil.Process:
    """The process of a job that tells its pid, once it has."""
    wait_until(lambda: (folder / "told").exists() and (folder / "told").read_text().endswith("\n"), within_s=30)
    return psutil.Process(int((folder / "told").read_text()))


def processes_for(spec) -> list[psutil.Process]:
    """What runs for the job in one way or another, the cluster's part and ours."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(spec.submission_id in word for word in process.info["cmdline"] or []):
            found.append(process)
    return found


def answers(backend, spec) -> bool:
    """Whether the cluster can say how the job is."""
    try:
        return backend.find(spec.submission_id) is not None
    except BatchError:
        return False


def age(backend, spec, mark: str) -> None:
    """As if a mark in the job's records had been touched for the last time before the longest silence of the living."""
    path = backend.folder / spec.submission_id / mark
    then = path.stat().st_mtime - ALIVE_WITHIN_S - 1
    os.utime(path, (then, then))

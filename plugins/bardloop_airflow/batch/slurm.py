"""Slurm batch backend: a job is an sbatch job whose name is the submission id, followed through the files it writes.

In: job specs, the connection's options. Out: beside the records of every job, slurm.sh (the batch script), slurm.log
(what the script said) and the job's number in `submitted`. Slurm is asked only before the job shows life and when it
no longer does: the files outlive slurmctld's memory and need no accounting database.
"""

import contextlib
import fcntl
import logging
import math
import pathlib
import shlex
import sys
from collections.abc import Iterator

from bardloop_airflow.batch import slurm_commands
from bardloop_airflow.batch.interface import BatchError, BatchRefusedError, JobState, JobStatus, Place
from bardloop_airflow.batch.records import (
    ALIVE_WITHIN_S,
    HOME_ID,
    RecordedBackend,
    environment_of_jobs,
    give_up,
    home_id,
    keeper_is_heard,
    read,
    recorded_end,
    seconds_since,
    write_whole,
)
from bardloop_airflow.batch.slurm_commands import SlurmJob
from contracts.job_spec import JobSpec

log = logging.getLogger(__name__)

JOB_START = pathlib.Path(__file__).with_name("job_start.py")
SPREAD = pathlib.Path(__file__).with_name("slurm_spread.py")
OPTIONS = {"partition", "account", "qos", "container", "python"}
SCRIPT = "slurm.sh"
REFUSED = 2
"""Exit code of a batch script that does not find the home: what is wrong stays wrong at the next try."""


class SlurmBackend(RecordedBackend):
    """Runs jobs on the cluster that Slurm's commands reach from here (SLURM_CONF or /etc/slurm/slurm.conf).

    Options of `place`: `partition`, `account`, `qos` (as sbatch takes them); `container`, words that stand before the
    command, e.g. ["apptainer", "exec", "--nv", "image.sif"]; `python`, a Python 3.11 on the machines when this one
    is not there under the same path.

    Raises:
        BatchRefusedError: an option is unknown.
    """

    def __init__(self, folder: pathlib.Path, place: Place):
        super().__init__(folder)
        if unknown := place.options.keys() - OPTIONS:
            raise BatchRefusedError(
                f"Slurm: unknown option {min(unknown)!r}, expected one of {', '.join(sorted(OPTIONS))}"
            )
        container = place.options.get("container", [])
        if not isinstance(container, list) or not all(isinstance(word, str) for word in container):
            raise BatchRefusedError(f"Slurm: option 'container' is {container!r}, expected a list of words")
        self._container = tuple(container)
        self._python = place.options.get("python", sys.executable)
        self._asked_for = [f"--{name}={place.options[name]}" for name in place.options.keys() - {"container", "python"}]

    def submit(self, spec: JobSpec) -> None:
        options = _sbatch_options(spec) + self._asked_for
        job = self.describe(spec.model_copy(update={"command": self._command(spec)}))
        with _locked(job / "submit.lock"):
            if any((job / mark).exists() for mark in ("submitted", "pid", "cancelled", "lost", "exit_code")):
                return
            known = slurm_commands.find(job / SCRIPT)  # of a submitter that died before it could write the number down
            number = known.number if known else slurm_commands.submit(options, self._script(job), environment_of_jobs())
            write_whole(job / "submitted", number)

    def find(self, submission_id: str) -> JobStatus | None:
        job = self.folder / submission_id
        if not job.is_dir():
            return None
        return recorded_end(job) or self._not_ended(job)

    def cancel(self, submission_id: str) -> None:
        """As the interface says. The keeper sees the marker, so the job ends, or never starts; scancel is faster."""
        job = self.mark_cancelled(submission_id)
        if job is None:
            return
        try:
            known = slurm_commands.find(job / SCRIPT)
            if known is not None and not known.over:
                slurm_commands.cancel(job / SCRIPT, known)
        except BatchError as error:
            log.warning("%s: ends through its marker in %s alone: %s", submission_id, job, error)

    def _not_ended(self, job: pathlib.Path) -> JobStatus:
        """State of a job that has not written down its end; writes it down when the job is no longer anywhere."""
        if keeper_is_heard(job):
            return JobStatus(JobState.RUNNING)
        known = slurm_commands.find(job / SCRIPT)
        if (end := recorded_end(job)) is not None:  # it ended while Slurm was asked
            return end
        started = (job / "alive").exists()
        if known is not None and not known.over:
            (job / "missing").unlink(missing_ok=True)
            return JobStatus(JobState.RUNNING if started else JobState.PENDING)
        if (job / "cancelled").exists() and not started:
            give_up(job, "cancelled before it started")
        elif known is None and not started and not (job / "submitted").exists():
            return JobStatus(JobState.PENDING)  # its submitter died: `submit` starts it
        elif not started and _missing_for_s(job) < ALIVE_WITHIN_S:
            return JobStatus(JobState.PENDING)  # forgotten, it may be starting; ended, its files may be on the way
        elif not started and known is not None and known.state == "FAILED" and known.exit_code > 0:
            give_up(job, _refusal(job, known), known.exit_code)
        else:
            give_up(job, _whereabouts(known))
        return recorded_end(job)

    def _command(self, spec: JobSpec) -> tuple[str, ...]:
        command = (*self._container, *spec.command)
        if spec.machines == 1:
            return command
        job = str(self.folder / spec.submission_id)
        return (self._python, "-S", "-E", str(SPREAD), job, *command)

    def _script(self, job: pathlib.Path) -> pathlib.Path:
        """The batch script. It goes to the machine through Slurm, so it can say that the home is not there."""
        home = self.folder.parent
        start = shlex.join([self._python, "-S", "-E", str(JOB_START), str(job)])
        write_whole(
            job / SCRIPT,
            "#!/bin/sh\n"
            f'[ "$(cat {shlex.quote(str(home / HOME_ID))})" = {home_id(home)} ] || exit {REFUSED}\n'
            f"exec >>{shlex.quote(str(job / 'slurm.log'))} 2>&1\n"
            f"exec {start}\n",
        )
        return job / SCRIPT


def _sbatch_options(spec: JobSpec) -> list[str]:
    """The spec in sbatch's words."""
    if spec.gpus % spec.machines or spec.processes % spec.machines:
        raise BatchRefusedError(
            f"{spec.submission_id}: {spec.gpus} GPUs and {spec.processes} processes cannot be shared evenly by "
            f"{spec.machines} machines: change batch.gpus, batch.processes or batch.machines"
        )
    grace = math.ceil(spec.grace_s)
    options = ["--no-requeue", "--chdir=/", "--output=/dev/null"]
    options += [f"--nodes={spec.machines}", "--ntasks-per-node=1", f"--cpus-per-task={spec.cpus}"]
    options.append(f"--signal=B:TERM@{grace}")
    if spec.gpus:
        options.append(f"--gres=gpu:{spec.gpus // spec.machines}")
    if spec.memory_gib is not None:
        options.append(f"--mem={math.ceil(spec.memory_gib * 1024)}M")
    if spec.time_limit_s is not None:
        # The job keeps its limit itself; Slurm's lies behind it, as Slurm counts minutes and signals up to one early.
        options.append(f"--time={math.ceil((spec.time_limit_s + grace) / 60) + 1}")
    return options


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """One process at a time, on whatever machine that sees the home."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing_for_s(job: pathlib.Path) -> float:
    """Seconds since a job without any sign of life was first not found in Slurm's queue either."""
    with contextlib.suppress(FileExistsError):
        (job / "missing").touch(exist_ok=False)
    return seconds_since(job / "missing")


def _refusal(job: pathlib.Path, known: SlurmJob) -> str:
    """Why the batch script ended before the job could start."""
    said = (read(job / "slurm.log") or "").strip().splitlines()
    if said:
        return f"{known.nodes}, exit code {known.exit_code}: {said[-1].removeprefix('batch: ')}"
    return f"{known.nodes} does not see the home {job.parents[1]}, or sees another one: mount it there"


def _whereabouts(known: SlurmJob | None) -> str:
    """What Slurm says about a job that is gone."""
    if known is None:
        return f"Slurm does not know the job any more, and it was not heard of for {ALIVE_WITHIN_S:g} s"
    return f"Slurm says {known.state} ({known.reason}) on {known.nodes or 'no machine'}"

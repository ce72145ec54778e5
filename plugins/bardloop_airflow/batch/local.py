"""Local batch backend: each job runs under a keeper on this machine, followed through files.

In: job specs. Out: beside the records of every job, pid (keeper and job, each with its start time), and lock and
keeper.log of the keeper. Any process finds a job again from these files. Should the keeper be killed, job_start.py,
which started it, ends what is left of the job. Memory is not limited here; CPUs and GPUs are not reserved.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from bardloop_airflow.batch import process
from bardloop_airflow.batch.interface import BatchError, BatchRefusedError, JobState, JobStatus
from bardloop_airflow.batch.records import RecordedBackend, environment_of_jobs, give_up, read, recorded_end
from contracts.job_spec import JobSpec

JOB_START = pathlib.Path(__file__).with_name("job_start.py")
KEEPER_STARTS_WITHIN_S = 60.0


class LocalBackend(RecordedBackend):
    """Runs jobs on this machine; `folder` holds one folder for each."""

    def submit(self, spec: JobSpec) -> None:
        if spec.machines != 1:
            raise BatchRefusedError(
                f"batch.machines is {spec.machines}: batch.backend=local is this machine; use slurm"
            )
        self.describe(spec)
        self._ensure_kept(spec.submission_id)

    def find(self, submission_id: str) -> JobStatus | None:
        job = self.folder / submission_id
        if not job.is_dir():
            return None
        pids = json.loads(read(job / "pid") or "null")
        lives = pids is not None and (process.is_alive(pids["keeper"]) or process.group_is_alive(pids["job"]))
        end = recorded_end(job)  # after the look at the processes: a keeper that is gone has written it
        if end is not None:
            return end
        if pids is None:
            return JobStatus(JobState.PENDING)
        if lives:
            return JobStatus(JobState.RUNNING)
        give_up(job, "lost: keeper and job are gone, killed at once or with the machine")
        return recorded_end(job)

    def cancel(self, submission_id: str) -> None:
        job = self.folder / submission_id
        if self.status(submission_id).state.final:
            return
        (job / "cancelled").touch()
        self._ensure_kept(submission_id)
        pids = json.loads(read(job / "pid") or "null")
        if pids is None:
            return  # it had not started, and now it will not
        if process.is_alive(pids["keeper"]):
            os.kill(pids["keeper"]["pid"], signal.SIGTERM)
        elif process.group_is_alive(pids["job"]):  # its keeper was killed: nobody is left who could wait
            process.signal_group(pids["job"]["pid"], signal.SIGKILL)

    def _ensure_kept(self, submission_id: str) -> None:
        """Start a keeper for a job that has none yet, and return when the job was started (or ended at once).

        When two submitters start a keeper each, the keepers' lock lets one of them have the job.
        """
        job = self.folder / submission_id
        if _was_taken(job):
            return
        with (job / "keeper.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-S", "-E", str(JOB_START), str(job)],
                env=environment_of_jobs(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up_at = time.monotonic() + KEEPER_STARTS_WITHIN_S
        while not _was_taken(job):
            over = started.poll() not in (None, process.TAKEN) and not _was_taken(job)  # TAKEN: another has the job
            if over or time.monotonic() > give_up_at:
                raise BatchError(f"{submission_id}: its keeper did not start the job, see {job / 'keeper.log'}")
            time.sleep(0.01)


def _was_taken(job: pathlib.Path) -> bool:
    """Whether a keeper has or had the job in this folder."""
    return any((job / mark).exists() for mark in ("pid", "exit_code", "lost"))

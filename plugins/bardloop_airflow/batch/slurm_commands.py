"""Slurm's commands: sbatch, squeue, scancel. In: batch scripts; a job's name is that of its script's folder.

Out: what Slurm knows of a job, as a small record. Jobs are known by name and script, never by number alone: a slurmctld
that was killed just after a submit can give the number out again, and another home can have a job of the same name.
"""

import os
import pathlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from bardloop_airflow.batch.interface import BatchError

ANSWERS_WITHIN_S = 60
OVER = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip
"""States of Slurm after which nothing of the job runs. All others come before or while it runs."""

FIELDS = "JobID:|,State:|,exit_code:|,NodeList:|,Reason:|,Command:|"


@dataclass(frozen=True)
class SlurmJob:
    """A job as slurmctld sees it. `exit_code` is that of the batch script, negative when a signal ended it."""

    number: str
    state: str
    exit_code: int
    nodes: str
    reason: str

    @property
    def over(self) -> bool:
        return self.state in OVER


def submit(options: list[str], script: pathlib.Path, environment: Mapping[str, str]) -> str:
    """Hand a batch script to Slurm; the job's number."""
    answer = _run(["sbatch", "--parsable", f"--job-name={script.parent.name}", *options, str(script)], environment)
    return answer.strip().split(";")[0]  # "number;cluster" where there are several clusters


def find(script: pathlib.Path) -> SlurmJob | None:
    """The job that was submitted with this script; None when slurmctld does not know it (any more)."""
    listing = _run(["squeue", "--noheader", "--states=all", *_of(script), f"--Format={FIELDS}"])
    rows = [line.split("|", 5) for line in listing.splitlines()]
    jobs = [
        SlurmJob(number, state, os.waitstatus_to_exitcode(int(status)), nodes, reason)
        for number, state, status, nodes, reason, command in rows
        if command == f"{script}|"
    ]
    return min(jobs, key=lambda job: job.over, default=None)


def cancel(script: pathlib.Path, job: SlurmJob) -> None:
    """SIGTERM to the batch script of a job that runs, which then has its own time to end; others leave the queue."""
    how = ["--batch", "--signal=TERM"] if job.state == "RUNNING" else []
    _run(["scancel", *how, *_of(script), job.number])


def _of(script: pathlib.Path) -> list[str]:
    return [f"--user={os.getuid()}", f"--name={script.parent.name}"]


def _run(words: list[str], environment: Mapping[str, str] | None = None) -> str:
    """What the command prints.

    Raises:
        BatchError: it is not installed, reaches no controller, or refuses.
    """
    try:
        done = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWERS_WITHIN_S
        )
    except FileNotFoundError:
        raise BatchError(
            f"{words[0]} is not installed here: install Debian's package slurm-client, with the cluster's slurm.conf"
        ) from None
    except subprocess.TimeoutExpired:
        raise BatchError(f"{words[0]} had no answer from slurmctld within {ANSWERS_WITHIN_S} s") from None
    if done.returncode != 0:
        said = "; ".join(done.stderr.strip().splitlines()) or "it gave no reason"
        raise BatchError(f"{words[0]} failed with exit code {done.returncode}: {said}")
    return done.stdout

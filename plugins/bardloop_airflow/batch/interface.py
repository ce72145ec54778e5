"""What every batch backend does, and the states that a job goes through. Knows nothing of Airflow."""

import abc
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.job_spec import JobSpec


class BatchError(RuntimeError):
    """A backend cannot do what was asked. The message is one line for the person at the keyboard."""


class BatchRefusedError(BatchError):
    """What the recipe or the connection asks for cannot be had here: to ask again helps nothing."""


@dataclass(frozen=True)
class Place:
    """Where a backend is reached, and what has to be said there."""

    host: str = ""
    port: int | None = None
    token: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    """The site's own words, e.g. partition and account of a Slurm cluster."""


class JobState(enum.StrEnum):
    """Where a job stands. All but PENDING and RUNNING are final."""

    PENDING = "pending"
    """Accepted, its command has not started yet."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    """Ended with exit code 0."""
    FAILED = "failed"
    """Ended with another exit code, or by a signal."""
    CANCELLED = "cancelled"
    """Ended because `cancel` was called."""
    LOST = "lost"
    """Ended without leaving an exit code: its machine or its keeper died."""

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True)
class JobStatus:
    """State of one job. `exit_code` is None until it ended and when it was lost; a signal N gives 128 + N."""

    state: JobState
    exit_code: int | None = None


@dataclass(frozen=True)
class LogChunk:
    """A piece of a job's log and the offset (in bytes) behind it, to read on from."""

    text: str
    offset: int


class BatchBackend(abc.ABC):
    """A place where jobs run. Jobs outlive the process that submitted them and are known by their submission id."""

    @abc.abstractmethod
    def submit(self, spec: JobSpec) -> None:
        """Start the job, unless one with this submission id is there: then do nothing. Never starts two.

        Raises:
            BatchError: the job cannot be started here.
        """

    @abc.abstractmethod
    def find(self, submission_id: str) -> JobStatus | None:
        """Status of the job, None when no job has that id."""

    @abc.abstractmethod
    def read_log(self, submission_id: str, offset: int = 0) -> LogChunk:
        """What the job wrote to stderr from `offset` (bytes) on; empty when there is nothing new."""

    @abc.abstractmethod
    def read_output(self, submission_id: str) -> str:
        """Last line that the job wrote to stdout: its summary. Empty when it wrote none."""

    @abc.abstractmethod
    def cancel(self, submission_id: str) -> None:
        """Ask the job to end (SIGTERM) and see that it does (SIGKILL after a while). Does not wait for the end."""

    def status(self, submission_id: str) -> JobStatus:
        """Status of a job that has to be there.

        Raises:
            BatchError: no job has that id.
        """
        status = self.find(submission_id)
        if status is None:
            raise BatchError(f"no job {submission_id!r}: its folder or record was removed")
        return status

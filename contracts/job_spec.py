"""Job spec: one command and what it needs, handed to a batch backend."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class JobSpec(BaseModel):
    """What plugins/ submits. A backend maps the resources to its own words (subprocess, Ray, sbatch)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    submission_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,120}$")]
    """Deterministic: the same work has the same id, so that a retry finds the running job."""
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    working_directory: str
    environment: dict[str, str] = {}
    """Added to the submitter's environment."""
    cpus: int = 1
    gpus: int = 0
    processes: int = 1
    machines: int = 1
    """cpus and memory are of each machine; gpus and processes are totals over all of them."""
    memory_gib: float | None = None
    time_limit_s: float | None = None
    owner: dict[str, str | int] = {}
    """Who asked for it (backend, DAG, run, task): by this a job that nobody wants any more is found."""
    grace_s: Annotated[float, Field(gt=0)] = 10
    """Between SIGTERM and SIGKILL, when the job is to end."""

"""The adapters that a finished run left: its checkpoints and its last state.

In: runs/<recipe>/<run id>/. Out: each different adapter once, in the order of training.
"""

import pathlib
from dataclasses import dataclass

from jobs.errors import JobError
from jobs.evaluation.publish import WEIGHTS
from jobs.training.checkpoints import step_of
from jobs.training.files import sha12
from jobs.training.run_folder import RunFolder


@dataclass(frozen=True)
class Candidate:
    """One adapter. `version` is the digest of its weights."""

    name: str
    step: int
    folder: pathlib.Path
    version: str


def candidates(folder: RunFolder, last_step: int) -> list[Candidate]:
    """Checkpoints with adapter weights, then the last state, unless its weights are those of a checkpoint.

    Raises:
        JobError: there are no adapter weights.
    """
    places = [(step_of(path), path) for path in folder.checkpoints.glob("checkpoint-*")]
    found: dict[str, Candidate] = {}
    for step, path in [*sorted(places), (last_step, folder.adapter)]:
        if (path / WEIGHTS).is_file():
            version = sha12([path / WEIGHTS])
            found.setdefault(version, Candidate(f"step {step}", step, path, version))
    if not found:
        raise JobError(f"{folder.path}: it holds no adapter, neither in adapter/ nor in checkpoints/; train it again")
    return sorted(found.values(), key=lambda candidate: candidate.step)

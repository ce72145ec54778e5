"""What a finished run left to choose from: its checkpoints and its last state.

In: runs/<recipe>/<run id>/. Out: each different adapter, or whole model, once, in the order of training.
"""

import pathlib
from dataclasses import dataclass

from jobs.errors import JobError
from jobs.evaluation.publish import WEIGHTS
from jobs.training.checkpoints import damage, step_of
from jobs.training.files import sha12
from jobs.training.run_folder import RunFolder


@dataclass(frozen=True)
class Candidate:
    """An adapter, or a whole model. `version` is the digest of its weights (a model's: of all its files of weights, in
    the order of their names), None when there are none that can be read on their own."""

    name: str
    step: int
    folder: pathlib.Path
    version: str | None


def candidates(folder: RunFolder, last_step: int) -> list[Candidate]:
    """Checkpoints and the last state. Where one has the weights of another it stands for both: the first that was
    trained, and of one step the last state, which holds nothing but the weights and what belongs to them.

    Raises:
        JobError: there are no weights at all.
    """
    places = [(step_of(path), path) for path in folder.checkpoints.glob("checkpoint-*")]
    if folder.result.is_dir():
        places.append((last_step, folder.result))
    found: dict[str, Candidate] = {}
    for step, path in sorted(places, key=lambda place: (place[0], place[1] != folder.result)):
        weights = sorted(path.glob(WEIGHTS if folder.result == folder.adapter else "*.safetensors"))
        version = sha12(weights) if weights else None
        found.setdefault(version or path.name, Candidate(f"step {step}", step, path, version))
    if not any(candidate.version for candidate in found.values()):
        kind = folder.result.name
        raise JobError(f"{folder.path}: it holds no {kind}, neither in {kind}/ nor in checkpoints/; train it again")
    return list(found.values())


def check_whole(candidate: Candidate) -> None:
    """Before it is loaded.

    Raises:
        JobError: it is a checkpoint that is not as it was written, or one whose weights are not there as safetensors
            (FSDP writes shards of its own when all weights are trained).
    """
    if candidate.folder.name.startswith("checkpoint-") and (harm := damage(candidate.folder)):
        raise JobError(f"{candidate.folder}: {harm}")
    if candidate.version is None:
        raise JobError(f"{candidate.folder}: no weights there as safetensors")

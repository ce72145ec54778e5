"""Checkpoints on disk: sealed when they are written, checked when they are read, the oldest removed.

In: checkpoints/checkpoint-<step>/. Out: files.json in each, the sizes and digests of its files.
"""

import hashlib
import json
import logging
import pathlib
import shutil

from jobs.training.files import flush, write_json

log = logging.getLogger(__name__)

FILES = "files.json"


def seal(checkpoint: pathlib.Path) -> None:
    """Write down size and sha256 of every file in `checkpoint`; what is renamed afterwards is whole."""
    files = {str(path.relative_to(checkpoint)): path for path in sorted(checkpoint.rglob("*")) if path.is_file()}
    for path in files.values():
        flush(path)
    write_json(checkpoint / FILES, {name: _facts(path) for name, path in files.items() if name != FILES})


def damage(checkpoint: pathlib.Path) -> str | None:
    """What is wrong with `checkpoint`, None when every file is as it was written."""
    try:
        files = json.loads((checkpoint / FILES).read_text())
    except FileNotFoundError:
        return f"it has no {FILES}"
    except ValueError:
        return f"its {FILES} cannot be read"
    for name, facts in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != facts["size"] or _facts(path) != facts:
            return f"{name} has changed since it was written"
    return None


def is_over(checkpoint: pathlib.Path, max_steps: int) -> bool:
    """Whether the training that wrote `checkpoint` had nothing more to do: it had made all steps, or had stopped early.
    Going on from there, the trainer would make a step too many."""
    state = read_state(checkpoint)
    early = state["stateful_callbacks"].get("EarlyStoppingCallback")
    if state["global_step"] >= max_steps or early is None:
        return state["global_step"] >= max_steps
    return early["attributes"]["early_stopping_patience_counter"] >= early["args"]["early_stopping_patience"]


def read_state(checkpoint: pathlib.Path) -> dict:
    """The trainer's state: `global_step`, `log_history`, what early stopping has counted, ..."""
    return json.loads((checkpoint / "trainer_state.json").read_text())


def step_of(checkpoint: pathlib.Path) -> int:
    """The step after which it was written."""
    return int(checkpoint.name.rpartition("-")[2])


def prune(folder: pathlib.Path, keep: int, best_step: int | None) -> None:
    """Remove the oldest checkpoints in `folder` above `keep`, but neither the best nor the last."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=step_of)
    spare = [path for path in checkpoints[:-1] if step_of(path) != best_step]
    for path in spare[: max(0, len(checkpoints) - keep)]:
        log.info("removing %s: %d checkpoints are kept", path.name, keep)
        shutil.rmtree(path)


def _facts(path: pathlib.Path) -> dict:
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}

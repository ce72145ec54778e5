"""A run's folder, runs/<recipe>/<run id>/: what the run was started with, how far it is, whether it is done.

config.yaml is the resolved recipe; run.json the digests of the inputs; train.json the summary, written last:
a run that has it is finished, a run without it goes on from its last whole checkpoint.
"""

import contextlib
import json
import logging
import pathlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import yaml
from filelock import FileLock, Timeout

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.checkpoints import damage, step_of
from jobs.training.files import write_json, write_text

log = logging.getLogger(__name__)

RELEASE_S = 5
"""Seconds to wait for the lock of a run: a killed process holds it until the system has taken its memory back."""


@dataclass(frozen=True)
class Inputs:
    """What decides the result of a run. All digests; 12 hex digits, the recipe's 64."""

    recipe_digest: str
    """Of the sections `model` and `train`: moving the inference engine to another GPU is no new run."""
    base_digest: str
    corpus_digest: str


class RunFolder:
    """One run on disk."""

    def __init__(self, home: pathlib.Path, recipe: Recipe, run_id: str):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", run_id):
            raise JobError(f"--run-id {run_id!r}: expected letters, digits, '.', '_' and '-'")
        self.run_id = run_id
        self.path = home / "runs" / recipe.name / run_id
        self.checkpoints = self.path / "checkpoints"
        self.adapter = self.path / "adapter"
        self.result = self.path / "model" if recipe.train.tuning == "full" else self.adapter
        self.metrics = self.path / "metrics.jsonl"
        self.view, self.view_report = self.path / "view", self.path / "view.json"

    def read_inputs(self) -> Inputs | None:
        """What this run was started with, None when it was never started."""
        path = self.path / "run.json"
        return Inputs(**json.loads(path.read_text())) if path.is_file() else None

    def read_summary(self) -> dict | None:
        """The training summary, None while the run is not finished."""
        path = self.path / "train.json"
        return json.loads(path.read_text()) if path.is_file() else None

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep every other process from training this run; the system lets go when this process dies.

        Raises:
            JobError: another process is at it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=RELEASE_S):
                yield
        except Timeout as error:
            raise JobError(f"{self.path}: another process is training this run; wait for it or end it") from error

    def start(self, recipe: Recipe, inputs: Inputs) -> None:
        """Write down what goes in, before anything else is done."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "config.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
        write_json(self.path / "run.json", asdict(inputs))

    def finish(self, summary: dict) -> None:
        """Mark the run as finished."""
        write_json(self.path / "train.json", summary)

    def publish_result(self, part: pathlib.Path) -> None:
        """Give what was trained, in `part`, its name: adapter/, or model/ when all weights were trained."""
        shutil.rmtree(self.result, ignore_errors=True)  # from a run killed before it was marked as finished
        for weights in part.glob("*.safetensors"):
            weights.chmod(0o644)
        part.rename(self.result)

    def last_checkpoint(self, max_steps: int) -> pathlib.Path | None:
        """The newest checkpoint to go on from: whole, and not that of the last step (going on from there, the trainer
        would make one step too many)."""
        for path in sorted(self.checkpoints.glob("checkpoint-*"), key=step_of, reverse=True):
            if step_of(path) < max_steps and damage(path) is None:
                return path
        return None

    def rewind(self, max_steps: int) -> None:
        """Forget what lies after the newest checkpoint to go on from: others, and metrics that will come again."""
        last = self.last_checkpoint(max_steps)
        reached = step_of(last) if last else 0
        for path in self.checkpoints.glob("checkpoint-*"):
            if step_of(path) > reached:
                log.warning("removing %s: %s", path.name, damage(path) or "the run was killed just before its end")
                shutil.rmtree(path)
        if self.metrics.is_file():
            lines = self.metrics.read_text().split("\n")[:-1]  # what follows the last newline is a line cut short
            kept = [line for line in lines if json.loads(line)["step"] <= reached]
            write_text(self.metrics, "".join(f"{line}\n" for line in kept))

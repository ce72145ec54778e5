"""A run's folder, runs/<recipe>/<run id>/: what the run was started with, how far it is, whether it is done.

config.yaml is the resolved recipe; run.json the digests of the inputs; train.json the summary, written last:
a run that has it is finished, a run without it goes on from its last whole checkpoint.
"""

import contextlib
import json
import logging
import math
import pathlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import yaml
from filelock import FileLock, Timeout

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.checkpoints import FILES, damage, is_over, read_state, step_of
from jobs.training.files import write_json, write_text

log = logging.getLogger(__name__)

RELEASE_S = 5
"""Seconds to wait for the lock of a run: a killed process holds it until the system has taken its memory back."""


TRAINING_STATE = (
    FILES,
    "trainer_state.json",
    "optimizer*",
    "scheduler.pt",
    "rng_state*",
    "global_step*",
    "pytorch_model_fsdp*",
)
"""What of a checkpoint only a training that goes on needs."""


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
        self.part = self.path / ".result.part"
        """Where what was trained lies until it is whole."""
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
        """Keep every other process from training, judging or removing this run; the system lets go when this one dies.

        Raises:
            JobError: another process is at it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=RELEASE_S):
                yield
        except Timeout as error:
            raise JobError(
                f"{self.path}: another process is training this run, or judging it; wait for it or end it"
            ) from error

    def start(self, recipe: Recipe, inputs: Inputs) -> None:
        """Write down what goes in, before anything else is done."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        for left in self.path.glob(".*.tmp"):  # by a process that was killed while it wrote
            left.unlink()
        write_text(self.path / "config.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
        write_json(self.path / "run.json", asdict(inputs))

    def finish(self, summary: dict) -> None:
        """Mark the run as finished."""
        write_json(self.path / "train.json", summary)

    def result_of(self, checkpoint: pathlib.Path) -> dict:
        """Copy what `checkpoint` holds of the model to `part`; the trainer's state in it."""
        shutil.rmtree(self.part, ignore_errors=True)
        shutil.copytree(checkpoint, self.part, ignore=shutil.ignore_patterns(*TRAINING_STATE))
        return read_state(checkpoint)

    def publish_result(self) -> None:
        """Give what was trained, in `part`, its name: adapter/, or model/ when all weights were trained."""
        shutil.rmtree(self.result, ignore_errors=True)  # from a run killed before it was marked as finished
        for weights in self.part.glob("*.safetensors"):
            weights.chmod(0o644)
        self.part.rename(self.result)

    def last_checkpoint(self, max_steps: int) -> pathlib.Path | None:
        """The newest checkpoint to go on from: whole, and either with steps to go or with weights in one piece."""
        for path in sorted(self.checkpoints.glob("checkpoint-*"), key=step_of, reverse=True):
            if damage(path) is None and (any(path.glob("*.safetensors")) or not is_over(path, max_steps)):
                return path
        return None

    def rewind(self, max_steps: int) -> pathlib.Path | None:
        """The checkpoint to go on from. What lies after it is forgotten: damaged checkpoints, and metrics that will
        come again."""
        last = self.last_checkpoint(max_steps)
        reached = step_of(last) if last else 0
        for path in self.checkpoints.glob("checkpoint-*"):
            if step_of(path) > reached:
                log.warning("removing %s: %s", path.name, damage(path) or "its weights are in shards")
                shutil.rmtree(path)
        if self.metrics.is_file():
            lines = self.metrics.read_text().split("\n")[:-1]  # what follows the last newline is a line cut short
            write_text(self.metrics, "".join(f"{line}\n" for line in lines if self._step(line) <= reached))
        return last

    def _step(self, line: str) -> float:
        try:
            return json.loads(line)["step"]
        except (ValueError, KeyError, TypeError):
            log.warning("%s: left out a line that cannot be read: %.80r", self.metrics, line)
            return math.inf

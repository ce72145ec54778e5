"""One training of a sweep, in processes of its own.

In: a recipe with the trial's settings. Out: its lowest validation loss; all that it printed, in a log.
"""

import json
import logging
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence

from filelock import FileLock, Timeout

from contracts.recipe import Recipe
from jobs.errors import Preempted
from jobs.training.launch import ACCELERATE_CONFIGS
from jobs.training.run_folder import RunFolder

log = logging.getLogger(__name__)

ROOT = pathlib.Path(__file__).parents[2]


class TrialFailed(Exception):
    """The training of a trial ended without a validation loss. The message is its last line."""


def train_trial(recipe: Recipe, path: pathlib.Path, overrides: Sequence[str], folder: RunFolder, home, output) -> float:
    """Train `folder`'s run as the train task does, and return its lowest validation loss (nats a token).

    Args:
        recipe: what `path` and `overrides` give.
        output: file for what the training prints.

    Raises:
        TrialFailed: it ended with an error, or it had nothing to validate on.
        Preempted: SIGTERM came; the training has saved a checkpoint.
    """
    _wait_for_orphan(folder)
    launch = ["-m", "accelerate.commands.launch", "--quiet", "--num_processes", str(recipe.batch.processes)]
    config = ["--config_file", str(ACCELERATE_CONFIGS / recipe.train.accelerate)]
    job = ["-m", "jobs", "train", "--recipe", str(path.resolve()), "--home", str(home), "--run-id", folder.run_id]
    changes = [word for override in overrides for word in ("--set", override)]
    with output.open("a") as file:
        process = subprocess.Popen(
            [sys.executable, *launch, *config, *job, *changes], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
        )
        if _wait(process):
            raise Preempted(f"ended by SIGTERM in {folder.run_id}; start the sweep again and it goes on")
    if process.returncode:
        raise TrialFailed(last_line(output))
    losses = [json.loads(line).get("eval_loss") for line in folder.metrics.read_text().splitlines()]
    losses = [loss for loss in losses if loss is not None]
    if not losses:
        raise TrialFailed("no validation loss: the split valid gives no sample")
    return min(losses)


def last_line(output: pathlib.Path) -> str:
    """The last line that a training printed."""
    return output.read_text(errors="replace").strip().rpartition("\n")[2] or "it printed nothing"


def _wait(process: subprocess.Popen) -> bool:
    """Wait for the training; on SIGTERM hand the signal on to its processes and say so."""
    import psutil

    asked = []

    def hand_on(number, frame):
        asked.append(number)
        for descendant in psutil.Process(process.pid).children(recursive=True):
            descendant.terminate()

    before = signal.signal(signal.SIGTERM, hand_on)
    try:
        process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    return bool(asked)


def _wait_for_orphan(folder: RunFolder) -> None:
    """Let a training finish that a killed sweep left running: its work counts, and two at once would not do."""
    folder.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s is still being trained, from a sweep that was killed: waiting for it", folder.run_id)
        lock.acquire()
    lock.release()

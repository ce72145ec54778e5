"""A training of two processes, started as users start it, and what can be done to it.

In: a home of tests/training/tiny.py and overrides. Out: the processes, and what the run left on disk.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from jobs.training.checkpoints import step_of
from tests.training import tiny

ENDS_WITHIN_S = 180
"""For whatever is waited for here: many times what it takes on two quiet cores."""
LEARNED = ("step", "loss", "eval_loss", "grad_norm", "learning_rate", "mean_token_accuracy", "entropy")
"""What of a line of metrics.jsonl follows from data and seed; the rest is speed and memory."""
SHARED = ["train.accelerate=cpu_2.yaml", "batch.processes=2", "train.batch_size=1", "train.wandb.mode=disabled"]


class Launched:
    """One run of two processes, started as often as it takes."""

    def __init__(self, home: pathlib.Path, run_id: str, *sets: str):
        self.home, self.run_id = home, run_id
        self.sets = [*tiny.overrides(home), *SHARED, *sets]
        self.folder, self.log = home / "runs" / "demo" / run_id, home / f"{run_id}.log"
        self.job: psutil.Popen | None = None
        self.seen: set[psutil.Process] = set()

    def start(self) -> None:
        """Start it; the log begins anew."""
        launch = [pathlib.Path(sys.executable).with_name("accelerate"), "launch", "--quiet"]
        train = ["--config_file", "config/accelerate/cpu_2.yaml", "-m", "jobs", "train"]
        options = ["--recipe", "recipes/demo.yaml", "--run-id", self.run_id, "--home", self.home]
        sets = [part for override in self.sets for part in ("--set", override)]
        inherited = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
        with self.log.open("w") as log:
            self.job = psutil.Popen(
                [*launch, *train, *options, *sets],
                cwd=tiny.ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=inherited | {"PYTHONPATH": str(tiny.ROOT), "OMP_NUM_THREADS": "1"},
            )

    def processes(self) -> list[psutil.Process]:
        """The launcher and all that it started. torchrun gives each worker a session: they are no process group."""
        found = [self.job, *self.job.children(recursive=True)]
        self.seen.update(found)
        return found

    def rank(self, rank: int) -> psutil.Process:
        """The training process of this rank."""
        (found,) = (worker for worker in self.job.children() if worker.environ().get("RANK") == str(rank))
        return found

    def kill(self) -> None:
        """kill -9 for all of them at one moment: stopped first, none lives to see another die."""
        processes = self.processes()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        psutil.wait_procs(processes, ENDS_WITHIN_S)

    def wait(self) -> int:
        """Its exit code, when it has ended by itself."""
        self.processes()
        return self.job.wait(ENDS_WITHIN_S)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until `condition`; the training has to go on until then."""
        until = time.monotonic() + ENDS_WITHIN_S
        while not condition():
            assert self.job.poll() is None and time.monotonic() < until, self.said()[-3000:]
            time.sleep(0.005)
        self.processes()

    def wait_for_step(self, step: int) -> None:
        """Until this start trains and `step` is in metrics.jsonl, which it may have had to cut back first."""
        self.wait_for(lambda: "step/s" in self.said() and reached(self.folder) >= step)

    def left(self) -> list[psutil.Process]:
        """Processes of this run that still live."""
        return [process for process in self.seen if process.is_running()]

    def said(self) -> str:
        """What the last start wrote to stdout and stderr."""
        return self.log.read_text()


def stop_while_writing(writer: psutil.Process, folder: pathlib.Path, moments: random.Random, first: int = 0) -> None:
    """Stop `writer` (SIGSTOP) while it writes a checkpoint of the run in `folder`: of step `first`, or a later one."""
    part, until = folder / "checkpoints" / ".part", time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < until:
        if any(step >= first for step in begun(part)):
            time.sleep(moments.uniform(0, 0.005))
            writer.suspend()
            while writer.status() != psutil.STATUS_STOPPED:  # until then it may still end the call that it is in
                time.sleep(0.0005)
            if any(part.glob("checkpoint-*")):
                return
            writer.resume()  # it was done: the next one, then
        time.sleep(0.0005)
    raise TimeoutError(f"no checkpoint was written in {folder} for {ENDS_WITHIN_S} s")


def begun(part: pathlib.Path) -> list[int]:
    """The steps whose checkpoints have a first file in `part`; none at the moment in which one is renamed out of it."""
    try:
        return [step_of(file.parent) for file in part.glob("checkpoint-*/*")]
    except FileNotFoundError:  # pathlib lists a folder that it has just found
        return []


def lines(folder: pathlib.Path) -> list[dict]:
    """What was LEARNED, line by line of metrics.jsonl; without a line that is being written."""
    path = folder / "metrics.jsonl"
    whole = path.read_text().split("\n")[:-1] if path.exists() else []
    return [{key: line[key] for key in LEARNED if key in line} for line in map(json.loads, whole)]


def reached(folder: pathlib.Path) -> int:
    """The last step in metrics.jsonl."""
    return max((line["step"] for line in lines(folder)), default=0)


def adapter(folder: pathlib.Path) -> bytes:
    """The weights that were trained, as they lie on disk."""
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def checkpoints(folder: pathlib.Path) -> dict[int, pathlib.Path]:
    """The checkpoints of a run by step."""
    return {step_of(path): path for path in folder.glob("checkpoints/checkpoint-*")}


def parts(folder: pathlib.Path) -> list[pathlib.Path]:
    """What lies in a run's folder under a temporary name."""
    return [*folder.glob("checkpoints/.part/*"), *folder.glob(".result.part"), *folder.rglob(".*.tmp")]


def cut(straight: pathlib.Path, name: str, after: int) -> pathlib.Path:
    """A copy of the finished run `straight`, as if it had been killed after the checkpoint of step `after`."""
    folder = straight.with_name(name)
    shutil.copytree(straight, folder)
    (folder / "train.json").unlink()
    for step, checkpoint in checkpoints(folder).items():
        if step > after:
            shutil.rmtree(checkpoint)
    return folder

"""One process that is killed at any moment: what it learns is, bit for bit, what an undisturbed run learns."""

import json
import multiprocessing
import os
import pathlib
import random
import time

import psutil
import pytest

from jobs.__main__ import main
from tests.training import tiny
from tests.training.launched import ENDS_WITHIN_S, adapter, checkpoints, cut, lines, parts, reached, stop_while_writing

STEPS, EVERY = 40, 5
SETS = [f"train.max_steps={STEPS}", f"train.save_steps={EVERY}", "train.wandb.mode=disabled"]


def job(home: pathlib.Path, run_id: str) -> None:
    """`python -m jobs train` in this process, a fresh one, with its output in <run id>.log."""
    log = os.open(home / f"{run_id}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    overrides = [part for override in (*tiny.overrides(home), *SETS) for part in ("--set", override)]
    recipe = str(tiny.ROOT / "recipes" / "demo.yaml")
    raise SystemExit(main(["train", "--recipe", recipe, "--run-id", run_id, "--home", str(home), *overrides]))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def start(home):
    """A function that starts a run. Its process has everything imported: it can be killed often in little time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jobs.training.train", "jobs.training.trainers", "tests.training.test_faults"])

    def start(run_id: str) -> multiprocessing.Process:
        process = context.Process(target=job, args=(home, run_id), daemon=True)
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def straight(home, start):
    """The folder of a run that nobody disturbed."""
    finish(start("straight"), home / "straight.log")
    return home / "runs" / "demo" / "straight"


def finish(process: multiprocessing.Process, log: pathlib.Path) -> None:
    process.join(ENDS_WITHIN_S)
    assert process.exitcode == 0, log.read_text()[-3000:]


def killed(process: multiprocessing.Process) -> None:
    assert process.is_alive(), "it ended before it could be killed"
    process.kill()
    process.join()


def assert_undisturbed(folder: pathlib.Path, straight: pathlib.Path) -> None:
    """float32, one thread, the same machine: every figure is equal to the last bit."""
    assert lines(folder) == lines(straight)
    assert adapter(folder) == adapter(straight)
    assert not parts(folder)


def test_killed_at_any_moment_a_run_ends_as_if_nothing_had_been(home, straight, start):
    moments, folder, kills = random.Random(4), straight.with_name("killed"), 0
    while True:
        process, more = start("killed"), moments.randint(0, 2 * EVERY)  # none: while it starts
        last = max(checkpoints(folder), default=0) + more
        if last >= STEPS:
            break
        while more and process.is_alive() and reached(folder) < last:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1 if more else 1))
        killed(process)
        kills += 1
    finish(process, home / "killed.log")
    assert kills >= 5 and "going on from checkpoint-" in (home / "killed.log").read_text()
    assert_undisturbed(folder, straight)


def test_killed_while_it_writes_a_checkpoint_it_goes_on_from_the_one_before(home, straight, start):
    moments, folder = random.Random(5), straight.with_name("torn")
    for step in (2 * EVERY, 4 * EVERY, 6 * EVERY):
        process = start("torn")
        stop_while_writing(psutil.Process(process.pid), folder, moments, step)
        killed(process)
        assert parts(folder), "the moment was missed"
    (folder / ".metrics.jsonl.1.tmp").write_text("{")  # as if killed while it cut the metrics back
    finish(start("torn"), home / "torn.log")
    assert (home / "torn.log").read_text().count("going on from checkpoint-") == 3
    assert_undisturbed(folder, straight)


@pytest.fixture(scope="module")
def early(home):
    """A run that stopped early: the first evaluation is the best, and two more bring no 10 nats of progress."""
    patience = ["train.early_stop.patience=2", "train.early_stop.min_improvement=10"]
    wanted = [*patience, "train.save_steps=2", "train.wandb.mode=disabled"]
    assert tiny.trained(home, "early", *wanted)["steps"] == 6
    return home / "runs" / "demo" / "early", wanted


@pytest.mark.parametrize("after", [4, 6], ids=["before it stopped", "before it said so"])
def test_killed_a_run_stops_early_where_it_would_have_stopped(home, early, after):
    undisturbed, wanted = early
    folder = cut(undisturbed, f"early-{after}", after)
    assert tiny.trained(home, folder.name, *wanted)["steps"] == 6
    assert json.loads((folder / "train.json").read_text())["steps"] == 6
    assert_undisturbed(folder, undisturbed)

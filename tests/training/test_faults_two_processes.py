"""Two processes under `accelerate launch`: killed, pre-empted, fed with poison, they end; started again, they go on."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pyarrow
import pyarrow.parquet as pq
import pytest

from jobs.training import base_model
from jobs.training.checkpoints import damage
from tests.training import tiny
from tests.training.launched import Launched, adapter, checkpoints, cut, lines, parts, reached, stop_while_writing

SETS = ["train.max_steps=60", "train.save_steps=10", "train.keep_checkpoints=9"]
AT_ONCE_S = 60
"""Far below the half hour after which PyTorch gives up a collective; it takes about 5 s."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def launched():
    """A function that makes a run; its processes end with the test."""
    runs = []

    def launched(home: pathlib.Path, name: str, *sets: str) -> Launched:
        runs.append(Launched(home, name, *sets))
        return runs[-1]

    yield launched
    for run in runs:
        if run.job is not None and run.job.poll() is None:
            run.kill()


@pytest.fixture(scope="module")
def straight(home):
    """The folder of a run that nobody disturbed."""
    run = Launched(home, "straight", *SETS)
    run.start()
    assert run.wait() == 0, run.said()[-3000:]
    return run.folder


def ends(run: Launched) -> int:
    """Its exit code; it ends soon, and leaves no process."""
    run.processes()
    code = run.job.wait(AT_ONCE_S)
    assert not run.left()
    return code


def finish(run: Launched, straight: pathlib.Path, checkpoint: int) -> None:
    """Start it once more: it goes on from `checkpoint`, and ends as if nothing had been.

    Equal to the last bit: each process computes in one thread, and the sum of two gradients has only one order.
    """
    run.start()
    assert run.wait() == 0, run.said()[-3000:]
    assert f"going on from checkpoint-{checkpoint}\n" in run.said()
    assert lines(run.folder) == lines(straight)
    assert adapter(run.folder) == adapter(straight)
    assert not parts(run.folder) and not run.left()


def test_killed_at_any_moment_they_end_as_if_nothing_had_been(home, straight, launched):
    run, moments = launched(home, "killed", *SETS), random.Random(3)
    run.start()
    run.wait_for_step(moments.randint(10, 29))
    time.sleep(moments.uniform(0, 0.05))
    run.kill()
    assert not run.left()

    run.start()
    run.wait_for_step(10)
    stop_while_writing(run.rank(0), run.folder, moments)
    run.kill()
    assert parts(run.folder) and not run.left()
    finish(run, straight, max(checkpoints(run.folder)))


def test_one_that_dies_takes_the_other_along_and_both_go_on(home, straight, launched):
    """From a damaged checkpoint on: the one before is used."""
    run = launched(home, "bereft", *SETS)
    state = checkpoints(cut(straight, "bereft", after=30))[30] / "optimizer.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    run.start()
    run.wait_for_step(23)
    assert "removing checkpoint-30: optimizer.pt has changed since it was written" in run.said()
    assert run.said().count("going on from checkpoint-20\n") == 2

    run.rank(1).kill()
    assert ends(run) == 1
    assert "exitcode  : -9" in run.said()

    step = max(checkpoints(run.folder))
    run.start()
    run.wait_for_step(step + 3)
    run.job.send_signal(signal.SIGTERM)  # to the launcher alone, which hands it on
    assert ends(run) == 1  # the processes end with 143, of which PyTorch's launcher makes a 1
    written = max(checkpoints(run.folder))
    assert damage(checkpoints(run.folder)[written]) is None
    assert step + 3 <= written == reached(run.folder)
    assert run.said().count(f"train: ended by SIGTERM after step {written}; start it again") == 2
    finish(run, straight, written)


POISON = "~"
"""Stands in one sample. With the seed below it is dealt to the second process."""


@pytest.fixture
def poisoned_home(tmp_path):
    """A base model that knows no number for one token."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    tiny.write_base(tmp_path / "tiny")
    model = LlamaForCausalLM.from_pretrained(tmp_path / "tiny")
    (token,) = AutoTokenizer.from_pretrained(tmp_path / "tiny").encode(POISON, add_special_tokens=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[token] = float("nan")
    model.save_pretrained(tmp_path / "tiny")
    tiny.write_corpus(tmp_path)
    threads = tmp_path / "corpus" / "demo" / tiny.CORPUS / "train" / "threads.parquet"
    rows = pq.read_table(threads).to_pylist()
    rows[6]["messages"][3]["text"] += f" {POISON}"
    pq.write_table(pyarrow.Table.from_pylist(rows), threads)
    base_model.run(tiny.recipe(tmp_path), tmp_path, tiny.arguments("none"))
    return tmp_path


def test_a_batch_that_breaks_one_process_ends_both_and_is_written_out(poisoned_home, launched):
    run = launched(poisoned_home, "poisoned", "train.chat.characters=1", "train.seed=6", "train.save_steps=1")
    run.start()
    run.wait_for(lambda: any(run.folder.glob("bad_batch-*.json")))
    assert ends(run) == 1
    (path,) = run.folder.glob("bad_batch-*.json")
    batch = json.loads(path.read_text())
    assert path.stem.endswith("-rank-1"), "the order of the samples has changed: take another seed"
    assert any(POISON in text for text in batch["texts"])
    said = f"train: loss is nan at step {batch['step']}: the training has diverged; the batch is in {path}"
    assert said in run.said()
    assert max(checkpoints(run.folder), default=0) < batch["step"], "what was learned from it was kept"


SLOW = """
import pathlib, signal, sys, time

def save(number, frame):
    time.sleep(4)  # the rest of a step, and a checkpoint
    pathlib.Path(sys.argv[1], "saved").touch()
    sys.exit(143)

signal.signal(signal.SIGTERM, save)
pathlib.Path(sys.argv[1], "ready").touch()
while True:
    time.sleep(1)
"""


def test_the_launcher_gives_a_slow_step_the_time_that_the_environment_says(tmp_path):
    """PyTorch's, which gives 30 s before it kills; a large model may need more."""
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    config = tiny.ROOT / "config" / "accelerate" / "cpu_2.yaml"
    accelerate = pathlib.Path(sys.executable).with_name("accelerate")
    launch = [accelerate, "launch", "--quiet", "--num_processes", "1", "--main_process_port", "0"]
    folders = {seconds: tmp_path / seconds for seconds in ("1", "60")}
    jobs = []
    try:
        for seconds, folder in folders.items():
            folder.mkdir()
            environment = os.environ | {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": seconds}
            command = [*launch, "--config_file", config, script, folder]
            jobs.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        until = time.monotonic() + AT_ONCE_S
        while not all((folder / "ready").exists() for folder in folders.values()):
            assert time.monotonic() < until
            time.sleep(0.05)
        for job in jobs:
            job.send_signal(signal.SIGTERM)
        assert [job.wait(AT_ONCE_S) for job in jobs] == [1, 1]
    finally:
        for job in jobs:
            job.kill()
    assert {seconds: (folder / "saved").exists() for seconds, folder in folders.items()} == {"1": False, "60": True}

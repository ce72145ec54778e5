"""Two processes that share the work do what one does alone."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from tests.training import tiny

BIN = pathlib.Path(sys.executable).parent


def run(command: list, log: pathlib.Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    environment |= {"PYTHONPATH": str(tiny.ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("w") as file:
        done = subprocess.run(command, cwd=tiny.ROOT, env=environment, stdout=file, stderr=file, timeout=300)
    assert done.returncode == 0, log.read_text()[-3000:]


def losses(home: pathlib.Path, run_id: str) -> list[float]:
    lines = (home / "runs" / "demo" / run_id / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


def test_data_parallel_training_has_the_losses_of_one_process(tmp_path):
    """The same global batch of two samples; float32, sums in another order: 1e-3 of the loss after twelve steps."""
    home = tiny.prepare(tmp_path)
    common = ["train.max_steps=12", "train.save_steps=12", "train.lora.dropout=0", "train.wandb.mode=disabled"]
    tiny.trained(home, "one", *common, "train.batch_size=2")
    sets = [*tiny.overrides(home), *common, "train.accelerate=cpu_2.yaml", "batch.processes=2", "train.batch_size=1"]
    command = [BIN / "accelerate", "launch", "--config_file", "config/accelerate/cpu_2.yaml", "-m", "jobs", "train"]
    options = ["--recipe", "recipes/demo.yaml", "--run-id", "two", "--home", home]
    run([*command, *options, *(part for override in sets for part in ("--set", override))], home / "two.log")
    assert losses(home, "two") == pytest.approx(losses(home, "one"), rel=1e-3)
    assert losses(home, "two")[-1] < 0.8 * losses(home, "two")[0]


def test_sharded_training_has_the_losses_and_the_adapter_of_one_process(tmp_path):
    script = pathlib.Path(__file__).with_name("sharded.py")
    for processes in (1, 2):
        torchrun = [BIN / "torchrun", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(processes)]
        run([*torchrun, script, tmp_path / str(processes)], tmp_path / f"{processes}.log")
    one, two = (json.loads((tmp_path / name / "losses.json").read_text()) for name in "12")
    assert two == pytest.approx(one, rel=1e-4)
    alone, gathered = (load_file(tmp_path / name / "adapter_model.safetensors") for name in "12")
    assert alone.keys() == gathered.keys() and len(alone) == 28
    for name, weight in alone.items():
        assert weight.shape == gathered[name].shape
        assert weight.allclose(gathered[name], atol=2e-3), name

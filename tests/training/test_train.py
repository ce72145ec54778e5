"""The job `train` on a tiny base: what a run leaves behind, goes on from, and refuses."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml
from filelock import FileLock

from contracts.recipe import Recipe
from jobs.errors import JobError
from tests.training import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def run(home):
    """One finished run: (summary, folder)."""
    summary = tiny.trained(home, "first")
    return summary, home / "runs" / "demo" / "first"


def metrics(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def adapter_bytes(folder: pathlib.Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def test_it_learns(run):
    losses = [line["loss"] for line in metrics(run[1]) if "loss" in line]
    assert losses[0] > 5
    assert sum(losses[-3:]) / 3 < 0.6 * losses[0]
    watched = [line["eval_loss"] for line in metrics(run[1]) if "eval_loss" in line]
    assert len(watched) == 3 and watched[-1] < watched[0]


def test_summary_says_what_was_made(run, home):
    summary, folder = run
    assert summary["run_id"] == "first" and summary["steps"] == 24 and summary["unchanged"] is False
    assert summary["corpus_digest"] == tiny.CORPUS
    assert pathlib.Path(summary["adapter"]) == folder / "adapter"
    assert (folder / "adapter" / "adapter_model.safetensors").stat().st_mode & 0o044 == 0o044


def test_every_step_has_one_line_of_metrics(run):
    lines = [line for line in metrics(run[1]) if "loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 25))
    assert all({"learning_rate", "grad_norm", "tokens_per_second"} <= line.keys() for line in lines)
    assert max(line["learning_rate"] for line in lines) == pytest.approx(0.02)


def test_config_is_the_resolved_recipe(run, home):
    assert Recipe.model_validate(yaml.safe_load((run[1] / "config.yaml").read_text())) == tiny.recipe(home)


def test_wandb_kept_the_run_on_disk(run):
    (record,) = (run[1] / "wandb").glob("offline-run-*/run-demo-first.wandb")
    assert b"eval_loss" in record.read_bytes()


def test_the_view_report_lies_beside_the_run(run):
    view = json.loads((run[1] / "view.json").read_text())
    assert view["train"]["threads"] == 8 and view["valid"]["threads"] == 2
    assert view["train"]["reply_tokens"] == view["train"]["trained"] > 0


def test_a_finished_run_is_left_alone(run, home):
    summary, folder = run
    before = (folder / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    assert tiny.trained(home, "first") == summary | {"unchanged": True}
    assert (folder / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == before


def test_same_seed_same_weights(run, home):
    tiny.trained(home, "again")
    assert adapter_bytes(home / "runs" / "demo" / "again") == adapter_bytes(run[1])


def test_a_run_id_belongs_to_one_training(run, home):
    with pytest.raises(JobError, match=r"run first was trained on something else \(recipe_digest differ\)"):
        tiny.trained(home, "first", "train.seed=8")


def test_killed_with_9_it_goes_on_from_its_checkpoint(run, home):
    folder = home / "runs" / "demo" / "killed"
    sets = [part for override in tiny.overrides(home) for part in ("--set", override)]
    accelerate = [pathlib.Path(sys.executable).with_name("accelerate"), "launch", "--config_file"]
    command = [*accelerate, "config/accelerate/cpu.yaml", "-m", "jobs", "train", "--recipe", "recipes/demo.yaml"]
    with (home / "killed.log").open("w") as log:
        job = subprocess.Popen(
            [*command, "--run-id", "killed", "--home", home, *sets],
            cwd=tiny.ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"},  # no service of ours
        )
        try:
            state = folder / "checkpoints" / "checkpoint-8" / "trainer_state.json"
            until = time.monotonic() + 300
            while not state.exists() and job.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
    assert state.exists() and not (folder / "train.json").exists(), (home / "killed.log").read_text()
    half = folder / "checkpoints" / "checkpoint-23"  # as if killed while writing
    half.mkdir()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2')
    before = metrics_of_first_steps(folder)

    summary = tiny.trained(home, "killed")

    assert summary["steps"] == 24 and not half.exists()
    lines = [line for line in metrics(folder) if "loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 25))
    assert lines[: len(before)] == before, "the first steps were made again"
    straight = [line["loss"] for line in metrics(run[1]) if "loss" in line]
    assert [line["loss"] for line in lines] == pytest.approx(straight, rel=1e-3)


def metrics_of_first_steps(folder: pathlib.Path) -> list[dict]:
    """The lines up to the last checkpoint of a killed run, its torn last line left out."""
    whole = [path.parent for path in folder.glob("checkpoints/checkpoint-*/trainer_state.json")]
    step = max(int(path.name.split("-")[1]) for path in whole)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()[:-1]]
    return [line for line in lines if "loss" in line and line["step"] <= step]


def test_killed_after_the_last_step_it_makes_no_step_too_many(run, home):
    summary, folder = run
    again = folder.with_name("late")
    shutil.copytree(folder, again)
    (again / "train.json").unlink()
    late = tiny.trained(home, "late")
    assert (late["steps"], late["train_loss"]) == (24, summary["train_loss"])
    assert [line["step"] for line in metrics(again)] == [line["step"] for line in metrics(folder)]
    assert adapter_bytes(again) == adapter_bytes(folder)


def test_an_interrupted_run_keeps_its_corpus(run, home):
    """A newer corpus does not change what a run that has begun is trained on."""
    latest = home / "corpus" / "demo" / "latest.json"
    before = latest.read_text()
    shutil.copytree(run[1], home / "runs" / "demo" / "begun")
    (home / "runs" / "demo" / "begun" / "train.json").unlink()
    latest.write_text('{"digest": "ffffffffffff"}')
    try:
        assert tiny.trained(home, "begun")["corpus_digest"] == tiny.CORPUS
        with pytest.raises(JobError, match=r"run first was trained on something else \(corpus_digest differ\)"):
            tiny.trained(home, "first")
    finally:
        latest.write_text(before)


def test_a_loss_that_is_no_number_ends_the_run(home):
    with pytest.raises(JobError, match=r"is (nan|inf) at step \d+: the training has diverged"):
        tiny.trained(home, "diverged", "train.learning_rate=1.0e+30")
    assert not (home / "runs" / "demo" / "diverged" / "train.json").exists()


def test_one_process_at_a_time_trains_a_run(home):
    folder = home / "runs" / "demo" / "held"
    folder.mkdir()
    with FileLock(folder / ".lock"), pytest.raises(JobError, match="another process is training this run"):
        tiny.trained(home, "held")


def test_wandb_online_needs_a_key(home, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(JobError, match="WANDB_API_KEY is not set"):
        tiny.trained(home, "online", "train.wandb.mode=online")


def test_eight_processes_are_not_one(home):
    more = ["train.accelerate=fsdp2_8gpu.yaml", "batch.processes=8"]
    with pytest.raises(JobError, match=r"1 training processes run, fsdp2_8gpu.yaml asks for 8: start with `accelerate"):
        tiny.trained(home, "sharded", *more)


def test_recipe_and_accelerate_config_must_agree(home):
    with pytest.raises(JobError, match=r"cpu.yaml says 1 processes, batch.processes of the recipe 4"):
        tiny.trained(home, "disagree", "batch.processes=4")


def test_unknown_accelerate_config(home):
    with pytest.raises(JobError, match=r"no file tpu.yaml in config/accelerate; there are: cpu.yaml"):
        tiny.trained(home, "tpu", "train.accelerate=tpu.yaml")


def test_another_strategy_than_asked_for_is_an_error(home, monkeypatch):
    from accelerate import Accelerator
    from accelerate.utils import DistributedType

    from jobs.training.launch import check_launch, read_accelerate_config

    recipe = tiny.recipe(home)
    config = read_accelerate_config(recipe)
    check_launch(recipe, config, Accelerator(cpu=True))
    config.distributed_type = DistributedType.FSDP
    with pytest.raises(JobError, match=r"cpu.yaml asks for FSDP, ACCELERATE_USE_FSDP is not set: start with"):
        check_launch(recipe, config)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    check_launch(recipe, config)
    with pytest.raises(JobError, match=r"cpu.yaml asks for FSDP, Accelerate runs NO"):
        check_launch(recipe, config, Accelerator(cpu=True))


def test_a_training_on_gpus_without_one_ends_before_the_model_is_loaded(home):
    with pytest.raises(JobError, match=r"single_gpu.yaml trains on GPUs, PyTorch sees none here"):
        tiny.trained(home, "no-gpu", "train.accelerate=single_gpu.yaml", "batch.gpus=1")


def test_missing_inputs_name_the_job_that_makes_them(tmp_path, home):
    with pytest.raises(JobError, match="run `python -m jobs base-model` first"):
        tiny.trained(tmp_path, "run")
    (tmp_path / "models").symlink_to(home / "models")
    with pytest.raises(JobError, match="run `python -m jobs corpus` first"):
        tiny.trained(tmp_path, "run")


@pytest.mark.parametrize("run_id", ["../elsewhere", "", "a b"])
def test_run_id_is_a_plain_name(home, run_id):
    with pytest.raises(JobError, match="--run-id"):
        tiny.trained(home, run_id)

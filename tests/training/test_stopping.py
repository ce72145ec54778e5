"""Runs that end before their last step, and runs that go on from a damaged disk."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from jobs.errors import JobError
from jobs.training.checkpoints import damage, prune, seal
from tests.training import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("stopping"))


@pytest.fixture(scope="module")
def straight(home):
    """A run that nobody disturbed."""
    return tiny.trained(home, "straight", "train.keep_checkpoints=9")


def lines(run: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: pathlib.Path) -> list[float]:
    return [line["loss"] for line in lines(run) if "loss" in line]


def run_of(home: pathlib.Path, name: str) -> pathlib.Path:
    return home / "runs" / "demo" / name


def interrupted(home: pathlib.Path, straight: dict, name: str) -> pathlib.Path:
    """The straight run as if it had been killed after step 16."""
    folder = run_of(home, name)
    shutil.copytree(straight["run"], folder)
    (folder / "train.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "checkpoint-24")
    return folder


@pytest.fixture
def started(home):
    """A function that starts a real job with accelerate's launcher, in a session of its own that ends with the test."""
    jobs = []

    def start(run_id: str, *sets: str, config: str = "cpu.yaml") -> subprocess.Popen:
        accelerate = [pathlib.Path(sys.executable).with_name("accelerate"), "launch", "--config_file"]
        command = [*accelerate, f"config/accelerate/{config}", "-m", "jobs", "train", "--recipe", "recipes/demo.yaml"]
        overrides = [part for override in [*tiny.overrides(home), *sets] for part in ("--set", override)]
        environment = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
        with (home / f"{run_id}.log").open("w") as log:
            job = subprocess.Popen(
                [*command, "--run-id", run_id, "--home", home, *overrides],
                cwd=tiny.ROOT,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        jobs.append(job)
        return job

    yield start
    for job in jobs:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()


def wait_for(condition, job: subprocess.Popen, log: pathlib.Path) -> None:
    until = time.monotonic() + 300
    while not condition():
        assert job.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.02)


def wait_until_gone(job: subprocess.Popen) -> None:
    """Until no process of the job's group is left."""
    until = time.monotonic() + 120
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(job.pid, 0)
            time.sleep(0.1)
        pytest.fail("the job goes on after SIGTERM")


def test_sigterm_writes_a_checkpoint_and_the_run_goes_on_from_there(home, started):
    long = ["train.max_steps=4000", "train.save_steps=4000", "train.wandb.mode=disabled"]
    job, folder, log = started("preempted", *long), run_of(home, "preempted"), home / "preempted.log"
    wait_for(lambda: (folder / "metrics.jsonl").exists() and len(losses(folder)) >= 5, job, log)
    os.killpg(job.pid, signal.SIGTERM)
    assert job.wait(timeout=120) != 0
    wait_until_gone(job)  # the launcher does not wait for its child
    assert "train: ended by SIGTERM after step" in log.read_text()
    (checkpoint,) = (folder / "checkpoints").glob("checkpoint-*")
    step = int(checkpoint.name.rpartition("-")[2])
    assert damage(checkpoint) is None and not (folder / "train.json").exists()
    before = losses(folder)
    assert len(before) == step

    job = started("preempted", *long)
    wait_for(lambda: len(losses(folder)) >= step + 3, job, log)
    assert losses(folder)[:step] == before, "the first steps were made again"
    assert f"going on from checkpoint-{step}" in log.read_text()


@pytest.mark.parametrize("harm", ["cut short", "changed", "missing", "not sealed"])
def test_a_damaged_checkpoint_is_left_for_the_one_before(home, straight, harm):
    folder = interrupted(home, straight, f"damaged-{harm.replace(' ', '-')}")
    newest = folder / "checkpoints" / "checkpoint-16"
    weights = newest / "adapter_model.safetensors"
    content = weights.read_bytes()
    if harm == "missing":
        weights.unlink()
    elif harm == "not sealed":
        (newest / "files.json").unlink()
    else:
        weights.write_bytes(content[:-9] if harm == "cut short" else content[:-1] + bytes([content[-1] ^ 1]))
    summary = tiny.trained(home, folder.name, "train.keep_checkpoints=9")
    assert summary["steps"] == 24
    assert losses(folder) == pytest.approx(losses(pathlib.Path(straight["run"])), rel=1e-3)
    assert damage(newest) is None, "made again"


def test_best_and_last_stay_when_checkpoints_are_many(home):
    summary = tiny.trained(home, "kept", "train.save_steps=2", "train.keep_checkpoints=3")
    watched = {line["step"]: line["eval_loss"] for line in lines(run_of(home, "kept")) if "eval_loss" in line}
    kept = {int(path.name.rpartition("-")[2]) for path in (run_of(home, "kept") / "checkpoints").glob("checkpoint-*")}
    assert len(watched) == 12
    assert len(kept) == 3 and {24, min(watched, key=watched.get)} <= kept
    assert summary["steps"] == 24


def test_pruning_never_removes_the_best_or_the_last(tmp_path):
    for step in (2, 4, 6, 8, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    prune(tmp_path, keep=2, best_step=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-4"]


def test_a_sealed_folder_is_whole_until_it_changes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    seal(tmp_path)
    assert damage(tmp_path) is None
    (tmp_path / "a" / "b").write_text("y")
    assert damage(tmp_path) == "a/b has changed since it was written"


def test_early_stop_ends_a_run_that_learns_no_more(home):
    wanted = ["train.early_stop.patience=2", "train.early_stop.min_improvement=10", "train.save_steps=2"]
    summary = tiny.trained(home, "early", *wanted)
    assert summary["steps"] == 6  # the first evaluation is the best so far, two more without 10 nats of progress
    assert (run_of(home, "early") / "adapter").is_dir()


def test_a_run_killed_after_its_early_stop_does_not_train_on(home):
    wanted = ["train.early_stop.patience=2", "train.early_stop.min_improvement=10", "train.save_steps=2"]
    folder = run_of(home, "early-killed")
    whole = tiny.trained(home, "early-killed", *wanted)
    weights = (folder / "adapter" / "adapter_model.safetensors").read_bytes()
    (folder / "train.json").unlink()
    shutil.rmtree(folder / "adapter")
    again = tiny.trained(home, "early-killed", *wanted)
    assert again == whole and again["steps"] == 6
    assert (folder / "adapter" / "adapter_model.safetensors").read_bytes() == weights
    assert not list((folder / "adapter").glob("optimizer*"))


def test_early_stop_goes_on_counting_after_a_kill(home):
    wanted = ["train.early_stop.patience=3", "train.early_stop.min_improvement=10", "train.save_steps=2"]
    tiny.trained(home, "counting", *wanted, "train.keep_checkpoints=9")
    folder = run_of(home, "counting")
    (folder / "train.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "checkpoint-8")
    assert tiny.trained(home, "counting", *wanted, "train.keep_checkpoints=9")["steps"] == 8


def test_a_line_of_metrics_that_cannot_be_read_costs_that_line(home, straight, caplog):
    folder = interrupted(home, straight, "bad-line")
    kept = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text("\n".join([kept[0], "\0\0\0", *kept[2:]]) + "\n")
    assert tiny.trained(home, "bad-line", "train.keep_checkpoints=9")["steps"] == 24
    assert "left out a line that cannot be read" in caplog.text
    assert losses(folder)[0] == json.loads(kept[0])["loss"]


def test_early_stop_needs_something_to_watch(home, tmp_path):
    other = tiny.prepare(tmp_path)
    for path in (other / "corpus" / "demo" / tiny.CORPUS / "valid").iterdir():
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(JobError, match=r"train.early_stop: the split valid gives no sample"):
        tiny.trained(other, "blind", "train.early_stop.patience=2")


def test_the_batch_that_broke_the_training_is_written_out(home):
    with pytest.raises(JobError, match=r"loss is nan at step \d+: the training has diverged; the batch is in "):
        tiny.trained(home, "broken", "train.learning_rate=1.0e+38", "train.max_grad_norm=1.0e+30")
    (path,) = run_of(home, "broken").glob("bad_batch-step-*.json")
    batch = json.loads(path.read_text())
    assert any("<|im_start|>assistant" in text for text in batch["texts"])
    assert len(batch["input_ids"][0]) == len(batch["labels"][0])


def test_a_trace_of_some_steps_is_written(home):
    tiny.trained(home, "traced", "train.profile.steps=2", "train.profile.skip=1")
    trace = json.loads((run_of(home, "traced") / "profile" / "trace-rank-0.json").read_text())
    names = {event.get("name", "") for event in trace["traceEvents"]}
    assert any(name.startswith("ProfilerStep") for name in names) and "aten::mm" in names


def test_a_line_of_metrics_says_how_well_the_hardware_was_used(straight):
    for line in lines(pathlib.Path(straight["run"])):
        if "loss" in line:
            assert 0 < line["mfu"] < 1 and line["tokens_per_second"] > 0
            assert 0.05 < line["memory_gib"] < 20
            assert line["padding_share"] == 0  # packed


@pytest.fixture
def no_wandb(monkeypatch):
    """A key for a wandb that does not answer."""
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef" * 2 + "01234567")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("jobs.training.tracking.INIT_TIMEOUT_S", 3)


def test_without_wandb_a_run_goes_on_offline_if_the_recipe_lets_it(home, no_wandb, caplog):
    summary = tiny.trained(home, "alone", "train.max_steps=2", "train.wandb.mode=auto")
    assert summary["steps"] == 2
    assert "the run is kept in" in caplog.text
    assert list((run_of(home, "alone") / "wandb").glob("offline-run-*/*.wandb"))


def test_without_wandb_a_run_that_must_have_it_never_begins(home, no_wandb):
    with pytest.raises(JobError, match=r"wandb: .*check the network and WANDB_API_KEY, or choose mode auto"):
        tiny.trained(home, "refused", "train.wandb.mode=online")
    assert not (run_of(home, "refused") / "metrics.jsonl").exists()


def test_a_wandb_that_dies_costs_its_rows_and_not_the_run(home, started):
    """Killed is the process of wandb that writes, of a job of its own: it would be that of other tests."""
    job, folder, log = started("orphaned", "train.wandb.mode=offline"), run_of(home, "orphaned"), home / "orphaned.log"
    wait_for(lambda: (folder / "metrics.jsonl").exists() and losses(folder), job, log)
    for process in psutil.Process(job.pid).children(recursive=True):
        if process.name().startswith("wandb"):
            process.kill()
    assert job.wait(timeout=120) == 0, log.read_text()[-2000:]
    assert len(losses(folder)) == 24
    assert log.read_text().count("metrics.jsonl has every row") == 1

"""The job `sweep` on a tiny base: real trainings, one that fails, a kill in the middle."""

import argparse
import csv
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import pytest

from contracts.recipe import RecipeError, load_recipe
from jobs.errors import JobError
from jobs.evaluation import sweep
from tests.training import tiny

RECIPE = tiny.ROOT / "recipes" / "demo.yaml"
SEARCH = {"train.learning_rate": [0.0001, 0.02], "train.lora.target_modules": ["all-linear", "nowhere"]}
DEADLINE_S = 180


def overrides(home: pathlib.Path, search: dict = SEARCH) -> list[str]:
    return [
        *tiny.overrides(home),
        f"sweep={json.dumps({'trials': 4, 'max_steps': 8, 'parameters': search})}",
        "train.save_steps=4",
        "train.logging_steps=1",
        "train.wandb.mode=disabled",
        "rollout.approval=never",
    ]


def started(home: pathlib.Path, run_id: str, search: dict = SEARCH) -> dict:
    """The summary of a sweep in this process."""
    changes = overrides(home, search)
    arguments = argparse.Namespace(recipe=RECIPE, overrides=changes, run_id=run_id)
    return sweep.run(load_recipe(RECIPE, changes), home, arguments)


def ended(home: pathlib.Path, run_id: str, trials: int, number: signal.Signals) -> int:
    """Start the job as a process of its own, send it a signal when `trials` trainings have begun; its exit code."""
    words = [sys.executable, "-m", "jobs", "sweep", "--recipe", RECIPE, "--home", home, "--run-id", run_id]
    words += [word for change in overrides(home) for word in ("--set", change)]
    job = subprocess.Popen([str(word) for word in words], cwd=tiny.ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + DEADLINE_S
    while len(list((home / "runs" / "demo").glob(f"{run_id}-trial-*/run.json"))) < trials:
        assert job.poll() is None and time.monotonic() < deadline, f"training {trials} never began"
        time.sleep(0.05)
    job.send_signal(number)
    return job.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def summary(home):
    """Of a sweep that was killed in its first trial, pre-empted in its second, and started again."""
    assert ended(home, "search", 1, signal.SIGKILL) == -signal.SIGKILL
    assert not (home / "runs" / "demo" / "search" / "sweep" / "sweep.json").exists()
    assert ended(home, "search", 2, signal.SIGTERM) == 128 + signal.SIGTERM
    return started(home, "search")


@pytest.fixture(scope="module")
def rows(home, summary):
    return json.loads((home / "runs" / "demo" / "search" / "sweep" / "sweep.json").read_text())["trials"]


def test_every_combination_was_tried_once(rows):
    tried = [tuple(row["parameters"].values()) for row in rows]
    assert sorted(tried) == [(r, m) for r in SEARCH["train.learning_rate"] for m in ("all-linear", "nowhere")]
    assert [row["trial"] for row in rows] == [0, 1, 2, 3]


def test_losses_are_those_of_the_runs(home, rows):
    for row in rows:
        if row["eval_loss"] is not None:
            metrics = (home / "runs" / "demo" / row["run_id"] / "metrics.jsonl").read_text().splitlines()
            losses = [line["eval_loss"] for line in map(json.loads, metrics) if "eval_loss" in line]
            assert len(losses) == 2 and row["eval_loss"] == min(losses)


def test_the_rate_that_learns_is_the_best_and_ready_to_set(home, summary, rows):
    losses = {row["parameters"]["train.learning_rate"]: row["eval_loss"] for row in rows if row["eval_loss"]}
    assert losses[0.02] < losses[0.0001] - 0.5
    assert summary["best"]["eval_loss"] == losses[0.02]
    words = shlex.split(shlex.join(summary["set"]))
    assert words[::2] == ["--set", "--set"]
    chosen = load_recipe(RECIPE, [*tiny.overrides(home), *words[1::2]])
    assert chosen.train.learning_rate == 0.02 and chosen.train.lora.target_modules == "all-linear"


def test_a_failed_trial_is_recorded_with_its_error_and_ends_nothing(summary, rows):
    assert summary["trials"] == 4 and summary["failed"] == 2
    for row in rows:
        if row["parameters"]["train.lora.target_modules"] == "nowhere":
            assert row["eval_loss"] is None and "nowhere" in row["error"]
        else:
            assert row["error"] is None


def test_the_table_has_the_same_rows(summary, rows):
    table = list(csv.DictReader(pathlib.Path(summary["table"]).read_text().splitlines()))
    assert [float(row["eval_loss"]) if row["eval_loss"] else None for row in table] == [r["eval_loss"] for r in rows]
    assert [row["train.lora.target_modules"] for row in table] == [
        row["parameters"]["train.lora.target_modules"] for row in rows
    ]


def test_a_finished_sweep_is_left_alone(home, summary):
    again = started(home, "search")
    assert again["unchanged"] and again["best"] == summary["best"] and not summary["unchanged"]


def test_another_sweep_under_the_same_run_id_is_refused(home, summary):
    with pytest.raises(JobError, match=r"began with something else \(recipe_digest differ\): take another --run-id"):
        started(home, "search", {"train.lora.rank": [8, 16]})


@pytest.mark.parametrize(
    "search, said",
    [
        ({"train.lora.rnk": [8]}, r"train\.lora\.rnk=8: .*unknown key, did you mean 'rank'"),
        ({"train.lr_scheduler": ["cosine", "sine"]}, r"train\.lr_scheduler=sine: .*'cosine'"),
        ({"evaluate.seed": [1, 2]}, r"a sweep trains, so it tries keys of train and model only"),
    ],
)
def test_wrong_parameters_are_found_before_the_first_training(home, search, said):
    with pytest.raises(RecipeError, match=said):
        started(home, "wrong", search)
    assert not list((home / "runs" / "demo").glob("wrong*"))


def test_a_recipe_without_a_sweep_says_so(home):
    with pytest.raises(JobError, match="the recipe has no section sweep"):
        sweep.run(tiny.recipe(home), home, argparse.Namespace(recipe=RECIPE, overrides=[], run_id="none"))

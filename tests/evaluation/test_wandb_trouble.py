"""wandb does not take what was measured: nothing is lost, it is said, and the next run offers it again.

A file stands where wandb keeps its runs: that fails at once, in every mode.
"""

import argparse
import json
import pathlib

import pytest

from contracts.recipe import load_recipe
from jobs.errors import JobError
from jobs.evaluation import sweep
from tests.evaluation import scenes
from tests.training import tiny

OFFLINE, ONLINE = "train.wandb.mode=offline", "train.wandb.mode=online"
SHORT = ("evaluate.max_samples=4", "evaluate.choice.questions=0", "evaluate.generation.samples=0")


@pytest.fixture
def blocked(scenes_home) -> pathlib.Path:
    """The file, in the way of the trained run."""
    path = scenes_home / "runs/demo/first/wandb"
    if path.is_dir():
        path.rename(path.with_name("wandb-of-the-training"))
    path.write_text("")
    return path


def test_an_evaluation_goes_on_without_wandb_and_says_so(scenes_home, blocked, caplog):
    summary = scenes.evaluated(scenes_home, OFFLINE, *SHORT)
    assert summary["passed"] is True and pathlib.Path(summary["path"], "manifest.json").is_file()
    assert "NotADirectoryError" in summary["wandb"]
    assert summary["wandb"] == scenes.report(scenes_home)["wandb"]
    (warning,) = [record for record in caplog.records if "wandb has nothing of this" in record.message]
    assert warning.levelname == "WARNING" and summary["wandb"] in warning.message

    blocked.unlink()
    page = pathlib.Path(summary["page"]).stat().st_mtime_ns
    assert scenes.evaluated(scenes_home, OFFLINE, *SHORT) == summary | {"wandb": "logged", "unchanged": True}
    assert pathlib.Path(summary["page"]).stat().st_mtime_ns == page, "nothing was measured again"
    (record,) = blocked.rglob("run-demo-first.wandb")
    assert b"evaluation/test/loss" in record.read_bytes()


def test_where_the_recipe_wants_wandb_it_is_an_error_after_everything_is_on_disk(scenes_home, blocked, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    for _ in range(2):  # starting it again is no way around it
        with pytest.raises(JobError, match=r"mode is online, but wandb has nothing of .*evaluation.json \(NotADirec"):
            scenes.evaluated(scenes_home, ONLINE, *SHORT)
    report = scenes.report(scenes_home)
    assert report["verdict"]["passed"] is True
    (manifest,) = (scenes_home / "adapters").glob("demo@*/manifest.json")
    assert json.loads(manifest.read_text())["metrics"] == report["metrics"]
    kept = {path.name for path in (scenes_home / "runs/demo/first").iterdir()}
    assert {"evaluation.html", "samples.jsonl"} <= kept


def test_a_sweep_keeps_its_table_without_wandb_and_says_so(tmp_path):
    home = tiny.prepare(tmp_path)
    search = {"trials": 1, "max_steps": 2, "parameters": {"train.learning_rate": [0.01]}}
    changes = [*tiny.overrides(home), f"sweep={json.dumps(search)}", "train.save_steps=2", OFFLINE]
    path = tiny.ROOT / "recipes" / "demo.yaml"
    arguments = argparse.Namespace(recipe=path, overrides=changes, run_id="search")
    blocked = home / "runs/demo/search/wandb"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("")
    summary = sweep.run(load_recipe(path, changes), home, arguments)
    assert "NotADirectoryError" in summary["wandb"] and summary["failed"] == 0
    assert str(summary["best"]["eval_loss"]) in pathlib.Path(summary["table"]).read_text()

    blocked.unlink()
    again = sweep.run(load_recipe(path, changes), home, arguments)
    assert again == summary | {"wandb": "logged", "unchanged": True}
    (table,) = blocked.rglob("*.table.json")
    assert json.loads(table.read_text())["columns"] == ["trial", "train.learning_rate", "eval_loss", "error"]

"""Job `prune`: what goes, what stays and why; never what is served or what that was trained on from."""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

import pytest
from filelock import FileLock

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import load_recipe
from jobs.housekeeping import prune

ROOT = pathlib.Path(__file__).parents[2]
KEEP = ("housekeeping.keep_adapters=1", "housekeeping.keep_runs=1", "housekeeping.keep_corpora=1")
WRITE_AND_REMOVE = """
import pathlib, shutil, sys
places = [pathlib.Path(sys.argv[1]) / "checkpoints" / str(number) for number in range(300)]
while True:
    for place in places:
        place.mkdir(parents=True)
        (place / "file").touch()
    print(flush=True)
    for place in places:
        shutil.rmtree(place)
"""


class Home:
    """A home in which a training a day left an adapter, a run and a corpus: day n has the digest nnnnnnnnnnnn."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def day(self, day: int, parent: int | None = None, name: str = "demo") -> str:
        digest, folder = str(day) * 12, self.path
        parent = f"{name}@{str(parent) * 12}" if parent else None
        manifest = AdapterManifest(
            name=name,
            version=digest,
            base_model="SmolLM2-135M-Instruct",
            base_digest="0" * 12,
            rank=16,
            alpha=32,
            target_modules=("q_proj",),
            recipe=name,
            run_id=f"run-{day}",
            corpus_digest=digest,
            parent=parent,
            created_at=datetime.datetime(2026, 11, day, tzinfo=datetime.UTC),
        )
        self.write(folder / "adapters" / manifest.reference / "manifest.json", manifest.model_dump_json(), day)
        self.run(manifest.run_id, day, parent, name)
        self.write(folder / "corpus" / name / digest / "report.json", "{}", day)
        (folder / "corpus" / name / "latest.json").write_text(json.dumps({"digest": digest}))
        return manifest.reference

    def run(self, run_id: str, day: int, parent: str | None = None, name: str = "demo") -> pathlib.Path:
        """A run that was trained and evaluated."""
        run = self.path / "runs" / name / run_id
        self.write(run / "run.json", json.dumps({"corpus_digest": str(day) * 12}), day)
        (run / "config.yaml").write_text(json.dumps({"train": {"parent": parent}}))
        (run / "train.json").write_text("{}")
        (run / "evaluation.json").write_text("{}")
        return run

    def write(self, path: pathlib.Path, text: str, day: int) -> None:
        path.parent.mkdir(parents=True)
        path.write_text(text)
        os.utime(path, times=(day * 86400, day * 86400))

    def serve(self, **pointer) -> None:
        (self.path / "serving").mkdir()
        (self.path / "serving" / "registry.json").write_text(json.dumps({"demo": pointer}))

    def prune(self, *arguments: str, settings=KEEP):
        changes = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "jobs", "prune", "--recipe", "recipes/demo.yaml", "--home", str(self.path)]
        done = subprocess.run([*command, *changes, *arguments], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        kept = [line.split("keep   ")[1] for line in done.stderr.splitlines() if "keep   " in line]
        self.kept = dict(line.split(": ", 1) for line in kept)
        return json.loads(done.stdout.splitlines()[-1])

    def left(self) -> dict[str, list[str]]:
        kinds = {"adapters": "adapters/*@*", "runs": "runs/demo/*", "corpora": "corpus/demo/*/"}
        return {kind: sorted(path.name for path in self.path.glob(pattern)) for kind, pattern in kinds.items()}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def everything(*days: int) -> dict[str, list[str]]:
    return {
        "adapters": [f"demo@{str(day) * 12}" for day in days],
        "runs": [f"run-{day}" for day in days],
        "corpora": [str(day) * 12 for day in days],
    }


def test_without_being_told_to_it_only_lists(home):
    for day in (1, 2):
        home.day(day)
    summary = home.prune()
    assert summary["removed"] == ["adapter demo@111111111111", "run run-1", "corpus 111111111111"]
    assert summary["deleted"] is False and summary["bytes"] > 100
    assert home.left() == everything(1, 2)


def test_the_newest_stay_with_what_they_come_from(home):
    for day in (1, 2, 3):
        home.day(day)
    summary = home.prune("--delete", "yes")
    assert home.kept == {
        "adapter demo@333333333333": "among the newest 1",
        "run run-3": "adapter demo@333333333333 comes from it",
        "corpus 333333333333": "the latest",
    }
    each = {"adapter": 1, "run": 1, "corpus": 1}
    assert summary["kept"] == each and summary["go"] == dict.fromkeys(each, 2)
    assert home.left() == everything(3)
    assert home.prune("--delete", "yes")["removed"] == []


@pytest.mark.parametrize("role", ["stable", "canary", "previous"])
def test_what_is_served_stays_and_all_that_it_was_trained_on_from(home, role):
    home.day(1)
    home.day(2, parent=1)
    home.day(3)
    served = home.day(4, parent=2)
    newest = home.day(5)
    home.serve(**({"stable": newest} | {role: served}))
    home.prune("--delete", "yes")
    assert home.kept["adapter demo@444444444444"] == f"served ({role})"
    assert home.kept["adapter demo@222222222222"].startswith("parent of demo@444444444444")
    assert home.kept["adapter demo@111111111111"].startswith("parent of demo@222222222222")
    assert home.left() == everything(1, 2, 4, 5)


def test_other_recipes_are_left_alone_and_their_parents_too(home):
    home.day(1, name="other")
    home.day(2)
    home.day(3)
    path = home.path / "adapters" / "other@111111111111" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parent": "demo@222222222222"}))
    home.prune("--delete", "yes")
    assert home.left()["adapters"] == ["demo@222222222222", "demo@333333333333", "other@111111111111"]
    assert (home.path / "runs" / "other" / "run-1").is_dir() and (home.path / "corpus" / "other").is_dir()


def test_a_run_at_work_stays_with_its_corpus(home):
    for day in (1, 2):
        home.day(day)
    with FileLock(home.path / "runs" / "demo" / "run-1" / ".lock"):
        home.prune("--delete", "yes")
    assert home.kept["run run-1"] == "a training or an evaluation is at it"
    assert home.left() == everything(1, 2) | {"adapters": ["demo@222222222222"]}


def test_a_run_that_waits_for_its_evaluation_stays_unless_it_is_a_trial_of_a_sweep(home):
    for day in (1, 2):
        home.day(day)
    for run_id in ("trained", "search-trial-001"):
        (home.run(run_id, 1) / "evaluation.json").unlink()
    (home.run("search", 1) / "sweep").mkdir()
    home.prune("--delete", "yes")
    assert home.kept["run trained"] == "waits for its evaluation"
    assert home.left()["runs"] == ["run-2", "trained"]


def test_a_run_that_holds_a_whole_model_stays(home):
    for day in (1, 2):
        home.day(day)
    (home.path / "runs" / "demo" / "run-1" / "model").mkdir()
    home.prune("--delete", "yes")
    assert home.kept["run run-1"] == "holds a whole model"


@pytest.mark.parametrize("recipe", ["demo", "other"])
def test_the_parent_of_a_training_at_work_stays(home, recipe):
    """The recipe names no parent: the training was started with an override, or with another recipe."""
    parent = home.day(1)
    for day in (2, 3):
        home.day(day)
    run = home.run("at-work", 1, parent, recipe)
    for name in ("train.json", "evaluation.json"):
        (run / name).unlink()
    with FileLock(run / ".lock"):
        home.prune("--delete", "yes")
    assert home.kept[f"adapter {parent}"] == f"train.parent of run at-work of {recipe}"
    assert home.left()["adapters"] == [parent, "demo@333333333333"]


def test_the_summary_stays_one_short_line_however_much_goes(home):
    for number in range(130):
        home.run(f"run-{number:03}", 1)
    summary = home.prune()
    assert len(summary["removed"]) == 101 and summary["removed"][-1] == "and 29 more"
    assert summary["go"] == {"run": 129} and summary["kept"] == {"run": 1}


def test_files_that_vanish_while_they_are_counted_are_no_obstacle(home):
    home.day(1)
    command = [sys.executable, "-c", WRITE_AND_REMOVE, home.path / "runs" / "demo" / "run-1"]
    at_work = subprocess.Popen(command, stdout=subprocess.PIPE)
    recipe, listing = load_recipe(ROOT / "recipes" / "demo.yaml", []), argparse.Namespace(delete="no")
    try:
        at_work.stdout.readline()
        kept = [prune.run(recipe, home.path, listing)["kept"]["run"] for _ in range(40)]
    finally:
        at_work.kill()
        at_work.communicate()
    assert kept == [1] * 40


@pytest.mark.parametrize(
    "place",
    ["serving/registry.json", "adapters/demo@111111111111/manifest.json", "runs/demo/run-2/config.yaml"],
)
def test_what_cannot_be_read_stops_everything(home, place):
    for day in (1, 2):
        home.day(day)
    home.serve(stable="demo@111111111111")
    (home.path / place).write_text('{"demo": ')
    assert f"{place}: " in home.prune("--delete", "yes")
    assert home.left() == everything(1, 2)


def test_what_a_killed_run_left_goes(home):
    home.day(1)
    (home.path / "adapters" / ".demo@999999999999.pruned").mkdir()
    home.prune("--delete", "yes")
    assert not (home.path / "adapters" / ".demo@999999999999.pruned").exists()


def test_the_policy_is_the_recipes(home):
    for day in (1, 2, 3):
        home.day(day)
    assert home.prune("--delete", "yes", settings=())["removed"] == []
    assert "housekeeping.keep_runs: Input should be" in home.prune(settings=("housekeeping.keep_runs=0",))

"""Which adapter is exported: found by its run or by its name, refused when it does not belong to the base."""

import json
import shutil

import pytest

from jobs.errors import JobError
from jobs.export.published import find_published
from tests.export.conftest import arguments
from tests.training import tiny


@pytest.fixture
def home(published, tmp_path):
    """A copy of the home that a test may spoil."""
    for name in ("adapters", "runs", "models"):
        shutil.copytree(published.home / name, tmp_path / name)
    return tmp_path


def test_found_by_run_and_by_name(published, home):
    by_run = find_published(published.recipe, home, arguments("one"))
    by_name = find_published(published.recipe, home, arguments(adapter=published.reference))
    assert by_run.manifest == by_name.manifest
    assert by_run.manifest.reference == published.reference
    assert by_run.adapter == home / "adapters" / published.reference


def test_an_adapter_for_another_base_is_refused(published, home):
    path = home / "models" / "tiny" / "base.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": "f" * 12}))
    with pytest.raises(JobError, match=r"models/tiny has ffffffffffff: this adapter is for another base"):
        find_published(published.recipe, home, arguments("one"))


def test_an_adapter_of_another_recipe_is_refused(published, home):
    other = published.recipe.model_copy(update={"name": "other"})
    with pytest.raises(JobError, match="made by the recipe demo, this one is other"):
        find_published(other, home, arguments(adapter=published.reference))


def test_changed_weights_are_refused(published, home):
    with (home / "adapters" / published.reference / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(JobError, match="changed after publication"):
        find_published(published.recipe, home, arguments("one"))


def test_one_run_published_twice_asks_which(published, home):
    first = home / "adapters" / published.reference
    second = home / "adapters" / "demo@000000000000"
    shutil.copytree(first, second)
    manifest = json.loads((second / "manifest.json").read_text()) | {"version": "0" * 12}
    (second / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(JobError, match="choose with --adapter: demo@000000000000, demo@"):
        find_published(published.recipe, home, arguments("one"))


def test_what_is_not_there_is_named(published, home):
    with pytest.raises(JobError, match="run `python -m jobs evaluate` first"):
        find_published(published.recipe, home, arguments("two"))
    with pytest.raises(JobError, match=f"published are: {published.reference}"):
        find_published(published.recipe, home, arguments(adapter="demo@123456789abc"))
    with pytest.raises(JobError, match="which adapter"):
        find_published(published.recipe, home, arguments())
    shutil.rmtree(home / "runs")
    with pytest.raises(JobError, match="nobody can say how"):
        find_published(published.recipe, home, arguments(adapter=published.reference))


def test_a_run_that_trained_the_whole_model_has_no_adapter(published, home):
    shutil.copytree(published.home / "corpus", home / "corpus")
    full = ("train.tuning=full", "rollout.approval=never", "train.max_steps=1", "train.wandb.mode=disabled")
    model = tiny.trained(home, "whole", *full)["model"]
    with pytest.raises(JobError, match=f"trained the whole model .*merge and quantize take adapters.*{model}"):
        find_published(published.recipe, home, arguments("whole"))

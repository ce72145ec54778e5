"""Which checkpoint the job `evaluate` takes, and the verdict on it."""

import json
import pathlib
import shutil

import pytest

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Criterion
from jobs.errors import JobError
from jobs.evaluation.verdict import choose, judge
from jobs.training.checkpoints import seal
from tests.evaluation import scenes
from tests.training import tiny

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def summary(judged_home) -> dict:
    return scenes.evaluated(judged_home)


def test_every_checkpoint_and_the_base_are_judged_on_valid(judged_home, summary):
    rows = scenes.report(judged_home)["checkpoints"]
    assert [row["name"] for row in rows] == ["base", "step 8", "step 16", "step 24"], "the last state is step 24"
    losses = [row["metrics"]["loss"] for row in rows]
    assert losses == sorted(losses, reverse=True) and len(set(losses)) == 4
    assert all(0 <= row["metrics"]["choice/accuracy"] <= 1 for row in rows)


def test_the_best_is_published_with_its_step(judged_home, summary):
    manifest = AdapterManifest.model_validate_json(pathlib.Path(summary["path"], "manifest.json").read_text())
    assert manifest.step == summary["step"] == 24
    published = pathlib.Path(summary["path"], WEIGHTS).read_bytes()
    assert published == (judged_home / "runs/demo/first/checkpoints/checkpoint-24" / WEIGHTS).read_bytes()
    assert scenes.report(judged_home)["chosen"]["reason"].startswith("lowest loss of 3 checkpoints on valid")


def test_the_recipe_says_what_the_best_is(scenes_home):
    """With a margin that no later checkpoint can beat, the first one stays."""
    choose_by = ("evaluate.choose_by.metric=loss", "evaluate.choose_by.better=lower", "evaluate.choose_by.margin=100")
    summary = scenes.evaluated(scenes_home, *choose_by)
    assert summary["step"] == 8
    published = pathlib.Path(summary["path"], WEIGHTS).read_bytes()
    assert published == (scenes_home / "runs/demo/first/checkpoints/checkpoint-8" / WEIGHTS).read_bytes()


def test_a_metric_of_replies_can_decide(scenes_home):
    choose_by = ("evaluate.choose_by.metric=generation/chrf", "evaluate.choose_by.better=higher")
    scenes.evaluated(scenes_home, *choose_by)
    rows = scenes.report(scenes_home)["checkpoints"]
    best = max(rows[1:], key=lambda row: row["metrics"]["generation/chrf"])
    assert scenes.report(scenes_home)["chosen"]["name"] == best["name"]


def test_questions_can_be_kept_for_the_one_that_is_taken(scenes_home):
    summary = scenes.evaluated(scenes_home, "evaluate.choice.of_checkpoints=false")
    rows = scenes.report(scenes_home)["checkpoints"]
    assert all("loss" in row["metrics"] and "choice/accuracy" not in row["metrics"] for row in rows)
    assert 0 <= summary["metrics"]["test/choice/accuracy"] <= 1


@pytest.mark.parametrize("harm", ["cut", "strange", "nan", "changed"])
def test_a_checkpoint_that_is_not_sound_is_out_and_the_others_are_judged(scenes_home, harm):
    """Also when it is the first that is loaded."""
    from safetensors.torch import load_file, save_file

    weights = scenes_home / "runs/demo/first/checkpoints/checkpoint-8" / WEIGHTS
    tensors = load_file(weights)
    if harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "strange":
        save_file({name.replace("q_proj", "other"): tensor for name, tensor in tensors.items()}, weights)
    elif harm == "nan":
        save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, weights)
    else:
        save_file({name: tensor * 1.01 for name, tensor in tensors.items()}, weights)
    if harm != "changed":
        seal(weights.parent)  # as if it had been written so
    assert scenes.evaluated(scenes_home)["step"] == 24
    rows = scenes.report(scenes_home)["checkpoints"]
    errors = {row["name"]: row["error"] for row in rows if "error" in row}
    said = {
        "cut": "cannot be put on the base",
        "strange": "missing or unknown",
        "nan": "loss is nan",
        "changed": "adapter_model.safetensors has changed since it was written",
    }
    assert list(errors) == ["step 8"] and said[harm] in errors["step 8"]
    clean = [row["metrics"]["loss"] for row in rows if "error" not in row]
    assert clean == sorted(clean, reverse=True) and len(clean) == 3


def test_without_valid_the_last_state_is_taken_and_that_is_said(scenes_home):
    (scenes_home / "corpus/demo" / tiny.CORPUS / "valid" / "threads.parquet").unlink()
    assert scenes.evaluated(scenes_home)["step"] == 24
    assert "valid holds no sample" in scenes.report(scenes_home)["chosen"]["reason"]


def test_a_verdict_of_no_is_a_result(scenes_home):
    """Nobody gains 100 nats: the job is done, the adapter published, and both say no."""
    summary = scenes.evaluated(scenes_home, "evaluate.criteria=[{metric: loss, better: lower, margin: 100}]")
    assert summary.get("ok", True) and summary["passed"] is False
    assert "is not lower by more than 100 than" in summary["reasons"][0]
    manifest = AdapterManifest.model_validate_json(pathlib.Path(summary["path"], "manifest.json").read_text())
    assert manifest.passed is False and list(manifest.reasons) == summary["reasons"]


def test_the_parent_must_be_beaten_as_well(trained_home, tmp_path):
    """A child that is trained on for one step with no learning rate worth the name is no better than its parent."""
    home = shutil.copytree(trained_home, tmp_path / "home")
    parent = scenes.evaluated(home)["adapter"]
    child = ("train.max_steps=1", "train.learning_rate=1e-12", f"train.parent={parent}")
    tiny.trained(home, "second", *scenes.TRAINING, *child)
    summary = scenes.evaluated(home, *child, run_id="second")
    metrics = summary["metrics"]
    assert metrics["test/parent_loss"] == pytest.approx(metrics["test/loss"], abs=1e-4)
    assert summary["passed"] is False
    assert [reason.split(" (")[0].rsplit(" of the ")[1] for reason in summary["reasons"]] == ["base", "parent"]
    manifest = json.loads(pathlib.Path(summary["path"], "manifest.json").read_text())
    assert manifest["parent"] == parent
    against = {row["against"] for row in scenes.report(home, "second")["differences"] if row["metric"] == "loss"}
    assert against == {"base", "parent"}


def test_a_dataset_that_has_changed_is_noticed(trained_home, tmp_path):
    home = shutil.copytree(trained_home, tmp_path / "home")
    rows = tmp_path / "rows.jsonl"
    asks = {"role": "user", "content": "Where does it ring?"}
    told = [[asks, {"role": "assistant", "content": f"Over house {n}."}] for n in range(60)]
    rows.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in told))
    asked = ("train.view=messages", f"train.dataset={rows}", "train.max_steps=8")
    tiny.trained(home, "rows", *scenes.TRAINING, *asked)
    assert scenes.evaluated(home, *asked, run_id="rows")["passed"] is True
    rows.write_text(rows.read_text() + rows.read_text().splitlines()[0] + "\n")
    with pytest.raises(JobError, match=r"rows.jsonl has changed since run rows was trained on it"):
        scenes.evaluated(home, *asked, run_id="rows")


def test_a_criterion_that_cannot_be_measured_is_said_before_anything_is(scenes_home):
    with pytest.raises(
        JobError, match=r"evaluate.choose_by: unknown metric 'choice/acuracy', did you mean 'choice/acc"
    ):
        scenes.evaluated(scenes_home, "evaluate.choose_by.metric=choice/acuracy", "evaluate.choose_by.better=higher")
    with pytest.raises(JobError, match=r"choice/accuracy is not measured on split valid: evaluate.choice.questions is"):
        more = ("evaluate.choose_by.metric=choice/accuracy", "evaluate.choose_by.better=higher")
        scenes.evaluated(scenes_home, *more, "evaluate.choice.questions=0")


def test_of_equals_the_one_that_was_trained_least():
    lower = Criterion(metric="loss", better="lower", margin=0.1)
    assert choose([2.0, 1.95, 1.8, 1.75], lower) == 2
    assert choose([0.2, 0.5, 0.5], Criterion(metric="choice/accuracy", better="higher")) == 1


def test_all_criteria_must_hold_against_all():
    criteria = (Criterion(metric="loss", better="lower"), Criterion(metric="choice/accuracy", better="higher"))
    base = {"loss": 3.0, "choice/accuracy": 0.25}
    assert judge({"loss": 2.0, "choice/accuracy": 0.5}, {"base": base}, criteria, {}).passed
    assert not judge({"loss": 2.0, "choice/accuracy": 0.25}, {"base": base}, criteria, {}).passed
    parent = {"loss": 1.9, "choice/accuracy": 0.3}
    verdict = judge({"loss": 2.0, "choice/accuracy": 0.5}, {"base": base, "parent": parent}, criteria, {})
    assert not verdict.passed and verdict.reasons[1] == "loss 2 is not lower than 1.9 of the parent"

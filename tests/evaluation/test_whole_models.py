"""The job `evaluate` on a run that trained all weights: judged like an adapter, published nowhere."""

import json
import pathlib
import shutil
import weakref

import pytest

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.evaluation import evaluate
from jobs.evaluation.whole_models import WholeModels
from jobs.training import base_model
from jobs.training.checkpoints import seal
from jobs.training.files import sha12
from tests.evaluation import scenes
from tests.training import tiny

FULL = ("train.tuning=full", "rollout.approval=never", "train.learning_rate=0.003", "evaluate.max_samples=64")
FAST = (*scenes.FAST, "evaluate.choice.questions=8")
SILENT = ("evaluate.choice.generated=false", "evaluate.generation.samples=0")
"""No replies are written: nothing changes on valid."""


def recipe(home: pathlib.Path, *overrides: str) -> Recipe:
    return tiny.recipe(home, *FULL, *FAST, *overrides)


def evaluated(home: pathlib.Path, *overrides: str) -> dict:
    return evaluate.run(recipe(home, *overrides), home, tiny.arguments("whole"))


def rows(home: pathlib.Path) -> dict[str, dict]:
    return {row["name"]: row for row in scenes.report(home, "whole")["checkpoints"]}


def checkpoint(home: pathlib.Path, step: int) -> pathlib.Path:
    return home / "runs/demo/whole/checkpoints" / f"checkpoint-{step}"


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> pathlib.Path:
    """A home with one finished run that trained all weights, and its evaluation."""
    home = tmp_path_factory.mktemp("whole")
    tiny.write_base(home / "tiny")
    scenes.write_corpus(home)
    base_model.run(recipe(home), home, tiny.arguments("none"))
    tiny.trained(home, "whole", *FULL, "train.wandb.mode=disabled")
    (home / "summary.json").write_text(json.dumps(evaluated(home)))
    return home


@pytest.fixture
def home(judged, tmp_path) -> pathlib.Path:
    """A copy that was not judged yet."""
    shutil.copytree(judged, tmp_path / "home", ignore=shutil.ignore_patterns("evaluation.json"))
    return tmp_path / "home"


def test_all_checkpoints_and_the_base_are_judged_and_the_best_stays_where_it_is(judged):
    summary, report = json.loads((judged / "summary.json").read_text()), scenes.report(judged, "whole")
    model = judged / "runs/demo/whole/model"
    assert summary["model"] == str(model) and summary["step"] == 24 and summary["passed"] is True
    assert "adapter" not in summary and "path" not in summary and not (judged / "adapters").exists()
    assert list(rows(judged)) == ["base", "step 8", "step 16", "step 24"], "the last state is step 24"
    losses = [row["metrics"]["loss"] for row in rows(judged).values()]
    assert losses == sorted(losses, reverse=True) and len(set(losses)) == 4
    assert report["chosen"]["version"] == sha12([model / "model.safetensors"])
    assert list(report["models"]) == ["model", "base"] and {row["against"] for row in report["differences"]} == {"base"}
    page = pathlib.Path(summary["page"]).read_text()
    assert "The model of step 24" in page and "dapter" not in page
    lines = map(json.loads, (judged / "runs/demo/whole/samples.jsonl").read_text().splitlines())
    assert all(set(line["models"]) == {"model", "base"} for line in lines)


def test_the_losses_are_those_of_the_two_models_alone(judged):
    """Sample by sample, without batches, by transformers' own loss."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from jobs.training.views import read_samples
    from jobs.training.views.sample import IGNORED

    summary, base = json.loads((judged / "summary.json").read_text()), judged / "models/tiny"
    samples, _ = read_samples(recipe(judged), judged, tiny.CORPUS, "test", AutoTokenizer.from_pretrained(base))
    for folder, name in ((base, "test/base_loss"), (summary["model"], "test/loss")):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        total = tokens = 0
        for sample in samples:
            trained = sum(label != IGNORED for label in sample.labels[1:])
            ids, labels = torch.tensor([list(sample.input_ids)]), torch.tensor([list(sample.labels)])
            with torch.no_grad():
                total += model(input_ids=ids, labels=labels).loss.item() * trained
            tokens += trained
        assert summary["metrics"][name] == pytest.approx(total / tokens, abs=1e-4)


def test_a_second_run_does_nothing(judged):
    summary = json.loads((judged / "summary.json").read_text())
    path = judged / "runs/demo/whole/evaluation.json"
    before = path.stat().st_mtime_ns
    assert evaluated(judged) == summary | {"unchanged": True}
    assert path.stat().st_mtime_ns == before


def test_a_checkpoint_can_be_the_best(home):
    """With a margin that no later one can beat."""
    choose_by = ("evaluate.choose_by.metric=loss", "evaluate.choose_by.better=lower", "evaluate.choose_by.margin=100")
    summary = evaluated(home, *SILENT, *choose_by)
    assert summary["model"] == str(checkpoint(home, 8)) and summary["step"] == 8


def test_weights_in_several_files_are_one_model(judged, home):
    """As large models are written; the version is the digest of all files."""
    from transformers import AutoModelForCausalLM

    for folder in (checkpoint(home, 8), home / "runs/demo/whole/model"):
        model = AutoModelForCausalLM.from_pretrained(folder)
        (folder / "model.safetensors").unlink()
        model.save_pretrained(folder, max_shard_size="200KB")
    seal(checkpoint(home, 8))
    shutil.rmtree(checkpoint(home, 24))  # of the same weights as model/, in one file
    evaluated(home, *SILENT)
    for name, folder in {"step 8": checkpoint(home, 8), "step 24": home / "runs/demo/whole/model"}.items():
        files = sorted(folder.glob("*.safetensors"))
        assert len(files) > 2 and rows(home)[name]["version"] == sha12(files)
    for name, row in rows(judged).items():
        assert rows(home)[name]["metrics"] == pytest.approx(row["metrics"], abs=1e-4)


def harm(folder: pathlib.Path, how: str) -> None:
    from safetensors.torch import load_file, save_file

    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "strange":
        tensors = {name.replace("layers.1", "layers.7"): tensor for name, tensor in tensors.items()}
        save_file(tensors, weights, metadata={"format": "pt"})
    elif how == "shape":
        for name in ("lm_head.weight", "model.embed_tokens.weight"):
            tensors[name] = tensors[name][:-1].clone()
        save_file(tensors, weights, metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        config["vocab_size"] -= 1  # sound in itself, but nothing for the base's tokenizer
        (folder / "config.json").write_text(json.dumps(config))
    elif how == "nan":
        save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, weights, metadata={"format": "pt"})
    else:
        weights.rename(folder / "sharded_state.distcp")
    seal(folder)  # as if it had been written so


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "cannot be loaded in the base's shape"),
        ("strange", "weights are missing or unknown, the first is model.layers.1."),
        ("shape", "cannot be loaded in the base's shape"),
        ("nan", "its loss is nan"),
        ("sharded", "no weights there as safetensors"),
    ],
)
def test_a_checkpoint_that_is_not_sound_is_out_and_the_others_are_judged_as_before(judged, home, how, said):
    harm(checkpoint(home, 8), how)
    assert evaluated(home, *SILENT)["step"] == 24
    harmed = rows(home)
    assert [name for name, row in harmed.items() if "error" in row] == ["step 8"]
    assert said in harmed["step 8"]["error"] and "checkpoint-8" in harmed["step 8"]["error"]
    for name in ("base", "step 16", "step 24"):
        assert harmed[name]["metrics"] == rows(judged)[name]["metrics"]


def test_a_checkpoint_that_has_changed_is_out(home):
    """Of step 24 the last state is left, with the same weights."""
    with (checkpoint(home, 24) / "optimizer.pt").open("ab") as file:
        file.write(b"x")
    with (checkpoint(home, 16) / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert evaluated(home, *SILENT)["model"] == str(home / "runs/demo/whole/model")
    errors = {name: row["error"] for name, row in rows(home).items() if "error" in row}
    assert list(errors) == ["step 16"] and "model.safetensors has changed since it was written" in errors["step 16"]


def test_a_run_without_any_weights_is_refused(home):
    shutil.rmtree(home / "runs/demo/whole/checkpoints")
    (home / "runs/demo/whole/model/model.safetensors").unlink()
    with pytest.raises(JobError, match=r"it holds no model, neither in model/ nor in checkpoints/; train it again"):
        evaluated(home, *SILENT)


def test_one_model_is_in_memory_at_a_time(judged):
    models = WholeModels(judged / "models/tiny", recipe(judged), chat=None)
    alone = []
    for folder in (checkpoint(judged, 8), checkpoint(judged, 16), None):
        weakref.finalize(models.model, lambda: alone.append(models.model is None))  # gone before the next one came
        with models.being("next", folder):
            assert models.name == "next"
            again = models.model
            with models.being("study", folder):
                assert models.model is again, "what is in memory is not read again"
            del again
    assert alone == [True, True, True]

"""The job `evaluate`: honest numbers for adapter and base, and a publication that never changes."""

import json
import math
import pathlib
import shutil

import pytest

from contracts.adapter_manifest import AdapterManifest
from jobs.errors import JobError
from jobs.evaluation import evaluate
from jobs.training.files import sha12
from jobs.training.run_folder import RunFolder
from tests.training import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one finished training of the tiny base."""
    home = tiny.prepare(tmp_path_factory.mktemp("home"))
    tiny.trained(home, "first")
    return home


FAST = ("evaluate.generation.samples=2", "evaluate.generation.max_new_tokens=8", "train.wandb.mode=disabled")


def run(home: pathlib.Path, run_id: str = "first", *overrides: str) -> dict:
    return evaluate.run(tiny.recipe(home, *FAST, *overrides), home, tiny.arguments(run_id))


@pytest.fixture(scope="module")
def summary(home):
    return run(home)


def test_the_adapter_is_better_than_its_base(summary):
    metrics = summary["metrics"]
    assert metrics["test/loss"] < 0.6 * metrics["test/base_loss"]
    assert metrics["test/perplexity"] == pytest.approx(math.exp(metrics["test/loss"]), rel=1e-3)
    assert metrics["test/base_perplexity"] == pytest.approx(math.exp(metrics["test/base_loss"]), rel=1e-3)


def test_the_losses_are_those_of_the_two_models_alone(home, summary):
    """Sample by sample, without batches, by transformers' own loss: the base never loaded with PEFT, the adapter
    merged into it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from jobs.training.views import read_samples
    from jobs.training.views.sample import IGNORED

    folder = home / "models" / "tiny"
    samples, _ = read_samples(tiny.recipe(home), home, tiny.CORPUS, "test", AutoTokenizer.from_pretrained(folder))
    assert len(samples) == json.loads((home / "runs/demo/first/evaluation.json").read_text())["samples"] == 8
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    merged = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), summary["path"]
    ).merge_and_unload()
    for model, name in ((base, "test/base_loss"), (merged, "test/loss")):
        total = tokens = 0
        for sample in samples:
            trained = sum(label != IGNORED for label in sample.labels)
            with torch.no_grad():
                ids, labels = torch.tensor([list(sample.input_ids)]), torch.tensor([list(sample.labels)])
                output = model(input_ids=ids, labels=labels)
            total, tokens = total + output.loss.item() * trained, tokens + trained
        assert summary["metrics"][name] == pytest.approx(total / tokens, abs=1e-4)


def test_the_loss_does_not_depend_on_the_batch_size(home, summary):
    again = run(home, "first", "evaluate.batch_size=5")
    assert again["metrics"] == pytest.approx(summary["metrics"], rel=1e-4)
    assert run(home)["metrics"] == pytest.approx(summary["metrics"], rel=1e-4)


def test_max_samples_bounds_the_work(home, tmp_path):
    other = shutil.copytree(home, tmp_path / "home")
    run(other, "first", "evaluate.max_samples=3")
    assert json.loads((other / "runs/demo/first/evaluation.json").read_text())["samples"] == 3


def test_what_is_published(home, summary):
    folder = pathlib.Path(summary["path"])
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors", "manifest.json"]
    manifest = AdapterManifest.model_validate_json((folder / "manifest.json").read_text())
    assert summary["adapter"] == manifest.reference == folder.name
    assert manifest.name == manifest.recipe == "demo" and manifest.run_id == "first"
    assert manifest.version == sha12([folder / "adapter_model.safetensors"])
    assert manifest.base_model == "tiny"
    assert manifest.base_digest == json.loads((home / "models/tiny/base.json").read_text())["digest"]
    assert manifest.corpus_digest == tiny.CORPUS and manifest.parent is None
    assert manifest.step == summary["step"] and manifest.passed is summary["passed"] is True
    assert list(manifest.reasons) == summary["reasons"]
    assert (manifest.rank, manifest.alpha) == (16, 32)
    modules = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert list(manifest.target_modules) == modules
    assert dict(manifest.metrics) == summary["metrics"]
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny", "no path of this machine"


def test_a_second_run_does_nothing(home):
    before = run(home)
    manifest = pathlib.Path(before["path"], "manifest.json").read_bytes()
    assert run(home) == before | {"unchanged": True}
    assert pathlib.Path(before["path"], "manifest.json").read_bytes() == manifest
    assert [path.name for path in (home / "adapters").iterdir() if path.is_dir()] == [before["adapter"]]


def test_the_manifest_has_the_verdict_of_the_latest_evaluation(home, tmp_path, caplog):
    """Weights and configuration stay what they were, and so does the day of publication."""
    other = shutil.copytree(home, tmp_path / "home")
    first = run(other)
    folder = pathlib.Path(first["path"])
    kept = {path.name: path.stat() for path in folder.iterdir() if path.name != "manifest.json"}
    before = AdapterManifest.model_validate_json((folder / "manifest.json").read_text())
    caplog.set_level("INFO")
    stricter = ("evaluate.criteria=[{metric: loss, better: lower, margin: 100}]", "evaluate.split=valid")
    second = run(other, "first", *stricter)
    assert second["path"] == first["path"] and second["unchanged"] is False
    after = AdapterManifest.model_validate_json((folder / "manifest.json").read_text())
    assert before.passed is True and after.passed is False and list(after.reasons) == second["reasons"]
    assert dict(after.metrics) == second["metrics"] != first["metrics"]
    same = {"created_at", "version", "run_id", "step", "rank"}
    assert after.model_dump(include=same) == before.model_dump(include=same)
    assert {name: (folder / name).stat() for name in kept} == kept and len(list(folder.iterdir())) == 3
    assert "published before (passed): its manifest has the new figures (failed)" in caplog.text
    assert run(other, "first", *stricter) == second | {"unchanged": True}


def test_a_published_folder_with_a_broken_manifest_is_refused(home, tmp_path):
    other = shutil.copytree(home, tmp_path / "home")
    pathlib.Path(run(other)["path"], "manifest.json").write_text("{")
    with pytest.raises(JobError, match=r"manifest.json: no manifest that can be read .*remove the folder, publish ag"):
        run(other)


def test_what_a_killed_publication_left_is_no_obstacle(home):
    before = run(home)
    part = home / "adapters" / f".{before['adapter']}.part"
    shutil.move(before["path"], part)
    (part / "manifest.json").unlink()
    assert run(home)["adapter"] == before["adapter"]
    assert pathlib.Path(before["path"], "manifest.json").is_file() and not part.exists()


def test_published_weights_that_were_changed_are_noticed(home, tmp_path):
    other = tmp_path / "home"
    shutil.copytree(home, other)
    published = pathlib.Path(run(other)["path"])
    with (published / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(JobError, match="its weights were changed after publication"):
        run(other)


def test_an_adapter_for_another_base_is_refused(home, tmp_path):
    other = tmp_path / "home"
    shutil.copytree(home, other)
    base = json.loads((other / "models/tiny/base.json").read_text())
    (other / "models/tiny/base.json").write_text(json.dumps(base | {"digest": "f" * 12}))
    with pytest.raises(JobError, match=r"has f{12}: this adapter is for another base"):
        run(other)


def test_a_run_that_somebody_holds_is_not_judged(home):
    with RunFolder(home, tiny.recipe(home), "first").hold(), pytest.raises(JobError, match="another process is"):
        run(home)


def test_a_run_that_is_not_finished_is_refused(home):
    with pytest.raises(JobError, match="this run is not finished, run `python -m jobs train` first"):
        run(home, "never")


def test_a_corpus_without_held_out_threads(home, tmp_path):
    other = tmp_path / "home"
    shutil.copytree(home, other)
    (other / "runs/demo/first/evaluation.json").unlink(missing_ok=True)
    (other / "corpus/demo" / tiny.CORPUS / "test" / "threads.parquet").unlink()
    with pytest.raises(JobError, match="split test gives no sample"):
        run(other)


def test_an_adapter_that_is_no_number_is_not_published(home, tmp_path):
    from safetensors.torch import load_file, save_file

    other = tmp_path / "home"
    shutil.copytree(home, other, ignore=shutil.ignore_patterns("adapters", "evaluation.json", "checkpoint-*"))
    weights = other / "runs/demo/first/adapter/adapter_model.safetensors"
    save_file({name: tensor * float("nan") for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(JobError, match="its loss is nan, it is of no use; train it again"):
        run(other)
    assert not (other / "adapters").exists()


def test_a_run_is_judged_as_it_was_trained(home):
    with pytest.raises(JobError, match=r"run first was trained with train.max_length 256, now 128: evaluate it with"):
        run(home, "first", "train.max_length=128")

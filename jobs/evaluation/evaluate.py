"""Job `evaluate`: all checkpoints of a run against its base on held-out data; the best one is published.

In: a finished run, its corpus, its base model. Out: evaluation.json, evaluation.html and samples.jsonl in the run's
folder, the numbers in wandb, and adapters/<recipe>@<version>/ with the verdict in its manifest. A run that trained the
whole model has no adapter: its best model stays where it is.
"""

import argparse
import datetime
import json
import logging
import pathlib
from dataclasses import asdict

import yaml

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe, Train
from jobs.errors import JobError
from jobs.evaluation.candidates import Candidate, candidates
from jobs.evaluation.publish import adapter_shape, publish
from jobs.evaluation.wandb_log import LOGGED, demand_logged, log_evaluation
from jobs.training.base_model import read_base
from jobs.training.cpu import yield_waiting_cores
from jobs.training.files import full_disk_explained, write_json, write_text
from jobs.training.methods import parent_folder
from jobs.training.prepared import votes_of
from jobs.training.run_folder import Inputs, RunFolder
from jobs.training.tracking import wandb_mode
from jobs.training.views.rows import dataset_digest

log = logging.getLogger(__name__)

AS_TRAINED = ("method", "dpo", "view", "dataset", "chat", "overlap", "max_length", "parent", "tuning")
"""Keys of `train` that decide what the model was taught: it can only be judged on the same."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Measure, choose and publish. What was measured and published before is not done again.

    A verdict of no is a result, not a failure: `passed` is false, and the adapter is published with it. The summary
    names the adapter (`adapter`, `path`) or, where the whole model was trained, the chosen one's folder (`model`).

    Raises:
        JobError: the run is not finished, was trained on another base or in another way than the recipe says, no
            checkpoint is sound, the held-out split holds no sample, or another process is at the run. Also, when all
            is done, that wandb does not take the numbers although the recipe wants them there.
    """
    yield_waiting_cores()
    folder = RunFolder(home, recipe, arguments.run_id)
    inputs, summary = folder.read_inputs(), folder.read_summary()
    if summary is None:
        raise JobError(f"{folder.path}: this run is not finished, run `python -m jobs train` first")
    base = read_base(home / "models" / recipe.model.name)
    if base["digest"] != inputs.base_digest:
        raise JobError(
            f"run {folder.run_id} was trained on a base with digest {inputs.base_digest}, models/{recipe.model.name} "
            f"has {base['digest']}: this adapter is for another base"
        )
    _check_as_trained(recipe, folder, inputs)
    mode = wandb_mode(recipe)
    found = candidates(folder, summary["steps"])
    parent = parent_folder(recipe, home, inputs.base_digest)
    with folder.hold(), full_disk_explained(home):
        evaluation, measured_before = _evaluation(recipe, home, folder, inputs, found, parent)
        chosen = next(each for each in found if each.version == evaluation["chosen"]["version"])
        if recipe.train.tuning == "full":
            place, published_before = {"model": str(chosen.folder)}, True
        else:
            place, published_before = _publish(recipe, home, folder, inputs, chosen, evaluation)
        state = _in_wandb(recipe, folder, mode, evaluation)
    demand_logged(recipe, state, folder.path / "evaluation.json")
    return {
        **place,
        "step": chosen.step,
        "metrics": evaluation["metrics"],
        **evaluation["verdict"],
        "page": str(folder.path / "evaluation.html"),
        "wandb": state,
        "unchanged": measured_before and published_before,
    }


def _publish(
    recipe: Recipe, home: pathlib.Path, folder: RunFolder, inputs: Inputs, chosen: Candidate, evaluation: dict
) -> tuple[dict, bool]:
    """What the summary says about the published adapter, and whether it was published so before."""
    manifest = AdapterManifest(
        name=recipe.name,
        version=chosen.version,
        base_model=recipe.model.name,
        base_digest=inputs.base_digest,
        **adapter_shape(chosen.folder),
        recipe=recipe.name,
        run_id=folder.run_id,
        corpus_digest=inputs.corpus_digest,
        parent=recipe.train.parent,
        step=chosen.step,
        votes=votes_of(folder).get("conversations", 0),
        metrics=evaluation["metrics"],
        **evaluation["verdict"],
        peft=evaluation.get("probe"),
        created_at=datetime.datetime.now(datetime.UTC),
    )
    path, published_before = publish(chosen.folder, manifest, home / "adapters")
    return {"adapter": manifest.reference, "path": str(path)}, published_before


def _in_wandb(recipe: Recipe, folder: RunFolder, mode: str, evaluation: dict) -> str:
    """Whether wandb has the numbers, or why not. What it did not take before is offered again."""
    before = evaluation.get("wandb")
    state = before if before == LOGGED else log_evaluation(recipe, folder, mode, evaluation)
    if state != before:
        write_json(folder.path / "evaluation.json", evaluation | {"wandb": state})
    return state


def _check_as_trained(recipe: Recipe, folder: RunFolder, inputs: Inputs) -> None:
    now, config = recipe.train, yaml.safe_load((folder.path / "config.yaml").read_text())["train"]
    unsaid = Train(accelerate=now.accelerate, max_steps=now.max_steps)  # what a key is that came after the run
    now, then = now.model_dump(mode="json"), unsaid.model_dump(mode="json") | config
    changed = [f"train.{key} {then[key]!r}, now {now[key]!r}" for key in AS_TRAINED if then[key] != now[key]]
    if changed:
        raise JobError(
            f"run {folder.run_id} was trained with {'; '.join(changed)}: evaluate it with the recipe of its training"
        )
    if recipe.train.dataset and dataset_digest(recipe.train.dataset) != inputs.corpus_digest:
        raise JobError(f"{recipe.train.dataset} has changed since run {folder.run_id} was trained on it; put it back")


def _evaluation(
    recipe: Recipe, home: pathlib.Path, folder: RunFolder, inputs: Inputs, found: list[Candidate], parent
) -> tuple[dict, bool]:
    """evaluation.json, and whether it was there already for the same weights and settings."""
    path = folder.path / "evaluation.json"
    versions = {candidate.name: candidate.version for candidate in found}
    key = {"candidates": versions, **asdict(inputs), "evaluate": recipe.evaluate.model_dump(mode="json")}
    if path.is_file():
        evaluation = json.loads(path.read_text())
        if evaluation["inputs"] == key:
            return evaluation, True

    from jobs.evaluation.measure import measure
    from jobs.evaluation.page import render

    measured = measure(recipe, home, inputs, found, parent)
    facts = {"recipe": recipe.name, "run_id": folder.run_id, "base_model": recipe.model.name}
    evaluation = {**facts, "inputs": key, **measured.evaluation}
    lines = (json.dumps(sample, ensure_ascii=False) + "\n" for sample in measured.samples)
    write_text(folder.path / "samples.jsonl", "".join(lines))
    write_text(folder.path / "evaluation.html", render(evaluation, measured.samples))
    write_json(path, evaluation)  # with it the evaluation is done
    for reason in measured.verdict.reasons:
        log.info("verdict: %s", reason)
    return evaluation, False

"""Job `evaluate`: adapter against base on held-out threads, then publish the adapter.

In: a finished run, its corpus, its base model. Out: runs/<recipe>/<run id>/evaluation.json and
adapters/<recipe>@<version>/. Base and adapter are one model in memory, asked with the adapter on and off.
"""

import argparse
import datetime
import json
import logging
import math
import pathlib
import random
from dataclasses import asdict

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.evaluation.publish import WEIGHTS, adapter_shape, publish
from jobs.training.base_model import read_base
from jobs.training.cpu import yield_waiting_cores
from jobs.training.files import full_disk_explained, sha12, write_json
from jobs.training.run_folder import Inputs, RunFolder
from jobs.training.threads import read_threads

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Measure and publish. What was measured and published before is not done again.

    Raises:
        JobError: the run is not finished, was trained on another base, or the held-out split holds no sample.
    """
    yield_waiting_cores()
    folder = RunFolder(home, recipe, arguments.run_id)
    inputs = folder.read_inputs()
    if folder.read_summary() is None:
        raise JobError(f"{folder.path}: this run is not finished, run `python -m jobs train` first")
    base = read_base(home / "models" / recipe.model.name)
    if base["digest"] != inputs.base_digest:
        raise JobError(
            f"run {folder.run_id} was trained on a base with digest {inputs.base_digest}, models/{recipe.model.name} "
            f"has {base['digest']}: this adapter is for another base"
        )
    version = sha12([folder.adapter / WEIGHTS])
    evaluation, measured_before = _evaluation(recipe, home, folder, inputs, version)
    manifest = AdapterManifest(
        name=recipe.name,
        version=version,
        base_model=recipe.model.name,
        base_digest=base["digest"],
        **adapter_shape(folder.adapter),
        recipe=recipe.name,
        run_id=folder.run_id,
        corpus_digest=inputs.corpus_digest,
        metrics=evaluation["metrics"],
        created_at=datetime.datetime.now(datetime.UTC),
    )
    with full_disk_explained(home):
        path, published_before = publish(folder.adapter, manifest, home / "adapters")
    return {
        "adapter": manifest.reference,
        "path": str(path),
        "metrics": evaluation["metrics"],
        "unchanged": measured_before and published_before,
    }


def _evaluation(recipe: Recipe, home, folder: RunFolder, inputs: Inputs, version: str) -> tuple[dict, bool]:
    """evaluation.json, and whether it was there already for the same weights and settings."""
    path = folder.path / "evaluation.json"
    key = {"adapter_version": version, **asdict(inputs), "evaluate": recipe.evaluate.model_dump(mode="json")}
    if path.is_file():
        evaluation = json.loads(path.read_text())
        if evaluation["inputs"] == key:
            return evaluation, True
    evaluation = {"inputs": key, **_measure(recipe, home, folder, inputs)}
    write_json(path, evaluation)
    return evaluation, False


def _measure(recipe: Recipe, home: pathlib.Path, folder: RunFolder, inputs: Inputs) -> dict:
    """Loss and perplexity over reply tokens, of the adapter and of its base, on the same samples."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    from jobs.evaluation.held_out_loss import held_out_loss
    from jobs.training.chat_view import chat_view

    split, model_folder = recipe.evaluate.split, home / "models" / recipe.model.name
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    threads = read_threads(home, recipe.name, inputs.corpus_digest, split)
    samples, view = chat_view(threads, tokenizer, recipe.train.max_length)
    if not samples:
        raise JobError(f"corpus {inputs.corpus_digest}: split {split} gives no sample; hold out more (corpus.split)")
    drawn = random.Random(recipe.train.seed).sample(samples, min(len(samples), recipe.evaluate.max_samples))
    log.info("%d of %d samples of split %s", len(drawn), len(samples), split)

    if torch.cuda.is_available():
        placement = {"device_map": "auto"}
    else:
        placement = {}
        torch.set_num_threads(recipe.batch.cpus)
    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=getattr(torch, recipe.train.dtype), **placement)
    model = PeftModel.from_pretrained(base, folder.adapter)
    loss, tokens = held_out_loss(model, drawn, recipe.evaluate.batch_size, "adapter")
    with model.disable_adapter():
        base_loss, _ = held_out_loss(model, drawn, recipe.evaluate.batch_size, "base")
    if not math.isfinite(loss):
        raise JobError(f"run {folder.run_id}: the adapter's loss is {loss}, it is not published; train it again")
    metrics = {
        f"{split}/loss": round(loss, 5),
        f"{split}/base_loss": round(base_loss, 5),
        f"{split}/perplexity": round(math.exp(loss), 4),
        f"{split}/base_perplexity": round(math.exp(base_loss), 4),
    }
    return {"metrics": metrics, "samples": len(drawn), "reply_tokens": tokens, "view": asdict(view)}

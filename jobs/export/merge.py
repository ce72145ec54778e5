"""Job `merge`: a published adapter merged into its base, as a model of its own.

In: adapters/<name>@<version>/ and its base. Out: exports/<name>@<version>/merged/ with safetensors in bfloat16,
tokenizer, README.md (the model card) and merge.json. Killed, it starts again; finished, it only renews the card.
"""

import argparse
import json
import logging
import pathlib
import shutil
from dataclasses import asdict

from filelock import FileLock

from contracts.recipe import Recipe
from jobs.export.agreement import TOLERANCE, measure_agreement
from jobs.export.companions import copy_companions
from jobs.export.merged_weights import merge_weights
from jobs.export.model_card import write_merged_card
from jobs.export.published import Published, find_published
from jobs.training.cpu import yield_waiting_cores
from jobs.training.files import full_disk_explained, write_json

log = logging.getLogger(__name__)

MERGE_FILE = "merge.json"


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Merge, compare, describe.

    Raises:
        JobError: no such adapter, or for another base; weights that cannot be merged; the merged model does not say
            what the adapter says; the disk is full.
    """
    yield_waiting_cores()
    published = find_published(recipe, home, arguments)
    folder, stage = published.exports / "merged", published.exports / ".merged.part"
    published.exports.mkdir(parents=True, exist_ok=True)
    with FileLock(published.exports / ".lock"), full_disk_explained(home):
        there = folder.is_dir()
        if not there:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
            _merge(published, stage)
            stage.rename(folder)
        facts = json.loads((folder / MERGE_FILE).read_text())
        described = write_merged_card(folder, published, home, facts)
    return facts | {"path": str(folder), "unchanged": there and not described}


def _merge(published: Published, stage: pathlib.Path) -> None:
    log.info("merging %s into %s", published.manifest.reference, published.base.name)
    matrices = merge_weights(published.base, published.adapter, stage)
    copy_companions(published.base, stage, published.recipe)
    agreement = measure_agreement(published.base, published.adapter, stage)
    facts = {
        "adapter": published.manifest.reference,
        "base_digest": published.manifest.base_digest,
        "dtype": "bfloat16",
        "matrices": matrices,
        "bytes": sum(path.stat().st_size for path in stage.glob("*.safetensors")),
        "agreement": asdict(agreement) | {"tolerance": TOLERANCE},
    }
    write_json(stage / MERGE_FILE, facts)

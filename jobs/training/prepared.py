"""The data of a run as files: tokenised once, by the first process, and mapped by all.

In: the view's samples. Out: runs/<recipe>/<run id>/view/<split>.arrow, and view.json with the view's report by split,
written last. A run that goes on finds them there.
"""

import json
import logging
import pathlib
import time
from dataclasses import asdict

from contracts.recipe import Recipe
from jobs.training.files import write_json
from jobs.training.run_folder import RunFolder
from jobs.training.views import ViewReport, stream_samples
from jobs.training.views.dataset import open_dataset, write_dataset

log = logging.getLogger(__name__)

SPLITS = ("train", "valid")
POLL_S = 0.5


def prepare(recipe: Recipe, home: pathlib.Path, folder: RunFolder, corpus_digest: str, tokenizer) -> None:
    """Tokenise what this run trains on, unless that is done. On the first process only.

    Raises:
        JobError: as `stream_samples`.
    """
    if folder.view_report.is_file():
        return
    folder.view.mkdir(exist_ok=True)
    reports = {}
    for split in SPLITS:
        report = ViewReport()
        samples = stream_samples(recipe, home, corpus_digest, split, tokenizer, report)
        write_dataset(samples, folder.view / f"{split}.arrow")
        reports[split] = asdict(report)
        log.info("view %s of %s: %s", recipe.train.view, split, report)
    write_json(folder.view_report, reports)


def open_prepared(recipe: Recipe, folder: RunFolder) -> dict:
    """The datasets by split, None for a split without samples; of the validation split at most evaluate.max_samples.

    Waits for the first process. (A barrier would give up after half an hour; should that process fail, the launcher
    ends this one.)
    """
    while not folder.view_report.is_file():
        time.sleep(POLL_S)
    reports = json.loads(folder.view_report.read_text())
    data = {
        split: open_dataset(folder.view / f"{split}.arrow") if reports[split]["samples"] else None for split in SPLITS
    }
    if data["valid"] is not None:
        data["valid"] = data["valid"].select(range(min(len(data["valid"]), recipe.evaluate.max_samples)))
    return data

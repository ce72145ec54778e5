"""The data of a run as files: tokenised once, by the first process, and mapped by all.

In: the view's samples, and those of the votes; or pairs of its replies. Out: runs/<recipe>/<run id>/view/<split>.arrow,
and view.json with the report by split, and that of the votes, written last. A run that goes on finds them there.
"""

import itertools
import json
import logging
import pathlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from contracts.recipe import Recipe
from contracts.votes import VoteSet
from jobs.training.files import write_json
from jobs.training.pairs import PairReport, stream_pairs
from jobs.training.run_folder import RunFolder
from jobs.training.views import Sample, ViewReport, stream_samples
from jobs.training.views.dataset import open_dataset, write_dataset
from jobs.training.views.read import stream_votes
from jobs.votes.sets import sets_to_train_on

log = logging.getLogger(__name__)

SPLITS = ("train", "valid")
POLL_S = 0.5


def prepare(recipe: Recipe, home: pathlib.Path, folder: RunFolder, corpus_digest: str, tokenizer) -> None:
    """Tokenise what this run trains on, unless that is done. On the first process only.

    Raises:
        JobError: as `stream_samples` and `sets_to_train_on`.
    """
    votes = sets_to_train_on(recipe, home)  # also of a run that goes on: the watermark may have passed its votes
    if folder.view_report.is_file():
        return
    folder.view.mkdir(exist_ok=True)
    if recipe.train.method == "dpo":
        reports = _write_pairs(recipe, home, folder, corpus_digest, tokenizer)
    else:
        reports = _write_samples(recipe, home, folder, corpus_digest, tokenizer, votes)
    write_json(folder.view_report, reports)


def _write_pairs(recipe: Recipe, home: pathlib.Path, folder: RunFolder, corpus_digest: str, tokenizer) -> dict:
    reports = {}
    for split in SPLITS:
        report = PairReport(recipe.train.view, recipe.train.chat.template)
        pairs = stream_pairs(recipe, home, corpus_digest, split, tokenizer, report)
        write_dataset(pairs, ("prompt_ids", "chosen_ids", "rejected_ids"), folder.view / f"{split}.arrow")
        reports[split] = asdict(report)
        log.info("pairs of view %s of %s: %s", recipe.train.view, split, report)
    return reports


def _write_samples(
    recipe: Recipe, home: pathlib.Path, folder: RunFolder, corpus_digest: str, tokenizer, votes: Sequence[VoteSet]
) -> dict:
    reports = {}
    of_votes, taken = ViewReport(), set()
    for split in SPLITS:
        report = ViewReport()
        samples = stream_samples(recipe, home, corpus_digest, split, tokenizer, report)
        if split == "train" and votes:
            preferred = stream_votes(recipe, home, votes, tokenizer, of_votes)
            samples = itertools.chain(samples, _noting(preferred, taken))
        write_dataset(samples, ("input_ids", "labels"), folder.view / f"{split}.arrow")
        reports[split] = asdict(report)
        log.info("view %s of %s: %s", recipe.train.view, split, report)
    if votes:
        rows, weight = sum(each.rows for each in votes), recipe.votes.weight
        facts = {"digest": votes[-1].digest, "rows": rows, "conversations": len(taken), "weight": weight}
        reports["votes"] = facts | asdict(of_votes)
        log.info("votes: %s", reports["votes"])
    return reports


def votes_of(folder: RunFolder) -> dict:
    """What a run took of the votes: `digest` of the newest set, `rows` of all sets, `conversations` (rows that fit
    into a sample), `weight`, and where their tokens went; empty when it took none."""
    return json.loads(folder.view_report.read_text()).get("votes", {})


def _noting(samples: Iterable[Sample], sources: set[str]) -> Iterator[Sample]:
    """The samples; where they come from is in `sources` afterwards."""
    for sample in samples:
        sources.add(sample.source)
        yield sample


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

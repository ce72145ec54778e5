"""Job `watermark`: a training has succeeded, so the votes that it took are taken.

In: runs/<recipe>/<run id>/, finished and evaluated. Out: votes/<recipe>/watermark.json, by atomic rename.
"""

import argparse
import datetime
import json
import logging
import pathlib

from filelock import FileLock

from contracts.recipe import Recipe
from contracts.votes import Watermark, read_watermark, votes_folder
from jobs.errors import JobError
from jobs.training.files import write_text
from jobs.training.prepared import votes_of
from jobs.training.run_folder import RunFolder
from jobs.votes.sets import check_follows, read_set

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Move the watermark to what the run took. Run twice, it stays.

    Summary: where it stood `before` and stands now (`vote`), and the `adapter` that may go live now; None where the
    whole model was trained.

    Raises:
        JobError: the run is not finished or not evaluated, or another training took some of its votes meanwhile.
    """
    run_folder = RunFolder(home, recipe, arguments.run_id)
    if run_folder.read_summary() is None:
        raise JobError(f"{run_folder.path}: this run is not finished, so its votes are not taken")
    adapter = _adapter(recipe, run_folder)
    corpus, digest = run_folder.read_inputs().corpus_digest, votes_of(run_folder).get("digest")
    folder = votes_folder(home, recipe.name)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        mark = read_watermark(home, recipe.name)
        vote = _until(home, recipe.name, digest, mark)
        moved = mark.model_copy(update={"vote": vote, "digest": digest or mark.digest, "corpus": corpus})
        unchanged = moved == mark
        if not unchanged:
            now = datetime.datetime.now(datetime.UTC)
            moved = moved.model_copy(update={"run_id": arguments.run_id, "moved_at": now})
            write_text(folder / "watermark.json", moved.model_dump_json(indent=1) + "\n")
            log.info("watermark of %s: vote %s, now %s", recipe.name, mark.vote, moved.vote)
    return {"adapter": adapter, "vote": moved.vote, "before": mark.vote, "corpus": corpus, "unchanged": unchanged}


def _adapter(recipe: Recipe, folder: RunFolder) -> str | None:
    """What the run's evaluation has published."""
    path = folder.path / "evaluation.json"
    if not path.is_file():
        raise JobError(f"{folder.path}: this run is not evaluated, so its votes are not taken")
    version = json.loads(path.read_text())["chosen"]["version"]
    return f"{recipe.name}@{version}" if folder.result == folder.adapter else None


def _until(home: pathlib.Path, recipe: str, digest: str | None, mark: Watermark) -> int:
    """The last vote that is taken now."""
    if digest is None or digest == mark.digest:
        return mark.vote
    taken = read_set(home, recipe, digest)
    check_follows(taken, mark)
    return taken.until

"""Job `votes`: the votes since the last successful training, as rows to train on.

In: the web site's votes above the watermark, up to `--until`. Out: votes/<recipe>/<digest>/ with train.jsonl (one
preferred conversation a line) and set.json (what became of each vote). The watermark stays: `watermark` moves it.
"""

import argparse
import hashlib
import json
import logging
import pathlib
import shutil
from collections import Counter

from filelock import FileLock

from contracts.recipe import Recipe
from contracts.votes import VoteSet, Watermark, read_watermark, votes_folder
from jobs.training.files import full_disk_explained, write_text
from jobs.votes.rows import preferred
from jobs.votes.site import read_votes

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Write the set of the new votes. The same votes give the same set: run twice, nothing is written.

    Summary: `digest` of the newest set to train on (None while nobody has voted), `votes` and `rows` that are new.

    Raises:
        JobError: the site does not give its votes; the disk is full.
    """
    folder = votes_folder(home, recipe.name)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"), full_disk_explained(home):
        mark = read_watermark(home, recipe.name)
        stage = folder / ".set.part"
        shutil.rmtree(stage, ignore_errors=True)  # of a process that was killed
        stage.mkdir()
        made = _write(recipe, mark, arguments.until, stage)
        if made is None:
            log.info("no votes behind number %s", mark.vote)
            shutil.rmtree(stage)
            return {"digest": mark.digest, "votes": 0, "rows": 0, "unchanged": True}
        unchanged = (folder / made.digest).is_dir()
        if unchanged:
            shutil.rmtree(stage)
        else:
            stage.rename(folder / made.digest)
    log.info("votes %s to %s: %s rows, dropped %s", made.after + 1, made.until, made.rows, made.dropped)
    return {
        "digest": made.digest,
        "path": str(folder / made.digest),
        **made.model_dump(include={"until", "votes", "rows", "dropped"}),
        "unchanged": unchanged,
    }


def _write(recipe: Recipe, mark: Watermark, until: int | None, stage: pathlib.Path) -> VoteSet | None:
    """Fill `stage`; what it holds, or None when there is no vote."""
    last = mark.vote
    dropped, models, judges, digest = Counter(), Counter(), Counter(), hashlib.sha256()
    with (stage / "train.jsonl").open("w", encoding="utf-8") as rows:
        for number, battle in read_votes(recipe.name, mark.vote, until):
            last = number
            verdict = preferred(battle, recipe.corpus.policy)
            if isinstance(verdict, str):
                dropped[verdict] += 1
                continue
            row = {"messages": verdict.messages, "vote": number, "model": verdict.model}
            line = json.dumps(row, ensure_ascii=False) + "\n"
            rows.write(line)
            digest.update(line.encode())
            models["adapter" if "@" in verdict.model else "base"] += 1
            judges["programs" if verdict.judge == "program" else "people"] += 1
    if last == mark.vote:
        return None
    digest.update(json.dumps([recipe.name, mark.vote, last, mark.digest]).encode())
    made = VoteSet(
        recipe=recipe.name,
        digest=digest.hexdigest()[:12],
        after=mark.vote,
        until=last,
        before=mark.digest,
        votes=models.total() + dropped.total(),
        rows=models.total(),
        dropped=dict(sorted(dropped.items())),
        preferred=dict(sorted(models.items())),
        judges=dict(sorted(judges.items())),
    )
    write_text(stage / "set.json", made.model_dump_json(indent=1) + "\n")
    return made

"""Job `prune`: lists what the recipe's policy no longer keeps, and removes it with `--delete yes`.

In: adapters/, runs/<recipe>/ and corpus/<recipe>/ under home. Out: a line for each folder with what happens and why.
"""

import argparse
import contextlib
import logging
import os
import pathlib
import shutil
from collections import Counter

from filelock import FileLock, Timeout

from contracts.recipe import Recipe
from jobs.housekeeping.policy import AT_WORK, Found, judge
from jobs.housekeeping.served import served

log = logging.getLogger(__name__)

NAMES = 100
"""So many of the removed folders are named in the summary: it is one line, and only so much of a line is read."""
GOING = ".pruned"
"""Ending of a folder that is being removed. What a killed run left of it goes with the next one."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """List, and remove if asked to; the log has a line for each. Summary: names of what is `removed` (or would be), the
    first hundred and then how many more; by kind how many `go` and how many are `kept`; `bytes` of what goes.

    Raises:
        JobError: the registry, a manifest or a run's configuration cannot be read.
    """
    delete = arguments.delete == "yes"
    removed, go, kept, freed = [], Counter(), Counter(), 0
    if delete:
        _finish_earlier(recipe, home)
    for verdict in judge(recipe, home, served(home)):
        found, keep = verdict.found, verdict.keep
        size = _size(found.path)
        if keep is None and delete:
            keep = _remove(found, home)
        label = f"{found.kind} {found.name}"
        if keep is not None:
            kept[found.kind] += 1
            log.info("keep   %s: %s", label, keep)
            continue
        removed.append(label)
        go[found.kind] += 1
        freed += size
        log.info("%s %s: %.1f MiB", "remove" if delete else "would remove", label, size / 2**20)
    if not delete:
        log.info("only listed: nothing was removed")
    more = [f"and {len(removed) - NAMES} more"] if len(removed) > NAMES else []
    return {"removed": removed[:NAMES] + more, "go": go, "kept": kept, "bytes": freed, "deleted": delete}


def _remove(found: Found, home: pathlib.Path) -> str | None:
    """Remove a folder. Why it stays after all: something has begun to use it since the verdict."""
    if found.kind == "run":
        try:
            with FileLock(found.path / ".lock", timeout=0):  # who is at work holds it
                _take_away(found.path)
        except Timeout:
            return AT_WORK
        return None
    gone = _rename(found.path)
    if found.kind == "adapter" and found.name in served(home):  # promoted between the verdict and here
        gone.rename(found.path)
        return "went live just now"
    shutil.rmtree(gone)
    return None


def _take_away(path: pathlib.Path) -> None:
    shutil.rmtree(_rename(path))


def _rename(path: pathlib.Path) -> pathlib.Path:
    """Out of sight at once, so that nobody finds half a folder."""
    return path.rename(path.with_name(f".{path.name}{GOING}"))


def _finish_earlier(recipe: Recipe, home: pathlib.Path) -> None:
    for folder in (home / "adapters", home / "runs" / recipe.name, home / "corpus" / recipe.name):
        for left in folder.glob(f".*{GOING}"):
            log.info("removing what an earlier run left: %s", left)
            shutil.rmtree(left)


def _size(folder: pathlib.Path) -> int:
    """Bytes of its files. In a run at work files come and go: one that is gone counts for nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += (pathlib.Path(place) / name).lstat().st_size
    return size

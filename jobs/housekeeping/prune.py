"""Job `prune`: lists what the recipe's policy no longer keeps, and removes it with `--delete yes`.

In: adapters/, runs/<recipe>/ and corpus/<recipe>/ under home. Out: a line for each folder with what happens and why.
"""

import argparse
import logging
import pathlib
import shutil
from collections.abc import Iterator

from filelock import FileLock, Timeout

from contracts.recipe import Recipe
from jobs.housekeeping.policy import AT_WORK, Found, judge
from jobs.housekeeping.served import served

log = logging.getLogger(__name__)

GOING = ".pruned"
"""Ending of a folder that is being removed. What a killed run left of it goes with the next one."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """List, and remove if asked to. Summary: `removed` (or what would be), `kept`, `bytes` of what goes.

    Raises:
        JobError: the registry or a manifest cannot be read.
    """
    delete = arguments.delete == "yes"
    removed, kept, freed = [], {}, 0
    if delete:
        _finish_earlier(recipe, home)
    for verdict in judge(recipe, home, served(home)):
        found, keep = verdict.found, verdict.keep
        size = sum(path.stat().st_size for path in _files(found.path))
        if keep is None and delete:
            keep = _remove(found, home)
        label = f"{found.kind} {found.name}"
        if keep is not None:
            kept[label] = keep
            log.info("keep   %s: %s", label, keep)
            continue
        removed.append(label)
        freed += size
        log.info("%s %s: %.1f MiB", "remove" if delete else "would remove", label, size / 2**20)
    if not delete:
        log.info("only listed: nothing was removed")
    return {"removed": removed, "kept": kept, "bytes": freed, "deleted": delete}


def _remove(found: Found, home: pathlib.Path) -> str | None:
    """Remove a folder. Why it stays after all: something has begun to use it since the verdict."""
    if found.kind == "run":
        try:
            with FileLock(found.path / ".lock", timeout=0):  # a training holds it
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


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())

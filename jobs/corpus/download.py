"""Job `download`: the archive's parts to raw/<recipe>/<part>.7z, each with a sidecar <part>.7z.json.

Several at once, each resumed when cut, checked (7z headers, sha256 when the recipe gives one) and renamed only when
whole. A part that is here already and has not changed is not fetched again.
"""

import argparse
import functools
import logging
import pathlib
import threading
from multiprocessing.pool import ThreadPool

import filelock

from contracts.recipe import Part, Recipe, RecipeError
from jobs.corpus import atomic, disk
from jobs.corpus.fetching import progress, sources
from jobs.corpus.fetching.attempts import SourceError, Unreachable
from jobs.corpus.fetching.fetch import is_unchanged
from jobs.corpus.fetching.sidecar import Sidecar, read_sidecar, sidecar_path, trusted_sidecar
from jobs.errors import JobError

__all__ = ["Sidecar", "choose_parts", "read_sidecar", "run"]

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Fetch one part (`--part`) or all. Summary: part or parts, bytes on disk, unchanged.

    Raises JobError when a part cannot be had; the other parts are brought first.
    """
    parts = choose_parts(recipe, arguments.part)
    archive = recipe.corpus.archive
    work = [(part, sources.addresses(archive, part)) for part in parts]
    folder = home / "raw" / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    bring = functools.partial(_bring_or_say_why, folder=folder, stop=stop)
    try:
        # its threads are daemons: none that waits for a server keeps an interrupted job from ending
        with ThreadPool(min(archive.connections, len(parts))) as pool, progress.logs_above_bars():
            outcomes = pool.map(bring, work, chunksize=1)
    except KeyboardInterrupt:
        raise JobError("interrupted; what has arrived is kept, run again to go on") from None
    finally:
        stop.set()
    failed = {part.name: str(error) for part, error in zip(parts, outcomes, strict=True) if isinstance(error, JobError)}
    if failed:
        reasons = list(failed.values()) if len(parts) == 1 else [f"{name}: {why}" for name, why in failed.items()]
        raise JobError("; ".join(reasons))
    named = {"part": parts[0].name} if arguments.part else {"parts": [part.name for part in parts]}
    return named | {
        "bytes": sum(sidecar.size for sidecar, _ in outcomes),
        "unchanged": not any(changed for _, changed in outcomes),
    }


def choose_parts(recipe: Recipe, name: str | None) -> list[Part]:
    """The part called `name`, or all parts. Raises RecipeError for a name that the recipe does not know."""
    parts = [part for part in recipe.corpus.archive.parts if name in (None, part.name)]
    if not parts:
        known = ", ".join(part.name for part in recipe.corpus.archive.parts)
        raise RecipeError(f"--part {name}: no such part in recipe {recipe.name}; parts: {known}")
    return parts


def _bring_or_say_why(
    work: tuple[Part, list[str]], folder: pathlib.Path, stop: threading.Event
) -> tuple[Sidecar, bool] | JobError:
    """Its error instead of an exception: one part's failure does not end the others."""
    try:
        with disk.full_disk_explained(folder):
            return _bring(*work, folder, stop)
    except JobError as error:
        return error


def _bring(part: Part, urls: list[str], folder: pathlib.Path, stop: threading.Event) -> tuple[Sidecar, bool]:
    """Bring one part. Returns its sidecar and whether anything changed."""
    archive, partial = folder / f"{part.name}.7z", folder / f"{part.name}.7z.partial"
    with filelock.FileLock(folder / f".{part.name}.lock"):  # a retry may meet a run that its worker outlived
        here = trusted_sidecar(archive)
        if here and here.sha256 == part.sha256:
            return here, False
        usable = here and here.url in urls and part.sha256 is None
        try:
            if usable and _is_unchanged(here, stop):
                return here, False
            sidecar = sources.bring(part, urls, partial, stop)
        except Unreachable as error:
            if not usable:
                raise
            log.warning("%s; going on with the copy that is here", error)
            return here, False
        sidecar_path(archive).unlink(missing_ok=True)  # never an old note beside a new archive
        partial.rename(archive)
        atomic.write_json(sidecar_path(archive), sidecar.model_dump())
        sources.forget(partial)
        log.info("%s: %s bytes, sha256 %s", archive, f"{sidecar.size:,}", sidecar.sha256)
        return sidecar, here is None or here.sha256 != sidecar.sha256


def _is_unchanged(here: Sidecar, stop: threading.Event) -> bool:
    """Whether the source has still the same. A source that has lost it is no reason to stop: another may have it."""
    try:
        return all(is_unchanged(origin, stop) for origin in here.origins)
    except Unreachable:
        raise
    except SourceError as error:
        log.warning("part at %s: %s", here.url, error)
        return False

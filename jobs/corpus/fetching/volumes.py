"""Split archives: `<part>.7z.001`, `.002`, … are slices of one 7z archive, and become one file again as they arrive.

In: the address of the first volume. Out: the joined archive. Each volume is fetched straight to its place in the
join, and a journal beside it names the finished ones, so a kill costs no volume and the disk never holds one twice.
"""

import logging
import pathlib
import threading

from pydantic import BaseModel, Field, ValidationError

from jobs.corpus import atomic
from jobs.corpus.fetching import seven_zip
from jobs.corpus.fetching.attempts import SourceError
from jobs.corpus.fetching.fetch import fetch, is_unchanged
from jobs.corpus.fetching.partial import Origin, Partial

log = logging.getLogger(__name__)


class Journal(BaseModel):
    """`<part>.7z.partial.volumes.json`: the volumes that are in the join, in order."""

    volumes: list[Origin] = Field(min_length=1)


def is_split(file: str) -> bool:
    """Whether `file` is the first volume of a split archive."""
    return file.endswith(".7z.001")


def fetch_volumes(first: str, path: pathlib.Path, stop: threading.Event) -> list[Origin]:
    """Join the volumes that begin at address `first` in `path`, going on where an earlier run stopped.

    The start header in the first volume says when all are there.

    Raises:
        SourceError: volume and missing bytes are named. JobError: there is too little room. Stopped: `stop` was set.
    """
    done = _resumable(first, path, stop)
    while not done or sum(volume.size for volume in done) < _total(first, path):
        done.append(_fetch_next(first, done, path, stop))
        atomic.write_json(journal_path(path), Journal(volumes=done).model_dump())
    return done


def journal_path(path: pathlib.Path) -> pathlib.Path:
    """Where the journal of the join in `path` lies."""
    return path.with_name(path.name + ".volumes.json")


def _resumable(first: str, path: pathlib.Path, stop: threading.Event) -> list[Origin]:
    """The volumes that need not be fetched again: they came from this source, which still has the same."""
    try:
        done = Journal.model_validate_json(journal_path(path).read_text()).volumes
    except (FileNotFoundError, ValidationError):
        return []
    last = Partial(path).noted  # another source that has begun to arrive leaves its own note here
    stems = {origin.url.rpartition(".")[0] for origin in (done[0], last or done[0])}
    if stems != {first.rpartition(".")[0]} or Partial(path).arrived < sum(volume.size for volume in done):
        return []
    if all(is_unchanged(volume, stop) for volume in done):
        return done
    log.warning("%s: its volumes are not known to be the same as before; starting over", first)
    return []


def _fetch_next(first: str, done: list[Origin], path: pathlib.Path, stop: threading.Event) -> Origin:
    number, start = len(done) + 1, sum(volume.size for volume in done)
    url, partial = f"{first.removesuffix('001')}{number:03}", Partial(path, start)
    try:
        volume = fetch(url, partial, stop, whole_size=lambda _: None)
        if number > 1 and volume.size == 0:
            raise SourceError(f"{url}: is empty")
        if number > 1 and seven_zip.is_html(_head(partial)):
            partial.discard()
            raise SourceError(f"{url}: expected a volume, found an HTML page")
    except SourceError as error:
        if number == 1:
            raise
        total = _total(first, path)
        raise type(error)(
            f"{error}; without volume {number}, {total - start:,} of {total:,} bytes of the archive are missing"
        ) from error
    return volume


def _head(partial: Partial) -> bytes:
    with partial.path.open("rb") as file:
        file.seek(partial.start)
        return file.read(seven_zip.HEAD)


def _total(first: str, path: pathlib.Path) -> int:
    """Bytes of the whole archive, as its first volume says."""
    total = seven_zip.total_size(path)
    if total is None:
        raise SourceError(f"{first}: {seven_zip.flaw(path)}; check the address and the file there")
    return total

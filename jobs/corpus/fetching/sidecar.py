"""Sidecars: `<part>.7z.json` beside each archive says where it came from and what it is.

In: an archive on disk. Out: whether it is still what was fetched.
"""

import hashlib
import logging
import pathlib

from pydantic import ValidationError

from jobs.corpus import atomic
from jobs.corpus.fetching import seven_zip
from jobs.corpus.fetching.partial import Origin

log = logging.getLogger(__name__)


class Sidecar(Origin):
    """`size` in bytes, `sha256` 64 hex digits; `url` and `etag` of a split archive are its first volume's.

    `mtime_ns` is the file's time when its sha256 was taken. `volumes` is empty for an archive in one piece.
    """

    sha256: str
    mtime_ns: int | None = None
    volumes: list[Origin] = []

    @property
    def origins(self) -> list[Origin]:
        """The files at the source that the archive was made of."""
        return self.volumes or [self]


def sidecar_path(archive: pathlib.Path) -> pathlib.Path:
    """Where the sidecar of `archive` lies."""
    return archive.with_name(archive.name + ".json")


def read_sidecar(archive: pathlib.Path) -> Sidecar | None:
    """The sidecar of `archive`, None unless both are there and the size is right."""
    sidecar = stored_sidecar(archive)
    return sidecar if sidecar and archive.exists() and sidecar.size == archive.stat().st_size else None


def stored_sidecar(archive: pathlib.Path) -> Sidecar | None:
    """The sidecar of `archive` whatever the archive is; None when there is none that can be read."""
    try:
        return Sidecar.model_validate_json(sidecar_path(archive).read_text())
    except FileNotFoundError:
        return None
    except ValidationError:
        log.warning("%s: cannot be read as a sidecar", sidecar_path(archive))
        return None


def sha256_of(archive: pathlib.Path) -> str:
    """64 hex digits; reads the whole file."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def trusted_sidecar(archive: pathlib.Path) -> Sidecar | None:
    """The sidecar of `archive` when the archive is still what was fetched, else None and a line in the log.

    Cheap while size and time are as noted. A file with another time is read: one that was only touched or copied
    gets its new time noted, one that was edited in place loses its sidecar, so that no job takes it for the old one.
    """
    stored = stored_sidecar(archive)
    if not (stored and archive.exists()):
        return None
    stat = archive.stat()
    if stat.st_size != stored.size:
        log.warning("%s: %s bytes, its sidecar says %s: fetching it again", archive, stat.st_size, stored.size)
        return None
    if flaw := seven_zip.flaw(archive):
        log.warning("%s: %s: fetching it again", archive, flaw)
        return None
    if stat.st_mtime_ns == stored.mtime_ns:
        return stored
    if sha256_of(archive) != stored.sha256:
        sidecar_path(archive).unlink()
        log.warning("%s: changed on disk since it was fetched: fetching it again", archive)
        return None
    touched = stored.model_copy(update={"mtime_ns": stat.st_mtime_ns})
    atomic.write_json(sidecar_path(archive), touched.model_dump())
    return touched

"""Job `download`: the archive's parts to raw/<recipe>/<part>.7z, each with a sidecar <part>.7z.json.

Resumed when cut, checked (7z signature, sha256 when the recipe gives one), renamed only when whole.
A part that is here already and has not changed is not fetched again.
"""

import argparse
import hashlib
import html
import logging
import pathlib
import re

import filelock
from pydantic import BaseModel

from contracts.recipe import Part, Recipe
from jobs.corpus import atomic, fetch
from jobs.errors import JobError

log = logging.getLogger(__name__)

SIGNATURE = b"7z\xbc\xaf\x27\x1c"


class Sidecar(BaseModel):
    """`<part>.7z.json`: where the part came from and what it is. `size` in bytes, `sha256` 64 hex digits."""

    url: str
    size: int
    sha256: str
    etag: str | None


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Fetch one part (`--part`) or all. Summary: part or parts, bytes on disk, unchanged."""
    parts = choose_parts(recipe, arguments.part)
    folder = home / "raw" / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    results = [_download(part, fetch.address(recipe.corpus.archive.base, part.file), folder) for part in parts]
    named = {"part": parts[0].name} if arguments.part else {"parts": [part.name for part in parts]}
    return named | {
        "bytes": sum(sidecar.size for sidecar, _ in results),
        "unchanged": not any(changed for _, changed in results),
    }


def choose_parts(recipe: Recipe, name: str | None) -> list[Part]:
    """The part called `name`, or all parts. Raises JobError for a name that the recipe does not know."""
    parts = [part for part in recipe.corpus.archive.parts if name in (None, part.name)]
    if not parts:
        known = ", ".join(part.name for part in recipe.corpus.archive.parts)
        raise JobError(f"--part {name}: no such part in recipe {recipe.name}; parts: {known}")
    return parts


def read_sidecar(archive: pathlib.Path) -> Sidecar | None:
    """The sidecar of `archive`, None unless both are there and the size is right."""
    path = archive.with_name(archive.name + ".json")
    if not (archive.exists() and path.exists()):
        return None
    sidecar = Sidecar.model_validate_json(path.read_text())
    return sidecar if sidecar.size == archive.stat().st_size else None


def _download(part: Part, url: str, folder: pathlib.Path) -> tuple[Sidecar, bool]:
    """Bring one part. Returns its sidecar and whether anything changed."""
    archive, partial = folder / f"{part.name}.7z", folder / f"{part.name}.7z.partial"
    with filelock.FileLock(folder / f".{part.name}.lock"):  # a retry may meet a run that its worker outlived
        here = read_sidecar(archive)
        if here and here.sha256 == part.sha256:
            return here, False
        usable = here and here.url == url and part.sha256 is None
        try:
            fetched = fetch.fetch(url, partial, here.etag if usable else None)
        except fetch.Unreachable as error:
            if not usable:
                raise
            log.warning("%s; going on with the copy that is here", error)
            return here, False
        if not fetched.changed:
            return here, False
        sidecar = _inspect(part, url, partial, fetched.etag)
        note = archive.with_name(archive.name + ".json")
        note.unlink(missing_ok=True)  # never an old note beside a new archive
        partial.rename(archive)
        atomic.write_json(note, sidecar.model_dump())
        fetch.discard(partial)
        log.info("%s: %s bytes, sha256 %s", archive, f"{sidecar.size:,}", sidecar.sha256)
        return sidecar, here is None or here.sha256 != sidecar.sha256


def _inspect(part: Part, url: str, partial: pathlib.Path, etag: str | None) -> Sidecar:
    """Sidecar of what was fetched. What is no 7z archive, or not the one that the recipe means, is removed."""
    with partial.open("rb") as file:
        head = file.read(4096)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    if not head.startswith(SIGNATURE):
        fetch.discard(partial)
        raise JobError(f"{url}: expected a 7z archive, found {_describe(head)}; check the address of part {part.name}")
    if part.sha256 not in (None, digest):
        fetch.discard(partial)
        raise JobError(
            f"{url}: sha256 is {digest}, the recipe expects {part.sha256} for part {part.name}; "
            "run again if the transfer was damaged, or correct the recipe"
        )
    return Sidecar(url=url, size=size, sha256=digest, etag=etag)


def _describe(head: bytes) -> str:
    """What a file is that begins with `head`, in words."""
    if not head:
        return "an empty file"
    if re.match(rb"\s*<(!doctype html|html|head|body)", head, re.IGNORECASE):
        title = re.search(rb"<title>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
        words = html.unescape(title[1].decode(errors="replace")).split() if title else []
        return f"an HTML page titled “{' '.join(words)}”" if words else "an HTML page"
    for signature, kind in ((b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "gzip data"), (b"Rar!", "a RAR archive")):
        if head.startswith(signature):
            return kind
    return f"bytes that begin with {head[:16]!r}"

"""The sources of a part: the archive's base first, then its mirrors, until one gives the right file.

In: the part and the addresses. Out: the whole archive under its temporary name, checked, and its sidecar.
"""

import logging
import pathlib
import threading
import urllib.parse

from contracts.recipe import Archive, Part, RecipeError
from jobs.corpus.fetching import seven_zip
from jobs.corpus.fetching.attempts import SourceError, Unreachable
from jobs.corpus.fetching.fetch import fetch
from jobs.corpus.fetching.partial import Partial
from jobs.corpus.fetching.sidecar import Sidecar, sha256_of
from jobs.corpus.fetching.volumes import fetch_volumes, is_split, journal_path

log = logging.getLogger(__name__)


def addresses(archive: Archive, part: Part) -> list[str]:
    """Where `part` may lie, as http(s):// or file:// addresses: under the base, then under each mirror.

    Raises RecipeError for a base or mirror that is neither such an address nor a folder.
    """
    mirrors = {f"corpus.archive.mirrors.{number}": mirror for number, mirror in enumerate(archive.mirrors)}
    places = {"corpus.archive.base": archive.base} | mirrors
    return list(dict.fromkeys(_address(key, base, part.file) for key, base in places.items()))


def _address(key: str, base: str, file: str) -> str:
    scheme = urllib.parse.urlsplit(base).scheme
    if scheme in ("http", "https", "file"):
        return f"{base.rstrip('/')}/{urllib.parse.quote(file)}"
    if "://" in base:
        raise RecipeError(f"{key} {base}: expected an http(s):// or file:// address or a folder")
    return (pathlib.Path(base).expanduser().resolve() / file).as_uri()


def bring(part: Part, urls: list[str], path: pathlib.Path, stop: threading.Event) -> Sidecar:
    """Fill `path` with the archive of `part` from the first of `urls` that gives it; that one's sidecar.

    Bytes of two sources never meet in one file. So the source of what has arrived already is asked first.

    Raises:
        SourceError: no source gives it; each is named with its reason. Unreachable: so, and one did not answer.
        JobError: there is too little room. Stopped: `stop` was set.
    """
    noted = Partial(path).noted
    begun = noted.url.rpartition(".")[0] if noted else None  # all volumes of a source have this in common
    failures = []
    for url in sorted(urls, key=lambda url: url.rpartition(".")[0] != begun):
        try:
            sidecar = _bring_from(url, part, path, stop)
        except SourceError as error:
            failures.append(error)
            if len(urls) > 1:
                log.warning("part %s: %s", part.name, error)
            continue
        if url != urls[0]:
            proof = "its sha256 is the recipe's" if part.sha256 else "no sha256 in the recipe proves that it is right"
            log.warning("part %s: from the mirror %s; %s", part.name, url, proof)
        return sidecar
    if len(failures) == 1:
        raise failures[0]
    unreachable = any(isinstance(failure, Unreachable) for failure in failures)
    reasons = " | ".join(str(failure) for failure in failures)
    raise (Unreachable if unreachable else SourceError)(
        f"none of {len(urls)} sources gives part {part.name}: {reasons}"
    )


def forget(path: pathlib.Path) -> None:
    """Remove what has arrived in `path`, and what was noted about it."""
    journal_path(path).unlink(missing_ok=True)
    Partial(path).discard()


def _bring_from(url: str, part: Part, path: pathlib.Path, stop: threading.Event) -> Sidecar:
    if is_split(part.file):
        origins = volumes = fetch_volumes(url, path, stop)
    else:  # a file that is no 7z archive needs no bytes more: it is refused below
        origins = [fetch(url, Partial(path), stop, whole_size=lambda path: seven_zip.total_size(path) or 0)]
        volumes = []
    flaw = seven_zip.flaw(path)
    if flaw:
        forget(path)
        raise SourceError(f"{url}: {flaw}; check the address of part {part.name} and the file there")
    digest, stat = sha256_of(path), path.stat()
    if part.sha256 not in (None, digest):
        forget(path)
        raise SourceError(
            f"{url}: sha256 is {digest}, the recipe expects {part.sha256} for part {part.name}; "
            "run again if the transfer was damaged, or correct the recipe"
        )
    surplus = stat.st_size - seven_zip.total_size(path)
    if surplus:
        log.warning("%s: %s bytes behind the end of the archive", url, f"{surplus:,}")
    first = origins[0]
    return Sidecar(
        url=url,
        size=stat.st_size,
        sha256=digest,
        etag=first.etag,
        last_modified=first.last_modified,
        mtime_ns=stat.st_mtime_ns,
        volumes=volumes,
    )

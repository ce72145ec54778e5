"""Bring one file here: over http(s) with resume, or as a copy from a folder.

In: where the file lies and a `partial` path. Out: the whole file under `partial`, and its ETag.
A cut connection leaves what has arrived; the next attempt asks for the rest (Range, If-Range) and gets
it only when the file on the server is still the same one.
"""

import json
import logging
import pathlib
import shutil
import sys
import time
import urllib.parse
from dataclasses import dataclass

import httpx
from tqdm import tqdm

from jobs.corpus import disk
from jobs.errors import JobError

log = logging.getLogger(__name__)

BACKOFF_S = (0.5, 1.0, 2.0, 4.0)
"""Waits between attempts that brought nothing new; after the last one the job gives up."""
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may pass. Every other error status is final: asking again would not help."""
COPY_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought. `changed` is False when the server says that the known copy is still right."""

    etag: str | None
    changed: bool = True


class Unreachable(JobError):
    """The server did not answer, again and again. What has arrived is kept for the next run."""


class Interrupted(Exception):
    """One attempt ended early for a reason that may pass."""


def address(base: str, file: str) -> str:
    """`file` under `base` as an http(s):// or file:// address; `base` may also be a folder."""
    scheme = urllib.parse.urlsplit(base).scheme
    if scheme in ("http", "https", "file"):
        return f"{base.rstrip('/')}/{urllib.parse.quote(file)}"
    if "://" in base:
        raise JobError(f"corpus.archive.base {base}: expected an http(s):// or file:// address or a folder")
    return (pathlib.Path(base).expanduser().resolve() / file).as_uri()


def fetch(url: str, partial: pathlib.Path, known_etag: str | None = None) -> Fetched:
    """Bring `url` to `partial`, going on where an earlier attempt stopped.

    `known_etag` is the ETag of the copy that is already here: an unchanged file is not sent again.

    Raises:
        Unreachable: no answer after every attempt. JobError: the file is not there, or the disk is full.
    """
    with disk.full_disk_explained(partial.parent):
        if url.startswith("file:"):
            return _copy(url, partial, known_etag)
        return _download(url, partial, known_etag)


def discard(partial: pathlib.Path) -> None:
    """Remove `partial` and the note about its origin."""
    partial.unlink(missing_ok=True)
    _note_path(partial).unlink(missing_ok=True)


def _copy(url: str, partial: pathlib.Path, known_etag: str | None) -> Fetched:
    source = pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
    try:
        stat = source.stat()
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        if etag == known_etag:
            return Fetched(etag, changed=False)
        _check_space(partial, stat.st_size)
        with source.open("rb") as reader, partial.open("wb") as writer:
            shutil.copyfileobj(reader, writer, COPY_CHUNK)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise JobError(f"{source}: {error.strerror}; check corpus.archive.base and the part's file") from error
    return Fetched(etag)


def _download(url: str, partial: pathlib.Path, known_etag: str | None) -> Fetched:
    """Attempts until the file is whole. The count of failures starts again whenever new bytes have come."""
    failures, largest = 0, _size(partial)
    with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=20)) as client:
        while True:
            try:
                return _attempt(client, url, partial, known_etag)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise JobError(f"{url}: {error}; check corpus.archive.base") from error
            except (httpx.TransportError, Interrupted) as error:
                reason = str(error) or type(error).__name__
            if _size(partial) > largest:
                failures, largest = 0, _size(partial)
            if failures == len(BACKOFF_S):
                raise Unreachable(
                    f"{url}: no luck after {failures + 1} attempts ({reason}); check the address and the network, "
                    "then run again: what has arrived is kept"
                )
            log.warning("%s: %s; trying again in %s s", url, reason, BACKOFF_S[failures])
            time.sleep(BACKOFF_S[failures])
            failures += 1


def _attempt(client: httpx.Client, url: str, partial: pathlib.Path, known_etag: str | None) -> Fetched:
    """One request. Returns when the file is whole, raises Interrupted or httpx.TransportError when it is not."""
    have, validator = _size(partial), _noted_validator(partial, url)
    headers = {"Accept-Encoding": "identity"}  # offsets must count the file's own bytes
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    elif known_etag:
        headers["If-None-Match"] = known_etag
    with client.stream("GET", url, headers=headers) as response:
        status = response.status_code
        if status == 304:
            return Fetched(known_etag, changed=False)
        if status == 416:  # what is here is not a beginning of what is there
            discard(partial)
            raise Interrupted("the server cannot go on from here, starting over")
        if status in TRANSIENT:
            raise Interrupted(f"answered {status} {response.reason_phrase}")
        if status not in (200, 206):
            raise JobError(
                f"{url}: answered {status} {response.reason_phrase}; "
                "check corpus.archive.base and the part's file in the recipe"
            )
        start = have if status == 206 else 0
        if status == 206 and not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
            discard(partial)
            raise Interrupted(f"sent {response.headers.get('content-range')!r}, not the bytes from {have} on")
        length = int(response.headers["content-length"]) if "content-length" in response.headers else None
        total = None if length is None else start + length
        etag = response.headers.get("etag")
        _check_space(partial, length or 0)
        _write_note(partial, url, etag, response.headers.get("last-modified"))
        with partial.open("ab" if start else "wb") as writer, _progress(url, start, total) as progress:
            for chunk in response.iter_raw():  # as it comes: a larger chunk would be lost with the connection
                writer.write(chunk)
                progress.update(len(chunk))
    if total is not None and _size(partial) != total:
        raise Interrupted(f"{_size(partial)} of {total} bytes arrived")
    return Fetched(etag)


def _progress(url: str, start: int, total: int | None) -> tqdm:
    """A bar on a terminal; in a log file one line now and then."""
    name = url.rsplit("/", 1)[-1]
    interval = 0.2 if sys.stderr.isatty() else 15
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, mininterval=interval, file=sys.stderr)


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note_path(partial: pathlib.Path) -> pathlib.Path:
    return partial.with_name(partial.name + ".json")


def _write_note(partial: pathlib.Path, url: str, etag: str | None, last_modified: str | None) -> None:
    """Write down which version of the file `partial` begins. A weak ETag does not promise equal bytes."""
    strong = etag if etag and not etag.startswith("W/") else None
    _note_path(partial).write_text(json.dumps({"url": url, "validator": strong or last_modified}))


def _noted_validator(partial: pathlib.Path, url: str) -> str | None:
    """The validator of the file that `partial` begins; None when that is unknown or was another address."""
    try:
        note = json.loads(_note_path(partial).read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # a kill can leave half a note: then start over
        return None
    return note["validator"] if note["url"] == url else None


def _check_space(partial: pathlib.Path, needed: int) -> None:
    if shutil.disk_usage(partial.parent).free < needed:
        raise disk.full(partial.parent, needed)

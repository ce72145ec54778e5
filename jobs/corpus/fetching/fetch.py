"""Bring one file here: over http(s) with resume, or as a copy from a folder.

In: its address and the `Partial` to fill. Out: the whole file there, and its `Origin`. A cut connection leaves what
has arrived; the next attempt asks for the rest (Range, If-Range) and gets it only when the file there is the same.
"""

import pathlib
import threading
import urllib.parse
from collections.abc import Callable, Iterable

import httpx

from jobs.corpus.fetching import progress
from jobs.corpus.fetching.attempts import EndedEarly, Interrupted, SourceError, Stopped, check_status, until_answered
from jobs.corpus.fetching.partial import Origin, Partial

COPY_CHUNK = 1 << 20

WholeSize = Callable[[pathlib.Path], int | None]
"""How many bytes a file must have that has begun to arrive at a path; None when that cannot be said."""


def fetch(url: str, partial: Partial, stop: threading.Event, whole_size: WholeSize) -> Origin:
    """Bring `url` to `partial`, going on where an earlier attempt stopped.

    `whole_size` is asked only when the server does not say where the file ends.

    Raises:
        Unreachable: no answer after every attempt. SourceError: the file is not there, or never whole.
        JobError: there is too little room. Stopped: `stop` was set.
    """
    if url.startswith("file:"):
        return _copy(url, partial, stop)
    return until_answered(
        url, stop, lambda client: _attempt(client, url, partial, stop, whole_size), lambda: partial.arrived
    )


def is_unchanged(origin: Origin, stop: threading.Event) -> bool:
    """Whether the source still has the same file. False also when it never gave anything to tell by.

    Raises: as `fetch`.
    """
    if origin.url.startswith("file:"):
        return _stat(origin.url).etag == origin.etag
    headers = {"If-None-Match": origin.etag, "If-Modified-Since": origin.last_modified}
    headers = {name: value for name, value in headers.items() if value}
    if not headers:
        return False

    def ask(client: httpx.Client) -> bool:
        with client.stream("GET", origin.url, headers=headers) as response:  # not HEAD: some hosts refuse it
            check_status(response, expected=(200, 304))
            return response.status_code == 304

    return until_answered(origin.url, stop, ask)


def _attempt(client: httpx.Client, url: str, partial: Partial, stop: threading.Event, whole_size: WholeSize) -> Origin:
    """One request. Returns when the file is whole, raises Interrupted or httpx.TransportError when it is not."""
    have, noted = partial.arrived, partial.noted
    headers = {"Accept-Encoding": "identity"}  # offsets must count the file's own bytes
    resumes = have > 0 and noted is not None and noted.url == url and noted.validator is not None
    if resumes:
        headers |= {"Range": f"bytes={have}-", "If-Range": noted.validator}
    with client.stream("GET", url, headers=headers) as response:
        check_status(response, expected=(200, 206, 416))
        status, sent = response.status_code, response.headers.get("content-range", "")
        if status == 416 and resumes and sent.endswith(f"*/{have}"):  # killed between its last byte and its new name
            return noted.model_copy(update={"size": have})
        if status == 416 or (status == 206 and not sent.startswith(f"bytes {have}-")):
            partial.discard()
            raise Interrupted(f"cannot go on from byte {have} ({status}, {sent or 'no Content-Range'}), starting over")
        length = int(response.headers["content-length"]) if "content-length" in response.headers else None
        total = None if length is None else length + (have if status == 206 else 0)
        etag, last_modified = response.headers.get("etag"), response.headers.get("last-modified")
        origin = Origin(url=url, size=total or 0, etag=etag, last_modified=last_modified)
        partial.check_space(length or 0)
        # as it comes: a larger chunk would be lost with the connection
        _write(response.iter_raw(), partial, origin, status == 206, stop)
        chunked = response.headers.get("transfer-encoding", "").lower() == "chunked"
    if total is None and not chunked:  # then a cut connection looks like the end of the file
        _check_end(url, partial, whole_size)
    elif total not in (None, partial.arrived):
        raise Interrupted(f"{partial.arrived:,} of {total:,} bytes arrived")
    return origin.model_copy(update={"size": partial.arrived})


def _copy(url: str, partial: Partial, stop: threading.Event) -> Origin:
    origin, source = _stat(url), _path(url)
    try:
        reader = source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with reader:
        partial.check_space(origin.size)
        _write(iter(lambda: reader.read(COPY_CHUNK), b""), partial, origin, False, stop)
    return origin.model_copy(update={"size": partial.arrived})


def _stat(url: str) -> Origin:
    """A file as it lies in its folder. Its ETag is made of its time and size."""
    source = _path(url)
    try:
        stat = source.stat()
    except OSError as error:
        raise _unreadable(source, error) from error
    return Origin(url=url, size=stat.st_size, etag=f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"')


def _path(url: str) -> pathlib.Path:
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path))


def _unreadable(source: pathlib.Path, error: OSError) -> SourceError:
    return SourceError(f"{source}: {error.strerror}; check corpus.archive.base and the part's file")


def _write(chunks: Iterable[bytes], partial: Partial, origin: Origin, append: bool, stop: threading.Event) -> None:
    name, here = origin.url.rsplit("/", 1)[-1], partial.arrived if append else 0
    with partial.open(origin, append) as writer, progress.bar(name, here, origin.size or None) as bar:
        for chunk in chunks:
            if stop.is_set():
                raise Stopped(origin.url)
            writer.write(chunk)
            writer.flush()  # what has arrived is kept, also by a kill
            bar.update(len(chunk))


def _check_end(url: str, partial: Partial, whole_size: WholeSize) -> None:
    """For a file whose length the server did not say."""
    needed = whole_size(partial.path)
    if needed is None:
        partial.discard()
        raise SourceError(f"{url}: the server does not say how long the file is, so nobody can tell if it is whole")
    if partial.arrived < needed:
        raise EndedEarly(f"the transfer ended after {partial.arrived:,} of {needed:,} bytes")

"""An HTTP server that can do what the archive's host can, and what goes wrong with it."""

import contextlib
import hashlib
import http.server
import pathlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate


@dataclass
class Server:
    """An HTTP server for the files in a folder that honours Range and If-Range, and can misbehave.

    `cuts` holds, request by request, after how many bytes the connection breaks; `statuses` the errors that are
    answered first, with `retry_after` as their header. `stalls` maps a path to the number of bytes after which no more
    come and the connection stays open. Without `says_length` an answer ends when the connection does; without
    `says_etag` it has Last-Modified instead.
    `requests` records path and headers of every request, `most_at_once` how many were answered at the same time.
    """

    folder: pathlib.Path
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    retry_after: str = ""
    stalls: dict[str, int] = field(default_factory=dict)
    says_length: bool = True
    says_etag: bool = True
    seconds: float = 0
    """How long each answer takes to begin."""
    pause: float = 0
    """How long it rests in the middle, in seconds."""
    requests: list[dict] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    _answering: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request["path"] for request in self.requests]

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one GET."""
        with self._lock:
            self._answering += 1
            self.most_at_once = max(self.most_at_once, self._answering)
        try:
            time.sleep(self.seconds)
            self._answer(handler)
        finally:
            with self._lock:
                self._answering -= 1

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        name = handler.path.lstrip("/")
        self.requests.append({"path": name, **handler.headers})
        path = self.folder / name
        if self.statuses:
            handler.send_response(self.statuses.pop(0))
            handler.send_header("Retry-After", self.retry_after)
            handler.end_headers()
            return
        if not path.is_file():
            handler.send_error(404)
            return
        content = path.read_bytes()
        etag, modified = f'"{hashlib.md5(content).hexdigest()}"', formatdate(path.stat().st_mtime, usegmt=True)
        header, asks, validator = (
            ("ETag", "If-None-Match", etag) if self.says_etag else ("Last-Modified", "If-Modified-Since", modified)
        )
        if handler.headers.get(asks) == validator:
            handler.send_response(304)
            handler.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked and handler.headers.get("If-Range") == validator else 0
        if start and start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        handler.send_header(header, validator)
        if self.says_length:
            handler.send_header("Content-Length", str(len(content) - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        cut = self.stalls.get(name) if name in self.stalls else self.cuts.pop(0) if self.cuts else None
        body = content[start:][:cut]
        handler.wfile.write(body[: len(body) // 2])
        time.sleep(self.pause)
        handler.wfile.write(body[len(body) // 2 :])
        if name in self.stalls:
            self.closing.wait()


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[Server]:
    """A running server for `folder` on a free port."""
    server = Server(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):  # the client may hang up
                server.answer(self)

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{listener.server_port}"
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown()
        listener.server_close()
        thread.join()

"""An HTTP server that can do what the archive's host can, and what goes wrong with it."""

import contextlib
import hashlib
import http.server
import pathlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Server:
    """An HTTP server for the files in a folder that honours Range and If-Range, and can misbehave.

    `cuts` holds, request by request, after how many bytes the connection breaks; `statuses` the errors that
    are answered first. `requests` records the headers of every request.
    """

    folder: pathlib.Path
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one GET."""
        self.requests.append(dict(handler.headers))
        path = self.folder / handler.path.lstrip("/")
        if self.statuses or not path.is_file():
            handler.send_error(self.statuses.pop(0) if self.statuses else 404)
            return
        content = path.read_bytes()
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        if handler.headers.get("If-None-Match") == etag:
            handler.send_response(304)
            handler.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked and handler.headers.get("If-Range") == etag else 0
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(content) - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(content[start:][: self.cuts.pop(0) if self.cuts else None])


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[Server]:
    """A running server for `folder` on a free port."""
    server = Server(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
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
        listener.shutdown()
        listener.server_close()
        thread.join()

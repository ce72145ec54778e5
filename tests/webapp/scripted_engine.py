"""A small real HTTP server that speaks the OpenAI protocol and says what the test scripted.

It stands for the inference engine, an external service to the web site: delays, faults and wrong answers can be set for
each model. Runs in threads of the test's process.
"""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BASE = "SmolLM2-135M-Instruct"
ALIAS = "demo"
VERSION = "demo@0123456789ab"
KEY = "scripted-key"

BASE_REPLY = "Base speaking, plainly and for long."
ADAPTER_REPLY = '*She looks up.* "You came," it says.\n\nRain.'


@dataclass
class Script:
    """What one model does. Times in seconds."""

    reply: str
    delay: float = 0.0
    """Before each token; a token is four characters."""
    first_delay: float = 0.0
    status: int = 200
    break_after: int | None = None
    """Tokens after which the connection breaks."""
    error_after: int | None = None
    """Tokens after which an error stands in the stream."""
    answers_as: str | None = None
    """Name reported instead of the right one."""

    def tokens(self) -> list[tuple[float, str]]:
        """What one request gets: seconds to wait, and what is sent then."""
        texts = [self.reply[start : start + 4] for start in range(0, len(self.reply), 4)]
        return [(self.delay, text) for text in texts]


class ScriptedEngine:
    """The server. `scripts` and `listed` may be changed between requests; `requests`, `headers`: what was asked."""

    def __init__(self):
        self.reset()
        engine = self

        class Handler(_Handler):
            scripted = engine

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Everything is up, fast and well."""
        self.scripts = {BASE: Script(BASE_REPLY), ALIAS: Script(ADAPTER_REPLY)}
        self.listed = [
            {"id": BASE, "object": "model", "root": BASE, "parent": None},
            {"id": ALIAS, "object": "model", "root": VERSION, "parent": BASE},
            {"id": VERSION, "object": "model", "root": VERSION, "parent": BASE},
        ]
        self.version = VERSION
        self.down = False
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []

    def stop(self) -> None:
        """Close the server."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Quiet: the site hangs up on purpose when the other side failed."""


class _Handler(BaseHTTPRequestHandler):
    scripted: ScriptedEngine
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        """Quiet."""

    def do_GET(self):
        if self._refuses():
            return
        self._json(200, {"object": "list", "data": self.scripted.listed})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._refuses():
            return
        self.scripted.requests.append(body)
        self.scripted.headers.append(dict(self.headers))
        script = self.scripted.scripts[body["model"]]
        if script.status != 200:
            self._json(script.status, {"error": {"message": "scripted", "code": script.status}})
            return
        self._stream(body["model"], script)

    def _refuses(self) -> bool:
        if self.scripted.down:
            self.close_connection = True
            self._json(503, {"error": {"message": "starting"}})
            return True
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self._json(401, {"error": {"message": "wrong key"}})
            return True
        return False

    def _stream(self, model: str, script: Script) -> None:
        name = script.answers_as or (self.scripted.version if model == ALIAS else model)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(script.first_delay)
        tokens = script.tokens()
        for number, (delay, token) in enumerate(tokens):
            if number == script.break_after:
                self.close_connection = True
                return
            if number == script.error_after:
                self._event({"error": {"message": "scripted", "code": 500}})
                return
            time.sleep(delay)
            self._event({"model": name, "choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
        self._event({"model": name, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._event({"model": name, "choices": [], "usage": {"completion_tokens": len(tokens)}})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, event: dict) -> None:
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

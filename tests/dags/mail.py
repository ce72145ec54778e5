"""An SMTP server that takes every mail, and the Airflow connection to it."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator


class Session(socketserver.StreamRequestHandler):
    """One client: everything is allowed, and kept."""

    def handle(self):
        self.say("220 test")
        while line := self.rfile.readline():
            self.server.said.append(line.decode().strip())
            if line.upper().startswith(b"DATA"):
                self.say("354 go on")
                while (line := self.rfile.readline()) != b".\r\n":
                    self.server.said.append(line.decode().strip())
            self.say("250 ok" if not line.upper().startswith(b"QUIT") else "221 bye")

    def say(self, line: str):
        self.wfile.write(f"{line}\r\n".encode())


@contextlib.contextmanager
def serve() -> Iterator[socketserver.ThreadingTCPServer]:
    """The running server. What its clients said is in `said`, a line each."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.said = []
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def connection(server: socketserver.ThreadingTCPServer, **extra: str) -> str:
    """For AIRFLOW_CONN_BARDLOOP_MAIL."""
    extra |= {"from_email": "bardloop@example.org", "disable_ssl": True, "disable_tls": True}
    place = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.server_address[1]}
    return json.dumps(place | {"extra": extra})

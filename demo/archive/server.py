"""Serve the sample archive over HTTP: `python -m demo.archive.server FOLDER`.

Packs the parts into FOLDER when they are not up to date, then serves them on 127.0.0.1:BARDLOOP_ARCHIVE_PORT
(default 8070) with ETag and Range, as the real host does, until it gets SIGTERM.
"""

import argparse
import os
import pathlib
import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from demo.archive.pack import pack

HOST = "127.0.0.1"


def build_app(folder: pathlib.Path) -> Starlette:
    """The web application that serves the files in `folder`."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=folder))])


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1:`port`. Raises OSError when the port is in use."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


def main() -> int:
    """Pack, then serve."""
    parser = argparse.ArgumentParser(prog="python -m demo.archive.server", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    port = int(os.environ.get("BARDLOOP_ARCHIVE_PORT", "8070"))
    try:
        listener = listen(port)
    except OSError as error:
        print(f"archive: {HOST}:{port}: {error.strerror}; set BARDLOOP_ARCHIVE_PORT to a free port", file=sys.stderr)
        return 1
    pack(arguments.folder)
    server = uvicorn.Server(uvicorn.Config(build_app(arguments.folder), log_level="warning", access_log=False))
    print(f"The sample archive is up on http://{HOST}:{port}", flush=True)
    server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())

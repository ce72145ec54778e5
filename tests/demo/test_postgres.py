"""The process that holds the demo's PostgreSQL: it ends when the server does, so that supervisord starts both again."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import psycopg2
import pytest

from tests.plugins.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def short_home():
    """A folder for a server's socket, whose path may not be long; readable for the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="bardloop-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def hold(short_home):
    """Starts the holder; the process, and the pid of the server."""
    started = []

    def hold() -> tuple[subprocess.Popen, int]:
        holder = subprocess.Popen(
            [sys.executable, "-m", "demo.postgres"],
            cwd=ROOT,
            env=os.environ | {"BARDLOOP_HOME": str(short_home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(holder)
        assert holder.stdout.readline().startswith("PostgreSQL is up")
        return holder, int((short_home / "postgres" / "postmaster.pid").read_text().split()[0])

    yield hold
    for holder in started:
        holder.terminate()
        holder.wait(30)


def test_it_ends_with_the_server_and_the_next_one_finds_the_data(hold, short_home):
    holder, server = hold()
    address = f"postgresql://postgres@/bardloop?host={short_home / 'postgres'}"
    with psycopg2.connect(address) as connection:
        connection.cursor().execute("CREATE TABLE kept (number int)")
    connection.close()
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: holder.poll() is not None, within_s=15)
    assert holder.returncode == 1
    assert "PostgreSQL has ended" in holder.stdout.read()
    hold()
    with psycopg2.connect(address) as connection:
        connection.cursor().execute("SELECT number FROM kept")
    connection.close()

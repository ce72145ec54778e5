"""The web site with all that it needs, each in a process that may be killed: it is started again, as supervisord and
containers do.

In: nothing. Out: the running site, and what can be killed.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

import psutil
import psycopg2

from benchmarks.web.site import PASSWORD, engine, environment_of, set_up
from tests.ports import free_ports
from tests.stack import ROOT
from tests.webapp.site import Site
from tests.webapp.started import answers, command

STARTS_WITHIN_S = 60.0
AGAIN_AFTER_S = 1.0
WORDS_PER_S = 1000.0
REPLY_TIMEOUT_S = 20


class Supervised:
    """A process that is started again whenever it ends."""

    def __init__(self, command: list[str], environment: dict[str, str], log: pathlib.Path):
        self._command, self._environment, self._log = command, environment, log
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self._process = self._start()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def stop(self) -> None:
        """End it for good."""
        with self._lock:
            self._stopping.set()
            self._process.terminate()
        self._thread.join()

    def _start(self) -> subprocess.Popen:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)

    def _hold(self) -> None:
        while True:
            self._process.wait()
            self._stopping.wait(AGAIN_AFTER_S)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._start()


class KillableSite:
    """The site, and what stands behind it: `web`, `postgres`, `engine`."""

    def __init__(self, site: Site, services: dict[str, Supervised], data: pathlib.Path):
        self.site, self._services, self._data = site, services, data

    def kill(self, what: str) -> None:
        """kill -9. Of PostgreSQL its first process: the others end when they see it gone."""
        if what == "postgres":
            psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0])).kill()
        else:
            self._services[what].kill()


@contextlib.contextmanager
def killable_site() -> Iterator[KillableSite]:
    """All of it, set up from nothing; a fault leaves the logs behind and says where."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="faults-web-"))  # short: it holds a Unix socket
    engine_port, port = free_ports(2)
    database_url = f"postgresql://postgres@/bardloop?host={folder}/postgres"
    environment = environment_of(database_url, engine_port) | {"BARDLOOP_REPLY_TIMEOUT_S": str(REPLY_TIMEOUT_S)}
    services: dict[str, Supervised] = {}

    def begin(what: str, command: list[str], environment: dict[str, str]) -> None:
        services[what] = Supervised(command, environment, folder / f"{what}.log")
        started.callback(services[what].stop)

    try:
        with contextlib.ExitStack() as started:
            begin("postgres", [sys.executable, "-m", "demo.postgres"], os.environ | {"BARDLOOP_HOME": str(folder)})
            _wait(lambda: _accepts(database_url))
            set_up(environment)
            begin("engine", engine(engine_port, WORDS_PER_S), dict(os.environ))
            begin("web", command(port), environment)
            site = Site(f"http://127.0.0.1:{port}", database_url, PASSWORD)
            _wait(lambda: answers(site.url))
            yield KillableSite(site, services, folder / "postgres")
    except BaseException:
        print(f"logs: {folder}")
        raise
    shutil.rmtree(folder)


def _accepts(database_url: str) -> bool:
    try:
        psycopg2.connect(database_url).close()
    except psycopg2.OperationalError:
        return False
    return True


def _wait(ready) -> None:
    give_up = time.monotonic() + STARTS_WITHIN_S
    while not ready():
        if time.monotonic() > give_up:
            raise TimeoutError("it does not start")
        time.sleep(0.1)

"""The web site as it runs in production, on a PostgreSQL of its own and the recorded engine.

In: how fast the engine speaks. Out: a running site, ended with all that it started.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from demo.postgres import start
from tests.ports import free_port
from tests.stack import ROOT
from tests.webapp.site import Site as RunningSite
from tests.webapp.started import running
from webapp.access.limits import DEFAULTS

PASSWORD = "only-for-the-measurement"


@contextlib.contextmanager
def running_site(words_per_s: float, processes: int) -> Iterator[RunningSite]:
    """Engine, database and site, set up from nothing; the engine speaks at that speed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-web-"))  # short: it holds a Unix socket
    with contextlib.ExitStack() as started:
        started.callback(shutil.rmtree, folder)
        postgres = start(folder / "postgres", databases=["bardloop"])
        started.callback(postgres.stop)
        port = free_port()
        process = subprocess.Popen(engine(port, words_per_s), cwd=ROOT)
        started.callback(process.wait)
        started.callback(process.terminate)
        environment = environment_of(postgres.url("bardloop"), port) | {"WEB_CONCURRENCY": str(processes)}
        set_up(environment)
        yield started.enter_context(running(environment, PASSWORD))


def environment_of(database_url: str, engine_port: int) -> dict[str, str]:
    """What the site is started with."""
    return os.environ | {
        "DATABASE_URL": database_url,
        "DJANGO_SECRET_KEY": "only for the measurement",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "BARDLOOP_INFERENCE_URL": f"http://127.0.0.1:{engine_port}",
        "BARDLOOP_LIMITS": ",".join(f"{limit}=1000000" for limit in DEFAULTS),  # all come from one address
    }


def set_up(environment: dict[str, str]) -> None:
    """The site's tables, scenes and its admin, in an empty database."""
    subprocess.run([sys.executable, "webapp/manage.py", "setup"], cwd=ROOT, env=environment, check=True)


def engine(port: int, words_per_s: float) -> list[str]:
    """What starts the recorded engine."""
    return [sys.executable, "-m", "benchmarks.web.recorded_engine", str(port), str(words_per_s)]

"""The web site as it runs in production, on a PostgreSQL of its own and the recorded engine.

In: how fast the engine speaks. Out: a running site, ended with all that it started.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx
import psutil

from demo.postgres import start
from tests.ports import free_ports
from webapp.access.limits import DEFAULTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "only-for-the-measurement"
STARTS_WITHIN_S = 60.0


@dataclasses.dataclass(frozen=True)
class RunningSite:
    """Where it is, and its process."""

    url: str
    database_url: str
    environment: dict[str, str]
    process: psutil.Process


@contextlib.contextmanager
def running_site(words_per_s: float, processes: int) -> Iterator[RunningSite]:
    """Engine, database and site, set up from nothing; the engine speaks at that speed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-web-"))  # short: it holds a Unix socket
    engine_port, port = free_ports(2)
    with contextlib.ExitStack() as started:
        started.callback(shutil.rmtree, folder)
        postgres = start(folder / "postgres", databases=["bardloop"])
        started.callback(postgres.stop)
        engine = [sys.executable, "-m", "benchmarks.web.recorded_engine", str(engine_port), str(words_per_s)]
        started.enter_context(_running(engine, dict(os.environ)))
        environment = os.environ | {
            "DATABASE_URL": postgres.url("bardloop"),
            "DJANGO_SECRET_KEY": "only for the measurement",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            "BARDLOOP_INFERENCE_URL": f"http://127.0.0.1:{engine_port}",
            "WEB_CONCURRENCY": str(processes),
            "BARDLOOP_LIMITS": ",".join(f"{limit}=1000000" for limit in DEFAULTS),  # all come from one address
        }
        subprocess.run([sys.executable, "webapp/manage.py", "setup"], cwd=ROOT, env=environment, check=True)
        command = [sys.executable, "-m", "uvicorn", "webapp.bardloop_site.asgi:application", "--port", str(port)]
        options = ["--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "1"]
        process = started.enter_context(_running([*command, *options], environment))
        site = RunningSite(f"http://127.0.0.1:{port}", environment["DATABASE_URL"], environment, process)
        _wait_until_it_answers(f"{site.url}/health", process)
        _wait_until_it_answers(f"http://127.0.0.1:{engine_port}/v1/models", process)
        yield site


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_it_answers(url: str, process: psutil.Process) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.is_running():
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")

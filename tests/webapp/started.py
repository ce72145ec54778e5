"""The site in a process of its own: the one that all tests share, and others, each in an environment of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil

from tests.ports import free_port
from tests.stack import ROOT
from tests.webapp.site import Site


def command(port: int) -> list[str]:
    """What starts the site on `port`."""
    options = ["--no-proxy-headers", "--port", str(port), "--log-level", "warning", "--timeout-graceful-shutdown", "1"]
    return [sys.executable, "-m", "uvicorn", "webapp.bardloop_site.asgi:application", *options]


@contextmanager
def running(environment: dict[str, str], password: str) -> Iterator[Site]:
    """The site under uvicorn on a free port, in `environment`; gone at the end."""
    port = free_port()
    process = subprocess.Popen(command(port), cwd=ROOT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, f"the site ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)
        yield Site(url, environment["DATABASE_URL"], password, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(url: str) -> bool:
    """Whether the site is up."""
    try:
        return httpx.get(f"{url}/health", headers={"X-Forwarded-Proto": "https"}).status_code == 200
    except httpx.ConnectError:
        return False

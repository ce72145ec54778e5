"""The two services that are compared: ours, and vLLM's own OpenAI server with the same engine arguments.

In: a home with the base model and adapters. Out: running services on free ports, ended with what they started.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import psutil

from benchmarks.serving.load import Service
from serving.base_model import linear_shapes
from serving.settings import read_settings
from tests.ports import free_port, free_ports

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY, ADMIN_KEY = "bench-key", "bench-admin-key"
STARTS_WITHIN_S = 400.0
ENDS_WITHIN_S = 30.0


@contextlib.contextmanager
def ours(home: pathlib.Path, recipe: str, *arguments: str, supervised: bool = False) -> Iterator["Server"]:
    """`python -m serving`, as an operator starts it; `supervised`: started again when it ends by itself."""
    port, dashboard = free_ports(2)
    environment = _environment(home, recipe) | {
        "BARDLOOP_INFERENCE_PORT": str(port),
        "BARDLOOP_RAY_DASHBOARD_PORT": str(dashboard),
    }
    command = [sys.executable, "-m", "serving", *arguments]
    with Server(command, environment, home, home / "serving.log", port, supervised) as server:
        yield server


@contextlib.contextmanager
def bare(home: pathlib.Path, recipe: str, adapters: dict[str, pathlib.Path]) -> Iterator["Server"]:
    """vLLM's server with the arguments that our engine gives it, and `adapters` (name to folder)."""
    port = free_port()
    environment = _environment(home, recipe)
    os.environ |= {name: environment[name] for name in ("BARDLOOP_HOME", "BARDLOOP_API_KEY", "BARDLOOP_ADMIN_KEY")}
    settings = read_settings({"recipe": recipe})
    from serving.engine_arguments import engine_arguments, prepare_environment

    before = dict(os.environ)
    prepare_environment(settings.engine)
    prepared = {name: value for name, value in os.environ.items() if before.get(name) != value}
    adaptable = sorted({name.rsplit(".", 1)[-1] for name in linear_shapes(settings.base.path)})
    wanted = engine_arguments(settings, adaptable)
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--api-key", KEY, *_command_line(wanted)]
    if adapters:
        command += ["--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())]
    with Server(command, environment | prepared, home, home / "bare.log", port) as server:
        yield server


def changed(arguments) -> dict[str, object]:
    """Those of vLLM's `AsyncEngineArgs` that are not what they are by default."""
    found = {}
    for field in dataclasses.fields(arguments):
        value = getattr(arguments, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if value != default:
            found[field.name] = value
    return found


@contextlib.contextmanager
def ray_serve_llm(home: pathlib.Path, recipe: str) -> Iterator["Server"]:
    """Ray Serve LLM's app with the same engine arguments, base only."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serving.ray_serve_llm", str(port)]
    with Server(command, _environment(home, recipe), home, home / "ray_serve_llm.log", port) as server:
        yield server


def _command_line(arguments) -> list[str]:
    """The same as options of vLLM's command line."""
    options = []
    for name, value in changed(arguments).items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            options.append(option if value else f"--no-{option[2:]}")
        elif isinstance(value, list):
            options += [option, *map(str, value)]
        else:
            options += [option, str(value)]
    return options


def _environment(home: pathlib.Path, recipe: str) -> dict[str, str]:
    return os.environ | {
        "BARDLOOP_HOME": str(home),
        "BARDLOOP_RECIPE": recipe,
        "BARDLOOP_API_KEY": KEY,
        "BARDLOOP_ADMIN_KEY": ADMIN_KEY,
        "PYTHONPATH": str(ROOT),
    }


class Server(Service):
    """A running service: a context that starts it, waits until it answers, and ends it with all that it started."""

    def __init__(
        self,
        command: list[str],
        environment: dict,
        home: pathlib.Path,
        log: pathlib.Path,
        port: int,
        supervised: bool = False,
    ):
        super().__init__(f"http://127.0.0.1:{port}", KEY)
        self.home = home
        self._command, self._environment, self._log, self._supervised = command, environment, log, supervised
        self._ending = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise)

    @property
    def ray_url(self) -> str:
        """Of the dashboard of the Ray that `ours` runs on."""
        return f"http://127.0.0.1:{self._environment['BARDLOOP_RAY_DASHBOARD_PORT']}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    def __enter__(self) -> "Server":
        self._start()
        if self._supervised:
            self._supervisor.start()
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for process in self.stop():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def stop(self) -> list[psutil.Process]:
        """End it as a supervisor does, with SIGTERM; the processes that are left after ENDS_WITHIN_S seconds."""
        self._ending.set()
        if self._supervised:
            self._supervisor.join()
        if self._process.poll() is not None:
            return []
        processes = psutil.Process(self.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            processes.append(psutil.Process(self.pid))
        return [process for process in processes if process.is_running()]

    def _start(self) -> None:
        with self._log.open("a") as output:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    def _supervise(self) -> None:
        while not self._ending.wait(0.5):
            if self._process.poll() is not None:
                self._start()

    def _wait(self) -> None:
        give_up, headers = time.monotonic() + STARTS_WITHIN_S, {"Authorization": f"Bearer {self.key}"}
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/v1/models", headers=headers, timeout=60).status_code == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self._log}: the service did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(1)

"""One running engine for all tests of this folder: real vLLM under Ray Serve, started as an operator starts it."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import httpx
import openai
import pytest

from tests.ports import free_ports
from tests.serving.adapters import peft_adapter

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = "recipes/demo.yaml"
START_TIMEOUT_S = 300
STOP_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True)
class RunningEngine:
    """What a test has to know of the engine that it asks."""

    base_url: str
    api_key: str
    admin_key: str
    home: pathlib.Path
    base: str
    """Name of the base model."""

    def client(self) -> openai.OpenAI:
        """The official client, as a user of the API would make it."""
        return openai.OpenAI(base_url=f"{self.base_url}/v1", api_key=self.api_key, max_retries=0, timeout=120)

    def admin(self, method: str, path: str, **body) -> httpx.Response:
        """One operation with the admin key."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        return httpx.request(method, f"{self.base_url}/admin/{path}", headers=headers, json=body or None, timeout=120)

    def roll_out(self, reference: str) -> dict:
        """A rollout that has to succeed."""
        answer = self.admin("POST", "rollouts", adapter=reference)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def base_model(request) -> pathlib.Path:
    """Folder of the base model, made by the job once and kept in pytest's cache."""
    home = request.config.cache.mkdir("bardloop-models")
    command = [sys.executable, "-m", "jobs", "base-model", "--recipe", RECIPE, "--home", home]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (marker,) = (home / "models").glob("*/base.json")
    return marker.parent


@pytest.fixture(scope="session")
def engine(base_model, tmp_path_factory):
    """The engine of recipes/demo.yaml on a home of its own."""
    home = tmp_path_factory.mktemp("serving-home")
    (home / "models").symlink_to(base_model.parent)
    with EngineProcess(home, base_model.name) as running:
        yield running


class EngineProcess:
    """`with EngineProcess(home, base) as engine`: `python -m serving` on free ports, ended at the end."""

    def __init__(self, home: pathlib.Path, base: str, *arguments: str):
        port, dashboard = free_ports(2)
        self.engine = RunningEngine(f"http://127.0.0.1:{port}", "test-api-key", "test-admin-key", home, base)
        self._log = home / "serving.log"
        self._command = [sys.executable, "-m", "serving", *arguments]
        self._environment = os.environ | {
            "BARDLOOP_HOME": str(home),
            "BARDLOOP_RECIPE": RECIPE,
            "BARDLOOP_API_KEY": self.engine.api_key,
            "BARDLOOP_ADMIN_KEY": self.engine.admin_key,
            "BARDLOOP_INFERENCE_PORT": str(port),
            "BARDLOOP_RAY_DASHBOARD_PORT": str(dashboard),
        }

    def __enter__(self) -> RunningEngine:
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                pytest.fail(f"the engine did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.5)
        return self.engine

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.engine.base_url}/health", timeout=60).status_code == 200
        except httpx.TransportError:
            return False

    def __exit__(self, *_) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_TIMEOUT_S)


@pytest.fixture(scope="session")
def trained(base_model, tmp_path_factory) -> list[pathlib.Path]:
    """Four adapters as PEFT saves them, different from one another."""
    folder = tmp_path_factory.mktemp("peft")
    return [peft_adapter(base_model, folder / str(seed), seed) for seed in range(4)]

"""One running engine for all tests of this folder: real vLLM under Ray Serve, started as an operator starts it."""

import asyncio
import dataclasses
import pathlib
import subprocess
import sys
import time

import httpx
import openai
import pytest

from benchmarks.serving.servers import ADMIN_KEY, ROOT, Server, ours
from tests.serving.adapters import peft_adapter
from tests.serving.scene import Scene

RECIPE = "recipes/demo.yaml"


@dataclasses.dataclass(frozen=True)
class RunningEngine:
    """What a test has to know of the engine that it asks."""

    base_url: str
    api_key: str
    admin_key: str
    home: pathlib.Path
    base: str
    """Name of the base model."""
    ray_url: str
    """Ray's dashboard."""

    @classmethod
    def of(cls, server: Server, base: str) -> "RunningEngine":
        """One that runs as `server`."""
        return cls(server.url, server.key, ADMIN_KEY, server.home, base, server.ray_url)

    def client(self) -> openai.OpenAI:
        """The official client, as a user of the API would make it."""
        return openai.OpenAI(base_url=f"{self.base_url}/v1", api_key=self.api_key, max_retries=0, timeout=120)

    def admin(self, method: str, path: str, **body) -> httpx.Response:
        """One operation with the admin key."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        return httpx.request(method, f"{self.base_url}/admin/{path}", headers=headers, json=body or None, timeout=120)

    def begin(self, reference: str, **body) -> dict:
        """A rollout that has to begin."""
        answer = self.admin("POST", "rollouts", adapter=reference, **body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def end_of(self, rollout: dict, within_s: float = 120) -> dict:
        """The same rollout, once it is over."""
        give_up = time.monotonic() + within_s
        while rollout["state"] in ("loading", "held", "canary"):
            assert time.monotonic() < give_up, rollout
            time.sleep(0.1)
            rollout = self.admin("GET", f"rollouts/{rollout['id']}").json()
        return rollout

    def retire(self, name: str) -> None:
        """Nothing answers by the name any more; the engine has room for others."""
        answer = self.admin("POST", "retirements", name=name)
        assert answer.status_code == 200, answer.text

    def roll_out(self, reference: str, **body) -> dict:
        """A rollout that has to succeed, all at once unless `canary` says otherwise."""
        end = self.end_of(self.begin(reference, **({"canary": {"steps": []}} | body)))
        assert end["state"] == "live", end
        return end


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
    with ours(home, RECIPE) as server:
        yield RunningEngine.of(server, base_model.name)


@pytest.fixture(scope="session")
def trained(base_model, tmp_path_factory) -> list[pathlib.Path]:
    """Four adapters as PEFT saves them, different from one another."""
    folder = tmp_path_factory.mktemp("peft")
    return [peft_adapter(base_model, folder / str(seed), seed) for seed in range(4)]


@pytest.fixture
def run(tmp_path):
    """Runs a test's coroutine with a scene, and another one on the same home where it asks for that."""

    def run(test, replicas: int = 2, **more):
        async def whole():
            scene = Scene(tmp_path, replicas, **more)
            try:
                await asyncio.wait_for(test(scene), 30)
            finally:
                for each in scene.following:
                    each.cancel()
                scene.control.close()

        asyncio.run(whole())

    return run

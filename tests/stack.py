"""One running demo in a home of its own, as the tests see it: commands, addresses, secrets, processes."""

import json
import os
import pathlib
import subprocess
import sys

from demo.layout import Layout
from demo.supervision import left_behind
from tests.ports import demo_ports

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Stack:
    """A demo under `home` on ports that were free when it was made. Attributes: home, layout, first_start."""

    def __init__(self, home: pathlib.Path):
        self.home = home
        self.environment = dict(os.environ) | {"BARDLOOP_HOME": str(home)}
        ports = demo_ports()
        self.environment |= {name: str(port) for name, port in ports.items()}
        self.layout = Layout(home=home, ports=ports, recipe=ROOT / "recipes" / "demo.yaml")
        self.first_start: subprocess.CompletedProcess | None = None

    def demo(self, *arguments: str, timeout: float) -> subprocess.CompletedProcess:
        """Run `python -m demo ...` without a terminal and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "demo", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def secret(self, name: str) -> str:
        """One of the generated passwords and keys."""
        return json.loads((self.home / "secrets.json").read_text())[name]

    @property
    def web(self) -> str:
        return self.layout.address("BARDLOOP_WEB_PORT")

    @property
    def inference(self) -> str:
        return self.layout.address("BARDLOOP_INFERENCE_PORT")

    def processes(self) -> list:
        """Living processes that belong to this demo."""
        return left_behind(self.home)

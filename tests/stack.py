"""One running demo in a home of its own, as the tests see it: commands, addresses, secrets, processes."""

import json
import os
import pathlib
import socket
import subprocess
import sys

from demo.layout import PORT_DEFAULTS, Layout
from demo.supervision import left_behind

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Stack:
    """A demo under `home` on ports that were free when it was made. Attributes: home, layout, first_start."""

    def __init__(self, home: pathlib.Path):
        self.home = home
        self.environment = dict(os.environ) | {"BARDLOOP_HOME": str(home)}
        self.environment |= {name: str(port) for name, port in zip(PORT_DEFAULTS, free_ports(), strict=False)}
        ports = {name: int(self.environment[name]) for name in PORT_DEFAULTS}
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


def free_ports(count: int = len(PORT_DEFAULTS)) -> list[int]:
    """Ports nobody listens on now. All are held until the last is found, so they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()

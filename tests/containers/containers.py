"""Services of docker-compose.yml as processes: the image's inside, the service's command, variables, secrets and health
check. Only the network is this machine's loopback.

In: an image, the folder of the secrets, what addresses have become. Out: running services and what they logged.
"""

import contextlib
import dataclasses
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping

from tests.containers import compose, image

STARTS_WITHIN_S = 240


@dataclasses.dataclass
class Containers:
    """Services that share an image."""

    made: image.Image
    secrets: pathlib.Path
    """Made by docker/make-secrets.sh."""
    network: Mapping[str, str]
    """Address or port in the file, to what it is here."""
    one_machine: Mapping[str, str]
    """Variables that they need because they have no network of their own each."""
    processes: dict[str, subprocess.Popen] = dataclasses.field(default_factory=dict)

    def variables(self, name: str) -> dict[str, str]:
        """The service's environment, with this machine's places and addresses."""
        said = compose.services()[name]["environment"]
        here = {key: self._inside(name).here(self.at(str(value))) for key, value in said.items()}
        return self.made.environment | here | dict(self.one_machine)

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess:
        """Run a command, by default the service's own, to its end in its container."""
        return self._inside(name).run(*(command or self._command(name)), **self.variables(name))

    @contextlib.contextmanager
    def running(self, name: str, *more: str) -> Iterator[None]:
        """The service, started; `more` are words after its command."""
        command = self._inside(name).command(*self._command(name), *more)
        with self._log(name).open("wb") as log:
            process = self.processes[name] = subprocess.Popen(
                command, cwd=self.made.workdir, env=self.variables(name), stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def end(self) -> None:
        """Ask all services to end, at once."""
        for process in self.processes.values():
            process.terminate()

    def is_healthy(self, name: str) -> bool:
        """What Docker would say after the service's health check."""
        kind, *check = compose.services()[name]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self.made.here(self.at(word)) for word in check]
        ask = {"cwd": self.made.workdir, "env": self.made.environment, "capture_output": True}
        return subprocess.run(command, **ask).returncode == 0

    def await_health(self, name: str) -> None:
        """Return when the service that was started is healthy."""

        def healthy() -> bool:
            assert self.processes[name].poll() is None, self.log(name)[-3000:]
            return self.is_healthy(name)

        until(healthy, lambda: self.log(name)[-3000:])

    def at(self, text: str) -> str:
        """`text` with this machine's addresses."""
        for there, here in self.network.items():
            if there in text:
                return text.replace(there, here)
        return text

    def log(self, name: str) -> str:
        return self._log(name).read_text()

    def _log(self, name: str) -> pathlib.Path:
        return self.made.folder / f"{name}.log"

    def _command(self, name: str) -> list[str]:
        said = compose.services()[name].get("command", self.made.standard_command)
        return [self.at(word) for word in said]

    def _inside(self, name: str) -> image.Image:
        """The image with the secrets that the service mounts."""
        folder = self.made.folder / "secrets" / name
        if not folder.exists():
            folder.mkdir()
            for target, secret in compose.mounted_secrets(compose.services()[name]).items():
                (folder / target).symlink_to(self.secrets / secret)
        return dataclasses.replace(self.made, secrets=f"secrets/{name}")


def until(is_so: Callable, why: Callable[[], str] = lambda: ""):
    """Wait until `is_so` says something true, and return it."""
    give_up = time.monotonic() + STARTS_WITHIN_S
    while not (result := is_so()):
        assert time.monotonic() < give_up, why()
        time.sleep(0.5)
    return result

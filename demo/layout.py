"""Where the demo's files lie and on which ports its services listen. Every value has an environment variable."""

import dataclasses
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent

PORT_DEFAULTS = {
    "BARDLOOP_WEB_PORT": 8000,
    "BARDLOOP_INFERENCE_PORT": 8001,
    "BARDLOOP_ARCHIVE_PORT": 8070,
    "BARDLOOP_AIRFLOW_PORT": 8080,
    "BARDLOOP_RAY_DASHBOARD_PORT": 8265,
}
"""Environment variable to the port a service listens on (127.0.0.1 only) when the variable is not set."""


def home() -> pathlib.Path:
    """Folder of all data: BARDLOOP_HOME, else var/ in the project."""
    return pathlib.Path(os.environ.get("BARDLOOP_HOME", ROOT / "var")).resolve()


@dataclasses.dataclass(frozen=True)
class Layout:
    """Folders and ports of one running demo."""

    home: pathlib.Path
    ports: dict[str, int]
    recipe: pathlib.Path

    @classmethod
    def from_environment(cls) -> "Layout":
        """The layout that the environment asks for.

        Raises:
            ValueError: a port variable is no number.
        """
        ports = {}
        for name, default in PORT_DEFAULTS.items():
            value = os.environ.get(name, str(default))
            if not value.isdigit() or not 0 < int(value) < 65536:
                raise ValueError(f"{name}={value!r}: expected a port number between 1 and 65535")
            ports[name] = int(value)
        recipe = pathlib.Path(os.environ.get("BARDLOOP_RECIPE", ROOT / "recipes" / "demo.yaml"))
        return cls(home=home(), ports=ports, recipe=recipe.resolve())

    def address(self, port_variable: str) -> str:
        """http address of the service behind a port variable."""
        return f"http://127.0.0.1:{self.ports[port_variable]}"

    @property
    def logs(self) -> pathlib.Path:
        return self.home / "logs"

    @property
    def postgres(self) -> pathlib.Path:
        return self.home / "postgres"

    @property
    def supervisor_socket(self) -> pathlib.Path:
        return self.home / "supervisor.sock"

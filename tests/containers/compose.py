"""The compose file as Compose reads it: YAML with its merge keys, and variables put in.

In: docker-compose.yml, docker/*.yml, an environment. Out: plain dictionaries.
"""

import pathlib
import re
from collections.abc import Mapping

import yaml

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SEVERAL_MACHINES = ROOT / "docker" / "several-machines.yml"
WANDB = ROOT / "docker" / "wandb.yml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class MissingVariable(LookupError):
    """The file asks for a variable that is not set and has no default."""


def read(path: pathlib.Path = FILE, environment: Mapping[str, str] | None = None) -> dict:
    """The document, with the variables of `environment` and else their defaults in it.

    Raises:
        MissingVariable: its name.
    """

    def value(found: re.Match) -> str:
        if found[0] == "$$":
            return "$"
        if set_to := (environment or {}).get(found["name"]):
            return set_to
        if found["kind"] != "-":
            raise MissingVariable(found["name"])
        return found["rest"]

    def put_in(node):
        if isinstance(node, dict):
            return {key: put_in(child) for key, child in node.items()}
        if isinstance(node, list):
            return [put_in(child) for child in node]
        return VARIABLE.sub(value, node) if isinstance(node, str) else node

    return put_in(yaml.safe_load(path.read_text()))


def services() -> dict[str, dict]:
    """Service name to its definition."""
    return read()["services"]


def mounted_secrets(service: Mapping) -> dict[str, str]:
    """Name of each file in the service's /run/secrets, to the secret that it is."""
    return dict(
        (secret, secret) if isinstance(secret, str) else (secret["target"], secret["source"])
        for secret in service.get("secrets", [])
    )

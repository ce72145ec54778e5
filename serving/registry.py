"""Which version each adapter name stands for: serving/registry.json, and serving/history.jsonl of how it came so.

The registry is replaced by atomic rename; the history only grows. A lock file keeps two engines on one home apart.
"""

import datetime
import fcntl
import json
import os
import pathlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Reference = str


class Pointer(BaseModel):
    """One adapter name: the version that answers, the one before it, and (later) a canary with its share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stable: Reference
    canary: Reference | None = None
    weight: float = Field(default=0, ge=0, le=1)
    previous: Reference | None = None

    def versions(self) -> tuple[Reference, ...]:
        """The versions that should be loaded, the one that answers first."""
        return tuple(version for version in (self.stable, self.previous) if version)


class RegistryError(RuntimeError):
    """The registry cannot be read or is held by another engine. The message is one line."""


_DOCUMENT = TypeAdapter(dict[str, Pointer])


class Registry:
    """The pointers of one home. Opening it takes the home's lock until the process ends or `close` is called."""

    def __init__(self, home: pathlib.Path):
        """Raises RegistryError: another engine serves this home, or registry.json is damaged."""
        self._folder = home / "serving"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / "registry.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RegistryError(f"{self._folder}: another engine serves this home; stop it first") from error
        self._pointers = self._read()

    @property
    def pointers(self) -> dict[str, Pointer]:
        """Adapter name to its pointer; a copy."""
        return dict(self._pointers)

    def point(self, name: str, pointer: Pointer) -> None:
        """Make `pointer` the one of `name`, on disk first."""
        pointers = self._pointers | {name: pointer}
        temporary = self._path.with_suffix(".json.part")
        with temporary.open("wb") as file:
            file.write(_DOCUMENT.dump_json(pointers, indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._pointers = pointers

    def record(self, event: Literal["rollout", "rollback", "refused", "not_served"], name: str, **details) -> None:
        """Append one line to the history: when, what, which name, and `details` (version, previous, code, ...)."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "event": event, "name": name, **details})
        with (self._folder / "history.jsonl").open("a") as file:
            file.write(line + "\n")

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    @property
    def _path(self) -> pathlib.Path:
        return self._folder / "registry.json"

    def _read(self) -> dict[str, Pointer]:
        try:
            return _DOCUMENT.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            raise RegistryError(
                f"{self._path}: damaged ({error.errors()[0]['msg']}); restore it, or remove it and roll out again"
            ) from error

"""Which version each adapter name stands for: serving/registry.json, and serving/history.jsonl of how it came so.

The registry is replaced by atomic rename; the history only grows, and holds every pointer that ever was, so that a
damaged registry is made again from it. A lock file keeps two services on one home apart.
"""

import datetime
import fcntl
import json
import logging
import os
import pathlib
import shutil
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from serving.metrics import RolloutMetrics

log = logging.getLogger(__name__)

Reference = str
Event = Literal[
    "held",
    "released",
    "rollout",
    "canary",
    "breach",
    "rollback",
    "refused",
    "interrupted",
    "not_served",
    "retired",
    "rebuilt",
    "found",
]


class Pointer(BaseModel):
    """One adapter name: the version that answers, one that answers a share of the requests, the one before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stable: Reference
    canary: Reference | None = None
    weight: float = Field(default=0, ge=0, le=1)
    """Share of the requests that the canary answers."""
    previous: Reference | None = None

    def versions(self) -> tuple[Reference, ...]:
        """The versions that should be loaded, the one that answers first."""
        return tuple(version for version in (self.stable, self.canary, self.previous) if version)

    def without_canary(self) -> "Pointer":
        """The same, all requests answered by the stable version."""
        return Pointer(stable=self.stable, previous=self.previous)


class RegistryError(RuntimeError):
    """The registry cannot be read or is held by another service. The message is one line."""


_DOCUMENT = TypeAdapter(dict[str, Pointer])


class Registry:
    """The pointers of one home. Opening it takes the home's lock until the process ends or `close` is called."""

    def __init__(self, home: pathlib.Path):
        """Raises RegistryError: another service holds this home, or registry.json and the history are damaged."""
        self._folder = home / "serving"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / "registry.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RegistryError(f"{self._folder}: another engine serves this home; stop it first") from error
        self._metrics = RolloutMetrics()
        self._end_the_last_line()
        self._pointers: dict[str, Pointer] = {}
        self._pointers = self._read()

    @property
    def pointers(self) -> dict[str, Pointer]:
        """Adapter name to its pointer; a copy."""
        return dict(self._pointers)

    def point(self, event: Event, name: str, pointer: Pointer | None, **details) -> None:
        """Make `pointer` the one of `name` (None: nothing answers by it), on disk first, and note it as `record` does.

        Raises OSError (the disk is full, ...); nothing has changed then.
        """
        self._write(self._with(name, pointer))
        self.record(event, name, **details, pointer=pointer and pointer.model_dump())

    def point_or_hold(self, event: Event, name: str, pointer: Pointer | None, **details) -> None:
        """The same for what must not fail: where the disk takes nothing, it holds as long as this process lives."""
        try:
            self.point(event, name, pointer, **details)
        except OSError:
            log.exception("%s: %s could not be written: it holds in memory", self._path, name)
            self._pointers = self._with(name, pointer)
            self.record(event, name, **details, pointer=pointer and pointer.model_dump(), on_disk=False)

    def _with(self, name: str, pointer: Pointer | None) -> dict[str, Pointer]:
        others = {other: kept for other, kept in self._pointers.items() if other != name}
        return others | ({name: pointer} if pointer else {})

    def _write(self, pointers: dict[str, Pointer]) -> None:
        temporary = self._path.with_suffix(".json.part")
        with temporary.open("wb") as file:
            file.write(_DOCUMENT.dump_json(pointers, indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._pointers = pointers

    def record(self, event: Event, name: str, **details) -> None:
        """Append one line to the history: when, what, which name, and `details` (version, who, why, code, ...)."""
        self._metrics.count(event, name)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "event": event, "name": name, **details})
        try:
            with self._history.open("a") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # what was done is done; the log has it then
            log.exception("%s: could not be written: %s", self._history, line)

    def history(self, last: int | None = None) -> list[dict]:
        """The `last` lines of the history (None: all), oldest first. One that a crash has cut is left out."""
        lines = []
        for line in self._history.read_text().splitlines() if self._history.exists() else []:
            try:
                lines.append(json.loads(line))
            except ValueError:
                log.warning("%s: a line that is no JSON: %.80s", self._history, line)
        return lines[-last:] if last else lines

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    @property
    def _path(self) -> pathlib.Path:
        return self._folder / "registry.json"

    @property
    def _history(self) -> pathlib.Path:
        return self._folder / "history.jsonl"

    def _end_the_last_line(self) -> None:
        """A crash may have cut it; the next one must not go on in it."""
        if self._history.exists() and self._history.read_bytes()[-1:] not in (b"", b"\n"):
            with self._history.open("a") as file:
                file.write("\n")

    def _read(self) -> dict[str, Pointer]:
        """What is pointed to; the history is completed where a crash came between the two files."""
        noted = {line["name"]: line["pointer"] for line in self.history() if "pointer" in line}
        try:
            self._pointers = _DOCUMENT.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return self._rebuild(noted, "there is none") if noted else {}
        except ValidationError as error:
            return self._rebuild(noted, error.errors()[0]["msg"])
        for name in noted.keys() | self._pointers.keys():
            pointer = self._pointers.get(name)
            pointer = pointer and pointer.model_dump()
            if pointer != noted.get(name):
                self.record("found", name, pointer=pointer)
        return self._pointers

    def _rebuild(self, noted: dict[str, dict | None], damage: str) -> dict[str, Pointer]:
        """What the history says was last pointed to. A damaged file is kept beside the new one."""
        if not noted:
            raise RegistryError(f"{self._path}: damaged ({damage}) and {self._history.name} has nothing: restore one")
        aside = None
        if self._path.exists():
            aside = self._path.with_suffix(f".damaged-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}")
            shutil.copy(self._path, aside)
        self._write({name: Pointer.model_validate(pointer) for name, pointer in noted.items() if pointer})
        for name, pointer in noted.items():
            self.record("rebuilt", name, pointer=pointer, damage=damage, damaged=aside and aside.name)
        log.error("%s: %s: made again from the history", self._path, damage)
        return self._pointers

"""Who may ask what: keys, of which only digests are kept, in serving/keys.json under home.

In: the file, changed by `python -m serving keys`, and the two keys of the environment. Out: the `Key` of a request.
A change of the file holds within a second, without a restart.
"""

import datetime
import hashlib
import json
import logging
import os
import pathlib
import secrets
import time
from typing import Annotated

import filelock
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
PREFIX = "bard-"


class KeysError(ValueError):
    """The key file is damaged, or a change of it makes no sense. The message is one line."""


class Key(BaseModel):
    """What one key may do. None: no limit. The key itself is nowhere; it is random, so that a plain digest will do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    admin: bool = False
    """It opens /admin and nothing else; others open /v1 and nothing else."""
    models: tuple[str, ...] | None = None
    """Names that it may ask for: the base, adapter names (with all their versions)."""
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    streams: Annotated[int, Field(ge=1)] | None = None
    """Requests under way at the same time."""
    created_at: datetime.datetime | None = None

    def may_ask(self, model: str) -> bool:
        """Whether a model's name, or `name@version`, is one of its models."""
        return self.models is None or model.split("@")[0] in self.models


_DOCUMENT = TypeAdapter(list[Key])


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyFile:
    """The keys of a home. Those of `always` (from the environment) hold beside the file's."""

    def __init__(self, home: pathlib.Path, always: tuple[Key, ...] = ()):
        self.path = home / "serving" / "keys.json"
        self._always = {key.sha256: key for key in always}
        self._keys: dict[str, Key] = {}
        self._read_from: tuple[int, int] | None = None
        self._looked_at, self._complaint = float("-inf"), ""

    def of(self, given: str) -> Key | None:
        """The key that was given, None for one that is not known (any more).

        While the file is damaged or cannot be read, what it held before goes on to hold; the log says so once.
        """
        self._read_again_if_changed()
        known = digest(given)
        return self._keys.get(known) or self._always.get(known)

    def all(self) -> list[Key]:
        """The file's keys. Raises KeysError: it is damaged."""
        try:
            return _DOCUMENT.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "document"
            raise KeysError(f"{self.path}: {where}: {first['msg']}") from error

    def add(self, name: str, **what) -> str:
        """Make a key; returned once, and never to be seen again.

        Raises:
            KeysError: the name is taken or no name, a limit is no number above 0, the file is damaged.
        """
        with self._changing():
            keys = self.all()
            if any(key.name == name for key in keys):
                raise KeysError(f"there is a key {name!r} already: remove it, or choose another name")
            made = PREFIX + secrets.token_urlsafe(32)
            try:
                key = Key(name=name, sha256=digest(made), created_at=datetime.datetime.now(datetime.UTC), **what)
            except ValidationError as error:
                first = error.errors()[0]
                raise KeysError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
            self._write([*keys, key])
        return made

    def remove(self, name: str) -> None:
        """Forget a key. Raises KeysError: there is none of that name, or the file is damaged."""
        with self._changing():
            keys = self.all()
            left = [key for key in keys if key.name != name]
            if len(left) == len(keys):
                raise KeysError(f"no key {name!r}; there are: {', '.join(key.name for key in keys) or 'none'}")
            self._write(left)

    def _changing(self) -> filelock.FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.path.with_suffix(".lock"))

    def _write(self, keys: list[Key]) -> None:
        temporary = self.path.with_suffix(".json.part")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            if os.geteuid() == 0:  # the service, which may run as somebody else, has to read it
                owner = self.path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            json.dump([key.model_dump(mode="json", exclude_none=True) for key in keys], file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(descriptor)
        temporary.replace(self.path)

    def _read_again_if_changed(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            version = self._version()
            if version == self._read_from:
                return
            self._keys = {key.sha256: key for key in self.all()}
            self._read_from, self._complaint = version, ""
        except (KeysError, OSError) as error:  # asked again each time: what was removed must not hold for ever
            if str(error) != self._complaint:
                log.error("%s: the keys of before hold until it is mended", error)
            self._complaint = str(error)

    def _version(self) -> tuple[int, int] | None:
        """Of the file: another one after each change. None: there is none."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino

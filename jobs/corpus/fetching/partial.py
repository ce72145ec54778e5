"""A file on its way here: its bytes so far, and a note beside them that says which file they begin.

In: chunks and where they come from. Out: what is needed to go on later with the same file, and never with another.
"""

import pathlib
import shutil
from dataclasses import dataclass
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from jobs.corpus import atomic, disk


class Origin(BaseModel):
    """One file as its source gave it. `size` in bytes; 0 in a note of a file whose length is not known yet."""

    url: str
    size: int
    etag: str | None = None
    last_modified: str | None = None

    @property
    def validator(self) -> str | None:
        """What proves that the bytes are still the same. A weak ETag does not promise that."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.last_modified


@dataclass(frozen=True)
class Partial:
    """The file that arrives in `path` from byte `start` on; what lies before belongs to others."""

    path: pathlib.Path
    start: int = 0

    @property
    def arrived(self) -> int:
        """Bytes that are here."""
        return max(0, self.path.stat().st_size - self.start) if self.path.exists() else 0

    @property
    def noted(self) -> Origin | None:
        """The file that the last bytes in `path` belong to; None when that is unknown."""
        try:
            return Origin.model_validate_json(self._note.read_text())
        except (FileNotFoundError, ValidationError):
            return None

    def open(self, origin: Origin, append: bool) -> BinaryIO:
        """The file to write to: behind what has arrived, or from the start. The note is written first."""
        atomic.write_json(self._note, origin.model_dump())
        if append:
            return self.path.open("ab")
        if not self.start:
            return self.path.open("wb")
        file = self.path.open("r+b")
        file.truncate(self.start)
        file.seek(self.start)
        return file

    def discard(self) -> None:
        """Drop what has arrived, and the note."""
        if self.start:
            with self.path.open("r+b") as file:
                file.truncate(self.start)
        else:
            self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def check_space(self, needed: int) -> None:
        """Raises JobError when the disk has no room for `needed` more bytes."""
        if shutil.disk_usage(self.path.parent).free < needed:
            raise disk.full(self.path.parent, needed)

    @property
    def _note(self) -> pathlib.Path:
        return self.path.with_name(self.path.name + ".json")

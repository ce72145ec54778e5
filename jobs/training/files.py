"""Files that appear whole or not at all, and the digests that name them."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator

from jobs.errors import JobError

FULL = 16 << 20
"""A disk with fewer free bytes than this counts as full (PyTorch only says that writing failed)."""


def write_json(path: pathlib.Path, value: object) -> None:
    """Write `value` under a temporary name, then rename: a reader never sees half a file."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Write `text` under a temporary name, to the disk itself, then rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    flush(temporary)
    temporary.rename(path)


def flush(path: pathlib.Path) -> None:
    """Wait until a file or folder is on the disk itself: a machine that loses its power keeps it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha12(paths: Iterable[pathlib.Path]) -> str:
    """First 12 hex digits of the sha256 over the bytes of `paths`, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def full_disk_explained(folder: pathlib.Path) -> Iterator[None]:
    """Name a full disk under `folder` as the cause of what failed: each library says it in an exception of its own.

    Raises:
        JobError: something failed, and the disk is full. What fails for another reason passes unchanged.
    """
    try:
        yield
    except JobError:
        raise
    except Exception as error:
        free = shutil.disk_usage(folder).free
        if free >= FULL and "No space left on device" not in str(error):
            raise
        raise JobError(f"{folder}: the disk is full ({free:,} bytes free); make room and run again") from error

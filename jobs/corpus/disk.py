"""What a full disk sounds like to the person at the keyboard."""

import contextlib
import errno
import pathlib
import shutil
from collections.abc import Iterator

import duckdb

from jobs.errors import JobError


def full(folder: pathlib.Path, needed: int | None = None) -> JobError:
    """The error for a full disk under `folder`; `needed` bytes were wanted, when that is known."""
    free = shutil.disk_usage(folder).free
    wanted = "" if needed is None else f", {needed:,} bytes are needed"
    return JobError(
        f"{folder}: the disk is full ({free:,} bytes free{wanted}); make room and run again: "
        "what is done so far is kept"
    )


@contextlib.contextmanager
def full_disk_explained(folder: pathlib.Path) -> Iterator[None]:
    """Turn `no space left` from Python or DuckDB into a JobError; let everything else through."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full(folder) from error
    except duckdb.IOException as error:
        if "No space left on device" not in str(error):
            raise
        raise full(folder) from error

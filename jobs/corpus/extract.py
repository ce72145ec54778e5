"""Unpack the one CSV of a .7z part.

In: an archive that nobody vouches for. Out: its CSV as one file. Nothing is written but that file: names
inside the archive only decide what is refused.
"""

import pathlib
from typing import BinaryIO

import py7zr
from py7zr.exceptions import DecompressionBombError, PasswordRequired

from jobs.errors import JobError

GIB = 1 << 30


def extract_csv(archive: pathlib.Path, target: pathlib.Path, max_bytes: int) -> None:
    """Write the CSV inside `archive` to `target`, at most `max_bytes` of it.

    Raises:
        JobError: not exactly one CSV, a name that leaves the folder, a link, more than `max_bytes`, damage.
    """
    try:
        with py7zr.SevenZipFile(archive, max_extract_size=max_bytes) as container:
            member = _only_csv(archive, container)
            if member.uncompressed > max_bytes:
                raise DecompressionBombError
            with target.open("wb") as file:
                container.extract(targets=[member.filename], factory=_OneFile(file))
    except DecompressionBombError as error:
        raise JobError(
            f"{archive}: unpacks to more than {max_bytes / GIB:g} GiB; "
            "raise corpus.archive.max_part_gib if the part is right"
        ) from error
    except PasswordRequired as error:
        raise JobError(f"{archive}: is encrypted; expected an archive without password") from error
    except (JobError, OSError):
        raise
    except Exception as error:  # a damaged header breaks py7zr anywhere: a dozen kinds of exception were seen
        reason = " ".join(str(error).split()) or type(error).__name__
        raise JobError(f"{archive}: damaged archive ({reason}); delete it and run download again") from error
    if target.stat().st_size != member.uncompressed:
        raise JobError(
            f"{archive}: damaged archive ({target.stat().st_size} of {member.uncompressed} bytes); "
            "delete it and run download again"
        )


def _only_csv(archive: pathlib.Path, container: py7zr.SevenZipFile) -> py7zr.FileInfo:
    """The one CSV in the archive; refuses members that no honest part has."""
    csvs = []
    for member in container.list():
        path = pathlib.PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise JobError(f"{archive}: holds {member.filename!r}, a path that leaves its folder; not unpacked")
        if not (member.is_file or member.is_directory):
            raise JobError(f"{archive}: holds {member.filename!r}, which is a link; not unpacked")
        if member.is_file and path.suffix.lower() == ".csv":
            csvs.append(member)
    if len(csvs) != 1:
        names = ", ".join(member.filename for member in csvs) or "none"
        raise JobError(f"{archive}: expected one CSV, found {names}")
    return csvs[0]


class _OneFile(py7zr.WriterFactory):
    """Hands py7zr the one file that it may write to."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def create(self, filename: str) -> py7zr.Py7zIO:
        return _Sink(self._file)


class _Sink(py7zr.Py7zIO):
    """A file that py7zr can only append to."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def write(self, s: bytes | bytearray) -> int:
        return self._file.write(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        self._file.flush()

    def size(self) -> int:
        return self._file.tell()

"""Find where the records of a CSV begin and end, and which of them cannot be read.

In: one part's CSV, as it came. Out: the sound records in a second file, each led by its place in the first
one (`byte offset,line,length`), and a list of the unsound ones with a reason.

CSV readers count records, not lines, and none tells where a good row lay; yet every row that is dropped
later must be found again in the archive. So this pass measures, and DuckDB (read.py) reads the values. It
is also the independent count that the reader's count is checked against.

A record that cannot be read ends at its line end: the next line gets a fresh chance. So a quote that is
never closed costs its own row and not the good rows behind it.
"""

import csv
import mmap
import pathlib
import re
from dataclasses import dataclass
from typing import BinaryIO

from jobs.errors import JobError

COLUMNS = ("thread_title", "thread_type", "thread_tags", "message_username", "message_timestamp", "message")
"""What the pipeline needs. A part may hold other columns beside these, in any order."""
BOM = b"\xef\xbb\xbf"
_BARE = rb'[^",\r\n]*+(?:\r(?!\n)[^",\r\n]*+)*+'  # Python's CSV writer leaves a lone CR unquoted
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"|' + _BARE + rb")"
_END = rb"(?:\r?\n|\Z)"
_ANY_RECORD = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+" + _END)


@dataclass(frozen=True)
class Place:
    """Where a record lies in the part's CSV: byte offset, line (1 is the header), length in bytes."""

    byte_offset: int
    line: int
    length: int


@dataclass(frozen=True)
class Scan:
    """What a part holds: its column names, the number of records, and those that cannot be read."""

    columns: tuple[str, ...]
    records: int
    longest: int
    """Bytes of the longest sound record."""
    unsound: tuple[tuple[Place, str], ...]
    """Place and reason code of each record that is not in the file of sound records."""


def scan(path: pathlib.Path, sound: pathlib.Path) -> Scan:
    """Measure the CSV at `path` and write its sound records to `sound`.

    Raises:
        JobError: the header lacks a column of COLUMNS, or there is no header.
    """
    if path.stat().st_size == 0:
        raise JobError(f"{path.name}: is empty; expected a header with {', '.join(COLUMNS)}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = len(BOM) if data[: len(BOM)] == BOM else 0
        columns, position = _header(path, data, start)
        with sound.open("wb") as output:
            records, longest, unsound = _records(data, position, len(columns), output)
    return Scan(columns, records, longest, tuple(unsound))


def raw_text(data: mmap.mmap, place: Place) -> str:
    """The record at `place` as text; bytes that are no UTF-8 show as `\\xNN`."""
    record = data[place.byte_offset : place.byte_offset + place.length]
    return record.rstrip(b"\r\n").decode("utf-8", "backslashreplace")


def _header(path: pathlib.Path, data: mmap.mmap, start: int) -> tuple[tuple[str, ...], int]:
    """Column names, and where the first record begins."""
    match = _ANY_RECORD.match(data, start)
    if match is None:
        raise JobError(f"{path.name}: line 1 is no CSV header; expected {', '.join(COLUMNS)}")
    text = match[0].decode("utf-8", "backslashreplace").rstrip("\r\n")
    columns = tuple(next(csv.reader([text]), ()))
    missing = [name for name in COLUMNS if columns.count(name) != 1]
    if missing:
        raise JobError(
            f"{path.name}: wrong columns: {', '.join(missing)} missing or there twice; line 1 holds {text[:200]!r}"
        )
    return columns, match.end()


def _records(data: mmap.mmap, position: int, width: int, output: BinaryIO) -> tuple[int, int, list[tuple[Place, str]]]:
    """Walk over all records. Returns their number, the longest sound one and the unsound ones."""
    whole = re.compile(rb",".join([_FIELD] * width) + _END)
    fields = re.compile(rb",".join([rb"(" + _FIELD + rb")"] * width) + _END)
    end, line, records, longest = len(data), 2, 0, 0
    unsound = []
    while position < end:
        match = whole.match(data, position)
        if match:
            record = match[0]
            reason = "malformed.nul" if b"\0" in record else None
        else:
            record, reason = _unsound(data, position)
        if not record.strip(b"\r\n"):  # an empty line between records is no record
            line, position = line + 1, position + len(record)
            continue
        place = Place(position, line, len(record))
        if reason:
            unsound.append((place, reason))
        else:
            sound = record.rstrip(b"\r\n")
            if b"\r" in sound:  # DuckDB stops at a bare one
                sound = b",".join(map(_quoted, fields.match(record).groups()))
            output.write(b"%d,%d,%d," % (position, line, len(record)) + sound + b"\n")
            longest = max(longest, len(record))
        records += 1
        line += record.count(b"\n")
        position += len(record)
    return records, longest, unsound


def _quoted(field: bytes) -> bytes:
    return field if field.startswith(b'"') else b'"' + field + b'"'


def _unsound(data: mmap.mmap, position: int) -> tuple[bytes, str]:
    """The record at `position` that has not the right shape, and why."""
    match = _ANY_RECORD.match(data, position)
    if match:
        return match[0], "malformed.columns"
    line_end = data.find(b"\n", position) + 1
    if line_end == 0:
        return data[position:], "malformed.truncated"
    return data[position:line_end], "malformed.quote"

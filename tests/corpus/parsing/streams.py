"""CSV streams for the tests of parsing, and a slow, plain reading of the same grammar to compare with.

In: bytes of a part's CSV. Out: its records as `Record`s, from the scan or from the plain reading.
"""

import itertools
import re
from typing import NamedTuple

from hypothesis import strategies as st

from jobs.corpus.parsing.scan import COLUMNS, REASONS, SOUND, blocks
from tests.corpus.archives import csv_bytes, post


class Record(NamedTuple):
    """Where a record stands, why it cannot be read (None: it can), and its bytes without the line end."""

    byte_offset: int
    line: int
    reason: str | None
    raw: bytes


_FIELD = rb'(?:"(?:[^"]|"")*"|[^",\n]*)'
_RECORD = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*(?:\r?\n|\Z)")
EMPTY_LINES = (b"\n", b"\r\n", b"\r")


def plainly_read(data: bytes, begin: int, columns: int = len(COLUMNS)) -> list[Record]:
    """The records of `data` from byte `begin` on: each is what the grammar matches, or else one line."""
    records, position = [], begin
    while position < len(data):
        match = _RECORD.match(data, position)
        end = match.end() if match else data.find(b"\n", position) + 1 or len(data)
        whole = data[position:end]
        if whole not in EMPTY_LINES:
            raw = whole.removesuffix(b"\r\n") if whole.endswith(b"\r\n") else whole.removesuffix(b"\n")
            line = 1 + data.count(b"\n", 0, position)
            records.append(Record(position, line, _reason(raw, match, whole, columns), raw))
        position = end
    return records


def _reason(raw: bytes, match: re.Match | None, whole: bytes, columns: int) -> str | None:
    if match is None:
        return "malformed.quote" if whole.endswith(b"\n") else "malformed.truncated"
    if re.sub(rb'"[^"]*"', b"", raw).count(b",") != columns - 1:
        return "malformed.columns"
    if b"\0" in raw:
        return "malformed.nul"
    return None if raw.decode("utf-8", "ignore").encode() == raw else "malformed.encoding"


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at `cuts`."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[first:last] for first, last in itertools.pairwise(edges)]


def scanned(pieces: list[bytes]) -> list[Record]:
    """The records that the scan finds in a stream."""
    records = []
    for block in blocks(pieces, "part.csv"):
        everything = block.start.argsort()
        for index, raw in zip(everything, block.raws(everything), strict=True):
            verdict = int(block.verdict[index])
            reason = None if verdict == SOUND else REASONS[verdict]
            records.append(Record(block.byte_offset + int(block.start[index]), int(block.line[index]), reason, raw))
    return records


HEADERS = (
    csv_bytes([]),
    b"\xef\xbb\xbf" + csv_bytes([], line_end="\r\n"),
    csv_bytes([]).replace(b"thread_type", b'"thread_type"'),
)
_ROWS = csv_bytes([post("plain"), post('He said "no",\nand left.'), post("café, \r\nnow", title="A, B")])
_SNIPPETS = [
    *(b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xe9", b"\xef\xbb\xbf", b" ", b"a", b"'"),
    *("é".encode(), "🗡".encode(), b',"', b'",', b'"\n', b'"\r\n', b",,,,,", b",,,,,\n", b'"a","b",c,d,e,f\n'),
    *_ROWS.split(b"\n", 1)[1].splitlines(keepends=True),
]
broken_csv = st.lists(st.sampled_from(_SNIPPETS), max_size=30).map(b"".join)
"""Bytes of a CSV's body in which anything can be wrong."""
cuts = st.lists(st.integers(0, 1000), max_size=6)

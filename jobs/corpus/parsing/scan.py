"""Find where the records of a CSV begin and end, and which of them cannot be read.

In: one part's CSV as a stream of bytes. Out: blocks of whole records, each record with its place in the stream and
a reason code when it is unsound.

CSV readers count records, not lines, and none tells where a good row lay; yet every row that is dropped later must
be found again in the archive. So this pass measures, and Arrow (read.py) reads the values. It is also the
independent count that the reader's count is checked against.

The grammar is RFC 4180's, with a lone carriage return allowed in unquoted fields (Python's CSV writer leaves it
there). Whether a byte lies inside quotes is the parity of the quotes before it. Where a quote breaks the grammar, its
record ends at its line end and the next line begins afresh: after that the parity is the old one or its opposite, so
both are looked up in one analysis of the block, and a broken record costs no second pass.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from jobs.errors import JobError

COLUMNS = ("thread_title", "thread_type", "thread_tags", "message_username", "message_timestamp", "message")
"""What the pipeline needs. A part may hold other columns beside these, in any order."""
BOM = b"\xef\xbb\xbf"
MAX_RECORD = 32 << 20
"""Bytes. What is longer is a quote that was never closed, or no archive of posts."""

SOUND, COLUMN_COUNT, QUOTE, TRUNCATED, NUL, ENCODING = range(6)
REASONS = {
    COLUMN_COUNT: "malformed.columns",
    QUOTE: "malformed.quote",
    TRUNCATED: "malformed.truncated",
    NUL: "malformed.nul",
    ENCODING: "malformed.encoding",
}

_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+(?:\r(?!\n)[^",\r\n]*+)*+)'
_HEADER = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+(?:\r?\n|\Z)")
_QUOTE, _COMMA, _LF, _CR = b'",\n\r'


@dataclass(frozen=True)
class Block:
    """Whole records of a part, in order. Arrays have one element a record."""

    data: bytes
    start: np.ndarray
    """Byte offset of the record in `data`; int64."""
    end: np.ndarray
    """Where it ends in `data`, its line end included; int64."""
    line: np.ndarray
    """Line of the part's CSV on which it begins (1 is the header); int64."""
    verdict: np.ndarray
    """SOUND or a key of REASONS; uint8."""
    byte_offset: int
    """Byte offset of `data` in the part's CSV."""
    columns: tuple[str, ...]
    """Names of the part's columns, in its order."""
    bare_return: np.ndarray
    """Whether a sound record has a lone carriage return outside quotes; bool."""

    def raws(self, records: np.ndarray) -> list[bytes]:
        """The bytes of each of `records` (indexes, int64), without line ends."""
        data = np.frombuffer(self.data, np.uint8)
        begin, end = self.start[records], self.end[records]
        end = end - (data[end - 1] == _LF)
        end = end - ((end > begin) & (end < self.end[records]) & (data[np.maximum(end - 1, 0)] == _CR))
        return [self.data[first:last] for first, last in zip(begin.tolist(), end.tolist(), strict=True)]

    def sound_csv(self) -> bytes:
        """The sound records as CSV without header, every line end outside quotes a line feed or CR LF."""
        spans, sound, view = [], self.verdict == SOUND, memoryview(self.data)
        plain = sound & ~self.bare_return
        goes_on = plain[:-1] & plain[1:] & (self.end[:-1] == self.start[1:])  # no empty line in between
        firsts = np.flatnonzero(plain & ~np.append(False, goes_on))
        lasts = np.flatnonzero(plain & ~np.append(goes_on, False))
        rows = [(first, view[self.start[first] : self.end[last]]) for first, last in zip(firsts, lasts, strict=True)]
        bare = np.flatnonzero(sound & self.bare_return)
        rows += [(record, _quoted(raw)) for record, raw in zip(bare, self.raws(bare), strict=True)]
        for _, span in sorted(rows, key=lambda row: row[0]):
            spans += [span, b"" if span[-1] == _LF else b"\n"]
        return b"".join(spans)


def blocks(pieces: Iterable[bytes], name: str) -> Iterator[Block]:
    """Cut the CSV that comes in `pieces` into blocks of whole records.

    Raises:
        JobError: no header, a header that lacks a column of COLUMNS, a line above MAX_RECORD. `name` is in the text.
    """
    pending, columns, offset, line = b"", None, 0, 2
    for piece, last in _with_last(pieces):
        pending += piece
        if columns is None:
            columns, begin = _header(name, pending, last)
            if columns is None:
                continue
            line += pending[:begin].count(b"\n") - 1 if pending[:begin].endswith(b"\n") else 0
            offset, pending = offset + begin, pending[begin:]
        block, used = _block(pending, last, columns, offset, line)
        if len(pending) - used > MAX_RECORD:
            raise JobError(f"{name}: no end of a record within {MAX_RECORD:,} bytes from byte {offset + used:,} on")
        if len(block.start):
            yield block
        line += pending.count(b"\n", 0, used)
        offset, pending = offset + used, pending[used:]
    if columns is None:
        raise JobError(f"{name}: is empty; expected a header with {', '.join(COLUMNS)}")


def _with_last(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each piece with whether it is the last one."""
    before = None
    for piece in pieces:
        if before is not None:
            yield before, False
        before = piece
    if before is not None:
        yield before, True


def _header(name: str, data: bytes, last: bool) -> tuple[tuple[str, ...] | None, int]:
    """Column names and where the first record begins; no names while the header's end is not there yet."""
    begin = len(BOM) if data.startswith(BOM) else 0
    match = _HEADER.match(data, begin)
    if not last and (match is None or not match[0].endswith(b"\n")) and len(data) < MAX_RECORD:
        return None, 0
    if match is None:
        raise JobError(f"{name}: line 1 is no CSV header; expected {', '.join(COLUMNS)}")
    text = match[0].decode("utf-8", "backslashreplace").rstrip("\r\n")
    columns = tuple(next(csv.reader([text]), ()))
    missing = [column for column in COLUMNS if columns.count(column) != 1]
    if missing:
        raise JobError(
            f"{name}: wrong columns: {', '.join(missing)} missing or there twice; line 1 holds {text[:200]!r}"
        )
    return columns, match.end()


def _block(data: bytes, last: bool, columns: tuple[str, ...], offset: int, line: int) -> tuple[Block, int]:
    """The whole records of `data`, which begins with one, and the number of bytes that they take."""
    marks = _Marks(np.frombuffer(data, np.uint8), last)
    starts, ends, verdicts, bases, used = _walk(data, marks, last, len(columns))
    line_ends = np.flatnonzero(marks.bytes[:used] == _LF)
    lines = line + np.searchsorted(line_ends, starts)
    first, second = (marks.bytes[np.minimum(starts + step, len(data) - 1)] for step in (0, 1))
    lengths = ends - starts
    keep = ~(
        (lengths == 1) & ((first == _LF) | (first == _CR)) | (lengths == 2) & (first == _CR) & (second == _LF)
    )  # an empty line
    starts, ends, lines, verdicts, bases = (array[keep] for array in (starts, ends, lines, verdicts, bases))
    _mark_nul(data, starts, ends, verdicts)
    _mark_encoding(data, starts, ends, verdicts)
    bare = _bare_returns(data, marks, starts, bases, used)
    return Block(data, starts, ends, lines, verdicts, offset, columns, bare), used


class _Marks:
    """Quotes, commas and line feeds of a block, under both answers to `does it begin inside quotes?` (base 0, 1)."""

    def __init__(self, data: np.ndarray, last: bool):
        self.bytes = data
        position = np.flatnonzero((data == _QUOTE) | (data == _COMMA) | (data == _LF))
        kind = data[position]
        is_quote = kind == _QUOTE
        inside = (np.cumsum(is_quote, dtype=np.uint8) & 1).astype(bool)  # for a quote: whether it opens
        self.quotes = position[is_quote]
        opens = inside[is_quote]
        broken_open, broken_close = self._broken(data, last)
        self.broken = tuple(self.quotes[np.where(opens ^ base, broken_open, broken_close)] for base in (False, True))
        self.commas, self.line_ends = (
            tuple(position[(kind == byte) & (inside == base)] for base in (False, True)) for byte in (_COMMA, _LF)
        )

    def _broken(self, data: np.ndarray, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """Which quotes cannot open a field (nor follow a closing quote), and which cannot close one."""
        before, after, second = (self._beside(data, step, last) for step in (-1, 1, 2))
        may_open = (before == _COMMA) | (before == _LF) | (before == _QUOTE)
        may_close = (after == _COMMA) | (after == _LF) | (after == _QUOTE) | ((after == _CR) & (second == _LF))
        return ~may_open, ~may_close

    def _beside(self, data: np.ndarray, step: int, last: bool) -> np.ndarray:
        """The bytes `step` beside the quotes. Beyond the data stands what makes no quote broken."""
        position = self.quotes + step
        beyond = (position < 0) | (position >= len(data))
        return np.where(beyond, _COMMA if last else _LF, data[np.where(beyond, 0, position)])

    def base_at(self, position: int) -> int:
        """The base under which `position` lies outside quotes."""
        return int(np.searchsorted(self.quotes, position)) & 1


def _walk(data: bytes, marks: _Marks, last: bool, width: int) -> tuple[np.ndarray, ...]:
    """Starts, ends, verdicts and bases of the records from 0 on, and the number of bytes that they take."""
    starts, ends, verdicts, bases = [], [], [], []
    position, base = 0, 0
    while position < len(data):
        broken = marks.broken[base]
        index = np.searchsorted(broken, position)
        limit = int(broken[index]) if index < len(broken) else len(data)
        borders = marks.line_ends[base]
        stop = borders[np.searchsorted(borders, position) : np.searchsorted(borders, limit)] + 1
        done = stop[-1] if len(stop) else position
        if last and limit == len(data) and done < limit and marks.base_at(limit) == base:
            stop = np.append(stop, limit)  # the last record needs no line end
        if len(stop):
            begin = np.concatenate([[position], stop[:-1]])
            commas = marks.commas[base]
            enough = np.searchsorted(commas, stop) - np.searchsorted(commas, begin) == width - 1
            starts.append(begin)
            ends.append(stop)
            verdicts.append(np.where(enough, SOUND, COLUMN_COUNT))
            bases.append(np.full(len(stop), base))
            position = int(stop[-1])
        if position == len(data) or (limit == len(data) and not last):
            break
        line_end = data.find(b"\n", position) + 1
        if line_end == 0 and not last:
            break
        starts.append([position])
        verdicts.append([QUOTE if line_end else TRUNCATED])
        bases.append([base])
        position = line_end or len(data)
        ends.append([position])
        base = marks.base_at(position)
    joined = (
        np.concatenate(column, dtype=kind, casting="unsafe") if column else np.empty(0, kind)
        for column, kind in ((starts, np.int64), (ends, np.int64), (verdicts, np.uint8), (bases, np.uint8))
    )
    return *joined, position


def _mark_nul(data: bytes, starts: np.ndarray, ends: np.ndarray, verdicts: np.ndarray) -> None:
    position = data.find(b"\0")
    while position >= 0:
        record = int(np.searchsorted(starts, position, side="right")) - 1
        if record < 0 or position >= ends[-1]:
            return
        if verdicts[record] == SOUND:
            verdicts[record] = NUL
        position = data.find(b"\0", int(ends[record]))


def _mark_encoding(data: bytes, starts: np.ndarray, ends: np.ndarray, verdicts: np.ndarray) -> None:
    if not len(starts):
        return
    view, position, stop = memoryview(data), int(starts[0]), int(ends[-1])
    while position < stop:
        try:
            str(view[position:stop], "utf-8")
            return
        except UnicodeDecodeError as error:
            record = int(np.searchsorted(starts, position + error.start, side="right")) - 1
        if verdicts[record] == SOUND:
            verdicts[record] = ENCODING
        position = int(ends[record])


def _bare_returns(data: bytes, marks: _Marks, starts: np.ndarray, bases: np.ndarray, used: int) -> np.ndarray:
    """Which records hold a carriage return outside quotes that no line feed follows."""
    found = np.zeros(len(starts), bool)
    if b"\r" not in data or not len(starts):
        return found
    position = np.flatnonzero(marks.bytes[:used] == _CR)
    following = marks.bytes[np.minimum(position + 1, len(data) - 1)]
    position = position[(following != _LF) & (position >= starts[0])]
    record = np.searchsorted(starts, position, side="right") - 1
    outside = (np.searchsorted(marks.quotes, position) & 1) == bases[record]
    found[record[outside]] = True
    return found


def _quoted(record: bytes) -> bytes:
    """`record` with every field in quotes."""
    fields = re.findall(rb"(?:^|,)(" + _FIELD + rb")", record)
    return b",".join(field if field.startswith(b'"') else b'"' + field + b'"' for field in fields)

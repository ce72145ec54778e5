"""What is wrong with the sample archive, on purpose: one line a defect.

A real archive is never clean, so ours is not either. Every defect is a row of its own, made from a good row
and put behind it: no thread loses a post, and the corpus report can be checked against this list.
"""

import csv
import datetime
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """One record of the archive, its columns in order. `at` is written as ISO 8601."""

    title: str
    type: str
    tags: tuple[str, ...]
    author: str
    at: datetime.datetime
    message: str

    def fields(self) -> list[str]:
        """The six columns as text; tags as a Python list literal, as the real archive has them."""
        return [self.title, self.type, str(list(self.tags)), self.author, self.at.isoformat(), self.message]

    def line(self) -> bytes:
        """The record as CSV, with its line end."""
        return csv_line(self.fields())


@dataclass(frozen=True)
class Defect:
    """A bad record behind row number `behind` (an in-character one) of part `part`; both count from 1."""

    part: int
    behind: int
    make: Callable[[Row], bytes]
    reason: str
    """The reason code under which the corpus report must count it."""


def csv_line(fields: Sequence[str]) -> bytes:
    """`fields` as one CSV record."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(fields)
    return buffer.getvalue().encode()


def posted_twice(row: Row) -> bytes:
    """The same post a minute later: somebody pressed the button twice."""
    return replace(row, at=row.at + datetime.timedelta(minutes=1)).line()


def posted_elsewhere(row: Row) -> bytes:
    """The same post in another thread, a day later."""
    other = {"title": "Third Shift Noodles", "tags": ("Free", "Small Group", "Slice of Life", "Future")}
    return replace(row, **other, at=row.at + datetime.timedelta(days=1)).line()


def empty(row: Row) -> bytes:
    """A post without text."""
    return replace(row, message="<p>&nbsp;</p>").line()


def too_few_columns(row: Row) -> bytes:
    """The export stopped in the middle of the row."""
    return csv_line(row.fields()[:4])


def too_many_columns(row: Row) -> bytes:
    """A message with commas that nobody quoted."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + b",Well, well, well\n"


def quotes_not_doubled(row: Row) -> bytes:
    """Quotation marks inside a quoted field, as they were typed."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + b',"<p>"Well," she said.</p>"\n'


def quote_never_closed(row: Row) -> bytes:
    """An odd number of quotation marks: a lenient reader swallows the next good row."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + b',"<p>It had a 6" blade.</p>"\n'


def bad_timestamp(row: Row) -> bytes:
    """What the page said instead of a date."""
    fields = row.fields()
    fields[4] = "3 days ago"
    return csv_line(fields)


def latin1_bytes(row: Row) -> bytes:
    """One row in another encoding than the rest of the file."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + ",<p>At the café again.</p>\n".encode("latin-1")


def nul_byte(row: Row) -> bytes:
    """A NUL in the text."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + b",<p>We\0 wait.</p>\n"


def cut_off(row: Row) -> bytes:
    """The end of the file, inside a quoted field. Only good as the last row of a part."""
    return csv_line(row.fields()[:5]).rstrip(b"\n") + b',"<p>And then the door'


LAST = -1
"""`behind` for a defect at the very end of its part."""

DEFECTS = (
    Defect(1, 4, posted_twice, "duplicate"),
    Defect(1, 9, too_few_columns, "malformed.columns"),
    Defect(2, 6, empty, "empty"),
    Defect(2, 20, quotes_not_doubled, "malformed.quote"),
    Defect(3, 3, bad_timestamp, "malformed.timestamp"),
    Defect(3, 18, too_many_columns, "malformed.columns"),
    Defect(4, 7, latin1_bytes, "malformed.encoding"),
    Defect(5, 5, quote_never_closed, "malformed.quote"),
    Defect(5, 22, posted_elsewhere, "duplicate"),
    Defect(6, 8, nul_byte, "malformed.nul"),
    Defect(6, 16, posted_twice, "duplicate"),
    Defect(7, 2, bad_timestamp, "malformed.timestamp"),
    Defect(8, LAST, cut_off, "malformed.truncated"),
)
"""All defects of the sample archive."""

PART_WITH_BOM = 4
"""This part's CSV begins with a byte order mark, which is no defect."""
PART_WITH_CRLF = 6
"""This part's lines end with CR LF, which is no defect either."""

"""Posts of a block: the readable in-character records, cleaned.

In: a block's rows as read.py gives them. Out: a table of posts, and for every other row the reason why it is none.
"""

import functools
import hashlib

import numpy as np
import pyarrow as pa

from jobs.corpus.cleaning.clean import Endless
from jobs.corpus.cleaning.samples import Witness
from jobs.corpus.parsing.scan import Block
from jobs.corpus.parsing.thread_table import ThreadTable

POSTS = pa.schema(
    [
        ("byte_offset", pa.int64()),
        ("line", pa.int64()),
        ("thread", pa.uint64()),
        ("author", pa.uint64()),
        ("username", pa.string()),
        ("posted_at", pa.timestamp("us")),
        ("content", pa.binary(16)),
        ("chars", pa.int32()),
        ("text", pa.string()),
        ("raw", pa.binary()),
    ]
)
"""`username` is the forum name: it never leaves the staging folder; `author` is its hash. Posts with the same `content`
are copies. `raw` is the record as it stands in the CSV, for the reject store should a later step drop the post."""

COMMON_LINE = 40
"""Characters. Shorter texts ("She nods.") are copies only when the same author wrote them."""
_TYPOGRAPHY = (("‘", "'"), ("’", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-"))


class PostBuilder:
    """Makes posts of one part, block by block."""

    def __init__(self, threads: ThreadTable, witness: Witness):
        self._threads = threads
        self._witness = witness
        self._author_number = functools.lru_cache(maxsize=1 << 16)(author_number)

    def build(self, block: Block, rows: pa.Table) -> tuple[pa.Table, list[str | None], list[int | None]]:
        """The posts among `rows`, and for every row a reason (None: it is a post) and its thread."""
        reasons = _values(rows["reason"])
        columns = (_values(rows[name]) for name in ("thread_title", "thread_tags", "message_username", "message"))
        offsets = (block.byte_offset + block.start[rows["record"].to_numpy()]).tolist()
        find, clean = self._threads.find, self._witness.clean
        chosen, threads, authors, usernames, contents, lengths, texts = [], [], [], [], [], [], []
        row_threads = []
        for index, (title, tags, username, message) in enumerate(zip(*columns, strict=True)):
            thread = find(title, tags)
            row_threads.append(thread)
            if thread is None and reasons[index] is None:
                reasons[index] = "malformed.tags"
            if reasons[index]:
                continue
            try:
                text = clean(message, thread, offsets[index])
            except Endless:
                reasons[index] = "malformed.markup"
                continue
            if not text:
                reasons[index] = "empty"
                continue
            chosen.append(index)
            threads.append(thread)
            usernames.append(username)
            authors.append(self._author_number(username))
            contents.append(content(text, username))
            lengths.append(len(text))
            texts.append(text)
        self._threads.note(row_threads, rows["message"])
        picked = np.array(chosen, np.int64)
        records = rows["record"].to_numpy()[picked]
        columns = [
            block.byte_offset + block.start[records],
            block.line[records],
            pa.array(threads, pa.uint64()),
            pa.array(authors, pa.uint64()),
            usernames,
            rows["posted_at"].take(picked).cast(pa.timestamp("us")).combine_chunks(),
            pa.array(contents, pa.binary(16)),
            lengths,
            texts,
            pa.array(block.raws(records), pa.binary()),
        ]
        return (
            pa.Table.from_arrays(
                [pa.array(column, field.type) for column, field in zip(columns, POSTS, strict=True)], schema=POSTS
            ),
            reasons,
            row_threads,
        )


def _values(column: pa.ChunkedArray) -> list:
    """The values of a column; the way over numpy is several times faster than `to_pylist`."""
    return column.to_numpy().tolist()


def author_number(username: str) -> int:
    """64 bits for a forum name."""
    return int.from_bytes(hashlib.blake2b(username.encode(), digest_size=8).digest(), "big")


def content(text: str, username: str) -> bytes:
    """16 bytes that copies of a post share: its text without regard to case and typographic form."""
    plain = text
    if not text.isascii():
        for curly, straight in _TYPOGRAPHY:
            plain = plain.replace(curly, straight)
    if len(text) < COMMON_LINE:
        plain = f"{username}\n{plain}"
    return hashlib.blake2b(plain.lower().encode(), digest_size=16).digest()

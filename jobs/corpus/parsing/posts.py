"""Posts of a block: the readable in-character records, cleaned.

In: a block's rows as read.py gives them. Out: a table of posts, and for every other row the reason why it is none.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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

    def build(self, block: Block, rows: pa.Table) -> tuple[pa.Table, np.ndarray, pa.Array]:
        """The posts among `rows`; for every row a reason (str, None: it is a post) and its thread (uint64 or null)."""
        reasons = rows["reason"].to_numpy().astype(object)
        messages = rows["message"].combine_chunks()
        threads = self._threads.find(rows["thread_title"].combine_chunks(), rows["thread_tags"].combine_chunks())
        self._threads.note(threads, messages)
        sound = reasons == None  # noqa: E711 - element by element
        unreadable = threads.is_null().to_numpy(zero_copy_only=False)
        reasons[sound & unreadable] = "malformed.tags"
        candidates = np.flatnonzero(sound & ~unreadable)
        offsets = block.byte_offset + block.start[rows["record"].to_numpy()]
        texts = self._witness.clean(messages.take(candidates), threads.take(candidates).to_numpy(), offsets[candidates])
        reasons[candidates] = [None if text else "empty" if text == "" else "malformed.markup" for text in texts]
        chosen = np.flatnonzero(reasons == None)  # noqa: E711
        texts = [text for text in texts if text]
        values = rows.select(["record", "message_username", "posted_at"]).take(chosen)
        return self._posts(block, values, threads.take(chosen), texts), reasons, threads

    def _posts(self, block: Block, rows: pa.Table, threads: pa.Array, texts: list[str]) -> pa.Table:
        records = rows["record"].to_numpy()
        usernames = rows["message_username"].combine_chunks()
        distinct = usernames.dictionary_encode()
        authors = pa.array(map(author_number, distinct.dictionary.to_pylist()), pa.uint64())
        text = pa.array(texts, pa.string())
        columns = [
            block.byte_offset + block.start[records],
            block.line[records],
            threads,
            authors.take(distinct.indices),
            usernames,
            rows["posted_at"].cast(pa.timestamp("us")).combine_chunks(),
            contents(text, usernames),
            pc.utf8_length(text),
            text,
            pa.array(block.raws(records), pa.binary()),
        ]
        return pa.Table.from_arrays(
            [pa.array(column, field.type) for column, field in zip(columns, POSTS, strict=True)], schema=POSTS
        )


def author_number(username: str) -> int:
    """64 bits for a forum name."""
    return int.from_bytes(hashlib.blake2b(username.encode(), digest_size=8).digest(), "big")


def contents(texts: pa.Array, usernames: pa.Array) -> pa.Array:
    """16 bytes a text that copies of a post share: the text without regard to case and typographic form."""
    typographic = pc.not_equal(pc.binary_length(texts), pc.utf8_length(texts))
    some = texts.filter(typographic)
    for curly, straight in _TYPOGRAPHY:
        some = pc.replace_substring(some, curly, straight)
    texts = pc.replace_with_mask(texts, typographic, some)
    signed = pc.binary_join_element_wise(usernames, texts, "\n")
    texts = pc.utf8_lower(pc.if_else(pc.less(pc.utf8_length(texts), COMMON_LINE), signed, texts))
    encoded = texts.cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()
    return pa.array([hashlib.blake2b(text, digest_size=16).digest() for text in encoded], pa.binary(16))

"""The threads of one part: a thread is its title, exactly as written, and its tags.

In: titles and tag literals, row by row. Out: thread ids, and threads.parquet with one row a thread.
"""

import ast
import hashlib
import json

import pyarrow as pa

THREADS = pa.schema(
    [
        ("thread", pa.uint64()),
        ("title", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("sexual", pa.bool_()),
        ("minor", pa.bool_()),
    ]
)
"""`thread` is the thread's id as a number; `sexual` and `minor` say whether any record of the thread in this part has
terms of policy.py."""


class ThreadTable:
    """Threads as they are met."""

    def __init__(self):
        self._ids: dict[tuple[str, str], int | None] = {}
        self._signs: dict[int, list[bool]] = {}

    def find(self, title: str, literal: str) -> int | None:
        """The id of the thread; None when `literal` is no list of tags."""
        key = (title, literal)
        if key not in self._ids:
            tags = parse_tags(literal)
            self._ids[key] = None if tags is None else thread_number(title, tags)
        return self._ids[key]

    def sign(self, thread: int, sexual: bool, minor: bool) -> None:
        """Note what a record of the thread holds."""
        signs = self._signs.setdefault(thread, [False, False])
        signs[0] |= sexual
        signs[1] |= minor

    def table(self) -> pa.Table:
        """One row a thread, ordered by id."""
        rows = {}
        for (title, literal), thread in self._ids.items():
            if thread is not None:
                sexual, minor = self._signs.get(thread, (False, False))
                rows[thread] = (thread, title, list(parse_tags(literal)), sexual, minor)
        ordered = [rows[thread] for thread in sorted(rows)]
        return pa.Table.from_pylist([dict(zip(THREADS.names, row, strict=True)) for row in ordered], THREADS)


def parse_tags(literal: str) -> tuple[str, ...] | None:
    """The tags in a Python list literal such as `['Casual', 'Fantasy']`; None when it is none."""
    try:
        tags = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return tuple(tags) if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) else None


def thread_number(title: str, tags: tuple[str, ...]) -> int:
    """64 bits for a thread; as 16 hex digits they are its `thread_id`."""
    return int(hashlib.sha256(json.dumps([title, list(tags)]).encode()).hexdigest()[:16], 16)

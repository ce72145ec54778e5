"""The threads of one part: a thread is its title, exactly as written, and its tags.

In: titles and tag literals, row by row. Out: thread ids, and threads.parquet with one row a thread.
"""

import ast
import functools
import hashlib
import json

import duckdb
import pyarrow as pa

from jobs.corpus import policy

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


AT_ONCE = 24 << 20
"""Bytes of messages that are searched for signs at a time: DuckDB prepares the patterns anew for every query."""


class ThreadTable:
    """Threads as they are met. With `ask_policy`, their messages are searched for the terms of policy.py."""

    def __init__(self, ask_policy: bool):
        self._ids: dict[tuple[str, str], int | None] = {}
        self._signs: dict[int, list[bool]] = {}
        self._ask_policy = ask_policy
        self._waiting: list[pa.Table] = []

    def find(self, title: str, literal: str) -> int | None:
        """The id of the thread; None when `literal` is no list of tags."""
        key = (title, literal)
        if key not in self._ids:
            tags = parse_tags(literal)
            self._ids[key] = None if tags is None else thread_number(title, tags)
        return self._ids[key]

    def note(self, threads: list[int | None], messages: pa.ChunkedArray) -> None:
        """Take in messages, one a row, with the threads in which they stand."""
        if self._ask_policy:
            self._waiting.append(pa.table({"thread": pa.array(threads, pa.uint64()), "message": messages}))
            if sum(table.nbytes for table in self._waiting) >= AT_ONCE:
                self._search()

    def table(self) -> pa.Table:
        """One row a thread, ordered by id."""
        self._search()
        rows = {}
        for (title, literal), thread in self._ids.items():
            if thread is not None:
                sexual, minor = self._signs.get(thread, (False, False))
                rows[thread] = (thread, title, list(parse_tags(literal)), sexual, minor)
        ordered = [rows[thread] for thread in sorted(rows)]
        return pa.Table.from_pylist([dict(zip(THREADS.names, row, strict=True)) for row in ordered], THREADS)

    def _search(self) -> None:
        if not self._waiting:
            return
        waiting = pa.concat_tables(self._waiting)  # noqa: F841 - DuckDB finds it by its name
        self._waiting = []
        signals = policy.sql_signals("message")
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
            found = connection.execute(f"""
                SELECT thread, bool_or({signals.sexual}) AS sexual, bool_or({signals.minor}) AS minor
                FROM waiting WHERE thread IS NOT NULL GROUP BY thread HAVING sexual OR minor
            """).fetchall()
        for thread, sexual, minor in found:
            signs = self._signs.setdefault(thread, [False, False])
            signs[0] |= sexual
            signs[1] |= minor


@functools.lru_cache(maxsize=4096)
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

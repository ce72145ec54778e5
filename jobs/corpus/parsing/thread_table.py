"""The threads of one part: a thread is its title, exactly as written, and its tags.

In: titles and tag literals, row by row. Out: thread ids, and threads.parquet with one row a thread.
"""

import ast
import functools
import hashlib
import json

import numpy as np
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
"""`thread` is the thread's id as a number; `sexual` and `minor` say whether its title, or any record of it in this
part, has terms of policy.py."""


AT_ONCE = 24 << 20
"""Bytes of messages that are searched for signs at a time: the patterns are prepared anew for every search."""


class ThreadTable:
    """Threads as they are met. With `ask_policy`, their messages are searched for the terms of policy.py."""

    def __init__(self, ask_policy: bool):
        self._ids: dict[tuple[str, str], int | None] = {}
        self._signs = policy.Signals(set(), set())
        self._ask_policy = ask_policy
        self._waiting: list[tuple[np.ndarray, pa.Array]] = []

    def find(self, titles: pa.Array, literals: pa.Array) -> pa.Array:
        """The id of each row's thread (uint64); null where the literal is no list of tags."""
        titles, literals = titles.dictionary_encode(), literals.dictionary_encode()
        pairs = titles.indices.to_numpy().astype(np.int64) * len(literals.dictionary) + literals.indices.to_numpy()
        distinct, row = np.unique(pairs, return_inverse=True)
        ids = [
            self._find(titles.dictionary[title].as_py(), literals.dictionary[literal].as_py())
            for title, literal in zip(
                *map(np.ndarray.tolist, np.divmod(distinct, len(literals.dictionary))), strict=True
            )
        ]
        return pa.array(ids, pa.uint64()).take(pa.array(row))

    def _find(self, title: str, literal: str) -> int | None:
        key = (title, literal)
        if key not in self._ids:
            tags = parse_tags(literal)
            self._ids[key] = None if tags is None else thread_number(title, tags)
        return self._ids[key]

    def note(self, threads: pa.Array, messages: pa.Array) -> None:
        """Take in messages, one a row, with the threads in which they stand; null is none."""
        if self._ask_policy:
            known = threads.is_valid()
            self._waiting.append((threads.filter(known).to_numpy(), messages.filter(known)))
            if sum(texts.nbytes for _, texts in self._waiting) >= AT_ONCE:
                self._search()

    def table(self) -> pa.Table:
        """One row a thread, ordered by id."""
        self._search()
        found = {thread: key for key, thread in self._ids.items() if thread is not None}
        threads = np.array(sorted(found), np.uint64)
        titles, literals = zip(*(found[thread] for thread in threads.tolist()), strict=True) if found else ((), ())
        titles = pa.array(titles, pa.string())
        signs = [np.isin(threads, np.array(list(having), np.uint64)) for having in self._signs]
        if self._ask_policy:
            signs = [mine | of_title for mine, of_title in zip(signs, policy.signals(titles), strict=True)]
        return pa.table([threads, titles, [list(parse_tags(literal)) for literal in literals], *signs], schema=THREADS)

    def _search(self) -> None:
        if self._waiting:
            threads, messages = zip(*self._waiting, strict=True)
            self._waiting = []
            threads, messages = np.concatenate(threads), pa.concat_arrays(messages)
            for having, found in zip(self._signs, policy.signals(messages), strict=True):
                having.update(threads[found].tolist())


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

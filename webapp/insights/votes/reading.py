"""Votes out of PostgreSQL, as columns.

In: what has changed since when. Out: NumPy columns for `VoteTable.with_rows`, piece by piece. PostgreSQL copies the
rows out as CSV and Arrow reads that: a million votes take seconds, where Django's rows would take a minute.
"""

import io
from collections.abc import Callable

import numpy as np
from django.db import connection

from webapp.insights.votes.table import BETWEEN_TAGS, CHOICES, COLUMNS, WORDS, Rows, VoteTable, reasons_as_bits

PIECE = 8 << 20
"""Bytes of CSV that become columns at one time."""


def _one_line(text: str) -> str:
    """So that every line of the CSV is a row."""
    return f"translate({text}, E'\\r\\n', '  ')"


ROWS = f"""
    SELECT vote.id, vote.turn_id, vote.voter, {_one_line("model_left")}, {_one_line("model_right")}, choice,
        extract(epoch FROM vote.created_at), {_one_line(f"array_to_string(tags, '{BETWEEN_TAGS}')")},
        array_to_string(reasons, ','), length(reply_left), length(reply_right),
        seconds_left, seconds_right, first_token_left, first_token_right, dwell_ms / 1000.0,
        CASE WHEN comparison.voter = vote.voter AND claimed_at IS NOT NULL
            THEN extract(epoch FROM vote.created_at - claimed_at) ELSE dwell_ms / 1000.0 END,
        CASE WHEN withdrawn_at IS NOT NULL THEN 1 WHEN left_out <> '' THEN 2 ELSE 0 END,
        CASE WHEN revealed_at IS NULL THEN 0 ELSE 1 END
    FROM arena_vote vote
    JOIN arena_comparison comparison ON comparison.id = vote.comparison_id
    JOIN arena_turn turn ON turn.id = vote.turn_id
"""
"""In the order of COLUMNS. Whoever was shown another person's scene got it whole: they read it in the time between its
end and their vote."""

NOT_GIVEN_YET = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
"""The first number of a transaction that none has yet."""


def with_all_votes(votes: VoteTable) -> VoteTable:
    """The table with all votes there are."""
    return _with(votes, ROWS)


def with_votes_changed_since(votes: VoteTable, transaction: int) -> VoteTable:
    """The table with what this transaction or a later one wrote; itself where that is nothing.

    Numbers that were not given yet come from a restored copy.
    """
    return _with(votes, f"{ROWS} WHERE changed_in >= {transaction:d} AND changed_in < {NOT_GIVEN_YET}")


class _Pieces(io.RawIOBase):
    """What PostgreSQL writes to. Whole lines are handed on as soon as there are many."""

    def __init__(self, take: Callable[[bytes], None]):
        super().__init__()
        self._take = take
        self._text = bytearray()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: bytes) -> int:
        """More of it."""
        self._text += text
        if len(self._text) >= PIECE:
            end = self._text.rindex(b"\n") + 1
            self._take(bytes(self._text[:end]))
            del self._text[:end]
        return len(text)

    def finish(self) -> None:
        """Nothing more comes."""
        if self._text:
            self._take(bytes(self._text))


def _with(votes: VoteTable, query: str) -> VoteTable:
    def take(text: bytes) -> None:
        nonlocal votes
        votes = votes.with_rows(_columns(text))

    pieces = _Pieces(take)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT csv)", pieces)
    pieces.finish()
    return votes


def _columns(text: bytes) -> Rows:
    import pyarrow as pa  # here: 0.3 s that no other page needs
    from pyarrow import csv

    texts = {name: pa.string() for name in (*WORDS, "choice", "reasons")}
    kinds = {name: pa.from_numpy_dtype(kind) for name, kind in COLUMNS.items()}
    table = csv.read_csv(
        io.BytesIO(text),
        read_options=csv.ReadOptions(use_threads=False, column_names=list(COLUMNS)),
        convert_options=csv.ConvertOptions(column_types=kinds | texts),
    )
    columns = {name: table[name] for name in COLUMNS}
    plain = {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items() if name not in texts}
    plain |= {name: _words(columns[name]) for name in WORDS}
    plain["choice"] = _mapped(columns["choice"], CHOICES.__getitem__)
    plain["reasons"] = _mapped(columns["reasons"], reasons_as_bits)
    return plain


def _words(column) -> tuple[np.ndarray, np.ndarray]:
    """The distinct words, and for each row the place of its own among them."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_numpy(zero_copy_only=False), encoded.indices.to_numpy()


def _mapped(column, number) -> np.ndarray:
    words, which = _words(column)
    return np.array([number(word) for word in words], np.int64)[which]

"""Votes out of PostgreSQL, as columns.

In: a condition. Out: NumPy columns for `VoteTable.with_rows`, at most so many votes at a time. PostgreSQL copies the
rows out as CSV and Arrow reads that: a million votes take seconds, where Django's rows would take a minute.
"""

import io
from collections.abc import Iterator

import numpy as np
from django.db import connection

from webapp.insights.votes.table import BETWEEN_TAGS, CHOICES, COLUMNS, WORDS, reasons_as_bits

AT_ONCE = 100_000
"""Rows: some 20 MB of CSV."""
ROWS = f"""
    SELECT vote.id, vote.turn_id AS battle, vote.voter, model_left AS left, model_right AS right, choice,
        extract(epoch FROM vote.created_at) AS at, array_to_string(tags, '{BETWEEN_TAGS}') AS tags,
        array_to_string(reasons, ',') AS reasons,
        length(reply_left) AS characters_left, length(reply_right) AS characters_right,
        seconds_left, seconds_right, first_token_left, first_token_right, dwell_ms / 1000.0 AS dwell_s,
        CASE WHEN comparison.voter = vote.voter AND claimed_at IS NOT NULL
            THEN extract(epoch FROM vote.created_at - claimed_at) ELSE dwell_ms / 1000.0 END AS read_s,
        CASE WHEN withdrawn_at IS NOT NULL THEN 1 WHEN left_out <> '' THEN 2 ELSE 0 END AS standing
    FROM arena_vote vote
    JOIN arena_comparison comparison ON comparison.id = vote.comparison_id
    JOIN arena_turn turn ON turn.id = vote.turn_id
"""
"""Whoever was shown another person's scene got it whole: they read it in the time between its end and their vote."""


NOT_GIVEN_YET = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
"""The first number of a transaction that none has yet."""


def all_votes() -> Iterator[dict[str, np.ndarray]]:
    """All of them, ascending by id."""
    return _pieces("true")


def votes_changed_since(transaction: int) -> Iterator[dict[str, np.ndarray]]:
    """Votes that this transaction or a later one wrote. Numbers that were not given yet come from a restored copy."""
    return _pieces(f"vote.changed_in >= {transaction:d} AND vote.changed_in < {NOT_GIVEN_YET}")


def _pieces(condition: str) -> Iterator[dict[str, np.ndarray]]:
    last, full = 0, True
    while full:
        columns = _read(f"{ROWS} WHERE {condition} AND vote.id > {last:d} ORDER BY vote.id LIMIT {AT_ONCE:d}")
        rows = len(columns["id"])
        if rows:
            last = int(columns["id"][-1])
            yield columns
        full = rows == AT_ONCE


def _read(query: str) -> dict[str, np.ndarray]:
    import pyarrow as pa  # here: 0.3 s that no other page needs
    from pyarrow import csv

    text = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)", text)
    texts = {name: pa.string() for name in (*WORDS, "choice", "reasons")}
    kinds = {name: pa.from_numpy_dtype(kind) for name, kind in COLUMNS.items()}
    table = csv.read_csv(
        io.BytesIO(text.getbuffer()),
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
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

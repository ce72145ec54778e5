"""Battles as a table without their texts: CSV as PostgreSQL copies it out, Parquet made of that.

In: ids of comparisons to leave out. Out: pieces of the file, while PostgreSQL still reads: a million rows need no more
memory than ten. Columns are FastChat's, and those that Bardloop adds; where a cell holds several words, "|" stands
between them.
"""

import asyncio
import contextlib
import io
import os
import uuid
from collections.abc import AsyncIterator, Collection, Iterator

import psycopg2
from django.db import connection

from webapp.insights.pages.table import FORMULA

WINNER = """CASE choice WHEN 'left' THEN 'model_a' WHEN 'right' THEN 'model_b' WHEN 'tie' THEN 'tie'
            ELSE 'tie (bothbad)' END"""
"""FastChat's word for the choice; model a is the one that stood left."""
TAGS = "array_to_string(tags, '|')"
"""The only words in the table that strangers wrote."""
SAFE_TAGS = f"""CASE WHEN left({TAGS}, 1) IN ({", ".join(f"chr({ord(sign)})" for sign in FORMULA)})
            THEN '''' || {TAGS} ELSE {TAGS} END"""
"""As the statistics' files have them: no spreadsheet works them out."""
ROWS = f"""
    SELECT vote.number, comparison.id AS question_id, model_left AS model_a, model_right AS model_b,
        {WINNER} AS winner,
        coalesce(vote.voter::text, 'program') AS judge, turn.number AS turn, true AS anony, 'unknown' AS language,
        extract(epoch FROM vote.created_at) AS tstamp, 'left' AS side_shown, {{tags}} AS tags,
        pair, names_maker, dwell_ms, array_to_string(reasons, '|') AS reasons,
        length(reply_left) AS characters_a, length(reply_right) AS characters_b,
        seconds_left AS seconds_a, seconds_right AS seconds_b
    FROM arena_vote vote
    JOIN arena_comparison comparison ON comparison.id = vote.comparison_id
    JOIN arena_turn turn ON turn.id = vote.turn_id
"""
PIECE = 1 << 18
PARQUET_BLOCK = 1 << 20
"""Bytes of CSV that become one row group."""


def counting(rows: str, without: Collection[uuid.UUID]) -> str:
    """The query with those votes only that count and are on none of these comparisons, in the order of casting."""
    blind = ", ".join(f"'{comparison}'" for comparison in without)
    seen = f"AND vote.comparison_id NOT IN ({blind})" if blind else ""
    return f"{rows} WHERE withdrawn_at IS NULL AND left_out = '' {seen} ORDER BY vote.number"


async def csv_pieces(without: Collection[uuid.UUID]) -> AsyncIterator[bytes]:
    """The table with a line of names, as CSV (RFC 4180, UTF-8)."""
    async with copied(counting(ROWS.format(tags=SAFE_TAGS), without), "HEADER") as file:
        while piece := await in_thread(file.read, PIECE):
            yield piece


async def parquet_pieces(without: Collection[uuid.UUID]) -> AsyncIterator[bytes]:
    """The same as Parquet."""
    async with copied(counting(ROWS.format(tags=TAGS), without), "HEADER") as file:
        pieces = as_parquet(file)
        while (piece := await in_thread(next, pieces, None)) is not None:
            yield piece


async def in_thread(function, *arguments):
    """The function's result. Who is cancelled waits for it too: nobody may close a file that a thread reads from."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


@contextlib.asynccontextmanager
async def copied(rows: str, options: str) -> AsyncIterator[io.FileIO]:
    """The end of a pipe at which the CSV of a query's rows comes out. Whoever stops reading stops PostgreSQL."""
    end, start = os.pipe()
    copying = asyncio.ensure_future(asyncio.to_thread(_copy, rows, options, start))
    left = False
    try:
        with os.fdopen(end, "rb", buffering=0) as file:
            try:
                yield file
            except BaseException:
                left = True
                raise
    finally:
        with contextlib.suppress(BrokenPipeError) if left else contextlib.nullcontext():
            await copying  # raises what PostgreSQL said: the file must not look whole then


def _copy(rows: str, options: str, start: int) -> None:
    """Runs in a thread of its own, on a connection of its own: one whose reader left early is of no use to others."""
    with (
        os.fdopen(start, "wb") as file,
        contextlib.closing(psycopg2.connect(**connection.get_connection_params())) as own,
    ):
        own.cursor().copy_expert(f"COPY ({rows}) TO STDOUT WITH (FORMAT csv, {options})", file)


def as_parquet(file: io.RawIOBase) -> Iterator[bytes]:
    """Pieces of a Parquet file, while the table's CSV is read."""
    import pyarrow as pa  # here: 0.3 s that no other page needs
    from pyarrow import csv, parquet

    types = {"number": pa.int64(), "turn": pa.int32(), "tstamp": pa.float64(), "dwell_ms": pa.int64()}
    types |= {"anony": pa.bool_(), "names_maker": pa.bool_()}
    types |= dict.fromkeys(("characters_a", "characters_b"), pa.int32())
    types |= dict.fromkeys(("seconds_a", "seconds_b"), pa.float64())
    texts = (
        "question_id",
        "model_a",
        "model_b",
        "winner",
        "judge",
        "language",
        "side_shown",
        "tags",
        "pair",
        "reasons",
    )
    types |= dict.fromkeys(texts, pa.string())
    # A pipe gives what is there, mostly little; row groups must not be that small: their descriptions stay in memory.
    blocks = io.BufferedReader(file, PARQUET_BLOCK)
    reader = csv.open_csv(
        pa.PythonFile(blocks, mode="r"),
        read_options=csv.ReadOptions(block_size=PARQUET_BLOCK, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=types, true_values=["t"], false_values=["f"]),
    )
    sink = io.BytesIO()
    with parquet.ParquetWriter(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """What was written since the last time. The writer only ever asks how far it is, so the sink may be emptied."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece

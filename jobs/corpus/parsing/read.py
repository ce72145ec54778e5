"""Read the values of a block's sound records.

In: a block from scan.py. Out: one row a sound record with its values and a verdict: None, or the reason why the row
is dropped. Arrow parses the CSV, DuckDB judges the values. Rows read must be as many as the scan found sound, or the
two readers disagree and the job stops.
"""

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import csv

from jobs.corpus.parsing.scan import BOM, COLUMNS, SOUND, Block
from jobs.errors import JobError

_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"


class Reader:
    """Reads blocks, one after the other; holds the DuckDB connection that judges them."""

    def __init__(self):
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": "256MB"})

    def rows(self, block: Block) -> pa.Table:
        """The sound records of `block`, in order: the text of COLUMNS (empty when missing), `record` (its index in
        the block), `posted_at` (timestamp or null), `reason` (null: readable and in-character).
        """
        table = _parse(block).append_column("record", pa.array(np.flatnonzero(block.verdict == SOUND)))
        stamps = table.select(["record", "thread_type", "message_timestamp"])  # noqa: F841 - DuckDB finds it by its name
        judged = self._connection.sql(f"""
            SELECT posted_at, CASE
                WHEN posted_at IS NULL THEN 'malformed.timestamp'
                WHEN thread_type <> 'IC' THEN 'not_ic' END AS reason
            FROM (
                SELECT record, thread_type, CASE WHEN regexp_matches(message_timestamp, '{_TIMESTAMP}')
                    THEN try_cast(message_timestamp AS TIMESTAMP) END AS posted_at
                FROM stamps
            )
            ORDER BY record
        """).to_arrow_table()
        return table.append_column("posted_at", judged["posted_at"]).append_column("reason", judged["reason"])


def _parse(block: Block) -> pa.Table:
    content = block.sound_csv()
    if content.startswith(BOM):  # Arrow takes it for the file's and drops it; here it is the first value's
        content = BOM + content
    names = [name if name in COLUMNS else f"other {index}" for index, name in enumerate(block.columns)]
    count = int((block.verdict == SOUND).sum())
    if not count:
        return pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    table = csv.read_csv(
        pa.BufferReader(content),
        csv.ReadOptions(column_names=names, use_threads=False, block_size=len(content) + 1),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=COLUMNS, strings_can_be_null=False
        ),
    )
    if table.num_rows != count:
        raise JobError(
            f"bytes {block.byte_offset:,} to {block.byte_offset + len(block.data):,}: {count} sound records were "
            f"found, but {table.num_rows} rows read: the two readers disagree; please report this part"
        )
    return table

"""Dropped rows on disk: rejects/*.parquet, one row for each record that is not in the corpus.

In: records of a block with their reasons. Out: a table. The staged ones also say in which thread a record stands.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jobs.corpus.parsing.scan import Block

SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("byte_offset", pa.int64()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
    ]
)
"""`byte_offset` and `line` (1 is the header) lie in the part's CSV; `raw` is the record as it stands there, without its
line end. It is null for records that a policy about their content took out."""


STAGED = SCHEMA.append(pa.field("thread", pa.uint64()))
"""`thread` is null where the record cannot be read."""


def table(part: str, block: Block, records: np.ndarray, reasons: Sequence[str], threads: np.ndarray) -> pa.Table:
    """Rows of STAGED for the given records of `block` (indexes, int64), each with its reason and its thread (uint64; 0
    where it cannot be read).
    """
    return pa.Table.from_arrays(
        [
            pa.array([part] * len(records), pa.string()),
            pa.array(block.byte_offset + block.start[records]),
            pa.array(block.line[records]),
            pa.array(reasons, pa.string()),
            pa.array(block.raws(records), pa.binary()),
            pa.array(threads, pa.uint64(), mask=threads == 0),
        ],
        schema=STAGED,
    )

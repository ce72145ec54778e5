"""Dropped rows on disk: rejects/*.parquet, one row for each record that is not in the corpus."""

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("byte_offset", pa.int64()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.string()),
    ]
)
"""`byte_offset` and `line` (1 is the header) lie in the part's CSV; `raw` is the record as it stands there."""

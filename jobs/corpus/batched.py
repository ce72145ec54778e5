"""Parquet written row by row, so that memory holds one batch and not the file."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq


class BatchedRows:
    """A parquet file that is written row by row, a batch at a time. Use it as a context manager."""

    def __init__(self, path: pathlib.Path, schema: pa.Schema, batch: int = 2_000):
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema, self._batch, self._rows = schema, batch, []

    def __enter__(self) -> "BatchedRows":
        return self

    def __exit__(self, *failure) -> None:
        if failure[0] is None:
            self._flush()
        self._writer.close()

    def add(self, row: dict) -> None:
        """Append one row; its keys are the schema's names."""
        self._rows.append(row)
        if len(self._rows) >= self._batch:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []

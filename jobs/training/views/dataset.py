"""Samples or pairs as a dataset for the trainer, on disk and mapped into memory.

In: samples, one by one. Out: a datasets.Dataset with a column for each of their lists of tokens, four bytes an entry
in a file; the processes of a machine that open it share its pages.
"""

import itertools
import pathlib
from collections.abc import Iterable, Sequence

BATCH = 1000
"""Samples in memory at a time."""


def write_dataset(samples: Iterable, columns: Sequence[str], path: pathlib.Path) -> None:
    """Write these attributes of `samples`, arrays of 32-bit integers, to the Arrow file `path`, under a temporary name
    first.
    """
    import pyarrow as pa

    part = path.with_name(f".{path.name}.part")
    tokens = pa.list_(pa.int32())
    schema = pa.schema(dict.fromkeys(columns, tokens))
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in _batches(samples):
            values = [_column([getattr(sample, name) for sample in batch]) for name in columns]
            writer.write_batch(pa.record_batch(values, schema))
    part.rename(path)


def open_dataset(path: pathlib.Path):
    """The datasets.Dataset in `path`, not read but mapped."""
    from datasets import Dataset

    return Dataset.from_file(str(path))


def _column(values: list):
    """Arrays of 32-bit integers as one list column, without a Python object for each token."""
    import numpy as np
    import pyarrow as pa

    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    flat = np.concatenate([np.asarray(value, dtype=np.int32) for value in values])
    return pa.ListArray.from_arrays(offsets, pa.array(flat))


def _batches(samples: Iterable):
    iterator = iter(samples)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch

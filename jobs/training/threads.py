"""Threads out of the corpus on disk.

In: corpus/<recipe>/<digest>/<split>/*.parquet, one row a thread. Out: one dict a thread, in file order.
"""

import json
import pathlib
from collections.abc import Iterator

from jobs.errors import JobError

COLUMNS = ["thread_id", "title", "tags", "messages"]


def latest_corpus(home: pathlib.Path, recipe: str) -> str:
    """Digest of the newest corpus of this recipe.

    Raises:
        JobError: there is none yet.
    """
    path = home / "corpus" / recipe / "latest.json"
    try:
        return json.loads(path.read_text())["digest"]
    except FileNotFoundError as error:
        raise JobError(f"{path}: no corpus there, run `python -m jobs corpus` first") from error


def read_threads(home: pathlib.Path, recipe: str, digest: str, split: str) -> Iterator[dict]:
    """Threads of one split: {thread_id, title, tags, messages: [{author, text, timestamp}]}.

    Raises:
        JobError: the corpus or the split is not there.
    """
    import pyarrow.parquet

    folder = home / "corpus" / recipe / digest / split
    if not folder.is_dir():
        raise JobError(f"{folder}: no such split, run `python -m jobs corpus` again")
    for path in sorted(folder.glob("*.parquet")):
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=256, columns=COLUMNS):
            yield from batch.to_pylist()

"""Kept posts, thrown into buckets by thread: each bucket holds whole threads and fits in memory.

In: the staged parts with table `verdict`. Out: work/buckets/ with, for every bucket, the posts of each part and the
facts of its threads. DuckDB could sort the posts at once, but how much memory a sort of wide rows takes cannot be told;
a bucket's size is known before.
"""

import contextlib
import math
import pathlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.corpus.assembly.split import SPLITS
from jobs.corpus.assembly.staged import Staged, post_id
from jobs.corpus.cores import Processes

BUCKET_CHARS = 16_000_000
"""Characters of text in a bucket, on average."""
MAX_BUCKETS = 1_000
"""Open files of a process."""
POST = pa.schema(
    [
        ("thread", pa.uint64()),
        ("posted_at", pa.timestamp("us")),
        ("part", pa.int32()),
        ("byte_offset", pa.int64()),
        ("username", pa.string()),
        ("text", pa.string()),
    ]
)
"""A kept post; `part` is the part's position."""


@dataclass(frozen=True)
class Buckets:
    """Where the buckets lie, and how many there are."""

    folder: pathlib.Path
    count: int

    def posts(self, bucket: int) -> list[pathlib.Path]:
        """The files of a bucket's posts, by part."""
        return sorted(self.folder.glob(f"posts-*-{bucket:04}.arrow"))

    @property
    def facts(self) -> pathlib.Path:
        """thread, title, tags, split (index into SPLITS) and bucket of the threads, ordered by bucket and thread."""
        return self.folder / "threads.parquet"


def scatter(staged: Staged, splits: pa.Table, folder: pathlib.Path, processes: Processes) -> Buckets:
    """Fill `folder` with the kept posts of the threads in `splits` (columns thread, split)."""
    folder.mkdir()
    connection = staged.connection
    kept = "(SELECT id, thread FROM verdict SEMI JOIN splits USING (thread) WHERE reason IS NULL)"
    chars = connection.sql(f"SELECT coalesce(sum(chars), 0) FROM post JOIN {kept} USING (id)").fetchall()[0][0]
    buckets = Buckets(folder, min(max(1, math.ceil(chars / BUCKET_CHARS)), MAX_BUCKETS))
    connection.sql(f"""
        SELECT thread, title, tags, split, thread % {buckets.count} AS bucket
        FROM thread JOIN splits USING (thread) SEMI JOIN {kept} USING (thread) ORDER BY bucket, thread
    """).write_parquet(str(buckets.facts), row_group_size=10_000)
    calls = []
    for position, part in enumerate(staged.parts):
        chosen = folder / f"kept-{position:04}.parquet"
        connection.sql(f"""
            SELECT id - {post_id(position).replace("byte_offset", "0")} AS byte_offset, thread FROM {kept}
            WHERE id >= {post_id(position).replace("byte_offset", "0")}
            AND id < {post_id(position + 1).replace("byte_offset", "0")} ORDER BY id
        """).write_parquet(str(chosen), row_group_size=50_000)
        calls.append((staged.folders[part] / "posts.parquet", chosen, position, buckets))
    if buckets.count == 1:  # little is done sooner than processes are started
        for call in calls:
            scatter_part(*call)
    else:
        processes.run(scatter_part, calls)
    return buckets


def scatter_part(posts: pathlib.Path, chosen: pathlib.Path, position: int, buckets: Buckets) -> None:
    """Throw the posts of one part that are in `chosen` (byte_offset, thread) into the buckets."""
    file = pq.ParquetFile(posts)
    columns = ["byte_offset", "posted_at", "username", "text"]
    with contextlib.ExitStack() as stack:
        files = {}
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=columns)
            if not len(table):
                continue
            offsets = table["byte_offset"].to_numpy()
            inside = [("byte_offset", ">=", int(offsets[0])), ("byte_offset", "<=", int(offsets[-1]))]
            kept = pq.read_table(chosen, filters=inside)
            rows = np.searchsorted(offsets, kept["byte_offset"].to_numpy())
            table = table.take(rows)
            threads = kept["thread"].to_numpy()
            table = pa.table(
                [
                    pa.array(threads, pa.uint64()),
                    table["posted_at"],
                    pa.array(np.full(len(rows), position, np.int32)),
                    *(table[name] for name in ("byte_offset", "username", "text")),
                ],
                schema=POST,
            )
            target = threads % np.uint64(buckets.count)
            for bucket in np.unique(target).tolist():
                if bucket not in files:
                    files[bucket] = stack.enter_context(_bucket_file(buckets, position, bucket))
                files[bucket].write_table(table.take(np.flatnonzero(target == bucket)))


def _bucket_file(buckets: Buckets, position: int, bucket: int) -> pa.ipc.RecordBatchFileWriter:
    path = buckets.folder / f"posts-{position:04}-{bucket:04}.arrow"
    return pa.ipc.new_file(path, POST, options=pa.ipc.IpcWriteOptions(compression="lz4"))


def split_table(threads: np.ndarray, splits: np.ndarray, only: tuple[str, ...] = SPLITS) -> pa.Table:
    """Columns thread and split for the threads whose split is in `only`. `splits` are indexes into SPLITS."""
    chosen = np.isin(splits, [SPLITS.index(split) for split in only])
    return pa.table({"thread": pa.array(threads[chosen], pa.uint64()), "split": pa.array(splits[chosen], pa.uint8())})

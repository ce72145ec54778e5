"""Figures of a built corpus for its report: lengths, tags, duplicates.

In: the split folders and the tables of the build. Out: sections of the report.
"""

import pathlib

import numpy as np

from contracts.corpus_report import Distributions, Duplicates, Histogram
from jobs.corpus.assembly import tag_groups
from jobs.corpus.assembly.split import SPLITS, Links, components
from jobs.corpus.assembly.staged import Staged, read_all

CHARS = [0, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000]
POSTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000]
THREAD_CHARS = [0, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000]
AUTHORS = [1, 2, 3, 4, 5, 7, 10, 15, 20, 50]


def distributions(staged: Staged, folder: pathlib.Path) -> Distributions:
    """Lengths of the kept threads and posts."""
    threads = _threads(folder)
    kept = "post SEMI JOIN (FROM verdict WHERE reason IS NULL) USING (id)"
    per_author = f"(SELECT count(DISTINCT thread) AS threads FROM {kept} GROUP BY author)"
    return Distributions(
        chars_per_post=_histogram(staged, "chars", kept, CHARS),
        posts_per_thread=_histogram(staged, "n_messages", threads, POSTS),
        chars_per_thread=_histogram(staged, "n_chars", threads, THREAD_CHARS),
        authors_per_thread=_histogram(staged, "n_authors", threads, AUTHORS),
        threads_per_author=_histogram(staged, "threads", per_author, AUTHORS),
    )


def _threads(folder: pathlib.Path) -> str:
    """SQL that reads the threads of all splits."""
    return read_all(file for split in SPLITS for file in (folder / split).glob("*.parquet"))


def _histogram(staged: Staged, column: str, source: str, bounds: list[int]) -> Histogram:
    counts = ", ".join(
        f"count(*) FILTER ({column} >= {low}" + (f" AND {column} < {high})" if high is not None else ")")
        for low, high in zip(bounds, [*bounds[1:], None], strict=True)
    )
    row = staged.connection.execute(
        f"SELECT coalesce(median({column}), 0), coalesce(max({column}), 0), {counts} FROM {source}"
    ).fetchall()[0]
    return Histogram(bounds=bounds, counts=list(row[2:]), median=float(row[0]), maximum=int(row[1]))


def tags(staged: Staged, folder: pathlib.Path) -> dict[str, dict[str, int]]:
    """Group to tag to number of threads, the commonest first."""
    result = {}
    for group in (*tag_groups.GROUPS, tag_groups.OTHER):
        rows = staged.connection.execute(f"""
            SELECT tag, count(*) FROM (
                SELECT unnest(list_distinct(tag_groups.{group})) AS tag FROM {_threads(folder)}
            ) GROUP BY tag ORDER BY count(*) DESC, tag
        """).fetchall()
        result[group.replace("_", " ")] = dict(rows)
    return result


def duplicates(staged: Staged, links: Links) -> Duplicates:
    """Copies and near-duplicates that were dropped, and how large what hangs together is."""
    threads, joined = np.unique(np.concatenate([links.one, links.other]), return_inverse=True)
    sizes = np.bincount(components(len(threads), *np.split(joined, 2))) if len(threads) else np.array([1])
    in_thread = staged.value("""
        SELECT count(*) FROM copy JOIN post ON copy.id = post.id JOIN post home ON copy.kept = home.id
        WHERE post.thread = home.thread
    """)
    return Duplicates(
        exact_in_thread=in_thread,
        exact_across_threads=staged.value("SELECT count(*) FROM copy") - in_thread,
        near_pairs=staged.value("SELECT count(*) FROM near"),
        near_clusters=staged.value("SELECT count(DISTINCT cluster) FROM member"),
        near_dropped=staged.value("SELECT count(*) FROM verdict WHERE reason = 'near_duplicate'"),
        linked_threads=len(threads),
        largest_component=int(sizes.max()),
    )

"""Which posts stay, and why the others go.

In: tables `post`, `thread`, `unit` and `near`. Out: table verdict(id, thread, reason), reason NULL for what stays,
and the tables that duplicates/*.parquet is written from: copy(id, kept) and member(cluster, id, kept).

What is about a thread comes first, so that the copy in a thread that is left out never displaces one that can be
kept; then copies, of which the earliest stays; then threads that are too short without them.
"""

import numpy as np
import pyarrow as pa

from contracts.recipe import Corpus
from jobs.corpus.assembly.components import near_clusters
from jobs.corpus.assembly.staged import Staged
from jobs.corpus.policy import ON_REQUEST, REASON


def judge(staged: Staged, corpus: Corpus) -> None:
    """Make the table `verdict`, and `copy` and `member` on the way."""
    connection = staged.connection
    excluded = [tag.lower() for tag in corpus.policy.exclude_tags]
    connection.execute(
        f"""
        CREATE TABLE barred AS
        SELECT thread, CASE
            WHEN list_contains(?::UBIGINT[], thread) THEN '{ON_REQUEST}'
            WHEN {str(corpus.policy.sexual_minors).lower()} AND sexual AND minor THEN '{REASON}'
            WHEN list_has_any(list_transform(tags, lambda tag: lower(tag)), ?) THEN 'excluded.tag' END AS reason
        FROM thread
        """,
        [[int(thread, 16) for thread in corpus.policy.exclude_threads], excluded],
    )
    _bar_short_threads(staged, corpus, "post ANTI JOIN (FROM barred WHERE reason IS NOT NULL) USING (thread)")
    connection.execute("CREATE TABLE open AS FROM post ANTI JOIN (FROM barred WHERE reason IS NOT NULL) USING (thread)")
    _find_copies_to_drop(staged, corpus.duplicates.exact)
    near_clusters(staged)
    connection.execute("""
        CREATE TABLE dropped AS
        SELECT id, 'duplicate' AS reason FROM copy
        UNION ALL SELECT id, 'near_duplicate' FROM member WHERE id <> kept
    """)
    _conclude(staged, corpus)


def drop_overlapping(staged: Staged, corpus: Corpus, ids: np.ndarray) -> None:
    """Drop held-out posts (ids, int64) that stand in train for the most part, and make `verdict` anew."""
    overlapping = pa.table({"id": ids})  # noqa: F841 - DuckDB finds it by its name
    staged.connection.execute("INSERT INTO dropped SELECT id, 'overlap' FROM overlapping")
    _conclude(staged, corpus)


def _conclude(staged: Staged, corpus: Corpus) -> None:
    _bar_short_threads(staged, corpus, "open ANTI JOIN dropped USING (id)")
    staged.connection.execute("""
        CREATE OR REPLACE TABLE verdict AS
        SELECT id, thread, coalesce(dropped.reason, barred.reason) AS reason
        FROM post LEFT JOIN dropped USING (id) LEFT JOIN barred USING (thread)
    """)


def _bar_short_threads(staged: Staged, corpus: Corpus, posts: str) -> None:
    """Give threads of `posts` (SQL) that are too short a reason in `barred`."""
    staged.connection.execute(
        f"""
        UPDATE barred SET reason = short.reason FROM (
            SELECT thread, CASE
                WHEN count(*) < $min_posts THEN 'excluded.min_posts'
                WHEN count(DISTINCT author) < $min_authors THEN 'excluded.min_authors'
                WHEN sum(chars) < $min_chars THEN 'excluded.min_chars' END AS reason
            FROM {posts} GROUP BY thread
        ) short
        WHERE barred.thread = short.thread AND barred.reason IS NULL AND short.reason IS NOT NULL
        """,
        {name: getattr(corpus, name) for name in ("min_posts", "min_authors", "min_chars")},
    )


def _find_copies_to_drop(staged: Staged, enabled: bool) -> None:
    """Make copy(id, kept): of the open posts of a unit, all but the earliest."""
    staged.connection.execute(f"""
        CREATE TABLE copy AS
        SELECT id, kept FROM (
            SELECT id, first_value(id) OVER (PARTITION BY unit ORDER BY posted_at, id) AS kept
            FROM open JOIN unit USING (id) WHERE {str(enabled).lower()}
        ) WHERE id <> kept
    """)

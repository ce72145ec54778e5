"""What hangs together: clusters of near-duplicate posts, and threads that share text.

In: tables `post`, `unit`, `near`, `open` and `copy`. Out: table member(cluster, id, kept), and links between threads.
"""

import numpy as np
import pyarrow as pa

from contracts.recipe import Split
from jobs.corpus.assembly.split import Links, components
from jobs.corpus.assembly.staged import OFFSET_BITS, Staged
from jobs.corpus.parsing.posts import COMMON_LINE


def near_clusters(staged: Staged) -> None:
    """Make member(cluster, id, kept): near-duplicates among the posts that are still there.

    Of each unit of copies its kept post is the member; of each cluster the earliest member is kept.
    """
    pairs = staged.connection.execute("SELECT a, b FROM near").fetchnumpy()
    units, joined = np.unique(np.concatenate([pairs["a"], pairs["b"]]), return_inverse=True)
    label = components(len(units), *np.split(joined, 2)) if len(units) else np.empty(0, np.int32)
    clustered = pa.table({"unit": pa.array(units, pa.int64()), "label": pa.array(label, pa.int32())})  # noqa: F841
    staged.connection.execute("""
        CREATE TABLE member AS
        WITH present AS (
            SELECT label, id, posted_at FROM (
                SELECT label, open.id, posted_at
                FROM open LEFT JOIN unit USING (id) JOIN clustered ON clustered.unit = coalesce(unit.unit, open.id)
            ) ANTI JOIN copy USING (id)
        ), kept AS (
            SELECT label, id, first_value(id) OVER (PARTITION BY label ORDER BY posted_at, id) AS kept,
                count(*) OVER (PARTITION BY label) AS size
            FROM present
        )
        SELECT dense_rank() OVER (ORDER BY kept) - 1 AS cluster, id, kept FROM kept WHERE size > 1
    """)


def thread_links(staged: Staged, split: Split) -> Links:
    """Links between threads that share a copy or a near-duplicate, or an author when the recipe says so.

    Every post counts, also of threads that are left out: what is left out today must not move a thread tomorrow.
    """
    by_author = """
        UNION ALL
        SELECT DISTINCT first_value(thread) OVER author_posts AS one, thread AS other, min(id) OVER (
            PARTITION BY author, thread) AS id
        FROM post WINDOW author_posts AS (PARTITION BY author ORDER BY id)
    """
    found = staged.connection.execute(f"""
        WITH threads_of_unit AS (
            SELECT unit, thread, min(id) AS id, bool_or(chars >= {COMMON_LINE}) AS says_something
            FROM post JOIN unit USING (id) GROUP BY unit, thread
        ), link AS (
            SELECT home.thread AS one, other.thread AS other, other.id
            FROM threads_of_unit home JOIN threads_of_unit other USING (unit)
            WHERE home.id = unit AND other.says_something
            UNION ALL
            SELECT a.thread, b.thread, near.b FROM near JOIN post a ON near.a = a.id JOIN post b ON near.b = b.id
            {by_author if split.by_author else ""}
        )
        SELECT one, other, min(id) >> {OFFSET_BITS} AS part FROM link WHERE one <> other
        GROUP BY one, other ORDER BY one, other
    """).fetchnumpy()
    return Links(found["one"], found["other"], found["part"])

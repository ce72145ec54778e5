"""What is not in the corpus, written down: rejects/<part>.parquet and duplicates/*.parquet.

In: the staged parts with tables `verdict`, `copy`, `near` and `member`. Out: files in the corpus folder.
"""

import pathlib

from jobs.corpus.assembly.staged import OFFSET_BITS, OFFSET_OF_ID, Staged, post_id, quoted
from jobs.corpus.policy import ON_REQUEST, REASON


def write_rejects(staged: Staged, folder: pathlib.Path) -> None:
    """rejects/<part>.parquet: what the part's own parsing dropped, and what was dropped since, in the CSV's order.

    Of the threads that a policy about their content took out, whatever the reason, only the places are written.
    """
    (folder / "rejects").mkdir()
    raw = f"CASE WHEN barred.reason IN ('{REASON}', '{ON_REQUEST}') THEN NULL ELSE raw END AS raw"
    for position, part in enumerate(staged.parts):
        source, target = staged.folders[part], folder / "rejects" / f"{part}.parquet"
        staged.connection.execute(f"""
            COPY (
                SELECT part, byte_offset, line, rejects.reason, {raw}
                FROM read_parquet({quoted(source / "rejects.parquet")}) rejects LEFT JOIN barred USING (thread)
                UNION ALL
                SELECT '{part}' AS part, byte_offset, line, verdict.reason, {raw}
                FROM (SELECT {post_id(position)} AS id, * FROM read_parquet({quoted(source / "posts.parquet")}))
                JOIN verdict USING (id) JOIN barred ON barred.thread = verdict.thread WHERE verdict.reason IS NOT NULL
                ORDER BY byte_offset
            ) TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd)
        """)


def write_duplicates(staged: Staged, folder: pathlib.Path) -> None:
    """duplicates/copies, near_pairs and clusters.parquet: posts by part and byte offset."""
    target = folder / "duplicates"
    target.mkdir()
    for name, query in {
        "copies": f"SELECT {_place('id')}, {_place('kept', 'kept_')} FROM copy ORDER BY id",
        "near_pairs": f"SELECT {_place('a', 'a_')}, {_place('b', 'b_')}, jaccard FROM near ORDER BY a, b",
        "clusters": f"SELECT cluster, {_place('id')}, id = kept AS kept FROM member ORDER BY cluster, id",
    }.items():
        parts = "[" + ", ".join(f"'{part}'" for part in staged.parts) + "]"
        staged.connection.execute(
            f"COPY ({query.replace('PARTS', parts)}) TO {quoted(target / f'{name}.parquet')} (FORMAT parquet)"
        )


def _place(id_column: str, prefix: str = "") -> str:
    """SQL for part and byte offset of a post."""
    offset = OFFSET_OF_ID.replace("id", id_column)
    return f"PARTS[({id_column} >> {OFFSET_BITS}) + 1] AS {prefix}part, {offset} AS {prefix}byte_offset"

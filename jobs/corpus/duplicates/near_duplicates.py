"""Near-duplicates: posts whose word shingles overlap above the recipe's threshold.

In: signatures.parquet of every part and table `unit`. Out: table near(a, b, jaccard), a < b: pairs of units (or
posts without copies) with their exact Jaccard similarity over word shingles.

Pairs come from bands: posts that agree in one are compared with at most NEIGHBOURS posts before them. So a pair
depends on what stands before it in the archive and never on what is added behind.
"""

import numpy as np
import pyarrow as pa

from contracts.recipe import NearDuplicates
from jobs.corpus.assembly.staged import Staged
from jobs.corpus.duplicates.shingles import Hashes, shingles, words
from jobs.corpus.duplicates.signatures import band_name

NEIGHBOURS = 20
"""A text that hundreds of posts share is compared with the last few of them, not with all."""
AT_ONCE = 20_000
"""Pairs whose texts are in memory at a time."""


def find_near_duplicates(staged: Staged, settings: NearDuplicates) -> None:
    """Make the table `near`; empty when near-duplicates are not asked for."""
    connection = staged.connection
    connection.execute("CREATE TABLE near (a BIGINT, b BIGINT, jaccard DOUBLE)")
    if not settings.enabled:
        return
    connection.execute("CREATE TABLE candidate (a BIGINT, b BIGINT)")
    for band in range(settings.bands):
        pairs = _pairs(*_band(staged, band_name(band)))  # noqa: F841 - DuckDB finds it by its name
        connection.execute("INSERT INTO candidate SELECT a, b FROM pairs")
    _load_texts(staged)
    count = connection.execute("CREATE TABLE pair AS SELECT DISTINCT a, b FROM candidate").fetchall()[0][0]
    connection.execute("CREATE TABLE numbered AS SELECT a, b, row_number() OVER (ORDER BY b, a) - 1 AS n FROM pair")
    for first in range(0, count, AT_ONCE):
        compared = _compared(staged, first, settings)  # noqa: F841 - DuckDB finds it by its name
        connection.execute("INSERT INTO near FROM compared WHERE jaccard >= ?", [settings.threshold])
    connection.execute("DROP TABLE candidate; DROP TABLE pair; DROP TABLE numbered; DROP TABLE candidate_text")


def _band(staged: Staged, band: str) -> tuple[np.ndarray, np.ndarray]:
    """Hashes (uint64) and ids (int64) of the posts that share a band with another post, ordered by both.

    Of copies, only the first one is there.
    """
    found = staged.connection.execute(f"""
        WITH signature AS ({staged.union("signatures.parquet", f"id, {band} AS hash")}),
        shared AS (SELECT hash FROM signature GROUP BY hash HAVING count(*) > 1)
        SELECT hash, id FROM signature SEMI JOIN shared USING (hash) LEFT JOIN unit USING (id)
        WHERE unit IS NULL OR unit = id
        ORDER BY hash, id
    """).fetchnumpy()
    return np.asarray(found["hash"]), np.asarray(found["id"])


def _pairs(hashes: np.ndarray, ids: np.ndarray) -> pa.Table:
    """Pairs of ids with the same hash, each with at most NEIGHBOURS before it."""
    before, behind = [], []
    for distance in range(1, min(NEIGHBOURS, len(ids) - 1) + 1):
        same = hashes[distance:] == hashes[:-distance]
        if not same.any():
            break
        before.append(ids[:-distance][same])
        behind.append(ids[distance:][same])
    columns = [np.concatenate(side) if side else np.empty(0, np.int64) for side in (before, behind)]
    return pa.table(dict(zip(("a", "b"), columns, strict=True)))


def _load_texts(staged: Staged) -> None:
    staged.connection.execute(f"""
        CREATE TABLE candidate_text AS
        WITH wanted AS (SELECT a AS id FROM candidate UNION SELECT b FROM candidate)
        SELECT id, text FROM ({staged.union("posts.parquet", "id, text")}) SEMI JOIN wanted USING (id)
    """)


def _compared(staged: Staged, first: int, settings: NearDuplicates) -> pa.Table:
    """Exact Jaccard similarity of the pairs numbered from `first` on; columns a, b, jaccard."""
    connection = staged.connection
    chosen = f"SELECT a, b FROM numbered WHERE n >= {first} AND n < {first + AT_ONCE}"
    pairs = connection.execute(f"{chosen} ORDER BY n").fetchnumpy()
    texts = connection.sql(f"""
        SELECT id, text FROM candidate_text
        SEMI JOIN (SELECT a AS id FROM ({chosen}) UNION SELECT b FROM ({chosen})) USING (id) ORDER BY id
    """).to_arrow_table()
    sets = _sets(shingles(words(texts["text"].combine_chunks()), settings.shingle_words))
    ids = texts["id"].to_numpy()
    sides = (np.searchsorted(ids, pairs[side]).tolist() for side in ("a", "b"))
    similarity = [_jaccard(sets[a], sets[b]) for a, b in zip(*sides, strict=True)]
    return pa.table({"a": pairs["a"], "b": pairs["b"], "jaccard": pa.array(similarity, pa.float64())})


def _sets(grams: Hashes) -> list[np.ndarray]:
    return [np.unique(row) for row in np.split(grams.values, grams.offsets[1:-1])]


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)

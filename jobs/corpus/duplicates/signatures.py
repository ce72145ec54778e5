"""MinHash signatures of posts, cut into bands: posts that agree in a band are candidates for near-duplicates.

In: texts. Out: one 64-bit hash a band for every text that is long enough to say. With b bands of r rows, two texts
of Jaccard similarity s share a band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman, Ullman: Mining of Massive
Datasets, 3.4).
"""

import itertools

import numpy as np
import pyarrow as pa
import rensa

from contracts.recipe import NearDuplicates
from jobs.corpus.duplicates.shingles import Hashes, shingles

SEED = 7
"""Changing it makes staged signatures incomparable; raise CODE_VERSION with it."""


def schema(settings: NearDuplicates) -> pa.Schema:
    """Columns of signatures.parquet: place of the post, number of words, one column a band."""
    bands = [(band_name(band), pa.uint64()) for band in range(settings.bands)]
    return pa.schema([("byte_offset", pa.int64()), ("shingles", pa.int32()), *bands])


def band_name(band: int) -> str:
    """Name of a band's column."""
    return f"band_{band:03}"


def signatures(words: Hashes, byte_offsets: np.ndarray, settings: NearDuplicates) -> pa.Table:
    """Rows of signatures.parquet for the texts that have at least `min_words` words.

    `words` are the words of the texts, `byte_offsets` (int64) the texts' places.
    """
    enough = np.flatnonzero(words.counts() >= max(settings.min_words, settings.shingle_words))
    grams = shingles(words, settings.shingle_words)
    counts = grams.counts()[enough]
    chosen = np.repeat(grams.offsets[enough] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    values = grams.values[chosen + np.arange(counts.sum())] if len(enough) else grams.values[:0]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    bands = _bands(values, offsets, settings)
    columns = [pa.array(byte_offsets[enough]), pa.array(counts.astype(np.int32)), *map(pa.array, bands.T.copy())]
    return pa.Table.from_arrays(columns, schema=schema(settings))


def _bands(values: np.ndarray, offsets: np.ndarray, settings: NearDuplicates) -> np.ndarray:
    """Band hashes, shape (texts, bands), uint64."""
    texts, rows = len(offsets) - 1, settings.permutations // settings.bands
    if not texts:
        return np.empty((0, settings.bands), np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(values, offsets, settings.permutations, SEED).to_rows()
    flat = np.fromiter(itertools.chain.from_iterable(matrix), np.uint64, texts * settings.permutations)
    table = flat.reshape(texts, settings.bands, rows)
    hashes = np.zeros((texts, settings.bands), np.uint64)
    for row in range(rows):
        hashes = (hashes ^ table[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes

"""How much of the held-out posts stands in the training threads: overlap of 13-grams of words.

In: the corpus's split folders. Out: for every held-out post its 13-grams, and how many of them train has too.
Thirteen words are what Brown et al. 2020 ("Language Models are Few-Shot Learners", appendix C) used to find test text
in training data.

Held-out grams lie in memory, train passes by. When there are more than HELD_OUT of them, one in so many is looked at,
chosen by hash: a fair sample of every post's grams.
"""

import math
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.corpus_report import Overlap
from jobs.corpus.duplicates.shingles import Hashes, shingles, words

GRAM_WORDS = 13
HELD_OUT = 6_000_000
CHARS_PER_WORD = 5
TEXTS = 4_000
"""Posts whose grams are made at a time."""
WORKERS = 2
"""Threads; each holds the grams of TEXTS posts."""
_FILTER_BITS = 26


@dataclass(frozen=True)
class HeldOut:
    """The posts of a held-out split, in the order of its file: 13-grams, and those of them that occur in train."""

    grams: np.ndarray
    shared: np.ndarray

    def above(self, max_overlap: float) -> np.ndarray:
        """Which posts have more than this share of their 13-grams in train; bool."""
        return self.shared > max_overlap * self.grams

    def overlap(self, kept: np.ndarray, max_overlap: float) -> Overlap:
        """The report's figures for the posts in `kept` (bool)."""
        kept = kept & (self.grams > 0)
        share = self.shared[kept] / self.grams[kept]
        return Overlap(
            posts=int(kept.sum()),
            grams=int(self.grams[kept].sum()),
            shared=int(self.shared[kept].sum()),
            worst=round(float(share.max(initial=0)), 4),
            above=int(self.above(max_overlap)[kept].sum()),
        )


def one_in(chars: int) -> int:
    """Of how many 13-grams one is looked at when `chars` characters are held out."""
    return max(1, math.ceil(chars / CHARS_PER_WORD / HELD_OUT))


def measure(folder: pathlib.Path, held_out: Sequence[str], rate: int) -> dict[str, HeldOut]:
    """Overlap of the posts of each split in `held_out` with train; one 13-gram in `rate` is looked at."""
    grams = {split: _all_grams(folder / split, rate) for split in held_out}
    known = np.unique(np.concatenate([found.values for found in grams.values()]))
    in_train = _met(known, folder / "train", rate)
    return {split: _held_out(found, known, in_train) for split, found in grams.items()}


def _held_out(found: Hashes, known: np.ndarray, in_train: np.ndarray) -> HeldOut:
    shared = np.concatenate([[0], np.cumsum(in_train[np.searchsorted(known, found.values)])])
    return HeldOut(found.counts(), shared[found.offsets[1:]] - shared[found.offsets[:-1]])


def _met(known: np.ndarray, train: pathlib.Path, rate: int) -> np.ndarray:
    """Which of `known` (ascending) occur in the posts of `train`; bool."""
    met = np.zeros(len(known), bool)
    if not len(known):
        return met
    mask = np.uint64((1 << _FILTER_BITS) - 1)
    maybe = np.zeros(1 << _FILTER_BITS, bool)  # a Bloom filter with one hash: most train grams end here
    maybe[known & mask] = True

    def look(group: tuple[pathlib.Path, int]) -> None:
        for texts in _texts(*group):
            values = _grams(texts, rate).values
            values = values[maybe[values & mask]]
            place = np.minimum(np.searchsorted(known, values), len(known) - 1)
            met[place[known[place] == values]] = True

    with ThreadPool(WORKERS) as pool:  # NumPy leaves the interpreter lock alone while it computes
        pool.map(look, _row_groups(train), chunksize=1)
    return met


def _all_grams(split: pathlib.Path, rate: int) -> Hashes:
    rows = [_grams(texts, rate) for group in _row_groups(split) for texts in _texts(*group)]
    values = np.concatenate([np.empty(0, np.uint64), *(found.values for found in rows)])
    counts = np.concatenate([np.empty(0, np.int64), *(found.counts() for found in rows)])
    return Hashes(values, np.concatenate([[0], np.cumsum(counts)]))


def _row_groups(split: pathlib.Path) -> list[tuple[pathlib.Path, int]]:
    """File and number of every row group of a split, in order."""
    files = sorted(split.glob("*.parquet"))
    return [(path, group) for path in files for group in range(pq.ParquetFile(path).num_row_groups)]


def _texts(path: pathlib.Path, group: int) -> Iterator[pa.Array]:
    """The posts of a row group, some thousand at a time."""
    messages = pq.ParquetFile(path).read_row_group(group, columns=["messages.list.element.text"])["messages"]
    texts = messages.combine_chunks().flatten().flatten()[0]
    for begin in range(0, len(texts), TEXTS):
        yield texts.slice(begin, TEXTS)


def _grams(texts: pa.Array, rate: int) -> Hashes:
    return _sampled(shingles(words(texts), GRAM_WORDS), rate)


def _sampled(grams: Hashes, rate: int) -> Hashes:
    if rate == 1:
        return grams
    chosen = (grams.values >> np.uint64(40)) % np.uint64(rate) == 0
    total = np.concatenate([[0], np.cumsum(chosen)])
    return Hashes(grams.values[chosen], total[grams.offsets])

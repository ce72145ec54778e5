"""Words and word shingles of many texts at once, as 64-bit hashes.

In: an Arrow array of texts. Out: flat arrays of hashes with row offsets. A word is a run of letters and digits, without
regard to the case of A to Z; punctuation, typographic or not, divides words. All is array work: about 100 MB of text a
second.

The hash of a word is the polynomial of its bytes in an odd base modulo 2**64, taken from prefix sums of the whole
buffer (the base's powers are invertible modulo 2**64), and then mixed by the finaliser of SplitMix64
(Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
"""

import functools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))
_WINDOW = 1 << 17
"""Bytes, or words, that are in work at a time."""
_LONGEST_WORD = 1 << 12
"""Bytes; of a longer word, the length and these many count."""
_LETTERS = np.zeros(256, np.uint8)
for _byte in range(256):
    if chr(_byte).isalnum() or _byte >= 0x80:
        _LETTERS[_byte] = ord(chr(_byte).lower()) if _byte < 0x80 else _byte


@dataclass(frozen=True)
class Hashes:
    """Hashes of many rows: those of row i are `values[offsets[i] : offsets[i + 1]]`."""

    values: np.ndarray
    """uint64."""
    offsets: np.ndarray
    """int64, one more than there are rows."""

    def counts(self) -> np.ndarray:
        """Number of hashes of each row."""
        return np.diff(self.offsets)


def words(texts: pa.Array) -> Hashes:
    """The words of each text, in order. `texts` is a string array without nulls."""
    data, borders = _buffer(texts)
    if not len(data):
        return Hashes(np.empty(0, np.uint64), np.zeros(len(texts) + 1, np.int64))
    letters = _LETTERS[data]
    _clear_punctuation(data, letters)
    inside = letters != 0
    fresh = np.zeros(len(data) + 1, bool)
    fresh[borders] = True  # a text's first letter begins a word even where the text before ends with a letter
    starts = np.flatnonzero(inside & (fresh[:-1] | ~np.concatenate([[False], inside[:-1]])))
    ends = np.flatnonzero(inside & (fresh[1:] | ~np.concatenate([inside[1:], [False]]))) + 1
    values = np.empty(len(starts), np.uint64)
    first = 0
    while first < len(starts):  # some words at a time, so that what is in work fits in the processor's cache
        begin = starts[first]
        last = int(np.searchsorted(starts, begin + _WINDOW - _LONGEST_WORD))
        low, high = starts[first:last] - begin, np.minimum(ends[first:last], starts[first:last] + _LONGEST_WORD) - begin
        values[first:last] = _sums(letters[begin : begin + high[-1]], low, high)
        first = last
    return Hashes(_mixed(values + (ends - starts).astype(np.uint64)), np.searchsorted(starts, borders))


def shingles(of: Hashes, length: int) -> Hashes:
    """The runs of `length` words of each row; none for a row with fewer words."""
    count = len(of.values) - length + 1
    if count <= 0:
        return Hashes(np.empty(0, np.uint64), np.zeros_like(of.offsets))
    values = np.empty(count, np.uint64)
    for first in range(0, count, _WINDOW - length):
        last = min(first + _WINDOW - length, count)
        low = np.arange(last - first)
        values[first:last] = _sums(of.values[first : last + length - 1], low, low + length)
    per_row = np.maximum(of.counts() - length + 1, 0)
    last_word = np.repeat(of.offsets[1:], of.counts())[:count]
    return Hashes(_mixed(values[np.arange(count) + length <= last_word]), np.concatenate([[0], np.cumsum(per_row)]))


def _sums(symbols: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The polynomials of `symbols[low[i] : high[i]]` for every i, from one pass over `symbols`; at most _WINDOW."""
    powers, inverses = _powers()
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(symbols * powers[: len(symbols)], dtype=np.uint64)])
    return (sums[high] - sums[low]) * inverses[low]


def _buffer(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """UTF-8 bytes of `texts`, one after the other, and where each begins."""
    texts = texts.cast(pa.large_string())
    borders = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    if data is None or not len(texts):
        return np.empty(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    return np.frombuffer(data, np.uint8)[borders[0] : borders[-1]], borders - borders[0]


def _clear_punctuation(data: np.ndarray, letters: np.ndarray) -> None:
    """Make typographic punctuation no letters: U+0080 to U+00BF (C2 xx: « » ·) and U+2000 to U+203F (E2 80 xx: curly
    quotes, dashes).
    """
    latin = np.flatnonzero(data == 0xC2)
    general = np.flatnonzero(data[:-2] == 0xE2)
    general = general[data[general + 1] == 0x80]
    for lead, length in ((latin, 2), (general, 3)):
        for step in range(length):
            letters[lead + step] = 0


@functools.cache
def _powers() -> tuple[np.ndarray, np.ndarray]:
    """Powers of the base and of its inverse modulo 2**64."""
    return tuple(
        np.concatenate([np.ones(1, np.uint64), np.cumprod(np.full(_WINDOW - 1, base), dtype=np.uint64)])
        for base in (_BASE, _INVERSE)
    )


def _mixed(values: np.ndarray) -> np.ndarray:
    values = values + _BASE
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

"""Words and word shingles of many texts at once, as 64-bit hashes.

In: an Arrow array of texts. Out: flat arrays of hashes with row offsets. A word is a run of letters and digits, without
regard to the case of A to Z; punctuation, typographic or not, divides words. All is array work: about 100 MB of text a
second.

A word is hashed eight bytes at a time with the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable
pseudorandom number generators"). The hash of a shingle is the polynomial of its words in an odd base modulo 2**64,
taken from prefix sums over all words (the base's powers are invertible modulo 2**64), and then mixed.
"""

import functools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))
_WINDOW = 1 << 17
"""Words that are in work at a time: what they need fits in the processor's cache."""
_LONGEST_WORD = 1 << 12
"""Bytes; of a longer word, the length and these many count."""
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
"""Masks: the first so many of eight bytes."""
_LETTERS = bytes(byte if byte >= 0x80 else ord(chr(byte).lower()) if chr(byte).isalnum() else 0 for byte in range(256))
"""Each byte as a letter or digit of a word, lower case; 0 for what divides words."""


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
    letters = np.zeros(len(data) + 8, np.uint8)  # what is loaded eight bytes at a time may reach beyond the end
    letters[:-8] = np.frombuffer(data.tobytes().translate(_LETTERS), np.uint8)
    _clear_punctuation(data, letters)
    starts, ends = _borders_of_words(letters[:-8] != 0, borders)
    lengths = ends - starts
    eight = np.ndarray(len(data) + 1, "<u8", letters.data, strides=(1,))  # at every byte, the eight from there on
    values = _mixed((eight[starts] & _FIRST_BYTES[np.minimum(lengths, 8)]) + lengths.astype(np.uint64))
    for step in range(8, _LONGEST_WORD, 8):
        longer = np.flatnonzero(lengths > step)
        if not len(longer):
            break
        more = eight[starts[longer] + step] & _FIRST_BYTES[np.minimum(lengths[longer] - step, 8)]
        values[longer] = _mixed(values[longer] ^ more)
    return Hashes(values, np.searchsorted(starts, borders))


def _borders_of_words(inside: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words begin and end: runs of `inside` (bool), cut where a text begins."""
    change = np.diff(inside.view(np.int8), prepend=np.int8(0), append=np.int8(0))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    inner = borders[(borders > 0) & (borders < len(inside))]
    cut = np.unique(inner[inside[inner] & inside[inner - 1]])  # two texts side by side, no space between
    return (np.sort(np.concatenate([side, cut])) for side in (starts, ends)) if len(cut) else (starts, ends)


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

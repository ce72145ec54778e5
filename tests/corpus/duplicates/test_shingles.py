"""Words and shingles as hashes against the words as Python's re finds them."""

import itertools
import random
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.corpus.duplicates.shingles import Hashes, shingles, words

WORD = re.compile("(?:[0-9A-Za-z]|[^\x00-\xbf\u2000-\u203f])+")
"""Letters and digits of ASCII, and whatever is neither Latin-1's nor general punctuation."""
FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

_PIECES = st.sampled_from(
    ["a", "A", "b", "Bc", "0", " ", "  ", "\n", "'", "’", "“", "—", "…", "«", "-", "_", "é", "É", "😀"]
)
TEXTS = st.lists(
    st.lists(_PIECES, max_size=8).map("".join) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    max_size=8,
)


def written(text):
    """The words of one text, slowly."""
    return [word.translate(FOLDED) for word in WORD.findall(text)]


def rows(hashes: Hashes):
    borders = hashes.offsets.tolist()
    return [hashes.values[first:last].tolist() for first, last in itertools.pairwise(borders)]


def same_pattern(found, expected):
    """Whether equal things have equal hashes, and different things different ones, all in their places."""
    assert [len(row) for row in found] == [len(row) for row in expected]
    pairs = {(hash_, thing) for f, e in zip(found, expected, strict=True) for hash_, thing in zip(f, e, strict=True)}
    assert len(pairs) == len({hash_ for hash_, _ in pairs}) == len({thing for _, thing in pairs})


@settings(max_examples=300)
@given(TEXTS, st.integers(0, 3), st.sampled_from([pa.string(), pa.large_string()]))
def test_words_are_those_of_the_texts(texts, begin, kind):
    found = words(pa.array(texts, kind).slice(begin))
    same_pattern(rows(found), [written(text) for text in texts[begin:]])
    assert found.counts().tolist() == [len(written(text)) for text in texts[begin:]]


@settings(max_examples=300)
@given(TEXTS, st.integers(0, 3), st.integers(1, 4))
def test_shingles_are_runs_of_words_within_a_text(texts, begin, length):
    texts = texts[begin : begin + 4]
    found = shingles(words(pa.array(["before", *texts, "behind"]).slice(1, len(texts))), length)
    of_each = [written(text) for text in texts]
    expected = [[tuple(w[i : i + length]) for i in range(len(w) - length + 1)] for w in of_each]
    same_pattern(rows(found), expected)


def test_many_texts_at_once_are_as_few():
    rng = random.Random(3)
    vocabulary = [f"word{n}" for n in range(2_000)] + ["ab" * 3_000, "é" * 5_000]
    texts = [" ".join(rng.choices(vocabulary, k=rng.randrange(400))) for _ in range(800)]
    found = words(pa.array(texts))
    assert len(found.values) > 100_000
    same_pattern(rows(found), [written(text) for text in texts])
    alone = [rows(shingles(words(pa.array([text])), 13))[0] for text in texts]
    assert rows(shingles(found, 13)) == alone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Don't stop", "don’t STOP"),
        ('"Go," she said - then left...', "“Go,” she said — then left…"),
        ("the 'old' gate", "the «old» gate"),
        ("a\n\nb", "a b"),
    ],
)
def test_case_and_typographic_form_make_no_difference(one, other):
    first, second = rows(words(pa.array([one, other])))
    assert first == second


def test_texts_side_by_side_do_not_grow_together():
    assert [len(row) for row in rows(words(pa.array(["end", "begin", "", "x"])))] == [1, 1, 0, 1]
    apart, together = rows(words(pa.array(["ab", "c"]))), rows(words(pa.array(["abc"])))
    assert together[0][0] not in {hash_ for row in apart for hash_ in row}


def test_the_order_of_words_counts():
    one, other, same = rows(shingles(words(pa.array(["a b c", "b a c", "A, b; c!"])), 3))
    assert one != other
    assert one == same

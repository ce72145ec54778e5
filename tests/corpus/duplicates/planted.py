"""Texts that are alike by a known measure.

In: a seeded random generator. Out: texts of made-up words, variants of them, and their exact Jaccard similarity.
"""

import random

VOCABULARY = [
    a + b + c for a in ("ka", "lo", "mi", "ru", "sen", "tor") for b in "bdfgnprst" for c in ("a", "el", "in", "os", "u")
]


def text(rng: random.Random, words: int) -> str:
    """`words` words at random."""
    return " ".join(rng.choices(VOCABULARY, k=words))


def variant(rng: random.Random, original: str, changes: int) -> str:
    """`original` with `changes` of its words replaced by new ones."""
    words = original.split()
    for place in rng.sample(range(len(words)), changes):
        words[place] = rng.choice(VOCABULARY) + "x"
    return " ".join(words)


def jaccard(one: str, other: str, length: int = 5) -> float:
    """Similarity of two texts of plain lower-case words: shingles in both by shingles in any."""
    first, second = (
        {tuple(words[i : i + length]) for i in range(len(words) - length + 1)} for words in (one.split(), other.split())
    )
    return len(first & second) / len(first | second)

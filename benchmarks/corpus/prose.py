"""Endless prose that reads like the project's sample threads and hardly ever says the same thing twice.

In: the in-character posts of demo/archive/threads, a random generator. Out: sentences, titles and names.

Every sample sentence becomes a pattern: its content words are slots, and a slot takes any sample word of the same
kind (`-ed`, `-ing`, a name, ...) as often as it occurs there. So word frequencies stay those of English, which decides
what LZMA makes of it, while two sentences from one pattern share few runs of five words.
"""

import collections
import functools
import html
import itertools
import random
import re
from collections.abc import Iterator

from demo.archive.pack import THREADS, read_threads

FUNCTION_WORD_AT = 60
"""A sample word that occurs this often carries grammar and stays in its pattern."""
MIN_SLOTS = 3
WORDS_PER_SLOT = 2.5
"""A pattern with fewer slots than one in so many words is left out: its sentences would be alike."""
INVENTED_NAMES = 2_000
BATCH = 1_024
"""Random draws made at a time."""

_MARKUP = re.compile(r"<[^>]*>|\[[^\]]*\]|https?://\S+|[\"“”*_~]|\(\(|\)\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_DETERMINERS = re.compile("the|an?|his|her|my|your|its|their|this|that|one|no|some|every")
_NUMBERS = re.compile("two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|hundred")
_SYLLABLES = [onset + rest for onset in "bdfgjklmnprstvwz" for rest in ("ar", "el", "ith", "or", "un")]


@functools.cache
def _sample() -> tuple[list[tuple[str, tuple[str, ...]]], dict[str, list[str]]]:
    """Patterns as (format, kind of each slot), and every word of each kind, repeated as often as it occurs."""
    messages = (row.message for thread in read_threads(THREADS) for row in thread if row.type == "IC")
    texts = [_MARKUP.sub("", html.unescape(message)).replace("’", "'") for message in messages]
    sentences = [text.strip() for whole in texts for text in _SENTENCE_END.split(whole)]
    frequency = collections.Counter(word.lower() for text in texts for word in _WORD.findall(text))
    patterns, words = [], collections.defaultdict(list)
    for sentence in sentences:
        kinds, before = [], ""

        def slot(match: re.Match, kinds: list[str] = kinds) -> str:
            nonlocal before
            word, previous, before = match[0], before, match[0].lower()
            kind = _kind(word, previous)
            fixed = not previous or (kind != "number" and frequency[word.lower()] >= FUNCTION_WORD_AT)
            if fixed or "'" in word or len(word) < 3:
                return word
            words[kind].append(word)
            kinds.append(kind)
            return "%s"

        pattern = _WORD.sub(slot, sentence.replace("%", "%%"))
        if len(kinds) >= max(MIN_SLOTS, len(pattern.split()) / WORDS_PER_SLOT):
            patterns.append((pattern, tuple(kinds)))
    return patterns, dict(words)


def _kind(word: str, previous: str) -> str:
    """What may stand in for `word`: words of the same kind."""
    if word[0].isupper():
        return "name"
    if _NUMBERS.fullmatch(word):
        return "number"
    for ending in ("ing", "ed", "ly", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return ending
    return "noun" if _DETERMINERS.fullmatch(previous) else "other"


class Prose:
    """Sentences without end; the same `rng` state gives the same sentences."""

    def __init__(self, rng: random.Random):
        patterns, words = _sample()
        invented = ["".join(rng.choices(_SYLLABLES, k=rng.choice((2, 2, 3)))).title() for _ in range(INVENTED_NAMES)]
        words = words | {"name": words["name"] + invented}
        streams = {kind: stream(rng, pool) for kind, pool in words.items()}
        bound = [(text, tuple(streams[kind] for kind in kinds)) for text, kinds in patterns]
        self._patterns = stream(rng, bound)
        self._short = stream(rng, [pattern for pattern in bound if len(pattern[0]) <= 36])
        self._names, self._nouns = streams["name"], streams["noun"]
        self._titles = stream(rng, ["The %s of %s", "%s and the last %s", "A %s for %s", "%s: the %s", "The %s at %s"])

    def sentence(self) -> str:
        """One sentence, 66 characters in the mean."""
        text, slots = next(self._patterns)
        return text % tuple(map(next, slots))

    def short_sentence(self) -> str:
        """One sentence, 38 characters in the mean."""
        text, slots = next(self._short)
        return text % tuple(map(next, slots))

    def name(self) -> str:
        """A name."""
        return next(self._names)

    def title(self) -> str:
        """The title of a thread."""
        text = next(self._titles)
        noun, name = f"{next(self._nouns)} {next(self._nouns)}".title(), next(self._names)
        return text % ((name, noun) if text.startswith("%s") else (noun, name))


def stream(rng: random.Random, pool: list) -> Iterator:
    """Members of `pool` drawn at random, for ever."""
    return itertools.chain.from_iterable(iter(lambda: rng.choices(pool, k=BATCH), None))

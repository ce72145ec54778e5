"""Next-reply questions: the true next post among others that were written elsewhere.

In: turns of a split. Out: questions, the same for the same seed. No wrong answer is a copy of the right one or of
another wrong one: neither the same words nor mostly the same words. They are as long as the right one, as near as can
be found: long posts are likelier per byte than short ones, whatever they say.
"""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from contracts.scene import ChatMessage
from jobs.next_reply.turns import Turn

ALIKE = 0.5
"""Jaccard similarity of two posts' sets of words from which on one may stand for the other."""

CANDIDATES = 200
"""Posts that are looked at, at most, to find the wrong answers of one question."""


@dataclass(frozen=True)
class Question:
    """`options[answer]` is what was written after `context`; `answer` counts from 0."""

    source: str
    context: list[ChatMessage] | list[str]
    options: list[str]
    answer: int


def draw_questions(turns: Sequence[Turn], count: int, distractors: int, seed: int) -> list[Question]:
    """Up to `count` questions, fewer when not enough posts differ."""
    generator = random.Random(seed)
    questions = []
    for turn in generator.sample(turns, len(turns)):
        if len(questions) == count:
            break
        options = [turn.reply]
        for other in sorted(generator.sample(turns, min(len(turns), CANDIDATES)), key=partial(_unlike_in_length, turn)):
            if len(options) > distractors:
                break
            if other.source != turn.source and not any(alike(other.reply, option) for option in options):
                options.append(other.reply)
        if len(options) == distractors + 1:
            generator.shuffle(options)
            questions.append(Question(turn.source, turn.context, options, options.index(turn.reply)))
    return questions


def _unlike_in_length(one: Turn, other: Turn) -> float:
    return abs(math.log(len(one.reply) / len(other.reply)))


def alike(one: str, other: str) -> bool:
    """Whether two posts have mostly the same words, case and punctuation aside. Without words nothing differs."""
    first, second = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    together = first | second
    return not together or len(first & second) / len(together) >= ALIKE

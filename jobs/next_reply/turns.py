"""Replies, and what was told before each.

In: samples of a view of conversations, or threads of the corpus. Out: turns, one by one.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.scene import ChatMessage
from jobs.training.views.completion import pieces
from jobs.training.views.sample import Sample

POSTS = 400
"""Posts that are remembered of a story before the next one, at most: a thread may have thousands."""

FORGOTTEN = 100
"""Posts that are forgotten at once: what is remembered of a story for one post begins as for most of its neighbours."""


@dataclass(frozen=True)
class Turn:
    """A reply and what came before it. `context` is a conversation that ends with a user turn, or of a story what
    `story_turns` says."""

    source: str
    context: list[ChatMessage] | list[str]
    reply: str


def turns(samples: Iterable[Sample]) -> Iterator[Turn]:
    """Every reply of every sample once (the windows of a long thread may overlap), if someone spoke before it.
    Samples of a thread stand together.
    """
    for source, windows in itertools.groupby(samples, key=lambda sample: sample.source):
        seen = set()
        for sample in windows:
            for place, (before, message) in enumerate(itertools.pairwise(sample.messages), start=1):
                reply = message["content"].strip()
                if message["role"] == "assistant" and before["role"] == "user" and reply and reply not in seen:
                    seen.add(reply)
                    yield Turn(source, sample.messages[:place], reply)


def story_turns(threads: Iterable[dict]) -> Iterator[Turn]:
    """Every post that follows another player's, once. Its context is what the story was joined of up to there (the
    title is the first piece until POSTS pieces are passed), and `Name:` of who wrote the post."""
    for thread in threads:
        told, posts, seen = pieces(thread), thread["messages"], set()
        for place, (before, post) in enumerate(itertools.pairwise(posts), start=2):
            text = post["text"].strip()
            if text and post["author"] != before["author"] and text not in seen:
                seen.add(text)
                forgotten = math.ceil(max(0, place - POSTS) / FORGOTTEN) * FORGOTTEN
                yield Turn(thread["thread_id"], [*told[forgotten:place], f"{post['author']}:"], text)

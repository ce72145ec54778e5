"""The held-out data that models are judged on.

In: a split of what a run trains on. Out: samples for the loss, and turns (a scene, and what its player then wrote).
"""

import itertools
import math
import pathlib
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from contracts.recipe import Recipe
from contracts.scene import ChatMessage
from jobs.training.threads import read_threads
from jobs.training.views import read_samples
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


@dataclass(frozen=True)
class HeldOut:
    """`samples` are drawn by the recipe's seed, `turns` are all that the split has."""

    split: str
    samples: list[Sample]
    turns: list[Turn]
    view: dict


def read_held_out(recipe: Recipe, home: pathlib.Path, corpus_digest: str, split: str, tokenizer) -> HeldOut:
    """At most evaluate.max_samples samples of `split`, in an order that the seed decides.

    Raises:
        JobError: the corpus or the split is not there, or the view refuses it.
    """
    samples, report = read_samples(recipe, home, corpus_digest, split, tokenizer)
    drawn = random.Random(recipe.evaluate.seed).sample(samples, min(len(samples), recipe.evaluate.max_samples))
    told = recipe.train.view == "completion"
    found = story_turns(read_threads(home, recipe.name, corpus_digest, split)) if told else turns(samples)
    return HeldOut(split, drawn, found, asdict(report))


def turns(samples: list[Sample]) -> list[Turn]:
    """Every reply of every sample once (the windows of a long thread may overlap), if someone spoke before it."""
    found = {}
    for sample in samples:
        for place, (before, message) in enumerate(itertools.pairwise(sample.messages), start=1):
            if message["role"] == "assistant" and before["role"] == "user" and message["content"].strip():
                turn = Turn(sample.source, sample.messages[:place], message["content"].strip())
                found.setdefault((turn.source, turn.reply), turn)
    return list(found.values())


def story_turns(threads: Iterable[dict]) -> list[Turn]:
    """Every post that follows another player's, once. Its context is what the story was joined of up to there (the
    title is the first piece until POSTS pieces are passed), and `Name:` of who wrote the post."""
    found = {}
    for thread in threads:
        told, posts = pieces(thread), thread["messages"]
        for place, (before, post) in enumerate(itertools.pairwise(posts), start=2):
            text = post["text"].strip()
            if text and post["author"] != before["author"]:
                forgotten = math.ceil(max(0, place - POSTS) / FORGOTTEN) * FORGOTTEN
                context = [*told[forgotten:place], f"{post['author']}:"]
                found.setdefault((thread["thread_id"], text), Turn(thread["thread_id"], context, text))
    return list(found.values())

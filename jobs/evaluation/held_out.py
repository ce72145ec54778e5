"""The held-out data that models are judged on.

In: a split of what a run trains on. Out: samples for the loss, and turns (a scene, and what its player then wrote).
"""

import itertools
import pathlib
import random
from dataclasses import asdict, dataclass

from contracts.recipe import Recipe
from contracts.scene import ChatMessage
from jobs.training.views import read_samples
from jobs.training.views.sample import Sample


@dataclass(frozen=True)
class Turn:
    """A reply and what came before it. `context` ends with a user turn."""

    source: str
    context: list[ChatMessage]
    reply: str


@dataclass(frozen=True)
class HeldOut:
    """`samples` are drawn by the recipe's seed, `turns` are those of all samples of the split."""

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
    return HeldOut(split, drawn, turns(samples), asdict(report))


def turns(samples: list[Sample]) -> list[Turn]:
    """Every reply of every sample once (the windows of a long thread may overlap), if someone spoke before it."""
    found = {}
    for sample in samples:
        for place, (before, message) in enumerate(itertools.pairwise(sample.messages), start=1):
            if message["role"] == "assistant" and before["role"] == "user" and message["content"].strip():
                turn = Turn(sample.source, sample.messages[:place], message["content"].strip())
                found.setdefault((turn.source, turn.reply), turn)
    return list(found.values())

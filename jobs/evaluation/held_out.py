"""The held-out data that models are judged on.

In: a split of what a run trains on. Out: samples for the loss, and turns (a scene, and what its player then wrote).
"""

import pathlib
import random
from dataclasses import asdict, dataclass

from contracts.recipe import Recipe
from jobs.next_reply.turns import Turn, story_turns, turns
from jobs.training.threads import read_threads
from jobs.training.views import read_samples
from jobs.training.views.sample import Sample


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
    return HeldOut(split, drawn, list(found), asdict(report))

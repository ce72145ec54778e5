"""Pairs to train a preference on: the post that was written, and one from elsewhere that was not, after the same story.

In: the turns of a split. Out: pairs as token ids, each of its two sequences at most `max_length` tokens long, and the
report on them. The questions of the evaluation are drawn in the same way, of threads that no pair is of.
"""

import pathlib
import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.next_reply.asked import ask
from jobs.next_reply.chat import Chat
from jobs.next_reply.questions import draw_questions
from jobs.next_reply.story import Story
from jobs.next_reply.turns import Turn, story_turns, turns
from jobs.training.chat_template import training_template
from jobs.training.threads import read_threads
from jobs.training.views import ViewReport, stream_samples

CHARACTERS = 16
"""Of a story that are kept for each token that is shown: tokens have about four, few have more than these."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What was told, the post that followed, and one that did not: token ids, as 32-bit integers."""

    prompt_ids: Sequence[int]
    chosen_ids: Sequence[int]
    rejected_ids: Sequence[int]


@dataclass
class PairReport:
    """What became of the turns of a split."""

    view: str
    template: str | None
    cut: dict[str, int] = field(default_factory=dict)
    """Of view chat: tokens of replies that do not fit into train.max_length or hold special tokens, by reason."""
    turns: int = 0
    """Posts that follow another player's; of view chat, of those that were not cut."""
    drawn: int = 0
    """Of these, those for which another post was found; train.dpo.pairs at most."""
    too_long: int = 0
    """Of the drawn ones, those that do not fit into train.max_length with the last post before them."""
    samples: int = 0
    """Pairs."""
    trained: int = 0
    """Tokens of their posts, the written ones and the others."""
    tokens: int = 0
    """All of both sequences of each pair. What they have in common is read twice, and counts twice."""


def stream_pairs(
    recipe: Recipe, home: pathlib.Path, corpus_digest: str, split: str, tokenizer, report: PairReport
) -> Iterator[Pair]:
    """The pairs of `split` in an order that train.seed decides. `report` is whole when the last one is out.

    Raises:
        JobError: as `stream_samples`; no pair to train on.
    """
    train, view = recipe.train, ViewReport()
    found = _counted(_turns(recipe, home, corpus_digest, split, tokenizer, view), report)
    drawn = reservoir(found, train.dpo.pairs if split == "train" else recipe.evaluate.max_samples, train.seed)
    report.cut = view.cut
    chat = _chat(recipe, tokenizer)
    for question in draw_questions(drawn, len(drawn), 1, train.seed):
        report.drawn += 1
        asked = ask(question, chat)
        if asked is None or len(asked.prompt) + max(map(len, asked.continuations)) > train.max_length:
            report.too_long += 1
            continue
        report.samples += 1
        report.trained += sum(map(len, asked.continuations))
        report.tokens += sum(len(asked.prompt) + len(ids) for ids in asked.continuations)
        chosen, rejected = asked.continuations[question.answer], asked.continuations[1 - question.answer]
        yield Pair(*(array("i", ids) for ids in (asked.prompt, chosen, rejected)))
    if split == "train" and not report.samples:
        raise JobError(f"corpus {corpus_digest}: no pair to train on within {train.max_length} tokens: {report}")


def reservoir(found: Iterable[Turn], size: int, seed: int) -> list[Turn]:
    """`size` of `found`, each as likely as any other, without having all in memory (Vitter 1985, algorithm R)."""
    generator, kept = random.Random(seed), []
    for place, turn in enumerate(found):
        if place < size:
            kept.append(turn)
        elif (instead := generator.randrange(place + 1)) < size:
            kept[instead] = turn
    return kept


def _turns(
    recipe: Recipe, home: pathlib.Path, corpus_digest: str, split: str, tokenizer, view: ViewReport
) -> Iterator[Turn]:
    if recipe.train.view != "completion":
        return turns(stream_samples(recipe, home, corpus_digest, split, tokenizer, view))
    room = recipe.train.max_length * CHARACTERS
    told = story_turns(read_threads(home, recipe.name, corpus_digest, split))
    return (replace(turn, context=nearest(turn.context, room)) for turn in told)


def nearest(pieces: list[str], characters: int) -> list[str]:
    """The last of `pieces` that have at least so many characters together, and no fewer than two: what is far longer
    than what is shown would only be held in memory and read in vain."""
    first, missing = len(pieces), characters
    while first and (missing > 0 or first > len(pieces) - 2):
        first -= 1
        missing -= len(pieces[first])
    return pieces[first:]


def _counted(found: Iterable[Turn], report: PairReport) -> Iterator[Turn]:
    for turn in found:
        report.turns += 1
        yield turn


def _chat(recipe: Recipe, tokenizer) -> Chat | Story:
    """How a model is shown what was told, within train.max_length."""
    if recipe.train.view == "completion":
        return Story(tokenizer, recipe.train.max_length)
    return Chat(tokenizer, training_template(tokenizer, recipe.train.chat.template), recipe.train.max_length)

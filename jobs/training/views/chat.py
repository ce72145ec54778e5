"""View `chat`: a thread as conversations, one telling for each of its most active characters.

In: threads of the corpus. Out: samples in which one character is the assistant and the others, by name, are the
user; the system prompt says title, tags and whom the model plays (contracts/scene.py); the loss is on the replies.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from contracts.recipe.train import Train
from contracts.scene import Post, scene_messages
from jobs.training.chat_template import training_template
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import Sample
from jobs.training.views.turns import TurnEncoder
from jobs.training.views.windows import Cutter, Ends, Exchange, Messages, Scene


def chat(threads: Iterable[dict], tokenizer, train: Train, report: ViewReport) -> Iterator[Sample]:
    """All samples of `threads`, in their order.

    Raises:
        JobError: the model has no usable chat template, or the template would train wrong tokens.
    """
    encoder = TurnEncoder(tokenizer, training_template(tokenizer, train.chat.template))
    cutter = Cutter(encoder, train, report)
    return cutter.samples(_tellings(threads, train.chat.characters, report))


def _tellings(threads: Iterable[dict], characters: int, report: ViewReport) -> Iterator[Scene]:
    for thread in threads:
        report.threads += 1
        posts = [Post(author=message["author"], text=message["text"]) for message in thread["messages"]]
        for character in most_active(posts, characters):
            told = functools.partial(scene_messages, thread["title"], thread["tags"], character)
            exchanges = list(_exchanges(posts, character, told))
            yield Scene(thread["thread_id"], told([]), exchanges, thread["tags"])


def most_active(messages: Iterable[dict], count: int) -> list[str]:
    """The authors with most posts, the first to appear winning ties."""
    return [author for author, _ in Counter(message["author"] for message in messages).most_common(count)]


def _exchanges(posts: list[Post], character: str, scene: Callable[[list[Post]], Messages]) -> Iterator[Exchange]:
    """Each turn of `character` with what the others wrote before it."""

    def turns(part: list[Post]) -> Messages:
        return scene(part)[1:]  # without the system turn

    context: list[Post] = []
    for own, run in itertools.groupby(posts, key=lambda post: post["author"] == character):
        if own:
            yield Exchange(turns(context), turns(list(run)), Ends(context, turns))
            context = []
        else:
            context = list(run)
    if context:
        yield Exchange(turns(context), [])

"""View `completion`: a thread as one continuous story, `Name: text` for each post, with loss on all of it.

In: threads of the corpus. Out: samples; the first of a thread begins with its title.
"""

import itertools
from collections.abc import Iterable, Iterator

from contracts.recipe.train import Train
from jobs.training.views.passages import PassageCutter
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import Sample, sample

BETWEEN = "\n\n"
"""What stands between the title and the posts."""


def completion(threads: Iterable[dict], tokenizer, train: Train, report: ViewReport) -> Iterator[Sample]:
    """All samples of `threads`, in their order.

    Raises:
        JobError: the tokenizer has no end token.
    """
    cutter = PassageCutter(tokenizer, train.max_length, train.overlap, report)
    for thread in threads:
        report.threads += 1
        text, posts = story(thread)
        for passage in cutter.passages(text, posts):
            yield sample(thread["thread_id"], [], passage.ids, passage.labels, thread["tags"])


def story(thread: dict) -> tuple[str, list[int]]:
    """The text of a thread, and the characters in it at which posts begin."""
    told = pieces(thread)
    *posts, _ = itertools.accumulate(len(piece) + len(BETWEEN) for piece in told)
    return BETWEEN.join(told), posts


def pieces(thread: dict) -> list[str]:
    """What the story of a thread is joined of: its title, and each post."""
    return [thread["title"], *(f"{message['author']}: {message['text'].strip()}" for message in thread["messages"])]

"""View `completion`: a thread as one continuous story, `Name: text` for each post, with loss on all of it.

In: threads of the corpus. Out: samples; the first of a thread begins with its title.
"""

from collections.abc import Iterable, Iterator

from contracts.recipe.train import Train
from jobs.training.views.passages import PassageCutter
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import Sample, sample


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
    text, posts = thread["title"], []
    for message in thread["messages"]:
        text += "\n\n"
        posts.append(len(text))
        text += f"{message['author']}: {message['text'].strip()}"
    return text, posts

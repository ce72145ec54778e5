"""View `messages`: conversations of any other dataset, as {"messages": [{"role", "content"}]} a row.

In: rows. Out: samples with the template, the mask and the cuts of the view `chat`.
"""

import itertools
from collections.abc import Iterable, Iterator

from contracts.recipe.train import Train
from contracts.scene import Post
from jobs.training.chat_template import training_template
from jobs.training.views.report import ViewReport
from jobs.training.views.rows import MessagesRow
from jobs.training.views.sample import Sample
from jobs.training.views.turns import TurnEncoder
from jobs.training.views.windows import Cutter, Ends, Exchange, Messages, Scene


def messages(rows: Iterable[tuple[str, MessagesRow]], tokenizer, train: Train, report: ViewReport) -> Iterator[Sample]:
    """All samples of `rows`, in their order. Neighbouring messages of one role are joined.

    Raises:
        JobError: the model has no usable chat template, or the template would train wrong tokens.
    """
    encoder = TurnEncoder(tokenizer, training_template(tokenizer, train.chat.template))
    cutter = Cutter(encoder, train, report)
    return cutter.samples(_scenes(rows, report))


def _scenes(rows: Iterable[tuple[str, MessagesRow]], report: ViewReport) -> Iterator[Scene]:
    for place, row in rows:
        report.threads += 1
        turns = _joined(row)
        system = [turn for turn in turns if turn["role"] == "system"]
        yield Scene(place, system, list(_exchanges(turns[len(system) :])))


def _joined(row: MessagesRow) -> Messages:
    return [
        {"role": role, "content": "\n\n".join(message.content.strip() for message in run)}
        for role, run in itertools.groupby(row.messages, key=lambda message: message.role)
    ]


def _exchanges(turns: Messages) -> Iterator[Exchange]:
    context: Messages = []
    for turn in turns:
        if turn["role"] == "assistant":
            posts = [Post(author=asked["role"], text=asked["content"]) for asked in context]
            yield Exchange(context, [turn], Ends(posts, _turns))
            context = []
        else:
            context = [turn]
    if context:
        yield Exchange(context, [])


def _turns(posts: list[Post]) -> Messages:
    return [{"role": post["author"], "content": post["text"]} for post in posts]

"""The samples of a split, by the view that the recipe names.

In: the corpus, or the recipe's dataset. Out: samples and the report on where the tokens went.
"""

import pathlib
from collections.abc import Iterator, Sequence

from contracts.recipe import Recipe
from contracts.votes import VoteSet, votes_folder
from jobs.errors import JobError
from jobs.training.threads import latest_corpus, read_threads
from jobs.training.views.chat import chat
from jobs.training.views.completion import completion
from jobs.training.views.content import content
from jobs.training.views.messages import messages
from jobs.training.views.report import ViewReport
from jobs.training.views.rows import ContentRow, MessagesRow, dataset_digest, read_rows
from jobs.training.views.sample import Sample

OF_THREADS = {"chat": chat, "completion": completion}
OF_ROWS = {"messages": (messages, MessagesRow), "content": (content, ContentRow)}


def source_digest(recipe: Recipe, home: pathlib.Path) -> str:
    """What a run trains on, as 12 hex digits: the newest corpus of the recipe, or its dataset as it is now.

    Raises:
        JobError: it is not there.
    """
    return dataset_digest(recipe.train.dataset) if recipe.train.dataset else latest_corpus(home, recipe.name)


def stream_samples(
    recipe: Recipe, home: pathlib.Path, corpus_digest: str, split: str, tokenizer, report: ViewReport
) -> Iterator[Sample]:
    """The samples of `split` ("train", "valid" or "test") one by one, in the order of their sources. `report` counts
    along and is whole, and checked, when the last one is out.

    Raises:
        JobError: the source is missing, empty, or of another form than the view reads; the tokenizer or the chat
            template cannot be trained with; tokens are unaccounted for.
    """
    train = recipe.train
    if split != "train":  # samples that are measured one by one need not fill rows: each has all the context that fits
        train = train.model_copy(update={"packing": False})
    report.view, report.template = train.view, train.chat.template
    if train.view in OF_ROWS:
        view, kind = OF_ROWS[train.view]
        yield from view(read_rows(train.dataset, split, recipe.corpus.split, kind), tokenizer, train, report)
    else:
        threads = read_threads(home, recipe.name, corpus_digest, split)
        yield from OF_THREADS[train.view](threads, tokenizer, train, report)
    report.check()
    if split == "train" and not report.samples:
        source = train.dataset or f"corpus {corpus_digest}"
        raise JobError(f"{source}: no sample to train on in the view {train.view}: {report}")


def stream_votes(
    recipe: Recipe, home: pathlib.Path, sets: Sequence[VoteSet], tokenizer, report: ViewReport
) -> Iterator[Sample]:
    """The preferred conversations of `sets` as samples of the view `messages`, all of them votes.weight times over.

    Raises:
        JobError: as stream_samples.
    """
    report.view, report.template = "messages", recipe.train.chat.template
    folders = [votes_folder(home, recipe.name) / each.digest for each in sets if each.rows]
    rows = (
        (f"{folder.name}/{place}", row)
        for _ in range(recipe.votes.weight)
        for folder in folders
        for place, row in read_rows(str(folder), "train", recipe.corpus.split, MessagesRow)
    )
    yield from messages(rows, tokenizer, recipe.train, report)
    report.check()


def read_samples(
    recipe: Recipe, home: pathlib.Path, corpus_digest: str, split: str, tokenizer
) -> tuple[list[Sample], ViewReport]:
    """All samples of `split` in memory, and the report. Held-out splits may be empty, `train` may not.

    Raises:
        JobError: as stream_samples.
    """
    report = ViewReport()
    return list(stream_samples(recipe, home, corpus_digest, split, tokenizer, report)), report

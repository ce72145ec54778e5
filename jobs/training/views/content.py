"""View `content`: running text of any other dataset, as {"content": text} a row, with loss on all of it.

In: rows. Out: samples.
"""

from collections.abc import Iterable, Iterator

from contracts.recipe.train import Train
from jobs.training.views.passages import PassageCutter
from jobs.training.views.report import ViewReport
from jobs.training.views.rows import ContentRow
from jobs.training.views.sample import Sample, sample


def content(rows: Iterable[tuple[str, ContentRow]], tokenizer, train: Train, report: ViewReport) -> Iterator[Sample]:
    """All samples of `rows`, in their order.

    Raises:
        JobError: the tokenizer has no end token.
    """
    cutter = PassageCutter(tokenizer, train.max_length, train.overlap, report)
    for place, row in rows:
        report.threads += 1
        for passage in cutter.passages(row.content):
            yield sample(place, [], passage.ids, passage.labels)

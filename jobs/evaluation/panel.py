"""All scorers at work on one split.

In: held-out data and a model. Out: what each scorer that the data allow says; why the others say nothing.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.recipe import Criterion, Evaluate
from jobs.errors import JobError
from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.scorers import SCORERS, NothingToScoreError, Score, Scorer
from jobs.next_reply.chat import Chat

METRICS = {metric: scorer.name for scorer in SCORERS for metric in scorer.metrics}
"""Every metric there is, and the scorer that it comes from."""

MEANINGS = {metric: meaning for scorer in SCORERS for metric, meaning in scorer.metrics.items()}


@dataclass(frozen=True)
class Panel:
    """The scorers that have something to score, by name, and the reasons of those that have not."""

    split: str
    scorers: dict[str, Scorer]
    silent: dict[str, str]

    def score(self, model, only: Iterable[str] | None = None) -> dict[str, Score]:
        """By scorer: those in `only`, of these the ones for which the model has the ability."""
        asked = self.scorers if only is None else {name: self.scorers[name] for name in self.scorers if name in only}
        return {name: scorer.score(model) for name, scorer in asked.items() if scorer.needs in model.abilities}


def make_panel(held_out: HeldOut, settings: Evaluate, chat: Chat) -> Panel:
    """Every scorer is tried."""
    scorers, silent = {}, {}
    for kind in SCORERS:
        try:
            scorers[kind.name] = kind(held_out, settings, chat)
        except NothingToScoreError as reason:
            silent[kind.name] = str(reason)
    return Panel(held_out.split, scorers, silent)


def check_metric(key: str, criterion: Criterion, panel: Panel) -> None:
    """Say before anything is measured that what `criterion`, under `key` of the recipe, asks for will not be there.

    Raises:
        JobError: no scorer has that metric, or the one that has it has nothing to score.
    """
    if criterion.metric not in METRICS:
        near = difflib.get_close_matches(criterion.metric, METRICS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(METRICS)}"
        raise JobError(f"{key}: unknown metric {criterion.metric!r}, {hint}")
    if reason := panel.silent.get(METRICS[criterion.metric]):
        raise JobError(f"{key}: {criterion.metric} is not measured on split {panel.split}: {reason}")


def joined(scores: dict[str, Score]) -> dict:
    """Metrics, intervals and tables of all scorers together, as they stand in evaluation.json."""
    metrics = {metric: round(value, 5) for score in scores.values() for metric, value in score.metrics.items()}
    intervals = {
        metric: [round(end, 5) for end in ends] for score in scores.values() for metric, ends in score.intervals.items()
    }
    return {
        "metrics": metrics,
        "intervals": intervals,
        "tables": {title: rows for score in scores.values() for title, rows in score.tables.items()},
    }

"""Which checkpoint is the best, and whether it is good enough.

In: metrics and the recipe's criteria. Out: a choice, or a verdict, with reasons that a person can check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.recipe import Criterion


@dataclass(frozen=True)
class Verdict:
    """`reasons` has one sentence for each criterion and each model that was to be beaten."""

    passed: bool
    reasons: tuple[str, ...]


def choose(values: Sequence[float], criterion: Criterion) -> int:
    """The place of the best of `values`, which stand in the order of training. A later one is only taken when it is
    better by more than the margin: of equals, the one that was trained least."""
    best = 0
    for place, value in enumerate(values):
        if beats(value, values[best], criterion):
            best = place
    return best


def beats(value: float, reference: float, criterion: Criterion) -> bool:
    """Whether `value` is better than `reference` by more than the margin."""
    gain = reference - value if criterion.better == "lower" else value - reference
    return gain > criterion.margin


def judge(
    candidate: Mapping[str, float],
    references: Mapping[str, Mapping[str, float]],
    criteria: Sequence[Criterion],
    intervals: Mapping[tuple[str, str], str],
) -> Verdict:
    """The candidate passes when it beats each of `references` (name to metrics) on each of `criteria`.
    `intervals` has, for (metric, reference), the interval of the difference in words where there is one."""
    passed, reasons = True, []
    for criterion in criteria:
        for name, metrics in references.items():
            value, reference = candidate[criterion.metric], metrics[criterion.metric]
            holds = beats(value, reference, criterion)
            passed &= holds
            by = f" by more than {criterion.margin:g}" if criterion.margin else ""
            interval = intervals.get((criterion.metric, name))
            reasons.append(
                f"{criterion.metric} {value:.4g} is {'' if holds else 'not '}{criterion.better}{by} than "
                f"{reference:.4g} of the {name}" + (f" (difference {interval})" if interval else "")
            )
    return Verdict(passed, tuple(reasons))

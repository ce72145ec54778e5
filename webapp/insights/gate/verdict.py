"""Pass, continue or stop: the rules of a recipe's section `gate`, applied to the voters so far.

In: closed voters and the rules. Out: a `Verdict` with its reason and all numbers. The same voters always give the same
answer: it is the first moment at which one of the rules holds that decides, and later voters change nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from contracts.recipe import Gate
from webapp.insights.gate.betting import interval_at_all_times, log_capital
from webapp.insights.gate.reasons import Decision, Numbers, TagNumbers, reasons
from webapp.insights.gate.votes import Closed, Votes, close_voters

LARGEST = 700.0
"""Logarithm of the capital that is written for more: floats end there, and JSON has no infinity."""


@dataclass(frozen=True)
class Path:
    """For a chart, after each closed voter (at most 200 of them, evenly spread): all lists have one length."""

    voters: tuple[int, ...]
    capital: tuple[float, ...]
    futility: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """The gate's answer."""

    answer: Literal["pass", "continue", "stop"]
    code: str
    """Why in one word, see `Decision`."""
    reasons: tuple[str, ...]
    """Why in sentences."""
    decided_after: int | None
    """Closed voters at the moment of the decision; None while it goes on."""
    numbers: Numbers
    path: Path


def decide(closed: Closed, rules: Gate) -> Decision:
    """The first moment, in closed voters, at which a rule holds. Where two do, the one that stops."""
    closed = closed.first(rules.max_voters)
    count = np.arange(1, len(closed.score) + 1)
    enough = (count >= rules.min_voters) & (np.cumsum(closed.votes) >= rules.min_votes)
    better, hopeless = _better_and_hopeless(closed, rules)
    tags, found = closed.tag_score.shape[1], []
    for tag in range(tags):
        places, capital = _tag_capital(closed.tag_score[:, tag], rules)
        harmed = (capital >= np.log(tags / rules.alpha_harm)) & (count[: len(places)] >= rules.min_voters_per_tag)
        found += [Decision("stop", "harm", int(places[at]) + 1, tag) for at in _first(harmed)]
    found += [Decision("stop", "not_better", at + 1) for at in _first(hopeless >= -np.log(rules.alpha_futility))]
    found += [Decision("pass", "better", at + 1) for at in _first(enough & (better >= -np.log(rules.alpha)))]
    if len(count) == rules.max_voters:
        found.append(Decision("stop", "too_many_voters", rules.max_voters))
    return min(found, key=lambda decision: decision.voters, default=Decision("continue", "undecided", len(count)))


def judge(votes: Votes, rules: Gate, tags: Sequence[str], now: float) -> Verdict:
    """The answer at `now` (seconds, of the votes' clock). Its numbers are those of the first `max_voters` voters.

    Args:
        tags: names of the columns of `votes.tagged`.

    Raises:
        ValueError: as many tags as columns were expected.
    """
    columns = 0 if votes.tagged is None else votes.tagged.shape[1]
    if columns != len(tags):
        raise ValueError(f"{len(tags)} tags, but {columns} columns in tagged")
    closed = close_voters(votes, now, rules.votes_per_voter, rules.voter_window_hours * 3600).first(rules.max_voters)
    decision, voters = decide(closed, rules), len(closed.score)
    times, low, high = interval_at_all_times(closed.score, rules.alpha)
    better, hopeless = (np.exp(np.minimum(each, LARGEST)) for each in _better_and_hopeless(closed, rules))
    path = (times, better[times - 1], hopeless[times - 1], low, high)
    numbers = Numbers(
        votes=int(closed.votes.sum()),
        voters=voters,
        voters_open=closed.open,
        score=float(closed.score.mean()) if voters else None,
        low=float(low[-1]) if voters else None,
        high=float(high[-1]) if voters else None,
        capital=float(better[-1]) if voters else 1.0,
        threshold=1 / rules.alpha,
        futility=float(hopeless[-1]) if voters else 1.0,
        futility_threshold=1 / rules.alpha_futility,
        tags=tuple(_tag_numbers(tag, closed.tag_score[:, at], len(tags), rules) for at, tag in enumerate(tags)),
    )
    return Verdict(
        answer=decision.answer,
        code=decision.code,
        reasons=reasons(decision, numbers, rules),
        decided_after=None if decision.answer == "continue" else decision.voters,
        numbers=numbers,
        path=Path(*(tuple(each.tolist()) for each in path)),
    )


def _better_and_hopeless(closed: Closed, rules: Gate) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the capital of who says that the candidate is better by the margin, and of who says that not."""
    target = 0.5 + rules.margin
    return log_capital(closed.score, target, above=True), log_capital(closed.score, target, above=False)


def _tag_capital(scores: np.ndarray, rules: Gate) -> tuple[np.ndarray, np.ndarray]:
    """Which voters have been in scenes with the tag, and by then the log capital of who says that it is harmed."""
    places = np.flatnonzero(~np.isnan(scores))
    return places, log_capital(scores[places], 0.5 - rules.harm_margin, above=False)


def _tag_numbers(tag: str, scores: np.ndarray, tags: int, rules: Gate) -> TagNumbers:
    places, capital = _tag_capital(scores, rules)
    return TagNumbers(
        tag=tag,
        voters=len(places),
        score=float(scores[places].mean()) if places.size else None,
        capital=float(np.exp(min(capital[-1], LARGEST))) if places.size else 1.0,
        threshold=tags / rules.alpha_harm,
    )


def _first(holds: np.ndarray) -> list[int]:
    """The first place where it holds; empty where it never does."""
    return np.flatnonzero(holds)[:1].tolist()

"""What the gate decided and saw, and the sentences that tell a person why.

In: a decision, the numbers, the rules. Out: sentences.
"""

from dataclasses import dataclass
from typing import Literal

from contracts.recipe import Gate


@dataclass(frozen=True)
class Decision:
    """What was decided, why in one word, after how many closed voters."""

    answer: Literal["pass", "continue", "stop"]
    code: Literal["better", "not_better", "harm", "too_many_voters", "undecided"]
    voters: int
    tag: int | None = None
    """Number of the tag that is harmed."""


@dataclass(frozen=True)
class TagNumbers:
    """How the candidate does in scenes with one tag. It is stopped for when `capital` has reached `threshold`."""

    tag: str
    voters: int
    score: float | None
    capital: float
    threshold: float


@dataclass(frozen=True)
class Numbers:
    """What the gate saw. `score`, `low` and `high` are shares, None before the first voter is closed."""

    votes: int
    """Counted ones: of closed voters, the first of each."""
    voters: int
    """Closed ones."""
    voters_open: int
    score: float | None
    """Mean over closed voters: the win rate, a tie half a win, each person once."""
    low: float | None
    high: float | None
    """Interval that holds at all times, with a chance of 1 - alpha."""
    capital: float
    threshold: float
    """Better by the margin is proven where `capital` gets there."""
    futility: float
    futility_threshold: float
    """Given up where `futility` gets there."""
    tags: tuple[TagNumbers, ...]


def reasons(decision: Decision, numbers: Numbers, rules: Gate) -> tuple[str, ...]:
    """Why it passes, goes on or stops; the first sentence says it all."""
    target = f"{0.5 + rules.margin:.1%}"
    after = f"after {decision.voters} voters"
    if decision.code == "better":
        return (f"It wins more than {target} against the other one: proven {after}, at an error of {rules.alpha:.0%}.",)
    if decision.code == "not_better":
        return (f"It does not win more than {target}: given up {after}, at an error of {rules.alpha_futility:.0%}.",)
    if decision.code == "harm":
        tag = numbers.tags[decision.tag]
        worst = f"{0.5 - rules.harm_margin:.1%}"
        return (f"In scenes with the tag “{tag.tag}” it wins less than {worst}: stopped {after}.",)
    if decision.code == "too_many_voters":
        return (f"{rules.max_voters} voters did not prove that it wins more than {target}: no more are asked for.",)
    missing = [
        f"{least - have} more {what} are needed before anything can pass ({have} of {least})."
        for what, have, least in (
            ("voters", numbers.voters, rules.min_voters),
            ("votes", numbers.votes, rules.min_votes),
        )
        if have < least
    ]
    if numbers.capital < numbers.threshold:
        need = f"the capital is {numbers.capital:.3g}, it has to reach {numbers.threshold:.3g}"
        missing.append(f"Not proven yet that it wins more than {target}: {need}.")
    return tuple(missing)

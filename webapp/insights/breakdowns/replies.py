"""How long replies are and how long they take, for each model.

In: a selection. Out: quantiles; of seconds to a hundredth, since they are counted in hundredths. Replies whose text was
erased are left out of the lengths, those whose time nobody measured out of the times.
"""

from dataclasses import dataclass

import numpy as np

from webapp.insights.votes.selection import Selection

SHARES = (0.1, 0.5, 0.9, 0.95)
LONGEST = 60_000
"""Characters, and hundredths of a second, from which on all are counted as one."""


@dataclass(frozen=True)
class Spread:
    """Of so many measured. None where there are none. p10: a tenth is at most as large."""

    measured: int
    p10: float | None
    median: float | None
    p90: float | None
    p95: float | None


@dataclass(frozen=True)
class Replies:
    """One model's."""

    model: str
    replies: int
    characters: Spread
    seconds: Spread
    """From asking the engine to the reply's end."""
    first_token: Spread
    """Seconds from asking the engine to its first words."""


def by_model(votes: Selection) -> list[Replies]:
    """Models with replies, by name."""
    size = len(votes.models)
    replies = np.bincount(votes["left"], minlength=size) + np.bincount(votes["right"], minlength=size)
    characters, seconds, first = (_spreads(votes, column) for column in ("characters", "seconds", "first_token"))
    found = [
        Replies(name, int(replies[model]), characters[model], seconds[model], first[model])
        for model, name in enumerate(votes.models)
        if replies[model]
    ]
    return sorted(found, key=lambda each: each.model)


def _spreads(votes: Selection, column: str) -> list[Spread]:
    """(models,) by counting: a million votes are no more work than their histogram."""
    tally = np.zeros((len(votes.models), LONGEST + 1), np.int64)
    whole = column == "characters"
    for side in ("left", "right"):
        values, model = votes[f"{column}_{side}"], votes[side]
        known = values > 0 if whole else np.isfinite(values)
        steps = np.minimum(values[known] if whole else np.rint(100 * values[known]), LONGEST).astype(np.intp)
        tally += np.bincount(model[known] * np.intp(LONGEST + 1) + steps, minlength=tally.size).reshape(tally.shape)
    return [_spread(row, 1 if whole else 100) for row in tally]


def _spread(tally: np.ndarray, steps: int) -> Spread:
    """The smallest value that a share of all does not exceed."""
    below = np.cumsum(tally)
    measured = int(below[-1])
    if not measured:
        return Spread(0, None, None, None, None)
    places = np.searchsorted(below, np.ceil(np.array(SHARES) * measured))
    return Spread(measured, *(float(place) / steps for place in places))

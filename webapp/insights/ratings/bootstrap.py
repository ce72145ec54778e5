"""Bootstrap over voters: a slow way to the same intervals, to check the sandwich's.

In: battles with voters. Out: `Bootstrap`. Voters are drawn with replacement, all votes of one together (A. C. Davison
and D. V. Hinkley 1997, "Bootstrap Methods and their Application", section 3.8).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from webapp.insights.ratings.battles import Battles, Outcome
from webapp.insights.ratings.fit import MODELS, loss_for
from webapp.insights.ratings.grouping import Grouped, cells, group
from webapp.insights.ratings.identifiability import identifiability
from webapp.insights.ratings.newton import NoMinimum, minimise


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Ratings over redrawn voters; models that the votes themselves cannot rate are NaN."""

    ratings: np.ndarray
    """(replicates, m), each centred at mean zero."""
    low: np.ndarray
    """(m,) percentile intervals."""
    high: np.ndarray
    left_out: int
    """Replicates without finite ratings for all rated models: many of them make the interval too narrow."""


def bootstrap(
    battles: Battles,
    model: str = "bradley_terry",
    side_bias: bool = False,
    replicates: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Refit on `replicates` draws of as many voters as there are.

    Raises:
        ValueError: no voters are known, nothing can be rated, or no replicate can be fitted.
    """
    if battles.voter is None:
        raise ValueError("a bootstrap over voters needs voters")
    everything = group(battles, side_bias)
    rated = identifiability(battles.models, everything).rated
    if not len(rated):
        raise ValueError("no model has a finite rating")
    people, voter = np.unique(battles.voter, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), replicates)
    shape = (len(people), everything.slots * len(Outcome))
    given = np.ones(len(voter)) if battles.count is None else battles.count.astype(float)
    by_voter = csr_array((given, (voter, cells(battles, everything.situation))), shape=shape)
    found = np.full((replicates, len(battles.models)), np.nan)
    for replicate, times in enumerate(drawn):
        tally = (times @ by_voter).reshape(everything.slots, len(Outcome))
        counts = tally[everything.slot][:, : Outcome.BOTH_BAD]
        ratings = _ratings(replace(everything, counts=counts).within(rated), model)
        if ratings is not None:
            found[replicate, rated] = ratings
    kept = found[~np.isnan(found[:, rated[0]])]
    if not len(kept):
        raise ValueError("no draw of the voters has finite ratings")
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, [tail, 1 - tail], axis=0)
    return Bootstrap(kept, low, high, replicates - len(kept))


def _ratings(grouped: Grouped, model: str) -> np.ndarray | None:
    """The ratings of all models of `grouped`, or None if one of them has none in this draw."""
    if len(identifiability([""] * grouped.models, grouped).rated) < grouped.models:
        return None
    loss, _ = loss_for(grouped, MODELS[model])
    try:
        return minimise(loss.value, loss.slopes, loss.start())[0][: grouped.models]
    except NoMinimum:
        return None

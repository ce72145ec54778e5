"""Testing a mean by betting on it: capital that can be looked at after every observation.

In: independent observations in [0, 1], a mean to bet against. Out: logarithms of the capital, and from it an interval
that holds at all times. All after I. Waudby-Smith and A. Ramdas (2024), "Estimating means of bounded random variables
by betting", JRSS-B 86: 1-27.
"""

import numpy as np
from scipy.special import logsumexp

BETS = (np.arange(48) + 0.5) / 48
"""Shares of the largest bet that cannot ruin the better, fixed beforehand; the capital is the mean over them. (A
mixture needs no guess of how much better the candidate is, and of what its variance is.)"""
STEPS = 24
"""Halvings of the interval's ends: to less than 1e-7."""


def log_capital(scores: np.ndarray, mean: float, above: bool) -> np.ndarray:
    """Capital after each observation of a better who says that the true mean is above (or below) `mean`.

    Each starts with 1 and stakes the share c of the largest bet on every observation z: for `above` its capital is the
    product of 1 + λ (z - mean) with λ = c / mean, for below that of 1 - λ (z - mean) with λ = c / (1 - mean). Where the
    true mean is not on the better's side, this is a nonnegative supermartingale that starts with 1: by Ville's
    inequality it ever reaches 1/α with a chance of at most α.

    Args:
        scores: (..., n), each in [0, 1].
        mean: between 0 and 1, both excluded.

    Returns:
        (..., n), natural logarithms of the mean capital over `BETS`.
    """
    if not 0 < mean < 1:
        raise ValueError(f"a mean to bet against lies between 0 and 1, not at {mean}")
    return _mixed(np.cumsum(_log_factors(np.asarray(scores, float), mean, above), axis=-2))


def interval_at_all_times(
    scores: np.ndarray, alpha: float, most: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A confidence sequence for the mean: with a chance of at least 1 - alpha it holds the true mean at all times.

    A mean is left out once one of two betters, each with half of the capital, has reached 1/alpha against it. As shares
    of the largest bet, the bets make the capital fall (rise) with the mean: the ends are found by halving.

    Args:
        scores: (n,), each in [0, 1].
        most: at so many times it is worked out, evenly spread, the last among them.

    Returns:
        times: (t,) observations so far, from 1; low and high: (t,), each time's interval within all before it.
    """
    n = len(scores)
    times = np.unique(np.linspace(1, n, min(n, most)).round().astype(int)) if n else np.empty(0, int)
    values, which = np.unique(scores, return_inverse=True)
    seen = np.cumsum(which[:, None] == np.arange(len(values)), axis=0)[times - 1].astype(float)
    ends = []
    for above in (True, False):
        low, high = np.zeros(len(times)), np.ones(len(times))
        for _ in range(STEPS):
            middle = (low + high) / 2
            factors = _log_factors(values, middle[:, None, None], above)
            ruled_out = _mixed(np.einsum("tv,tvb->tb", seen, factors)) >= np.log(2 / alpha)
            up = ruled_out if above else ~ruled_out
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        ends.append(low if above else high)  # the outer ends: never too narrow
    return times, np.maximum.accumulate(ends[0]), np.minimum.accumulate(ends[1])


def _log_factors(scores: np.ndarray, mean, above: bool) -> np.ndarray:
    """What one observation does to the capital at each bet; a last axis of bets is added to `scores`."""
    share = scores[..., None] / mean if above else (1 - scores[..., None]) / (1 - mean)
    return np.log1p(BETS * (share - 1))


def _mixed(log_of_each: np.ndarray) -> np.ndarray:
    return logsumexp(log_of_each, axis=-1) - np.log(len(BETS))

"""What a fit says.

Ratings are natural log-odds, mean zero over the rated models; `elo` is the same on Elo's scale.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from scipy.special import stdtrit

CLUSTERED, MODEL_BASED = "clustered by voter", "model-based"


def elo(rating: float) -> float:
    """A rating in natural log-odds on Elo's scale: 400 points are odds of ten to one, the mean is 1000."""
    return 1000 + 400 / log(10) * rating


def quantile(voters: int | None, confidence: float) -> float:
    """How many standard errors an interval reaches: Student's t, `voters` - 1 degrees; the normal's without voters."""
    return float(stdtrit(np.inf if voters is None else max(1, voters - 1), (1 + confidence) / 2))


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and interval; those are None where the votes cannot tell them."""

    value: float
    standard_error: float | None
    low: float | None
    high: float | None

    def without_interval(self) -> "Estimate":
        """The number alone."""
        return Estimate(self.value, None, None, None)


def estimate(value: float, variance: float, reach: float) -> Estimate:
    """The interval value ± reach standard errors."""
    error = sqrt(max(0.0, variance))
    return Estimate(float(value), error, float(value - reach * error), float(value + reach * error))


@dataclass(frozen=True)
class Rating:
    """One model's. `estimate` is None with a `reason`; `votes` are those that decide, ties among them."""

    model: str
    votes: int
    estimate: Estimate | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class Fit:
    """What one model of votes makes of the battles."""

    model: str
    ratings: tuple[Rating, ...]
    """In the order of `Battles.models`."""
    side_bias: Estimate | None
    """Log-odds for the left side between equals; None if not asked for."""
    effects: dict[str, Estimate]
    """Log-odds for one unit of each covariate."""
    tie: dict[str, float]
    """The tie parameter by its paper's name; empty for Bradley-Terry, and where no vote is a tie."""
    log_loss: float | None
    """Mean over `votes` of minus the natural logarithm of the fitted probability of what the voter said. A tie is
    an outcome of its own for Rao-Kupper and Davidson, and half of each win for Bradley-Terry: the two kinds of figure
    do not compare. None if nothing was rated."""
    votes: int
    """Votes in the fit: those between rated models, both-bad ones left out."""
    intervals: str | None
    """`clustered by voter` or `model-based`; None if nothing was rated."""
    voters: int | None
    """People behind `votes`, where the intervals are clustered."""
    warnings: tuple[str, ...]
    seconds: float
    """Grouping, the check of what can be rated, and the estimates."""
    seconds_intervals: float
    covariance: np.ndarray
    """(p, p): rated models, side, covariates, tie parameter (κ = ln θ, or ln ν)."""

    @property
    def values(self) -> np.ndarray:
        """(m,) ratings, NaN where there is none."""
        return np.array([np.nan if rating.estimate is None else rating.estimate.value for rating in self.ratings])

    def difference(self, one: str, other: str, confidence: float = 0.95) -> Estimate:
        """How much better `one` is than `other`, in log-odds: what their two intervals do not show.

        Without an interval where one of the two has none.

        Raises:
            ValueError: one of them has no rating.
        """
        known = {rating.model: rating.estimate for rating in self.ratings if rating.estimate}
        rated = list(known)
        if one not in rated or other not in rated:
            raise ValueError(f"no rating for {one if one not in rated else other}")
        contrast = np.zeros(len(self.covariance))
        contrast[rated.index(one)] += 1
        contrast[rated.index(other)] -= 1
        value = contrast[: len(rated)] @ self.values[~np.isnan(self.values)]
        found = estimate(value, contrast @ self.covariance @ contrast, quantile(self.voters, confidence))
        sure = known[one].standard_error is not None and known[other].standard_error is not None
        return found if sure else found.without_interval()

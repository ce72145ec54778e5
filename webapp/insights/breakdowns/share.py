"""A share of votes and how sure it is, when some people vote often.

In: a point for each vote, and who cast it. Out: `Share` with an interval that takes votes of one person as alike as
they turn out to be.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from webapp.insights.win_rate import wilson


@dataclass(frozen=True)
class Share:
    """Mean of `votes` points from 0 to 1. All None without a vote."""

    votes: int
    voters: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def says(self) -> str:
        """Which side of one half it is on: `above`, `below`, or `open` while the interval holds one half."""
        if self.value is None or self.low <= 0.5 <= self.high:
            return "open"
        return "above" if self.low > 0.5 else "below"


NOTHING = Share(0, 0, None, None, None)


def shares(group: np.ndarray, points: np.ndarray, voter: np.ndarray, groups: int) -> list[Share]:
    """One share for each group, with 95 % intervals.

    Args:
        group: (n,) integers from 0 to `groups` - 1.
        points: (n,) from 0 to 1.
        voter: (n,) integers from 0.
    """
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=groups))
    points, voter = points[order], voter[order]
    return [share(points[rows], voter[rows]) for rows in map(slice, [0, *ends[:-1]], ends)]


def share(points: np.ndarray, voter: np.ndarray) -> Share:
    """Wilson's interval on the effective number of votes.

    That number is p (1 - p) / v, where v is the jackknife's variance of the mean, one voter left out at a time; times
    the ratio of Student's quantiles (t with n - 1 degrees of freedom over t with V - 1, squared): E. L. Korn and B. I.
    Graubard (1998), "Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data", Survey Methodology 24: 193-201. It is never more than n nor less than 1. Where all points are 0, or
    all 1, nothing shows how alike the votes of one person are: each person counts once then; so does a single one.
    """
    n = len(points)
    if not n:
        return NOTHING
    cast = np.bincount(voter)
    got = np.bincount(voter, points)
    there = cast > 0
    cast, got = cast[there], got[there]
    voters, mean = len(cast), float(points.mean())
    mean = min(1.0, max(0.0, mean))
    effective = _effective(n, mean, cast, got)
    interval = wilson(mean * effective, effective)
    return Share(n, voters, mean, interval.low, interval.high)


def _effective(n: int, mean: float, cast: np.ndarray, got: np.ndarray) -> float:
    voters = len(cast)
    if voters == 1:
        return 1.0
    if mean in (0.0, 1.0):
        return float(voters)
    without = (got.sum() - got) / (n - cast)
    variance = (voters - 1) / voters * float(((without - mean) ** 2).sum())
    if variance == 0:
        return float(n)
    few = (stdtrit(n - 1, 0.975) / stdtrit(voters - 1, 0.975)) ** 2
    return float(min(n, max(1.0, mean * (1 - mean) / variance * few)))

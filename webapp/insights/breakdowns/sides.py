"""Does the side matter, does the length?

In: a selection. Out: shares of the votes for one of the two replies.
"""

import numpy as np

from webapp.insights.breakdowns.share import Share, share
from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import Selection


def for_the_left(votes: Selection) -> Share:
    """Of the votes for a side, those for the left one. Sides are drawn by lot: without a bias it is one half."""
    rows = _one_preferred(votes)
    return share((votes["choice"][rows] == Outcome.LEFT).astype(float), votes["voter"][rows])


def for_the_longer(votes: Selection) -> Share:
    """Of the votes for a side, those for the reply with more characters; where both have as many, none."""
    rows = _one_preferred(votes)
    longer = np.sign(votes["characters_left"][rows] - votes["characters_right"][rows])
    rows, longer = rows[longer != 0], longer[longer != 0]
    chosen = np.where(votes["choice"][rows] == Outcome.LEFT, 1, -1)
    return share((chosen == longer).astype(float), votes["voter"][rows])


def _one_preferred(votes: Selection) -> np.ndarray:
    return np.flatnonzero((votes["choice"] == Outcome.LEFT) | (votes["choice"] == Outcome.RIGHT))

"""Bradley-Terry: the odds that left wins are the ratio of the strengths. A tie is half a win for each.

R. A. Bradley and M. E. Terry (1952), Biometrika 39: 324-345. With ties as halves it is a quasi-likelihood: the
model-based errors are too large where ties are many, the sandwich's are right.
"""

import numpy as np
from scipy.special import expit, log_expit

from webapp.insights.ratings.likelihood import Curvature, Slopes


class BradleyTerry:
    """See the module. The log-"probability" of a tie is the mean of the other two, not that of a third outcome."""

    name = "bradley_terry"
    tie_start = None
    tie_above = -np.inf

    def log_probability(self, predictor: np.ndarray, tie: float) -> np.ndarray:
        """See `Likelihood`."""
        left, right = log_expit(predictor), log_expit(-predictor)
        return np.stack([left, (left + right) / 2, right], axis=1)

    def slopes(self, predictor: np.ndarray, tie: float) -> Slopes:
        """See `Likelihood`."""
        return Slopes(np.array([1.0, 0.5, 0.0]) - expit(predictor)[:, None], None)

    def curvature(self, predictor: np.ndarray, tie: float, counts: np.ndarray) -> Curvature:
        """See `Likelihood`."""
        return Curvature(expit(predictor) * expit(-predictor) * counts.sum(axis=1), None, None)

    def tie_parameter(self, tie: float) -> dict[str, float]:
        """None."""
        return {}

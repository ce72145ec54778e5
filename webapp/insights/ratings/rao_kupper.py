"""Rao-Kupper: a voter who sees less than a threshold of difference says tie.

P. V. Rao and L. L. Kupper (1967), JASA 62: 194-204: P(left) = a / (a + θ b), P(right) = b / (θ a + b), and what is
left over is a tie, with strengths a and b and θ ≥ 1. The tie parameter here is κ = ln θ > 0.
"""

import numpy as np
from scipy.special import expit, log_expit

from webapp.insights.ratings.likelihood import Curvature, Slopes


class RaoKupper:
    """See the module."""

    name = "rao_kupper"
    tie_start = 0.5
    tie_above = 0.0

    def log_probability(self, predictor: np.ndarray, tie: float) -> np.ndarray:
        """See `Likelihood`."""
        left, right = log_expit(predictor - tie), log_expit(-predictor - tie)
        # P(tie) = (θ² - 1) P(left) P(right); ln(θ² - 1) = 2κ + ln(1 - e^-2κ)
        return np.stack([left, 2 * tie + np.log(-np.expm1(-2 * tie)) + left + right, right], axis=1)

    def slopes(self, predictor: np.ndarray, tie: float) -> Slopes:
        """See `Likelihood`."""
        not_left, not_right = expit(tie - predictor), expit(tie + predictor)
        threshold = -2 / np.expm1(-2 * tie)
        return Slopes(
            np.stack([not_left, not_left - not_right, -not_right], axis=1),
            np.stack([-not_left, threshold - not_left - not_right, -not_right], axis=1),
        )

    def curvature(self, predictor: np.ndarray, tie: float, counts: np.ndarray) -> Curvature:
        """See `Likelihood`."""
        wins, ties, losses = counts.T
        from_left = (wins + ties) * expit(tie - predictor) * expit(predictor - tie)
        from_right = (losses + ties) * expit(tie + predictor) * expit(-tie - predictor)
        both = from_left + from_right
        return Curvature(both, from_right - from_left, both + ties / np.sinh(tie) ** 2)

    def tie_parameter(self, tie: float) -> dict[str, float]:
        """θ: the factor by which a model must be stronger to be seen as even."""
        return {"theta": float(np.exp(tie))}

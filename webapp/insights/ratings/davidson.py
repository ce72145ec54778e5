"""Davidson: ties are likeliest between equals, in proportion to the geometric mean of the strengths.

R. R. Davidson (1970), JASA 65: 317-328: P(tie) = ν √(ab) / (a + b + ν √(ab)), with strengths a and b and ν > 0. The
tie parameter here is ln ν. M. E. J. Newman's (2023, JMLR 24, 22-1086) is the same model with ν = 2v.
"""

import numpy as np

from webapp.insights.ratings.likelihood import Curvature, Slopes


class Davidson:
    """See the module."""

    name = "davidson"
    tie_start = 0.0
    tie_above = -np.inf

    def log_probability(self, predictor: np.ndarray, tie: float) -> np.ndarray:
        """See `Likelihood`."""
        shares, highest = _shares(predictor, tie)
        scores = np.stack([predictor / 2, np.full(len(predictor), tie), -predictor / 2], axis=1)
        return scores - (highest + np.log(shares.sum(axis=0)))[:, None]

    def slopes(self, predictor: np.ndarray, tie: float) -> Slopes:
        """See `Likelihood`."""
        left, even, right = _probability(predictor, tie)
        return Slopes(
            np.array([0.5, 0.0, -0.5]) - (left - right)[:, None] / 2,
            np.array([0.0, 1.0, 0.0]) - even[:, None],
        )

    def curvature(self, predictor: np.ndarray, tie: float, counts: np.ndarray) -> Curvature:
        """See `Likelihood`."""
        votes = counts.sum(axis=1)
        left, even, right = _probability(predictor, tie)
        lean = (left - right) / 2
        return Curvature(
            votes * ((left + right) / 4 - lean**2),
            -votes * even * lean,
            votes * even * (left + right),
        )

    def tie_parameter(self, tie: float) -> dict[str, float]:
        """ν: two equal models tie with probability ν / (2 + ν)."""
        return {"nu": float(np.exp(tie))}


def _shares(predictor: np.ndarray, tie: float) -> tuple[np.ndarray, np.ndarray]:
    """(3, rows) numbers in proportion to the probabilities, the largest 1; and the logarithm that was taken off."""
    half = predictor / 2
    highest = np.maximum(np.abs(half), tie)
    return np.exp(np.stack([half - highest, tie - highest, -half - highest])), highest


def _probability(predictor: np.ndarray, tie: float) -> np.ndarray:
    """(3, rows) of left, tie, right."""
    shares, _ = _shares(predictor, tie)
    return shares / shares.sum(axis=0)

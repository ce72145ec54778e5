"""What a model of votes must tell the fit.

In: the linear predictor of a situation, in the rating of left minus right. Out: log-probabilities of the three
outcomes, their slopes, and the curvature.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives of the log-probabilities, (rows, 3) each: left, tie, right."""

    predictor: np.ndarray
    tie: np.ndarray | None
    """By the tie parameter; None where there is none."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """Second derivatives of minus the log-likelihood, summed over a situation's votes, (rows,) each."""

    predictor: np.ndarray
    both: np.ndarray | None
    """By the predictor and the tie parameter."""
    tie: np.ndarray | None


class Likelihood(Protocol):
    """A model of votes whose log-likelihood is concave in predictor and tie parameter together."""

    name: str
    tie_start: float | None
    """Where the tie parameter's search starts; None where the model has none."""
    tie_above: float
    """The tie parameter is larger than this."""

    def log_probability(self, predictor: np.ndarray, tie: float) -> np.ndarray:
        """(rows, 3) log-probabilities of left, tie, right."""

    def slopes(self, predictor: np.ndarray, tie: float) -> Slopes:
        """First derivatives."""

    def curvature(self, predictor: np.ndarray, tie: float, counts: np.ndarray) -> Curvature:
        """Second derivatives, for `counts` (rows, 3) votes."""

    def tie_parameter(self, tie: float) -> dict[str, float]:
        """The tie parameter by the name that its paper gives it."""

"""The linear predictor that all models share, and what it makes of slopes and curvatures.

A vote's predictor is rating(left) - rating(right) + extras · effects. In: counts and a model of votes. Out: loss,
gradient and Hessian in all parameters: m ratings, k effects, then the tie parameter if there is one.
"""

import numpy as np

from webapp.insights.ratings.grouping import Grouped
from webapp.insights.ratings.likelihood import Likelihood


class Loss:
    """Minus the log-likelihood of `grouped` under `likelihood`, with the ratings held at mean zero.

    Ratings are defined up to a constant. A penalty on their sum makes the minimum the one with mean zero, touches
    nothing else (the likelihood does not change along it), and makes the Hessian positive definite.
    """

    def __init__(self, grouped: Grouped, likelihood: Likelihood, tied: bool):
        """`tied`: whether the tie parameter is estimated."""
        self.grouped, self.likelihood, self.tied = grouped, likelihood, tied
        self.anchor = grouped.counts.sum() / 4 / grouped.models**2
        self._pair = grouped.left * grouped.models + grouped.right

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.grouped.models + self.grouped.extras.shape[1] + self.tied

    def start(self) -> np.ndarray:
        """All models equal, nothing sways a vote."""
        point = np.zeros(self.size)
        if self.tied:
            point[-1] = self.likelihood.tie_start
        return point

    def predictor(self, point: np.ndarray) -> tuple[np.ndarray, float]:
        """(rows,) the linear predictor, and the tie parameter."""
        grouped, models = self.grouped, self.grouped.models
        predictor = point[grouped.left] - point[grouped.right]
        if grouped.extras.shape[1]:
            predictor += grouped.extras @ point[models : models + grouped.extras.shape[1]]
        return predictor, float(point[-1]) if self.tied else 0.0

    def without_anchor(self, point: np.ndarray) -> float:
        """Minus the log-likelihood; infinite where the tie parameter is outside its range."""
        predictor, tie = self.predictor(point)
        if self.tied and tie <= self.likelihood.tie_above:
            return np.inf
        return -float(np.einsum("ij,ij->", self.grouped.counts, self.likelihood.log_probability(predictor, tie)))

    def value(self, point: np.ndarray) -> float:
        """What Newton's method makes small."""
        return self.without_anchor(point) + self.anchor / 2 * float(point[: self.grouped.models].sum()) ** 2

    def slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient (p,) and Hessian (p, p)."""
        grouped, models = self.grouped, self.grouped.models
        predictor, tie = self.predictor(point)
        slopes = self.likelihood.slopes(predictor, tie)
        curvature = self.likelihood.curvature(predictor, tie, grouped.counts)
        by_predictor = np.einsum("ij,ij->i", grouped.counts, slopes.predictor)
        gradient, hessian = np.empty(self.size), np.empty((self.size, self.size))
        effects = slice(models, models + grouped.extras.shape[1])
        gradient[:models] = -self._by_model(by_predictor) + self.anchor * point[:models].sum()
        gradient[effects] = -by_predictor @ grouped.extras
        met = np.bincount(self._pair, curvature.predictor, models * models).reshape(models, models)
        met = met + met.T
        hessian[:models, :models] = np.diag(met.sum(axis=1)) - met + self.anchor
        bent = curvature.predictor[:, None] * grouped.extras
        hessian[effects, effects] = grouped.extras.T @ bent
        for column in range(bent.shape[1]):
            hessian[:models, models + column] = self._by_model(bent[:, column])
        if self.tied:
            gradient[-1] = -np.einsum("ij,ij->", grouped.counts, slopes.tie)
            hessian[:models, -1] = self._by_model(curvature.both)
            hessian[effects, -1] = curvature.both @ grouped.extras
            hessian[-1, -1] = curvature.tie.sum()
        upper = np.triu_indices(self.size, 1)
        hessian.T[upper] = hessian[upper]
        return gradient, hessian

    def _by_model(self, values: np.ndarray) -> np.ndarray:
        """(m,) sum of (rows,) values where a model stands left, less where it stands right."""
        grouped = self.grouped
        return np.bincount(grouped.left, values, grouped.models) - np.bincount(grouped.right, values, grouped.models)

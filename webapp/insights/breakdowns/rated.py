"""Ratings of the selected votes by all three ties models, next to each other.

In: a selection. Out: fits, or why there is none.
"""

from dataclasses import dataclass

from webapp.insights.ratings.fit import MODELS, NoEstimate, fit
from webapp.insights.ratings.result import Fit
from webapp.insights.votes.selection import Selection

MAIN = "bradley_terry"
LABELS = {"bradley_terry": "Bradley-Terry", "rao_kupper": "Rao-Kupper", "davidson": "Davidson"}


@dataclass(frozen=True)
class Rated:
    """`fits` by the model's name; `failures`: why others have none."""

    fits: dict[str, Fit]
    failures: dict[str, str]

    def order(self, model: str) -> list[str]:
        """Names of the rated models, best first; empty where there is no fit."""
        if model not in self.fits:
            return []
        known = [rating for rating in self.fits[model].ratings if rating.estimate]
        return [rating.model for rating in sorted(known, key=lambda rating: -rating.estimate.value)]


def rate(votes: Selection) -> Rated:
    """Fit all."""
    battles, fits, failures = votes.battles(), {}, {}
    for model in MODELS:
        try:
            fits[model] = fit(battles, model)
        except NoEstimate as error:
            failures[model] = str(error)
    return Rated(fits, failures)

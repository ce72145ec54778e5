"""The ways in which a model is judged. Each module here but scorer.py holds one, under the name SCORER."""

import importlib
import pkgutil

from jobs.evaluation.scorers.scorer import NothingToScoreError, Part, Score, Scorer

_FOUND = [
    importlib.import_module(f"{__name__}.{module.name}").SCORER
    for module in pkgutil.iter_modules(__path__)
    if module.name != "scorer"
]
SCORERS: tuple[type[Scorer], ...] = tuple(sorted(_FOUND, key=lambda scorer: scorer.name != "loss"))
"""By name, but first what is looked at first."""

__all__ = ["SCORERS", "NothingToScoreError", "Part", "Score", "Scorer"]

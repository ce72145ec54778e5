"""Fit ratings: the maximum of a model's likelihood, with intervals.

In: `Battles` and the name of a model of votes. Out: `Fit`.
"""

import time
from dataclasses import replace

import numpy as np

from webapp.insights.ratings.battles import Battles
from webapp.insights.ratings.bradley_terry import BradleyTerry
from webapp.insights.ratings.covariance import clustered, model_based
from webapp.insights.ratings.davidson import Davidson
from webapp.insights.ratings.grouping import Grouped, group
from webapp.insights.ratings.identifiability import Identifiability, identifiability, listed
from webapp.insights.ratings.likelihood import Likelihood
from webapp.insights.ratings.newton import NoMinimum, minimise
from webapp.insights.ratings.predictor import Loss
from webapp.insights.ratings.rao_kupper import RaoKupper
from webapp.insights.ratings.result import CLUSTERED, MODEL_BASED, Estimate, Fit, Rating, estimate, quantile

MODELS: dict[str, Likelihood] = {model.name: model for model in (BradleyTerry(), RaoKupper(), Davidson())}
FEW_VOTERS = 10
"""With fewer people behind a model, its clustered interval is said to be rough."""


_ALIKE = 1e-9
"""Smallest eigenvalue of the information, scaled to a diagonal of ones, below which effects cannot be told apart."""


class NoEstimate(ValueError):
    """The votes leave no finite or no single estimate, because of covariates, sides or ties."""


def fit(
    battles: Battles,
    model: str = "bradley_terry",
    side_bias: bool = False,
    cluster: bool = True,
    confidence: float = 0.95,
) -> Fit:
    """Maximum likelihood on grouped counts.

    Intervals are estimate ± t × standard error. With voters known, the error is the sandwich's, clustered by voter,
    and t Student's with one degree of freedom fewer than there are voters; else, or with `cluster` off, the error is
    the model's own and t the normal quantile. A model judged by one person gets no clustered interval.

    Args:
        battles: the votes.
        model: `bradley_terry`, `rao_kupper` or `davidson`.
        side_bias: estimate how much the left side is preferred.
        cluster: whether to use the voters, where known.
        confidence: of the intervals, between 0 and 1.

    Raises:
        ValueError: no such model of votes.
        NoEstimate: see there; the message names models.
    """
    if model not in MODELS:
        raise ValueError(f"no model {model!r}: expected one of {', '.join(MODELS)}")
    began = time.perf_counter()
    everything = group(battles, side_bias)
    found = identifiability(battles.models, everything)
    if not len(found.rated):
        return _nothing_rated(battles, model, everything, found, time.perf_counter() - began)
    loss, notes = loss_for(everything.within(found.rated), MODELS[model])
    point = _minimum(loss, battles, found)
    estimated = time.perf_counter()
    fitted = Fit(
        model=model,
        ratings=(),
        side_bias=None,
        effects={},
        tie=loss.likelihood.tie_parameter(float(point[-1])) if loss.tied else {},
        log_loss=loss.without_anchor(point) / loss.grouped.counts.sum(),
        votes=int(loss.grouped.counts.sum()),
        intervals=MODEL_BASED,
        voters=None,
        warnings=(*found.warnings, *notes),
        seconds=estimated - began,
        seconds_intervals=0.0,
        covariance=np.zeros((loss.size, loss.size)),
    )
    fitted, unsure = _with_covariance(fitted, loss, point, battles, found, cluster)
    reach = quantile(fitted.voters, confidence)
    estimates = [estimate(*pair, reach) for pair in zip(point, np.diag(fitted.covariance), strict=True)]
    for position in np.flatnonzero(unsure):
        estimates[position] = estimates[position].without_interval()
    effects = dict(zip(battles.covariate_names, estimates[len(found.rated) + side_bias :], strict=False))
    return replace(
        fitted,
        ratings=_ratings(battles, everything, found, estimates),
        side_bias=estimates[len(found.rated)] if side_bias else None,
        effects=effects,
        seconds_intervals=time.perf_counter() - estimated,
    )


def loss_for(grouped: Grouped, likelihood: Likelihood) -> tuple[Loss, list[str]]:
    """The loss, and what must be said about it."""
    if likelihood.tie_start is None:
        return Loss(grouped, likelihood, tied=False), []
    if grouped.counts[:, 1].any():
        return Loss(grouped, likelihood, tied=True), []
    # As ties become rare, both ties models become Bradley-Terry, and their parameter has no finite logarithm.
    return Loss(grouped, MODELS["bradley_terry"], tied=False), ["no ties: the fit is Bradley-Terry's"]


def _minimum(loss: Loss, battles: Battles, found: Identifiability) -> np.ndarray:
    if loss.grouped.extras.shape[1]:
        _refuse_what_looks_alike(loss)
    try:
        return minimise(loss.value, loss.slopes, loss.start())[0]
    except NoMinimum as error:
        moving = np.abs(error.step) > 0.1
        names = np.array(battles.models, dtype=object)[found.rated[moving[: len(found.rated)]]]
        raise NoEstimate(
            f"{loss.likelihood.name}: no finite estimate, the votes are parted without exception"
            + (f" (ratings that run away: {listed(names)})" if len(names) else "")
            + ". More votes help, or a fit without side bias, covariates or ties model"
        ) from error


def _refuse_what_looks_alike(loss: Loss) -> None:
    """Raise where an effect cannot be told from the ratings or from another, however many votes there are."""
    information = loss.slopes(loss.start())[1]
    scale = np.sqrt(np.diag(information))
    if not scale.all() or np.linalg.eigvalsh(information / scale / scale[:, None])[0] < _ALIKE:
        raise NoEstimate(
            "side bias or covariates cannot be told from the models or from one another: show each pair of models on "
            "both sides, and leave out a covariate that is always zero or follows from the models or the others"
        )


def _with_covariance(
    fitted: Fit, loss: Loss, point: np.ndarray, battles: Battles, found: Identifiability, cluster: bool
) -> tuple[Fit, np.ndarray]:
    """With the covariance and what must be said about it; and which parameters get no interval, (p,) booleans."""
    unsure, warnings = np.zeros(loss.size, dtype=bool), list(fitted.warnings)
    if battles.voter is None or not cluster:
        if cluster:
            warnings.append("voters unknown: intervals take every vote as independent, too narrow if people vote often")
        return replace(fitted, covariance=model_based(loss, point), warnings=tuple(warnings)), unsure
    sandwich = clustered(loss, point, battles, found.rated)
    names = np.array(battles.models, dtype=object)[found.rated]
    alone, few = sandwich.voters_of < 2, sandwich.voters_of < FEW_VOTERS
    unsure[: len(names)], unsure[len(names) :] = alone, sandwich.voters < 2
    if alone.any():
        warnings.append(
            f"no interval, judged by one person: {listed(names[alone])}; the other intervals, around the common mean, "
            "leave that doubt out"
        )
    if (few & ~alone).any():
        warnings.append(f"rough intervals, judged by fewer than {FEW_VOTERS} people: {listed(names[few & ~alone])}")
    fitted = replace(fitted, covariance=sandwich.covariance, intervals=CLUSTERED, voters=sandwich.voters)
    return replace(fitted, warnings=tuple(warnings)), unsure


def _ratings(
    battles: Battles, everything: Grouped, found: Identifiability, estimates: list[Estimate]
) -> tuple[Rating, ...]:
    votes = everything.counts.sum(axis=1)
    by_model = np.bincount(everything.left, votes, everything.models)
    by_model += np.bincount(everything.right, votes, everything.models)
    of = dict(zip(found.rated.tolist(), estimates, strict=False))
    return tuple(
        Rating(name, int(by_model[position]), of.get(position), found.reasons[position])
        for position, name in enumerate(battles.models)
    )


def _nothing_rated(battles: Battles, model: str, everything: Grouped, found: Identifiability, seconds: float) -> Fit:
    return Fit(
        model=model,
        ratings=_ratings(battles, everything, found, []),
        side_bias=None,
        effects={},
        tie={},
        log_loss=None,
        votes=0,
        intervals=None,
        voters=None,
        warnings=found.warnings,
        seconds=seconds,
        seconds_intervals=0.0,
        covariance=np.zeros((0, 0)),
    )

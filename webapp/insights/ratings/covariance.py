"""How sure the estimates are: the model's own covariance, and the sandwich clustered by voter.

In: a fitted loss. Out: (p, p) covariance of the parameters, the ratings centred at mean zero.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from webapp.insights.ratings.battles import Battles, Outcome
from webapp.insights.ratings.grouping import cells
from webapp.insights.ratings.predictor import Loss

_ONE_THREAD, _MOST_BLOCKS = 9_000, 16
"""Right-hand sides × unknowns up to which OpenBLAS solves on one thread; and where threads are worth their price."""


@dataclass(frozen=True, eq=False)
class Clustered:
    """The sandwich and what it rests on."""

    covariance: np.ndarray
    voters: int
    voters_of: np.ndarray
    """(m,) people who voted on each model."""


def model_based(loss: Loss, point: np.ndarray) -> np.ndarray:
    """Inverse of the observed information: right if the model is, and if every vote is independent of the others."""
    covariance = _inverse(loss, point)
    models = loss.grouped.models
    covariance[:models, :models] -= 1 / (loss.anchor * models**2)  # what the anchor put in: it is no uncertainty
    return covariance


def clustered(loss: Loss, point: np.ndarray, battles: Battles, chosen: np.ndarray) -> Clustered:
    """The sandwich B⁻¹ M B⁻¹, M the sum over voters of the outer product of their summed scores, times V / (V - 1).

    P. J. Huber (1967) and H. White (1982) for the sandwich, K.-Y. Liang and S. L. Zeger (1986), Biometrika 73: 13-22,
    for clusters: however alike the votes of one person are, only persons need be independent.

    Args:
        loss: the fitted loss, over the models `chosen`.
        point: its minimum.
        battles: the votes that the loss was made from, with voters.
        chosen: (m,) positions in `battles.models` of the loss's models.
    """
    grouped, models = loss.grouped, loss.grouped.models
    slopes = loss.likelihood.slopes(*loss.predictor(point))
    cell, left, right, voter, count, covariates = _of_rated(battles, loss)
    if models < len(battles.models):
        number = np.zeros(len(battles.models), dtype=np.intp)
        number[chosen] = np.arange(models)
        left, right = number[left], number[right]
    push = _spread(loss, slopes.predictor)[cell]
    push = push if count is None else push * count
    people = int(voter.max()) + 1
    by_model = csr_array(
        (np.concatenate([push, -push]), (np.concatenate([voter, voter]), np.concatenate([left, right]))),
        shape=(people, models),
    )
    known = 0 if covariates is None else covariates.shape[1]
    columns = [np.bincount(voter, push, people)] * (grouped.extras.shape[1] - known)  # the side's column of ones
    columns += [np.bincount(voter, push * covariates[:, column], people) for column in range(known)]
    if loss.tied:
        by_tie = _spread(loss, slopes.tie)[cell]
        columns.append(np.bincount(voter, by_tie if count is None else by_tie * count, people))
    meat = np.empty((loss.size, loss.size))
    meat[:models, :models] = (by_model.T @ by_model).toarray()
    if columns:
        rest = np.stack(columns, axis=1)
        meat[:models, models:] = by_model.T @ rest
        meat[models:, :models] = meat[:models, models:].T
        meat[models:, models:] = rest.T @ rest
    voters = int(np.count_nonzero(np.bincount(voter)))
    bread = _inverse(loss, point)
    covariance = bread @ meat @ bread * (voters / max(1, voters - 1))
    return Clustered(covariance, voters, np.bincount(by_model.indices, minlength=models))


def _of_rated(battles: Battles, loss: Loss):
    """Cell, left, right, voter, count and covariates of the rows that are in the loss."""
    grouped = loss.grouped
    inside = np.zeros((grouped.slots, len(Outcome)), dtype=bool)
    inside[grouped.slot, : Outcome.BOTH_BAD] = True
    cell = cells(battles, grouped.situation)
    keep = inside.ravel()[cell]
    if battles.count is not None:
        keep &= battles.count > 0
    columns = (cell, battles.left, battles.right, battles.voter, battles.count, battles.covariates)
    if keep.all():
        return columns
    return tuple(None if column is None else column[keep] for column in columns)


def _spread(loss: Loss, values: np.ndarray) -> np.ndarray:
    """(rows, 3) values, by cell."""
    table = np.zeros((loss.grouped.slots, len(Outcome)))
    table[loss.grouped.slot, : Outcome.BOTH_BAD] = values
    return table.ravel()


def _inverse(loss: Loss, point: np.ndarray) -> np.ndarray:
    """In blocks of columns that OpenBLAS does not spread over threads, as in newton.py; the factors cost little."""
    hessian = loss.slopes(point)[1]
    blocks = min(_MOST_BLOCKS, -(-(loss.size**2) // _ONE_THREAD))
    return np.hstack([np.linalg.solve(hessian, block) for block in np.array_split(np.eye(loss.size), blocks, axis=1)])

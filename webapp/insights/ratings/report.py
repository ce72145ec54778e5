"""The report that `rate` prints: a file of battles, rated by all three models.

In: the file. Out: plain data for JSON. Every log-loss is in natural units per vote, over the votes that were fitted:
those between rated models, each row as often as its count says; both-bad votes are left out and counted. For
Bradley-Terry a vote for a side costs -ln P(that side), a tie the mean of -ln P(left) and -ln P(right). For Rao-Kupper
and Davidson every vote costs -ln P(its outcome), a tie being the third; so their figure does not compare with
Bradley-Terry's.
"""

import argparse
import pathlib
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from webapp.insights.ratings.agreement import agreement
from webapp.insights.ratings.battles import Battles, Outcome
from webapp.insights.ratings.fit import MODELS, NoEstimate, fit
from webapp.insights.ratings.reading import read
from webapp.insights.ratings.result import Estimate, Fit, Rating, elo
from webapp.insights.ratings.style import FIGURES

SCALE = "natural log-odds, mean 0 over the rated models; elo = 1000 + 400 / ln 10 × rating"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `manage.py rate` and `python -m webapp.insights.ratings` take."""
    parser.add_argument(
        "--votes", required=True, type=pathlib.Path, metavar="FILE", help="battles: .json, .jsonl, .csv or .parquet"
    )
    parser.add_argument("--side-bias", action="store_true", help="also estimate how much the left side is preferred")
    parser.add_argument(
        "--style",
        nargs="+",
        choices=FIGURES,
        default=[],
        help="hold these of the replies equal, and estimate how much they sway: what is longer may seem better",
    )


def report(path: pathlib.Path, side_bias: bool = False, style: Sequence[str] = ()) -> dict:
    """Read, fit and describe.

    Raises:
        BadBattles: the file cannot be used.
    """
    battles = read(path, style)
    return {
        "file": str(path),
        "votes": battles.votes,
        "both_bad": battles.both_bad,
        "voters": battles.voters,
        "models": len(battles.models),
        "agreement": _agreement(battles),
        "scale": SCALE,
    } | {model: _fitted(battles, model, side_bias) for model in MODELS}


def _fitted(battles: Battles, model: str, side_bias: bool) -> dict:
    try:
        found = fit(battles, model, side_bias)
    except NoEstimate as error:
        return {"ratings": None, "log_loss": None, "warnings": [str(error)]}
    side = {"side_bias": _estimate(found.side_bias)} if side_bias else {}
    style = {"style": {name: _estimate(effect) for name, effect in found.effects.items()}} if found.effects else {}
    return _described(found) | side | style


def _agreement(battles: Battles) -> dict | None:
    """Of the battles that several people judged; None where the file does not say who judged what, vote by vote."""
    if battles.battle is None or battles.voter is None or battles.count is not None:
        return None
    person = battles.battle * (battles.voter.max(initial=0) + 1) + battles.voter
    _, firsts = np.unique(person, return_index=True)  # a person's further votes on the same are no second opinion
    sides = {Outcome.LEFT: battles.left, Outcome.RIGHT: battles.right}
    chosen = np.select([battles.outcome == side for side in sides], list(sides.values()), -1 - battles.outcome)
    return asdict(agreement(battles.battle[firsts], chosen[firsts]))


def _described(found: Fit) -> dict:
    order = sorted(found.ratings, key=lambda one: (one.estimate is None, -one.estimate.value if one.estimate else 0.0))
    return {
        "ratings": [_rating(rating) for rating in order],
        "intervals": found.intervals,
        "tie": found.tie,
        "log_loss": found.log_loss,
        "log_loss_votes": found.votes,
        "seconds": found.seconds,
        "seconds_intervals": found.seconds_intervals,
        "warnings": list(found.warnings),
    }


def _rating(rating: Rating) -> dict:
    described = {"model": rating.model, "votes": rating.votes} | _estimate(rating.estimate, "rating")
    known = rating.estimate
    for name, value in (("elo", "value"), ("elo_low", "low"), ("elo_high", "high")):
        number = getattr(known, value) if known else None
        described[name] = None if number is None else elo(number)
    return described | {"reason": rating.reason}


def _estimate(estimate: Estimate | None, name: str = "value") -> dict:
    if estimate is None:
        return dict.fromkeys((name, "low", "high", "standard_error"))
    return {
        name: estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "standard_error": estimate.standard_error,
    }

"""Who meets whom, and on which side: drawn by the server, from the system's source of randomness.

In: what the engine serves, how often each kind of meeting is wanted, how the votes stand. Out: the names to ask, left
and right. One part of the draws follows the weights alone; the others go where the next vote says most.
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from webapp.arena.engine import EngineFault, ServedPair

ACTIVE = 0.5
"""Share of the draws that is steered; in the others no pair starves."""


CERTAIN = 6.0
"""Standard deviations beyond which all orders are equally certain: no pair's next vote is worth nothing."""


class Meeting(StrEnum):
    """Kinds of meetings; stable is the version that an adapter's name stands for, a candidate one on trial, other any
    further one loaded. Where nothing is stable yet, the base stands for it against a candidate.
    """

    BASE_STABLE = "base-stable"
    STABLE_CANDIDATE = "stable-candidate"
    STABLE_OTHER = "stable-other"
    BASE_OTHER = "base-other"


@dataclass(frozen=True)
class Pair:
    """Two that can meet: names to ask the engine for, and the names under which their votes are counted."""

    kind: Meeting
    asked: tuple[str, str]
    models: tuple[str, str]


@dataclass(frozen=True)
class Standing:
    """The votes so far between two models: how many prefer one or call it a tie, and the wins of one of them."""

    votes: int = 0
    wins: float = 0.0
    """A tie is half a win. Of which of the two does not matter."""


@dataclass(frozen=True)
class Draw:
    """The names to ask, by the side their replies stand on."""

    left: str
    right: str
    pair: str
    """The kind of meeting, e.g. `base-stable`."""


def draw(
    served: Sequence[ServedPair], weights: Mapping[str, float], standings: Mapping[frozenset[str], Standing]
) -> Draw:
    """One meeting, each of its two left or right with equal chance. Nothing of it may reach a browser before the vote.

    Args:
        weights: kind of meeting to how often it is wanted; only the ratios of those that are possible now count.
        standings: by the two models' names; a pair that is not in it has no votes yet.

    Raises:
        EngineFault: `no_pair`, no meeting that is wanted is possible.
    """
    chances = chances_of(served, weights, standings)
    if not chances:
        raise EngineFault("no_pair", f"wanted: {dict(weights)}; served: {served}")
    chance = secrets.SystemRandom()
    (pair,) = chance.choices(list(chances), list(chances.values()))
    sides = list(pair.asked)
    chance.shuffle(sides)
    return Draw(*sides, pair=pair.kind)


def chances_of(
    served: Sequence[ServedPair], weights: Mapping[str, float], standings: Mapping[frozenset[str], Standing]
) -> dict[Pair, float]:
    """How likely each wanted pair is drawn; they add up to 1, or there are none.

    A kind's weight is shared evenly by its pairs. In the steered draws a pair's share is multiplied by `worth` of its
    next vote.
    """
    possible = [pair for pair in pairs_of(served) if weights.get(pair.kind, 0) > 0]
    kinds = [pair.kind for pair in possible]
    shares = [weights[kind] / kinds.count(kind) for kind in kinds]
    steered = [
        share * worth(standings.get(frozenset(pair.models), Standing()))
        for share, pair in zip(shares, possible, strict=True)
    ]
    mixed = (
        ACTIVE * toward / sum(steered) + (1 - ACTIVE) * share / sum(shares)
        for toward, share in zip(steered, shares, strict=True)
    )
    return dict(zip(possible, mixed, strict=True))


def worth(standing: Standing) -> float:
    """What one more vote says about the order of two models: how much it narrows the interval of the win rate, where
    that is likely to be on the wrong side of one half.

    The first factor is Chatbot Arena's rule of active sampling, sqrt(var/n) - sqrt(var/(n+1)) (Chiang et al. 2024,
    arXiv 2403.04132); the second is twice the normal chance that the order is not what it seems. One win and one loss
    are added, so that a pair without votes is worth most.
    """
    votes = standing.votes + 2
    rate = (standing.wins + 1) / votes
    variance = rate * (1 - rate)
    narrows = math.sqrt(variance / votes) - math.sqrt(variance / (votes + 1))
    deviations = abs(rate - 0.5) / math.sqrt(variance / votes)
    return narrows * math.erfc(min(deviations, CERTAIN) / math.sqrt(2))


def pairs_of(served: Sequence[ServedPair]) -> list[Pair]:
    """All pairs that can meet now."""
    found = []
    for one in served:
        if one.adapter and one.stable:
            found.append(Pair(Meeting.BASE_STABLE, (one.base, one.adapter), (one.base, one.stable)))
            found += [_by_version(Meeting.STABLE_OTHER, one.stable, other) for other in one.others]
        found += [_by_version(Meeting.STABLE_CANDIDATE, one.stable or one.base, each) for each in one.candidates]
        found += [_by_version(Meeting.BASE_OTHER, one.base, other) for other in (*one.candidates, *one.others)]
    return found


def _by_version(kind: Meeting, one: str, other: str) -> Pair:
    return Pair(kind, (one, other), (one, other))

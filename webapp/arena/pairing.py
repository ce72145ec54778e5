"""Who meets whom, and on which side: drawn by the server, from the system's source of randomness.

In: what the engine serves, and how often each kind of meeting is wanted. Out: the names to ask, left and right.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from webapp.arena.engine import EngineFault, ServedPair


class Meeting(StrEnum):
    """Kinds of meetings; stable is the version that an adapter's name stands for, other any further one loaded."""

    BASE_STABLE = "base-stable"
    STABLE_OTHER = "stable-other"
    BASE_OTHER = "base-other"


@dataclass(frozen=True)
class Draw:
    """The names to ask, by the side their replies stand on."""

    left: str
    right: str
    pair: str
    """The kind of meeting, e.g. `base-stable`."""


def draw(pairs: Sequence[ServedPair], weights: Mapping[str, float]) -> Draw:
    """One meeting, each of its two left or right with equal chance. Nothing of it may reach a browser before the vote.

    Args:
        weights: kind of meeting to how often it is wanted; only the ratios of those that are possible now count.

    Raises:
        EngineFault: `no_pair`, no meeting that is wanted is possible.
    """
    possible = {kind: found for kind, found in meetings(pairs).items() if found and weights.get(kind, 0) > 0}
    if not possible:
        raise EngineFault("no_pair", f"wanted: {dict(weights)}; served: {pairs}")
    chance = secrets.SystemRandom()
    (kind,) = chance.choices(list(possible), [weights[kind] for kind in possible])
    sides = list(chance.choice(possible[kind]))  # sampling towards uncertain pairs would choose here
    chance.shuffle(sides)
    return Draw(*sides, pair=kind)


def meetings(pairs: Sequence[ServedPair]) -> dict[Meeting, list[tuple[str, str]]]:
    """All meetings that are possible now, by kind, as pairs of names to ask the engine for."""
    return {
        Meeting.BASE_STABLE: [(pair.base, pair.adapter) for pair in pairs],
        Meeting.STABLE_OTHER: [(pair.stable, other) for pair in pairs for other in pair.others],
        Meeting.BASE_OTHER: [(pair.base, other) for pair in pairs for other in pair.others],
    }

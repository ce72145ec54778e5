"""Who meets whom, and on which side: drawn by the server, from the system's source of randomness."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.arena.engine import ServedPair

BASE_STABLE = "base-stable"
"""A base model and the version of an adapter that its alias stands for."""


@dataclass(frozen=True)
class Draw:
    """The names to ask, by the side their replies stand on."""

    left: str
    right: str
    pair: str
    """The kind of meeting, e.g. `base-stable`."""


def draw(pairs: Sequence[ServedPair]) -> Draw:
    """One of `pairs`, its base left or right with equal chance. Nothing of it may reach a browser before the vote."""
    pair = secrets.choice(pairs)
    sides = [pair.base, pair.adapter]
    if secrets.randbelow(2):
        sides.reverse()
    return Draw(*sides, pair=BASE_STABLE)

"""Who meets whom, and on which side: drawn by the server, from the system's source of randomness."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.arena.engine import ServedPair


@dataclass(frozen=True)
class Draw:
    """The names to ask, by the side their replies stand on."""

    left: str
    right: str


def draw(pairs: Sequence[ServedPair]) -> Draw:
    """One of `pairs`, its base left or right with equal chance. Nothing of it may reach a browser before the vote."""
    pair = secrets.choice(pairs)
    sides = [pair.base, pair.adapter]
    if secrets.randbelow(2):
        sides.reverse()
    return Draw(*sides)

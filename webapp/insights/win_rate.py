"""Win rates with their uncertainty: plain arithmetic on counts, no Django inside.

In: how often which choice fell for which pair of models. Out: frozen results. A tie is half a win for each;
"both bad" says that neither should have won, so it stands apart and enters no rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from scipy.special import ndtri


@dataclass(frozen=True)
class Interval:
    """A confidence interval for a share, 0 ≤ low ≤ high ≤ 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Count:
    """So many votes for `choice` (left, right, tie, bothbad) where these two stood left and right."""

    left: str
    right: str
    choice: str
    votes: int


@dataclass(frozen=True)
class Record:
    """How an adapter did against its base. `rate` and `interval` are None until a vote decides something."""

    adapter: str
    base: str
    wins: int
    losses: int
    ties: int
    bothbad: int
    rate: float | None
    interval: Interval | None

    @property
    def votes(self) -> int:
        """All votes of the pair."""
        return self.wins + self.losses + self.ties + self.bothbad


def wilson(successes: float, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval, without continuity correction.

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22: 209-212;
    method 3 of R. G. Newcombe (1998), Statistics in Medicine 17: 857-872.

    Args:
        successes: 0 to `trials`; may be a half-integer where ties count half.
        trials: at least 1.
        confidence: between 0 and 1.

    Raises:
        ValueError: an argument is out of its range.
    """
    if trials < 1 or not 0 <= successes <= trials or not 0 < confidence < 1:
        raise ValueError(f"no interval for {successes} of {trials} at {confidence}")
    z = float(ndtri((1 + confidence) / 2))
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return Interval(low=max(0.0, (centre - spread) / scale), high=min(1.0, (centre + spread) / scale))


def records(counts: Iterable[Count]) -> list[Record]:
    """One record for every adapter version that met a base, by name.

    Sides are folded together. An adapter is known by the `@` in its name; pairs of two adapters are left out.
    """
    tallies: dict[tuple[str, str], dict[str, int]] = {}
    for count in counts:
        on_left = "@" in count.left
        if on_left == ("@" in count.right):
            continue
        pair = (count.left, count.right) if on_left else (count.right, count.left)
        outcome = _outcome(count.choice, "left" if on_left else "right")
        tally = tallies.setdefault(pair, {"wins": 0, "losses": 0, "ties": 0, "bothbad": 0})
        tally[outcome] += count.votes
    return [_record(adapter, base, tally) for (adapter, base), tally in sorted(tallies.items())]


def _outcome(choice: str, adapter_side: str) -> str:
    if choice in ("left", "right"):
        return "wins" if choice == adapter_side else "losses"
    return {"tie": "ties", "bothbad": "bothbad"}[choice]


def _record(adapter: str, base: str, tally: dict[str, int]) -> Record:
    decided = tally["wins"] + tally["losses"] + tally["ties"]
    points = tally["wins"] + tally["ties"] / 2
    return Record(
        adapter=adapter,
        base=base,
        **tally,
        rate=points / decided if decided else None,
        interval=wilson(points, decided) if decided else None,
    )
